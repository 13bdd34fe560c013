//! Sending spans to an OpenTelemetry collector, over HTTP with protobuf bodies.
//!
//! The SDK collects finished spans on a thread of its own and sends them in batches through a blocking client, so nobody needs an async
//! runtime. When its queue is full it drops spans; nothing ever waits for a collector.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};

use crate::{LogSettings, TelemetryError};

/// How long one export of spans may take, and how long the last one may hold up the end of the process. A role has five seconds
/// to end after SIGTERM and its own clients need some of them.
pub(crate) const EXPORT_LIMIT: Duration = Duration::from_secs(2);

/// Where a collector takes spans when the endpoint names no path, by the OTLP specification.
const TRACES_PATH: &str = "/v1/traces";

/// The provider of tracers whose spans go to the endpoint.
pub(crate) fn exporter(endpoint: &str, settings: &LogSettings) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = Announcing::new(endpoint)?;
    // The builder that is not empty would read the environment, which is the business of the caller.
    let resource = Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler).with_resource(resource).build())
}

/// The endpoint with the path of traces, unless it names a path of its own.
pub(crate) fn traces_endpoint(endpoint: &str) -> Result<String, TelemetryError> {
    let endpoint = endpoint.trim();
    let Some(rest) = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://")) else {
        let bare = endpoint.split("://").last().unwrap_or(endpoint).to_owned();
        return Err(TelemetryError::EndpointScheme { endpoint: endpoint.to_owned(), bare });
    };
    match rest.split_once('/') {
        Some((_, path)) if !path.is_empty() => Ok(endpoint.to_owned()),
        _ => Ok(format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/'))),
    }
}

/// Says once that the collector cannot be reached, and once that it can again.
#[derive(Debug)]
pub(crate) struct Announcing {
    exporter: SpanExporter,
    endpoint: String,
    fails: AtomicBool,
}

impl Announcing {
    pub(crate) fn new(endpoint: &str) -> Result<Self, TelemetryError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(traces_endpoint(endpoint)?)
            .with_timeout(EXPORT_LIMIT)
            .build()
            .map_err(|error| TelemetryError::Exporter { endpoint: endpoint.to_owned(), reason: error.to_string() })?;
        Ok(Self { exporter, endpoint: endpoint.to_owned(), fails: AtomicBool::new(false) })
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Announcing {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        let failed_before = self.fails.swap(result.is_err(), Ordering::Relaxed);
        let endpoint = &self.endpoint;
        match &result {
            Err(error) if !failed_before => {
                tracing::warn!(endpoint, spans, %error, "traces cannot be sent to the collector and are lost until it answers");
            }
            Ok(()) if failed_before => tracing::info!(endpoint, "traces are sent to the collector again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
