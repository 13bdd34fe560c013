//! Heartbeats and notices: written if it can be done, never waited for.
//!
//! No role depends on them: a full queue, a broker that is away or a topic that is missing costs the record, which is counted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::Producer;

use crate::burial::bury;
use crate::client::Context;
use crate::transaction::{Client, to_native};
use crate::{Cluster, KafkaError, Outgoing, limits};

/// A plain producer with a small queue. Nothing that it is given may be needed for correctness.
pub struct BestEffortProducer {
    client: Option<Client>,
    refused: AtomicU64,
}

impl BestEffortProducer {
    /// Does not wait for the broker.
    pub fn new(cluster: &Cluster) -> Result<Self, KafkaError> {
        let client = Client::from_config_and_context(&cluster.best_effort_producer(), Context::new(&Arc::default()))
            .map_err(|error| KafkaError::Setting { reason: error.to_string() })?;
        Ok(Self { client: Some(client), refused: AtomicU64::new(0) })
    }

    /// Never blocks. False: the queue is full or the record cannot be written; it is counted as dropped.
    pub fn send(&self, record: &Outgoing<'_>) -> bool {
        let Some(client) = &self.client else { return false };
        let deliveries = &client.context().deliveries;
        deliveries.sent();
        let taken = record.batch_bytes() <= limits::RECORD_BYTES && client.send(to_native(record)).is_ok();
        if !taken {
            deliveries.not_sent();
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Records that were not written so far.
    pub fn dropped(&self) -> u64 {
        let undelivered = self.client.as_ref().map_or(0, |client| client.context().deliveries.failures() as u64);
        self.refused.load(Ordering::Relaxed) + undelivered
    }

    /// Gives what is queued a last chance. True: nothing is left.
    pub fn flush(&self, limit: Duration) -> bool {
        let started = Instant::now();
        self.client.as_ref().is_none_or(|client| {
            client.context().deliveries.wait_until_empty(limit.saturating_sub(started.elapsed()))
                && client.client().fatal_error().is_none()
        })
    }
}

impl Drop for BestEffortProducer {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            bury("best-effort producer", client, limits::STOP_BEST_EFFORT);
        }
    }
}
