//! What a router tells the operators through Kafka: notices and heartbeats.
//!
//! Both are best effort. Nothing that is told here may be needed for correctness, and a broker that is away never holds a
//! slot back for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barid_codec::RecordError;
use barid_event::topics::Topics;
use barid_kafka::{BestEffortProducer, Outgoing};
use barid_schemas::Millis;
use barid_schemas::records::{Heartbeat, Notice};

use crate::codecs::Codecs;

/// Where notices and heartbeats go. Neither call may wait longer than it is told to.
pub(crate) trait Board: Send + Sync {
    fn post(&self, record: &Outgoing<'_>);
    fn flush(&self, limit: Duration);
}

impl Board for BestEffortProducer {
    fn post(&self, record: &Outgoing<'_>) {
        self.send(record);
    }

    fn flush(&self, limit: Duration) {
        BestEffortProducer::flush(self, limit);
    }
}

/// Shared by the slots, the policy feed and the heartbeat.
pub(crate) struct Bulletin {
    board: Box<dyn Board>,
    codecs: Arc<Codecs>,
    topics: Topics,
    process: String,
    started_at: Millis,
}

impl Bulletin {
    pub(crate) fn new(board: Box<dyn Board>, codecs: Arc<Codecs>, topics: Topics, process: String) -> Self {
        Self { board, codecs, topics, process, started_at: now() }
    }

    /// `message` holds places and reason codes, never a value.
    pub(crate) fn notice(&self, kind: &str, message: String) {
        let notice = Notice { kind: kind.to_owned(), subject: self.process.clone(), message, at: now() };
        if let Ok(value) = self.codecs.notice.to_vec(&notice) {
            self.send(&self.topics.notices(), &value);
        }
    }

    pub(crate) fn heartbeat(&self, counters: BTreeMap<String, i64>) {
        if let Ok(value) = self.heartbeat_value(counters) {
            self.send(&self.topics.heartbeats(), &value);
        }
    }

    /// A heartbeat for whoever writes it himself; its key is the name of the process.
    pub(crate) fn heartbeat_value(&self, counters: BTreeMap<String, i64>) -> Result<Vec<u8>, RecordError> {
        self.codecs.heartbeat.to_vec(&Heartbeat {
            process: self.process.clone(),
            role: "router".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            at: now(),
            counters,
        })
    }

    /// Gives what is not written yet a last chance.
    pub(crate) fn flush(&self, limit: Duration) {
        self.board.flush(limit);
    }

    fn send(&self, topic: &str, value: &[u8]) {
        self.board.post(&Outgoing {
            topic,
            key: Some(self.process.as_bytes()),
            value: Some(value),
            ..Outgoing::default()
        });
    }
}

/// The time of the wall clock.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
