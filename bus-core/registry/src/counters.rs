//! What an instance counts.

use barid_telemetry::{Counter, CounterFamily, Gauge, Metrics};

#[derive(Clone, Debug)]
pub(crate) struct Counters {
    pub(crate) requests: CounterFamily<2>,
    pub(crate) forwarded: Counter,
    pub(crate) written: Counter,
    pub(crate) read: Counter,
    pub(crate) unread: Counter,
    pub(crate) leads: Gauge,
    pub(crate) schemas: Gauge,
}

impl Counters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters("requests", "Requests by method and status", ["method", "status"]),
            forwarded: metrics.counter("forwarded", "Changes that were handed on to the instance that leads"),
            written: metrics.counter("written_records", "Records that this instance has written into the topic"),
            read: metrics.counter("read_records", "Records of the topic that were read"),
            unread: metrics.counter("unread_records", "Records of the topic that this registry does not understand"),
            leads: metrics.gauge("leads", "1 while this instance leads, else 0"),
            schemas: metrics.gauge("schemas", "Schemas that are known, each id once"),
        }
    }
}
