//! What may change from one version of a schema to a later one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Report;
use super::shape::{fields, name};
use crate::case_event;
use crate::released::Released;

/// Compares the fields of the record with those of a released version.
pub(super) fn check(report: &mut Report<'_>, full_name: &str, schema: &Value, released: &Released) {
    let version = released.version;
    // A version that is not JSON has already been told by the check of compatibility.
    let Ok(old) = serde_json::from_str::<Value>(released.avsc) else { return };
    let old_names: Vec<&str> = fields(&old).iter().map(name).collect();
    let new_names: Vec<&str> = fields(schema).iter().map(name).collect();
    let known: BTreeSet<&str> = old_names.iter().copied().collect();

    for removed in old_names.iter().filter(|name| !new_names.contains(name)) {
        report.cured(
            "",
            format!("field `{removed}` of version {version} is gone"),
            "fields are neither removed nor renamed: put it back in its place",
        );
    }
    let last_known = new_names.iter().rposition(|name| known.contains(name));
    for inserted in new_names.iter().take(last_known.unwrap_or(0)).filter(|name| !known.contains(*name)) {
        report.cured(
            inserted,
            format!("field `{inserted}` stands before fields of version {version}"),
            "move it to the end",
        );
    }
    let kept_old = old_names.iter().filter(|name| new_names.contains(name));
    let kept_new = new_names.iter().filter(|name| known.contains(*name));
    if let Some((before, now)) = kept_old.zip(kept_new).find(|(before, now)| before != now) {
        report.cured(
            now,
            format!("field `{now}` stands where version {version} has `{before}`"),
            "the order of fields is fixed: move it back",
        );
    }
    for field in fields(schema) {
        let name = name(field);
        match fields(&old).iter().find(|old| self::name(old) == name) {
            Some(old) => check_closed(report, name, old, field, version),
            None => check_new(report, full_name, name, field),
        }
    }
}

/// A field keeps its type for ever: a group is closed, and a router that knows the old type reads the new one.
fn check_closed(report: &mut Report<'_>, name: &str, old: &Value, new: &Value, version: u32) {
    let is_same = without_docs(&old["type"]) == without_docs(&new["type"]) && old.get("default") == new.get("default");
    if !is_same {
        report.cured(
            name,
            format!("field `{name}` is not as in version {version}, and what is released is closed"),
            "put it back; new data is a new group or field at the end",
        );
    }
}

fn check_new(report: &mut Report<'_>, full_name: &str, name: &str, field: &Value) {
    let value_type = match field["type"].as_array().map(Vec::as_slice) {
        Some([null, value_type]) if null == "null" => value_type,
        _ => {
            let cure = "write \"type\": [\"null\", …], \"default\": null";
            return report.cured(name, format!("new field `{name}` is not nullable"), cure);
        }
    };
    if full_name == case_event::FULL_NAME && value_type["type"] != "record" {
        report.cured(
            name,
            format!("new field `{name}` is not a group"),
            "new data of the event is a nullable record, so that a permit gives or withholds it",
        );
    }
}

/// Words for people may be improved at any time.
fn without_docs(schema: &Value) -> Value {
    match schema {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| *key != "doc")
            .map(|(key, value)| (key.clone(), without_docs(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_docs).collect(),
        other => other.clone(),
    }
}
