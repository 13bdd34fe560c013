//! Whether a file that another program writes is finished.

use std::fs::Metadata;
use std::time::SystemTime;

/// What can be seen of a file from outside at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    pub size_bytes: u64,
    pub modified: Option<SystemTime>,
}

impl Observation {
    /// What the file system tells about the file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { size_bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Whether a file has stopped growing: two observations, one poll apart, are equal.
///
/// The caller looks, waits and looks again; nothing here touches a file or a clock. A file whose writer pauses longer
/// than one poll passes; the reader then finds the torn end by itself
/// ([`super::SourceReason::HalfWritten`], [`super::SourceReason::UnclosedQuote`]).
#[must_use]
pub fn settled(earlier: &Observation, later: &Observation) -> bool {
    earlier == later
}
