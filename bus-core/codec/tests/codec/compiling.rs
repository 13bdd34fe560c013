//! Which writer schemas are refused, and in which words.

use barid_codec::Walk;
use serde_json::{Value, json};

use crate::schemas;

#[track_caller]
fn check(schema: &Value, expected: &str) {
    assert_eq!(Walk::compile(&schema.to_string()).unwrap_err().to_string(), expected);
}

#[track_caller]
fn check_field(name: &str, kind: Value, expected: &str) {
    check(&schemas::with_field(name, json!({"name": name, "type": kind})), expected);
}

#[track_caller]
fn check_added(field: Value, expected: &str) {
    let mut schema = schemas::ours();
    schemas::fields(&mut schema).push(field);
    check(&schema, expected);
}

#[test]
fn our_own_schema_and_its_neighbours_compile() {
    for writer in schemas::all() {
        Walk::compile(&writer.avsc).unwrap();
    }
}

#[test]
fn another_record_is_no_case_event() {
    check(&json!("string"), "the schema is not a record `ir.barid.CaseEvent`");
    let mut schema = schemas::ours();
    schema["namespace"] = json!("org.example");
    check(&schema, "the schema is not a record `ir.barid.CaseEvent`");
    assert!(Walk::compile("{").unwrap_err().to_string().starts_with("the schema cannot be read: "));
}

#[test]
fn what_routing_needs_must_be_there() {
    for name in [
        "event_id",
        "corr_id",
        "publisher",
        "service_code",
        "status_to",
        "occurred_at",
        "utc_offset_minutes",
        "precision",
        "view",
    ] {
        let mut schema = schemas::ours();
        let fields = schemas::fields(&mut schema);
        fields.retain(|field| field["name"] != name);
        check(&schema, &format!("the schema has no field `{name}`"));
    }
}

#[test]
fn what_routing_needs_must_be_of_its_type() {
    check_field("event_id", json!("bytes"), "field `event_id` must be a string");
    check_field("publisher", json!(["null", "string"]), "field `publisher` must be a string");
    check_field("county", json!("string"), "field `county` must be a union of null and string");
    check_field("status_from", json!(["null", "long"]), "field `status_from` must be a union of null and string");
    check_field("occurred_at", json!("int"), "field `occurred_at` must be a long of milliseconds");
    let micros = json!({"type": "long", "logicalType": "timestamp-micros"});
    check_field("occurred_at", micros, "field `occurred_at` must be a long of milliseconds");
    check_field("utc_offset_minutes", json!("long"), "field `utc_offset_minutes` must be an int");
    let view = json!({"type": "enum", "name": "View", "symbols": ["exact", "rough"]});
    check_field("view", view, "field `view` must be an enum with the symbols `exact` and `coarse`");
    let bare = json!({"type": "record", "name": "Money", "fields": []});
    check_field("money", bare, "field `money` must be a union of null and a record");
    check_field("money", json!(["null", "string"]), "field `money` must be a union of null and a record");
    let decision = json!(["null", {"type": "record", "name": "Decision", "fields": [
        {"name": "decision_date", "type": "int", "default": 0}]}]);
    check_field("decision", decision, "field `decision.decision_date` must be a union of null and date");
}

#[test]
fn a_type_that_contains_itself_is_refused() {
    let list = json!(["null", {"type": "record", "name": "Link", "fields": [
        {"name": "next", "type": ["null", "Link"], "default": null}]}]);
    check_added(json!({"name": "chain", "type": list, "default": null}), "type `ir.barid.Link` contains itself");
    let events = json!({"type": "array", "items": "CaseEvent"});
    check_added(json!({"name": "events", "type": events, "default": []}), "type `ir.barid.CaseEvent` contains itself");
}

#[test]
fn types_nested_too_deeply_are_refused() {
    let deep = (0..50).fold(json!("int"), |inner, _| json!({"type": "array", "items": inner}));
    check_added(
        json!({"name": "deep", "type": deep, "default": []}),
        "types are nested deeper than 48 levels at `deep`",
    );
}

#[test]
fn a_field_that_cannot_be_left_out_is_refused() {
    let expected = "field `priority` can neither be null nor has it a default, so it cannot be withheld";
    check_added(json!({"name": "priority", "type": "int"}), expected);
}

#[test]
fn more_fields_than_spans_have_places_are_refused() {
    let mut schema = schemas::ours();
    let fields = schemas::fields(&mut schema);
    while fields.len() < 64 {
        fields.push(json!({"name": format!("extra{}", fields.len()), "type": ["null", "int"], "default": null}));
    }
    Walk::compile(&schema.to_string()).unwrap();
    schemas::fields(&mut schema).push(json!({"name": "last", "type": ["null", "int"], "default": null}));
    check(&schema, "the record has 65 fields, at most 64 can be walked");
}
