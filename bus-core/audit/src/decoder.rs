//! Events and copies as values, decoded by the Avro library and by nothing of the router's.
//!
//! Logical types are taken out of a writer's schema before it is parsed: a text that should be a UUID and is none has to come
//! out as it is, for it is a dead letter with a reason and no fault of the decoder.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use barid_codec::{RegistryError, Schemas};
use barid_schemas::case_event::{AVSC, FULL_NAME};
use serde_json::Value as Json;

/// Local times farther from UTC than this cannot be read by all who read a copy.
const MOST_OFFSET_MINUTES: i64 = 18 * 60;

/// A record of `events.*` or `inbox.*`.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) schema_id: u32,
    pub(crate) fields: Vec<(String, Value)>,
    /// What stands for a field that cannot be null and is left out.
    pub(crate) defaults: Arc<HashMap<String, Json>>,
    /// The fields that are more than one plain value or none.
    pub(crate) composite: Arc<HashSet<String>>,
}

/// Why a value could not be decoded.
#[derive(Debug)]
pub(crate) enum Undecoded {
    BadFraming,
    /// Its schema is not that of a case event.
    Foreign,
    /// It is not what its schema says.
    Datum,
    /// The registry does not know the schema.
    UnknownSchema(u32),
    /// The registry does not answer.
    Registry(RegistryError),
}

/// Decodes what was written under any schema that the registry knows.
pub(crate) struct Decoder {
    schemas: Arc<dyn Schemas>,
    /// The meanings of each id, the oldest first: a registry that lost its memory counts anew.
    known: HashMap<u32, Vec<Writer>>,
}

struct Writer {
    text: Arc<str>,
    reader: GenericDatumReader<'static>,
    defaults: Arc<HashMap<String, Json>>,
    composite: Arc<HashSet<String>>,
}

impl Decoder {
    pub(crate) fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, known: HashMap::new() }
    }

    /// Decodes a framed value to its last byte.
    pub(crate) fn decode(&mut self, value: &[u8]) -> Result<Decoded, Undecoded> {
        let [0, a, b, c, d, datum @ ..] = value else { return Err(Undecoded::BadFraming) };
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        if let Some(found) = self.by_known(id, datum) {
            return Ok(found);
        }
        if self.known.contains_key(&id) {
            // Perhaps it means something else by now.
            self.schemas.forget(id);
        }
        let text = match self.schemas.schema(id) {
            Ok(text) => text,
            Err(RegistryError::UnknownId(id)) => return Err(Undecoded::UnknownSchema(id)),
            Err(error) => return Err(Undecoded::Registry(error)),
        };
        let is_new = !self.known.get(&id).is_some_and(|known| known.iter().any(|writer| writer.text == text));
        if is_new {
            match Writer::parse(text) {
                Some(writer) => self.known.entry(id).or_default().push(writer),
                // The id was given to another record after the event was written.
                None => return self.by_any(id, datum).ok_or(Undecoded::Foreign),
            }
        }
        self.by_known(id, datum).ok_or(Undecoded::Datum)
    }

    fn by_known(&self, id: u32, datum: &[u8]) -> Option<Decoded> {
        self.known.get(&id)?.iter().find_map(|writer| writer.read(id, datum))
    }

    fn by_any(&self, id: u32, datum: &[u8]) -> Option<Decoded> {
        let seen = self.known.values().flatten().find_map(|writer| writer.read(id, datum));
        seen.or_else(|| Writer::parse(AVSC.into())?.read(id, datum))
    }
}

impl Writer {
    /// `None` if the schema is not that of a case event.
    fn parse(text: Arc<str>) -> Option<Self> {
        let mut json: Json = serde_json::from_str(&text).ok()?;
        without_logical_types(&mut json);
        let schema = Schema::parse(&json).ok()?;
        let Schema::Record(record) = &schema else { return None };
        if record.name.fullname(None) != FULL_NAME {
            return None;
        }
        let fields = json["fields"].as_array()?;
        let default = |field: &Json| Some((field["name"].as_str()?.to_owned(), field.get("default")?.clone()));
        let defaults = Arc::new(fields.iter().filter_map(default).collect());
        let composite = record.fields.iter().filter(|field| is_composite(&field.schema, &schema));
        let composite = Arc::new(composite.map(|field| field.name.clone()).collect());
        // The reader borrows its schema. There are as many as versions of one record: they may stay until the end.
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let reader = GenericDatumReader::builder(schema).build().ok()?;
        Some(Self { text, reader, defaults, composite })
    }

    fn read(&self, schema_id: u32, mut datum: &[u8]) -> Option<Decoded> {
        let Value::Record(fields) = self.reader.read_value(&mut datum).ok()? else { return None };
        let (defaults, composite) = (Arc::clone(&self.defaults), Arc::clone(&self.composite));
        let decoded = Decoded { schema_id, fields, defaults, composite };
        let offset = decoded.number("utc_offset_minutes");
        let is_near = offset.is_some_and(|minutes| (-MOST_OFFSET_MINUTES..=MOST_OFFSET_MINUTES).contains(&minutes));
        (datum.is_empty() && is_near).then_some(decoded)
    }
}

impl Decoded {
    /// The value of a field of the envelope, or a group, without its union.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| plain(value))
    }

    /// The text or the symbol in a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text_of(self.field(name)?)
    }

    /// The number in a field.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match self.field(name)? {
            Value::Int(number) => Some(i64::from(*number)),
            Value::Long(number) => Some(*number),
            _ => None,
        }
    }

    /// A text inside a group.
    pub(crate) fn text_in(&self, group: &str, name: &str) -> Option<&str> {
        let Value::Record(fields) = self.field(group)? else { return None };
        fields.iter().find(|(found, _)| found == name).and_then(|(_, value)| text_of(plain(value)))
    }
}

/// A value without the unions around it.
pub(crate) fn plain(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => plain(inner),
        other => other,
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Enum(_, text) => Some(text),
        _ => None,
    }
}

/// Whether a field's type is made of others, or is a choice of several.
fn is_composite(schema: &Schema, whole: &Schema) -> bool {
    match schema {
        Schema::Record(_) | Schema::Array(_) | Schema::Map(_) => true,
        Schema::Union(union) => {
            let mut variants = union.variants().iter().filter(|variant| !matches!(variant, Schema::Null));
            let first = variants.next();
            variants.next().is_some() || first.is_some_and(|variant| is_composite(variant, whole))
        }
        // A name that was given before: plain only if it is that of an enum or of bytes of a fixed length.
        Schema::Ref { name } => !names_plain(whole, &name.fullname(None)),
        _ => false,
    }
}

/// Whether an enum or fixed of this name is defined in the schema.
fn names_plain(schema: &Schema, name: &str) -> bool {
    match schema {
        Schema::Enum(found) => found.name.fullname(None) == name,
        Schema::Fixed(found) => found.name.fullname(None) == name,
        Schema::Record(record) => record.fields.iter().any(|field| names_plain(&field.schema, name)),
        Schema::Union(union) => union.variants().iter().any(|variant| names_plain(variant, name)),
        Schema::Array(array) => names_plain(&array.items, name),
        Schema::Map(map) => names_plain(&map.types, name),
        _ => false,
    }
}

fn without_logical_types(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.remove("logicalType");
            // A default is data, and data may have any names.
            fields
                .iter_mut()
                .filter(|(name, _)| *name != "default")
                .for_each(|(_, inner)| without_logical_types(inner));
        }
        Json::Array(items) => items.iter_mut().for_each(without_logical_types),
        _ => {}
    }
}
