//! A file of an office becomes a header and rows of text.
//!
//! (skeleton)

mod fault;
mod format;
mod settled;

use std::path::Path;

pub use fault::{SourceFault, SourceReason};
pub use format::{Encoding, FileFormat, Kind, Separator};
pub use settled::{Observation, settled};

/// What stands before the ISO 8601 form of a cell that Excel itself holds as a date: `excel-date:2022-10-04` or
/// `excel-date:2022-10-04T09:12:44`. Excel's dates are Gregorian days whatever calendar the sheet shows; the mark lets
/// the casts tell them from text that somebody typed, also after the cell has been stored in the quarantine.
pub const EXCEL_DATE: &str = "excel-date:";

/// One data row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Data rows count from 1.
    pub row: u64,
    /// As many as the header has, each as it was written.
    pub cells: Vec<String>,
}

/// A file that has been looked through and found whole; an iterator over its rows.
///
/// An error for which [`SourceFault::is_of_one_row`] holds leaves the rows after it readable; after any other the
/// iterator ends.
#[derive(Debug)]
pub struct Opened {
    header: Vec<String>,
    format: FileFormat,
    sha256: [u8; 32],
    size_bytes: u64,
}

impl Opened {
    /// Opens the file, finds out what `format` does not say, and looks through it once.
    pub fn open(path: &Path, format: &FileFormat) -> Result<Self, SourceFault> {
        let _ = (path, format);
        unimplemented!()
    }

    /// The names of the columns as written; JSON pointers for JSON Lines.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The index of a column: by its exact name, else by its matching key (so that `كد ملي` finds `کد ملی`).
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        let key = crate::text::key(name);
        self.header
            .iter()
            .position(|column| column == name)
            .or_else(|| self.header.iter().position(|column| crate::text::key(column) == key))
    }

    /// A fault for each of these columns that the header does not have.
    pub fn missing_columns<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<SourceFault> {
        let _ = names.into_iter();
        Vec::new()
    }

    /// What the file is written in, complete, to be pinned in the configuration.
    #[must_use]
    pub fn format(&self) -> &FileFormat {
        &self.format
    }

    /// The SHA-256 of the file's bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The size of the file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Iterator for Opened {
    type Item = Result<Row, SourceFault>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
