//! The settings in force, and the clients that are made from them.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use barid_codec::{BasicAuth, Registry, RegistrySettings};
use barid_config::{Flags, Resolved, SecretSource, Settings};
use barid_connector::Keys;
use barid_event::Secret;
use barid_event::topics::Topics;
use barid_kafka::{Admin, ClientSettings, Cluster, StopSignal};
use barid_ledger::Reader;
use barid_telemetry::{Guard, HealthServer, LogSettings, Metrics, Readiness, Running};

use crate::arguments::{GlobalArguments, RouterArguments};
use crate::exit::Exit;
use crate::failure::Failure;

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "barid.toml";
/// How long a command that does not wait gives the broker to answer.
const REACHABLE: Duration = Duration::from_secs(10);

/// The settings of one deployment.
pub(crate) struct Deployment {
    pub resolved: Resolved,
    /// No file was named, and this folder has none.
    fileless: bool,
}

impl Deployment {
    /// Reads file, environment and flags.
    pub(crate) fn load(global: &GlobalArguments, router: Option<&RouterArguments>) -> Result<Self, Failure> {
        Self::load_with(global, |flags| {
            if let Some(router) = router {
                flags.set("router.name", router.name.as_ref()).set("router.slots", router.slots);
            }
        })
    }

    /// Reads file, environment, global flags and what the command's own flags add.
    pub(crate) fn load_with(global: &GlobalArguments, own: impl FnOnce(&mut Flags)) -> Result<Self, Failure> {
        let file = read_settings(global)?;
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut flags = Flags::new();
        flags
            .set("deployment.name", global.deployment.as_ref())
            .set("deployment.topics_prefix", global.topics_prefix.as_ref())
            .set("kafka.bootstrap_servers", global.bootstrap_servers.as_ref())
            .set("registry.url", global.registry_url.as_ref())
            .set("secrets.connector_secret_file", global.connector_secret_file.as_ref().map(|path| path.display()))
            .set("secrets.correlation_key_file", global.correlation_key_file.as_ref().map(|path| path.display()))
            .set("secrets.watch_key_file", global.watch_key_file.as_ref().map(|path| path.display()))
            .set("telemetry.metrics_address", global.metrics_addr.as_ref())
            .set("telemetry.otlp_endpoint", global.otlp_endpoint.as_ref())
            .set("telemetry.log_format", global.log_format.as_ref())
            .set("telemetry.log_level", global.log_level.as_ref());
        for property in &global.properties {
            let (name, value) = property.split_once('=').unwrap_or((property, ""));
            flags.set(&format!("kafka.properties.{name}"), Some(value));
        }
        own(&mut flags);
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        Ok(Self { resolved: Settings::resolve(file, &environment, &flags)?, fileless: file.is_none() })
    }

    /// A part of the settings; where it is not set because there is no file at all, the failure says that too.
    pub(crate) fn part<T, E: Into<Failure>>(&self, part: Result<T, E>) -> Result<T, Failure> {
        part.map_err(|mistake| {
            let mut failure: Failure = mistake.into();
            if self.fileless {
                failure.message.push_str("\n  there is no barid.toml in this folder; to name another: --settings FILE");
            }
            failure
        })
    }

    pub(crate) fn name(&self) -> Result<String, Failure> {
        Ok(self.resolved.deployment()?.name)
    }

    pub(crate) fn topics(&self) -> Result<Topics, Failure> {
        Ok(Topics::new(self.resolved.deployment()?.topics_prefix))
    }

    pub(crate) fn cluster(&self, client_id: &str) -> Result<Cluster, Failure> {
        let kafka = self.part(self.resolved.kafka())?;
        let mut properties = kafka.properties;
        let secrets = kafka.secret_properties.iter();
        let read = all(secrets.map(|(property, source)| Ok((property.clone(), secret_text(source, property)?))))?;
        properties.extend(read);
        let settings =
            ClientSettings { bootstrap_servers: kafka.bootstrap_servers, client_id: client_id.to_owned(), properties };
        Ok(Cluster::new(settings)?)
    }

    /// For commands that answer now or not at all.
    pub(crate) fn reachable_cluster(&self, stop: &StopSignal) -> Result<Cluster, Failure> {
        let cluster = self.cluster("barid-cli")?;
        if Admin::new(&cluster)?.reachable(REACHABLE, stop) || stop.is_stopped() {
            return Ok(cluster);
        }
        let servers = cluster.bootstrap_servers();
        let message = format!(
            "no broker answers at `{servers}` within {} s\n  check `kafka.bootstrap_servers`: barid config show",
            REACHABLE.as_secs()
        );
        Err(Failure::new(Exit::Unreachable, message))
    }

    pub(crate) fn registry(&self) -> Result<Arc<Registry>, Failure> {
        self.registry_client().map(Arc::new)
    }

    /// For roles: told to end, they wait for no answer.
    pub(crate) fn registry_until(&self, stop: &StopSignal) -> Result<Arc<Registry>, Failure> {
        let stop = stop.clone();
        Ok(Arc::new(self.registry_client()?.until(move || stop.is_stopped())))
    }

    fn registry_client(&self) -> Result<Registry, Failure> {
        let registry = self.part(self.resolved.registry())?;
        let basic_auth = match registry.basic_auth {
            Some((username, password)) => {
                let password = password.map(|source| secret_text(&source, "registry.password")).transpose()?;
                Some(BasicAuth { username, password: password.unwrap_or_default() })
            }
            None => None,
        };
        Ok(Registry::new(RegistrySettings { url: registry.url, basic_auth })?)
    }

    /// A reader of the topics, after the broker has answered.
    pub(crate) fn reader(&self, stop: &StopSignal) -> Result<Reader, Failure> {
        let cluster = self.reachable_cluster(stop)?;
        Ok(Reader::new(cluster, self.topics()?, self.registry()?, stop.clone()))
    }

    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        let sources = [
            (self.resolved.connector_secret(), "secrets.connector_secret"),
            (self.resolved.correlation_key(), "secrets.correlation_key"),
            (self.resolved.watch_key(), "secrets.watch_key"),
        ];
        let read = all(sources.into_iter().map(|(source, setting)| secret(&source?, setting)));
        let read: [Secret; 3] = self.part(read)?.try_into().map_err(|_| Failure::failed("a secret is missing"))?;
        let [connector, correlation, watch] = read;
        Ok(Keys { connector, correlation, watch })
    }

    pub(crate) fn watch_key(&self) -> Result<Secret, Failure> {
        secret(&self.part(self.resolved.watch_key())?, "secrets.watch_key")
    }

    /// Sets up logs and traces for the role that this process runs.
    pub(crate) fn telemetry(&self, role: &str) -> Result<Telemetry, Failure> {
        let telemetry = self.resolved.telemetry()?;
        let terminal = std::io::stderr().is_terminal();
        let settings = LogSettings {
            format: telemetry.log_format.parse()?,
            level: telemetry.log_level,
            terminal,
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
            otlp_endpoint: telemetry.otlp_endpoint,
            service_name: format!("barid-{role}"),
            sample_ratio: telemetry.trace_sample_ratio,
        };
        let guard = barid_telemetry::init(settings)?;
        let (metrics, readiness) = (Metrics::new(role), Readiness::default());
        let server = telemetry
            .metrics_address
            .map(|address| HealthServer::start(&address, metrics.clone(), readiness.clone()))
            .transpose()?;
        Ok(Telemetry { metrics, readiness, _server: server, _guard: guard })
    }
}

/// What a role tells with, kept until its end.
pub(crate) struct Telemetry {
    pub metrics: Metrics,
    pub readiness: Readiness,
    _server: Option<Running>,
    _guard: Guard,
}

fn read_settings(global: &GlobalArguments) -> Result<Option<(String, String)>, Failure> {
    let path = match &global.settings {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_FILE).is_file() => PathBuf::from(DEFAULT_FILE),
        None => return Ok(None),
    };
    Ok(Some((path.display().to_string(), read_text(&path)?)))
}

/// Reads a text file; the error names it.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Mistaken, format!("{}: cannot be read: {error}", path.display())))
}

/// All values, or one failure that tells of every one that is missing.
fn all<T>(read: impl Iterator<Item = Result<T, Failure>>) -> Result<Vec<T>, Failure> {
    let (mut values, mut failures) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Ok(value) => values.push(value),
            Err(failure) => failures.push(failure.message),
        }
    }
    if failures.is_empty() { Ok(values) } else { Err(Failure::new(Exit::Mistaken, failures.join("\n"))) }
}

fn secret_text(source: &SecretSource, setting: &str) -> Result<String, Failure> {
    let file = match source {
        SecretSource::File(path) => format!("its file `{}`", path.display()),
        SecretSource::Inline(_) => "its value".to_owned(),
    };
    let text = source.read_with(|path| fs::read_to_string(path));
    let text =
        text.map_err(|error| Failure::new(Exit::Mistaken, format!("`{setting}`: {file} cannot be read: {error}")))?;
    Ok(text.expose().to_owned())
}

fn secret(source: &SecretSource, setting: &str) -> Result<Secret, Failure> {
    let text = secret_text(source, setting)?;
    Secret::from_hex(&text).map_err(|error| {
        let message = format!("`{setting}`: {error}\n  to make one: openssl rand -hex 32");
        Failure::new(Exit::Mistaken, message)
    })
}

/// A signal that SIGTERM, SIGINT and the end of a console session stop.
pub(crate) fn stop_on_signals() -> Result<StopSignal, Failure> {
    let stop = StopSignal::new();
    let signalled = stop.clone();
    ctrlc::set_handler(move || signalled.stop()).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(stop)
}
