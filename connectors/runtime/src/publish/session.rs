//! From taking over the agency to the first thing that goes wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use barid_event::ids;
use barid_kafka::{StopSignal, TransactionalProducer};
use barid_schemas::records::{Command, FilePosition, QuarantineState};

use super::commands::{self, Commands};
use super::outage::Outage;
use super::state::{Codecs, State};
use super::telemetry::Counters;
use super::writer::Writer;
use super::{Connector, Interruption, Report, now};
use crate::case::Context;
use crate::command::carry_out;
use crate::folder;
use crate::mapping::SourceConfig;
use crate::reading::{FileFault, FileReport, Memory, ROWS_HELD, ReadingError, Sink, read_file, read_quarantine};
use crate::source::{Observation, SourceFault, SourceReason, fingerprint, settled};

/// The longest wait between two looks at the clock: a heartbeat must not be late because a folder is looked at seldom.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// One session.
pub(super) struct Session<'a> {
    connector: &'a Connector,
    counters: &'a Counters,
    report: &'a mut Report,
    stop: &'a StopSignal,
    writer: Writer<'a>,
    commands: Commands,
    /// Files that have been dealt with, as they looked then.
    done: HashMap<PathBuf, Observation>,
    /// Files that may still be growing, as they looked at the last poll.
    growing: HashMap<PathBuf, Observation>,
    /// Sources for which it has been said that they have no file.
    said_empty: Vec<String>,
}

impl<'a> Session<'a> {
    pub(super) fn run(
        connector: &'a Connector,
        counters: &'a Counters,
        report: &'a mut Report,
        stop: &'a StopSignal,
        outage: &Outage,
    ) -> Result<(), Interruption> {
        let (config, settings, readiness) = (&connector.config, &connector.settings, &connector.readiness);
        let codecs = Codecs::register(&settings.registry)?;
        readiness.ready("registry");
        let transactional_id = format!("{}/{}", settings.deployment, config.agency);
        let producer = TransactionalProducer::connect(&settings.cluster, &transactional_id, stop)?;
        let state = State::load(settings, &config.agency, stop)?;
        outage.ends();
        if readiness.ready("kafka") {
            tracing::info!(
                agency = config.agency,
                cases = state.memory.cases.len(),
                quarantined = state.memory.open_rows().count(),
                last_sequence = state.last_sequence(),
                "connector is ready"
            );
        }
        let writer = Writer::new(connector, counters, stop, producer, codecs, state);
        let commands = Commands::open(settings, &config.agency, stop)?;
        let (done, growing) = (HashMap::new(), HashMap::new());
        let mut session =
            Self { connector, counters, report, stop, writer, commands, done, growing, said_empty: Vec::new() };
        let result = session.work();
        session.report.events += session.writer.events;
        result
    }

    fn work(&mut self) -> Result<(), Interruption> {
        for (offset, command) in self.commands.read_on(self.writer.commands().next_offset, self.stop)? {
            self.command(offset, command)?;
        }
        self.quarantine()?;
        loop {
            while let Some((offset, command)) = self.commands.next(self.writer.commands().next_offset)? {
                self.command(offset, command)?;
            }
            let mut open = false;
            for source in &self.connector.config.sources {
                open |= self.source(source)?;
            }
            self.writer.beat()?;
            if self.stop.is_stopped() || (self.connector.settings.once && !open) {
                return Ok(());
            }
            self.rest()?;
        }
    }

    /// Waits until the folders are to be looked through again.
    fn rest(&mut self) -> Result<(), Interruption> {
        let mut left = self.connector.settings.poll_interval;
        while !left.is_zero() {
            let piece = left.min(LONGEST_REST);
            if self.stop.wait(piece) {
                return Ok(());
            }
            self.writer.beat()?;
            left = left.saturating_sub(piece);
        }
        Ok(())
    }

    /// Carries out what an operator has asked for, and writes in the same transaction that it is done.
    fn command(&mut self, offset: i64, command: Option<Command>) -> Result<(), Interruption> {
        let position = self.writer.commands();
        let is_done = |command: &Command| position.done.iter().any(|done| done.command_id == command.command_id);
        let Some(command) = command.filter(|command| !is_done(command)) else {
            return self.writer.carry_out(Vec::new(), commands::after(position, offset, None));
        };
        let carried_out = carry_out(&self.context(None), self.writer.memory(), &command);
        let done = commands::done(&command, &carried_out);
        tracing::info!(
            agency = self.connector.config.agency,
            command = %command.command_id,
            action = command.action,
            rows = done.rows,
            published = done.published,
            left = done.left,
            "command carried out"
        );
        self.writer.carry_out(carried_out.plans, commands::after(position, offset, Some(done)))
    }

    fn context(&self, read_before: Option<[u8; 32]>) -> Context<'a> {
        Context {
            config: &self.connector.config,
            keys: &self.connector.settings.keys,
            now: now(),
            rows_held: ROWS_HELD,
            read_before,
        }
    }

    /// A mapping that was mended while the process was down releases what waited for it.
    fn quarantine(&mut self) -> Result<(), Interruption> {
        let Some(source) = self.connector.config.sources.first() else { return Ok(()) };
        self.writer.begin_source(&source.name)?;
        let context = self.context(None);
        match read_quarantine(&context, &mut self.writer) {
            Ok(released) => {
                self.writer.flush()?;
                if released > 0 {
                    tracing::info!(agency = self.connector.config.agency, released, "rows left the quarantine");
                }
                Ok(())
            }
            Err(ReadingError::Sink(interruption)) => Err(interruption),
            Err(ReadingError::Stopped) => Err(Interruption::Stopped),
            // No file is read here.
            Err(ReadingError::File(_) | ReadingError::Changed) => Ok(()),
        }
    }

    /// Reads what is new of a source. Whether a file has to be looked at again.
    fn source(&mut self, source: &'a SourceConfig) -> Result<bool, Interruption> {
        let mut files = match folder::files(source) {
            Ok(files) => files,
            Err(fault) => {
                self.no_files(source, fault);
                return Ok(false);
            }
        };
        self.said_empty.retain(|name| *name != source.name);
        // After a change of the mapping all files are read again: in the order in which they came, or an older export would
        // be taken for the correction of a newer one. What is new comes last.
        files.sort_by_key(|path| {
            let known = self.writer.position(&source.name, &folder::name(path));
            known.map_or(i64::MAX, |position| position.read_at.0)
        });
        let names: Vec<String> = files.iter().map(|path| folder::name(path)).collect();
        let mut open = false;
        for path in &files {
            if self.stop.is_stopped() {
                return Err(Interruption::Stopped);
            }
            open |= self.file(source, path, &names)?;
        }
        Ok(open)
    }

    /// A folder may be empty until the first export comes. Whoever reads once wants the files that the source names.
    fn no_files(&mut self, source: &SourceConfig, fault: SourceFault) {
        let is_absent = fault.reason == SourceReason::NoFile;
        if !is_absent || self.connector.settings.once && !source.path.is_dir() {
            self.fault(source, vec![fault]);
        } else if !self.said_empty.contains(&source.name) {
            self.said_empty.push(source.name.clone());
            let path = source.path.display().to_string();
            tracing::info!(agency = self.connector.config.agency, source = source.name, path, "no file there yet");
        }
    }

    /// Reads a file if it is new and complete. Whether it has to be looked at again.
    fn file(&mut self, source: &'a SourceConfig, path: &Path, present: &[String]) -> Result<bool, Interruption> {
        let Ok(metadata) = std::fs::metadata(path) else { return Ok(false) };
        let observation = Observation::of(&metadata);
        if self.done.get(path) == Some(&observation) || !self.is_settled(path, observation) {
            return Ok(false);
        }
        self.growing.remove(path);
        let name = folder::name(path);
        let fingerprint = fingerprint(path).ok();
        let sha256 = fingerprint.map(|sha256| self.file_hash(&sha256)).unwrap_or_default();
        let config_sha256 = &self.connector.config.sha256;
        let known = self.writer.position(&source.name, &name);
        if let Some(known) = known.filter(|known| known.sha256 == sha256 && known.config_sha256 == *config_sha256) {
            let report = unchanged(&self.connector.config.agency, &source.name, known, self.writer.memory());
            self.counters.count(&report);
            self.report.note(report);
            self.done.insert(path.to_owned(), observation);
            return Ok(false);
        }
        let read_before = fingerprint.filter(|_| known.is_some_and(|known| known.sha256 == sha256));
        self.writer.begin_source(&source.name)?;
        let context = self.context(read_before);
        match read_file(&context, source, path, &mut self.writer) {
            Ok((report, sha256)) => {
                self.finish(report, self.file_hash(&sha256), present)?;
                self.done.insert(path.to_owned(), observation);
                Ok(false)
            }
            Err(ReadingError::File(faults)) => {
                self.writer.flush()?;
                // A file that another program has locked does not change when it is let go: it is tried again.
                let locked = faults.iter().all(|fault| fault.reason == SourceReason::Unreadable);
                if !locked {
                    self.done.insert(path.to_owned(), observation);
                }
                self.fault(source, faults);
                Ok(false)
            }
            Err(ReadingError::Changed) => {
                self.writer.flush()?;
                Ok(true)
            }
            Err(ReadingError::Stopped) => Err(Interruption::Stopped),
            Err(ReadingError::Sink(interruption)) => Err(interruption),
        }
    }

    /// Whether nobody writes the file any more. Whoever reads once has said that it is complete; a torn end is found by
    /// the reader.
    fn is_settled(&mut self, path: &Path, observation: Observation) -> bool {
        if self.connector.settings.once {
            return true;
        }
        let old = observation.modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let old = old.is_some_and(|age| age >= self.connector.settle_time);
        old || self.growing.insert(path.to_owned(), observation).is_some_and(|earlier| settled(&earlier, &observation))
    }

    /// What `positions`, which other agencies read too, shows of a file.
    fn file_hash(&self, sha256: &[u8; 32]) -> String {
        let hash = ids::file_hash(&self.connector.settings.keys.connector, &self.connector.config.agency, sha256);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn finish(&mut self, report: FileReport, sha256: String, present: &[String]) -> Result<(), Interruption> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let at = now();
        let position = FilePosition {
            file: report.file.clone(),
            sha256,
            config_sha256: self.connector.config.sha256.clone(),
            rows: count(report.rows),
            published: count(report.published),
            unchanged: count(report.unchanged),
            quarantined: count(report.quarantined),
            waiting: count(report.waiting),
            read_at: at,
        };
        self.writer.finish_file(position, present)?;
        self.counters.count(&report);
        self.counters.last_reading.set(at.0 / 1000);
        let FileReport { agency, source, file, rows, published, unchanged, quarantined, waiting, released } = &report;
        tracing::info!(agency, source, file, rows, published, unchanged, quarantined, waiting, released, "file read");
        self.report.note(report);
        Ok(())
    }

    /// Tells of a file that cannot be read; of the same fault once.
    fn fault(&mut self, source: &SourceConfig, faults: Vec<SourceFault>) {
        let fault = FileFault { source: source.name.clone(), faults };
        if self.report.faults.contains(&fault) {
            return;
        }
        let FileFault { faults, .. } = &fault;
        for fault in faults {
            let (reason, file) = (fault.reason.code(), fault.file.as_str());
            self.counters.file_fault(reason);
            tracing::warn!(
                agency = self.connector.config.agency,
                source = source.name,
                file,
                reason,
                row = fault.row,
                column = fault.column,
                byte = fault.byte,
                problem = fault.message_en,
                cure = fault.cure_en,
                "file not read"
            );
        }
        self.report.note_fault(fault);
    }
}

/// The report of a file that was read to its end before and has not changed since. What of it lay in quarantine then may
/// have left it by another way.
fn unchanged(agency: &str, source: &str, known: &FilePosition, memory: &Memory) -> FileReport {
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    let still = |state: QuarantineState| {
        let rows = memory.open_rows();
        rows.filter(|row| row.source == source && row.file == known.file && row.state == state).count() as u64
    };
    let rows = count(known.rows);
    let quarantined = count(known.quarantined).min(still(QuarantineState::Faulty));
    let waiting = count(known.waiting).min(still(QuarantineState::Waiting));
    FileReport {
        agency: agency.to_owned(),
        source: source.to_owned(),
        file: known.file.clone(),
        rows,
        published: 0,
        unchanged: rows.saturating_sub(quarantined + waiting),
        quarantined,
        waiting,
        released: 0,
    }
}
