//! Setting up logs and, when an endpoint is given, the export of traces.
//!
//! Logs go to stderr: data of commands has stdout to itself. On a terminal a line is for a person, else it is one JSON object
//! with `timestamp`, `level`, `target`, `message` and the fields of the line beside them.

use std::str::FromStr;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::TelemetryError;

/// How long one export of spans may take, and how long the last one may hold up the end of the process. A role has five seconds
/// to end after SIGTERM and its own clients need some of them.
const EXPORT_LIMIT: Duration = Duration::from_secs(2);

/// Where a collector takes spans when the endpoint names no path, by the OTLP specification.
const TRACES_PATH: &str = "/v1/traces";

/// Libraries that tell much at `debug` and nothing that concerns the bus. Written before the filter of the operator, so that
/// `debug,hyper=trace` still has its way.
const QUIET: &str = "hyper=info,hyper_util=info,h2=info,reqwest=info,rustls=info,tokio=info,tower=info,mio=info,opentelemetry=info,opentelemetry_sdk=info,opentelemetry-otlp=info";

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// How logs and traces are set up.
#[derive(Clone, Debug)]
pub struct LogSettings {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a list such as `info,barid_router=debug`.
    pub level: String,
    /// Whether stderr is a terminal; decides what [`LogFormat::Auto`] is.
    pub terminal: bool,
    /// Whether text may be coloured. Colour never carries meaning alone: the level is written out.
    pub colour: bool,
    /// Base address of a collector that takes OTLP over HTTP, with its scheme: `http://collector:4318`. None: no traces.
    pub otlp_endpoint: Option<String>,
    /// What the collector calls this process: `barid-router`.
    pub service_name: String,
    /// Which part of new traces is recorded, 0.0 to 1.0. A trace that came with a record is recorded when its starter wanted it.
    pub sample_ratio: f64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            terminal: false,
            colour: false,
            otlp_endpoint: None,
            service_name: "barid".to_owned(),
            sample_ratio: 1.0,
        }
    }
}

/// Keeps the export of traces alive. Dropping it sends what is left, within two seconds; so hold it until the end of `main`.
#[must_use = "dropping the guard ends the export of traces"]
#[derive(Debug)]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
}

impl Guard {
    /// Sends the spans that are left, within two seconds. The same as dropping it, but says what it is for.
    pub fn shutdown(self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(traces) = self.traces.take() else { return };
        if let Err(error) = traces.shutdown_with_timeout(EXPORT_LIMIT) {
            tracing::warn!(%error, "the last spans could not be sent to the collector");
        }
    }
}

/// Sets up logs and traces for this process. To be called once, by the binary.
pub fn init(settings: LogSettings) -> Result<Guard, TelemetryError> {
    let (subscriber, traces) = subscriber(&settings, std::io::stderr)?;
    subscriber.try_init().map_err(|_| TelemetryError::AlreadySet)?;
    Ok(Guard { traces })
}

/// The subscriber with everything in it, writing lines to `writer`; apart from [`init`] so that a test can read the lines.
pub(crate) fn subscriber<W>(
    settings: &LogSettings,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, Option<SdkTracerProvider>), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let traces = settings.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, settings)).transpose()?;
    // Spans are chosen by what they are, not by how loud the log is: with `warn` in the log the traces stay whole. Only our own
    // spans: the exporter's HTTP client makes spans too, and exporting those would never end.
    let spans = traces.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("barid"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target("barid", LevelFilter::INFO))
    });
    let subscriber = tracing_subscriber::registry().with(spans).with(lines(settings, writer)?);
    Ok((subscriber, traces))
}

fn lines<S, W>(settings: &LogSettings, writer: W) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = level_filter(&settings.level)?;
    let json = match settings.format {
        LogFormat::Auto => !settings.terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(if json {
        layer.json().flatten_event(true).with_span_list(false).with_ansi(false).with_filter(filter).boxed()
    } else {
        layer.compact().with_target(false).with_ansi(settings.colour).with_filter(filter).boxed()
    })
}

fn level_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = |reason: String| TelemetryError::Level { level: level.to_owned(), reason };
    if level.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    // A lone word that is no level would be taken for the name of a crate, and everything else would fall silent.
    if let Some(word) =
        level.split(',').map(str::trim).find(|word| !word.contains('=') && LevelFilter::from_str(word).is_err())
    {
        return Err(wrong(format!("`{word}` is not a level")));
    }
    let quiet = level.contains("debug") || level.contains("trace");
    let written = if quiet { format!("{QUIET},{level}") } else { level.to_owned() };
    EnvFilter::builder().parse(written).map_err(|error| wrong(error.to_string()))
}

fn exporter(endpoint: &str, settings: &LogSettings) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_endpoint(endpoint)?)
        .with_timeout(EXPORT_LIMIT)
        .build()
        .map_err(|error| TelemetryError::Exporter { endpoint: endpoint.to_owned(), reason: error.to_string() })?;
    // The builder that is not empty would read the environment, which is the business of the caller.
    let resource = Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
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
