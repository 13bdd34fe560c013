//! A record of `events.*` or `inbox.*`, decoded by apache-avro.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use apache_avro::types::Value;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value as Json, json};

use crate::records::RawRecord;

/// Iran has had no summer time since the year 1402, so of what was written since then the offset is known.
const IRAN_SINCE_1402_MINUTES: i32 = 210;

/// Decodes a value in Confluent framing: the schema id and the datum.
pub trait Decode {
    /// An error if the framing is wrong, the schema unknown, or the datum shorter or longer than the schema says.
    fn decode(&self, framed: &[u8]) -> Result<(u32, Value)>;
}

impl Decode for crate::SchemaRegistry {
    fn decode(&self, framed: &[u8]) -> Result<(u32, Value)> {
        Self::decode(self, framed)
    }
}

/// A case event or a view of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub record: RawRecord,
    pub schema_id: u32,
    /// By Avro field name.
    pub fields: Map<String, Json>,
}

impl Event {
    /// Decodes a record.
    pub fn decode(record: RawRecord, decoder: &impl Decode) -> Result<Self> {
        let value = record.value.as_deref().with_context(|| format!("no value in {}", record.place()))?;
        let (schema_id, value) = decoder.decode(value).with_context(|| record.place())?;
        let Json::Object(fields) = plain(&value)? else { bail!("no record in {}", record.place()) };
        Ok(Self { record, schema_id, fields })
    }

    /// A field that is text and never null.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.fields[name].as_str().with_context(|| format!("`{name}` of {} is no text", self.record.place()))
    }

    /// The day in Iran on which Kafka took the record: the day by which permits are judged.
    pub fn day(&self) -> Result<Date> {
        Ok(local_time(self.record.timestamp_ms, IRAN_SINCE_1402_MINUTES)?.date())
    }

    /// The trace id in `traceparent`, after a look at its form.
    pub fn trace_id(&self) -> Result<String> {
        let text = self.record.header("traceparent")?;
        let parts: Vec<&str> = text.split('-').collect();
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        match parts.as_slice() {
            ["00", trace, span, flags] if is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2) => {
                Ok((*trace).to_owned())
            }
            _ => bail!("`traceparent` of {} is `{text}`", self.record.place()),
        }
    }
}

/// The local time of an instant at a known offset.
pub(crate) fn local_time(instant_ms: i64, offset_minutes: i32) -> Result<DateTime> {
    let zone = TimeZone::fixed(Offset::from_seconds(offset_minutes * 60)?);
    Ok(Timestamp::from_millisecond(instant_ms)?.to_zoned_datetime(zone).datetime())
}

/// An Avro value as JSON: unions without their branch, enums as their symbol, instants and dates as their number, bytes as
/// hexadecimal digits.
pub fn plain(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Int(value) | Value::Date(value) => json!(value),
        Value::Long(value) | Value::TimestampMillis(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Double(value) => json!(value),
        Value::String(value) | Value::Enum(_, value) => json!(value),
        Value::Uuid(value) => json!(value.to_string()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => {
            let mut text = String::new();
            for byte in bytes {
                write!(text, "{byte:02x}")?;
            }
            Json::String(text)
        }
        Value::Union(_, value) => plain(value)?,
        Value::Array(values) => Json::Array(values.iter().map(plain).collect::<Result<_>>()?),
        Value::Map(values) => {
            let entries = values.iter().map(|(name, value)| Ok((name.clone(), plain(value)?)));
            Json::Object(entries.collect::<Result<_>>()?)
        }
        Value::Record(fields) => {
            let entries = fields.iter().map(|(name, value)| Ok((name.clone(), plain(value)?)));
            Json::Object(entries.collect::<Result<_>>()?)
        }
        other => bail!("an Avro value of an unexpected kind: {other:?}"),
    })
}
