//! An event beside a view of it, field by field.

use barid_schemas::{CaseEvent, Millis};
use serde_json::Value;

/// What became of one field in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldFate {
    Shown,
    Changed,
    Withheld,
}

/// One field that the event has.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct FieldRow {
    /// The Avro path, such as `parcel.plate_main`.
    pub field: String,
    pub event: Value,
    pub view: Value,
    pub fate: FieldFate,
}

/// Every field that is not null in the event, in schema order.
pub(crate) fn compare(event: &CaseEvent, view: &CaseEvent) -> Result<Vec<FieldRow>, serde_json::Error> {
    let (event, view) = (serde_json::to_value(event)?, serde_json::to_value(view)?);
    let mut rows = Vec::new();
    walk(String::new(), &event, &view, &mut rows);
    Ok(rows)
}

fn walk(path: String, event: &Value, view: &Value, rows: &mut Vec<FieldRow>) {
    if let Value::Object(fields) = event {
        for (name, value) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(path, value, view.get(name).unwrap_or(&Value::Null), rows);
        }
        return;
    }
    if event.is_null() {
        return;
    }
    let fate = match view {
        Value::Null => FieldFate::Withheld,
        view if view == event => FieldFate::Shown,
        _ => FieldFate::Changed,
    };
    rows.push(FieldRow { field: path, event: event.clone(), view: view.clone(), fate });
}

/// A value as a person reads it: an instant at the event's own offset and a day as a date, not as the numbers that Avro counts.
pub(crate) fn readable(field: &str, value: &Value, utc_offset_minutes: i32) -> String {
    let number = value.as_i64();
    match (field.rsplit('.').next(), number) {
        (Some(name), Some(millis)) if name.ends_with("_at") => super::instant(Millis(millis), utc_offset_minutes),
        (Some(name), Some(days)) if name.ends_with("_date") || name == "valid_until" => {
            super::day(days).unwrap_or_else(|| plain(value))
        }
        _ => plain(value),
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
