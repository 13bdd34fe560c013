//! Whole records as Rust types, for every topic where nothing is spliced.
//!
//! [`RecordCodec`] writes with the schema of this build, [`RecordReader`] reads what any version of it wrote: fields are
//! matched by name, a nullable field that the writer did not have is `None`, a field that this build does not have is
//! skipped. Errors of the Avro library may quote a value, so they are reduced to a place before they leave this module.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use barid_schemas::records::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;

use crate::{RecordError, Schemas, framing};

/// Encodes records of one type under the schema id that the registry gave for [`Schema::AVSC`].
pub struct RecordCodec<T> {
    id: u32,
    schema: serde_avro_fast::Schema,
    record: PhantomData<fn(&T)>,
}

impl<T: Schema + Serialize> RecordCodec<T> {
    /// `id` is what registering `T::AVSC` gave.
    ///
    /// # Errors
    /// The schema cannot be read.
    pub fn new(id: u32) -> Result<Self, RecordError> {
        Ok(Self { id, schema: parse(T::FULL_NAME, T::AVSC)?, record: PhantomData })
    }

    /// The schema id that stands before each datum.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Appends the framed record. On error `out` is as it was.
    ///
    /// # Errors
    /// The record does not fit its schema.
    pub fn encode(&self, record: &T, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let start = out.len();
        framing::frame(self.id, out);
        let mut config = SerializerConfig::new(&self.schema);
        match serde_avro_fast::to_datum(record, &mut *out, &mut config) {
            Ok(_) => Ok(()),
            Err(_) => {
                let offset = out.len() - start - framing::HEADER_BYTES;
                out.truncate(start);
                Err(RecordError::Encode { name: T::FULL_NAME, offset })
            }
        }
    }

    /// The framed record in a vector of its own.
    ///
    /// # Errors
    /// The record does not fit its schema.
    pub fn to_vec(&self, record: &T) -> Result<Vec<u8>, RecordError> {
        let mut out = Vec::new();
        self.encode(record, &mut out)?;
        Ok(out)
    }
}

/// Decodes records of one type that any version of its schema wrote.
pub struct RecordReader<T> {
    schemas: Arc<dyn Schemas>,
    /// The writer schemas that were asked for and found.
    parsed: RwLock<HashMap<u32, Arc<serde_avro_fast::Schema>>>,
    record: PhantomData<fn() -> T>,
}

impl<T: Schema + DeserializeOwned> RecordReader<T> {
    #[must_use]
    pub fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, parsed: RwLock::default(), record: PhantomData }
    }

    /// Decodes a framed record. A writer schema is asked for once; after a failed answer it is asked for again, and so it is
    /// when a datum does not fit it: a registry that lost its memory may have given the id to another schema since. Until
    /// it has answered, other records are read with the schema that is known.
    ///
    /// # Errors
    /// The framing is broken, the registry has no answer, or the datum is not what the writer schema says.
    pub fn decode(&self, value: &[u8]) -> Result<T, RecordError> {
        let (id, datum) = framing::unframe(value)?;
        let known = self.parsed.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let schema = known.map_or_else(|| self.ask(id), Ok)?;
        if let Ok(record) = decode_with(&schema, id, datum) {
            return Ok(record);
        }
        self.schemas.forget(id);
        decode_with(&*self.ask(id)?, id, datum)
    }

    /// Asks for the writer schema and keeps it.
    fn ask(&self, id: u32) -> Result<Arc<serde_avro_fast::Schema>, RecordError> {
        let mut avsc = self.schemas.schema(id)?;
        if full_name(&avsc) != T::FULL_NAME {
            // Kept from before the registry lost its memory and counted anew, perhaps.
            self.schemas.forget(id);
            avsc = self.schemas.schema(id)?;
        }
        let found = full_name(&avsc);
        if found != T::FULL_NAME {
            return Err(RecordError::OtherRecord { name: T::FULL_NAME, id, found });
        }
        let schema = Arc::new(parse(T::FULL_NAME, &avsc)?);
        self.parsed.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&schema));
        Ok(schema)
    }
}

fn decode_with<T: Schema + DeserializeOwned>(
    schema: &serde_avro_fast::Schema,
    id: u32,
    datum: &[u8],
) -> Result<T, RecordError> {
    let mut config = DeserializerConfig::new(schema);
    // A longer list could only hold items that take no byte.
    config.max_seq_size = datum.len();
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let record = T::deserialize(state.deserializer());
    let mut rest = state.into_reader();
    let left = rest.fill_buf().map_or(0, <[u8]>::len);
    match record {
        Ok(record) if left == 0 => Ok(record),
        _ => Err(RecordError::Decode { name: T::FULL_NAME, id, offset: datum.len() - left }),
    }
}

fn parse(name: &'static str, avsc: &str) -> Result<serde_avro_fast::Schema, RecordError> {
    avsc.parse()
        .map_err(|error: serde_avro_fast::schema::SchemaError| RecordError::Schema { name, reason: error.to_string() })
}

/// The full name of a record's schema; empty for a schema that has none.
fn full_name(avsc: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
        namespace: Option<String>,
    }
    match serde_json::from_str(avsc) {
        Ok(Named { name, namespace: Some(namespace) }) if !name.contains('.') && !namespace.is_empty() => {
            format!("{namespace}.{name}")
        }
        Ok(Named { name, .. }) => name,
        Err(_) => String::new(),
    }
}
