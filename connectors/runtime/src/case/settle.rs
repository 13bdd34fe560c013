//! Which rows in quarantine are replaced by rows of the file.

use std::collections::{BTreeSet, HashMap, HashSet};

use barid_schemas::Millis;
use barid_schemas::records::{CaseState, QuarantineState, QuarantinedRow};

use super::{Context, Entry, identity};
use crate::mapping::{MappedRow, ROW_TOO_LARGE, RowMapper, SourceConfig};
use crate::source::SourceReason;
use crate::{command, quarantine, text};

/// Reason codes of the state machine: the row itself can be read, its place in the case is wrong.
const MACHINE_REASONS: &[&str] = &["impossible_transition", "repeated_status", "service_changed"];

/// Reason codes of rows that could not be taken apart or kept whole. Such a row belongs to its file, not to its columns.
const BROKEN_REASONS: &[&str] = &[
    SourceReason::WrongCellCount.code(),
    SourceReason::UndecodableText.code(),
    SourceReason::BrokenJson.code(),
    ROW_TOO_LARGE,
];

/// A row in quarantine, read again with the configuration of the day.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its key in the quarantine topic.
    pub(crate) key: String,
    pub(crate) record: QuarantinedRow,
    row: MappedRow,
    /// Whether the office has given the row to another case ([`Elsewhere`]).
    pub(crate) has_moved: bool,
    /// Whether the row, which could not be taken apart, would stand in what is being read if it were still there.
    would_be_shown: bool,
}

impl Stored {
    /// Reads the row again.
    pub(crate) fn read(context: &Context<'_>, record: QuarantinedRow) -> Self {
        let number = u64::try_from(record.row).unwrap_or(0);
        let source = context.config.sources.iter().find(|source| source.name == record.source);
        let fix = record.decision.as_ref().filter(|decision| decision.action == command::FIX);
        let mut row = match (source, fix) {
            (Some(source), Some(fix)) => {
                command::read_fixed(&RowMapper::new(source, &record.file), number, &(&record.columns).into(), fix)
            }
            (Some(source), None) => RowMapper::new(source, &record.file).map(number, (&record.columns).into()),
            (None, _) => MappedRow::unreadable(&record.source, &record.file, number, (&record.columns).into()),
        };
        // Without its source nobody can read it, and what could not be taken apart cannot be put together from pieces, unless
        // an operator has done it. What was left out of a row that is too large nobody sees.
        let is_in_pieces = is_broken(&record) && (fix.is_none() || is_too_large(&record));
        if source.is_none() || is_in_pieces {
            row.case_key.clone_from(&record.case_key);
            row.problems.clone_from(&record.problems);
        }
        Self { key: quarantine::key(&record), record, row, has_moved: false, would_be_shown: false }
    }

    /// Notes what is being read from start to end, before anything of it is planned. `repeats` says that most of its rows have
    /// been published before.
    ///
    /// A row that could not be taken apart can hardly be recognised in its mended form. But once it stands neither in its own
    /// file any more nor in a new file of its source that repeats what earlier ones held, it has been mended or removed, and
    /// what it should have said is what stands there now. A file that holds new rows only says nothing about it, and neither
    /// does an old one that is read again because the mapping is new.
    pub(crate) fn note_reading(&mut self, context: &Context<'_>, source: &str, file: &str, repeats: bool) {
        let is_new = context.read_before.is_none();
        self.would_be_shown =
            is_broken(&self.record) && self.record.source == source && (self.record.file == file || is_new && repeats);
    }

    /// Whether the row has left the quarantine and only its decision is known.
    pub(crate) fn is_settled(&self) -> bool {
        self.record.is_settled()
    }

    /// The case that the row belongs to today; empty if it does not tell.
    pub(crate) fn case_key(&self) -> &str {
        &self.row.case_key
    }
}

fn is_broken(record: &QuarantinedRow) -> bool {
    record.problems.iter().any(|problem| BROKEN_REASONS.contains(&problem.reason.as_str()))
}

fn is_too_large(record: &QuarantinedRow) -> bool {
    record.problems.iter().any(|problem| problem.reason == ROW_TOO_LARGE)
}

fn is_refused_by_machine(record: &QuarantinedRow) -> bool {
    record.problems.iter().any(|problem| MACHINE_REASONS.contains(&problem.reason.as_str()))
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
    !stored.is_settled() && likeness(context, row, stored).is_some()
}

/// Whether a row of a file is one that was in quarantine, cell by cell, whatever the spelling.
pub(crate) fn is_same_row(row: &MappedRow, record: &QuarantinedRow) -> bool {
    *row.source == *record.source
        && row.columns.is_empty() == record.columns.is_empty()
        && record.columns.iter().all(|(column, cell)| has_cell(row, column, cell))
}

fn has_cell(row: &MappedRow, column: &str, cell: &str) -> bool {
    row.columns.get(column).is_some_and(|other| text::key(other) == text::key(cell))
}

/// The rows of the file, and of the rows in quarantine those that none of them replaces.
///
/// What replaces a row is asked from the surest to the least sure: the same row, its mended form ([`likeness`]), a row that
/// has taken its place ([`Settling::take_place_of`]).
pub(super) fn settle(
    context: &Context<'_>,
    state: Option<&CaseState>,
    rows: Vec<MappedRow>,
    stored: Vec<Stored>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = rows.into_iter().map(Entry::of_file).collect();
    super::order(&mut entries);
    let count = entries.len();
    let mut settling = Settling { context, state, replaced: vec![Vec::new(); count], known: Vec::new() };
    let mut open: Vec<Stored> = Vec::new();
    for stored in stored.into_iter().filter(|stored| !stored.has_moved) {
        match settling.find_same(&entries, &stored) {
            Some(index) if stored.is_settled() => entries[index].decision.clone_from(&stored.record.decision),
            Some(index) => {
                settling.replaced[index].push(stored.record.since);
                inherit(&mut entries[index], &stored);
                entries[index].decision.clone_from(&stored.record.decision);
            }
            None if stored.is_settled() => {}
            None if stored.would_be_shown => {}
            None => open.push(stored),
        }
    }
    open.retain(|stored| match settling.find_mended(&entries, stored) {
        Some(index) => {
            settling.replaced[index].push(stored.record.since);
            inherit(&mut entries[index], stored);
            false
        }
        None => true,
    });
    settling.known = identity::recognise(state, entries.iter().map(|entry| &entry.row)).of_entries;
    let replacing: Vec<Option<usize>> =
        open.iter().map(|stored| settling.take_place_of(&entries, &open, stored)).collect();
    for (stored, replacing) in open.into_iter().zip(replacing) {
        match replacing {
            Some(index) => inherit(&mut entries[index], &stored),
            None => {
                let (since, decision) = (Some(stored.record.since), stored.record.decision.clone());
                entries.push(Entry { row: stored.row.clone(), stored: Some(stored), since, decision });
            }
        }
    }
    entries
}

/// Which rows of the file have been found to be rows in quarantine.
struct Settling<'a> {
    context: &'a Context<'a>,
    state: Option<&'a CaseState>,
    /// Since when the rows in quarantine that each row replaces have been there. One row of the file may mend several of
    /// different readings, for an office mends one cell and damages another. Of one reading it mends one: two rows that
    /// stood in one file are two facts.
    replaced: Vec<Vec<Millis>>,
    /// Which published row each one is.
    known: Vec<Option<usize>>,
}

impl Settling<'_> {
    fn find_same(&self, entries: &[Entry], stored: &Stored) -> Option<usize> {
        entries.iter().position(|entry| likeness(self.context, &entry.row, stored) == Some(Likeness::Same))
    }

    fn find_mended(&self, entries: &[Entry], stored: &Stored) -> Option<usize> {
        (0..entries.len()).find(|&index| {
            let row = &entries[index].row;
            self.may_replace(index, stored)
                && likeness(self.context, row, stored) == Some(Likeness::Mended)
                && !self.is_another_fact(row, &stored.record)
        })
    }

    /// A row that the machine did not allow can be read, so a published row of its case is another fact, however much they
    /// look alike. Unless it stands in the same file: there the impossible row was set back.
    fn is_another_fact(&self, row: &MappedRow, record: &QuarantinedRow) -> bool {
        is_refused_by_machine(record)
            && !is_of_file(row, record)
            && self.state.is_some_and(|state| identity::is_published(state, row))
    }

    /// Finds a new row that stands where a row in quarantine, which the file no longer has, would stand: the office has
    /// corrected more in it than what was at fault. That is, it has the same status, and nothing shows that the case had
    /// another one between the two; or the status was at fault, and it is of the same moment.
    fn take_place_of(&mut self, entries: &[Entry], open: &[Stored], stored: &Stored) -> Option<usize> {
        let old = &stored.row;
        let index = (0..entries.len()).find(|&index| {
            let row = &entries[index].row;
            let may = self.known[index].is_none()
                && self.may_replace(index, stored)
                && !row.case_key.is_empty()
                && row.source == old.source
                && row.row_key == old.row_key
                && row.status.is_some();
            let Some(at) = row.moment.millis().filter(|_| may) else { return false };
            let differs = |other: &MappedRow| other.status.is_some() && other.status != row.status;
            match old.moment.millis() {
                _ if row.status != old.status => old.status.is_none() && old.moment.millis() == Some(at),
                Some(was) => {
                    let between = was.min(at)..=was.max(at);
                    let mut others = entries.iter().map(|entry| &entry.row).chain(open.iter().map(|open| &open.row));
                    !others.any(|other| differs(other) && other.moment.millis().is_some_and(|at| between.contains(&at)))
                }
                // When the old one was, nobody knows: no other new row may stand before this one.
                None => !(0..index).any(|before| self.is_new(before) && differs(&entries[before].row)),
            }
        })?;
        self.replaced[index].push(stored.record.since);
        Some(index)
    }

    fn may_replace(&self, index: usize, stored: &Stored) -> bool {
        !self.replaced[index].contains(&stored.record.since)
    }

    /// Whether a row is neither published nor in quarantine in any form.
    fn is_new(&self, index: usize) -> bool {
        self.known[index].is_none() && self.replaced[index].is_empty()
    }
}

fn inherit(entry: &mut Entry, stored: &Stored) {
    let since = stored.record.since;
    entry.since = Some(entry.since.map_or(since, |known| known.min(since)));
}

/// A row is the same if all its columns are, whatever their spelling. It is the mended form if all columns are the same
/// but those at fault, or if it has the same `row_key`, or the same status at the same time in the same case.
fn likeness(context: &Context<'_>, row: &MappedRow, stored: &Stored) -> Option<Likeness> {
    let record = &stored.record;
    // Of a row that could not be taken apart there may be no cell at all; then no row with cells is like it.
    if *row.source != *record.source || record.columns.is_empty() != row.columns.is_empty() {
        return None;
    }
    let mut different = record
        .columns
        .iter()
        .filter(|(column, cell)| !has_cell(row, column, cell))
        .map(|(column, _)| column.as_str())
        .peekable();
    if different.peek().is_none() {
        return Some(Likeness::Same);
    }
    // A key may be counted in each case anew, so it names no row of a case that is not known.
    let same_case = !row.case_key.is_empty() && row.case_key == stored.row.case_key;
    if same_case && row.row_key.is_some() && row.row_key == stored.row.row_key {
        return Some(Likeness::Mended);
    }
    if record.state == QuarantineState::Faulty {
        let at_fault = columns_at_fault(context, record);
        // Something has to be left by which it is recognised.
        let is_recognised =
            record.columns.iter().any(|(column, cell)| !text::key(cell).is_empty() && has_cell(row, column, cell));
        if is_recognised && different.all(|column| at_fault.contains(column)) {
            return Some(Likeness::Mended);
        }
    }
    let same_fact = same_case
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
    if is_refused_by_machine(record) {
        let source = context.config.sources.iter().find(|source| source.name == record.source);
        columns.extend(source.into_iter().flat_map(SourceConfig::date_columns));
    }
    columns
}

/// Rows in quarantine that the machine did not allow, looked for in other cases: the number of the case was the mistake.
///
/// Such a row has left the case that it stood in once the file holds it no more, but the same row in another case.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// By everything but the case.
    rows: HashMap<u128, Vec<Sought>>,
    cases: HashSet<String>,
}

#[derive(Debug)]
struct Sought {
    case_key: String,
    /// Its key in the quarantine topic.
    key: String,
    still_there: bool,
    found: bool,
}

impl Elsewhere {
    pub(crate) fn of<'s>(context: &Context<'_>, stored: impl Iterator<Item = &'s Stored>) -> Self {
        let mut elsewhere = Self::default();
        for stored in stored.filter(|stored| !stored.is_settled() && is_refused_by_machine(&stored.record)) {
            let Some(hash) = without_case(context, &stored.row) else { continue };
            let sought = Sought {
                case_key: stored.case_key().to_owned(),
                key: stored.key.clone(),
                still_there: false,
                found: false,
            };
            elsewhere.cases.insert(sought.case_key.clone());
            elsewhere.rows.entry(hash).or_default().push(sought);
        }
        elsewhere
    }

    /// Looks at a row of the file; `is_new` if it has not been published.
    pub(crate) fn look_at(&mut self, context: &Context<'_>, row: &MappedRow, is_new: bool) {
        // The rows of a file are many, those that matter here are few.
        if self.rows.is_empty() || row.case_key.is_empty() || !(is_new || self.cases.contains(&row.case_key)) {
            return;
        }
        let Some(alike) = without_case(context, row).and_then(|hash| self.rows.get_mut(&hash)) else { return };
        for sought in alike {
            if sought.case_key == row.case_key {
                sought.still_there = true;
            } else {
                sought.found |= is_new && row.is_sound();
            }
        }
    }

    /// The cases and quarantine keys of the rows that have moved.
    pub(crate) fn moved(self) -> impl Iterator<Item = (String, String)> {
        let sought = self.rows.into_values().flatten();
        sought.filter(|sought| sought.found && !sought.still_there).map(|sought| (sought.case_key, sought.key))
    }
}

/// A hash of the source and all columns but those of the case, whatever their spelling.
fn without_case(context: &Context<'_>, row: &MappedRow) -> Option<u128> {
    let source = context.config.sources.iter().find(|source| *source.name == *row.source)?;
    let columns = row.columns.iter().filter(|(column, _)| !source.case.columns.iter().any(|of_case| of_case == column));
    Some(identity::hash_of(&row.source, columns))
}
