//! The loop behind [`super::TransactionalWorker::run`].
//!
//! Everything happens on the calling thread, one step after the other: rebalances that the group asks for, partitions whose wait is over, the tick, the commit when
//! it is due, one record. What can fail ends in one of three ways, and each of them leaves positions, producers and processor agreed:
//!
//! * **abort**: nothing of the transaction is visible; positions go back, the records come again;
//! * **rebuild**: nobody knows whether the transaction was committed, or somebody has taken the names: all producers are dropped and made new with the same
//!   ids (which decides the old transaction), then the committed offsets say what happened;
//! * **end**: only an operator can mend it.
//!
//! The rebalance callback only notes down ([`crate::client::Rebalance`]); it is carried out here, between two records. Until then the client keeps the partitions, so
//! what was processed of them can still be committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::lanes::{Lanes, list};
use super::{Begin, Input, Processor, Tick, Verdict, WorkerError, WorkerEvent, WorkerSettings};
use crate::burial::bury;
use crate::classify::{Class, classify};
use crate::client::{Away, Context, Reach, Rebalance, carry_out_assign, carry_out_revoke};
use crate::outbox::Outbox;
use crate::transaction::{TransactionError, TransactionalProducer, Waiting};
use crate::{Cluster, KafkaError, RecordRef, StopSignal, limits};

type GroupConsumer = Arc<BaseConsumer<Context>>;

/// Why the loop cannot simply go on.
enum Trouble {
    Abort(String),
    Rebuild(String),
    Fenced,
    End(WorkerError),
}

impl From<TransactionError> for Trouble {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Fenced { .. } => Trouble::Fenced,
            TransactionError::Abortable { .. } | TransactionError::RecordTooLarge { .. } => {
                Trouble::Abort(error.to_string())
            }
            TransactionError::Fatal { reason } => Trouble::End(WorkerError::Fatal { reason }),
            TransactionError::Indefinite { .. } | TransactionError::Unavailable { .. } | TransactionError::Stopped => {
                Trouble::Rebuild(error.to_string())
            }
        }
    }
}

/// The transaction that is open.
struct Open {
    outbox: Outbox,
    since: Instant,
    records: usize,
}

pub(super) struct Slot<'w, P> {
    cluster: &'w Cluster,
    settings: &'w WorkerSettings,
    processor: &'w mut P,
    stop: &'w StopSignal,
    reach: Arc<Reach>,
    producers: Vec<TransactionalProducer>,
    /// Index of the producer of the open or next transaction.
    turn: usize,
    open: Option<Open>,
    lanes: Lanes,
    /// Partitions that the group has given us and whose committed offsets are not known yet.
    arriving: Option<Arriving>,
    first_after_assignment: bool,
    next_tick: Instant,
    fenced_at: Option<Instant>,
    abort_wait: Duration,
    away: Option<(Away, Instant)>,
}

struct Arriving {
    partitions: TopicPartitionList,
    next_try: Instant,
}

impl<'w, P: Processor> Slot<'w, P> {
    pub(super) fn new(
        cluster: &'w Cluster,
        settings: &'w WorkerSettings,
        processor: &'w mut P,
        stop: &'w StopSignal,
    ) -> Self {
        let reach = Arc::<Reach>::default();
        let producers = (0..settings.producers)
            .map(|index| {
                let letter = char::from(b'a' + index as u8);
                TransactionalProducer::unconnected(
                    cluster,
                    &format!("{}/{letter}", settings.transactional_id),
                    stop,
                    &reach,
                )
            })
            .collect();
        Self {
            cluster,
            settings,
            processor,
            stop,
            reach,
            producers,
            turn: 0,
            open: None,
            lanes: Lanes::default(),
            arriving: None,
            first_after_assignment: false,
            next_tick: Instant::now(),
            fenced_at: None,
            abort_wait: limits::ABORTED_FIRST,
            away: None,
        }
    }

    pub(super) fn run(mut self) -> Result<(), WorkerError> {
        // All producers before the consumer: a committed offset that is read before an older holder of the names is fenced could still change.
        if !self.initialise_producers()? {
            self.tell(WorkerEvent::Stopped);
            return Ok(());
        }
        let consumer = self.subscribe()?;
        self.tell(WorkerEvent::Started);
        let ended = self.serve(&consumer);
        self.finish(consumer, ended)
    }

    fn serve(&mut self, consumer: &GroupConsumer) -> Result<(), WorkerError> {
        while !self.stop.is_stopped() {
            if let Err(trouble) = self.step(consumer) {
                self.mend(consumer, trouble)?;
            }
        }
        Ok(())
    }

    /// One round: what is due, then one record.
    fn step(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        while let Some(rebalance) = consumer.context().next_rebalance() {
            self.rebalance(consumer, rebalance)?;
        }
        self.take_arriving(consumer)?;
        self.resume_due(consumer)?;
        self.look_for_broker(consumer);
        self.tick()?;
        if self.open.as_ref().is_some_and(|open| {
            open.since.elapsed() >= self.settings.commit_interval || open.records >= self.settings.commit_records
        }) {
            self.commit(consumer)?;
        }
        match consumer.poll(self.poll_limit()) {
            Some(Ok(message)) => self.process(consumer, &RecordRef::from_message(&message)),
            Some(Err(error)) => self.consumer_error(&error),
            // Nothing is waiting: whoever waits for the outputs need not wait for the interval.
            None if self.open.is_some() => self.commit(consumer),
            None => Ok(()),
        }
    }

    fn poll_limit(&self) -> Duration {
        if self.open.is_some() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let due = self
            .lanes
            .next_due()
            .into_iter()
            .chain(self.arriving.as_ref().map(|arriving| arriving.next_try))
            .chain([self.next_tick]);
        due.map(|at| at.saturating_duration_since(now))
            .min()
            .unwrap_or(limits::POLL)
            .clamp(Duration::from_millis(1), limits::POLL)
    }

    fn process(&mut self, consumer: &GroupConsumer, record: &RecordRef<'_>) -> Result<(), Trouble> {
        // Not ours, paused, or given out before a position was put back: the client will give it again if it is to be consumed.
        match self.lanes.get_mut(record.topic, record.partition) {
            Some(lane) if lane.pause.is_none() && record.offset >= lane.next => {}
            _ => return Ok(()),
        }
        self.open_transaction()?;
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let sent_before = open.outbox.sent();
        let verdict = self.processor.process(record, &mut open.outbox);
        if let Some(failure) = open.outbox.failure() {
            return Err(failure.clone().into());
        }
        match verdict {
            Verdict::Done => {
                open.records += 1;
                if let Some(lane) = self.lanes.get_mut(record.topic, record.partition) {
                    lane.consumed(record.offset);
                }
                Ok(())
            }
            Verdict::Pause { reason, retry_after } => {
                let written = open.outbox.sent() != sent_before;
                self.pause(consumer, record, reason, retry_after)?;
                // Half of a record's outputs must not be seen before the other half.
                if written {
                    Err(Trouble::Abort("a record was paused after something was sent for it".to_owned()))
                } else {
                    Ok(())
                }
            }
            Verdict::Fatal { reason } => Err(Trouble::End(WorkerError::Processor { reason })),
        }
    }

    fn open_transaction(&mut self) -> Result<(), Trouble> {
        if self.open.is_some() {
            return Ok(());
        }
        let producer = &mut self.producers[self.turn];
        producer.begin()?;
        let outbox = Outbox::into_producer(producer.share()?, producer.transactional_id());
        let mut open = Open { outbox, since: Instant::now(), records: 0 };
        let assigned = self.lanes.assigned();
        let begin = Begin { assigned: &assigned, first_after_assignment: self.first_after_assignment };
        self.processor.begin(&begin, &mut open.outbox);
        let failure = open.outbox.failure().cloned();
        self.open = Some(open);
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Commits what is open and passes the turn on.
    fn commit(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        let Some(open) = &self.open else { return Ok(()) };
        let started = Instant::now();
        let (records, sent) = (open.records, open.outbox.sent());
        let offsets = self.lanes.moved();
        self.producers[self.turn].commit_with(|producer| {
            if offsets.count() == 0 {
                return Ok(());
            }
            let lost = || TransactionError::Abortable {
                reason: "the partitions have been lost to another member of the group".to_owned(),
            };
            let metadata = consumer.group_metadata().ok_or_else(lost)?;
            // A broker takes offsets of a memberless generation unfenced. The client blanks its metadata and marks the assignment lost in one step of one
            // thread, the same that answered the call before: so if it is not lost now, the metadata was not blank.
            if consumer.assignment_lost() || matches!(consumer.rebalance_protocol(), RebalanceProtocol::None) {
                return Err(lost());
            }
            producer.send_offsets(&offsets, &metadata)
        })?;
        self.committed(records, sent, started);
        Ok(())
    }

    fn committed(&mut self, records: usize, sent: usize, started: Instant) {
        self.open = None;
        self.lanes.commit();
        self.first_after_assignment = false;
        self.turn = (self.turn + 1) % self.producers.len();
        self.abort_wait = limits::ABORTED_FIRST;
        self.tell(WorkerEvent::Committed { records, sent, took: started.elapsed() });
    }

    fn tick(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if now < self.next_tick {
            return Ok(());
        }
        self.next_tick = now + self.settings.tick_interval;
        match self.processor.tick() {
            Tick::Nothing => Ok(()),
            Tick::OpenTransaction => self.open_transaction(),
        }
    }

    fn pause(
        &mut self,
        consumer: &GroupConsumer,
        record: &RecordRef<'_>,
        reason: String,
        asked: Option<Duration>,
    ) -> Result<(), Trouble> {
        let (topic, partition, offset) = (record.topic, record.partition, record.offset);
        let Some(lane) = self.lanes.get_mut(topic, partition) else { return Ok(()) };
        // Records between the position and this one were control records or compacted away.
        let retry_after = lane.pause(asked, self.settings.pause_first, self.settings.pause_longest);
        let here = list([(topic, partition, offset)].into_iter());
        consumer.pause(&here).map_err(|error| Trouble::Rebuild(error.to_string()))?;
        self.seek(consumer, here)?;
        tracing::warn!(
            topic,
            partition,
            offset,
            reason,
            retry_ms = retry_after.as_millis() as u64,
            "partition is paused"
        );
        self.tell(WorkerEvent::PartitionPaused { topic: topic.to_owned(), partition, offset, reason, retry_after });
        Ok(())
    }

    fn resume_due(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        if self.lanes.next_due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        for (topic, partition, next) in self.lanes.due(Instant::now()) {
            if let Some(lane) = self.lanes.get_mut(&topic, partition) {
                lane.pause = None;
            }
            let here = list([(topic.as_str(), partition, next)].into_iter());
            self.seek(consumer, here.clone())?;
            consumer.resume(&here).map_err(|error| Trouble::Rebuild(error.to_string()))?;
            self.tell(WorkerEvent::PartitionResumed { topic, partition });
        }
        Ok(())
    }

    /// Puts positions of the client back. It happens inside the client, so a failure is one of timing (a partition that is only just starting): tried until the
    /// limit, then the consumer is beyond help.
    fn seek(&self, consumer: &GroupConsumer, positions: TopicPartitionList) -> Result<(), Trouble> {
        let started = Instant::now();
        let mut open = positions;
        while open.count() > 0 {
            let tried = consumer.seek_partitions(open.clone(), limits::SEEK);
            let failed: Vec<_> = match &tried {
                Ok(tried) => tried
                    .elements()
                    .iter()
                    .filter(|element| element.error().is_err())
                    .map(|element| (element.topic().to_owned(), element.partition()))
                    .collect(),
                Err(_) => {
                    open.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
                }
            };
            let mut rest = TopicPartitionList::new();
            for element in open.elements() {
                if failed.iter().any(|(topic, partition)| topic == element.topic() && *partition == element.partition())
                {
                    let _ = rest.add_partition_offset(element.topic(), element.partition(), element.offset());
                }
            }
            open = rest;
            if open.count() == 0 || consumer.assignment_lost() {
                break;
            }
            if started.elapsed() > limits::SEEK || self.stop.is_stopped() {
                return Err(Trouble::End(WorkerError::Kafka(KafkaError::Unavailable {
                    what: "put positions back".to_owned(),
                    limit: limits::SEEK,
                    reason: "the client does not take them".to_owned(),
                })));
            }
            self.stop.wait(Duration::from_millis(10));
        }
        Ok(())
    }

    fn rebalance(&mut self, consumer: &GroupConsumer, rebalance: Rebalance) -> Result<(), Trouble> {
        match rebalance {
            Rebalance::Assign(partitions) if partitions.count() == 0 => {
                carry_out_assign(consumer, &partitions);
                Ok(())
            }
            Rebalance::Assign(partitions) => {
                self.arriving = Some(Arriving { partitions, next_try: Instant::now() });
                Ok(())
            }
            Rebalance::Revoke { partitions, lost } => {
                let lost = lost || consumer.assignment_lost();
                // What is open is settled first: not lost, nobody else has the partitions before we give them back, and what was done is worth committing.
                let settled = match self.open.is_some() {
                    true if lost => {
                        Err(Trouble::Abort("the partitions were lost to another member of the group".to_owned()))
                    }
                    true => self.commit(consumer),
                    false => Ok(()),
                };
                // An abort puts positions back, also those of the revoked partitions: before they are given back.
                let mended = settled.or_else(|trouble| self.mend(consumer, trouble));
                let revoked: Vec<(String, i32)> = partitions
                    .elements()
                    .iter()
                    .map(|element| (element.topic().to_owned(), element.partition()))
                    .collect();
                for (topic, partition) in &revoked {
                    // The client would keep a pause beyond the assignment.
                    if self.lanes.get_mut(topic, *partition).is_some_and(|lane| lane.pause.is_some()) {
                        let _ = consumer.resume(&list([(topic.as_str(), *partition, 0)].into_iter()));
                    }
                    self.lanes.remove(topic, *partition);
                }
                carry_out_revoke(consumer, &partitions);
                if !revoked.is_empty() {
                    tracing::info!(partitions = revoked.len(), lost, "partitions were revoked");
                    self.tell(WorkerEvent::Revoked { partitions: revoked, lost });
                }
                mended.map_err(Trouble::End)
            }
        }
    }

    /// Takes over partitions as soon as their committed offsets are known and stable. Until then the others go on.
    fn take_arriving(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        let Some(arriving) = &mut self.arriving else { return Ok(()) };
        if Instant::now() < arriving.next_try {
            return Ok(());
        }
        let partitions = arriving.partitions.clone();
        let Ok(positions) = self.stable_offsets(consumer, &partitions) else {
            arriving_later(&mut self.arriving);
            return Ok(());
        };
        // What is open began without these partitions; the next `begin` shall tell of them.
        self.commit(consumer)?;
        self.arriving = None;
        carry_out_assign(
            consumer,
            &list(positions.iter().map(|(topic, partition, next)| (topic.as_str(), *partition, *next))),
        );
        for (topic, partition, next) in &positions {
            self.lanes.insert(topic, *partition, *next);
        }
        self.first_after_assignment = true;
        tracing::info!(partitions = positions.len(), "partitions were assigned");
        self.tell(WorkerEvent::Assigned { partitions: self.lanes.assigned() });
        Ok(())
    }

    /// The committed offsets, each for certain; a partition without one begins with its oldest record.
    fn stable_offsets(
        &self,
        consumer: &GroupConsumer,
        partitions: &TopicPartitionList,
    ) -> Result<Vec<(String, i32, i64)>, ClientError> {
        let committed = consumer.committed_offsets(partitions.clone(), limits::COMMITTED)?;
        let mut positions = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let next = match element.offset() {
                Offset::Offset(offset) => offset,
                _ => consumer.fetch_watermarks(element.topic(), element.partition(), limits::METADATA)?.0,
            };
            positions.push((element.topic().to_owned(), element.partition(), next));
        }
        Ok(positions)
    }

    /// What follows trouble. `Err` ends the worker.
    fn mend(&mut self, consumer: &GroupConsumer, trouble: Trouble) -> Result<(), WorkerError> {
        match trouble {
            Trouble::Abort(reason) => self.abort(consumer, reason),
            Trouble::Rebuild(reason) => self.rebuild(consumer, reason),
            Trouble::Fenced => {
                let transactional_id = self.settings.transactional_id.clone();
                if self.fenced_at.is_some_and(|at| at.elapsed() < limits::FENCED_TWICE) {
                    return Err(WorkerError::Fenced { transactional_id });
                }
                self.fenced_at = Some(Instant::now());
                self.rebuild(consumer, format!("fenced: another process may be running as `{transactional_id}`"))
            }
            Trouble::End(error) => Err(error),
        }
    }

    fn abort(&mut self, consumer: &GroupConsumer, reason: String) -> Result<(), WorkerError> {
        if self.open.take().is_none() && !self.producers[self.turn].is_open() {
            return Ok(());
        }
        tracing::warn!(reason, "transaction is aborted");
        if let Err(error) = self.producers[self.turn].abort() {
            return match Trouble::from(error) {
                Trouble::Abort(reason) => self.rebuild(consumer, reason),
                trouble => self.mend(consumer, trouble),
            };
        }
        let back = self.lanes.roll_back();
        self.put_back(consumer, back)?;
        self.turn = (self.turn + 1) % self.producers.len();
        self.tell(WorkerEvent::Aborted { reason });
        self.stop.wait(self.abort_wait);
        self.abort_wait = (self.abort_wait * 2).min(limits::ABORTED_LONGEST);
        Ok(())
    }

    fn put_back(&self, consumer: &GroupConsumer, back: TopicPartitionList) -> Result<(), WorkerError> {
        // Lost partitions cannot be positioned, and need not be.
        if consumer.assignment_lost() {
            return Ok(());
        }
        match self.seek(consumer, back) {
            Err(Trouble::End(_)) if self.stop.is_stopped() => Ok(()),
            Err(Trouble::End(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Drops all producers, makes them new, and asks the broker what became of the transaction.
    fn rebuild(&mut self, consumer: &GroupConsumer, reason: String) -> Result<(), WorkerError> {
        tracing::warn!(reason, "all producers are made new");
        let open = self.open.take().map(|open| (open.records, open.outbox.sent()));
        if !self.initialise_producers()? {
            // Stopped while waiting. The next start initialises the same names and so decides the transaction.
            self.lanes.roll_back();
            if open.is_some() {
                self.tell(WorkerEvent::Aborted { reason });
            }
            return Ok(());
        }
        let Some(committed) = self.wait_for_stable_offsets(consumer)? else { return Ok(()) };
        let mut moved = 0;
        let mut went_through = 0;
        for (topic, partition, next) in &committed {
            if let Some(lane) = self.lanes.get_mut(topic, *partition) {
                if lane.next != lane.committed {
                    moved += 1;
                    went_through += usize::from(lane.next == *next);
                }
                lane.committed = *next;
            }
        }
        match open {
            // Offsets and outputs went together, so the offsets tell about both.
            Some((records, sent)) if moved > 0 && moved == went_through => {
                self.committed(records, sent, Instant::now())
            }
            Some(_) => self.tell(WorkerEvent::Aborted { reason: reason.clone() }),
            None => {}
        }
        self.lanes.roll_back();
        // Every position, not only those that moved: the rest costs little and nothing can be missed.
        let positions: Vec<_> = self.lanes.assigned();
        let back = list(positions.iter().map(|lane| (lane.topic.as_str(), lane.partition, lane.next_offset)));
        self.put_back(consumer, back)?;
        self.turn = 0;
        self.tell(WorkerEvent::Rebuilt { reason });
        Ok(())
    }

    /// `None`: stopped, or the partitions were lost meanwhile (their revocation is on its way).
    fn wait_for_stable_offsets(
        &mut self,
        consumer: &GroupConsumer,
    ) -> Result<Option<Vec<(String, i32, i64)>>, WorkerError> {
        if self.lanes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut away = Away::new();
        loop {
            if self.stop.is_stopped() {
                return Ok(None);
            }
            match self.committed_or_known(consumer) {
                Ok(positions) => return Ok(Some(positions)),
                Err(error) => {
                    let code = error.rdkafka_error_code();
                    if code.is_some_and(|code| classify(code).0 == Class::Fatal) {
                        return Err(WorkerError::Fatal { reason: error.to_string() });
                    }
                    let unstable = code == Some(Code::UnstableOffsetCommit);
                    let wait = if unstable {
                        limits::UNSTABLE_RETRY
                    } else {
                        away.again(&self.settings.group_id, &error.to_string())
                    };
                    self.stop.wait(wait);
                }
            }
        }
    }

    /// Committed offsets of all lanes; for a partition that never had one, the position where it began.
    fn committed_or_known(&mut self, consumer: &GroupConsumer) -> Result<Vec<(String, i32, i64)>, ClientError> {
        let committed = consumer.committed_offsets(self.lanes.all(), limits::COMMITTED)?;
        let mut positions = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let known = self.lanes.get_mut(element.topic(), element.partition()).map_or(0, |lane| lane.committed);
            let next = if let Offset::Offset(offset) = element.offset() { offset } else { known };
            positions.push((element.topic().to_owned(), element.partition(), next));
        }
        Ok(positions)
    }

    /// False: stopped while the broker was away.
    fn initialise_producers(&mut self) -> Result<bool, WorkerError> {
        for producer in &mut self.producers {
            producer.discard();
        }
        for producer in &mut self.producers {
            let processor = &mut *self.processor;
            let mut told = false;
            let mut tell = |waiting: Waiting<'_>| match waiting {
                Waiting::Away(reason) if !told => {
                    told = true;
                    processor.event(&WorkerEvent::BrokerAway { reason: reason.to_owned() });
                }
                Waiting::Away(_) => {}
                Waiting::Back => processor.event(&WorkerEvent::BrokerBack),
            };
            let initialised = match producer.initialise(&mut tell) {
                // Two that start at the same moment fence each other while they initialise; the second try of one of them comes through.
                Err(TransactionError::Fenced { .. }) => producer.initialise(&mut tell),
                other => other,
            };
            match initialised {
                Ok(()) => {}
                Err(TransactionError::Stopped) => return Ok(false),
                Err(TransactionError::Fenced { .. }) => {
                    return Err(WorkerError::Fenced { transactional_id: self.settings.transactional_id.clone() });
                }
                Err(error) => return Err(WorkerError::Fatal { reason: error.to_string() }),
            }
        }
        Ok(true)
    }

    fn subscribe(&self) -> Result<GroupConsumer, WorkerError> {
        let context = Context::with_deferred_rebalances(&self.reach);
        let setting = |error: ClientError| WorkerError::Kafka(KafkaError::Setting { reason: error.to_string() });
        let consumer =
            BaseConsumer::from_config_and_context(&self.cluster.group_consumer(&self.settings.group_id), context)
                .map_err(setting)?;
        match &self.settings.input {
            Input::Topics(topics) => {
                consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>()).map_err(setting)?
            }
            Input::Pattern(pattern) => consumer.subscribe(&[pattern.as_str()]).map_err(setting)?,
        }
        Ok(Arc::new(consumer))
    }

    fn consumer_error(&mut self, error: &ClientError) -> Result<(), Trouble> {
        if let ClientError::MessageConsumptionFatal(_) = error {
            return Err(Trouble::End(WorkerError::Fatal { reason: error.to_string() }));
        }
        let Some(code) = error.rdkafka_error_code() else { return Ok(()) };
        match classify(code) {
            (Class::Fatal, why) => Err(Trouble::End(WorkerError::Fatal { reason: format!("{error}: {why}") })),
            // The client goes on by itself; whether the broker is away is found out by asking it.
            (_, why) => {
                tracing::debug!(code = ?code, why, "consumer error");
                Ok(())
            }
        }
    }

    /// A client has said that no broker can be reached: asks one, and tells what came out if it is news.
    fn look_for_broker(&mut self, consumer: &GroupConsumer) {
        let suspected = self.reach.take_suspicion();
        let due = match &self.away {
            Some((_, next)) => Instant::now() >= *next,
            None => suspected,
        };
        if !due {
            return;
        }
        let topic = self.lanes.iter().next().map(|(topic, ..)| topic.to_owned());
        match (consumer.fetch_metadata(topic.as_deref(), limits::PROBE), self.away.take()) {
            (Ok(_), None) => {}
            (Ok(_), Some((away, _))) => {
                away.back(&self.settings.group_id);
                self.tell(WorkerEvent::BrokerBack);
            }
            (Err(error), before) => {
                let news = before.is_none();
                let mut away = before.map_or_else(Away::new, |(away, _)| away);
                let wait = away.again(&self.settings.group_id, &error.to_string());
                self.away = Some((away, Instant::now() + wait));
                if news {
                    self.tell(WorkerEvent::BrokerAway { reason: error.to_string() });
                }
            }
        }
    }

    /// Settles what is open, leaves the group, drops everything, each within its limit.
    fn finish(&mut self, consumer: GroupConsumer, ended: Result<(), WorkerError>) -> Result<(), WorkerError> {
        if self.open.is_some() {
            let settled =
                if ended.is_ok() { self.commit(&consumer) } else { Err(Trouble::Abort("the worker ends".to_owned())) };
            if let Err(trouble) = settled {
                // No waiting and no new producers any more: an abort is tried, else the next start of the same name decides.
                let aborted = self.producers[self.turn].abort();
                self.open = None;
                self.lanes.roll_back();
                let reason = match trouble {
                    Trouble::Abort(reason) | Trouble::Rebuild(reason) => reason,
                    Trouble::Fenced => "fenced".to_owned(),
                    Trouble::End(error) => error.to_string(),
                };
                tracing::warn!(reason, aborted = aborted.is_ok(), "the last transaction was not committed");
                self.tell(WorkerEvent::Aborted { reason });
            }
        }
        consumer.context().close();
        // The group waits for an answer to each rebalance: give those that nobody will look at any more.
        if let Some(arriving) = self.arriving.take() {
            carry_out_assign(&consumer, &arriving.partitions);
        }
        while let Some(rebalance) = consumer.context().next_rebalance() {
            match rebalance {
                Rebalance::Assign(partitions) => carry_out_assign(&consumer, &partitions),
                Rebalance::Revoke { partitions, .. } => carry_out_revoke(&consumer, &partitions),
            }
        }
        bury("consumer", consumer, limits::STOP_CONSUMER);
        for producer in &mut self.producers {
            producer.discard();
        }
        self.tell(WorkerEvent::Stopped);
        ended
    }

    fn tell(&mut self, event: WorkerEvent) {
        self.processor.event(&event);
    }
}

fn arriving_later(arriving: &mut Option<Arriving>) {
    if let Some(arriving) = arriving {
        arriving.next_try = Instant::now() + limits::UNSTABLE_RETRY;
    }
}
