//! Workers that are killed in the middle of their work.

use std::process::{Child, Command};
use std::sync::atomic::Ordering;

use barid_harness::HANGS_AFTER;
use barid_kafka::Admin;

use super::{assert_exactly_once, cluster, topic};
use crate::support::{Running, committed, produce, unique, wait_for};

/// A process that runs a worker until it is killed.
fn spawn_worker(from: &str, to: &str, group: &str, name: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_barid-kafka-copying-worker"))
        .args([cluster().bootstrap_servers(), from, to, group, name])
        .spawn()
        .unwrap()
}

/// Kills a worker again and again in the middle of its work; `name` gives the name of each next one.
fn survives_kills(name: impl Fn(usize) -> String) {
    let cluster = cluster();
    let (from, to) = (topic(&cluster, "in", 4), topic(&cluster, "out", 2));
    let group = unique("g");
    produce(&cluster, &from, 0, 3_000);
    for round in 0..3 {
        let before = committed(&cluster, &to).len();
        let mut worker = spawn_worker(&from, &to, &group, &name(round));
        let admin = Admin::new(&cluster).unwrap();
        let high = || (0..2).map(|partition| admin.watermarks(&to, partition).unwrap().high as usize).sum::<usize>();
        wait_for("the process to write", HANGS_AFTER, || high() > before + 150);
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let last = Running::start(&cluster, &from, &to, &group, &name(3));
    wait_for("the rest", HANGS_AFTER, || {
        assert!(!last.is_finished(), "the last worker has ended");
        last.log.processed.load(Ordering::SeqCst) > 0 && committed(&cluster, &to).len() >= 3_000
    });
    last.stop().0.unwrap();
    assert_exactly_once(&cluster, &to, 3_000);
}

#[test]
fn a_worker_that_is_killed_and_started_again_loses_and_doubles_nothing() {
    let name = unique("w");
    survives_kills(|_| name.clone());
}

#[test]
fn a_worker_of_another_name_takes_over_from_a_killed_one() {
    let names: Vec<String> = (0..4).map(|_| unique("w")).collect();
    survives_kills(|round| names[round].clone());
}
