//! The side of a client that listens: librdkafka's log and errors, rebalances, delivery reports.
//!
//! One context serves producers and consumers. Callbacks come on the thread that polls: for a consumer the caller's, for a producer its polling thread. They
//! only note down; whoever owns the client acts on the notes.
//!
//! Log lines of librdkafka name brokers, topics and errors, never contents of records. Its lines about broken connections are told at `debug`: that the broker is
//! away is said once ([`crate::outage`]), not by every client every second; what they say is kept as the reason. Its lines about transactions too: each
//! of them comes back as the error of a call, which whoever made the call tells in words of ours.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::classify::{Class, classify};
use crate::limits;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether any client of a worker has said that no broker can be reached. Only a hint: an idle connection that the broker closes looks the same, so whoever
/// cares probes before it believes.
#[derive(Default)]
pub(crate) struct Reach {
    suspect: AtomicBool,
}

impl Reach {
    pub(crate) fn take_suspicion(&self) -> bool {
        self.suspect.swap(false, Ordering::Relaxed)
    }
}

/// A rebalance as the group asks for it. The partitions stay as they are until the owner of the consumer carries it out.
pub(crate) enum Rebalance {
    Assign(TopicPartitionList),
    Revoke { partitions: TopicPartitionList, lost: bool },
}

/// Context of every client.
pub(crate) struct Context {
    reach: Arc<Reach>,
    /// `None`: rebalances are carried out at once (readers that assign by hand; they only see one when they close).
    rebalances: Option<Mutex<VecDeque<Rebalance>>>,
    closing: AtomicBool,
    pub(crate) deliveries: Deliveries,
    last_warning: Mutex<Option<Instant>>,
    /// Why the last connection failed.
    trouble: Mutex<Option<(Instant, String)>>,
}

impl Context {
    pub(crate) fn new(reach: &Arc<Reach>) -> Self {
        Self {
            reach: Arc::clone(reach),
            rebalances: None,
            closing: AtomicBool::new(false),
            deliveries: Deliveries::default(),
            last_warning: Mutex::new(None),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn with_deferred_rebalances(reach: &Arc<Reach>) -> Self {
        Self { rebalances: Some(Mutex::default()), ..Self::new(reach) }
    }

    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.as_ref().and_then(|queue| lock(queue).pop_front())
    }

    /// From now on rebalances are carried out in the callback: nobody will ask for them while the consumer is being dropped, and it would wait for ever.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// What the client has last said about a connection that failed, if that is not long ago.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = lock(&self.trouble);
        trouble.as_ref().filter(|(at, _)| at.elapsed() < limits::TROUBLE_KNOWN).map(|(_, reason)| reason.clone())
    }

    fn warn_now_and_then(&self, code: Code, reason: &str) {
        let mut last = lock(&self.last_warning);
        if last.is_none_or(|last| last.elapsed() > limits::AWAY_REMINDER) {
            *last = Some(Instant::now());
            tracing::warn!(code = ?code, reason, "kafka refuses this client");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let about_connections = matches!(facility, "FAIL" | "ERROR" | "CONNECT" | "DISCONNECT" | "GETPID" | "REQTMOUT");
        let about_transactions = matches!(facility, "FATAL" | "TXNERR" | "ADDPARTS" | "ADDOFFSETS");
        if facility == "FAIL" {
            *lock(&self.trouble) = Some((Instant::now(), in_short(message)));
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error
                if !about_connections && !about_transactions =>
            {
                tracing::error!(target: "librdkafka", facility, message);
            }
            RDKafkaLogLevel::Warning if !about_connections => tracing::warn!(target: "librdkafka", facility, message),
            _ => tracing::debug!(target: "librdkafka", facility, message),
        }
    }

    fn stats_raw(&self, s: &[u8]) {
        tracing::info!(target: "stats", "{}", String::from_utf8_lossy(s))
    }

    fn error(&self, error: ClientError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        match code {
            Code::PartitionEOF => {}
            Code::AllBrokersDown => self.reach.suspect.store(true, Ordering::Relaxed),
            // A reader without a group asks for its group's coordinator all the same, and may not be allowed to.
            Code::GroupAuthorizationFailed if self.rebalances.is_none() => {}
            _ if matches!(classify(code).0, Class::Fatal | Class::Credentials) => self.warn_now_and_then(code, reason),
            _ => tracing::debug!(code = ?code, reason, "kafka client error"),
        }
    }
}

/// What a line about a connection says, without the name of the thread, the client's own word for an address that it was given, and how often it was so.
fn in_short(message: &str) -> String {
    let message = message.split_once("]: ").map_or(message, |(_, rest)| rest);
    let message = message.split_once(" (after ").map_or(message, |(first, _)| first);
    message.replacen("/bootstrap", "", 1)
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let assign = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        match &self.rebalances {
            Some(queue) if !self.closing.load(Ordering::SeqCst) => lock(queue).push_back(if assign {
                Rebalance::Assign(partitions.clone())
            } else {
                Rebalance::Revoke { partitions: partitions.clone(), lost: consumer.assignment_lost() }
            }),
            _ if assign => carry_out_assign(consumer, partitions),
            _ => carry_out_revoke(consumer, partitions),
        }
    }
}

/// Tells the client that the partitions are taken. A refusal is only logged: the group will come back with another rebalance.
pub(crate) fn carry_out_assign(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) {
    let carried_out = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        _ => consumer.assign(partitions),
    };
    if let Err(error) = carried_out {
        tracing::warn!(error = %error, "the client did not take the assignment");
    }
}

/// Tells the client that the partitions are given back.
pub(crate) fn carry_out_revoke(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) {
    let carried_out = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        _ => consumer.unassign(),
    };
    if let Err(error) = carried_out {
        tracing::warn!(error = %error, "the client did not give the partitions back");
    }
}

/// The group waits for an answer to each rebalance: gives those that nobody will look at any more. The last thing before a consumer is dropped.
pub(crate) fn carry_out_what_is_left(consumer: &BaseConsumer<Context>) {
    while let Some(rebalance) = consumer.context().next_rebalance() {
        match rebalance {
            Rebalance::Assign(partitions) => carry_out_assign(consumer, &partitions),
            Rebalance::Revoke { partitions, .. } => carry_out_revoke(consumer, &partitions),
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.deliveries.settled(None),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                self.deliveries.settled(Some(DeliveryFailure { code, topic: message.topic().to_owned() }));
            }
        }
    }
}

/// The first record of a transaction that was not delivered.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryFailure {
    pub(crate) code: Code,
    pub(crate) topic: String,
}

impl std::fmt::Display for DeliveryFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, why) = classify(self.code);
        write!(f, "a record for topic `{}` was not delivered: {}: {why}", self.topic, self.code)
    }
}

/// Counts what is on its way, so that a commit can wait for the last report and refuse after a failure.
#[derive(Default)]
pub(crate) struct Deliveries {
    outstanding: AtomicUsize,
    failed: AtomicUsize,
    first_failure: Mutex<Option<DeliveryFailure>>,
    lock: Mutex<()>,
    empty: Condvar,
}

impl Deliveries {
    pub(crate) fn sent(&self) {
        self.outstanding.fetch_add(1, Ordering::SeqCst);
    }

    /// A record that was counted by [`Self::sent`] was not taken by the client after all.
    pub(crate) fn not_sent(&self) {
        self.outstanding.fetch_sub(1, Ordering::SeqCst);
    }

    fn settled(&self, failure: Option<DeliveryFailure>) {
        if let Some(failure) = failure {
            self.failed.fetch_add(1, Ordering::SeqCst);
            lock(&self.first_failure).get_or_insert(failure);
        }
        if self.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _guard = lock(&self.lock);
            self.empty.notify_all();
        }
    }

    pub(crate) fn failures(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }

    pub(crate) fn first_failure(&self) -> Option<DeliveryFailure> {
        if self.failures() == 0 { None } else { lock(&self.first_failure).clone() }
    }

    /// Forgets failures: a new transaction begins.
    pub(crate) fn forget_failures(&self) {
        *lock(&self.first_failure) = None;
        self.failed.store(0, Ordering::SeqCst);
    }

    /// Waits until a report has come for every record. False: the limit passed first.
    pub(crate) fn wait_until_empty(&self, limit: Duration) -> bool {
        let guard = lock(&self.lock);
        let waited = self.empty.wait_timeout_while(guard, limit, |()| self.outstanding.load(Ordering::SeqCst) > 0);
        let (_guard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_broken_connection_is_kept_without_what_only_the_client_understands() {
        let context = Context::new(&Arc::default());
        assert_eq!(context.trouble(), None);
        let line = "[thrd:127.0.0.1:9/bootstrap]: 127.0.0.1:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: \
                    Connection refused (after 0ms in state CONNECT, 3 identical error(s) suppressed)";
        context.log(RDKafkaLogLevel::Error, "FAIL", line);
        let reason = "127.0.0.1:9: Connect to ipv4#127.0.0.1:9 failed: Connection refused";
        assert_eq!(context.trouble().as_deref(), Some(reason));
    }
}
