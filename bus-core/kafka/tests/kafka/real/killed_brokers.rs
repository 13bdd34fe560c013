//! Brokers that are killed and started again on their storage. Each test has one of its own.

use std::time::Duration;

use barid_harness::{HANGS_AFTER, Kafka};
use barid_kafka::{Admin, Input, RecordRef, Verdict, WorkerEvent};

use super::{assert_exactly_once, at, topic};
use crate::support::{Running, committed, produce, sorted_values, unique, wait_for};

#[test]
fn a_broker_that_is_killed_and_started_again_costs_nothing_but_time() {
    let mut kafka = Kafka::start().unwrap();
    let cluster = at(&kafka.bootstrap_servers());
    let (from, to) = (topic(&cluster, "in", 4), topic(&cluster, "out", 2));
    produce(&cluster, &from, 0, 1_000);
    let group = unique("g");
    let worker = Running::start(&cluster, &from, &to, &group, &unique("w"));
    wait_for("the worker to work", HANGS_AFTER, || worker.log.committed() == 1_000);
    // The broker answers a commit before its markers are written; offsets without theirs are not told.
    let admin = Admin::new(&cluster).unwrap();
    wait_for("the markers of the last commit", HANGS_AFTER, || {
        let offsets = admin.committed_offsets(&group, &from).unwrap_or_default();
        offsets.values().sum::<i64>() >= 1_000 && committed(&cluster, &to).len() == 1_000
    });
    // Nothing is open when the broker dies. A lone broker (seen with Apache Kafka 4.3.1) that starts again and finds a transaction that has timed out meanwhile
    // skips the abort marker of partitions that have no leader yet ("likely deleted already"), and the next commit of the same producer makes the aborted
    // records visible. With the markers of a commit it is the same: they are never written, and readers wait for ever. No client can help that; partitions with
    // replicas always have a leader.
    kafka.kill().unwrap();
    wait_for("the word that the broker is away", HANGS_AFTER, || {
        worker.log.saw(|event| matches!(event, WorkerEvent::BrokerAway { .. }))
    });
    kafka.restart().unwrap();
    wait_for("the word that it is back", HANGS_AFTER, || {
        worker.log.saw(|event| matches!(event, WorkerEvent::BrokerBack))
    });
    produce(&cluster, &from, 1_000, 1_000);
    wait_for("all records", HANGS_AFTER, || committed(&cluster, &to).len() >= 2_000);
    worker.stop().0.unwrap();
    assert_exactly_once(&cluster, &to, 2_000);
}

#[test]
fn a_broker_that_is_killed_in_the_middle_of_a_transaction_loses_nothing() {
    let mut kafka = Kafka::start().unwrap();
    let cluster = at(&kafka.bootstrap_servers());
    let (from, to) = (topic(&cluster, "in", 4), topic(&cluster, "out", 2));
    produce(&cluster, &from, 0, 3_000);
    let slow = Box::new(|_: &RecordRef<'_>| {
        std::thread::sleep(Duration::from_millis(1));
        Verdict::Done
    });
    let worker = Running::start_with(&cluster, Input::Topics(vec![from]), &to, &unique("g"), &unique("w"), slow);
    wait_for("the worker to work", HANGS_AFTER, || worker.log.committed() > 500);
    kafka.kill().unwrap();
    kafka.restart().unwrap();
    wait_for("the rest", HANGS_AFTER, || worker.log.committed() >= 3_000);
    worker.stop().0.unwrap();
    // Not `assert_exactly_once`, for the reason that stands in the test above.
    let mut found = sorted_values(&committed(&cluster, &to));
    found.dedup();
    assert_eq!(found.len(), 3_000);
}
