//! Subjects, versions, ids, levels and modes, in memory.

use std::sync::{Mutex, PoisonError};

/// Everything the registry knows.
#[derive(Debug, Default)]
pub(crate) struct Store {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    next_id: u32,
}

impl Store {
    pub(crate) fn clear(&self) {
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = Content::default();
    }
}
