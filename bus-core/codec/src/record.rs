//! Whole records as Rust types.

use std::marker::PhantomData;
use std::sync::Arc;

use barid_schemas::records::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{RecordError, Schemas};

/// Encodes records of one type under the schema id that the registry gave for [`Schema::AVSC`].
pub struct RecordCodec<T> {
    id: u32,
    record: PhantomData<fn(&T)>,
}

impl<T: Schema + Serialize> RecordCodec<T> {
    /// `id` is what registering `T::AVSC` gave.
    ///
    /// # Errors
    /// The schema cannot be read.
    pub fn new(id: u32) -> Result<Self, RecordError> {
        Ok(Self { id, record: PhantomData })
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
        let _ = (record, out);
        Err(RecordError::Encode { name: T::FULL_NAME, reason: "unfinished".into() })
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
    record: PhantomData<fn() -> T>,
}

impl<T: Schema + DeserializeOwned> RecordReader<T> {
    #[must_use]
    pub fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, record: PhantomData }
    }

    /// Decodes a framed record. A writer schema is asked for once; a failed answer is asked for again each time.
    ///
    /// # Errors
    /// The framing is broken, the registry has no answer, or the datum is not what the writer schema says.
    pub fn decode(&self, value: &[u8]) -> Result<T, RecordError> {
        let (id, _) = crate::framing::unframe(value)?;
        let _ = self.schemas.schema(id)?;
        Err(RecordError::Decode { name: T::FULL_NAME, id, reason: "unfinished".into() })
    }
}
