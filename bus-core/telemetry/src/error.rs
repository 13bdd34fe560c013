//! What can go wrong when telemetry is set up; nothing here fails after that.

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "log level `{level}` is not understood: {reason}; write `error`, `warn`, `info`, `debug`, `trace`, or `info,barid_router=debug`"
    )]
    Level { level: String, reason: String },
    #[error("log format `{0}` is not known; write `auto`, `text` or `json`")]
    Format(String),
    #[error("OTLP endpoint `{endpoint}` has no scheme `http://` or `https://`; write it as `http://{bare}`")]
    EndpointScheme { endpoint: String, bare: String },
    #[error("span exporter for `{endpoint}` could not be built: {reason}")]
    Exporter { endpoint: String, reason: String },
    #[error("logs are already set up in this process")]
    AlreadySet,
    /// Metrics and health cannot be served.
    #[error(transparent)]
    Http(#[from] barid_http::HttpError),
}
