//! One slot: what the transactional worker asks for at each record.
//!
//! A transaction is decided under one version of the policy. `begin` takes up the newest version and, in the first transaction
//! under it and after each assignment, writes for every partition from which offset on it was in force. A slot that has
//! nothing to read opens a transaction for that alone.
//!
//! A slot that writes nothing does not find out that another process has taken its name, and with two routers of one name
//! either may be the idle one. So a slot that has not committed a record for some seconds writes a heartbeat in a transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use barid_codec::RecordError;
use barid_event::topics::Topics;
use barid_kafka::{Begin, Outbox, Outgoing, Processor, RecordRef, SendError, Tick, Verdict, WorkerEvent};
use barid_schemas::records::PolicyApplied;
use barid_telemetry::{Counter, Histogram, Readiness};

use crate::bulletin::{Bulletin, now};
use crate::codecs::Codecs;
use crate::counters::Counters;
use crate::dead_letter::{dead_letter, origin};
use crate::holds::SlotHolds;
use crate::routing::{Copies, Failure, Fate, Hold, Routing};
use crate::rules::{Rules, RulesInForce};
use crate::spans::TransactionSpan;

/// How soon a record is tried again while there is no policy yet.
const NO_POLICY_RETRY: Duration = Duration::from_millis(200);

/// How long a slot trusts its name after it has written under it.
const NAME_TRUSTED: Duration = Duration::from_secs(5);

/// The processor of one slot.
pub(crate) struct Slot {
    pub(crate) router: String,
    pub(crate) number: u16,
    pub(crate) topics: Topics,
    pub(crate) routing: Routing,
    pub(crate) rules: RulesInForce,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) bulletin: Arc<Bulletin>,
    pub(crate) readiness: Readiness,
    pub(crate) counters: Arc<Counters>,
    pub(crate) holds: SlotHolds,
    pub(crate) max_record_bytes: usize,
    pub(crate) memory: SlotMemory,
}

/// What a slot remembers from record to record.
#[derive(Default)]
pub(crate) struct SlotMemory {
    /// The rules of the open transaction.
    current: Option<Arc<Rules>>,
    /// The version that `policy-applied` tells of for all assigned partitions, committed.
    told_version: Option<i64>,
    /// What `told_version` becomes if the open transaction commits.
    telling_version: Option<i64>,
    copies: Copies,
    key: String,
    span: TransactionSpan,
    /// What the open transaction counts, added to the counters when it commits.
    tally: Tally,
    /// When a transaction that wrote something was last committed; `None` when there is reason to doubt the name.
    name_proved_at: Option<Instant>,
    /// The next transaction is to write, whatever comes in.
    proving_name: bool,
    /// The partitions that the slot has.
    assigned: HashSet<(String, i32)>,
}

/// Why something was not sent.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error(transparent)]
    Kafka(#[from] SendError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

#[derive(Default)]
struct Tally {
    events: u64,
    copies: u64,
    dead_letters: BTreeMap<&'static str, u64>,
}

impl Processor for Slot {
    fn begin(&mut self, begin: &Begin<'_>, out: &mut Outbox) {
        self.memory.current = self.rules.get();
        let Some(rules) = self.memory.current.clone() else { return };
        let version = rules.version();
        self.memory.span.begin(self.number, version);
        self.memory.telling_version = self.memory.told_version;
        if std::mem::take(&mut self.memory.proving_name) {
            self.prove_name(out);
        }
        if begin.first_after_assignment || self.memory.told_version != Some(version) {
            let mut told = true;
            for assigned in begin.assigned {
                let applied = PolicyApplied {
                    router: self.router.clone(),
                    slot: i32::from(self.number),
                    version,
                    topic: assigned.topic.clone(),
                    partition: assigned.partition,
                    from_offset: assigned.next_offset,
                    at: now(),
                };
                told &= self.tell_applied(&applied, out);
            }
            // What was not told is told in the next transaction.
            self.memory.telling_version = told.then_some(version);
        }
    }

    fn process(&mut self, record: &RecordRef<'_>, out: &mut Outbox) -> Verdict {
        let Some(rules) = self.memory.current.clone() else {
            return Verdict::Pause { reason: "no_policy".to_owned(), retry_after: Some(NO_POLICY_RETRY) };
        };
        let span = self.memory.span.event(record);
        let traceparent = span.traceparent.as_deref();
        let fate = self.routing.route(&rules, record, traceparent, &mut self.memory.key, &mut self.memory.copies);
        let sent = match fate {
            Fate::Copies => self.send_copies(out),
            Fate::DeadLetter(failure) => self.send_dead_letter(record, &failure, out),
            Fate::Hold(hold) => return self.hold(record, &hold),
        };
        if self.holds.release(record.topic, record.partition) {
            tracing::info!(topic = record.topic, partition = record.partition, "partition goes on");
        }
        match sent {
            Ok(()) => {
                self.memory.tally.events += 1;
                Verdict::Done
            }
            // The outbox has kept the failure: the worker aborts and gives the record again.
            Err(Unsent::Kafka(SendError::Failed { .. })) => Verdict::Done,
            // Sizes were checked before anything was sent, so the client's limit is smaller than the router was told.
            Err(Unsent::Kafka(error @ SendError::TooLarge { .. })) => Verdict::Fatal { reason: error.to_string() },
            Err(Unsent::Record(error)) => Verdict::Fatal { reason: error.to_string() },
        }
    }

    fn tick(&mut self) -> Tick {
        // Before there is a policy there need not even be topics.
        let Some(newest) = self.rules.get().map(|rules| rules.version()) else { return Tick::Nothing };
        let untold = self.memory.told_version != Some(newest) && !self.memory.assigned.is_empty();
        self.memory.proving_name = self.memory.name_proved_at.is_none_or(|at| at.elapsed() > NAME_TRUSTED);
        if untold || self.memory.proving_name { Tick::OpenTransaction } else { Tick::Nothing }
    }

    fn event(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Assigned { partitions } => {
                tracing::info!(slot = self.number, partitions = partitions.len(), "partitions are assigned");
                let names = partitions.iter().map(|assigned| (assigned.topic.clone(), assigned.partition));
                self.memory.assigned = names.collect();
                self.memory.told_version = None;
                self.memory.name_proved_at = None;
            }
            WorkerEvent::Revoked { partitions, lost } => {
                tracing::info!(slot = self.number, partitions = partitions.len(), lost, "partitions are revoked");
                self.memory.assigned.retain(|assigned| !partitions.contains(assigned));
                self.holds.revoke(partitions);
                self.memory.name_proved_at = None;
            }
            WorkerEvent::Committed { took, sent, .. } => {
                if *sent > 0 {
                    self.memory.name_proved_at = Some(Instant::now());
                }
                self.committed(*took);
            }
            WorkerEvent::Aborted { reason } => {
                self.memory.span.end();
                self.memory.tally = Tally::default();
                self.counters.aborted.add(1);
                tracing::warn!(slot = self.number, reason, "transaction was aborted, its events come again");
            }
            WorkerEvent::Rebuilt { reason } => {
                self.memory.name_proved_at = None;
                tracing::info!(slot = self.number, reason, "goes on with new producers");
            }
            // Whoever waits for the broker has said so.
            WorkerEvent::BrokerAway { .. } => drop(self.readiness.not_ready("broker", "does not answer")),
            WorkerEvent::Started | WorkerEvent::BrokerBack => drop(self.readiness.ready("broker")),
            // A pause that ends is only the next try: a wait is over when the record is decided.
            _ => {}
        }
    }
}

impl Slot {
    fn send_copies(&mut self, out: &mut Outbox) -> Result<(), Unsent> {
        for copy in self.memory.copies.iter() {
            let headers = copy.borrowed_headers();
            out.send(&copy.outgoing(&self.memory.key, &headers))?;
        }
        self.memory.tally.copies += self.memory.copies.len() as u64;
        Ok(())
    }

    fn send_dead_letter(&mut self, record: &RecordRef<'_>, failure: &Failure, out: &mut Outbox) -> Result<(), Unsent> {
        let value = self.codecs.dead_letter.to_vec(&dead_letter(record, failure, self.max_record_bytes))?;
        let publisher = self.topics.agency_of(record.topic).unwrap_or_default();
        let topic = self.topics.deadletter(publisher);
        let key = origin(record);
        tracing::warn!(
            topic = record.topic,
            partition = record.partition,
            offset = record.offset,
            reason = failure.reason.code(),
            "event goes to the dead letters"
        );
        out.send(&Outgoing { topic: &topic, key: Some(key.as_bytes()), value: Some(&value), ..Outgoing::default() })?;
        *self.memory.tally.dead_letters.entry(failure.reason.code()).or_default() += 1;
        Ok(())
    }

    fn prove_name(&self, out: &mut Outbox) {
        let sent =
            self.bulletin.heartbeat_value(self.counters.of_heartbeat()).map_err(Unsent::from).and_then(|value| {
                let (topic, key) = (self.topics.heartbeats(), self.router.as_bytes());
                let record = Outgoing { topic: &topic, key: Some(key), value: Some(&value), ..Outgoing::default() };
                out.send(&record).map_err(Unsent::from)
            });
        if let Err(error) = sent {
            tracing::warn!(%error, "a heartbeat cannot be written");
        }
    }

    /// Whether it was written.
    fn tell_applied(&self, applied: &PolicyApplied, out: &mut Outbox) -> bool {
        let key = format!("{}/{}", applied.topic, applied.partition);
        let sent = self.codecs.policy_applied.to_vec(applied).map_err(Unsent::from).and_then(|value| {
            let (topic, key) = (self.topics.policy_applied(), key.as_bytes());
            let record = Outgoing { topic: &topic, key: Some(key), value: Some(&value), ..Outgoing::default() };
            out.send(&record).map_err(Unsent::from)
        });
        if let Err(error) = &sent {
            tracing::error!(%error, version = applied.version, "it cannot be told that the policy is in force");
        }
        sent.is_ok()
    }

    fn hold(&mut self, record: &RecordRef<'_>, hold: &Hold) -> Verdict {
        let (reason, detail) = match hold {
            Hold::UnknownSchema(id) => ("unknown_schema", format!("the registry does not know schema {id}")),
            Hold::ReassignedSchema(id) => {
                ("unknown_schema", format!("the registry gives schema {id} to another record, it has lost its memory"))
            }
            Hold::RegistryAway(error) => ("registry_away", error.clone()),
        };
        if self.holds.hold(record.topic, record.partition, reason) {
            let place = format!("{}/{}@{}", record.topic, record.partition, record.offset);
            tracing::warn!(place, reason, detail, "partition waits, nothing is lost");
            self.bulletin.notice(reason, format!("{place} waits: {detail}"));
        }
        Verdict::Pause { reason: reason.to_owned(), retry_after: None }
    }

    fn committed(&mut self, took: Duration) {
        self.memory.span.end();
        self.memory.told_version = self.memory.telling_version;
        let tally = std::mem::take(&mut self.memory.tally);
        self.counters.events.add(tally.events);
        self.counters.copies.add(tally.copies);
        for (reason, count) in tally.dead_letters {
            self.counters.dead_letters.at([reason]).add(count);
            self.counters.dead_letters_in_all.add(count);
        }
        let committed: (&Counter, &Histogram) = (&self.counters.transactions, &self.counters.commit_seconds);
        committed.0.add(1);
        committed.1.observe_time(took);
    }
}
