//! The role on a real broker: what only that can show.

use std::time::Instant;

use barid_connector::ConnectorError;
use barid_harness::kafka::shared_kafka;
use barid_harness::{HANGS_AFTER, Kafka, wait_until};
use barid_kafka::StopSignal;
use barid_schemas::records::SourcePosition;

use crate::town::{Town, Watching};

/// The statuses of a case in their order.
const STATUSES: [(&str, &str); 3] = [("ثبت", "submitted"), ("موافقت", "approved"), ("صدور", "issued")];

/// A whole export: every case with all its statuses.
fn rows(cases: std::ops::Range<usize>) -> Vec<String> {
    let months = STATUSES.iter().enumerate();
    let row = |month: usize, word: &str, case: usize| format!("{case:05};{word};1401/{:02}/01;9901001171", month + 1);
    months.flat_map(|(month, (word, _))| cases.clone().map(move |case| row(month, word, case))).collect()
}

/// Every status of every case once, in its order, under gapless sequence numbers.
#[track_caller]
fn assert_exactly_once(town: &Town, cases: usize) {
    let events = town.events();
    let sequences: Vec<i64> = events.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(sequences, (1..=i64::try_from(cases * STATUSES.len()).unwrap()).collect::<Vec<_>>());
    for case in 0..cases {
        let case = format!("{case:05}");
        let of_case = events.iter().filter(|(_, event, _)| event.case_no.as_ref() == Some(&case));
        let statuses: Vec<&str> = of_case.map(|(_, event, _)| event.status_to.as_str()).collect();
        assert_eq!(statuses, STATUSES.map(|(_, status)| status), "case {case}");
    }
}

#[track_caller]
fn assert_ends(running: Watching, stop: &StopSignal) {
    let asked = Instant::now();
    stop.stop();
    running.join().unwrap().unwrap();
    assert!(asked.elapsed() < HANGS_AFTER, "it took {:?} to end", asked.elapsed());
}

#[test]
fn a_second_connector_that_takes_over_in_the_middle_loses_and_doubles_nothing() {
    const CASES: usize = 300;
    let town = Town::on("takeover", shared_kafka().unwrap());
    town.export("first.csv", &rows(0..CASES));
    let (stop, other_stop) = (StopSignal::new(), StopSignal::new());
    let first = town.start(&stop);
    wait_until("the first to be in the middle", HANGS_AFTER, || Ok(town.events().len() > CASES / 10)).unwrap();
    let second = town.start(&other_stop);
    let ended = first.join().unwrap();
    assert!(matches!(ended, Err(ConnectorError::Fenced { .. })), "{ended:?}");
    wait_until("the second to finish", HANGS_AFTER, || Ok(town.events().len() >= CASES * STATUSES.len())).unwrap();
    assert_exactly_once(&town, CASES);
    assert_ends(second, &other_stop);
}

#[test]
fn an_idle_connector_learns_from_its_heartbeat_that_another_has_taken_over() {
    let town = Town::on("idle", shared_kafka().unwrap());
    let (stop, other_stop) = (StopSignal::new(), StopSignal::new());
    let first = town.start(&stop);
    let lives = || !town.records(&town.topics.heartbeats()).is_empty();
    wait_until("the first to live", HANGS_AFTER, || Ok(lives())).unwrap();
    let second = town.start(&other_stop);
    wait_until("the first to end", HANGS_AFTER, || Ok(first.is_finished())).unwrap();
    assert!(matches!(first.join().unwrap(), Err(ConnectorError::Fenced { .. })));
    assert!(!second.is_finished());
    assert_ends(second, &other_stop);
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    const CASES: usize = 200;
    let mut kafka = Kafka::start().unwrap();
    let town = Town::on("away", &kafka.bootstrap_servers());
    let stop = StopSignal::new();
    let running = town.start(&stop);
    town.export("first.csv", &rows(0..CASES));
    // A lone broker that is killed while a transaction is open can show its records though it was aborted, and one that is killed right after a commit can leave it open
    // for ever (docs/guarantees.md). So it is killed while the connector has nothing to write.
    wait_until("the first export to be read, and a heartbeat", HANGS_AFTER, || {
        let positions: Vec<SourcePosition> = town.decode(&town.records(&town.topics.positions()));
        let is_read = positions.iter().flat_map(|position| &position.files).any(|file| file.file == "first.csv");
        Ok(is_read && !town.records(&town.topics.heartbeats()).is_empty())
    })
    .unwrap();
    assert_eq!(town.events().len(), CASES * STATUSES.len());
    kafka.kill().unwrap();
    // The next export arrives while the broker is away; it holds the first one's rows too.
    town.export("second.csv", &rows(0..CASES + 50));
    kafka.restart().unwrap();
    wait_until("everything to be published", HANGS_AFTER, || Ok(town.events().len() >= (CASES + 50) * STATUSES.len()))
        .unwrap();
    assert_exactly_once(&town, CASES + 50);
    kafka.kill().unwrap();
    assert_ends(running, &stop);
}

#[test]
fn reading_once_more_publishes_nothing() {
    let town = Town::on("once-more", shared_kafka().unwrap());
    town.export("first.csv", &rows(0..10));
    for _ in 0..3 {
        town.run_once();
    }
    assert_exactly_once(&town, 10);
}
