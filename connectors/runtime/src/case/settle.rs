//! Which rows in quarantine are replaced by rows of the file.

use std::collections::BTreeSet;

use barid_schemas::records::{QuarantineState, QuarantinedRow};

use super::{Context, Entry};
use crate::mapping::{MappedRow, RowMapper, SourceConfig};
use crate::source::SourceReason;
use crate::{quarantine, text};

/// Reason codes of the state machine: the row itself can be read, its place in the case is wrong.
const MACHINE_REASONS: &[&str] = &["impossible_transition", "repeated_status", "service_changed"];

/// Reason codes of rows that could not be taken apart. Such a row belongs to its file, not to its columns.
const BROKEN_REASONS: &[&str] =
    &[SourceReason::WrongCellCount.code(), SourceReason::UndecodableText.code(), SourceReason::BrokenJson.code()];

/// A row in quarantine, read again with the configuration of the day.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its key in the quarantine topic.
    pub(crate) key: String,
    pub(crate) record: QuarantinedRow,
    row: MappedRow,
}

impl Stored {
    /// Reads the row again.
    pub(crate) fn read(context: &Context<'_>, record: QuarantinedRow) -> Self {
        let number = u64::try_from(record.row).unwrap_or(0);
        let source = context.config.sources.iter().find(|source| source.name == record.source);
        let mut row = match source {
            Some(source) => RowMapper::new(source, &record.file).map(number, record.columns.clone()),
            None => MappedRow::unreadable(&record.source, &record.file, number, record.columns.clone()),
        };
        // Without its source nobody can read it, and what could not be taken apart cannot be put together from pieces.
        if source.is_none() || is_broken(&record) {
            row.case_key.clone_from(&record.case_key);
            row.problems.clone_from(&record.problems);
        }
        Self { key: quarantine::key(&record), record, row }
    }

    /// The case that the row belongs to today; empty if it does not tell.
    pub(crate) fn case_key(&self) -> &str {
        &self.row.case_key
    }
}

fn is_broken(record: &QuarantinedRow) -> bool {
    record.problems.iter().any(|problem| BROKEN_REASONS.contains(&problem.reason.as_str()))
}

fn is_of_file(row: &MappedRow, record: &QuarantinedRow) -> bool {
    *row.source == *record.source && *row.file == *record.file
}

/// How a row of the file stands to a row in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// The same row.
    Same,
    /// The same row, mended.
    Mended,
}

/// Whether a row of the file is the mended form of a row in quarantine that does not tell its case.
pub(crate) fn replaces(context: &Context<'_>, row: &MappedRow, stored: &Stored) -> bool {
    likeness(context, row, stored).is_some()
}

/// The rows of the file, and of the rows in quarantine those that none of them replaces.
pub(super) fn settle(context: &Context<'_>, rows: Vec<MappedRow>, stored: Vec<Stored>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = rows.into_iter().map(|row| Entry { row, stored: None, since: None }).collect();
    let count = entries.len();
    let mut taken = vec![false; count];
    let mut open = Vec::new();
    for stored in stored {
        if is_broken(&stored.record) && entries[..count].iter().any(|entry| is_of_file(&entry.row, &stored.record)) {
            continue;
        }
        let same = (0..count).find(|&index| likeness(context, &entries[index].row, &stored) == Some(Likeness::Same));
        match same {
            Some(index) => inherit(&mut entries[index], &stored),
            None => open.push(stored),
        }
    }
    for stored in open {
        let mended = (0..count)
            .find(|&index| !taken[index] && likeness(context, &entries[index].row, &stored) == Some(Likeness::Mended));
        match mended {
            Some(index) => {
                taken[index] = true;
                inherit(&mut entries[index], &stored);
            }
            None => {
                let since = Some(stored.record.since);
                entries.push(Entry { row: stored.row.clone(), stored: Some(stored), since });
            }
        }
    }
    entries
}

fn inherit(entry: &mut Entry, stored: &Stored) {
    let since = stored.record.since;
    entry.since = Some(entry.since.map_or(since, |known| known.min(since)));
}

/// A row is the same if all its columns are, whatever their spelling. It is the mended form if all columns are the same
/// but those at fault, or if it has the same `row_key`, or the same status at the same time in the same case.
fn likeness(context: &Context<'_>, row: &MappedRow, stored: &Stored) -> Option<Likeness> {
    let record = &stored.record;
    if *row.source != *record.source {
        return None;
    }
    let mut different = record
        .columns
        .iter()
        .filter(|(column, cell)| row.columns.get(*column).is_none_or(|other| text::key(other) != text::key(cell)))
        .map(|(column, _)| column.as_str())
        .peekable();
    if different.peek().is_none() {
        return Some(Likeness::Same);
    }
    if row.row_key.is_some() && row.row_key == stored.row.row_key {
        return Some(Likeness::Mended);
    }
    if record.state == QuarantineState::Faulty {
        let at_fault = columns_at_fault(context, record);
        if different.all(|column| at_fault.contains(column)) {
            return Some(Likeness::Mended);
        }
    }
    let same_fact = !row.case_key.is_empty()
        && row.case_key == stored.row.case_key
        && row.status.is_some()
        && row.status == stored.row.status
        && row.moment.millis().is_some()
        && row.moment == stored.row.moment
        && row.row_key == stored.row.row_key;
    same_fact.then_some(Likeness::Mended)
}

fn columns_at_fault<'r>(context: &'r Context<'_>, record: &'r QuarantinedRow) -> BTreeSet<&'r str> {
    let mut columns: BTreeSet<&str> = record.problems.iter().filter_map(|problem| problem.column.as_deref()).collect();
    // An impossible transition is as often a wrong date as a wrong status.
    if record.problems.iter().any(|problem| MACHINE_REASONS.contains(&problem.reason.as_str())) {
        let source = context.config.sources.iter().find(|source| source.name == record.source);
        columns.extend(source.into_iter().flat_map(SourceConfig::date_columns));
    }
    columns
}
