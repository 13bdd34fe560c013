//! The role on a real broker: what only that can show.
#![cfg(feature = "kafka-tests")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barid_codec::{RecordReader, Registry, RegistrySettings, Schemas};
use barid_connector::{Connector, ConnectorError, ConnectorSettings, Keys, Report, load_config};
use barid_event::Secret;
use barid_event::topics::Topics;
use barid_harness::kafka::{shared_kafka, unique_prefix};
use barid_harness::{Kafka, wait_until};
use barid_kafka::{Admin, Cluster, NewTopic, StopSignal, read_to_high_watermark};
use barid_registry::{EmbeddedRegistry, Running};
use barid_schemas::{CaseEvent, Catalogue};
use barid_telemetry::{Metrics, Readiness};

const AGENCY: &str = "harbour_office";
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
const CONNECTOR: &str = r#"
version = 1
connector = { agency = "harbour_office" }

[[source]]
name = "permits"
kind = "files"
path = "exports"
case = { columns = ["no"] }
service = { fixed = "harbour_permit" }

[source.status]
column = "status"
words = { harbour_permit = { "ثبت" = "submitted", "موافقت" = "approved", "صدور" = "issued" } }

[source.fields]
occurred_at = { column = "date", cast = "jalali_date" }
case_no = { column = "no" }
"#;
const STATUSES: [(&str, &str); 3] = [("ثبت", "submitted"), ("موافقت", "approved"), ("صدور", "issued")];

const LIMIT: Duration = Duration::from_secs(60);
/// A role has to be gone this long after it was asked to end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Topics of its own on a broker, a registry, and the folder of an office.
struct Town {
    cluster: Cluster,
    topics: Topics,
    deployment: String,
    registry: Arc<Registry>,
    _running: Running,
    folder: tempfile::TempDir,
}

impl Town {
    fn found(name: &str, bootstrap_servers: &str) -> Self {
        let prefix = unique_prefix(name);
        let topics = Topics::new(prefix.clone());
        let cluster = Cluster::at(bootstrap_servers, name).unwrap();
        let planned: Vec<NewTopic> = topics
            .plan([AGENCY])
            .into_iter()
            .map(|plan| NewTopic {
                name: plan.name,
                partitions: i32::try_from(plan.partitions).unwrap(),
                replication: Some(1),
                config: plan.config.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            })
            .collect();
        let created = Admin::new(&cluster).unwrap().create(&planned).unwrap();
        created.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
        let running = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
        let settings = RegistrySettings { url: running.url(), basic_auth: None };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("exports")).unwrap();
        let registry = Arc::new(Registry::new(settings).unwrap());
        Self { cluster, topics, deployment: prefix, registry, _running: running, folder }
    }

    /// Puts a whole export there: every case with all its statuses.
    fn export(&self, name: &str, cases: std::ops::Range<usize>) {
        let mut text = "no,status,date\n".to_owned();
        for (month, (word, _)) in STATUSES.iter().enumerate() {
            for case in cases.clone() {
                writeln!(text, "{case:05},{word},1401/{:02}/01", month + 1).unwrap();
            }
        }
        let part = self.folder.path().join(name);
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, self.folder.path().join("exports").join(name)).unwrap();
    }

    fn connector(&self, once: bool) -> Connector {
        let mut catalogue = Catalogue::shared();
        catalogue.add("catalogue.toml", CATALOGUE).unwrap();
        let config = load_config(CONNECTOR, &self.folder.path().join("connector.toml"), &catalogue).unwrap();
        let secret = |name: &str| Secret::from_bytes(format!("{name}, long enough for a key")).unwrap();
        let settings = ConnectorSettings {
            cluster: self.cluster.clone(),
            registry: Arc::clone(&self.registry),
            topics: self.topics.clone(),
            deployment: self.deployment.clone(),
            keys: Keys { connector: secret("one"), correlation: secret("two"), watch: secret("three") },
            once,
            poll_interval: Duration::from_millis(100),
            process: format!("connector/{AGENCY}"),
            version: "0".to_owned(),
        };
        Connector::new(config, settings, Metrics::new("connector"), Readiness::default())
            .with_commit_records(20)
            .with_settle_time(Duration::ZERO)
    }

    fn start(&self, stop: &StopSignal) -> JoinHandle<Result<Report, ConnectorError>> {
        let (connector, stop) = (self.connector(false), stop.clone());
        std::thread::spawn(move || connector.run(&stop))
    }

    /// What readers of committed records see: sequence, case and status, in the order of the sequence.
    fn events(&self) -> Vec<(i64, String, String)> {
        let reader = RecordReader::<CaseEvent>::new(Arc::clone(&self.registry) as Arc<dyn Schemas>);
        let mut events = Vec::new();
        read_to_high_watermark(&self.cluster, &self.topics.events(AGENCY), &StopSignal::new(), |record| {
            let sequence = std::str::from_utf8(record.header("ce_sequence").unwrap()).unwrap().parse().unwrap();
            let event = reader.decode(record.value.unwrap()).unwrap();
            events.push((sequence, event.case_no.unwrap(), event.status_to));
        })
        .unwrap();
        events.sort();
        events
    }

    /// Every status of every case once, in its order, under gapless sequence numbers.
    #[track_caller]
    fn assert_exactly_once(&self, cases: usize) {
        let events = self.events();
        let sequences: Vec<i64> = events.iter().map(|(sequence, ..)| *sequence).collect();
        assert_eq!(sequences, (1..=i64::try_from(cases * STATUSES.len()).unwrap()).collect::<Vec<_>>());
        for case in 0..cases {
            let case = format!("{case:05}");
            let statuses: Vec<&str> =
                events.iter().filter(|event| event.1 == case).map(|event| event.2.as_str()).collect();
            assert_eq!(statuses, STATUSES.map(|(_, status)| status), "case {case}");
        }
    }
}

#[track_caller]
fn assert_ends(running: JoinHandle<Result<Report, ConnectorError>>, stop: &StopSignal) {
    let asked = Instant::now();
    stop.stop();
    running.join().unwrap().unwrap();
    assert!(asked.elapsed() < ENDS_WITHIN, "it took {:?} to end", asked.elapsed());
}

#[test]
fn a_second_connector_that_takes_over_in_the_middle_loses_and_doubles_nothing() {
    const CASES: usize = 300;
    let town = Town::found("takeover", shared_kafka().unwrap());
    town.export("first.csv", 0..CASES);
    let (stop, other_stop) = (StopSignal::new(), StopSignal::new());
    let first = town.start(&stop);
    wait_until("the first to be in the middle", LIMIT, || Ok(town.events().len() > CASES / 10)).unwrap();
    let second = town.start(&other_stop);
    let ended = first.join().unwrap();
    assert!(matches!(ended, Err(ConnectorError::Fenced { .. })), "{ended:?}");
    wait_until("the second to finish", LIMIT, || Ok(town.events().len() >= CASES * STATUSES.len())).unwrap();
    town.assert_exactly_once(CASES);
    assert_ends(second, &other_stop);
}

#[test]
fn an_idle_connector_learns_from_its_heartbeat_that_another_has_taken_over() {
    let town = Town::found("idle", shared_kafka().unwrap());
    let (stop, other_stop) = (StopSignal::new(), StopSignal::new());
    let first = town.start(&stop);
    let heartbeats = || {
        let mut count = 0;
        read_to_high_watermark(&town.cluster, &town.topics.heartbeats(), &StopSignal::new(), |_| count += 1).unwrap();
        count
    };
    wait_until("the first to live", LIMIT, || Ok(heartbeats() > 0)).unwrap();
    let second = town.start(&other_stop);
    wait_until("the first to end", LIMIT, || Ok(first.is_finished())).unwrap();
    assert!(matches!(first.join().unwrap(), Err(ConnectorError::Fenced { .. })));
    assert!(!second.is_finished());
    assert_ends(second, &other_stop);
}

#[test]
fn a_broker_that_is_away_in_the_middle_is_waited_for() {
    const CASES: usize = 200;
    let mut kafka = Kafka::start().unwrap();
    let town = Town::found("away", &kafka.bootstrap_servers());
    let stop = StopSignal::new();
    let running = town.start(&stop);
    town.export("first.csv", 0..CASES);
    wait_until("the connector to be in the middle", LIMIT, || Ok(town.events().len() > 10)).unwrap();
    kafka.kill().unwrap();
    // The next export arrives while the broker is away; it holds the first one's rows too.
    town.export("second.csv", 0..CASES + 50);
    kafka.restart().unwrap();
    wait_until("everything to be published", LIMIT, || Ok(town.events().len() >= (CASES + 50) * STATUSES.len()))
        .unwrap();
    town.assert_exactly_once(CASES + 50);
    kafka.kill().unwrap();
    assert_ends(running, &stop);
}

#[test]
fn reading_once_more_publishes_nothing() {
    let town = Town::found("once-more", shared_kafka().unwrap());
    town.export("first.csv", 0..10);
    for _ in 0..3 {
        town.connector(true).run(&StopSignal::new()).unwrap();
    }
    town.assert_exactly_once(10);
}
