//! Snapshots, followers and tails: aborted records stay hidden, open transactions are waited for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use barid_harness::HANGS_AFTER;
use barid_kafka::{
    Admin, Follower, KafkaError, NewTopic, SnapshotSummary, StopSignal, Tail, TailFrom, TailStep, TailUntil,
    TransactionalProducer, read_all_to_high_watermark, read_to_high_watermark,
};

use super::{cluster, numbers, topic};
use crate::support::{committed, outgoing, produce, sorted_values, unique, values, wait_for};

#[test]
fn a_snapshot_waits_for_anothers_open_transaction_and_misses_nothing_behind_it() {
    let cluster = cluster();
    let topic = topic(&cluster, "snapshot", 1);
    let stop = StopSignal::new();
    let mut slow = TransactionalProducer::connect(&cluster, &unique("slow"), &stop).unwrap();
    slow.begin().unwrap();
    slow.send(&outgoing(&topic, "k", "slow")).unwrap();
    let admin = Admin::new(&cluster).unwrap();
    wait_for("the open record", HANGS_AFTER, || admin.watermarks(&topic, 0).unwrap().high == 1);
    let mut quick = TransactionalProducer::connect(&cluster, &unique("quick"), &stop).unwrap();
    quick.begin().unwrap();
    quick.send(&outgoing(&topic, "k", "quick")).unwrap();
    quick.commit().unwrap();

    let (reading, name) = (cluster.clone(), topic.clone());
    let snapshot = std::thread::spawn(move || committed(&reading, &name));
    let started = Instant::now();
    wait_for("the snapshot to be waiting", HANGS_AFTER, || started.elapsed() > Duration::from_secs(1));
    assert!(!snapshot.is_finished(), "a snapshot must not end before the open transaction does");
    slow.commit().unwrap();
    assert_eq!(values(&snapshot.join().unwrap()), ["slow", "quick"]);
}

#[test]
fn a_snapshot_that_is_stopped_while_it_waits_says_so() {
    let cluster = cluster();
    let topic = topic(&cluster, "snapshot", 1);
    let stop = StopSignal::new();
    let mut slow = TransactionalProducer::connect(&cluster, &unique("slow"), &stop).unwrap();
    slow.begin().unwrap();
    slow.send(&outgoing(&topic, "k", "slow")).unwrap();
    let admin = Admin::new(&cluster).unwrap();
    wait_for("the open record", HANGS_AFTER, || admin.watermarks(&topic, 0).unwrap().high == 1);
    let (reading, name, signal) = (cluster.clone(), topic.clone(), stop.clone());
    let snapshot = std::thread::spawn(move || read_to_high_watermark(&reading, &name, &signal, |_| {}));
    stop.stop();
    assert!(matches!(snapshot.join().unwrap(), Err(KafkaError::Stopped { .. })));
}

#[test]
fn several_topics_are_read_one_after_another_each_to_its_own_end() {
    let cluster = cluster();
    let [first, empty, aborted, last] = ["first", "empty", "aborted", "last"].map(|name| topic(&cluster, name, 3));
    produce(&cluster, &first, 0, 30);
    produce(&cluster, &aborted, 30, 10);
    produce(&cluster, &last, 40, 30);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    for number in 0..300 {
        producer.send(&outgoing(&aborted, &number.to_string(), "never")).unwrap();
    }
    // In the log before it is taken back.
    let admin = Admin::new(&cluster).unwrap();
    let high = || (0..3).map(|partition| admin.watermarks(&aborted, partition).unwrap().high).sum::<i64>();
    wait_for("the records that nobody may see", HANGS_AFTER, || high() >= 310);
    producer.abort().unwrap();

    let topics = [&empty, &first, &aborted, &empty, &last, &first].map(Clone::clone);
    let mut seen = Vec::new();
    let read =
        read_all_to_high_watermark(&cluster, &topics, &StopSignal::new(), |record| seen.push(record.to_record()));
    assert_eq!(read.unwrap(), SnapshotSummary { records: 100, partitions: 18 });
    let of: Vec<&str> = seen.iter().map(|record| record.topic.as_str()).collect();
    let expected = [vec![first.as_str(); 30], vec![&aborted; 10], vec![&last; 30], vec![&first; 30]].concat();
    assert_eq!(of, expected);
    assert_eq!(sorted_values(&seen[..70]), numbers(70));
    assert_eq!(sorted_values(&seen[70..]), numbers(30));
}

#[test]
fn a_topic_that_grows_while_others_are_read_ends_none_of_them_early() {
    let cluster = cluster();
    let [growing, still] = ["growing", "still"].map(|name| topic(&cluster, name, 3));
    produce(&cluster, &growing, 0, 10);
    produce(&cluster, &still, 0, 200);
    let (writing, name, stop) = (cluster.clone(), growing.clone(), StopSignal::new());
    let signal = stop.clone();
    let writer = std::thread::spawn(move || {
        let mut producer = TransactionalProducer::connect(&writing, &unique("t"), &StopSignal::new()).unwrap();
        let mut number: usize = 0;
        while !signal.is_stopped() {
            producer.begin().unwrap();
            for _ in 0..3 {
                number += 1;
                producer.send(&outgoing(&name, &number.to_string(), "more")).unwrap();
            }
            producer.commit().unwrap();
        }
    });
    let topics: Vec<String> = (0..30).flat_map(|_| [growing.clone(), still.clone()]).collect();
    let mut seen = 0;
    let read = read_all_to_high_watermark(&cluster, &topics, &StopSignal::new(), |record| {
        seen += usize::from(record.topic == still);
    });
    stop.stop();
    writer.join().unwrap();
    read.unwrap();
    assert_eq!(seen, 30 * 200);
}

#[test]
fn a_missing_topic_among_others_is_an_error_with_its_name() {
    let cluster = cluster();
    let topic = topic(&cluster, "there", 2);
    produce(&cluster, &topic, 0, 10);
    for topics in [["nowhere", topic.as_str()], [topic.as_str(), "nowhere"]] {
        let missing = read_all_to_high_watermark(&cluster, &topics.map(str::to_owned), &StopSignal::new(), |_| {});
        assert_eq!(missing.unwrap_err(), KafkaError::UnknownTopic { topic: "nowhere".to_owned() });
    }
}

#[test]
fn a_missing_topic_is_an_error_with_its_name() {
    let cluster = cluster();
    let missing = read_to_high_watermark(&cluster, "nowhere", &StopSignal::new(), |_| {});
    assert_eq!(missing.unwrap_err(), KafkaError::UnknownTopic { topic: "nowhere".to_owned() });
    let tail = Tail::open(&cluster, &["nowhere".to_owned()], TailFrom::Beginning, TailUntil::Forever);
    assert!(matches!(tail, Err(KafkaError::UnknownTopic { .. })));
}

#[test]
fn a_follower_takes_up_a_topic_that_is_created_later() {
    let cluster = cluster();
    let name = unique("later");
    let mut follower = Follower::open(&cluster, std::slice::from_ref(&name), &StopSignal::new()).unwrap();
    assert_eq!(follower.poll(Duration::from_millis(50)), None);
    assert!(!follower.caught_up());
    Admin::new(&cluster)
        .unwrap()
        .create(&[NewTopic { name: name.clone(), partitions: 1, replication: None, config: BTreeMap::new() }])
        .unwrap();
    produce(&cluster, &name, 0, 3);
    let mut seen = Vec::new();
    wait_for("three records", HANGS_AFTER, || {
        seen.extend(follower.poll(Duration::from_millis(100)));
        seen.len() == 3 && follower.caught_up()
    });
}

#[test]
fn a_tail_hides_what_was_aborted_and_ends_at_the_mark() {
    let cluster = cluster();
    let topic = topic(&cluster, "tail", 3);
    produce(&cluster, &topic, 0, 30);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    producer.send(&outgoing(&topic, "k", "never")).unwrap();
    producer.abort().unwrap();
    let mut tail =
        Tail::open(&cluster, std::slice::from_ref(&topic), TailFrom::Beginning, TailUntil::HighWatermarks).unwrap();
    let mut seen = Vec::new();
    wait_for("the end", HANGS_AFTER, || match tail.next(Duration::from_millis(200)).unwrap() {
        TailStep::Record(record) => {
            seen.push(record);
            false
        }
        TailStep::Idle => false,
        TailStep::End => true,
    });
    assert_eq!(sorted_values(&seen), numbers(30));
    assert!(seen.is_sorted_by_key(|record| record.timestamp_ms));
}
