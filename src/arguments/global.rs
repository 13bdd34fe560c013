//! Flags that every command takes. `-h` leaves most of them out, `--help` has them all.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Settings that every command understands; each overrides the deployment file and the environment.
#[derive(Debug, Args)]
pub(crate) struct GlobalArguments {
    /// The settings of the deployment [default: `barid.toml` in this folder, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "BARID_CONFIG")]
    pub settings: Option<PathBuf>,
    /// The name of the deployment
    #[arg(long, global = true, value_name = "NAME", help_heading = "Deployment", hide_short_help = true)]
    pub deployment: Option<String>,
    /// Brokers to start from, as `host:port,host:port`
    #[arg(long, global = true, value_name = "SERVERS", help_heading = "Deployment", hide_short_help = true)]
    pub bootstrap_servers: Option<String>,
    /// Where the schema registry answers
    #[arg(long, global = true, value_name = "URL", help_heading = "Deployment", hide_short_help = true)]
    pub registry_url: Option<String>,
    /// What every topic name begins with
    #[arg(long, global = true, value_name = "PREFIX", help_heading = "Deployment", hide_short_help = true)]
    pub topics_prefix: Option<String>,
    /// A librdkafka property, for TLS and SASL; may be given several times
    #[arg(
        long = "property",
        global = true,
        value_name = "NAME=VALUE",
        help_heading = "Deployment",
        hide_short_help = true
    )]
    pub properties: Vec<String>,
    /// The file with this connector's own secret, in hexadecimal digits
    #[arg(long, global = true, value_name = "FILE", help_heading = "Deployment", hide_short_help = true)]
    pub connector_secret_file: Option<PathBuf>,
    /// The file with the key that all connectors share
    #[arg(long, global = true, value_name = "FILE", help_heading = "Deployment", hide_short_help = true)]
    pub correlation_key_file: Option<PathBuf>,
    /// The file with the key of watch keys
    #[arg(long, global = true, value_name = "FILE", help_heading = "Deployment", hide_short_help = true)]
    pub watch_key_file: Option<PathBuf>,
    /// Serve /metrics, /healthz and /readyz here
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Telemetry", hide_short_help = true)]
    pub metrics_addr: Option<SocketAddr>,
    /// Send OpenTelemetry traces here, as `http://host:4318`
    #[arg(long, global = true, value_name = "URL", help_heading = "Telemetry", hide_short_help = true)]
    pub otlp_endpoint: Option<String>,
    /// auto (text on a terminal, JSON otherwise), text or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Telemetry", hide_short_help = true)]
    pub log_format: Option<String>,
    /// error, warn, info, debug or trace, or a filter such as `info,barid_router=debug`
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Telemetry", hide_short_help = true)]
    pub log_level: Option<String>,
}
