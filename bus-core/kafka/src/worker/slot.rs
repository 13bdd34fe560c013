//! The loop behind [`super::TransactionalWorker::run`].
//!
//! Everything happens on the calling thread, one step after the other: rebalances that the group asks for, partitions whose wait is over, the tick, the commit when
//! it is due, one record. What can fail ends in one of four ways, and each of them leaves positions, producers and processor agreed:
//!
//! * **abort**: nothing of the transaction is visible; positions go back, the records come again;
//! * **rebuild**: nobody knows whether the transaction was committed, or somebody has taken the names: all producers are dropped and made new with the same
//!   ids (which decides the old transaction), then the committed offsets say what happened;
//! * **join again**: the group has given the slot's name to another consumer: the consumer is made new as well;
//! * **end**: only an operator can mend it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::lanes::Lanes;
use super::owners::Owners;
use super::{Begin, Input, Processor, Tick, Verdict, WorkerError, WorkerEvent, WorkerSettings};
use crate::classify::{Class, classify};
use crate::client::{Context, Reach};
use crate::outage::Sight;
use crate::outbox::Outbox;
use crate::transaction::{TransactionError, TransactionalProducer};
use crate::{Cluster, KafkaError, RecordRef, StopSignal, limits};

/// Topic, partition, and the offset of the record that is consumed next.
pub(super) type Positions = Vec<(String, i32, i64)>;

pub(super) type GroupConsumer = Arc<BaseConsumer<Context>>;

/// Why the loop cannot simply go on.
pub(super) enum Trouble {
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
pub(super) struct Open {
    pub(super) outbox: Outbox,
    pub(super) since: Instant,
    pub(super) records: usize,
}

pub(super) struct Slot<'w, P> {
    pub(super) cluster: &'w Cluster,
    pub(super) settings: &'w WorkerSettings,
    pub(super) processor: &'w mut P,
    pub(super) stop: &'w StopSignal,
    pub(super) reach: Arc<Reach>,
    pub(super) producers: Vec<TransactionalProducer>,
    /// Index of the producer of the open or next transaction.
    pub(super) turn: usize,
    pub(super) open: Option<Open>,
    pub(super) lanes: Lanes,
    /// Partitions that the group has given us and whose committed offsets are not known yet.
    pub(super) arriving: Option<Arriving>,
    pub(super) first_after_assignment: bool,
    pub(super) owners: Owners,
    pub(super) next_tick: Instant,
    /// The group has given the name of this slot to another consumer: ours takes no more calls.
    pub(super) expelled: bool,
    pub(super) abort_wait: Duration,
    /// How long the next transaction waits until its offsets are taken.
    offsets_limit: Duration,
    sight: Sight,
}

pub(super) struct Arriving {
    pub(super) partitions: TopicPartitionList,
    pub(super) next_try: Instant,
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
            owners: Owners::default(),
            next_tick: Instant::now(),
            expelled: false,
            abort_wait: limits::ABORTED_FIRST,
            offsets_limit: limits::SEND_OFFSETS_FIRST,
            sight: Sight::new(cluster.outage()),
        }
    }

    pub(super) fn run(mut self) -> Result<(), WorkerError> {
        // The name before all else: whoever loses something to this slot must find that its process is the older one.
        // All producers before the consumer: a committed offset that is read before an older holder of the names is fenced could still change.
        if !self.take_name()? || !self.initialise_producers()? {
            self.tell(WorkerEvent::Stopped);
            return Ok(());
        }
        let mut consumer = self.subscribe()?;
        self.tell(WorkerEvent::Started);
        let ended = self.serve(&mut consumer);
        self.finish(consumer, ended)
    }

    fn serve(&mut self, consumer: &mut GroupConsumer) -> Result<(), WorkerError> {
        while !self.stop.is_stopped() {
            if let Err(trouble) = self.step(consumer) {
                self.mend(consumer, trouble)?;
            }
            if std::mem::take(&mut self.expelled) {
                self.join_again(consumer)?;
            }
        }
        Ok(())
    }

    /// One round: what is due, then one record.
    pub(super) fn step(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        while let Some(rebalance) = consumer.context().next_rebalance() {
            self.rebalance(consumer, rebalance)?;
        }
        self.take_arriving(consumer)?;
        self.resume_due(consumer)?;
        self.look_for_broker(consumer);
        self.look_for_owners(consumer)?;
        self.tick()?;
        if self.open.as_ref().is_some_and(|open| {
            open.since.elapsed() >= self.settings.commit_interval || open.records >= self.settings.commit_records
        }) {
            self.commit(consumer)?;
        }
        match consumer.poll(self.poll_limit()) {
            Some(Ok(message)) => self.process(consumer, &RecordRef::from_message(&message)),
            Some(Err(error)) => self.consumer_error(consumer, &error),
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

    pub(super) fn open_transaction(&mut self) -> Result<(), Trouble> {
        if self.open.is_some() {
            return Ok(());
        }
        let producer = &mut self.producers[self.turn];
        producer.begin()?;
        let (client, stop) = producer.share()?;
        let outbox = Outbox::into_producer(client, producer.transactional_id(), stop);
        let mut open = Open { outbox, since: Instant::now(), records: 0 };
        let assigned = self.lanes.assigned();
        let begin = Begin { assigned: &assigned, first_after_assignment: self.first_after_assignment };
        self.processor.begin(&begin, &mut open.outbox);
        let failure = open.outbox.failure().cloned();
        self.open = Some(open);
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Commits what is open and passes the turn on.
    pub(super) fn commit(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        let Some(open) = &self.open else { return Ok(()) };
        let started = Instant::now();
        let (records, sent) = (open.records, open.outbox.sent());
        let offsets = self.lanes.moved();
        let limit = self.offsets_limit;
        let committed = self.producers[self.turn].commit_with(|producer| {
            if offsets.count() == 0 {
                return Ok(());
            }
            let lost = || TransactionError::Abortable {
                reason: "the partitions have been lost to another member of the group".to_owned(),
            };
            let metadata = consumer.group_metadata().ok_or_else(lost)?;
            // A broker takes offsets of a generation without members unfenced. The client blanks its metadata and marks the assignment lost in one step of one
            // thread, the same that answered the call before: so if it is not lost now, the metadata was not blank.
            if consumer.assignment_lost() || matches!(consumer.rebalance_protocol(), RebalanceProtocol::None) {
                return Err(lost());
            }
            producer.send_offsets(offsets, metadata, limit)
        });
        if let Err(error) = committed {
            self.offsets_limit = (limit * 2).min(limits::SEND_OFFSETS_LONGEST);
            return Err(error.into());
        }
        self.committed(records, sent, started);
        Ok(())
    }

    pub(super) fn committed(&mut self, records: usize, sent: usize, started: Instant) {
        self.open = None;
        self.lanes.commit();
        self.first_after_assignment = false;
        self.turn = (self.turn + 1) % self.producers.len();
        self.abort_wait = limits::ABORTED_FIRST;
        self.offsets_limit = limits::SEND_OFFSETS_FIRST;
        self.tell(WorkerEvent::Committed { records, sent, took: started.elapsed() });
    }

    fn tick(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if now < self.next_tick {
            return Ok(());
        }
        self.next_tick = now + self.settings.tick_interval;
        self.keep_name().map_err(Trouble::End)?;
        match self.processor.tick() {
            Tick::Nothing => Ok(()),
            Tick::OpenTransaction => self.open_transaction(),
        }
    }

    pub(super) fn subscribe(&self) -> Result<GroupConsumer, WorkerError> {
        let context = Context::with_deferred_rebalances(&self.reach);
        let setting = |error: ClientError| WorkerError::Kafka(KafkaError::Setting { reason: error.to_string() });
        // A broker takes neither slash nor most other signs in it.
        let instance = self.settings.transactional_id.replace('/', ".");
        let config = self.cluster.group_consumer(&self.settings.group_id, Some(&instance));
        let consumer = BaseConsumer::from_config_and_context(&config, context).map_err(setting)?;
        self.subscribe_to_input(&consumer)?;
        Ok(Arc::new(consumer))
    }

    pub(super) fn subscribe_to_input(&self, consumer: &BaseConsumer<Context>) -> Result<(), WorkerError> {
        let topics: Vec<&str> = match &self.settings.input {
            Input::Topics(topics) => topics.iter().map(String::as_str).collect(),
            Input::Pattern(pattern) => vec![pattern],
        };
        consumer
            .subscribe(&topics)
            .map_err(|error| WorkerError::Kafka(KafkaError::Setting { reason: error.to_string() }))
    }

    fn consumer_error(&mut self, consumer: &GroupConsumer, error: &ClientError) -> Result<(), Trouble> {
        let Some(code) = error.rdkafka_error_code() else { return Ok(()) };
        if is_expelled(consumer) {
            self.expelled = true;
            return Ok(());
        }
        if let ClientError::MessageConsumptionFatal(_) = error {
            return Err(Trouble::End(WorkerError::Fatal { reason: error.to_string() }));
        }
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
        if !self.sight.due(suspected) {
            return;
        }
        let topic = self.lanes.iter().next().map(|(topic, ..)| topic.to_owned());
        let client = Arc::clone(consumer);
        let asking = move || client.fetch_metadata(topic.as_deref(), limits::PROBE).map(drop);
        let Some(answer) = self.stop.waiting_for(Duration::ZERO, asking) else { return };
        if answer.is_ok() {
            if self.sight.answered() {
                self.tell(WorkerEvent::BrokerBack);
            }
            return;
        }
        let reason = self.cluster.why_away(consumer.context().trouble());
        if self.sight.silent(&reason) {
            self.tell(WorkerEvent::BrokerAway { reason });
        }
    }

    pub(super) fn tell(&mut self, event: WorkerEvent) {
        self.processor.event(&event);
    }
}

/// Whether the group has given the consumer's name to another one. Every further call to it fails.
pub(super) fn is_expelled(consumer: &GroupConsumer) -> bool {
    matches!(consumer.client().fatal_error(), Some((Code::FencedInstanceId, _)))
}
