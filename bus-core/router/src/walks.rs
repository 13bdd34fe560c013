//! The compiled walks, by writer schema id.
//!
//! A walk that was compiled stays for the life of the slot. What the registry does not know is asked again each time, for it
//! may learn. And a registry that lost its memory gives old ids to other schemas: so before a record is held to be broken,
//! the registry is asked once more whether the id means something else by now, and each meaning that an id ever had is
//! kept. Trying several is safe, because a walk validates the whole datum.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use barid_codec::{RegistryError, Schemas, Spans, Walk, WalkError};
use barid_schemas::case_event::AVSC;

/// How long the registry is left alone after it did not answer, as a multiple of the time that the silence took. A slot
/// stands still while it asks; so its other partitions have two thirds of the time.
const REST: u32 = 2;

/// Why a datum could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The registry does not know the id or does not answer: it may later.
    Registry(RegistryError),
    /// The registry gives a schema of another kind for the id, but the datum is a case event: the registry has lost its
    /// memory and counted anew.
    Reassigned,
    /// The schema is no case event, and neither is the datum.
    Foreign(String),
    /// The datum is not what its schema says.
    Datum(WalkError),
}

/// The walks of one slot.
pub(crate) struct Walks {
    schemas: Arc<dyn Schemas>,
    /// The meanings of each id, the oldest first; nearly always one.
    kept: HashMap<u32, Vec<Kept>>,
    /// The registry did not answer, and is not asked before this instant.
    resting: Option<(Instant, RegistryError)>,
}

struct Kept {
    schema: Arc<str>,
    walk: Arc<Walk>,
}

impl Walks {
    pub(crate) fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, kept: HashMap::new(), resting: None }
    }

    /// Walks over a datum that was written with the schema of this id.
    ///
    /// # Errors
    ///
    /// [`Unread::Registry`] and [`Unread::Reassigned`] mean try again later, the others never change.
    pub(crate) fn read<'d>(&mut self, id: u32, datum: &'d [u8]) -> Result<(Arc<Walk>, Spans<'d>), Unread> {
        let mut read = self.try_kept(id, datum);
        if read.is_none() {
            // The client may have kept what the id meant before.
            let schema = self.ask(id).map_err(Unread::Registry)?;
            let _ = self.keep(id, schema);
            read = self.try_kept(id, datum);
        }
        match read {
            Some(Ok(read)) => Ok(read),
            Some(Err(_)) | None => self.read_anew(id, datum),
        }
    }

    /// No meaning that is known fits: perhaps there is a newer one.
    fn read_anew<'d>(&mut self, id: u32, datum: &'d [u8]) -> Result<(Arc<Walk>, Spans<'d>), Unread> {
        self.schemas.forget(id);
        let schema = self.ask(id).map_err(Unread::Registry)?;
        if let Err(reason) = self.keep(id, schema) {
            return Err(if self.is_case_event(datum) { Unread::Reassigned } else { Unread::Foreign(reason) });
        }
        match self.try_kept(id, datum) {
            Some(read) => read.map_err(Unread::Datum),
            None => Err(Unread::Foreign("the registry gives no schema of a case event".to_owned())),
        }
    }

    /// `None` if no meaning of the id is known; the error is that of the newest meaning.
    fn try_kept<'d>(&self, id: u32, datum: &'d [u8]) -> Option<Result<(Arc<Walk>, Spans<'d>), WalkError>> {
        let mut fault = None;
        for kept in self.kept.get(&id)? {
            match kept.walk.run(datum) {
                Ok(spans) => return Some(Ok((Arc::clone(&kept.walk), spans))),
                Err(error) => fault = Some(Err(error)),
            }
        }
        fault
    }

    /// Compiles and keeps the schema as a meaning of the id; does nothing if it is one already.
    fn keep(&mut self, id: u32, schema: Arc<str>) -> Result<(), String> {
        let meanings = self.kept.get(&id).map_or(&[][..], Vec::as_slice);
        if meanings.iter().any(|kept| kept.schema == schema) {
            return Ok(());
        }
        let walk = Walk::compile(&schema).map_err(|error| error.to_string())?;
        self.kept.entry(id).or_default().push(Kept { schema, walk: Arc::new(walk) });
        Ok(())
    }

    /// Whether our own schema, or any that this slot has seen, reads the datum to its last byte.
    fn is_case_event(&self, datum: &[u8]) -> bool {
        let seen = self.kept.values().flatten().any(|kept| kept.walk.run(datum).is_ok());
        seen || Walk::compile(AVSC).is_ok_and(|walk| walk.run(datum).is_ok())
    }

    fn ask(&mut self, id: u32) -> Result<Arc<str>, RegistryError> {
        if let Some((until, error)) = &self.resting
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        let asked = Instant::now();
        let answer = self.schemas.schema(id);
        self.resting = match &answer {
            Err(error @ RegistryError::Unavailable { .. }) => {
                Some((Instant::now() + asked.elapsed() * REST, error.clone()))
            }
            _ => None,
        };
        answer
    }
}
