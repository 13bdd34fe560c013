//! The table of all settings. Whoever adds one adds it here, and to `defaults.toml` if it has a default.

use crate::kind::Kind;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Section and key as in the file: `kafka.bootstrap_servers`.
    pub key: &'static str,
    pub(crate) kind: Kind,
    /// The flag that sets it, with its dashes, if there is one.
    pub flag: Option<&'static str>,
    /// A value as it is written in the file.
    pub example: &'static str,
    pub meaning: &'static str,
}

impl Setting {
    /// The environment variable that sets it: two underscores between section and key.
    pub fn variable(&self) -> String {
        format!("BARID_{}", self.key.replace('.', "__").to_uppercase())
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// What its value must be like, in words.
    pub fn describe_kind(&self) -> String {
        self.kind.describe()
    }
}

/// The setting of this key.
pub(crate) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The table setting to which this key belongs, and the rest of the key: `kafka.properties` and `sasl.mechanism`.
pub(crate) fn table_entry(key: &str) -> Option<(&'static Setting, &str)> {
    SETTINGS.iter().filter(|setting| setting.kind.is_table()).find_map(|setting| {
        let name = key.strip_prefix(setting.key)?.strip_prefix('.')?;
        (!name.is_empty()).then_some((setting, name))
    })
}

/// Whether the value of this librdkafka property is secret.
pub(crate) fn is_secret_property(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "secret", "key.pem", "sasl.oauthbearer.config", "credential"].iter().any(|part| name.contains(part))
}

const fn plain(key: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Setting {
    Setting { key, kind, flag: None, example, meaning }
}

const fn flagged(
    key: &'static str,
    kind: Kind,
    flag: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { key, kind, flag: Some(flag), example, meaning }
}

/// All settings, in the order of the reference page.
pub const SETTINGS: &[Setting] = &[
    flagged(
        "deployment.name",
        Kind::Name,
        "--deployment",
        "\"mazandaran\"",
        "Names this deployment. It is the first part of each `transactional.id`, so two deployments on one cluster need two names.",
    ),
    flagged(
        "deployment.topics_prefix",
        Kind::Prefix,
        "--topics-prefix",
        "\"barid.\"",
        "What the name of each topic begins with. It never changes on a live deployment.",
    ),
    flagged(
        "kafka.bootstrap_servers",
        Kind::Servers,
        "--bootstrap-servers",
        "\"kafka1:9092,kafka2:9092\"",
        "Brokers to ask first. One that answers is enough.",
    ),
    flagged(
        "kafka.properties",
        Kind::Properties,
        "--property",
        "{ \"security.protocol\" = \"SASL_SSL\", \"sasl.mechanism\" = \"SCRAM-SHA-512\" }",
        "Passed to librdkafka as they are, for TLS and SASL. In the environment each has a variable of its own, with `_` for each `.`: \
         `BARID_KAFKA__PROPERTIES__SASL_USERNAME`. Secret ones (`sasl.password`) are refused in the file.",
    ),
    plain(
        "kafka.secret_files",
        Kind::SecretFiles,
        "{ \"sasl.password\" = \"/run/secrets/kafka-password\" }",
        "Secret librdkafka properties, each with the file that holds its value.",
    ),
    flagged(
        "registry.url",
        Kind::Url,
        "--registry-url",
        "\"http://registry:8081\"",
        "Where the schema registry speaks the Confluent API (Apicurio: with `/apis/ccompat/v7`). It is written into headers, so it holds no \
         credentials.",
    ),
    plain("registry.user", Kind::Text, "\"barid\"", "Name for basic authentication at the registry."),
    plain(
        "registry.password_file",
        Kind::Path,
        "\"/run/secrets/registry-password\"",
        "File that holds the password of `registry.user`.",
    ),
    plain("registry.password", Kind::Secret, "", "The password of `registry.user` itself."),
    flagged(
        "embedded_registry.listen",
        Kind::Address,
        "--listen",
        "\"10.1.0.7:8081\"",
        "Where `barid registry` answers.",
    ),
    flagged(
        "embedded_registry.advertised_url",
        Kind::Url,
        "--advertised-url",
        "\"http://registry-a:8081\"",
        "Under which address the other instances of `barid registry` reach this one. Not set: where it listens.",
    ),
    flagged(
        "embedded_registry.topic",
        Kind::Name,
        "--topic",
        "\"_schemas\"",
        "The topic in which `barid registry` keeps the schemas, in the format of Confluent's registry. It has no prefix, and all instances of one \
         registry have the same.",
    ),
    flagged(
        "secrets.connector_secret_file",
        Kind::Path,
        "--connector-secret-file",
        "\"/run/secrets/connector\"",
        "File that holds the secret of this connector alone. Ids of events and cases are made with it; who has it can test guesses, and \
         with another one all ids become others.",
    ),
    plain("secrets.connector_secret", Kind::Secret, "", "The secret of this connector itself."),
    flagged(
        "secrets.correlation_key_file",
        Kind::Path,
        "--correlation-key-file",
        "\"/run/secrets/correlation\"",
        "File that holds the key that all connectors share, so that agencies that know the same tracking code meet in one matter. Who has \
         it can test tracking codes.",
    ),
    plain("secrets.correlation_key", Kind::Secret, "", "The correlation key itself."),
    flagged(
        "secrets.watch_key_file",
        Kind::Path,
        "--watch-key-file",
        "\"/run/secrets/watch\"",
        "File that holds the key under which parcels and persons are hashed for watching. Connectors and those who register watches share it.",
    ),
    plain("secrets.watch_key", Kind::Secret, "", "The watch key itself."),
    flagged(
        "router.name",
        Kind::Name,
        "--name",
        "\"router-a\"",
        "Names this router process. It must be unique: a second process with the same name fences the first.",
    ),
    flagged(
        "router.slots",
        Kind::Whole(1, 64),
        "--slots",
        "2",
        "Threads that route; each takes its share of the partitions.",
    ),
    plain(
        "router.producers",
        Kind::Whole(1, 3),
        "2",
        "Transactional producers that a slot uses in turn, so that it need not wait for the markers of its last transaction.",
    ),
    plain(
        "router.commit_interval_ms",
        Kind::Whole(1, 10_000),
        "20",
        "Under load a transaction is committed after this time in milliseconds; when the input is idle, at once.",
    ),
    plain(
        "router.commit_records",
        Kind::Whole(1, 100_000),
        "5000",
        "A transaction is committed after this number of events at the latest.",
    ),
    plain(
        "connector.scan_interval_ms",
        Kind::Whole(100, 3_600_000),
        "2000",
        "How often a connector looks at its folder, in milliseconds.",
    ),
    plain(
        "connector.settle_ms",
        Kind::Whole(0, 3_600_000),
        "1000",
        "How long a file must have stood unchanged before it is read, in milliseconds: a file that is still being copied is half a file.",
    ),
    plain(
        "connector.once_patience_ms",
        Kind::Whole(1000, 86_400_000),
        "60000",
        "How long `barid connect --once` waits for a broker or registry that is away before it ends with exit code 4, in milliseconds; a connector that watches waits for ever.",
    ),
    plain(
        "connector.commit_records",
        Kind::Whole(1, 100_000),
        "1000",
        "Records of one transaction of a connector at most.",
    ),
    flagged(
        "telemetry.log_format",
        Kind::Word(&["auto", "text", "json"]),
        "--log-format",
        "\"json\"",
        "Log lines for people or for programs; `auto` is text on a terminal and JSON otherwise.",
    ),
    flagged(
        "telemetry.log_level",
        Kind::Text,
        "--log-level",
        "\"info\"",
        "`error`, `warn`, `info`, `debug`, `trace`, or a list such as `info,barid_router=debug`.",
    ),
    flagged(
        "telemetry.metrics_address",
        Kind::Address,
        "--metrics-addr",
        "\"127.0.0.1:9464\"",
        "Where `/metrics`, `/healthz` and `/readyz` are served. Not set: nowhere.",
    ),
    flagged(
        "telemetry.otlp_endpoint",
        Kind::Url,
        "--otlp-endpoint",
        "\"http://collector:4318\"",
        "OpenTelemetry collector that takes traces over HTTP. Not set: no traces.",
    ),
    plain(
        "telemetry.trace_sample_ratio",
        Kind::Ratio,
        "0.1",
        "Which part of new traces is recorded. A trace that came with a record is recorded when its starter wanted it.",
    ),
];
