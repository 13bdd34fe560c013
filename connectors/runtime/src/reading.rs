//! One reading of one file: rows grouped by case, planned case by case.
//!
//! A file is looked through once to map its rows. As long as they are few they are kept, and the cases are planned at
//! once. A large file is not kept: the first look only notes which cases have something new, and the rows of these are
//! read again, [`ROWS_HELD`] at a time. So a full export of a million rows of which ten are new costs one look and ten
//! rows of memory. A fault of the file is found by the first look, before anything is planned.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use barid_schemas::records::{CaseState, QuarantinedRow};
use serde::Serialize;

use crate::case::{CasePlan, Context, Elsewhere, Outcome, Stored, is_published, plan, plan_caseless, replaces};
use crate::command::Decided;
use crate::folder;
use crate::mapping::{MappedRow, RowMapper, SourceConfig, row_too_large};
use crate::source::{Opened, SourceFault, fingerprint};

/// How many rows of a file are held at once: some hundred megabytes at most.
pub(crate) const ROWS_HELD: usize = 50_000;

/// What the mapped cells of one row may hold together, bytes. In quarantine each fault of a cell quotes it three times, and a
/// record that is larger than the broker takes would stop the whole connector.
const MOST_ROW_BYTES: usize = 64 * 1024;
/// A cell above this is left out of a row that is too large.
const MOST_KEPT_CELL_BYTES: usize = 1024;

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
    /// Rows already published with the same content, and those that an operator has dropped.
    pub unchanged: u64,
    /// Rows at fault.
    pub quarantined: u64,
    /// Sound rows that wait behind a row at fault.
    pub waiting: u64,
    /// Rows of earlier files that had waited and have become events by this reading.
    pub released: u64,
}

impl FileReport {
    pub(crate) fn count(&mut self, plan: &CasePlan) {
        for (_, outcome) in &plan.outcomes {
            match outcome {
                Outcome::Published => self.published += 1,
                Outcome::Unchanged => self.unchanged += 1,
                Outcome::Quarantined => self.quarantined += 1,
                Outcome::Waiting => self.waiting += 1,
            }
        }
        self.released += plan.released;
    }
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    pub source: String,
    /// All that is wrong, one or more.
    pub faults: Vec<SourceFault>,
}

/// What a connector knows: the topics `cases` and `quarantine` of its agency, in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) cases: HashMap<String, CaseState>,
    /// By key; rows that are settled and only remembered are here too.
    pub(crate) quarantine: BTreeMap<String, QuarantinedRow>,
}

impl Memory {
    /// The rows that are in quarantine.
    pub(crate) fn open_rows(&self) -> impl Iterator<Item = &QuarantinedRow> {
        self.quarantine.values().filter(|row| !row.is_settled())
    }

    /// Takes over what a plan says; to be called once it is written.
    pub(crate) fn apply(&mut self, plan: &CasePlan) {
        if let Some(state) = &plan.state {
            self.cases.insert(state.case_key.clone(), state.clone());
        }
        for key in &plan.tombstones {
            self.quarantine.remove(key);
        }
        for row in &plan.upserts {
            self.quarantine.insert(crate::quarantine::key(row), row.clone());
        }
    }
}

/// Who takes the plans: the writer, or a dry run.
pub(crate) trait Sink {
    /// Why it cannot take more.
    type Error;

    /// What is known. Plans that are taken but not yet written may be missing: a case comes once in a reading.
    fn memory(&self) -> &Memory;

    /// Whether nothing more is wanted.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Takes the plan of one case.
    fn take(&mut self, plan: CasePlan) -> Result<(), Self::Error>;
}

/// How a reading ended early.
#[derive(Debug)]
pub(crate) enum ReadingError<E> {
    /// The file cannot be read; nothing of it has been planned.
    File(Vec<SourceFault>),
    /// The file changed between two looks: it will be read again.
    Changed,
    /// The sink wants nothing more.
    Stopped,
    Sink(E),
}

/// Reads one file of a source and hands the plan of each case with something new to `sink`. Gives the counts and the
/// SHA-256 of the file.
pub(crate) fn read_file<S: Sink>(
    context: &Context<'_>,
    source: &SourceConfig,
    path: &Path,
    sink: &mut S,
) -> Result<(FileReport, [u8; 32]), ReadingError<S::Error>> {
    let file = folder::name(path);
    let reader = FileReader { source, path, mapper: RowMapper::new(source, &file) };
    let mut report = FileReport {
        agency: context.config.agency.clone(),
        source: source.name.clone(),
        file,
        ..FileReport::default()
    };
    let mut stored = StoredRows::of(context, sink.memory().quarantine.values());
    let mut cases: HashMap<String, CaseLook> = HashMap::new();
    let mut held = Some(Vec::new());
    let mut known_rows = 0;
    let mut elsewhere = Elsewhere::of(context, stored.by_case.values().flatten());
    let decided = Decided::of(context, sink.memory());
    let sha256 = reader.each(sink, |row, sink| {
        report.rows += 1;
        let Some(row) = decided.read(&reader.mapper, row) else {
            report.unchanged += 1;
            return;
        };
        stored.look_for_caseless(context, &row);
        let case =
            cases.entry(row.case_key.clone()).or_insert(CaseLook { first_row: row.row, rows: 0, touched: false });
        case.rows += 1;
        let is_new = !sink.memory().cases.get(&row.case_key).is_some_and(|state| is_published(state, &row));
        known_rows += u64::from(!is_new);
        case.touched |= stored.has(&row.case_key) || is_new;
        elsewhere.look_at(context, &row, is_new);
        if held.as_ref().is_some_and(|rows: &Vec<MappedRow>| rows.len() >= context.rows_held) {
            held = None;
        }
        if let Some(rows) = &mut held {
            rows.push(row);
        }
    })?;
    report.unchanged += cases.values().filter(|case| !case.touched).map(|case| case.rows).sum::<u64>();
    // The case that a row has left comes before the one that it went to: killed in between, the row is still new.
    if context.read_before.is_some_and(|before| before != sha256) {
        return Err(ReadingError::Changed);
    }
    stored.note_reading(context, &report, known_rows);
    for case_key in stored.note_moved(elsewhere.moved()) {
        match cases.get_mut(&case_key) {
            Some(case) => case.first_row = 0,
            None => take(plan_case(context, &case_key, &mut stored, Vec::new(), sink.memory()), &mut report, sink)?,
        }
    }

    let mut touched: Vec<(String, CaseLook)> = cases.into_iter().filter(|(_, case)| case.touched).collect();
    touched.sort_by_key(|(_, case)| case.first_row);
    for chunk in chunks(&touched, context.rows_held) {
        let mut rows: HashMap<&str, Vec<MappedRow>> = chunk.iter().map(|(key, _)| (key.as_str(), Vec::new())).collect();
        let mut keep = |row: MappedRow, _: &S| {
            let Some(row) = decided.read(&reader.mapper, row) else { return };
            if let Some(of_case) = rows.get_mut(row.case_key.as_str()) {
                of_case.push(row);
            }
        };
        match held.take() {
            Some(held) => held.into_iter().for_each(|row| keep(row, sink)),
            None if reader.each(sink, &mut keep)? != sha256 => return Err(ReadingError::Changed),
            None => {}
        }
        for (key, _) in chunk {
            let rows = rows.remove(key.as_str()).unwrap_or_default();
            take(plan_case(context, key, &mut stored, rows, sink.memory()), &mut report, sink)?;
        }
    }
    plan_rest(context, &mut stored, &mut report, sink)?;
    Ok((report, sha256))
}

/// Plans what lies in quarantine without a file: a mended mapping alone may release it.
pub(crate) fn read_quarantine<S: Sink>(context: &Context<'_>, sink: &mut S) -> Result<u64, ReadingError<S::Error>> {
    let mut stored = StoredRows::of(context, sink.memory().quarantine.values());
    let mut report = FileReport::default();
    plan_rest(context, &mut stored, &mut report, sink)?;
    Ok(report.released)
}

fn plan_rest<S: Sink>(
    context: &Context<'_>,
    stored: &mut StoredRows,
    report: &mut FileReport,
    sink: &mut S,
) -> Result<(), ReadingError<S::Error>> {
    let keys: Vec<String> = stored.by_case.keys().cloned().collect();
    for key in keys {
        take(plan_case(context, &key, stored, Vec::new(), sink.memory()), report, sink)?;
    }
    Ok(())
}

fn take<S: Sink>(plan: CasePlan, report: &mut FileReport, sink: &mut S) -> Result<(), ReadingError<S::Error>> {
    report.count(&plan);
    if plan.is_empty() && plan.outcomes.is_empty() {
        return Ok(());
    }
    sink.take(plan).map_err(ReadingError::Sink)
}

pub(crate) fn plan_case(
    context: &Context<'_>,
    key: &str,
    stored: &mut StoredRows,
    rows: Vec<MappedRow>,
    memory: &Memory,
) -> CasePlan {
    let in_quarantine = stored.by_case.remove(key).unwrap_or_default();
    if key.is_empty() {
        return plan_caseless(context, in_quarantine, std::mem::take(&mut stored.replaced), rows);
    }
    plan(context, key, memory.cases.get(key), in_quarantine, rows)
}

/// What the first look notes of a case.
struct CaseLook {
    first_row: u64,
    rows: u64,
    /// Whether there is anything to plan.
    touched: bool,
}

/// The touched cases in pieces that fit into memory.
fn chunks(touched: &[(String, CaseLook)], rows_held: usize) -> Vec<&[(String, CaseLook)]> {
    let mut chunks = Vec::new();
    let (mut begin, mut rows) = (0, 0);
    for (index, (_, case)) in touched.iter().enumerate() {
        rows += usize::try_from(case.rows).unwrap_or(usize::MAX);
        if rows >= rows_held {
            chunks.push(&touched[begin..=index]);
            (begin, rows) = (index + 1, 0);
        }
    }
    if begin < touched.len() {
        chunks.push(&touched[begin..]);
    }
    chunks
}

/// The rows in quarantine, by the case that they belong to today.
pub(crate) struct StoredRows {
    by_case: BTreeMap<String, Vec<Stored>>,
    /// Rows without a case that a row of the file replaces.
    replaced: Vec<Stored>,
}

impl StoredRows {
    pub(crate) fn of<'r>(context: &Context<'_>, records: impl Iterator<Item = &'r QuarantinedRow>) -> Self {
        let mut by_case: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
        for record in records {
            let stored = Stored::read(context, record.clone());
            by_case.entry(stored.case_key().to_owned()).or_default().push(stored);
        }
        Self { by_case, replaced: Vec::new() }
    }

    fn has(&self, case_key: &str) -> bool {
        self.by_case.contains_key(case_key)
    }

    /// Notes what is being read, of which so many rows have been published before.
    fn note_reading(&mut self, context: &Context<'_>, report: &FileReport, known_rows: u64) {
        let repeats = known_rows > report.rows / 2;
        for stored in self.by_case.values_mut().flatten() {
            stored.note_reading(context, &report.source, &report.file, repeats);
        }
    }

    /// Notes which rows have gone to another case; gives the cases that they have left.
    fn note_moved(&mut self, moved: impl Iterator<Item = (String, String)>) -> BTreeSet<String> {
        let mut left = BTreeSet::new();
        for (case_key, key) in moved {
            let of_case = self.by_case.get_mut(&case_key).into_iter().flatten();
            of_case.filter(|stored| stored.key == key).for_each(|stored| stored.has_moved = true);
            left.insert(case_key);
        }
        left
    }

    /// A row that did not tell its case is mended by a row of any case.
    fn look_for_caseless(&mut self, context: &Context<'_>, row: &MappedRow) {
        if row.case_key.is_empty() {
            return;
        }
        let Some(caseless) = self.by_case.get_mut("") else { return };
        if let Some(index) = caseless.iter().position(|stored| replaces(context, row, stored)) {
            self.replaced.push(caseless.remove(index));
        }
    }
}

/// The cells of a row, without the large ones if they are too large together; and the largest column then.
fn within_limit(mut cells: BTreeMap<String, String>) -> (BTreeMap<String, String>, Option<String>) {
    if cells.values().map(String::len).sum::<usize>() <= MOST_ROW_BYTES {
        return (cells, None);
    }
    let largest = cells.iter().max_by_key(|(_, cell)| cell.len()).map(|(column, _)| column.clone());
    cells.values_mut().filter(|cell| cell.len() > MOST_KEPT_CELL_BYTES).for_each(String::clear);
    (cells, largest)
}

/// A file that is looked through once or several times.
struct FileReader<'a> {
    source: &'a SourceConfig,
    path: &'a Path,
    mapper: RowMapper<'a>,
}

impl FileReader<'_> {
    /// Maps every row. Gives the SHA-256 of the file.
    fn each<S: Sink>(&self, sink: &S, mut take: impl FnMut(MappedRow, &S)) -> Result<[u8; 32], ReadingError<S::Error>> {
        let opened = Opened::open(self.path, &self.source.format).map_err(|fault| ReadingError::File(vec![fault]))?;
        let missing = opened.missing_columns(self.source.columns());
        if !missing.is_empty() {
            return Err(ReadingError::File(missing));
        }
        let sha256 = opened.sha256();
        let columns: Vec<(&str, usize)> =
            self.source.columns().filter_map(|name| opened.column(name).map(|index| (name, index))).collect();
        let cells = |cells: &[String]| {
            let named = columns.iter().filter_map(|(name, index)| cells.get(*index).map(|cell| (*name, cell)));
            named.map(|(name, cell)| (name.to_owned(), cell.clone())).collect::<BTreeMap<_, _>>()
        };
        for row in opened {
            if sink.is_stopped() {
                return Err(ReadingError::Stopped);
            }
            let (row, cells, fault) = match row {
                Ok(row) => (row.row, cells(&row.cells), None),
                Err(fault) if fault.is_of_one_row() => (fault.row.unwrap_or(0), cells(&fault.cells), Some(fault)),
                Err(fault) => return Err(ReadingError::File(vec![fault])),
            };
            let (cells, too_large) = within_limit(cells);
            let mut mapped = match &fault {
                None => self.mapper.map(row, cells),
                Some(fault) => self.mapper.map_fault(row, cells, fault),
            };
            if let Some(column) = too_large {
                mapped.problems.insert(0, row_too_large(&column, MOST_ROW_BYTES / 1024));
            }
            take(mapped, sink);
        }
        // A file that was written over while it was read gave rows that may be half old, half new.
        match fingerprint(self.path) {
            Ok(now) if now != sha256 => Err(ReadingError::Changed),
            _ => Ok(sha256),
        }
    }
}
