//! Trial.

use serde::Serialize;

use crate::event::EventFacts;
use crate::index::Index;
use crate::watch::WatchTable;

/// What a new policy changes for one subscriber of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consequence {
    pub subscriber: String,
    /// What it got; `None` if nothing.
    pub before: Option<Copy>,
    /// What it would get; `None` if nothing.
    pub after: Option<Copy>,
}

/// What one copy shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copy {
    pub permit: String,
    pub view: &'static str,
    pub groups: Vec<&'static str>,
    pub handles: Vec<String>,
}

/// The subscribers for which the two policies decide differently about an event, by name.
#[must_use]
pub fn compare(_old: &Index, _new: &Index, _watch: &WatchTable, _facts: &EventFacts<'_>) -> Vec<Consequence> {
    Vec::new()
}
