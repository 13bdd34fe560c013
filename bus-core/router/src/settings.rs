//! What a router needs to run.

use std::sync::Arc;
use std::time::Duration;

use barid_codec::Registry;
use barid_event::topics::Topics;
use barid_kafka::Cluster;
use barid_schemas::Catalogue;
use barid_telemetry::{Metrics, Readiness};

/// The largest record that a broker takes when nobody has told it otherwise, less a little for what the client adds.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// Everything that a router is given; it reads no file and no environment.
#[derive(Clone)]
pub struct RouterSettings {
    /// The deployment's name: the first part of every transactional id.
    pub deployment: String,
    /// The router's name: unique among the running routers of the deployment.
    pub name: String,
    /// How many slots, each a thread with a consumer and its producers.
    pub slots: u16,
    /// Rotating producers in each slot, 1 to 3.
    pub producers: usize,
    /// Under load a transaction ends after this time…
    pub commit_interval: Duration,
    /// …or after this many events.
    pub commit_records: usize,
    /// The largest record that the inboxes take, bytes; no more than [`MAX_RECORD_BYTES`] counts.
    pub max_record_bytes: usize,
    pub cluster: Cluster,
    pub registry: Arc<Registry>,
    pub topics: Topics,
    /// What every deployment knows; a policy version adds its own catalogue files to it.
    pub shared_catalogue: Catalogue,
    pub metrics: Metrics,
    pub readiness: Readiness,
}
