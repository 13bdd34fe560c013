//! What only a real broker can show: aborted transactions stay hidden, offsets are stable, names are fenced, a dead process is taken over.
//!
//! The broker is the one of the test run; where one is killed, the test has its own.

mod admin;
mod candidates;
mod killed_brokers;
mod killed_workers;
mod reading;
mod transactions;
mod workers;

use barid_harness::shared_kafka;
use barid_kafka::{Admin, Cluster, NewTopic};

use crate::support::{committed, sorted_values, unique, values};

fn at(bootstrap_servers: &str) -> Cluster {
    Cluster::at(bootstrap_servers, "barid-kafka-tests").unwrap()
}

fn cluster() -> Cluster {
    at(shared_kafka().unwrap())
}

/// A topic of this name that nobody else has.
fn topic_with(cluster: &Cluster, name: &str, partitions: i32, config: &[(&str, &str)]) -> String {
    let name = unique(name);
    let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let created = Admin::new(cluster)
        .unwrap()
        .create(&[NewTopic { name: name.clone(), partitions, replication: Some(1), config }])
        .unwrap();
    created.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
    name
}

fn topic(cluster: &Cluster, name: &str, partitions: i32) -> String {
    topic_with(cluster, name, partitions, &[])
}

fn numbers(until: usize) -> Vec<String> {
    (0..until).map(|number| format!("{number:06}")).collect()
}

/// Every number once, and those of one key in their order.
#[track_caller]
fn assert_exactly_once(cluster: &Cluster, topic: &str, until: usize) {
    let records = committed(cluster, topic);
    let found = sorted_values(&records);
    let doubled: Vec<_> = found.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    let lost: Vec<_> = numbers(until).into_iter().filter(|number| found.binary_search(number).is_err()).collect();
    assert!(
        doubled.is_empty() && lost.is_empty() && found.len() == until,
        "{} records, doubled: {doubled:?}, lost: {lost:?}",
        found.len()
    );
    for key in 0..7 {
        let key = format!("key-{key}").into_bytes();
        let of_key: Vec<_> = records.iter().filter(|record| record.key.as_deref() == Some(&key)).cloned().collect();
        let values = values(&of_key);
        assert!(values.is_sorted(), "a key is out of order: {values:?}");
    }
}
