//! Everything but writing: what a mapping would publish.

use std::collections::{BTreeMap, HashMap};

use barid_schemas::Millis;
use barid_schemas::records::{QuarantineState, QuarantinedRow};
use serde::Serialize;
use serde_json::{Value, json};

use crate::case::{CasePlan, Context, PlannedEvent};
use crate::reading::{FileFault, FileReport, Memory, ROWS_HELD, ReadingError, Sink, read_file};
use crate::source::SourceFault;
use crate::{ConnectorConfig, Keys, folder};

/// So many lines are put into the order of their rows and given away together: a small export comes out as it stands, and a
/// large one needs no more memory for it.
const LINES_HELD: usize = 10_000;

/// What a dry run found.
#[derive(Debug, Default)]
pub struct DryRun {
    pub files: Vec<FileReport>,
    /// Files that cannot be read at all.
    pub faults: Vec<FileFault>,
    /// Cases of which two sources tell.
    pub shared: Vec<SharedCases>,
}

/// Two sources tell of the same cases: of one file each, or of two numberings that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCases {
    pub sources: [String; 2],
    pub cases: u64,
}

/// One line of the output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DryRunLine {
    /// The event with its Avro field names, without union wrappers, and `"source": {"file", "row"}`.
    Event(Value),
    /// `"quarantined"`: state, problems and columns; and `"source"`.
    Quarantined(Value),
}

impl DryRunLine {
    /// The line as JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        match self {
            Self::Event(value) | Self::Quarantined(value) => value,
        }
    }
}

/// Reads every file of the configuration as if for the first time and tells what would be published.
///
/// `now` stands in for the time of reading. No Kafka is touched. `take` gets each event and each quarantined row as soon as
/// they are known, in the order of the files; the lines of a file in the order of its rows, those of a large one in the
/// order of its cases, a piece of it at a time. A file that is not there or cannot be read is told in [`DryRun::faults`].
///
/// # Errors
///
/// What `take` refuses.
pub fn dry_run<E>(
    config: &ConnectorConfig,
    keys: &Keys,
    now: Millis,
    mut take: impl FnMut(DryRunLine) -> Result<(), E>,
) -> Result<DryRun, E> {
    let context = Context { config, keys, now, rows_held: ROWS_HELD, read_before: None };
    let mut run = DryRun::default();
    let mut memory = Memory::default();
    let mut sources_of_cases = HashMap::new();
    let last = config.sources.len().saturating_sub(1);
    for (index, source) in config.sources.iter().enumerate() {
        let files = match folder::files(source) {
            Ok(files) => files,
            Err(fault) => {
                run.faults.push(FileFault { source: source.name.clone(), faults: vec![fault] });
                continue;
            }
        };
        let last_file = files.len().saturating_sub(1);
        for (number, path) in files.iter().enumerate() {
            let remembers = index < last || number < last_file;
            let mut collector = Collector {
                memory: &mut memory,
                remembers,
                source: index,
                sources_of_cases: &mut sources_of_cases,
                shared: BTreeMap::new(),
                held: Vec::new(),
                take: &mut take,
            };
            let read = read_file(&context, source, path, &mut collector);
            collector.give()?;
            for (other, cases) in collector.shared {
                run.share([&config.sources[other].name, &source.name], cases);
            }
            let faults = match read {
                Ok((report, _)) => {
                    run.files.push(report);
                    continue;
                }
                Err(ReadingError::File(faults)) => faults,
                Err(ReadingError::Changed) => vec![SourceFault::changed(&folder::name(path))],
                // Nobody can ask a dry run to stop.
                Err(ReadingError::Stopped) => Vec::new(),
                Err(ReadingError::Sink(error)) => return Err(error),
            };
            run.faults.push(FileFault { source: source.name.clone(), faults });
        }
    }
    Ok(run)
}

impl DryRun {
    fn share(&mut self, sources: [&str; 2], cases: u64) {
        match self.shared.iter_mut().find(|shared| shared.sources == sources) {
            Some(shared) => shared.cases += cases,
            None => self.shared.push(SharedCases { sources: sources.map(str::to_owned), cases }),
        }
    }
}

/// Takes the plans as if they were written.
struct Collector<'a, T> {
    memory: &'a mut Memory,
    /// Whether another file may ask what this one held.
    remembers: bool,
    /// Which source is read; by its place in the configuration.
    source: usize,
    /// Key of a case → the first source that told of it. Kept only for the sources that follow.
    sources_of_cases: &'a mut HashMap<String, usize>,
    /// An earlier source → how many of its cases this file holds too.
    shared: BTreeMap<usize, u64>,
    /// Lines that are still to be given away, with their rows.
    held: Vec<(u64, DryRunLine)>,
    take: &'a mut T,
}

impl<T: FnMut(DryRunLine) -> Result<(), E>, E> Collector<'_, T> {
    fn give(&mut self) -> Result<(), E> {
        self.held.sort_by_key(|(row, _)| *row);
        self.held.drain(..).try_for_each(|(_, line)| (self.take)(line))
    }
}

impl<T: FnMut(DryRunLine) -> Result<(), E>, E> Sink for Collector<'_, T> {
    type Error = E;

    fn memory(&self) -> &Memory {
        self.memory
    }

    fn take(&mut self, plan: CasePlan) -> Result<(), E> {
        let of_state = plan.state.as_ref().map(|state| &state.case_key);
        let case_key = of_state.or_else(|| plan.upserts.first().map(|row| &row.case_key));
        if let Some(case_key) = case_key.filter(|key| !key.is_empty()) {
            match self.sources_of_cases.get(case_key) {
                Some(&source) if source != self.source => *self.shared.entry(source).or_default() += 1,
                None if self.remembers => drop(self.sources_of_cases.insert(case_key.clone(), self.source)),
                _ => {}
            }
        }
        if self.remembers {
            self.memory.apply(&plan);
        }
        self.held.extend(plan.events.iter().map(|event| (event.row, DryRunLine::Event(event_json(event)))));
        self.held.extend(plan.upserts.iter().map(|row| {
            let number = u64::try_from(row.row).unwrap_or(0);
            (number, DryRunLine::Quarantined(quarantined_json(row)))
        }));
        if self.held.len() >= LINES_HELD { self.give() } else { Ok(()) }
    }
}

fn event_json(planned: &PlannedEvent) -> Value {
    let source = json!({ "file": *planned.file, "row": planned.row });
    match serde_json::to_value(&planned.event) {
        Ok(Value::Object(mut event)) => {
            event.insert("source".to_owned(), source);
            Value::Object(event)
        }
        // An event is a record of plain values: it has a JSON form.
        _ => json!({ "source": source }),
    }
}

fn quarantined_json(row: &QuarantinedRow) -> Value {
    let state = match row.state {
        QuarantineState::Faulty => "faulty",
        QuarantineState::Waiting => "waiting",
    };
    json!({
        "quarantined": { "state": state, "case_key": row.case_key, "problems": row.problems, "columns": row.columns },
        "source": { "file": row.file, "row": row.row },
    })
}
