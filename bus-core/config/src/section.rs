//! The sections as the roles use them: checked, with their types, nothing optional that a role cannot do without.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::SecretSource;

/// What names this deployment among others on the same cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// First part of each `transactional.id`.
    pub name: String,
    /// What the name of each topic begins with, its dot included; may be empty.
    pub topics_prefix: String,
}

/// How to reach Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// Passed to librdkafka as they are.
    pub properties: BTreeMap<String, String>,
    /// Properties whose values are secret (`sasl.password`), by name of the property; to be read and added to the others.
    pub secret_properties: BTreeMap<String, SecretSource>,
}

/// How to reach the schema registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// With scheme and path, without credentials and without a slash at the end.
    pub url: String,
    /// Name and password for basic authentication.
    pub basic_auth: Option<(String, Option<SecretSource>)>,
}

/// How an instance of the embedded registry works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedRegistry {
    /// `host:port`
    pub listen: String,
    /// Where other instances reach this one; none: where it listens.
    pub advertised_url: Option<String>,
    pub topic: String,
}

/// How a router works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Unique in the deployment; part of each `transactional.id` of this process.
    pub name: String,
    /// Threads that route.
    pub slots: usize,
    /// Transactional producers that a slot rotates.
    pub producers: usize,
    /// A transaction is committed after this time under load …
    pub commit_interval: Duration,
    /// … or after this number of events, whichever comes first.
    pub commit_records: usize,
}

/// What holds for all connectors of this deployment unless their own file says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// How often the source folder is looked at.
    pub scan_interval: Duration,
    /// How long a file must have stood unchanged before it is read.
    pub settle: Duration,
    /// How long a single reading waits for what is away.
    pub once_patience: Duration,
    /// Records of one transaction at most.
    pub commit_records: usize,
}

/// Logs, metrics and traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// `auto`, `text` or `json`.
    pub log_format: String,
    /// A level or a list of targets with levels.
    pub log_level: String,
    /// `host:port` for `/metrics`, `/healthz` and `/readyz`; none: not served.
    pub metrics_address: Option<String>,
    /// Base address of an OTLP collector; none: no traces.
    pub otlp_endpoint: Option<String>,
    /// Part of new traces that is recorded, 0 to 1.
    pub trace_sample_ratio: f64,
}
