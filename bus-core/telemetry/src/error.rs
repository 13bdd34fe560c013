//! What can go wrong when telemetry is set up; nothing here fails after that.

use std::io;

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
    #[error("`{address}` is not an address to listen at; write `host:port`, for example `127.0.0.1:9464`")]
    Address { address: String },
    #[error("cannot listen at `{address}`")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("the thread of the HTTP server could not be started")]
    Thread(#[source] io::Error),
}
