//! The role on the in-process broker. Nothing about exactly once is proved here: that broker hides no aborted
//! transaction. What a kill leaves behind is tested on a real one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barid_codec::{RecordReader, Registry, RegistrySettings, Schemas};
use barid_event::Secret;
use barid_event::topics::Topics;
use barid_kafka::{Cluster, InProcessBroker, Record, StopSignal, read_to_high_watermark};
use barid_registry::{EmbeddedRegistry, Running};
use barid_schemas::records::{CaseState, QuarantinedRow, Schema, SourcePosition};
use barid_schemas::{CaseEvent, Catalogue};
use barid_telemetry::{Metrics, Readiness};
use serde::de::DeserializeOwned;

use super::{Connector, ConnectorSettings, Report};
use crate::{ConnectorError, Keys, load_config};

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
const FIRST: [&str; 3] =
    ["1;ثبت;1401/01/01;9901001171", "1;موافقت;1401/02/01;9901001171", "2;ثبت;1401/01/01;9902002269"];

/// A broker, a registry and the folder of an office.
struct Town {
    broker: InProcessBroker,
    _registry: Running,
    registry: Arc<Registry>,
    folder: tempfile::TempDir,
    stop: StopSignal,
}

impl Town {
    fn found() -> Self {
        let broker = InProcessBroker::start().unwrap();
        let topics = Topics::new("barid.");
        for (topic, partitions) in [
            (topics.events(AGENCY), 6),
            (topics.cases(AGENCY), 1),
            (topics.quarantine(AGENCY), 1),
            (topics.positions(), 1),
            (topics.heartbeats(), 1),
        ] {
            broker.create_topic(&topic, partitions).unwrap();
        }
        let running = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
        let settings = RegistrySettings { url: running.url(), basic_auth: None };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("exports")).unwrap();
        let registry = Arc::new(Registry::new(settings).unwrap());
        Self { broker, _registry: running, registry, folder, stop: StopSignal::new() }
    }

    fn cluster(&self) -> Cluster {
        Cluster::at(&self.broker.bootstrap_servers(), "test").unwrap()
    }

    fn export(&self, name: &str, rows: &[&str]) {
        let path = self.folder.path().join("exports").join(name);
        std::fs::write(path, format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
    }

    fn connector(&self, once: bool) -> Connector {
        self.connector_with(CONNECTOR, once)
    }

    fn connector_with(&self, connector: &str, once: bool) -> Connector {
        let mut catalogue = Catalogue::shared();
        catalogue.add("catalogue.toml", CATALOGUE).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let path = self.folder.path().join("connector.toml");
        let config = load_config(connector, &path, &catalogue).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let secret = |name: &str| Secret::from_bytes(format!("{name}, long enough for a key")).unwrap();
        let settings = ConnectorSettings {
            cluster: self.cluster(),
            registry: Arc::clone(&self.registry),
            topics: Topics::new("barid."),
            deployment: "test".to_owned(),
            keys: Keys { connector: secret("one"), correlation: secret("two"), watch: secret("three") },
            once,
            poll_interval: Duration::from_millis(50),
            process: format!("connector/{AGENCY}"),
            version: "0".to_owned(),
        };
        Connector::new(config, settings, Metrics::new("connector"), Readiness::default())
    }

    fn run_once(&self) -> Report {
        self.connector(true).run(&self.stop).unwrap()
    }

    fn records(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        read_to_high_watermark(&self.cluster(), topic, &self.stop, |record| records.push(record.to_record())).unwrap();
        records
    }

    fn decode<T: Schema + DeserializeOwned>(&self, records: &[Record]) -> Vec<T> {
        let reader = RecordReader::<T>::new(Arc::clone(&self.registry) as Arc<dyn Schemas>);
        records.iter().filter_map(|record| record.value.as_ref()).map(|value| reader.decode(value).unwrap()).collect()
    }

    /// The events in the order of their `ce_sequence`.
    fn events(&self) -> Vec<(i64, CaseEvent, Record)> {
        let records = self.records("barid.events.harbour_office");
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

fn counts(report: &Report, file: &str) -> (u64, u64, u64, u64, u64) {
    let found = report.files.iter().find(|found| found.file == file).unwrap();
    (found.rows, found.published, found.unchanged, found.quarantined, found.waiting)
}

#[test]
fn an_export_becomes_events_with_headers_states_and_a_position() {
    let town = Town::found();
    town.export("first.csv", &FIRST);
    let report = town.run_once();
    assert_eq!(counts(&report, "first.csv"), (3, 3, 0, 0, 0));
    assert_eq!(report.events, 3);

    let events = town.events();
    assert_eq!(events.iter().map(|(sequence, ..)| *sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let (_, event, record) = &events[0];
    let header = |name: &str| String::from_utf8(record.header(name).unwrap().to_vec()).unwrap();
    assert_eq!(record.key.as_deref(), Some(event.corr_id.to_string().as_bytes()));
    assert_eq!(header("ce_id"), event.event_id.to_string());
    assert_eq!(header("ce_source"), "/agencies/harbour_office");
    assert_eq!(header("ce_type"), "ir.barid.harbour_permit.submitted");
    assert!(header("ce_dataschema").starts_with(town.registry.url()));
    assert!(header("traceparent").parse::<barid_event::TraceParent>().is_ok());
    assert!(header("barid-watch").starts_with("person:"));

    let cases: Vec<CaseState> = town.decode(&town.records("barid.cases.harbour_office"));
    assert_eq!(cases.len(), 2);
    let positions: Vec<SourcePosition> = town.decode(&town.records("barid.positions"));
    let last = positions.last().unwrap();
    assert_eq!((last.last_sequence, last.files[0].file.as_str(), last.files[0].rows), (3, "first.csv", 3));
    assert!(!town.records("barid.heartbeats").is_empty());
}

#[test]
fn the_next_start_goes_on_from_what_the_topics_know() {
    let town = Town::found();
    town.export("first.csv", &FIRST);
    town.run_once();
    // The same file costs nothing; a new one brings one step.
    let before = town.records("barid.positions").len();
    let report = town.run_once();
    assert_eq!(counts(&report, "first.csv"), (3, 0, 3, 0, 0));
    assert_eq!(town.records("barid.positions").len(), before);
    town.export("second.csv", &[FIRST[1], "1;صدور;1401/03/01;9901001171"]);
    let report = town.run_once();
    assert_eq!(counts(&report, "second.csv"), (2, 1, 1, 0, 0));
    let events = town.events();
    assert_eq!(events.iter().map(|(sequence, ..)| *sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events[3].1.status_from.as_deref(), Some("approved"));
    assert_eq!(events[3].1.corr_id, events[0].1.corr_id);
}

#[test]
fn a_damaged_row_lies_in_quarantine_until_it_is_mended() {
    let town = Town::found();
    town.export("first.csv", &["1;ثبت;1401/01/01;9901001172", FIRST[1], FIRST[2]]);
    let report = town.run_once();
    assert_eq!(counts(&report, "first.csv"), (3, 1, 0, 1, 1));
    let rows: Vec<QuarantinedRow> = town.decode(&town.records("barid.quarantine.harbour_office"));
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().any(|row| row.problems.iter().any(|problem| problem.reason == "wrong_check_digit")));
    // Nothing has changed: the report still says so.
    assert_eq!(counts(&town.run_once(), "first.csv"), (3, 0, 1, 1, 1));
    town.export("second.csv", &FIRST[..1]);
    let report = town.run_once();
    assert_eq!(counts(&report, "second.csv"), (1, 1, 0, 0, 0));
    let mut latest = std::collections::BTreeMap::new();
    for record in town.records("barid.quarantine.harbour_office") {
        latest.insert(record.key.clone(), record.value.is_some());
    }
    assert!(latest.values().all(|there| !there), "the quarantine is empty: every row has a tombstone");
    let statuses: Vec<_> = town.events().into_iter().map(|(_, event, _)| event.status_to).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "approved").count(), 1);
    assert_eq!(statuses.len(), 3);
}

/// The national ids of one case's events.
fn ids(town: &Town) -> Vec<String> {
    town.events().into_iter().map(|(_, event, _)| event.number.unwrap().national_id.unwrap()).collect()
}

#[test]
fn the_tenth_export_is_read_after_the_ninth() {
    let town = Town::found();
    town.export("1401-9.csv", &["1;ثبت;1401/01/01;9901001171"]);
    town.export("1401-10.csv", &["1;ثبت;1401/01/01;9902002269"]);
    town.run_once();
    assert_eq!(ids(&town), ["9901001171", "9902002269"]);
}

#[test]
fn a_mended_mapping_reads_the_files_again_in_the_order_in_which_they_came() {
    let town = Town::found();
    town.export("b.csv", &["1;ثبت;1401/01/01;9901001171"]);
    town.run_once();
    town.export("a.csv", &["1;ثبت;1401/01/01;9902002269"]);
    town.run_once();
    let mended = CONNECTOR.replace("\"صدور\" =", "\"ابلاغ\" = \"issued\", \"صدور\" =");
    town.connector_with(&mended, true).run(&town.stop).unwrap();
    assert_eq!(ids(&town), ["9901001171", "9902002269"], "the newer export is what holds, and nothing has changed");
}

#[test]
fn a_folder_is_watched_until_the_stop_signal() {
    let town = Town::found();
    let connector = town.connector(false);
    let stop = StopSignal::new();
    let running = {
        let stop = stop.clone();
        std::thread::spawn(move || connector.run(&stop))
    };
    town.export("first.csv", &FIRST);
    wait_until(|| town.records("barid.events.harbour_office").len() == 3);
    let begun = Instant::now();
    stop.stop();
    let report = running.join().unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to stop", begun.elapsed());
    assert_eq!(report.events, 3);
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_others_are_read() {
    let town = Town::found();
    town.export("good.csv", &FIRST);
    let path = town.folder.path().join("exports").join("bad.csv");
    std::fs::write(path, "شماره;تاریخ\n1;1401/01/01\n").unwrap();
    let report = town.run_once();
    assert_eq!(counts(&report, "good.csv").1, 3);
    assert_eq!(report.faults.len(), 1);
    assert!(report.faults[0].faults.iter().all(|fault| fault.file == "bad.csv"));
}

#[test]
fn a_source_without_a_file_is_an_error_for_who_reads_once() {
    let town = Town::found();
    std::fs::remove_dir(town.folder.path().join("exports")).unwrap();
    let error = town.connector(true).run(&town.stop).unwrap_err();
    assert!(matches!(error, ConnectorError::NoFile { .. }), "{error}");
}

#[test]
fn a_stop_ends_the_waiting_for_a_broker_that_is_away() {
    let town = Town::found();
    let mut connector = town.connector(false);
    connector.settings.cluster = Cluster::at("127.0.0.1:1", "test").unwrap();
    let readiness = connector.readiness.clone();
    let stop = StopSignal::new();
    let running = {
        let stop = stop.clone();
        std::thread::spawn(move || connector.run(&stop))
    };
    wait_until(|| !readiness.is_ready() && readiness.failing().iter().any(|(name, _)| name == "kafka"));
    let begun = Instant::now();
    stop.stop();
    assert!(running.join().unwrap().is_ok());
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to stop", begun.elapsed());
}

fn wait_until(condition: impl Fn() -> bool) {
    const LIMIT: Duration = Duration::from_secs(20);
    let begun = Instant::now();
    let signal = StopSignal::new();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "the condition was not met within {LIMIT:?}");
        signal.wait(Duration::from_millis(20));
    }
}

#[test]
fn the_folder_of_an_office_is_left_as_it_was() {
    let town = Town::found();
    town.export("first.csv", &FIRST);
    let names =
        |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let exports = town.folder.path().join("exports");
    let before = names(&exports);
    town.run_once();
    assert_eq!(names(&exports), before);
}
