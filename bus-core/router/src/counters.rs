//! The numbers that a router shows. Only what has definitely been committed is counted.

use std::collections::BTreeMap;

use barid_telemetry::{Buckets, Counter, CounterFamily, Gauge, Histogram, Metrics};

pub(crate) struct Counters {
    pub(crate) events: Counter,
    pub(crate) copies: Counter,
    pub(crate) dead_letters: CounterFamily<1>,
    pub(crate) dead_letters_in_all: Counter,
    pub(crate) transactions: Counter,
    pub(crate) aborted: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) waiting_partitions: Gauge,
}

impl Counters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            events: metrics.counter("events", "events that were routed or dead-lettered"),
            copies: metrics.counter("copies", "copies that were written to inboxes"),
            dead_letters: metrics.counters("dead_letters", "events that could not be routed", ["reason"]),
            dead_letters_in_all: metrics.counter("dead_letters_in_all", "events that could not be routed, all reasons"),
            transactions: metrics.counter("transactions", "transactions that were committed"),
            aborted: metrics.counter("aborted_transactions", "transactions that were aborted"),
            commit_seconds: metrics.histogram("commit_seconds", "time that a commit took", Buckets::Seconds),
            waiting_partitions: metrics.gauge("waiting_partitions", "partitions that wait for the schema registry"),
        }
    }

    /// What a heartbeat tells.
    pub(crate) fn of_heartbeat(&self) -> BTreeMap<String, i64> {
        let numbers = [("events", &self.events), ("copies", &self.copies), ("dead_letters", &self.dead_letters_in_all)];
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        numbers.map(|(name, counter)| (name.to_owned(), number(counter.get()))).into()
    }
}
