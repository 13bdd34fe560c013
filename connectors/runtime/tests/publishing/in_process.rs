//! The role on the in-process broker. Nothing about exactly once is proved here: that broker hides no aborted
//! transaction. What a kill leaves behind is tested on a real one.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use barid_connector::source::{SourceReason, fingerprint};
use barid_connector::{ConnectorError, Report};
use barid_harness::{HANGS_AFTER, wait_until};
use barid_kafka::{Cluster, StopSignal};
use barid_schemas::records::{CaseState, QuarantinedRow, SourcePosition};

use crate::town::{CONNECTOR, FIRST, Town};

fn counts(report: &Report, file: &str) -> (u64, u64, u64, u64, u64) {
    let found = report.files.iter().find(|found| found.file == file).unwrap();
    (found.rows, found.published, found.unchanged, found.quarantined, found.waiting)
}

#[test]
fn an_export_becomes_events_with_headers_states_and_a_position() {
    let town = Town::in_process();
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
fn what_other_agencies_read_of_a_file_does_not_tell_whether_it_is_one_that_they_hold() {
    let town = Town::in_process();
    town.export("first.csv", &FIRST);
    town.run_once();
    let path = town.exports().join("first.csv");
    let plain: String = fingerprint(&path).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let positions: Vec<SourcePosition> = town.decode(&town.records("barid.positions"));
    let shown = &positions.last().unwrap().files[0].sha256;
    assert!(shown.len() == 64 && *shown != plain, "{shown}");
}

#[test]
fn the_next_start_goes_on_from_what_the_topics_know() {
    let town = Town::in_process();
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
    let town = Town::in_process();
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
    let town = Town::in_process();
    town.export("1401-9.csv", &["1;ثبت;1401/01/01;9901001171"]);
    town.export("1401-10.csv", &["1;ثبت;1401/01/01;9902002269"]);
    town.run_once();
    assert_eq!(ids(&town), ["9901001171", "9902002269"]);
}

#[test]
fn a_mended_mapping_reads_the_files_again_in_the_order_in_which_they_came() {
    let town = Town::in_process();
    town.export("b.csv", &["1;ثبت;1401/01/01;9901001171"]);
    town.run_once();
    town.export("a.csv", &["1;ثبت;1401/01/01;9902002269"]);
    town.run_once();
    let mended = CONNECTOR.replace("\"صدور\" =", "\"ابلاغ\" = \"issued\", \"صدور\" =");
    town.run_once_with(&mended);
    assert_eq!(ids(&town), ["9901001171", "9902002269"], "the newer export is what holds, and nothing has changed");
}

#[test]
fn a_folder_is_watched_until_the_stop_signal() {
    let town = Town::in_process();
    let stop = StopSignal::new();
    let running = town.start(&stop);
    town.export("first.csv", &FIRST);
    wait_until("the export to be published", HANGS_AFTER, || Ok(town.events().len() == 3)).unwrap();
    let begun = Instant::now();
    stop.stop();
    let report = running.join().unwrap().unwrap();
    assert!(begun.elapsed() < HANGS_AFTER, "it took {:?} to stop", begun.elapsed());
    assert_eq!(report.events, 3);
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_others_are_read() {
    let town = Town::in_process();
    town.export("good.csv", &FIRST);
    let path = town.exports().join("bad.csv");
    std::fs::write(path, "شماره;تاریخ\n1;1401/01/01\n").unwrap();
    let report = town.run_once();
    assert_eq!(counts(&report, "good.csv").1, 3);
    assert_eq!(report.faults.len(), 1);
    assert!(report.faults[0].faults.iter().all(|fault| fault.file == "bad.csv"));
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_tells_place_and_cure_of_a_file_that_cannot_be_read_and_no_value_of_it() {
    let town = Town::in_process();
    std::fs::create_dir_all(town.exports()).unwrap();
    std::fs::write(town.exports().join("bad.csv"), "شماره;وضعیت;تاریخ\n1;ثبت;\"1401/01/01\n").unwrap();
    std::fs::write(town.exports().join("short.csv"), "شماره;تاریخ\n1;1401/01/01\n").unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let report = tracing::subscriber::with_default(subscriber, || town.run_once());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for fault in report.faults.iter().flat_map(|fault| &fault.faults) {
        let line = log.lines().find(|line| line.contains("file not read") && line.contains(&fault.file)).unwrap();
        assert!(line.contains(fault.reason.code()) && line.contains(&fault.cure_en.replace('"', "\\\"")), "{line}");
    }
    assert_eq!(report.faults.len(), 2);
    assert!(!log.contains("1401/01/01") && !log.contains("ثبت"), "{log}");
}

#[test]
fn a_source_without_a_file_is_told_to_who_reads_once() {
    let town = Town::in_process();
    std::fs::remove_dir(town.exports()).unwrap();
    let report = town.run_once();
    assert_eq!(report.faults[0].faults[0].reason, SourceReason::NoFile, "{report:?}");
}

#[test]
fn who_reads_once_gives_up_on_a_broker_that_is_away() {
    let town = Town::in_process();
    let mut settings = town.settings(true);
    settings.cluster = Cluster::at("127.0.0.1:1", "test").unwrap();
    let connector = town.connector(CONNECTOR, settings).with_once_patience(Duration::from_millis(300));
    let error = connector.run(&StopSignal::new()).unwrap_err();
    assert!(matches!(error, ConnectorError::Away { .. }) && error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_stop_ends_the_waiting_for_a_broker_that_is_away() {
    let town = Town::in_process();
    let mut settings = town.settings(false);
    settings.cluster = Cluster::at("127.0.0.1:1", "test").unwrap();
    let connector = town.connector(CONNECTOR, settings);
    let stop = StopSignal::new();
    let running = {
        let stop = stop.clone();
        std::thread::spawn(move || connector.run(&stop))
    };
    let is_away = || town.readiness.failing().iter().any(|(name, _)| name == "kafka");
    wait_until("the connector to miss the broker", HANGS_AFTER, || Ok(!town.readiness.is_ready() && is_away()))
        .unwrap();
    let begun = Instant::now();
    stop.stop();
    assert!(running.join().unwrap().is_ok());
    assert!(begun.elapsed() < HANGS_AFTER, "it took {:?} to stop", begun.elapsed());
}

#[test]
fn the_folder_of_an_office_is_left_as_it_was() {
    let town = Town::in_process();
    town.export("first.csv", &FIRST);
    let names =
        |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let exports = town.exports();
    let before = names(&exports);
    town.run_once();
    assert_eq!(names(&exports), before);
}
