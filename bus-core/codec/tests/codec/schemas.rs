//! Writer schemas of the case event: ours, an older one, a newer one, and one that turns every union around.

use apache_avro::Schema;
use barid_schemas::case_event::AVSC;
use serde_json::{Value, json};

/// A writer schema with what a test must know of it.
pub(crate) struct Writer {
    pub(crate) avsc: String,
    /// Without logical types, which say how to show a value and change no byte.
    pub(crate) plain: Schema,
    /// Groups that our walk does not know.
    pub(crate) unknown_groups: &'static [&'static str],
}

impl Writer {
    fn new(schema: &Value, unknown_groups: &'static [&'static str]) -> Self {
        let mut plain = schema.clone();
        strip_logical_types(&mut plain);
        let plain = Schema::parse_str(&plain.to_string()).unwrap();
        Self { avsc: schema.to_string(), plain, unknown_groups }
    }
}

pub(crate) fn all() -> Vec<Writer> {
    vec![current(), older(), newer(), turned()]
}

pub(crate) fn current() -> Writer {
    Writer::new(&ours(), &[])
}

/// Without some envelope fields and without the last two groups.
pub(crate) fn older() -> Writer {
    let mut schema = ours();
    fields(&mut schema).retain(|field| {
        !["national_service_id", "letter_no", "letter_date", "resolution", "attachments"]
            .contains(&field["name"].as_str().unwrap())
    });
    Writer::new(&schema, &[])
}

/// With fields of every kind of type in the envelope, a group at the end, and groups that cannot be null.
pub(crate) fn newer() -> Writer {
    let mut schema = ours();
    let fields = fields(&mut schema);
    let view = fields.iter().position(|field| field["name"] == "view").unwrap();
    let envelope = [
        json!({"name": "channel", "type": ["null", "string"], "default": null}),
        json!({"name": "priority", "type": "int", "default": -3}),
        json!({"name": "tags", "type": {"type": "array", "items": "string"}, "default": ["a", "b"]}),
        json!({"name": "words", "type": {"type": "map", "values": "long"}, "default": {}}),
        json!({"name": "urgency", "default": "normal",
               "type": {"type": "enum", "name": "Urgency", "symbols": ["low", "normal", "high"]}}),
        json!({"name": "place", "type": ["string", "null", "long", "Urgency"], "default": ""}),
        json!({"name": "weight", "type": ["double", "boolean"], "default": 1.5}),
        json!({"name": "seen_as", "type": "Precision", "default": "day"}),
        json!({"name": "nothing", "type": "null", "default": null}),
        json!({"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 3}, "default": "abc"}),
        json!({"name": "flag", "type": "boolean", "default": true}),
    ];
    fields.splice(view..view, envelope);
    let empty = json!({"type": "record", "name": "Empty", "fields": []});
    fields.extend([
        json!({"name": "inspection", "default": null, "type": ["null", {"type": "record", "name": "Inspection", "fields": [
            {"name": "by", "type": "string"},
            {"name": "marks", "type": {"type": "array", "items": "Mark"}},
            {"name": "notes", "type": {"type": "map", "values": ["null", "string", "double"]}},
            {"name": "photo", "type": "bytes"},
            {"name": "ratio", "type": "float"},
            {"name": "precise", "type": ["null", "Precision"]},
            {"name": "empties", "type": {"type": "array", "items": empty}},
            {"name": "steps", "type": {"type": "array", "items": {"type": "array", "items": ["Empty", "int"]}}},
        ]}]}),
        json!({"name": "visits", "type": {"type": "array", "items": "Inspection"}, "default": []}),
        json!({"name": "remark", "default": {"text": "none"}, "type": {"type": "record", "name": "Remark", "fields": [
            {"name": "text", "type": "string"},
            {"name": "level", "type": "int", "default": 7},
        ]}}),
    ]);
    // Whatever is made of other types counts as a group: the envelope has plain values only.
    Writer::new(&schema, &["tags", "words", "place", "weight", "inspection", "visits", "remark"])
}

/// Null comes last in every union.
pub(crate) fn turned() -> Writer {
    let mut schema = ours();
    turn(&mut schema);
    Writer::new(&schema, &[])
}

pub(crate) fn ours() -> Value {
    serde_json::from_str(AVSC).unwrap()
}

pub(crate) fn fields(schema: &mut Value) -> &mut Vec<Value> {
    schema["fields"].as_array_mut().unwrap()
}

/// Our schema with a field replaced.
pub(crate) fn with_field(name: &str, field: Value) -> Value {
    let mut schema = ours();
    *fields(&mut schema).iter_mut().find(|known| known["name"] == name).unwrap() = field;
    schema
}

fn turn(schema: &mut Value) {
    match schema {
        Value::Array(items) => {
            if items.first() == Some(&json!("null")) {
                items.rotate_left(1);
            }
            items.iter_mut().for_each(turn);
        }
        Value::Object(object) => {
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(turn);
        }
        _ => {}
    }
}

fn strip_logical_types(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(strip_logical_types),
        Value::Object(object) => {
            object.remove("logicalType");
            object.values_mut().for_each(strip_logical_types);
        }
        _ => {}
    }
}
