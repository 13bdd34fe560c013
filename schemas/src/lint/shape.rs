//! What a schema has to be like, whatever came before it.

use serde_json::Value;

use super::Report;

/// Walks the whole schema and notes the lines of its fields on the way.
pub(super) fn check(report: &mut Report<'_>, full_name: &str, schema: &Value) {
    let name = schema["name"].as_str().unwrap_or_default();
    let found = match schema["namespace"].as_str() {
        Some(namespace) => format!("{namespace}.{name}"),
        None => name.to_owned(),
    };
    report.locate("", name);
    if schema["type"] != "record" || found != full_name {
        report.add("", format!("it has to be the record `{full_name}`, but is `{found}`"));
    }
    check_record(report, "", schema);
}

fn check_record(report: &mut Report<'_>, path: &str, record: &Value) {
    check_aliases(report, path, record);
    for field in fields(record) {
        let name = name(field);
        let path = join(path, name);
        report.locate(&path, name);
        check_aliases(report, &path, field);
        if field["doc"].as_str().is_none_or(|doc| doc.trim().is_empty()) {
            report.cured(&path, format!("field `{path}` has no doc"), "say what it means, its unit and who fills it");
        }
        let is_nullable = field["type"].as_array().is_some_and(|branches| branches.first() == Some(&"null".into()));
        if is_nullable && field.get("default") != Some(&Value::Null) {
            let cure = "write \"default\": null";
            report.cured(&path, format!("nullable field `{path}` has not null as its default"), cure);
        }
        check_type(report, &path, &field["type"]);
    }
}

fn check_type(report: &mut Report<'_>, path: &str, schema: &Value) {
    match schema {
        Value::Array(branches) => {
            let null = Value::from("null");
            if branches.first() != Some(&null) {
                report.cured(
                    path,
                    format!("null is not the first branch of the union `{path}`"),
                    "write [\"null\", …]",
                );
            } else if branches.len() != 2 || branches[1] == null {
                report.add(path, format!("union `{path}` has to be of null and one other type"));
            }
            for branch in branches {
                check_type(report, path, branch);
            }
        }
        Value::Object(_) => match schema["type"].as_str() {
            Some("record") => {
                // The name of the record stands before those of its fields; passing it keeps the lines right.
                check_record(report, path, schema);
            }
            Some("array") => check_type(report, path, &schema["items"]),
            Some("map") => check_type(report, path, &schema["values"]),
            _ => check_aliases(report, path, schema),
        },
        _ => {}
    }
}

fn check_aliases(report: &mut Report<'_>, path: &str, part: &Value) {
    if part.get("aliases").is_some() {
        let what = if path.is_empty() { name(part) } else { path }.to_owned();
        report.cured(path, format!("`{what}` has aliases"), "nothing is renamed: add a new name at the end");
    }
}

pub(super) fn fields(record: &Value) -> &[Value] {
    record["fields"].as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn name(part: &Value) -> &str {
    part["name"].as_str().unwrap_or_default()
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
