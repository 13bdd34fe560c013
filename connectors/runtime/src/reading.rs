//! One reading of one file.

use serde::Serialize;

use crate::source::SourceFault;

/// The counts of one reading of one file. `rows = published + unchanged + quarantined + waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub agency: String,
    pub source: String,
    /// The file's name without its folder.
    pub file: String,
    /// Data rows of the file.
    pub rows: u64,
    /// Rows that became events, corrections included.
    pub published: u64,
    /// Rows already published with the same content.
    pub unchanged: u64,
    /// Rows at fault.
    pub quarantined: u64,
    /// Sound rows that wait behind a row at fault.
    pub waiting: u64,
    /// Rows of earlier files that had waited and have become events by this reading.
    pub released: u64,
}

/// A file that could not be read, with the counts of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    pub source: String,
    /// All that is wrong, one or more.
    pub faults: Vec<SourceFault>,
}
