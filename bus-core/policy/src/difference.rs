//! Difference.

use serde::Serialize;

use crate::load::Policy;

/// What a new policy changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// `permit`, `subscription`, `agency`, ...
    pub what: &'static str,
    /// Which one.
    pub subject: String,
    /// What changes in it.
    pub details: Vec<String>,
    /// Whether somebody can see something that was withheld before.
    pub gives_more: bool,
}

/// How it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

impl Difference {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether somebody can see something that was withheld before.
    #[must_use]
    pub fn gives_more(&self) -> bool {
        self.changes.iter().any(|change| change.gives_more)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, _formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// What `new` changes of `old`.
#[must_use]
pub fn difference(_old: &Policy, _new: &Policy) -> Difference {
    Difference::default()
}
