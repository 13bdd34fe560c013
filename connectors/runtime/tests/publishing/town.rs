//! A broker, a registry and the folder of an office: what every test of the role begins with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use barid_codec::{RecordReader, Registry, RegistrySettings, Schemas};
use barid_connector::{Connector, ConnectorSettings, Keys, Report, load_config};
use barid_event::Secret;
use barid_event::topics::Topics;
use barid_kafka::{Cluster, InProcessBroker, Record, StopSignal, read_to_high_watermark};
use barid_registry::{EmbeddedRegistry, Running};
use barid_schemas::records::Schema;
use barid_schemas::{CaseEvent, Catalogue};
use barid_telemetry::{Metrics, Readiness};
use serde::de::DeserializeOwned;

pub(crate) const AGENCY: &str = "harbour_office";
const CATALOGUE: &str = r#"
agency = { code = "harbour_office", fa = "اداره بندر", en = "Harbour office", number = 99 }

[[service]]
code = "harbour_permit"
fa = "مجوز بندر"
en = "Harbour permit"
transitions = [
  { from = "submitted", to = "approved", actor = "director", basis = "as" },
  { from = "approved", to = "issued", actor = "director", basis = "as" },
]
"#;
pub(crate) const CONNECTOR: &str = r#"
version = 1
connector = { agency = "harbour_office" }

[[source]]
name = "permits"
kind = "files"
path = "exports"
case = { columns = ["شماره"] }
service = { fixed = "harbour_permit" }

[source.status]
column = "وضعیت"
words = { harbour_permit = { "ثبت" = "submitted", "موافقت" = "approved", "صدور" = "issued" } }

[source.fields]
occurred_at = { column = "تاریخ", cast = "jalali_date" }
case_no = { column = "شماره" }
number = { column = "کد ملی" }
"#;
const HEADER: &str = "شماره;وضعیت;تاریخ;کد ملی";
pub(crate) const FIRST: [&str; 3] =
    ["1;ثبت;1401/01/01;9901001171", "1;موافقت;1401/02/01;9901001171", "2;ثبت;1401/01/01;9902002269"];

pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    pub(crate) topics: Topics,
    pub(crate) readiness: Readiness,
    pub(crate) registry: Arc<Registry>,
    deployment: String,
    folder: tempfile::TempDir,
    // In the order in which they end.
    _registry: Running,
    _broker: Option<InProcessBroker>,
}

impl Town {
    /// On a broker of its own in this process. Nothing about exactly once is proved there: it hides no aborted transaction.
    pub(crate) fn in_process() -> Self {
        let broker = InProcessBroker::start().unwrap();
        let topics = Topics::default();
        for topic in topics.plan([AGENCY]) {
            broker.create_topic(&topic.name, i32::try_from(topic.partitions).unwrap()).unwrap();
        }
        let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
        Self::with(cluster, topics, "test", Some(broker))
    }

    /// With topics under a prefix of its own on a real broker.
    #[cfg(feature = "kafka-tests")]
    pub(crate) fn on(name: &str, bootstrap_servers: &str) -> Self {
        use barid_kafka::{Admin, NewTopic};

        let prefix = barid_harness::kafka::unique_prefix(name);
        let topics = Topics::new(prefix.clone());
        let cluster = Cluster::at(bootstrap_servers, name).unwrap();
        let planned = topics.plan([AGENCY]).into_iter().map(|plan| NewTopic {
            name: plan.name,
            partitions: i32::try_from(plan.partitions).unwrap(),
            replication: Some(1),
            config: plan.config.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
        let created = Admin::new(&cluster).unwrap().create(&planned.collect::<Vec<_>>()).unwrap();
        created.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
        Self::with(cluster, topics, &prefix, None)
    }

    fn with(cluster: Cluster, topics: Topics, deployment: &str, broker: Option<InProcessBroker>) -> Self {
        let running = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
        let settings = RegistrySettings { url: running.url(), basic_auth: None };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("exports")).unwrap();
        Self {
            cluster,
            topics,
            readiness: Readiness::default(),
            registry: Arc::new(Registry::new(settings).unwrap()),
            deployment: deployment.to_owned(),
            folder,
            _registry: running,
            _broker: broker,
        }
    }

    /// The folder that the connector watches.
    pub(crate) fn exports(&self) -> PathBuf {
        self.folder.path().join("exports")
    }

    /// Puts a whole file there; the header is added.
    pub(crate) fn export<R: AsRef<str>>(&self, name: &str, rows: &[R]) {
        let rows: Vec<&str> = rows.iter().map(AsRef::as_ref).collect();
        let part = self.folder.path().join(name);
        std::fs::write(&part, format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
        std::fs::rename(part, self.exports().join(name)).unwrap();
    }

    pub(crate) fn settings(&self, once: bool) -> ConnectorSettings {
        let secret = |name: &str| Secret::from_bytes(format!("{name}, long enough for a key")).unwrap();
        ConnectorSettings {
            cluster: self.cluster.clone(),
            registry: Arc::clone(&self.registry),
            topics: self.topics.clone(),
            deployment: self.deployment.clone(),
            keys: Keys { connector: secret("one"), correlation: secret("two"), watch: secret("three") },
            once,
            poll_interval: Duration::from_millis(50),
            process: format!("connector/{AGENCY}"),
            version: "0".to_owned(),
        }
    }

    /// A connector with this `connector.toml`.
    pub(crate) fn connector(&self, connector: &str, settings: ConnectorSettings) -> Connector {
        let mut catalogue = Catalogue::shared();
        catalogue.add("catalogue.toml", CATALOGUE).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let path: &Path = &self.folder.path().join("connector.toml");
        let config = load_config(connector, path, &catalogue).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Connector::new(config, settings, Metrics::new("connector"), self.readiness.clone())
            .with_commit_records(20)
            .with_settle_time(Duration::ZERO)
    }

    /// Reads what is there, with this `connector.toml`.
    pub(crate) fn run_once_with(&self, connector: &str) -> Report {
        self.connector(connector, self.settings(true)).run(&StopSignal::new()).unwrap()
    }

    pub(crate) fn run_once(&self) -> Report {
        self.run_once_with(CONNECTOR)
    }

    /// A connector that watches the folder until it is stopped.
    pub(crate) fn start(&self, stop: &StopSignal) -> Watching {
        let (connector, stop) = (self.connector(CONNECTOR, self.settings(false)), stop.clone());
        std::thread::spawn(move || connector.run(&stop))
    }

    /// Every committed record of a topic.
    pub(crate) fn records(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        read_to_high_watermark(&self.cluster, topic, &StopSignal::new(), |record| records.push(record.to_record()))
            .unwrap();
        records
    }

    pub(crate) fn decode<T: Schema + DeserializeOwned>(&self, records: &[Record]) -> Vec<T> {
        let reader = RecordReader::<T>::new(Arc::clone(&self.registry) as Arc<dyn Schemas>);
        records.iter().filter_map(|record| record.value.as_ref()).map(|value| reader.decode(value).unwrap()).collect()
    }

    /// The events in the order of their `ce_sequence`.
    pub(crate) fn events(&self) -> Vec<(i64, CaseEvent, Record)> {
        let records = self.records(&self.topics.events(AGENCY));
        let mut events: Vec<_> = records
            .iter()
            .zip(self.decode::<CaseEvent>(&records))
            .map(|(record, event)| {
                let sequence = std::str::from_utf8(record.header("ce_sequence").unwrap()).unwrap();
                (sequence.parse().unwrap(), event, record.clone())
            })
            .collect();
        events.sort_by_key(|(sequence, ..)| *sequence);
        events
    }
}

/// A connector that runs.
pub(crate) type Watching = std::thread::JoinHandle<Result<Report, barid_connector::ConnectorError>>;
