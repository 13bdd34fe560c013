//! The role that writes: one for each agency.

use std::sync::Arc;
use std::time::Duration;

use barid_codec::Registry;
use barid_event::topics::Topics;
use barid_kafka::{Cluster, StopSignal};
use barid_telemetry::{Metrics, Readiness};

use crate::reading::{FileFault, FileReport};
use crate::{ConnectorConfig, ConnectorError, Keys};

/// What a connector needs besides its mapping.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    pub cluster: Cluster,
    pub registry: Arc<Registry>,
    pub topics: Topics,
    /// The first part of the transactional id.
    pub deployment: String,
    pub keys: Keys,
    /// Read every file once and end.
    pub once: bool,
    /// How often the folders are looked through.
    pub poll_interval: Duration,
    /// The name of the process in `heartbeats`, such as `connector/samt@host`.
    pub process: String,
    /// The version of the program, for `heartbeats`.
    pub version: String,
}

/// What a connector did from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The last reading of each file.
    pub files: Vec<FileReport>,
    /// Files that could not be read.
    pub faults: Vec<FileFault>,
    /// Events written in all.
    pub events: u64,
}

/// The role of one agency.
#[derive(Debug)]
pub struct Connector {
    config: ConnectorConfig,
    settings: ConnectorSettings,
    metrics: Metrics,
    readiness: Readiness,
}

impl Connector {
    /// A connector that has not begun.
    #[must_use]
    pub fn new(config: ConnectorConfig, settings: ConnectorSettings, metrics: Metrics, readiness: Readiness) -> Self {
        Self { config, settings, metrics, readiness }
    }

    /// Reads and publishes until the stop signal, or with `once` until every file has been read.
    ///
    /// Broker or registry away: says so once, waits, goes on by itself.
    ///
    /// # Errors
    ///
    /// If another process has taken over the agency, or Kafka or the registry refuse for good.
    pub fn run(self, stop: &StopSignal) -> Result<Report, ConnectorError> {
        let _ = (&self.config, &self.settings, &self.metrics, &self.readiness, stop);
        Err(ConnectorError::Stopped)
    }
}
