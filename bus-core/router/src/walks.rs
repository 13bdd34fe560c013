//! The compiled walks, one for each writer schema id.
//!
//! A walk that was compiled stays for the life of the slot: a schema id never changes its meaning. What the registry does
//! not know is asked again each time, for it may learn.

use std::collections::HashMap;
use std::sync::Arc;

use barid_codec::{RegistryError, Schemas, Walk};

/// Why there is no walk for a schema id.
#[derive(Debug)]
pub(crate) enum WalkUnavailable {
    /// The registry does not know the id or does not answer: it may later.
    Registry(RegistryError),
    /// The schema is known and is no case event: it never will be.
    Foreign(String),
}

/// The walks of one slot.
pub(crate) struct Walks {
    schemas: Arc<dyn Schemas>,
    /// `Err` holds why the schema is no case event.
    compiled: HashMap<u32, Result<Arc<Walk>, String>>,
}

impl Walks {
    pub(crate) fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, compiled: HashMap::new() }
    }

    /// The walk of a schema id.
    ///
    /// # Errors
    ///
    /// [`WalkUnavailable::Registry`] means try again later, [`WalkUnavailable::Foreign`] never changes.
    pub(crate) fn get(&mut self, schema_id: u32) -> Result<Arc<Walk>, WalkUnavailable> {
        if !self.compiled.contains_key(&schema_id) {
            let schema = self.schemas.schema(schema_id).map_err(WalkUnavailable::Registry)?;
            let walk = Walk::compile(&schema).map(Arc::new).map_err(|error| error.to_string());
            self.compiled.insert(schema_id, walk);
        }
        self.compiled[&schema_id].clone().map_err(WalkUnavailable::Foreign)
    }
}
