//! `barid-kafka-copying-worker BROKER FROM TO GROUP NAME`: a worker for the tests to kill. It copies one topic to another, one record in a millisecond.

mod support;

use std::time::Duration;

use barid_kafka::{Cluster, Input, RecordRef, Verdict};
use support::Running;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [broker, from, to, group, name] = arguments.try_into().unwrap();
    let slow = Box::new(|_: &RecordRef<'_>| {
        std::thread::sleep(Duration::from_millis(1));
        Verdict::Done
    });
    let cluster = Cluster::at(&broker, "barid-kafka-tests").unwrap();
    Running::start_with(&cluster, Input::Topics(vec![from]), &to, &group, &name, slow).join().unwrap();
}
