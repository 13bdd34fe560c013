//! Everything but writing: what a mapping would publish.

use barid_schemas::Millis;
use barid_schemas::records::{QuarantineState, QuarantinedRow};
use serde::Serialize;
use serde_json::{Value, json};

use crate::case::{CasePlan, Context, PlannedEvent};
use crate::reading::{FileFault, FileReport, Memory, ROWS_HELD, ReadingError, Sink, read_file};
use crate::{ConnectorConfig, ConnectorError, Keys, folder};

/// What a dry run found.
#[derive(Debug, Default)]
pub struct DryRun {
    /// Events and quarantined rows in the order of the files and their rows.
    pub lines: Vec<DryRunLine>,
    pub files: Vec<FileReport>,
    /// Files that cannot be read at all.
    pub faults: Vec<FileFault>,
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
/// `now` stands in for the time of reading. No Kafka is touched.
///
/// # Errors
///
/// If a source names no file or its folder cannot be listed.
pub fn dry_run(config: &ConnectorConfig, keys: &Keys, now: Millis) -> Result<DryRun, ConnectorError> {
    let context = Context { config, keys, now, rows_held: ROWS_HELD, read_before: None };
    let mut run = DryRun::default();
    let mut memory = Memory::default();
    for source in &config.sources {
        let files = folder::files(source)?;
        if files.is_empty() {
            let path = source.path.display().to_string();
            return Err(ConnectorError::NoFile { source_name: source.name.clone(), path });
        }
        for path in files {
            let mut collector = Collector { memory: &mut memory, lines: Vec::new() };
            match read_file(&context, source, &path, &mut collector) {
                Ok((report, _)) => run.files.push(report),
                Err(ReadingError::File(faults)) => run.faults.push(FileFault { source: source.name.clone(), faults }),
                Err(ReadingError::Stopped) => return Err(ConnectorError::Stopped),
                Err(ReadingError::Changed) => return Err(ConnectorError::Changed { path }),
                Err(ReadingError::Sink(never)) => match never {},
            }
            let mut lines = collector.lines;
            lines.sort_by_key(|(row, _)| *row);
            run.lines.extend(lines.into_iter().map(|(_, line)| line));
        }
    }
    Ok(run)
}

/// Takes the plans as if they were written.
struct Collector<'a> {
    memory: &'a mut Memory,
    lines: Vec<(u64, DryRunLine)>,
}

impl Sink for Collector<'_> {
    type Error = std::convert::Infallible;

    fn memory(&self) -> &Memory {
        self.memory
    }

    fn take(&mut self, plan: CasePlan) -> Result<(), Self::Error> {
        self.memory.apply(&plan);
        self.lines.extend(plan.events.iter().map(|event| (event.row, DryRunLine::Event(event_json(event)))));
        self.lines.extend(plan.upserts.iter().map(|row| {
            let number = u64::try_from(row.row).unwrap_or(0);
            (number, DryRunLine::Quarantined(quarantined_json(row)))
        }));
        Ok(())
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
