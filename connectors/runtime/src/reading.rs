//! One reading of one file: rows grouped by case, planned case by case.
//!
//! A file is looked through once to map its rows, and what is needed to plan a case is put aside ([`spill`]): of a small file
//! every row; of a large one each row that is new, and each that comes after a new one of its case. So a first export of a
//! million rows is looked through once, and the same export again puts hardly anything aside. Only if a case turns out to be
//! touched after known rows of it have been passed over, a second look fetches these. Then the cases are planned in the
//! order of their first row, [`ROWS_HELD`] rows at a time. A fault of the file is found by the first look, before anything
//! is planned.
//!
//! ```text
//! file ─▶ first look ─▶ what each case has ([`cases`])  ─▶ (second look) ─▶ plans, case by case
//!             └───────▶ rows put aside ([`spill`]) ◀────────────┘   └─────────▶ ▲
//! ```

mod cases;
mod spill;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use barid_schemas::records::{Problem, QuarantinedRow};
use serde::Serialize;

use crate::case::{CasePlan, Context, Elsewhere, Outcome, Stored, is_known, plan, plan_caseless, replaces};
use crate::command::Decided;
use crate::folder;
use crate::known::KnownCases;
use crate::mapping::{Columns, MappedRow, RowMapper, SourceConfig, of_source, row_too_large};
use crate::source::{Opened, SourceFault, SourceReason};
use cases::{CaseLook, Cases};
use spill::Spill;

/// How many rows of a file are mapped and planned at once, some fifty megabytes; and up to which size a file is put aside as
/// a whole.
pub(crate) const ROWS_HELD: usize = 20_000;

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
    pub(crate) cases: KnownCases,
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
            self.cases.insert(state);
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
    let mapper = RowMapper::new(source, &file);
    let mut reader = FileReader::open(source, path)?;
    let sha256 = reader.opened.sha256();
    let mut report = FileReport {
        agency: context.config.agency.clone(),
        source: source.name.clone(),
        file,
        ..FileReport::default()
    };
    let mut stored = StoredRows::of(context, sink.memory().quarantine.values());
    let mut cases = Cases::new();
    let mut aside = Spill::new(Arc::clone(&reader.names));
    // Up to this row all are put aside.
    let mut kept_until = 0;
    let mut known_rows = 0;
    let mut elsewhere = Elsewhere::of(context, stored.by_case.values().flatten());
    let decided = Decided::of(context, sink.memory());
    reader.each(sink, |number, columns, problems, sink| {
        report.rows += 1;
        let row = mapper.map_faulty(number, columns, problems);
        let Some(row) = decided.read(&mapper, row) else {
            report.unchanged += 1;
            return Ok(());
        };
        stored.look_for_caseless(context, &row);
        let place = cases.place_of(&row.case_key, number, || aside.bin_of_next_case());
        let case = cases.look_mut(place);
        case.rows += 1;
        let is_new = !is_known(&sink.memory().cases, &row);
        known_rows += u64::from(!is_new);
        if is_new || stored.has(&row.case_key) {
            case.touch(number);
        }
        elsewhere.look_at(context, &row, is_new);
        if report.rows <= context.rows_held as u64 {
            kept_until = number;
        }
        if case.is_touched() || number <= kept_until {
            case.aside += 1;
            aside.put(case.bin, place, number, &row.columns, problems).map_err(|error| reader_fault(path, &error))?;
        }
        Ok(())
    })?;
    report.unchanged += cases.looks().iter().filter(|case| !case.is_touched()).map(|case| case.rows).sum::<u64>();
    if context.read_before.is_some_and(|before| before != sha256) {
        return Err(ReadingError::Changed);
    }
    if cases.looks().iter().any(CaseLook::lacks_rows) {
        reader.opened.rewind().map_err(file_fault)?;
        reader.each(sink, |number, columns, problems, _| {
            let mut key = mapper.case_key(&columns);
            if decided.concerns(&key) {
                let row = mapper.map_faulty(number, columns.clone(), problems);
                let Some(row) = decided.read(&mapper, row) else { return Ok(()) };
                key = row.case_key;
            }
            let Some(place) = cases.find(&key) else { return Ok(()) };
            let case = cases.look(place);
            if number <= kept_until || !case.lacks_rows() || case.was_touched_at(number) {
                return Ok(());
            }
            aside.put(case.bin, place, number, &columns, problems).map_err(|error| reader_fault(path, &error))
        })?;
    }
    drop(reader);

    // The case that a row has left comes before the one that it went to: killed in between, the row is still new.
    stored.note_reading(context, &report, known_rows);
    for case_key in stored.note_moved(elsewhere.moved()) {
        match cases.find(&case_key) {
            Some(place) => cases.look_mut(place).first_row = 0,
            None => take(plan_case(context, &case_key, &mut stored, Vec::new(), sink.memory()), &mut report, sink)?,
        }
    }
    let mut touched: Vec<usize> = (0..cases.looks().len()).filter(|place| cases.look(*place).is_touched()).collect();
    touched.sort_by_key(|place| cases.look(*place).first_row);
    for chunk in chunks(&touched, &cases, context.rows_held) {
        let mut rows: HashMap<usize, Vec<MappedRow>> = chunk.iter().map(|place| (*place, Vec::new())).collect();
        let bins: BTreeSet<usize> = chunk.iter().map(|place| cases.look(*place).bin).collect();
        for bin in bins {
            let wanted: BTreeSet<usize> = chunk.iter().copied().filter(|place| cases.look(*place).bin == bin).collect();
            let read = aside.each(
                bin,
                |place| wanted.contains(&place),
                |kept| {
                    let row = mapper.map_faulty(kept.row, kept.columns, &kept.problems);
                    let row = decided.read(&mapper, row);
                    rows.entry(kept.case).or_default().extend(row);
                },
            );
            read.map_err(|error| file_fault(reader_fault(path, &error)))?;
        }
        for place in chunk {
            let mut rows = rows.remove(place).unwrap_or_default();
            rows.sort_by_key(|row| row.row);
            take(plan_case(context, cases.key(*place), &mut stored, rows, sink.memory()), &mut report, sink)?;
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
    plan(context, key, memory.cases.get(key).as_ref(), in_quarantine, rows)
}

/// The touched cases in pieces that fit into memory.
fn chunks<'t>(touched: &'t [usize], cases: &Cases, rows_held: usize) -> Vec<&'t [usize]> {
    let mut chunks = Vec::new();
    let (mut begin, mut rows) = (0, 0);
    for (index, place) in touched.iter().enumerate() {
        rows += usize::try_from(cases.look(*place).rows).unwrap_or(usize::MAX);
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
fn within_limit(cells: Columns) -> (Columns, Option<String>) {
    if cells.size_bytes() <= MOST_ROW_BYTES {
        return (cells, None);
    }
    let largest = cells.iter().max_by_key(|(_, cell)| cell.len()).map(|(column, _)| column.to_owned());
    let kept = |cell: &str| cell.len() <= MOST_KEPT_CELL_BYTES;
    (cells.iter().map(|(column, cell)| (column, if kept(cell) { cell } else { "" })).collect(), largest)
}

fn file_fault<E>(fault: SourceFault) -> ReadingError<E> {
    match fault.reason {
        SourceReason::Changed => ReadingError::Changed,
        _ => ReadingError::File(vec![fault]),
    }
}

/// Rows of the file cannot be put aside, or not be found again.
fn reader_fault(path: &Path, error: &std::io::Error) -> SourceFault {
    SourceFault::not_put_aside(&folder::name(path), error)
}

/// A file that is looked through once or twice.
struct FileReader<'a> {
    path: &'a Path,
    opened: Opened,
    /// The columns that the mapping reads, sorted, and where they stand in the file.
    names: Arc<[String]>,
    places: Vec<usize>,
}

impl<'a> FileReader<'a> {
    fn open<E>(source: &SourceConfig, path: &'a Path) -> Result<Self, ReadingError<E>> {
        let opened = Opened::open(path, &source.format).map_err(file_fault)?;
        let missing = opened.missing_columns(source.columns());
        if !missing.is_empty() {
            return Err(ReadingError::File(missing));
        }
        let names = source.columns().map(str::to_owned).collect();
        let places = source.columns().filter_map(|name| opened.column(name)).collect();
        Ok(Self { path, opened, names, places })
    }

    /// Gives every row: its number, its mapped columns, and what is wrong with it before it is mapped.
    fn each<S: Sink>(
        &mut self,
        sink: &S,
        mut take: impl FnMut(u64, Columns, &[Problem], &S) -> Result<(), SourceFault>,
    ) -> Result<(), ReadingError<S::Error>> {
        while let Some(read) = self.opened.read() {
            if sink.is_stopped() {
                return Err(ReadingError::Stopped);
            }
            let mut problems = Vec::new();
            let (row, columns) = match read {
                Ok(row) => (row, self.columns(|index| self.opened.cells().get(index))),
                Err(fault) if fault.is_of_one_row() => {
                    problems.push(of_source(&fault));
                    (fault.row.unwrap_or(0), self.columns(|index| fault.cells.get(index).map(String::as_str)))
                }
                Err(fault) => return Err(file_fault(fault)),
            };
            let (columns, too_large) = within_limit(columns);
            if let Some(column) = too_large {
                problems.insert(0, row_too_large(&column, MOST_ROW_BYTES / 1024));
            }
            take(row, columns, &problems, sink).map_err(file_fault)?;
        }
        // A file that was written over while it was read gave rows that may be half old, half new.
        if self.opened.is_unchanged(self.path) { Ok(()) } else { Err(ReadingError::Changed) }
    }

    fn columns<'c>(&self, cell: impl Fn(usize) -> Option<&'c str> + Clone) -> Columns {
        let cells = self.places.iter().filter_map(|index| cell(*index));
        Columns::new(&self.names, cells).unwrap_or_else(|| {
            let named = self.names.iter().zip(&self.places);
            named.filter_map(|(name, index)| Some((name.as_str(), cell(*index)?))).collect()
        })
    }
}
