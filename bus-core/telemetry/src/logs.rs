//! Setting up logs and, when an endpoint is given, the export of traces.
//!
//! Logs go to stderr: data of commands has stdout to itself. On a terminal a line is for a person, else it is one JSON object
//! with `timestamp`, `level`, `target`, `message` and the fields of the line beside them.

use std::str::FromStr;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::TelemetryError;
use crate::exporter::{EXPORT_LIMIT, exporter};

/// Libraries that tell much at `debug` and nothing that concerns the bus. Written before the filter of the operator, so that
/// `debug,hyper=trace` still has its way.
const QUIET: &str = "hyper=info,hyper_util=info,h2=info,reqwest=info,rustls=info,tokio=info,tower=info,mio=info";

/// The exporter repeats the same error with every batch; `exporter` says it once instead. And the Kafka client calls it an error when a consumer is closed whose name
/// another process has, which is told in words of ours.
const UNSAID: &str = "opentelemetry=off,rdkafka::consumer::base_consumer=off";

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
    pub(crate) traces: Option<SdkTracerProvider>,
}

impl Guard {
    /// Sends the spans that are left, within two seconds. The same as dropping it, but says what it is for.
    pub fn shutdown(self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(traces) = self.traces.take() else { return };
        // What could not be sent has been said by the exporter.
        let _ = traces.shutdown_with_timeout(EXPORT_LIMIT);
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
    // A library that is capped at `info` would be louder than a log at `warn`.
    let quiet = (level.contains("debug") || level.contains("trace")).then_some(QUIET);
    let written: Vec<&str> = quiet.into_iter().chain([UNSAID, level]).collect();
    let written = written.join(",");
    EnvFilter::builder().parse(written).map_err(|error| wrong(error.to_string()))
}
