//! The slow, obvious way: decode with apache-avro, change the values, encode with apache-avro.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use barid_schemas::{Group, GroupSet};

use crate::schemas::Writer;

pub(crate) fn encode(writer: &Writer, event: &Value) -> Vec<u8> {
    GenericDatumWriter::builder(&writer.plain).build().unwrap().write_value_to_vec(event.clone()).unwrap()
}

/// The event if the whole datum is one.
pub(crate) fn decode(writer: &Writer, mut datum: &[u8]) -> Option<Value> {
    let reader = GenericDatumReader::builder(&writer.plain).build().unwrap();
    let event = reader.read_value(&mut datum).ok()?;
    datum.is_empty().then_some(event)
}

pub(crate) fn field<'v>(event: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Record(fields) = event else { panic!("an event is a record") };
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

pub(crate) fn text<'v>(event: &'v Value, name: &str) -> Option<&'v str> {
    match inner(field(event, name)?) {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => panic!("`{name}` is {other:?}"),
    }
}

/// What is in a union.
pub(crate) fn inner(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => inner,
        other => other,
    }
}

pub(crate) fn present(event: &Value) -> GroupSet {
    Group::ALL.into_iter().filter(|group| has(event, group.field_name())).collect()
}

pub(crate) fn has(event: &Value, group: &str) -> bool {
    field(event, group).is_some_and(|value| *inner(value) != Value::Null)
}

/// The event as a subscriber sees it that may see `groups`.
pub(crate) fn exact(writer: &Writer, event: &Value, groups: GroupSet) -> Value {
    map_fields(&writer.plain, event, |name, value, schema| {
        let withheld = match Group::from_field_name(name) {
            Some(group) => !groups.contains(group),
            None => writer.unknown_groups.contains(&name),
        };
        if withheld { left_out(name, schema) } else { value.clone() }
    })
}

/// The event as a subscriber sees it that may see `groups` in a coarse view.
pub(crate) fn coarse(writer: &Writer, event: &Value, groups: GroupSet, from: Option<&str>, to: &str) -> Value {
    map_fields(&writer.plain, event, |name, value, schema| match name {
        "event_id" | "corr_id" | "publisher" | "county" | "occurred_at" | "utc_offset_minutes" | "precision" => {
            value.clone()
        }
        "service_code" => Value::String("restriction".into()),
        "status_from" => match from {
            Some(phase) => some(schema, Value::String(phase.into())),
            None => null(schema).unwrap(),
        },
        "status_to" => Value::String(to.into()),
        "view" => Value::Enum(1, "coarse".into()),
        "decision" if groups.contains(Group::Decision) && has(event, "decision") => {
            some(schema, cut_decision(schema, inner(value), to))
        }
        _ => match Group::from_field_name(name) {
            Some(group) if group != Group::Decision && groups.contains(group) => value.clone(),
            _ => left_out(name, schema),
        },
    })
}

fn cut_decision(schema: &Schema, decision: &Value, phase: &str) -> Value {
    let Schema::Union(union) = schema else { panic!("a group is a union") };
    let record = union.variants().iter().find(|branch| matches!(branch, Schema::Record(_))).unwrap();
    map_fields(record, decision, |name, value, schema| match name {
        "decision" => some(schema, Value::String(phase.into())),
        "decision_date" | "valid_until" => value.clone(),
        _ => null(schema).unwrap(),
    })
}

fn map_fields(schema: &Schema, record: &Value, change: impl Fn(&str, &Value, &Schema) -> Value) -> Value {
    let (Value::Record(fields), Schema::Record(schema)) = (record, schema) else { panic!("an event is a record") };
    let changed = fields
        .iter()
        .zip(&schema.fields)
        .map(|((name, value), field)| (name.clone(), change(name, value, &field.schema)));
    Value::Record(changed.collect())
}

/// The defaults of the newer schema are written out here, by hand.
fn left_out(name: &str, schema: &Schema) -> Value {
    let text = |text: &str| Value::String(text.into());
    null(schema).unwrap_or_else(|| match name {
        "priority" => Value::Int(-3),
        "tags" => Value::Array(vec![text("a"), text("b")]),
        "words" => Value::Map([].into()),
        "urgency" => Value::Enum(1, "normal".into()),
        "weight" => Value::Union(0, Box::new(Value::Double(1.5))),
        "seen_as" => Value::Enum(0, "day".into()),
        "mark" => Value::Fixed(3, b"abc".to_vec()),
        "flag" => Value::Boolean(true),
        "visits" => Value::Array(Vec::new()),
        "remark" => Value::Record(vec![("text".into(), text("none")), ("level".into(), Value::Int(7))]),
        other => panic!("`{other}` has no default"),
    })
}

fn null(schema: &Schema) -> Option<Value> {
    match schema {
        Schema::Null => Some(Value::Null),
        Schema::Union(union) => {
            let null = union.variants().iter().position(|branch| *branch == Schema::Null)?;
            Some(Value::Union(null as u32, Box::new(Value::Null)))
        }
        _ => None,
    }
}

fn some(schema: &Schema, value: Value) -> Value {
    let Schema::Union(union) = schema else { panic!("a nullable field is a union") };
    let branch = union.variants().iter().position(|branch| *branch != Schema::Null).unwrap();
    Value::Union(branch as u32, Box::new(value))
}

/// Equal bit for bit: NaN is equal to itself.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::Double(one), Value::Double(other)) => one.to_bits() == other.to_bits(),
        (Value::Union(a, one), Value::Union(b, other)) => a == b && same(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Record(one), Value::Record(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|((a, one), (b, other))| a == b && same(one, other))
        }
        (one, other) => one == other,
    }
}
