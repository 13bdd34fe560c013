//! The mapping of a connector: `connector.toml`, checked, and rows of text made into rows with meaning.
//!
//! [`written`] is the file as people write it, [`check`] turns it into the [`ConnectorConfig`] that the rest uses and
//! tells all mistakes at once, [`target`] knows the fields of an event, [`row`] applies the rules to one row, [`problem`]
//! words what is wrong with it. Building a configuration reads no file: the export is looked at when it is read.

mod case_key;
mod check;
mod columns;
mod problem;
mod row;
mod target;
mod written;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barid_mistake::Mistakes;
use barid_schemas::Catalogue;
use barid_schemas::catalogue::Service;

use crate::cast::{Cast, CastOptions};
use crate::source::FileFormat;

pub(crate) use check::FILL_IN;
pub(crate) use columns::Columns;
pub(crate) use problem::{MachineRule, ROW_TOO_LARGE, RowReason, machine_problem, of_source, row_too_large};
pub(crate) use row::{MappedRow, Moment, RowMapper};
use target::Fact;
pub(crate) use target::Target;

/// A connector's configuration, checked against the catalogue.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// The agency that the connector writes for.
    pub agency: String,
    /// Publish what the state machine does not allow, flagged, instead of holding it back.
    pub lenient: bool,
    pub sources: Vec<SourceConfig>,
    /// SHA-256 of everything that decides how a row is read; 64 hexadecimal digits.
    pub sha256: String,
    /// The services that the agency may publish, by code.
    pub(crate) services: BTreeMap<String, Service>,
}

/// One source of a connector.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    pub name: String,
    /// A file, a folder or a pattern, relative to the working folder or absolute.
    pub path: PathBuf,
    /// What is pinned of the file's format; the rest is found out.
    pub format: FileFormat,
    pub(crate) row_key: Option<String>,
    pub(crate) case: CaseRule,
    pub(crate) service: ServiceRule,
    pub(crate) status: StatusRule,
    /// In the order of the targets' table.
    pub(crate) fields: Vec<FieldRule>,
    /// The columns that the mapping reads, each once.
    pub(crate) columns: BTreeSet<String>,
    /// County names and agency codes, for the targets that hold one.
    pub(crate) places: Arc<Places>,
}

impl SourceConfig {
    /// The columns that the mapping reads, each once.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }
}

impl SourceConfig {
    /// The columns that may tell when a status came about.
    pub(crate) fn date_columns(&self) -> impl Iterator<Item = &str> {
        let rules =
            self.fields.iter().filter(|field| field.target.path == "occurred_at").flat_map(|field| &field.rules);
        rules.filter_map(|rule| match &rule.input {
            Input::Column(column) => Some(column.as_str()),
            _ => None,
        })
    }
}

/// What the catalogue knows by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// Matching key of a county's code or name → code.
    pub(crate) counties: BTreeMap<String, String>,
    /// The counties' Persian names, for the cure of a fault.
    pub(crate) county_names: Vec<String>,
    pub(crate) agencies: BTreeSet<String>,
}

/// Which columns make the case, together.
#[derive(Debug, Clone)]
pub(crate) struct CaseRule {
    pub(crate) columns: Vec<String>,
    pub(crate) cast: Cast,
    /// Stands before the number in the key of the case and nowhere else; empty if the number is enough.
    pub(crate) prefix: String,
}

/// Where the service comes from.
#[derive(Debug, Clone)]
pub(crate) enum ServiceRule {
    Fixed(String),
    Words { column: String, options: CastOptions, words: Vec<String> },
}

impl ServiceRule {
    /// The services that rows may have.
    pub(crate) fn codes(&self) -> BTreeSet<String> {
        match self {
            Self::Fixed(service) => BTreeSet::from([service.clone()]),
            Self::Words { options, .. } => options.words.values().cloned().collect(),
        }
    }
}

/// The status words of each service.
#[derive(Debug, Clone)]
pub(crate) struct StatusRule {
    pub(crate) column: String,
    /// Service code → its words.
    pub(crate) words: BTreeMap<String, StatusWords>,
}

#[derive(Debug, Clone)]
pub(crate) struct StatusWords {
    /// Matching key of the word → status code.
    pub(crate) codes: BTreeMap<String, String>,
    /// The words as written, for the cure of a fault.
    pub(crate) words: Vec<String>,
}

/// How one target is filled: by the first rule whose condition holds.
#[derive(Debug, Clone)]
pub(crate) struct FieldRule {
    pub(crate) target: &'static Target,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) when: When,
    pub(crate) input: Input,
    pub(crate) cast: Cast,
    pub(crate) options: CastOptions,
    /// Words that the table does not know leave the field empty instead of stopping the row.
    pub(crate) other_words_empty: bool,
    pub(crate) split: Option<Split>,
    pub(crate) required: bool,
}

/// Where a rule takes its value from.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Column(String),
    Constant(Fact),
    /// The code of the row's status.
    Status,
    /// The moment of reading, for a row whose source tells no time.
    Observed,
}

/// One part of a cell.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) by: String,
    /// Counted from 1.
    pub(crate) part: usize,
}

/// All conditions must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    pub(crate) status: Vec<String>,
    pub(crate) status_not: Vec<String>,
    pub(crate) service: Vec<String>,
    pub(crate) column: Option<ColumnIs>,
}

#[derive(Debug, Clone)]
pub(crate) struct ColumnIs {
    pub(crate) column: String,
    /// Matching keys; empty: every text.
    pub(crate) is: Vec<String>,
    pub(crate) is_not: Vec<String>,
}

/// Reads a `connector.toml`.
///
/// `path` is where `text` was read from: mistakes name it, and the paths of the sources are relative to its folder.
///
/// # Errors
///
/// All mistakes at once.
pub fn load_config(text: &str, path: &Path, catalogue: &Catalogue) -> Result<ConnectorConfig, Mistakes> {
    check::check(text, path, catalogue)
}
