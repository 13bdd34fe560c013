//! What a role tells about itself: logs, metrics, readiness and traces.
//!
//! * **Logs** go to stderr through `tracing`: readable text on a terminal, one JSON object a line otherwise ([`init`]).
//! * **Metrics** are counters, gauges and histograms that a role makes from its [`Metrics`] handle; [`HealthServer`] shows
//!   them to Prometheus at `/metrics`.
//! * **Readiness** is a set of named conditions ([`Readiness`]); `/readyz` answers 503 with the names of those that fail,
//!   `/healthz` answers 200 as long as the process can answer at all.
//! * **Traces** go to an OpenTelemetry collector over OTLP (HTTP, protobuf) when an endpoint is given; [`traces`] carries the W3C
//!   `traceparent` from a record header into a span and back.
//!
//! Roles run on plain OS threads and never meet an async runtime here: the HTTP server (`barid-http`) has a thread with a small
//! runtime of its own, the span exporter has a thread and a blocking client.
//!
//! # What must never be logged
//!
//! No log line, metric, label, span name, span attribute or readiness reason ever holds a value of a row. They hold places (file, row
//! number, column name, topic, partition, offset), reason codes, counts and times. Values of rows are shown by two commands
//! only, the dry run of a connector and the showing of a quarantined row, and those write to stdout, not through this crate.
//! Nothing here can check that; whoever writes a log line keeps the rule.
//!
//! # What it does not do
//!
//! It reads no environment variable and no file, installs nothing before [`init`] is called, and pushes no metrics: Prometheus
//! comes and fetches them.

mod error;
mod exporter;
mod health;
mod logs;
mod metrics;
mod readiness;
pub mod traces;

pub use barid_http::Running;
pub use error::TelemetryError;
pub use health::HealthServer;
pub use logs::{Guard, LogFormat, LogSettings, init};
pub use metrics::{Buckets, Counter, CounterFamily, Gauge, GaugeFamily, Histogram, HistogramFamily, Metrics};
pub use readiness::Readiness;

#[cfg(test)]
mod tests;
