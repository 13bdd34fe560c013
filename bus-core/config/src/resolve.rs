//! Laying the sources over each other, and giving the sections out of the result.
//!
//! Precedence, the later wins, setting by setting:
//!
//! 1. the defaults that are built in (`defaults.toml` beside this file),
//! 2. the file of the deployment,
//! 3. environment variables `BARID_<SECTION>__<KEY>`,
//! 4. flags.
//!
//! A secret has two settings, `x` (its value) and `x_file` (where it lies). The one from the later source wins; both in the
//! same source is a mistake, for nobody can say which was meant. A librdkafka property and its secret file are such a pair too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use barid_mistake::{Mistake, Mistakes, Place};

use crate::kind::{Raw, Value};
use crate::origin::Origin;
use crate::secret::{SecretSource, SecretText};
use crate::section::{Connector, Deployment, EmbeddedRegistry, Kafka, Registry, Router, Telemetry};
use crate::table::{SETTINGS, Setting, is_secret_property, setting, table_entry};
use crate::written::{Entry, read_environment, read_file};

const DEFAULTS: &str = include_str!("defaults.toml");

const PROPERTIES: &str = "kafka.properties";
const SECRET_FILES: &str = "kafka.secret_files";

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags(Vec<(String, String)>);

impl Flags {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the setting of this key if the flag was given. The key is that of a setting, or `kafka.properties.` and the name of a property.
    pub fn set(&mut self, key: &str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.0.push((key.to_owned(), value.to_string()));
        }
        self
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(key, value): &(String, String)| {
            let setting = setting(key).or_else(|| table_entry(key).map(|(setting, _)| setting));
            let name = setting.and_then(|setting| setting.flag).map_or_else(|| format!("for {key}"), str::to_owned);
            Entry { key: key.clone(), raw: Raw::Text(value.clone()), origin: Origin::Flag(name) }
        };
        self.0.iter().map(entry).collect()
    }
}

/// Entry to this crate.
#[derive(Debug)]
pub struct Settings;

impl Settings {
    /// Lays defaults, file (name and text), environment and flags over each other.
    ///
    /// # Errors
    ///
    /// All mistakes of all sources: unknown keys and variables, values of the wrong kind, secrets in the file. That something is *not*
    /// set is no mistake here; a role finds that out when it asks for its section.
    pub fn resolve(
        file: Option<(&str, &str)>,
        environment: &BTreeMap<String, String>,
        flags: &Flags,
    ) -> Result<Resolved, Mistakes> {
        let mut mistakes = Mistakes::new();
        // 1. Defaults.
        let mut entries = read_file("defaults.toml", DEFAULTS, &mut mistakes);
        for entry in &mut entries {
            entry.origin = Origin::Default;
        }
        // 2. The file.
        if let Some((name, text)) = file {
            entries.extend(read_file(name, text, &mut mistakes));
        }
        // 3. The environment.
        entries.extend(read_environment(environment, &mut mistakes));
        // 4. Flags.
        entries.extend(flags.entries());

        let mut values = BTreeMap::new();
        for entry in entries {
            match check(&entry) {
                Ok(value) => {
                    values.insert(entry.key, Given { value, origin: entry.origin });
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        settle_pairs(&mut values, &mut mistakes);
        mistakes.sort();
        let file = file.map_or("barid.toml", |(name, _)| name).to_owned();
        mistakes.into_result(Resolved { file, values })
    }
}

fn check(entry: &Entry) -> Result<Value, Mistake> {
    let known = setting(&entry.key).filter(|setting| !setting.kind.is_table());
    let Some(known) = known.or_else(|| table_entry(&entry.key).map(|(setting, _)| setting)) else {
        return Err(Mistake::new(entry.origin.place(), format!("unknown setting `{}`", entry.key)));
    };
    let name = entry.key.strip_prefix(PROPERTIES).unwrap_or_default();
    if matches!(entry.origin, Origin::Flag(_)) && (known.is_secret() || is_secret_property(name)) {
        // Every user of the machine can list the processes with their flags.
        let message = format!("`{}` is a secret and does not belong on the command line", entry.key);
        return Err(Mistake::new(entry.origin.place(), message).with_cure("put it into a file or into the environment"));
    }
    known.kind.check(&entry.raw).map_err(|fault| {
        let mistake = Mistake::new(entry.origin.place(), format!("`{}` {}", entry.key, fault.message));
        Mistake { cure: fault.cure, ..mistake }
    })
}

/// Of a secret and its file only the one from the later source stays.
fn settle_pairs(values: &mut BTreeMap<String, Given>, mistakes: &mut Mistakes) {
    let secrets = SETTINGS.iter().filter(|setting| setting.is_secret());
    let mut pairs: Vec<(String, String)> =
        secrets.map(|secret| (secret.key.to_owned(), format!("{}_file", secret.key))).collect();
    for key in values.keys() {
        if let Some(name) = key.strip_prefix(SECRET_FILES) {
            pairs.push((format!("{PROPERTIES}{name}"), key.clone()));
        }
    }
    for (inline, file) in pairs {
        let (Some(one), Some(other)) = (values.get(&inline), values.get(&file)) else { continue };
        if one.origin.rank() == other.origin.rank() {
            let message = format!("`{inline}` is set and so is `{file}`");
            mistakes.push(Mistake::new(one.origin.place(), message).with_cure("keep one of the two"));
        }
        let weaker = if one.origin.rank() > other.origin.rank() { file } else { inline };
        values.remove(&weaker);
    }
}

#[derive(Debug, Clone)]
struct Given {
    value: Value,
    origin: Origin,
}

/// One line of `barid config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    /// The value as text, `***` for a secret, none when it is not set.
    pub value: Option<String>,
    pub origin: Option<Origin>,
}

/// The settings that are in force. Debug does not show secrets.
#[derive(Clone)]
pub struct Resolved {
    /// The name of the file, for messages about what is missing in it.
    file: String,
    values: BTreeMap<String, Given>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = formatter.debug_map();
        for row in self.show().into_iter().filter(|row| row.value.is_some()) {
            map.entry(&row.key, &row.value.unwrap_or_default());
        }
        map.finish()
    }
}

impl Resolved {
    pub fn deployment(&self) -> Result<Deployment, Mistake> {
        Ok(Deployment {
            name: self.required_text("deployment.name")?,
            topics_prefix: self.required_text("deployment.topics_prefix")?,
        })
    }

    /// For roles that talk to Kafka.
    pub fn kafka(&self) -> Result<Kafka, Mistake> {
        let mut kafka = Kafka {
            bootstrap_servers: self.required_text("kafka.bootstrap_servers")?,
            properties: BTreeMap::new(),
            secret_properties: BTreeMap::new(),
        };
        for (key, given) in &self.values {
            let Value::Text(text) = &given.value else { continue };
            let Some((table, name)) = table_entry(key) else { continue };
            if table.key == SECRET_FILES {
                kafka.secret_properties.insert(name.to_owned(), SecretSource::File(beside(&given.origin, text)));
            } else if is_secret_property(name) {
                kafka.secret_properties.insert(name.to_owned(), SecretSource::Inline(SecretText::new(text)));
            } else {
                kafka.properties.insert(name.to_owned(), text.clone());
            }
        }
        Ok(kafka)
    }

    /// For roles that talk to the schema registry.
    pub fn registry(&self) -> Result<Registry, Mistake> {
        let url = self.required_text("registry.url")?.trim_end_matches('/').to_owned();
        let password = self.secret("registry.password");
        let user = self.text("registry.user");
        if user.is_none() && password.is_some() {
            let missing = self.missing("registry.user");
            return Err(Mistake { message: format!("{}, but a password is", missing.message), ..missing });
        }
        Ok(Registry { url, basic_auth: user.map(|user| (user, password)) })
    }

    /// For an instance of the embedded registry.
    pub fn embedded_registry(&self) -> Result<EmbeddedRegistry, Mistake> {
        Ok(EmbeddedRegistry {
            listen: self.required_text("embedded_registry.listen")?,
            advertised_url: self.text("embedded_registry.advertised_url"),
            topic: self.required_text("embedded_registry.topic")?,
        })
    }

    pub fn router(&self) -> Result<Router, Mistake> {
        Ok(Router {
            name: self.required_text("router.name")?,
            slots: self.size("router.slots")?,
            producers: self.size("router.producers")?,
            commit_interval: self.milliseconds("router.commit_interval_ms")?,
            commit_records: self.size("router.commit_records")?,
        })
    }

    pub fn connector(&self) -> Result<Connector, Mistake> {
        Ok(Connector {
            scan_interval: self.milliseconds("connector.scan_interval_ms")?,
            settle: self.milliseconds("connector.settle_ms")?,
            once_patience: self.milliseconds("connector.once_patience_ms")?,
            commit_records: self.size("connector.commit_records")?,
        })
    }

    pub fn telemetry(&self) -> Result<Telemetry, Mistake> {
        Ok(Telemetry {
            log_format: self.required_text("telemetry.log_format")?,
            log_level: self.required_text("telemetry.log_level")?,
            metrics_address: self.text("telemetry.metrics_address"),
            otlp_endpoint: self.text("telemetry.otlp_endpoint"),
            trace_sample_ratio: match self.values.get("telemetry.trace_sample_ratio") {
                Some(Given { value: Value::Ratio(ratio), .. }) => *ratio,
                _ => return Err(self.missing("telemetry.trace_sample_ratio")),
            },
        })
    }

    /// The secret of the connector that runs in this process.
    pub fn connector_secret(&self) -> Result<SecretSource, Mistake> {
        self.required_secret("secrets.connector_secret")
    }

    /// The key that all connectors share.
    pub fn correlation_key(&self) -> Result<SecretSource, Mistake> {
        self.required_secret("secrets.correlation_key")
    }

    /// The key under which parcels and persons are hashed.
    pub fn watch_key(&self) -> Result<SecretSource, Mistake> {
        self.required_secret("secrets.watch_key")
    }

    /// What is in force and where each value came from, in the order of the reference page.
    pub fn show(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for setting in SETTINGS {
            if setting.kind.is_table() {
                let prefix = format!("{}.", setting.key);
                rows.extend(self.values.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)).map(
                    |(key, given)| {
                        let secret = setting.key == PROPERTIES && is_secret_property(&key[prefix.len()..]);
                        row(key, Some(given), secret)
                    },
                ));
            } else {
                rows.push(row(setting.key, self.values.get(setting.key), setting.is_secret()));
            }
        }
        rows
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.values.get(key) {
            Some(Given { value: Value::Text(text), .. }) => Some(text.clone()),
            _ => None,
        }
    }

    fn required_text(&self, key: &str) -> Result<String, Mistake> {
        self.text(key).ok_or_else(|| self.missing(key))
    }

    fn whole(&self, key: &str) -> Result<u64, Mistake> {
        match self.values.get(key) {
            Some(Given { value: Value::Whole(number), .. }) => Ok(*number),
            _ => Err(self.missing(key)),
        }
    }

    fn size(&self, key: &str) -> Result<usize, Mistake> {
        usize::try_from(self.whole(key)?).map_err(|_| self.missing(key))
    }

    fn milliseconds(&self, key: &str) -> Result<Duration, Mistake> {
        self.whole(key).map(Duration::from_millis)
    }

    fn secret(&self, key: &str) -> Option<SecretSource> {
        let file = match self.values.get(&format!("{key}_file")) {
            Some(Given { value: Value::Text(path), origin }) => Some(SecretSource::File(beside(origin, path))),
            _ => None,
        };
        file.or_else(|| self.text(key).map(|text| SecretSource::Inline(SecretText::new(text))))
    }

    fn required_secret(&self, key: &str) -> Result<SecretSource, Mistake> {
        self.secret(key).ok_or_else(|| self.missing(&format!("{key}_file")))
    }

    /// Says which setting is missing and each way to set it.
    fn missing(&self, key: &str) -> Mistake {
        let mistake = Mistake::new(Place::file(&self.file), format!("`{key}` is not set"));
        match setting(key) {
            Some(setting) => mistake.with_cure(ways_to_set(setting)),
            None => mistake,
        }
    }
}

/// A path that a file names is relative to that file's folder; one from a flag or the environment to the folder in which the process runs.
fn beside(origin: &Origin, path: &str) -> PathBuf {
    match origin {
        Origin::File(place) => Path::new(&place.file).parent().unwrap_or(Path::new("")).join(path),
        _ => PathBuf::from(path),
    }
}

fn ways_to_set(setting: &Setting) -> String {
    let (section, key) = setting.key.split_once('.').unwrap_or(("", setting.key));
    let mut ways = format!("write `{key} = {}` under `[{section}]`, or set {}", setting.example, setting.variable());
    if let Some(flag) = setting.flag {
        ways.push_str(&format!(", or give {flag}"));
    }
    let inline = setting.key.strip_suffix("_file").and_then(crate::table::setting);
    if let Some(inline) = inline {
        ways.push_str(&format!(", or put the secret itself into {}", inline.variable()));
    }
    ways
}

fn row(key: &str, given: Option<&Given>, secret: bool) -> Row {
    let value = given.map(|given| match &given.value {
        _ if secret => "***".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Ratio(ratio) => ratio.to_string(),
    });
    Row { key: key.to_owned(), value, origin: given.map(|given| given.origin.clone()) }
}
