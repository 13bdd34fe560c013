//! One transactional producer, with every outcome typed.
//!
//! `connect` makes and initialises it, then `begin`, `send`..., `commit` or `abort`, again and again. What an error makes the caller do stands at each variant of
//! [`TransactionError`]; the client's own states never leak out.
//!
//! Three rules are kept here and nowhere else. A commit is only tried when every record was reported delivered: without that the client takes 100 ms for each
//! commit, and a record that failed would be missed. An abort is left to the client alone, which purges its queue without tearing its sequence numbers. And a
//! commit whose answer does not come is [`TransactionError::Indefinite`]: it may have happened, or happen later, so nothing more is sent through this producer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::burial::bury_by;
use crate::classify::{Class, classify};
use crate::client::{Context, Reach};
use crate::outage::Away;
use crate::{Cluster, Outgoing, StopSignal, limits};

/// What an error of a transaction makes the caller do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Another process took over this transactional id, or the broker ended what stood open for too long. A worker asks its process's name which it was.
    #[error("another process has taken over the transactional id `{transactional_id}`")]
    Fenced { transactional_id: String },
    /// Nothing of the transaction will be seen. Call `abort`, roll back, begin again.
    #[error("the transaction must be aborted: {reason}")]
    Abortable { reason: String },
    /// Nobody knows whether the transaction was committed. Call `rebuild`, then read back what is there.
    #[error("the outcome of the transaction is not known: {reason}")]
    Indefinite { reason: String },
    /// The broker is away. Nothing was begun. Try again later.
    #[error("kafka is away: {reason}")]
    Unavailable { reason: String },
    /// This record can never be written. The transaction is still good.
    #[error("a record for topic `{topic}` is too large: {bytes} bytes, the limit is {limit}")]
    RecordTooLarge { topic: String, bytes: usize, limit: usize },
    /// No retry will help (authorisation, configuration).
    #[error("kafka refused: {reason}")]
    Fatal { reason: String },
    #[error("stopped before it was done")]
    Stopped,
}

/// What a waiting `connect` tells: the broker is away (with the reason), or it is back.
pub(crate) enum Waiting<'a> {
    Away(&'a str),
    Back,
}

/// The call that failed: the same error means different things before, in and after a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Init,
    Begin,
    Offsets,
    Commit,
    Abort,
}

/// The client, shared with the outbox of the transaction that is open.
pub(crate) type Client = ThreadedProducer<Context>;

/// One transactional producer.
pub struct TransactionalProducer {
    cluster: Cluster,
    transactional_id: String,
    stop: StopSignal,
    reach: Arc<Reach>,
    /// `None` only while it is being rebuilt, or after a rebuild that was stopped.
    client: Option<Client>,
    open: bool,
}

impl TransactionalProducer {
    /// Makes the producer and initialises it (which fences every other holder of the id, and finishes or aborts what it left). Waits with back-off while the
    /// broker is away, until the stop signal. The signal also shortens a commit that hangs.
    pub fn connect(cluster: &Cluster, transactional_id: &str, stop: &StopSignal) -> Result<Self, TransactionError> {
        let mut producer = Self::unconnected(cluster, transactional_id, stop, &Arc::default());
        producer.initialise(&mut |_| {})?;
        Ok(producer)
    }

    pub(crate) fn unconnected(
        cluster: &Cluster,
        transactional_id: &str,
        stop: &StopSignal,
        reach: &Arc<Reach>,
    ) -> Self {
        Self {
            cluster: cluster.clone(),
            transactional_id: transactional_id.to_owned(),
            stop: stop.clone(),
            reach: Arc::clone(reach),
            client: None,
            open: false,
        }
    }

    /// Drops the client if there is one, makes it, initialises it, waiting for the broker.
    pub(crate) fn initialise(&mut self, tell: &mut dyn FnMut(Waiting<'_>)) -> Result<(), TransactionError> {
        self.discard();
        let config = self.cluster.transactional_producer(&self.transactional_id);
        let client = Client::from_config_and_context(&config, Context::new(&self.reach))
            .map_err(|error| TransactionError::Fatal { reason: error.to_string() })?;
        let begun = Instant::now();
        let mut away: Option<Away> = None;
        let initialised = loop {
            if self.stop.is_stopped() {
                break Err(TransactionError::Stopped);
            }
            let started = Instant::now();
            match client.init_transactions(limits::INIT_SLICE) {
                Ok(()) => break Ok(()),
                Err(error) => match self.judge(Call::Init, &error, &client) {
                    TransactionError::Unavailable { .. } if begun.elapsed() < limits::PATIENCE => {
                        self.stop.wait(limits::AWAY_FIRST.saturating_sub(started.elapsed()));
                    }
                    TransactionError::Unavailable { .. } => {
                        let away = away.get_or_insert_with(|| Away::new(self.cluster.outage()));
                        let reason = self.cluster.why_away(client.context().trouble());
                        tell(Waiting::Away(&reason));
                        let wait = away.again(&reason);
                        // The try goes on in the background, so a try that used its slice up has waited already.
                        self.stop.wait(wait.saturating_sub(started.elapsed()));
                    }
                    other => break Err(other),
                },
            }
        };
        match initialised {
            Ok(()) => {
                if let Some(away) = &mut away {
                    away.back();
                    tell(Waiting::Back);
                }
                self.client = Some(client);
                Ok(())
            }
            Err(error) => {
                bury_by("producer", client, limits::STOP_PRODUCERS, &self.stop);
                Err(error)
            }
        }
    }

    /// Drops the client with whatever is in it.
    pub(crate) fn discard(&mut self) {
        self.open = false;
        if let Some(client) = self.client.take() {
            bury_by("producer", client, limits::STOP_PRODUCERS, &self.stop);
        }
    }

    pub fn transactional_id(&self) -> &str {
        &self.transactional_id
    }

    /// Begins a transaction. No request is sent before the first record.
    pub fn begin(&mut self) -> Result<(), TransactionError> {
        let client = self.client()?;
        client.context().deliveries.forget_failures();
        client.begin_transaction().map_err(|error| self.judge(Call::Begin, &error, client))?;
        self.open = true;
        Ok(())
    }

    /// Hands the record to the client; the bytes are copied. Blocks only while the client's queue is full. `RecordTooLarge` leaves the transaction good.
    pub fn send(&mut self, record: &Outgoing<'_>) -> Result<(), TransactionError> {
        hand_over(self.client()?, &self.transactional_id, record, &self.stop)
    }

    /// Waits until everything is delivered, then commits. `Ok` means definitely committed.
    pub fn commit(&mut self) -> Result<(), TransactionError> {
        self.commit_with(|_| Ok(()))
    }

    /// Commits; `last` is called when everything is delivered, right before the end, and can still refuse.
    pub(crate) fn commit_with(
        &mut self,
        last: impl FnOnce(&Self) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        self.drain()?;
        last(self)?;
        let client = self.client()?;
        let started = Instant::now();
        loop {
            match client.commit_transaction(self.slice()) {
                Ok(()) => {
                    // Committed for certain, however long it took.
                    self.open = false;
                    return Ok(());
                }
                Err(error) => {
                    // A slice that passed is not an answer: the commit goes on in the background, and the same call waits for it again.
                    let passed = error.rdkafka_error_code() == Some(Code::OperationTimedOut);
                    if !(passed && started.elapsed() < limits::COMMIT && self.may_wait()) {
                        return Err(self.judge(Call::Commit, &error, client));
                    }
                }
            }
        }
    }

    /// Aborts; what is not sent yet is thrown away. After `Ok` a new transaction may begin.
    ///
    /// If a record could not be delivered, the client is made anew (waiting for the broker if need be): the record has left a gap in the sequence numbers, which
    /// would fail the next transaction.
    pub fn abort(&mut self) -> Result<(), TransactionError> {
        if self.has_failed_deliveries() {
            return self.initialise(&mut |_| {});
        }
        let client = self.client()?;
        let started = Instant::now();
        loop {
            // This purges the queue, in a way that keeps the sequence numbers whole. A purge of our own does not: it fails the first record of the next
            // transaction.
            match client.abort_transaction(self.slice()) {
                Ok(()) => {
                    self.open = false;
                    return Ok(());
                }
                Err(error) => {
                    let passed = error.rdkafka_error_code() == Some(Code::OperationTimedOut);
                    if !(passed && started.elapsed() < limits::ABORT && self.may_wait()) {
                        return Err(self.judge(Call::Abort, &error, client));
                    }
                }
            }
        }
    }

    /// Whether the broker still takes records from this producer: sends one and takes it back. After an error the producer must be initialised before it is used again.
    pub(crate) fn try_out(&mut self, record: &Outgoing<'_>) -> Result<(), TransactionError> {
        self.begin()?;
        self.send(record)?;
        self.drain()?;
        self.abort()
    }

    /// True if a record of the open transaction was given up: an abort alone does not make the producer whole again.
    pub(crate) fn has_failed_deliveries(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.context().deliveries.failures() > 0)
    }

    /// Drops the client and makes it anew with the same id: what follows `Indefinite` or `Fenced`. Afterwards the outcome is definite and can be read.
    pub fn rebuild(&mut self, stop: &StopSignal) -> Result<(), TransactionError> {
        self.stop = stop.clone();
        self.initialise(&mut |_| {})
    }

    /// True between a `begin` and the `commit` or `abort` that succeeded.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Adds the offsets of consumed records to the transaction, within `limit`.
    pub(crate) fn send_offsets(
        &self,
        offsets: TopicPartitionList,
        metadata: ConsumerGroupMetadata,
        limit: Duration,
    ) -> Result<(), TransactionError> {
        let client = self.client()?;
        let sending = client.clone();
        let lost = limit + limits::SEND_OFFSETS_LATE;
        let sent = self.stop.waiting_at_most(lost, limits::STOP_COMMIT, move || {
            sending.send_offsets_to_transaction(&offsets, &metadata, limit)
        });
        // The client takes no other call of this transaction while that one runs: it is given up with the producer, and its end was not asked for.
        let given_up = || TransactionError::Indefinite {
            reason: match self.stop.is_stopped() {
                true => "the offsets were not taken before the stop".to_owned(),
                false => format!("the offsets were not taken within {} ms", lost.as_millis()),
            },
        };
        sent.ok_or_else(given_up)?.map_err(|error| self.judge(Call::Offsets, &error, client))
    }

    /// A second handle for the outbox of the transaction that is open. It must be gone before the producer is discarded.
    pub(crate) fn share(&self) -> Result<(Client, StopSignal), TransactionError> {
        Ok((self.client()?.clone(), self.stop.clone()))
    }

    fn client(&self) -> Result<&Client, TransactionError> {
        self.client
            .as_ref()
            .ok_or_else(|| TransactionError::Indefinite { reason: "the producer must be rebuilt first".to_owned() })
    }

    /// Waits until every record was delivered. Nothing is committed yet, so a failure costs this transaction and no more; but a client that does not get rid of
    /// its records would not get an abort through either, so it is made new at once.
    fn drain(&self) -> Result<(), TransactionError> {
        let client = self.client()?;
        let started = Instant::now();
        while !wait_until_drained(client, self.slice()) {
            if started.elapsed() >= limits::DRAIN || !self.may_wait() {
                return Err(TransactionError::Indefinite {
                    reason: format!("records were not delivered within {} ms", started.elapsed().as_millis()),
                });
            }
        }
        match client.context().deliveries.first_failure() {
            None => Ok(()),
            Some(failure) => Err(self.after_failure(client, failure.to_string())),
        }
    }

    /// A delivery that failed, or a send: the transaction is lost, unless the reason is that the whole client is.
    fn after_failure(&self, client: &Client, reason: String) -> TransactionError {
        fatal_of(client, &self.transactional_id).unwrap_or(TransactionError::Abortable { reason })
    }

    /// After a stop there is less time.
    fn may_wait(&self) -> bool {
        self.stop.stopped_at().is_none_or(|at| at.elapsed() < limits::STOP_COMMIT)
    }

    /// How long a call may block; not zero, for the client would not even look.
    fn slice(&self) -> Duration {
        self.stop.at_most(limits::COMMIT_SLICE, limits::STOP_COMMIT).max(limits::STOP_LOOK)
    }

    fn judge(&self, call: Call, error: &ClientError, client: &Client) -> TransactionError {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let (class, why) = classify(code);
        let reason = format!("{error}: {why}");
        if let Some(fatal) = fatal_of(client, &self.transactional_id) {
            return fatal;
        }
        let (must_abort, is_fatal, retriable) = match error {
            ClientError::Transaction(error) => (error.txn_requires_abort(), error.is_fatal(), error.is_retriable()),
            _ => (false, false, false),
        };
        match (call, class) {
            (_, Class::Fenced) => TransactionError::Fenced { transactional_id: self.transactional_id.clone() },
            (_, Class::Fatal) => TransactionError::Fatal { reason },
            (Call::Init, _) if retriable || matches!(class, Class::Retry | Class::Credentials) => {
                TransactionError::Unavailable { reason }
            }
            (Call::Init, _) => TransactionError::Fatal { reason },
            // Making it new is the way out of an abort that failed, whatever the reason.
            (Call::Abort, _) => TransactionError::Indefinite { reason },
            _ if must_abort => TransactionError::Abortable { reason },
            _ if is_fatal => TransactionError::Indefinite { reason },
            (Call::Commit, _) => TransactionError::Indefinite { reason },
            (Call::Begin, _) => TransactionError::Indefinite { reason },
            // The end of the transaction was not asked for yet: whatever the coordinator did with the offsets, an abort undoes it.
            (Call::Offsets, _) => TransactionError::Abortable { reason },
        }
    }
}

impl Drop for TransactionalProducer {
    fn drop(&mut self) {
        self.discard();
    }
}

/// What makes the whole client unusable, if anything has.
fn fatal_of(client: &Client, transactional_id: &str) -> Option<TransactionError> {
    let (code, reason) = client.client().fatal_error()?;
    Some(match classify(code).0 {
        Class::Fenced => TransactionError::Fenced { transactional_id: transactional_id.to_owned() },
        Class::Fatal => TransactionError::Fatal { reason },
        _ => TransactionError::Indefinite { reason },
    })
}

/// Gives the record to the client's queue.
pub(crate) fn hand_over(
    client: &Client,
    transactional_id: &str,
    record: &Outgoing<'_>,
    stop: &StopSignal,
) -> Result<(), TransactionError> {
    let bytes = record.batch_bytes();
    if bytes > limits::RECORD_BYTES {
        return Err(TransactionError::RecordTooLarge {
            topic: record.topic.to_owned(),
            bytes,
            limit: limits::RECORD_BYTES,
        });
    }
    let deliveries = &client.context().deliveries;
    if let Some(failure) = deliveries.first_failure() {
        return Err(
            fatal_of(client, transactional_id).unwrap_or(TransactionError::Abortable { reason: failure.to_string() })
        );
    }
    let mut native = to_native(record);
    let started = Instant::now();
    loop {
        deliveries.sent();
        match client.send(native) {
            Ok(()) => return Ok(()),
            Err((ClientError::MessageProduction(Code::QueueFull), back))
                if started.elapsed() < stop.at_most(limits::QUEUE_ROOM, limits::STOP_COMMIT) =>
            {
                deliveries.not_sent();
                native = back;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err((error, _)) => {
                deliveries.not_sent();
                if error.rdkafka_error_code() == Some(Code::MessageSizeTooLarge) {
                    return Err(TransactionError::RecordTooLarge {
                        topic: record.topic.to_owned(),
                        bytes,
                        limit: limits::RECORD_BYTES,
                    });
                }
                return Err(fatal_of(client, transactional_id)
                    .unwrap_or(TransactionError::Abortable { reason: error.to_string() }));
            }
        }
    }
}

pub(crate) fn to_native<'a>(record: &Outgoing<'a>) -> BaseRecord<'a, [u8], [u8]> {
    let headers = (!record.headers.is_empty()).then(|| {
        record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        })
    });
    BaseRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.value,
        key: record.key,
        timestamp: record.timestamp_ms,
        headers,
        delivery_opaque: (),
    }
}

/// True once every record was reported and the client's queue is empty. The second takes a moment longer than the first: the client counts a report until the
/// callback has returned.
fn wait_until_drained(client: &Client, limit: Duration) -> bool {
    let started = Instant::now();
    if !client.context().deliveries.wait_until_empty(limit) {
        return false;
    }
    while client.in_flight_count() > 0 {
        if started.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    true
}
