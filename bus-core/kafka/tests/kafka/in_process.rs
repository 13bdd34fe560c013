//! The whole crate on the in-process broker: fast, and without what that broker cannot do (it does not hide aborted transactions).

use std::time::Duration;

use crate::support::{Running, committed, outgoing, produce, sorted_values, unique, values, wait_for};
use barid_harness::HANGS_AFTER;
use barid_kafka::{
    BestEffortProducer, Cluster, Follower, InProcessBroker, Input, KafkaError, Outgoing, SnapshotSummary, StopSignal,
    Tail, TailFrom, TailStep, TailUntil, TransactionError, TransactionalProducer, Verdict, WorkerEvent,
    read_all_to_high_watermark, read_to_high_watermark,
};

fn broker_with(topics: &[(&str, i32)]) -> (InProcessBroker, Cluster) {
    let broker = InProcessBroker::start().unwrap();
    for (topic, partitions) in topics {
        broker.create_topic(topic, *partitions).unwrap();
    }
    let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
    (broker, cluster)
}

#[test]
fn a_snapshot_gives_every_record_with_key_value_headers_and_time() {
    let (_broker, cluster) = broker_with(&[("a", 3)]);
    let mut producer = TransactionalProducer::connect(&cluster, "t", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    let record = Outgoing {
        topic: "a",
        partition: Some(2),
        key: Some(b"key"),
        value: Some(b"value"),
        headers: &[("one", b"1"), ("two", b"2"), ("one", b"3")],
        timestamp_ms: Some(1_700_000_000_000),
    };
    producer.send(&record).unwrap();
    producer.send(&Outgoing { value: None, headers: &[], ..record }).unwrap();
    producer.commit().unwrap();

    let records = committed(&cluster, "a");
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].partition, records[0].offset, records[0].timestamp_ms), (2, 0, 1_700_000_000_000));
    assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(
        records[0].headers,
        [("one".to_owned(), b"1".to_vec()), ("two".to_owned(), b"2".to_vec()), ("one".to_owned(), b"3".to_vec())]
    );
    assert_eq!(records[0].header("one"), Some(&b"3"[..]));
    assert_eq!(records[1].value, None);
}

#[test]
fn a_snapshot_of_an_empty_topic_is_empty_and_one_of_a_missing_topic_an_error() {
    let (_broker, cluster) = broker_with(&[("a", 3)]);
    assert!(committed(&cluster, "a").is_empty());
    let missing = read_to_high_watermark(&cluster, "nowhere", &StopSignal::new(), |_| {});
    // The in-process broker makes a topic that is asked for; a real one says that there is none.
    assert!(matches!(missing, Err(KafkaError::UnknownTopic { .. }) | Ok(_)));
}

#[test]
fn several_topics_are_read_one_after_another_each_to_its_own_end() {
    let (_broker, cluster) = broker_with(&[("a", 3), ("empty", 2), ("b", 3)]);
    produce(&cluster, "a", 0, 300);
    produce(&cluster, "b", 300, 100);
    let topics: Vec<String> = (0..10).flat_map(|_| ["empty", "a", "empty", "b"]).map(str::to_owned).collect();
    let mut seen = Vec::new();
    let read =
        read_all_to_high_watermark(&cluster, &topics, &StopSignal::new(), |record| seen.push(record.to_record()));
    assert_eq!(read.unwrap(), SnapshotSummary { records: 4_000, partitions: 100 });
    for round in seen.chunks(400) {
        assert!(round.iter().map(|record| record.topic.as_str()).is_sorted());
        assert_eq!(sorted_values(round), (0..400).map(|number| format!("{number:06}")).collect::<Vec<_>>());
    }
    let nothing = read_all_to_high_watermark(&cluster, &[], &StopSignal::new(), |_| {});
    assert_eq!(nothing, Ok(SnapshotSummary::default()));
}

#[test]
fn a_snapshot_whose_broker_goes_away_ends_in_time_when_it_is_stopped() {
    let (broker, cluster) = broker_with(&[("a", 3), ("b", 3)]);
    produce(&cluster, "a", 0, 10);
    produce(&cluster, "b", 0, 10);
    let stop = StopSignal::new();
    let (signal, mut broker) = (stop.clone(), Some(broker));
    let (gone, is_gone) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let topics = ["a", "b"].map(str::to_owned);
        let read = read_all_to_high_watermark(&cluster, &topics, &signal, |_| {
            // It goes while the first topic is being read: the consumer is waiting for its second.
            if let Some(broker) = broker.take() {
                drop(broker);
                gone.send(()).unwrap();
            }
        });
        (read, std::time::Instant::now())
    });
    is_gone.recv_timeout(HANGS_AFTER).unwrap();
    let asked = std::time::Instant::now();
    stop.stop();
    let (read, ended) = reading.join().unwrap();
    assert!(matches!(read, Err(KafkaError::Stopped { .. })), "{read:?}");
    assert!(ended - asked < HANGS_AFTER, "{:?}", ended - asked);
}

#[test]
fn a_record_that_is_too_large_leaves_the_transaction_good() {
    let (_broker, cluster) = broker_with(&[("a", 1)]);
    let mut producer = TransactionalProducer::connect(&cluster, "t", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    let large = vec![b'x'; 1_000_000];
    let refused = producer.send(&Outgoing { topic: "a", value: Some(&large), ..Outgoing::default() });
    assert!(matches!(refused, Err(TransactionError::RecordTooLarge { limit: 1_000_000, .. })), "{refused:?}");
    producer.send(&outgoing("a", "k", "small")).unwrap();
    producer.commit().unwrap();
    assert_eq!(values(&committed(&cluster, "a")), ["small"]);
}

#[test]
fn a_worker_copies_what_it_reads_and_stops_when_told() {
    let (_broker, cluster) = broker_with(&[("in", 6), ("out", 3)]);
    produce(&cluster, "in", 0, 500);
    let worker = Running::start(&cluster, "in", "out", "g", "w");
    wait_for("500 records", HANGS_AFTER, || worker.log.committed() == 500);
    produce(&cluster, "in", 500, 100);
    wait_for("600 records", HANGS_AFTER, || worker.log.committed() == 600);
    assert_eq!(worker.log.begins.lock().unwrap()[0], (6, true), "the first transaction is told of its assignment");
    assert!(worker.log.begins.lock().unwrap().last().is_some_and(|(_, first)| !first));
    let (ended, took) = worker.stop();
    ended.unwrap();
    assert!(took < HANGS_AFTER, "{took:?}");
    assert_eq!(
        sorted_values(&committed(&cluster, "out")),
        (0..600).map(|number| format!("{number:06}")).collect::<Vec<_>>()
    );
}

#[test]
fn a_paused_partition_waits_for_its_record_while_the_others_go_on() {
    let (_broker, cluster) = broker_with(&[("in", 2), ("out", 2)]);
    let mut producer = TransactionalProducer::connect(&cluster, "t", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    for (partition, value) in [(0, "a0"), (0, "stuck"), (0, "a2"), (1, "b0"), (1, "b1"), (1, "b2")] {
        producer.send(&Outgoing { partition: Some(partition), ..outgoing("in", "k", value) }).unwrap();
    }
    producer.commit().unwrap();

    let mut tries = 0;
    let decide = Box::new(move |record: &barid_kafka::RecordRef<'_>| {
        if record.value != Some(b"stuck") {
            return Verdict::Done;
        }
        tries += 1;
        if tries < 4 { Verdict::Pause { reason: "not yet".to_owned(), retry_after: None } } else { Verdict::Done }
    });
    let worker = Running::start_with(&cluster, Input::Topics(vec!["in".to_owned()]), "out", "g", "w", decide);
    wait_for("all records", HANGS_AFTER, || worker.log.committed() == 6);
    let pauses = worker
        .log
        .events
        .lock()
        .unwrap()
        .iter()
        .filter(|event| matches!(event, WorkerEvent::PartitionPaused { offset: 1, .. }))
        .count();
    assert_eq!(pauses, 3);
    worker.stop().0.unwrap();
    let mut written = values(&committed(&cluster, "out"));
    written.retain(|value| !value.starts_with('b'));
    assert_eq!(written, ["a0", "stuck", "a2"], "nothing overtakes the record that waits");
}

#[test]
fn a_processor_that_cannot_go_on_ends_the_worker() {
    let (_broker, cluster) = broker_with(&[("in", 1), ("out", 1)]);
    produce(&cluster, "in", 0, 1);
    let decide = Box::new(|_: &barid_kafka::RecordRef<'_>| Verdict::Fatal { reason: "no key".to_owned() });
    let worker = Running::start_with(&cluster, Input::Topics(vec!["in".to_owned()]), "out", "g", "w", decide);
    let ended = worker.join();
    assert_eq!(ended.unwrap_err().to_string(), "the worker cannot go on: no key");
}

#[test]
fn a_pattern_reads_the_topics_that_match_it() {
    let (_broker, cluster) = broker_with(&[("events.a", 2), ("events.b", 2), ("other", 1), ("out", 1)]);
    produce(&cluster, "events.a", 0, 10);
    produce(&cluster, "events.b", 10, 10);
    produce(&cluster, "other", 20, 10);
    let worker = Running::start_with(
        &cluster,
        Input::Pattern("^events\\..+".to_owned()),
        "out",
        "g",
        "w",
        Box::new(|_| Verdict::Done),
    );
    wait_for("both topics", HANGS_AFTER, || worker.log.committed() == 20);
    worker.stop().0.unwrap();
    assert_eq!(committed(&cluster, "out").len(), 20);
}

#[test]
fn a_follower_catches_up_and_goes_on() {
    let (_broker, cluster) = broker_with(&[("a", 2), ("b", 1)]);
    produce(&cluster, "a", 0, 20);
    let mut follower = Follower::open(&cluster, &["a".to_owned(), "b".to_owned()], &StopSignal::new()).unwrap();
    let mut seen = Vec::new();
    wait_for("catching up", HANGS_AFTER, || {
        seen.extend(follower.poll(Duration::from_millis(100)));
        follower.caught_up()
    });
    assert_eq!(seen.len(), 20);
    produce(&cluster, "b", 20, 5);
    wait_for("what came later", HANGS_AFTER, || {
        seen.extend(follower.poll(Duration::from_millis(100)));
        seen.len() == 25
    });
    assert_eq!(sorted_values(&seen), (0..25).map(|number| format!("{number:06}")).collect::<Vec<_>>());
}

#[test]
fn a_tail_gives_records_of_several_topics_in_the_order_of_time_and_ends() {
    let (_broker, cluster) = broker_with(&[("a", 2), ("b", 2)]);
    let mut producer = TransactionalProducer::connect(&cluster, "t", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    for (number, (topic, partition)) in
        [("b", 1), ("a", 0), ("b", 0), ("a", 1), ("a", 0), ("b", 1)].into_iter().enumerate()
    {
        let value = number.to_string();
        let record = Outgoing {
            partition: Some(partition),
            timestamp_ms: Some(1_700_000_000_000 + number as i64),
            ..outgoing(topic, "k", &value)
        };
        producer.send(&record).unwrap();
    }
    producer.commit().unwrap();
    let mut tail =
        Tail::open(&cluster, &["a".to_owned(), "b".to_owned()], TailFrom::Beginning, TailUntil::HighWatermarks)
            .unwrap();
    let mut seen = Vec::new();
    wait_for("the end", HANGS_AFTER, || match tail.next(Duration::from_millis(200)).unwrap() {
        TailStep::Record(record) => {
            seen.push(record);
            false
        }
        TailStep::Idle => false,
        TailStep::End => true,
    });
    assert_eq!(values(&seen), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn a_tail_from_the_end_gives_only_what_comes_later() {
    let (_broker, cluster) = broker_with(&[("a", 2)]);
    produce(&cluster, "a", 0, 10);
    let mut tail = Tail::open(&cluster, &["a".to_owned()], TailFrom::End, TailUntil::Forever).unwrap();
    assert_eq!(tail.next(Duration::from_millis(10)).unwrap(), TailStep::Idle);
    produce(&cluster, "a", 10, 3);
    let mut seen = Vec::new();
    wait_for("three records", HANGS_AFTER, || {
        if let TailStep::Record(record) = tail.next(Duration::from_millis(200)).unwrap() {
            seen.push(record);
        }
        seen.len() == 3
    });
    assert_eq!(sorted_values(&seen), ["000010", "000011", "000012"]);
}

#[test]
fn best_effort_records_arrive_and_an_absent_broker_blocks_nobody() {
    let (_broker, cluster) = broker_with(&[("notices", 1)]);
    let producer = BestEffortProducer::new(&cluster).unwrap();
    assert!(producer.send(&outgoing("notices", "k", "hello")));
    assert!(producer.flush(HANGS_AFTER));
    assert_eq!((values(&committed(&cluster, "notices")), producer.dropped()), (vec!["hello".to_owned()], 0));

    let nobody = Cluster::at("127.0.0.1:1", "test").unwrap();
    let try_it = || {
        let started = std::time::Instant::now();
        let producer = BestEffortProducer::new(&nobody).unwrap();
        assert!(producer.send(&outgoing("notices", "k", "hello")));
        assert!(!producer.send(&Outgoing { value: Some(&[0; 1_000_001]), ..outgoing("notices", "k", "") }));
        assert_eq!(producer.dropped(), 1);
        drop(producer);
        started.elapsed()
    };
    // A record is kept for 10 s. A busy machine may hold an attempt or two up as long, whatever is right; it needs no luck.
    assert!((0..10).any(|_| try_it() < Duration::from_secs(5)));
}

#[test]
fn a_worker_without_a_broker_says_so_and_stops_in_time() {
    let nobody = Cluster::at("127.0.0.1:1", "test").unwrap();
    let worker = Running::start(&nobody, "in", "out", &unique("g"), "w");
    wait_for("the word that the broker is away", HANGS_AFTER, || {
        worker.log.saw(|event| matches!(event, WorkerEvent::BrokerAway { .. }))
    });
    let (ended, took) = worker.stop();
    ended.unwrap();
    assert!(took < HANGS_AFTER, "{took:?}");
}
