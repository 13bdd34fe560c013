//! How a cluster is reached, and the one place where the configuration of every client is built.
//!
//! A deployment gives [`ClientSettings`]; [`Cluster::new`] checks them without I/O. What Barid promises (exactly once, order, bounded takeover) hangs on the typed
//! settings below, so a passed-through property may add to them (TLS, SASL, buffers) but never replace one: that is an error that names both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError as ClientError;

use crate::outage::Outage;
use crate::{KafkaError, limits};

/// How to reach a cluster, as a deployment's configuration says it.
#[derive(Clone, Default)]
pub struct ClientSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// How the process appears in the broker's logs and quotas.
    pub client_id: String,
    /// librdkafka properties that are passed through (TLS, SASL, ...). One that fights a typed setting is refused.
    pub properties: BTreeMap<String, String>,
}

/// Property values may be passwords: only the names are printed.
impl std::fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Properties that may not be passed through, with what they would fight. Aliases of librdkafka stand beside the names that are used here.
const TYPED: &[(&str, &str)] = &[
    ("bootstrap.servers", "the setting `bootstrap_servers`"),
    ("metadata.broker.list", "the setting `bootstrap_servers`"),
    ("client.id", "the setting `client_id`"),
    ("group.id", "the group that each role names itself"),
    ("group.protocol", "`group.protocol=classic`: offsets inside transactions are fenced by it"),
    ("group.instance.id", "the name of each slot, by which a process that is started again has its partitions at once"),
    ("partition.assignment.strategy", "`partition.assignment.strategy=cooperative-sticky`"),
    ("session.timeout.ms", "`session.timeout.ms=6000`: it bounds a takeover"),
    ("heartbeat.interval.ms", "`heartbeat.interval.ms=1000`, a sixth of the session"),
    ("isolation.level", "`isolation.level=read_committed`: exactly once"),
    ("enable.auto.commit", "offsets that are committed inside transactions"),
    ("enable.auto.offset.store", "offsets that are committed inside transactions"),
    ("auto.offset.reset", "`auto.offset.reset=earliest`: nothing is skipped"),
    ("enable.partition.eof", "readers that need it set it"),
    ("transactional.id", "the name that each role gives itself"),
    ("transaction.timeout.ms", "`transaction.timeout.ms=10000`: it bounds a takeover"),
    ("enable.idempotence", "`enable.idempotence=true`: exactly once"),
    ("enable.gapless.guarantee", "transactions, which imply it"),
    ("acks", "`acks=all`: exactly once"),
    ("request.required.acks", "`acks=all`: exactly once"),
    ("retries", "retries that transactions imply"),
    ("message.send.max.retries", "retries that transactions imply"),
    ("max.in.flight", "an order that transactions imply"),
    ("max.in.flight.requests.per.connection", "an order that transactions imply"),
    ("message.timeout.ms", "the limit for deliveries, which the transaction implies"),
    ("delivery.timeout.ms", "the limit for deliveries, which the transaction implies"),
    ("message.max.bytes", "the largest record, 1000000 bytes"),
    ("linger.ms", "`linger.ms=1`: it is paid at every commit"),
    ("queue.buffering.max.ms", "`linger.ms=1`: it is paid at every commit"),
    ("partitioner", "`partitioner=murmur2_random`: Java clients compute the same"),
    ("fetch.wait.max.ms", "`fetch.wait.max.ms=50`"),
    ("fetch.queue.backoff.ms", "`fetch.queue.backoff.ms=10`"),
    ("allow.auto.create.topics", "`allow.auto.create.topics=false`: topics are declared by `barid topics apply`"),
    ("log_level", "the settings of the log"),
    ("log.queue", "the settings of the log"),
    ("test.mock.num.brokers", "the setting `bootstrap_servers`"),
];

/// A cluster that clients can be made for. Making it does no I/O. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cluster {
    settings: Arc<ClientSettings>,
    outage: Arc<Outage>,
}

impl Cluster {
    /// Checks the settings; connects to nothing.
    pub fn new(settings: ClientSettings) -> Result<Self, KafkaError> {
        if settings.bootstrap_servers.trim().is_empty() {
            return Err(KafkaError::Setting {
                reason: "`bootstrap_servers` is empty: give host:port of at least one broker".to_owned(),
            });
        }
        for property in settings.properties.keys() {
            if let Some((_, typed)) = TYPED.iter().find(|(known, _)| known == property) {
                return Err(KafkaError::Conflict { property: property.clone(), typed: (*typed).to_owned() });
            }
        }
        let cluster = Self { settings: Arc::new(settings), outage: Arc::default() };
        // librdkafka itself knows which properties there are and what they may be. Its message names the property; the value stays out, it may be a password.
        match cluster.base().create_native_config() {
            Ok(_) => Ok(cluster),
            Err(ClientError::ClientConfig(_, description, property, _)) => {
                let description = description.split(" \"").next().unwrap_or_default().to_owned();
                Err(KafkaError::Setting { reason: format!("property `{property}`: {description}") })
            }
            Err(error) => Err(KafkaError::Setting { reason: error.to_string() }),
        }
    }

    /// A cluster without passed-through properties, for tests and the demo.
    pub fn at(bootstrap_servers: &str, client_id: &str) -> Result<Self, KafkaError> {
        Self::new(ClientSettings {
            bootstrap_servers: bootstrap_servers.to_owned(),
            client_id: client_id.to_owned(),
            properties: BTreeMap::new(),
        })
    }

    /// The same cluster under another client id.
    pub fn with_client_id(&self, client_id: &str) -> Self {
        let mut settings = (*self.settings).clone();
        settings.client_id = client_id.to_owned();
        Self { settings: Arc::new(settings), outage: Arc::clone(&self.outage) }
    }

    pub fn bootstrap_servers(&self) -> &str {
        &self.settings.bootstrap_servers
    }

    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    pub(crate) fn outage(&self) -> &Arc<Outage> {
        &self.outage
    }

    /// Why there was no answer: what a client has said about its connections, or that nothing came.
    pub(crate) fn why_away(&self, trouble: Option<String>) -> String {
        trouble.unwrap_or_else(|| format!("no answer from `{}`", self.settings.bootstrap_servers))
    }

    /// What all clients have in common.
    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // librdkafka decides by this number what it hands over at all; what is shown is decided by tracing.
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("bootstrap.servers", &self.settings.bootstrap_servers);
        if !self.settings.client_id.is_empty() {
            config.set("client.id", &self.settings.client_id);
        }
        config.set("allow.auto.create.topics", "false");
        config.set("socket.keepalive.enable", "true");
        config.set("socket.nagle.disable", "true");
        set_ms(&mut config, "socket.timeout.ms", limits::SOCKET);
        set_ms(&mut config, "socket.connection.setup.timeout.ms", limits::CONNECTION_SETUP);
        set_ms(&mut config, "reconnect.backoff.max.ms", limits::RECONNECT_LONGEST);
        for (property, value) in &self.settings.properties {
            config.set(property, value);
        }
        config
    }

    /// A producer of transactions.
    pub(crate) fn transactional_producer(&self, transactional_id: &str) -> ClientConfig {
        let mut config = self.base();
        // `acks=all`, idempotence and retries are implied by the transactional id.
        config.set("transactional.id", transactional_id);
        set_ms(&mut config, "transaction.timeout.ms", limits::TRANSACTION);
        set_producer(&mut config);
        config
    }

    /// A producer of what may be lost.
    pub(crate) fn best_effort_producer(&self) -> ClientConfig {
        let mut config = self.base();
        set_ms(&mut config, "message.timeout.ms", limits::BEST_EFFORT);
        config.set("queue.buffering.max.messages", limits::BEST_EFFORT_RECORDS.to_string());
        set_producer(&mut config);
        config
    }

    /// A member of a group whose offsets are committed inside transactions. A member with a name (`instance`) that dies and comes back within its session has the
    /// partitions that it had, at once and without a rebalance; one without waits until the group has given the dead one up.
    pub(crate) fn group_consumer(&self, group_id: &str, instance: Option<&str>) -> ClientConfig {
        let mut config = self.base();
        config.set("group.id", group_id);
        if let Some(instance) = instance {
            config.set("group.instance.id", instance);
        }
        config.set("group.protocol", "classic");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        set_ms(&mut config, "session.timeout.ms", limits::SESSION);
        set_ms(&mut config, "heartbeat.interval.ms", limits::HEARTBEAT);
        config.set("isolation.level", "read_committed");
        set_ms(&mut config, "topic.metadata.refresh.interval.ms", limits::METADATA_REFRESH);
        set_ms(&mut config, "fetch.wait.max.ms", limits::FETCH_WAIT);
        set_consumer(&mut config);
        config
    }

    /// A reader that assigns partitions by hand. librdkafka wants a group id for that; the group is never joined and never committed to.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = self.base();
        config.set("group.id", self.reader_group());
        config.set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true");
        config.set("queued.max.messages.kbytes", limits::READER_QUEUE_KBYTES.to_string());
        set_ms(&mut config, "fetch.wait.max.ms", limits::FETCH_WAIT_READER);
        set_consumer(&mut config);
        config
    }

    /// A reader that stops at a mark.
    pub(crate) fn snapshot_reader(&self) -> ClientConfig {
        let mut config = self.reader();
        set_ms(&mut config, "fetch.wait.max.ms", limits::FETCH_WAIT_SNAPSHOT);
        config
    }

    /// A client that asks for metadata and watermarks. Isolation `read_uncommitted`: it is told the high watermark, not the last stable offset.
    pub(crate) fn watermark_client(&self) -> ClientConfig {
        let mut config = self.base();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// The same with `read_committed`: as the high watermark it is told the last stable offset.
    pub(crate) fn stable_offset_client(&self) -> ClientConfig {
        let mut config = self.base();
        config.set("isolation.level", "read_committed");
        config
    }

    /// A client that asks for committed offsets of a group without being a member.
    pub(crate) fn group_watcher(&self, group_id: &str) -> ClientConfig {
        let mut config = self.watermark_client();
        config.set("group.id", group_id);
        config.set("enable.auto.commit", "false");
        config
    }

    pub(crate) fn admin(&self) -> ClientConfig {
        self.base()
    }

    fn reader_group(&self) -> String {
        let id = if self.settings.client_id.is_empty() { "barid" } else { &self.settings.client_id };
        format!("{id}-reader")
    }
}

fn set_ms(config: &mut ClientConfig, property: &str, duration: Duration) {
    config.set(property, duration.as_millis().to_string());
}

fn set_producer(config: &mut ClientConfig) {
    config.set("partitioner", "murmur2_random");
    config.set("message.max.bytes", limits::RECORD_BYTES.to_string());
    set_ms(config, "linger.ms", limits::LINGER);
    set_ms(config, "topic.metadata.propagation.max.ms", limits::UNKNOWN_TOPIC);
}

fn set_consumer(config: &mut ClientConfig) {
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    // A position that retention has removed: go on with the oldest record there is, rather than skip to the newest.
    config.set("auto.offset.reset", "earliest");
    set_ms(config, "fetch.queue.backoff.ms", limits::FETCH_QUEUE_BACKOFF);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_property(property: &str, value: &str) -> Result<Cluster, KafkaError> {
        Cluster::new(ClientSettings {
            bootstrap_servers: "localhost:9092".to_owned(),
            client_id: "test".to_owned(),
            properties: BTreeMap::from([(property.to_owned(), value.to_owned())]),
        })
    }

    #[test]
    fn a_property_that_fights_a_typed_setting_is_refused_by_both_names() {
        for (property, typed) in TYPED {
            let refused = with_property(property, "anything").unwrap_err();
            let words = refused.to_string();
            assert!(words.contains(property) && words.contains(typed), "{words}");
        }
    }

    #[test]
    fn security_properties_pass_through_to_every_client() {
        let cluster = with_property("sasl.username", "router").unwrap();
        for config in [
            cluster.transactional_producer("t"),
            cluster.group_consumer("g", Some("i")),
            cluster.reader(),
            cluster.snapshot_reader(),
            cluster.admin(),
            cluster.best_effort_producer(),
        ] {
            assert_eq!(config.get("sasl.username"), Some("router"));
        }
    }

    #[test]
    fn a_member_that_has_a_name_keeps_its_place_in_the_group_while_it_is_started_again() {
        let cluster = Cluster::at("localhost:9092", "test").unwrap();
        assert_eq!(cluster.group_consumer("g", Some("name")).get("group.instance.id"), Some("name"));
        assert_eq!(cluster.group_consumer("g", None).get("group.instance.id"), None);
    }

    #[test]
    fn an_unknown_property_is_named() {
        let refused = with_property("sasl.usrname", "router").unwrap_err();
        assert!(refused.to_string().contains("sasl.usrname"), "{refused}");
    }

    #[test]
    fn a_wrong_value_is_not_repeated_for_it_may_be_a_password() {
        let refused = with_property("security.protocol", "s3cret-value").unwrap_err();
        assert!(
            refused.to_string().contains("security.protocol") && !refused.to_string().contains("s3cret"),
            "{refused}"
        );
        let settings = ClientSettings {
            properties: BTreeMap::from([("sasl.password".into(), "s3cret".into())]),
            ..ClientSettings::default()
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn no_broker_is_an_error_at_once() {
        assert!(matches!(Cluster::at(" ", "test"), Err(KafkaError::Setting { .. })));
    }

    #[test]
    fn every_configuration_is_one_that_the_client_takes() {
        let cluster = Cluster::at("localhost:9092", "test").unwrap();
        for config in [
            cluster.transactional_producer("t"),
            cluster.best_effort_producer(),
            cluster.group_consumer("g", Some("i")),
            cluster.reader(),
            cluster.snapshot_reader(),
            cluster.watermark_client(),
            cluster.stable_offset_client(),
            cluster.group_watcher("g"),
            cluster.admin(),
        ] {
            config.create_native_config().unwrap();
        }
    }
}
