//! What a copy must hold, what it holds, and the digest by which the two are compared.
//!
//! The digest is over schema id, key, the decoded value and the headers, each with its name; a union counts as what is in it.
//! So another encoding of the same values is the same, and any other value, field or header is not.

use apache_avro::types::Value;
use barid_event::TraceParent;
use barid_kafka::RecordRef;
use barid_policy::Permit;
use barid_schemas::Group;
use barid_schemas::case_event::View;
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use crate::decoder::{Decoded, plain};
use crate::rulebook::{Rules, time};

/// The fields before the groups; a coarse view leaves all out but [`COARSE`].
const ENVELOPE: [&str; 18] = [
    "event_id",
    "corr_id",
    "publisher",
    "county",
    "service_code",
    "national_service_id",
    "case_no",
    "status_from",
    "status_to",
    "transition",
    "occurred_at",
    "utc_offset_minutes",
    "precision",
    "deadline_at",
    "letter_no",
    "letter_date",
    "correction_of",
    "view",
];

/// What a coarse view shows as it is.
const COARSE: [&str; 7] =
    ["event_id", "corr_id", "publisher", "county", "occurred_at", "utc_offset_minutes", "precision"];

/// Headers whose value is not the same for all routers: where the registry stands, and the span of the router.
const DATASCHEMA: &str = "ce_dataschema";
const TRACEPARENT: &str = "traceparent";
/// The one header that may come several times; its order says which key of the event matched.
const MATCH: &str = "barid-match";

/// A copy in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    schema_id: u32,
    key: Vec<u8>,
    fields: Vec<(String, Value)>,
    /// Sorted by name.
    headers: Vec<(String, Vec<u8>)>,
}

impl Content {
    /// What `permit` gives of the event. `None` if the catalogue does not know the phase of a status.
    pub(crate) fn expected(
        event: &Decoded,
        record: &RecordRef<'_>,
        rules: &Rules,
        permit: &Permit,
        handles: &[String],
    ) -> Option<Self> {
        let fields = match permit.view {
            View::Exact => exact(event, permit),
            View::Coarse => coarse(event, rules, permit)?,
        };
        let text = |name: &str| {
            let value = fields.iter().find(|(found, _)| found == name).map(|(_, value)| plain(value));
            match value {
                Some(Value::String(text) | Value::Enum(_, text)) => text.clone(),
                _ => String::new(),
            }
        };
        let mut headers: Vec<(String, Vec<u8>)> = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", text("event_id")),
            ("ce_source", format!("/agencies/{}", text("publisher"))),
            ("ce_type", format!("ir.barid.{}.{}", text("service_code"), text("status_to"))),
            ("ce_subject", text("corr_id")),
            ("ce_time", time(event.number("occurred_at").unwrap_or_default())),
            (DATASCHEMA, format!("/schemas/ids/{}", event.schema_id)),
            ("content-type", "application/avro".to_owned()),
            ("barid-permit", permit.number.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .to_vec();
        headers.extend(handles.iter().map(|handle| (MATCH.to_owned(), handle.clone().into_bytes())));
        headers.extend(record.header(TRACEPARENT).and_then(trace_id).map(|id| (TRACEPARENT.to_owned(), id)));
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        let key = text("corr_id").into_bytes();
        Some(Self { schema_id: event.schema_id, key, fields, headers })
    }

    /// What a record of an inbox holds.
    pub(crate) fn found(copy: &Decoded, record: &RecordRef<'_>) -> Self {
        let mut headers: Vec<(String, Vec<u8>)> = record
            .headers()
            .map(|(name, value)| {
                let value = match name {
                    DATASCHEMA => schema_path(value).unwrap_or(value).to_vec(),
                    TRACEPARENT => trace_id(value).unwrap_or_else(|| value.to_vec()),
                    _ => value.to_vec(),
                };
                (name.to_owned(), value)
            })
            .collect();
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        let key = record.key.unwrap_or_default().to_vec();
        Self { schema_id: copy.schema_id, key, fields: copy.fields.clone(), headers }
    }

    /// Never 0: that is the digest of a copy that is not expected as far as one can tell.
    pub(crate) fn digest(&self, scratch: &mut Vec<u8>) -> u64 {
        scratch.clear();
        scratch.extend_from_slice(&self.schema_id.to_be_bytes());
        bytes(&self.key, scratch);
        for (name, value) in &self.headers {
            bytes(name.as_bytes(), scratch);
            bytes(value, scratch);
        }
        for (name, value) in &self.fields {
            bytes(name.as_bytes(), scratch);
            canonical(value, scratch);
        }
        xxh3_64(scratch).max(1)
    }

    /// The names of the parts in which `found` is not what it must be; never a value.
    pub(crate) fn differences(&self, found: &Self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.schema_id != found.schema_id {
            parts.push("schema id".to_owned());
        }
        if self.key != found.key {
            parts.push("key".to_owned());
        }
        let named = |content: &Self, name: &str| -> Vec<Vec<u8>> {
            content.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
        };
        let mut names: Vec<&String> = self.headers.iter().chain(&found.headers).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        for name in names {
            if named(self, name) != named(found, name) {
                parts.push(format!("header {name}"));
            }
        }
        let same = |one: &Value, other: &Value| {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            canonical(one, &mut left);
            canonical(other, &mut right);
            left == right
        };
        for (name, wanted) in &self.fields {
            let value = found.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            if !value.is_some_and(|value| same(wanted, value)) {
                parts.push(format!("field {name}"));
            }
        }
        let unknown = found.fields.iter().filter(|(name, _)| !self.fields.iter().any(|(known, _)| known == name));
        parts.extend(unknown.map(|(name, _)| format!("field {name}")));
        parts
    }
}

/// The handles in a copy, in their order.
pub(crate) fn handles(record: &RecordRef<'_>) -> Vec<String> {
    let named = record.headers().filter(|(name, _)| *name == MATCH);
    named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

/// The envelope, and of the groups those that the permit gives.
fn exact(event: &Decoded, permit: &Permit) -> Vec<(String, Value)> {
    let shown = |name: &str| {
        if ENVELOPE.contains(&name) {
            return true;
        }
        match Group::from_field_name(name) {
            Some(group) => permit.groups.contains(group),
            // A group of a later version is given by no permit that is known today; a plain field of its envelope is.
            None => !event.composite.contains(name),
        }
    };
    let field = |(name, value): &(String, Value)| {
        let value = if shown(name) { value.clone() } else { Value::Null };
        (name.clone(), value)
    };
    event.fields.iter().map(field).collect()
}

/// The allow-list, and of the groups those that the permit gives, the decision cut to phase, date and validity.
fn coarse(event: &Decoded, rules: &Rules, permit: &Permit) -> Option<Vec<(String, Value)>> {
    let to = rules.phase(event.text("status_to")?)?;
    let from = match event.text("status_from") {
        Some(status) => Some(rules.phase(status)?),
        None => None,
    };
    let text = |text: &str| Value::String(text.to_owned());
    let field = |(name, value): &(String, Value)| {
        let value = match name.as_str() {
            "service_code" => text("restriction"),
            "status_to" => text(to),
            "status_from" => from.map_or(Value::Null, text),
            "view" => Value::Enum(0, "coarse".to_owned()),
            name if COARSE.contains(&name) => value.clone(),
            name => match Group::from_field_name(name) {
                Some(group) if permit.groups.contains(group) => match (group, plain(value)) {
                    (Group::Decision, Value::Record(decision)) => coarse_decision(decision, to),
                    _ => value.clone(),
                },
                Some(_) => Value::Null,
                None => left_out(event, name, value),
            },
        };
        (name.clone(), value)
    };
    Some(event.fields.iter().map(field).collect())
}

fn coarse_decision(decision: &[(String, Value)], phase: &str) -> Value {
    let field = |(name, value): &(String, Value)| {
        let value = match name.as_str() {
            "decision" => Value::String(phase.to_owned()),
            "decision_date" | "valid_until" => value.clone(),
            _ => Value::Null,
        };
        (name.clone(), value)
    };
    Value::Record(decision.iter().map(field).collect())
}

/// Null, or the default of a field that cannot be null.
fn left_out(event: &Decoded, name: &str, value: &Value) -> Value {
    if matches!(value, Value::Union(..)) {
        return Value::Null;
    }
    match event.defaults.get(name) {
        Some(Json::Bool(default)) => Value::Boolean(*default),
        Some(Json::String(default)) => Value::String(default.clone()),
        Some(Json::Number(default)) => match (value, default.as_i64()) {
            (Value::Int(_) | Value::Long(_), Some(number)) => Value::Long(number),
            _ => Value::Double(default.as_f64().unwrap_or_default()),
        },
        Some(Json::Array(_)) => Value::Array(Vec::new()),
        _ => Value::Null,
    }
}

/// The trace of a well-formed trace context: spans differ, for a router that is traced writes its own.
fn trace_id(value: &[u8]) -> Option<Vec<u8>> {
    TraceParent::parse(value).ok().map(|parent| parent.trace_id.to_vec())
}

/// The part of the registry's address that tells the schema. The part before is where a router finds the registry: it may
/// hold scheme, host, port and path only.
fn schema_path(url: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(url).ok()?;
    let begin = text.find("/schemas/ids/")?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:/[]".contains(letter);
    text[..begin].chars().all(is_plain).then(|| &url[begin..])
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(value.len() as u64).to_be_bytes());
    out.extend_from_slice(value);
}

/// One spelling of each value.
fn canonical(value: &Value, out: &mut Vec<u8>) {
    match plain(value) {
        Value::Null => out.push(0),
        Value::Boolean(value) => out.extend([1, u8::from(*value)]),
        Value::Int(number) => integer(i64::from(*number), out),
        Value::Long(number) => integer(*number, out),
        Value::Float(number) => {
            out.push(3);
            out.extend(number.to_bits().to_be_bytes());
        }
        Value::Double(number) => {
            out.push(4);
            out.extend(number.to_bits().to_be_bytes());
        }
        Value::Bytes(value) | Value::Fixed(_, value) => {
            out.push(5);
            bytes(value, out);
        }
        Value::String(text) => {
            out.push(6);
            bytes(text.as_bytes(), out);
        }
        Value::Enum(_, symbol) => {
            out.push(7);
            bytes(symbol.as_bytes(), out);
        }
        Value::Array(items) => {
            out.push(8);
            out.extend((items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| canonical(item, out));
        }
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            out.push(9);
            out.extend((entries.len() as u64).to_be_bytes());
            for (name, value) in entries {
                bytes(name.as_bytes(), out);
                canonical(value, out);
            }
        }
        Value::Record(fields) => {
            out.push(10);
            out.extend((fields.len() as u64).to_be_bytes());
            for (name, value) in fields {
                bytes(name.as_bytes(), out);
                canonical(value, out);
            }
        }
        // Logical types are taken out of the schema, so none of theirs comes.
        other => {
            out.push(11);
            bytes(format!("{other:?}").as_bytes(), out);
        }
    }
}

fn integer(number: i64, out: &mut Vec<u8>) {
    out.push(2);
    out.extend(number.to_be_bytes());
}
