//! Workers that share a group: exactly once while they come, go, fight and fail.

use std::collections::BTreeMap;
use std::time::Duration;

use barid_harness::HANGS_AFTER;
use barid_kafka::{
    Admin, Input, NewTopic, RecordRef, StopSignal, TransactionalProducer, Verdict, WorkerError, WorkerEvent,
};

use super::{assert_exactly_once, cluster, topic, topic_with};
use crate::support::{Running, committed, outgoing, produce, unique, wait_for};

#[test]
fn two_workers_of_the_same_name_fight_until_one_says_why_it_ends() {
    let cluster = cluster();
    let (from, to) = (topic(&cluster, "in", 4), topic(&cluster, "out", 2));
    let (group, name) = (unique("g"), unique("w"));
    produce(&cluster, &from, 0, 100);
    let workers =
        [Running::start(&cluster, &from, &to, &group, &name), Running::start(&cluster, &from, &to, &group, &name)];
    let mut written = 100;
    wait_for("one of them to end", HANGS_AFTER, || {
        produce(&cluster, &from, written, 20);
        written += 20;
        workers.iter().any(Running::is_finished)
    });
    let (ended, others): (Vec<_>, Vec<_>) = workers.into_iter().partition(Running::is_finished);
    for worker in ended {
        let error = worker.join().unwrap_err();
        assert!(matches!(error, WorkerError::Fenced { .. }), "{error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
    // The other one has the name and goes on.
    let [last] = &others[..] else { panic!("both have ended") };
    wait_for("all records", HANGS_AFTER, || last.is_finished() || committed(&cluster, &to).len() >= written);
    for worker in others {
        worker.stop().0.unwrap();
    }
    assert_exactly_once(&cluster, &to, written);
}

#[test]
fn a_worker_goes_on_where_the_one_before_it_stopped() {
    let cluster = cluster();
    let (from, to) = (topic(&cluster, "in", 2), topic(&cluster, "out", 1));
    let (group, name) = (unique("g"), unique("w"));
    produce(&cluster, &from, 0, 50);
    let worker = Running::start(&cluster, &from, &to, &group, &name);
    wait_for("50 records", HANGS_AFTER, || worker.log.committed() == 50);
    let (ended, took) = worker.stop();
    ended.unwrap();
    assert!(took < HANGS_AFTER, "{took:?}");
    produce(&cluster, &from, 50, 50);
    let worker = Running::start(&cluster, &from, &to, &group, &name);
    wait_for("the other 50", HANGS_AFTER, || worker.log.committed() == 50);
    worker.stop().0.unwrap();
    assert_exactly_once(&cluster, &to, 100);
    let offsets = Admin::new(&cluster).unwrap().committed_offsets(&group, &from).unwrap();
    assert_eq!(offsets.len(), 2);
}

#[test]
fn nothing_is_lost_or_doubled_while_workers_come_and_go() {
    let cluster = cluster();
    let (from, to) = (topic(&cluster, "in", 6), topic(&cluster, "out", 3));
    let group = unique("g");
    let slow = || {
        Box::new(|_: &RecordRef<'_>| {
            std::thread::sleep(Duration::from_micros(500));
            Verdict::Done
        })
    };
    let start = |name: &str| {
        Running::start_with(&cluster, Input::Topics(vec![from.clone()]), &to, &group, &unique(name), slow())
    };
    let mut written = 0;
    // There is always something to read while the group changes.
    let mut until = |what: &str, condition: &dyn Fn() -> bool| {
        wait_for(what, HANGS_AFTER, || {
            produce(&cluster, &from, written, 200);
            written += 200;
            condition()
        });
        written
    };
    let first = start("w1");
    until("the first to work", &|| first.log.committed() > 200);
    let second = start("w2");
    until("both to work", &|| second.log.committed() > 200);
    let third = start("w3");
    until("all three to work", &|| third.log.committed() > 200);
    first.stop().0.unwrap();
    let written =
        until("the two that are left to have it all", &|| second.log.partitions() + third.log.partitions() == 6);
    wait_for("all records", HANGS_AFTER, || committed(&cluster, &to).len() >= written);
    assert!(second.log.saw(|event| matches!(event, WorkerEvent::Assigned { .. })));
    wait_for("all partitions with the two that are left", HANGS_AFTER, || {
        second.log.partitions() + third.log.partitions() == 6
    });
    third.stop().0.unwrap();
    second.stop().0.unwrap();
    assert_exactly_once(&cluster, &to, written);
}

#[test]
fn a_pattern_takes_up_a_topic_that_is_created_later() {
    let cluster = cluster();
    let prefix = unique("events");
    let to = topic(&cluster, "out", 1);
    let admin = Admin::new(&cluster).unwrap();
    let create = |name: &str| {
        admin
            .create(&[NewTopic { name: name.to_owned(), partitions: 2, replication: None, config: BTreeMap::new() }])
            .unwrap()
    };
    let first = format!("{prefix}.a");
    create(&first);
    produce(&cluster, &first, 0, 10);
    let worker = Running::start_with(
        &cluster,
        Input::Pattern(format!("^{prefix}\\..+")),
        &to,
        &unique("g"),
        &unique("w"),
        Box::new(|_| Verdict::Done),
    );
    wait_for("the first topic", HANGS_AFTER, || worker.log.committed() == 10);
    let second = format!("{prefix}.b");
    create(&second);
    produce(&cluster, &second, 10, 10);
    wait_for("the second topic", HANGS_AFTER, || worker.log.committed() == 20);
    worker.stop().0.unwrap();
    assert_exactly_once(&cluster, &to, 20);
}

#[test]
fn a_transaction_that_is_aborted_comes_again_whole() {
    let cluster = cluster();
    let (from, to) = (topic(&cluster, "in", 1), topic_with(&cluster, "out", 1, &[("max.message.bytes", "600")]));
    produce(&cluster, &from, 0, 20);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    producer.send(&outgoing(&from, "key-0", &"x".repeat(2_000))).unwrap();
    producer.commit().unwrap();
    let worker = Running::start(&cluster, &from, &to, &unique("g"), &unique("w"));
    // The large record fails its transaction again and again, until the operator raises the limit of the topic.
    wait_for("an abort", HANGS_AFTER, || {
        worker.log.saw(|event| matches!(event, WorkerEvent::Aborted { reason } if reason.contains(&to)))
    });
    Admin::new(&cluster)
        .unwrap()
        .set_config(&to, &BTreeMap::from([("max.message.bytes".to_owned(), "100000".to_owned())]))
        .unwrap();
    wait_for("all records", HANGS_AFTER, || worker.log.committed() == 21);
    worker.stop().0.unwrap();
    assert_eq!(committed(&cluster, &to).len(), 21);
}
