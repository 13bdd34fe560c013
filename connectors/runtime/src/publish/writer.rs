//! Plans become transactions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use barid_event::header::{self, CloudEvent};
use barid_kafka::{Outgoing, StopSignal, TransactionError, TransactionalProducer};
use barid_schemas::Millis;
use barid_schemas::records::{CommandsPosition, FilePosition, Heartbeat, SourcePosition};

use super::state::{Codecs, State, position_key};
use super::telemetry::{Counters, traceparent};
use super::{Connector, Interruption, now};
use crate::case::{CasePlan, PlannedEvent};
use crate::quarantine;
use crate::reading::{Memory, Sink};

/// How often a heartbeat is written.
const BEAT: Duration = Duration::from_secs(10);

/// Fenced while the transaction was open for less than this: the broker has not timed it out, so there is another process.
const CERTAIN: Duration = Duration::from_secs(5);

/// Where `positions` keeps how far the commands are carried out: no source has an empty name.
const COMMANDS: &str = "";

/// Writes for one source at a time.
pub(super) struct Writer<'a> {
    connector: &'a Connector,
    counters: &'a Counters,
    stop: &'a StopSignal,
    producer: TransactionalProducer,
    codecs: Codecs,
    dataschema: String,
    memory: Memory,
    positions: BTreeMap<String, SourcePosition>,
    last_sequence: i64,
    /// The source that is being read.
    source: String,
    batch: Vec<CasePlan>,
    records: usize,
    started_at: Millis,
    last_beat: Option<Instant>,
    /// Events written so far.
    pub(super) events: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        connector: &'a Connector,
        counters: &'a Counters,
        stop: &'a StopSignal,
        producer: TransactionalProducer,
        codecs: Codecs,
        state: State,
    ) -> Self {
        let dataschema = header::dataschema(connector.settings.registry.url(), codecs.event.id());
        let last_sequence = state.last_sequence();
        counters.quarantine(state.memory.open_rows().count());
        Self {
            connector,
            counters,
            stop,
            producer,
            codecs,
            dataschema,
            memory: state.memory,
            positions: state.positions,
            last_sequence,
            source: String::new(),
            batch: Vec::new(),
            records: 0,
            started_at: now(),
            last_beat: None,
            events: 0,
        }
    }

    /// What follows is of this source.
    pub(super) fn begin_source(&mut self, source: &str) -> Result<(), Interruption> {
        self.expect_known_ids()?;
        source.clone_into(&mut self.source);
        Ok(())
    }

    fn expect_known_ids(&self) -> Result<(), Interruption> {
        if self.codecs.are_known(&self.connector.settings.registry) {
            return Ok(());
        }
        let reason = "the registry has other schema ids than before".to_owned();
        Err(Interruption::Again { part: "registry", reason })
    }

    /// The last whole reading of a file.
    pub(super) fn position(&self, source: &str, file: &str) -> Option<&FilePosition> {
        self.positions.get(source)?.files.iter().find(|position| position.file == file)
    }

    /// Writes what is left of a reading, with the note that the file was read to its end. Notes of files that are no
    /// longer there are dropped.
    pub(super) fn finish_file(&mut self, file: FilePosition, present: &[String]) -> Result<(), Interruption> {
        let mut files: Vec<FilePosition> =
            self.positions.get(&self.source).map(|p| p.files.clone()).unwrap_or_default();
        files.retain(|known| known.file != file.file && present.contains(&known.file));
        files.push(file);
        let source = self.source.clone();
        self.write(source, files, None)
    }

    /// Writes what has been planned.
    pub(super) fn flush(&mut self) -> Result<(), Interruption> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let source = self.source.clone();
        let files = self.positions.get(&source).map(|position| position.files.clone()).unwrap_or_default();
        self.write(source, files, None)
    }

    /// How far the commands have been carried out.
    pub(super) fn commands(&self) -> CommandsPosition {
        self.positions.get(COMMANDS).and_then(|position| position.commands.clone()).unwrap_or_default()
    }

    /// Writes what came of a command, and that it is done.
    pub(super) fn carry_out(&mut self, plans: Vec<CasePlan>, commands: CommandsPosition) -> Result<(), Interruption> {
        self.flush()?;
        self.expect_known_ids()?;
        self.batch = plans;
        self.write(COMMANDS.to_owned(), Vec::new(), Some(commands))
    }

    /// One transaction: what has been planned, and where a source, or the commands, stand then.
    fn write(
        &mut self,
        source: String,
        files: Vec<FilePosition>,
        commands: Option<CommandsPosition>,
    ) -> Result<(), Interruption> {
        let span = tracing::info_span!("publish", agency = self.connector.config.agency, cases = self.batch.len());
        let _entered = span.enter();
        let batch = std::mem::take(&mut self.batch);
        self.records = 0;
        let mut sequence = self.last_sequence;
        let began = Instant::now();
        let position = self.judged(began, |writer| {
            writer.producer.begin()?;
            for planned in batch.iter().flat_map(|plan| &plan.events) {
                sequence += 1;
                writer.send_event(planned, sequence)?;
            }
            for plan in &batch {
                writer.send_plan(plan)?;
            }
            let position = SourcePosition {
                agency: writer.connector.config.agency.clone(),
                source,
                last_sequence: sequence,
                files,
                at: now(),
                commands,
            };
            writer.send_position(&position)?;
            let committing = Instant::now();
            writer.producer.commit()?;
            writer.counters.commit_seconds.observe_time(committing.elapsed());
            Ok(position)
        })?;
        // Only what is certainly written is known.
        for plan in &batch {
            self.memory.apply(plan);
        }
        let written = u64::try_from(sequence - self.last_sequence).unwrap_or(0);
        self.last_sequence = sequence;
        self.positions.insert(position.source.clone(), position);
        self.events += written;
        self.counters.events.add(written);
        self.counters.quarantine(self.memory.open_rows().count());
        Ok(())
    }

    /// Tells that the process lives, if it is time to. With the same producer, so that a fenced process learns of it.
    pub(super) fn beat(&mut self) -> Result<(), Interruption> {
        if self.last_beat.is_some_and(|last| last.elapsed() < BEAT) {
            return Ok(());
        }
        let heartbeat = Heartbeat {
            process: self.connector.settings.process.clone(),
            role: "connector".to_owned(),
            version: self.connector.settings.version.clone(),
            started_at: self.started_at,
            at: now(),
            counters: self.beat_counters(),
        };
        self.judged(Instant::now(), |writer| {
            writer.producer.begin()?;
            let topic = writer.connector.settings.topics.heartbeats();
            let value = writer.codecs.heartbeat.to_vec(&heartbeat)?;
            writer.send(&topic, &heartbeat.process, Some(&value), &[])?;
            writer.producer.commit()?;
            Ok(())
        })?;
        self.last_beat = Some(Instant::now());
        Ok(())
    }

    fn beat_counters(&self) -> BTreeMap<String, i64> {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let files = self.positions.values().flat_map(|position| &position.files).count();
        BTreeMap::from([
            ("cases".to_owned(), count(self.memory.cases.len())),
            ("events".to_owned(), i64::try_from(self.events).unwrap_or(i64::MAX)),
            ("files".to_owned(), count(files)),
            ("last_sequence".to_owned(), self.last_sequence),
            ("quarantined".to_owned(), count(self.memory.open_rows().count())),
        ])
    }

    /// Does the work of one transaction. If it fails, the session ends: what was sent is given up, and a fence is judged by
    /// how long the transaction was open.
    fn judged<T>(
        &mut self,
        began: Instant,
        work: impl FnOnce(&mut Self) -> Result<T, Interruption>,
    ) -> Result<T, Interruption> {
        let result = work(self);
        match result {
            Err(Interruption::Fenced { .. }) => Err(Interruption::Fenced { certain: began.elapsed() < CERTAIN }),
            Err(interruption) => {
                // So that no reader has to wait for the broker's own time limit. If it fails, the next session's
                // init_transactions does it.
                if self.producer.is_open() && !matches!(interruption, Interruption::Again { part: "kafka", .. }) {
                    let _: Result<(), TransactionError> = self.producer.abort();
                }
                Err(interruption)
            }
            done => done,
        }
    }

    fn send_event(&mut self, planned: &PlannedEvent, sequence: i64) -> Result<(), Interruption> {
        let event = &planned.event;
        let about = CloudEvent {
            id: event.event_id,
            publisher: &event.publisher,
            service_code: &event.service_code,
            status_to: &event.status_to,
            corr_id: event.corr_id,
            occurred_at: event.occurred_at,
            dataschema: &self.dataschema,
        };
        let traceparent = traceparent(&event.publisher, &planned.file, planned.row)?;
        let headers = header::event_headers(&about, sequence, &traceparent, &planned.watch_keys);
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let value = self.codecs.event.to_vec(event)?;
        let topic = self.connector.settings.topics.events(&event.publisher);
        self.send(&topic, &event.corr_id.to_string(), Some(&value), &headers)
    }

    fn send_plan(&mut self, plan: &CasePlan) -> Result<(), Interruption> {
        let connector = self.connector;
        let (agency, topics) = (&connector.config.agency, &connector.settings.topics);
        if let Some(state) = &plan.state {
            let value = self.codecs.case.to_vec(state)?;
            self.send(&topics.cases(agency), &state.case_key, Some(&value), &[])?;
        }
        let topic = topics.quarantine(agency);
        for row in &plan.upserts {
            let value = self.codecs.quarantined.to_vec(row)?;
            self.send(&topic, &quarantine::key(row), Some(&value), &[])?;
        }
        for key in &plan.tombstones {
            self.send(&topic, key, None, &[])?;
        }
        Ok(())
    }

    fn send_position(&mut self, position: &SourcePosition) -> Result<(), Interruption> {
        let value = self.codecs.position.to_vec(position)?;
        let key = position_key(&position.agency, &position.source);
        self.send(&self.connector.settings.topics.positions(), &key, Some(&value), &[])
    }

    fn send(
        &mut self,
        topic: &str,
        key: &str,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> Result<(), Interruption> {
        let record = Outgoing { topic, key: Some(key.as_bytes()), value, headers, ..Outgoing::default() };
        Ok(self.producer.send(&record)?)
    }
}

impl Sink for Writer<'_> {
    type Error = Interruption;

    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    fn take(&mut self, plan: CasePlan) -> Result<(), Interruption> {
        if self.stop.is_stopped() {
            return Err(Interruption::Stopped);
        }
        if plan.is_empty() {
            return Ok(());
        }
        self.records += plan.events.len() + plan.upserts.len() + plan.tombstones.len() + 1;
        self.batch.push(plan);
        if self.records >= self.connector.commit_records {
            self.flush()?;
            self.beat()?;
        }
        Ok(())
    }
}
