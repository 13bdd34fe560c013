use super::*;
use crate::case_event::{AVSC, FULL_NAME};

const EVENT_FILE: &str = "case_event.avsc";

/// The mistakes of the case event's schema in which `wrong` stands for the first `right`.
fn mistakes(right: &str, wrong: &str) -> Vec<String> {
    assert!(AVSC.contains(right), "{right}");
    found(&AVSC.replacen(right, wrong, 1))
}

fn found(avsc: &str) -> Vec<String> {
    match check(FULL_NAME, EVENT_FILE, avsc, crate::released::case_event_versions()) {
        Ok(()) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// The text of the field with this name on the highest level.
fn field(name: &str) -> &'static str {
    let start = AVSC.find(&format!("    {{\n      \"name\": \"{name}\"")).expect("the field is there");
    let end = start + AVSC[start..].find("\n    }").expect("the field ends") + "\n    }".len();
    &AVSC[start..end]
}

fn line_of_field(name: &str) -> u32 {
    let offset = AVSC.find(field(name)).expect("the field is there");
    barid_mistake::line_of(AVSC, offset) + 1
}

#[track_caller]
fn assert_told(mistakes: &[String], expected: &str) {
    assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "`{expected}` is not in {mistakes:#?}");
}

#[test]
fn the_schemas_of_the_project_keep_all_rules() {
    if let Err(mistakes) = check_all() {
        panic!("{mistakes}");
    }
}

#[test]
fn every_record_has_a_released_version_and_the_folder_holds_no_other() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut on_disk = std::collections::BTreeSet::new();
    for record in std::fs::read_dir(folder.join("released")).expect("the folder is there") {
        let record = record.expect("the folder can be read");
        for version in std::fs::read_dir(record.path()).expect("the folder is there") {
            let version = version.expect("the folder can be read");
            let name = |entry: &std::fs::DirEntry| entry.file_name().into_string().expect("names are UTF-8");
            on_disk.insert(format!("{}/{}", name(&record), name(&version)));
        }
    }
    let in_table: std::collections::BTreeSet<_> = crate::released::RELEASED
        .iter()
        .flat_map(|(file, versions)| versions.iter().map(move |released| format!("{file}/v{}.avsc", released.version)))
        .collect();
    assert_eq!(on_disk, in_table);
    for (full_name, _) in records::all() {
        assert!(!released(full_name).is_empty(), "{full_name} has no released version");
    }
}

#[test]
fn a_better_doc_and_a_new_group_at_the_end_are_allowed() {
    assert_eq!(mistakes("Names this event.", "Names the event."), [""; 0]);
    let group = r#"    },
    {
      "name": "livestock",
      "doc": "Group X, livestock.",
      "type": ["null", { "type": "record", "name": "Livestock", "fields": [
        { "name": "heads", "doc": "Number of animals.", "type": ["null", "int"], "default": null }
      ] }],
      "default": null
    }
  ]
}
"#;
    let text = AVSC.strip_suffix("    }\n  ]\n}\n").expect("the schema ends as it is written");
    assert_eq!(found(&format!("{text}{group}")), [""; 0]);
}

#[test]
fn a_new_envelope_field_is_refused_because_no_permit_could_withhold_it() {
    let text = AVSC.strip_suffix("\n  ]\n}\n").expect("the schema ends as it is written");
    let extra = r#",
    { "name": "extra", "doc": "More.", "type": ["null", "string"], "default": null }
  ]
}
"#;
    let line = barid_mistake::line_of(AVSC, text.len()) + 1;
    assert_eq!(
        found(&format!("{text}{extra}")),
        [format!(
            "case_event.avsc:{line}: new field `extra` is not a group\n  \
             cure: new data of the event is a nullable record, so that a permit gives or withholds it"
        )]
    );
}

#[test]
fn another_record_may_get_a_nullable_field_at_the_end_but_no_other() {
    let (full_name, avsc) = records::all()[10];
    let text = avsc.strip_suffix("\n  ]\n}\n").expect("the schema ends as it is written");
    let with = |field: &str| check(full_name, "notice.avsc", &format!("{text},\n{field}\n]}}"), released(full_name));
    assert_eq!(with(r#"{ "name": "x", "doc": "X.", "type": ["null", "string"], "default": null }"#), Ok(()));
    let mistakes = with(r#"{ "name": "x", "doc": "X.", "type": "string", "default": "" }"#).expect_err("it is refused");
    assert_told(&[mistakes.to_string()], "new field `x` is not nullable");
}

#[test]
fn a_change_that_is_not_full_transitive_is_refused() {
    let told = mistakes(r#""type": { "type": "string", "logicalType": "uuid" }"#, r#""type": "boolean""#);
    assert_told(&told, "it cannot read what version 1 wrote");
    assert_told(&told, "version 1 cannot read what it writes");
    let told = mistakes(r#"["exact", "coarse"]"#, r#"["exact", "coarse", "blurred"]"#);
    assert_told(&told, "version 1 cannot read what it writes: some values have no place");
}

#[test]
fn a_change_is_judged_against_every_released_version_and_not_the_last_alone() {
    let first = r#"{ "type": "record", "name": "R", "namespace": "n", "fields": [
        { "name": "a", "doc": "A.", "type": "string" }] }"#;
    let second = r#"{ "type": "record", "name": "R", "namespace": "n", "fields": [] }"#;
    let versions = [Released { version: 1, avsc: first }, Released { version: 2, avsc: second }];
    let mistakes = check("n.R", "r.avsc", second, &versions).expect_err("version 1 is lost").to_string();
    assert!(mistakes.contains("version 1 cannot read what it writes"), "{mistakes}");
    assert!(mistakes.contains("field `a` of version 1 is gone"), "{mistakes}");
}

#[test]
fn a_union_without_null_first_is_refused() {
    let told = mistakes(
        "\"type\": [\"null\", \"string\"],\n      \"default\": null",
        "\"type\": [\"string\", \"null\"],\n      \"default\": \"\"",
    );
    let line = line_of_field("county");
    assert_told(&told, &format!("case_event.avsc:{line}: null is not the first branch of the union `county`"));
}

#[test]
fn a_union_of_more_than_null_and_one_type_is_refused() {
    let told = mistakes(r#"["null", "string"]"#, r#"["null", "string", "long"]"#);
    assert_told(&told, "union `county` has to be of null and one other type");
}

#[test]
fn a_nullable_field_without_null_as_its_default_is_refused() {
    let told = mistakes(
        r#"["null", "string"],
      "default": null"#,
        r#"["null", "string"]"#,
    );
    assert_told(&told, "nullable field `county` has not null as its default");
}

#[test]
fn a_moved_field_is_refused() {
    let (first, second) = (field("event_id"), field("corr_id"));
    let told = found(&AVSC.replacen(&format!("{first},\n{second}"), &format!("{second},\n{first}"), 1));
    assert_eq!(
        told,
        ["case_event.avsc:8: field `corr_id` stands where version 1 has `event_id`\n  \
          cure: the order of fields is fixed: move it back"]
    );
}

#[test]
fn an_inserted_field_is_refused() {
    let group = r#"{ "name": "early", "doc": "Early.", "default": null,
      "type": ["null", { "type": "record", "name": "Early", "fields": [] }] },
    { "name": "event_id""#;
    let told = found(&AVSC.replacen("{\n      \"name\": \"event_id\"", group, 1));
    assert_eq!(
        told,
        ["case_event.avsc:7: field `early` stands before fields of version 1\n  cure: move it to the end"]
    );
}

#[test]
fn a_removed_or_renamed_field_is_refused() {
    let told = found(&AVSC.replacen(&format!("{},\n", field("letter_no")), "", 1));
    assert_told(&told, "field `letter_no` of version 1 is gone");
    let told = mistakes(r#""name": "letter_no""#, r#""name": "letter_number""#);
    assert_told(&told, "field `letter_no` of version 1 is gone");
    assert_told(&told, "field `letter_number` stands before fields of version 1");
}

#[test]
fn aliases_are_refused_on_records_fields_and_enums() {
    for (right, wrong, name) in [
        (r#""name": "CaseEvent","#, r#""name": "CaseEvent", "aliases": ["X"],"#, "CaseEvent"),
        (r#""name": "county","#, r#""name": "county", "aliases": ["x"],"#, "county"),
        (r#""name": "Money","#, r#""name": "Money", "aliases": ["X"],"#, "money"),
        (r#""name": "View","#, r#""name": "View", "aliases": ["X"],"#, "view"),
    ] {
        assert_told(&mistakes(right, wrong), &format!("`{name}` has aliases"));
    }
}

#[test]
fn a_field_without_a_doc_is_refused_at_every_depth() {
    let told = mistakes(r#""doc": "What the paper is, such as `certificate`. Filled by the connector.","#, "");
    assert_told(&told, "field `attachments.attachments.kind` has no doc");
    let told = mistakes("\"doc\": \"Amount in rial", "\"doc\": \" \", \"was\": \"Amount in rial");
    assert_told(&told, "field `money.amount_rial` has no doc");
}

#[test]
fn a_group_is_closed_in_every_way() {
    let closed = |name: &str| format!("field `{name}` is not as in version 1, and what is released is closed");
    // A new member, which FULL_TRANSITIVE would allow.
    let member = r#"{ "name": "currency", "doc": "C.", "type": ["null", "string"], "default": null },
            { "name": "amount_rial","#;
    let right = AVSC.find("\"name\": \"amount_rial\",").expect("the field is there");
    let start = AVSC[..right].rfind('{').expect("the field begins");
    let text = format!("{}{member}{}", &AVSC[..start], &AVSC[right + "\"name\": \"amount_rial\",".len()..]);
    assert_eq!(found(&text).len(), 1, "only the lint refuses it");
    assert_told(&found(&text), &closed("money"));
    // A wider number and another name of the record.
    assert_told(
        &mistakes(r#""name": "UTM""#.replace("UTM", "Parcel").as_str(), r#""name": "Plot""#),
        &closed("parcel"),
    );
    assert_told(&mistakes(r#""type": "int""#, r#""type": "long""#), &closed("utc_offset_minutes"));
}

#[test]
fn a_record_of_another_name_is_refused() {
    assert_told(
        &mistakes(r#""name": "CaseEvent""#, r#""name": "Event""#),
        "it has to be the record `ir.barid.CaseEvent`",
    );
}

#[test]
fn what_is_no_schema_is_refused_with_its_line() {
    assert_told(&found("{\n  \"type\": \n}"), "case_event.avsc:3: not JSON");
    assert_told(&mistakes(r#""type": "int""#, r#""type": "integer""#), "not an Avro schema");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = AVSC
        .replacen(r#""name": "letter_no""#, r#""name": "letter_number""#, 1)
        .replacen(r#""name": "Money","#, r#""name": "Money", "aliases": ["X"],"#, 1)
        .replacen("\"doc\": \"Amount in rial", "\"doc\": \"\", \"was\": \"Amount in rial", 1);
    let told = found(&text);
    for expected in ["`letter_no` of version 1 is gone", "`money` has aliases", "`money.amount_rial` has no doc"] {
        assert_told(&told, expected);
    }
}
