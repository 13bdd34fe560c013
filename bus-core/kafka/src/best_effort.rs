//! Heartbeats and notices: written if it can be done, never waited for.

use std::time::Duration;

use crate::{Cluster, KafkaError, Outgoing};

/// A plain producer with a small queue. Nothing that it is given may be needed for correctness.
pub struct BestEffortProducer {}

impl BestEffortProducer {
    pub fn new(_cluster: &Cluster) -> Result<Self, KafkaError> {
        todo!()
    }
    /// Never blocks. False: the queue is full or the record cannot be written; it is counted as dropped.
    pub fn send(&self, _record: &Outgoing<'_>) -> bool {
        todo!()
    }
    /// Records that were not written so far.
    pub fn dropped(&self) -> u64 {
        todo!()
    }
    /// Gives what is queued a last chance.
    pub fn flush(&self, _limit: Duration) {
        todo!()
    }
}
