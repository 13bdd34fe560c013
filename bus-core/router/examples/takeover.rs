//! How long events wait when a router dies with an open transaction: measured, not asserted.
//!
//! ```text
//! target/debug/with_kafka cargo run -p barid-router --all-features --example takeover
//! ```
//!
//! Two routers, each a process of its own with one slot, work on a backlog, so that a transaction is open all the time. One is killed (SIGKILL). Then the time runs
//! until a reader with `read_committed` sees the first copy that was made afterwards of an event of a partition that the dead one had: once with the same name started
//! again at once, then with the other router taking over. What decides for the other router is the session of the group (6 s), the time limit of transactions (10 s) and how often the
//! broker looks for those that are over it, which is printed: a second at the broker of `BARID_TEST_BOOTSTRAP`, else one of the harness; at last ten seconds, which is a
//! broker's default.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

#[path = "../tests/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use barid_event::topics::Topics;
use barid_harness::{Kafka, shared_kafka};
use barid_kafka::{Admin, Cluster, Follower, Outgoing, StopSignal, TransactionalProducer};
use barid_router::{MAX_RECORD_BYTES, Router, RouterSettings};
use barid_schemas::Catalogue;
use barid_schemas::case_event::CaseEvent;
use barid_schemas::records::PolicyApplied;
use barid_telemetry::{Metrics, Readiness};
use support::{Bus, Desk, PUBLISHER, client, event, first_policy, wait_for};

const CASES: u128 = 400;
const EVENTS_OF_A_CASE: u128 = 400;
const CLEANUP: &str = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
/// The router that is killed keeps its transactions open for so long, so that one is open when it dies.
const OPEN: Duration = Duration::from_secs(3);
/// Those that go on commit as they do unless they are told otherwise.
const COMMIT: Duration = Duration::from_millis(20);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["router", name, bootstrap, registry, prefix, commit_ms] => {
            route(name, bootstrap, registry, prefix, Duration::from_millis(commit_ms.parse().unwrap()));
        }
        _ => {
            let bootstrap = shared_kafka().unwrap();
            measure(bootstrap, "the same name started again", true);
            measure(bootstrap, "a peer takes over", false);
            let kafka = Kafka::start_with(&format!("{CLEANUP}=10000\n")).unwrap();
            measure(&kafka.bootstrap_servers(), "a peer takes over, a broker with its own default", false);
        }
    }
}

/// A router as a process of its own.
fn route(name: &str, bootstrap: &str, registry: &str, prefix: &str, commit_interval: Duration) {
    let router = Router::new(RouterSettings {
        deployment: prefix.to_owned(),
        name: name.to_owned(),
        slots: 1,
        producers: 2,
        commit_interval,
        commit_records: 1_000_000,
        max_record_bytes: MAX_RECORD_BYTES,
        cluster: Cluster::at(bootstrap, "takeover").unwrap(),
        registry: client(registry),
        topics: Topics::new(prefix.to_owned()),
        shared_catalogue: Catalogue::shared(),
        metrics: Metrics::new("router"),
        readiness: Readiness::default(),
    });
    router.run(&StopSignal::new()).unwrap();
}

/// Kills what it started, whatever happens.
struct Process(Child);

impl Process {
    fn start(name: &str, bootstrap: &str, desk: &Desk, topics: &Topics, commit_interval: Duration) -> Self {
        let program = std::env::current_exe().unwrap();
        let commit_ms = commit_interval.as_millis().to_string();
        let arguments = ["router", name, bootstrap, desk.registry.url(), topics.prefix(), &commit_ms];
        Self(Command::new(program).args(arguments).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(bootstrap: &str, what: &str, same_name: bool) {
    let bus = Bus::at(bootstrap);
    let desk = Desk::for_topics("127.0.0.1:0", &bus.topics);
    bus.write(&desk.policy(1, &first_policy()));
    backlog(&bus, &desk);
    let stop = StopSignal::new();
    let mut inbox = Follower::open(&bus.cluster, &[bus.topics.inbox("tax")], &stop).unwrap();
    let first = Process::start("first", bootstrap, &desk, &bus.topics, OPEN);
    let peer = (!same_name).then(|| Process::start("peer", bootstrap, &desk, &bus.topics, COMMIT));
    let all = if same_name { 1 } else { 2 };
    wait_for("every router to have its partitions", || {
        owners(&bus, &desk).values().collect::<BTreeSet<_>>().len() == all
    });
    let owned = owners(&bus, &desk);
    let lost: BTreeSet<i32> =
        owned.iter().filter(|(_, router)| *router == "first").map(|(partition, _)| *partition).collect();
    // A commit has been seen; half of the next transaction's time later one is open.
    wait_for("the first copies", || inbox.poll(Duration::from_millis(100)).is_some());
    let seen = Instant::now();
    while seen.elapsed() < OPEN / 2 {
        inbox.poll(Duration::from_millis(50));
    }
    let killed_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    drop(first);
    let killed = Instant::now();
    let again = same_name.then(|| Process::start("first", bootstrap, &desk, &bus.topics, COMMIT));
    let mut seen = None;
    while seen.is_none() && killed.elapsed() < Duration::from_secs(60) {
        let record = inbox.poll(Duration::from_millis(50));
        seen = record.filter(|record| {
            let key = String::from_utf8(record.key.clone().unwrap_or_default()).unwrap_or_default();
            let case = uuid::Uuid::parse_str(&key).map_or(0, |id| id.as_u128() - event(0, 0).corr_id.as_u128());
            record.timestamp_ms > killed_ms && lost.contains(&((case % 2) as i32))
        });
    }
    let found = if seen.is_some() { format!("{:.1} s", killed.elapsed().as_secs_f64()) } else { "never".to_owned() };
    println!("{what}: {found} ({CLEANUP}={})", cleanup_interval(&bus.cluster));
    drop((again, peer));
}

/// Which router has told last that it has a partition.
fn owners(bus: &Bus, desk: &Desk) -> BTreeMap<i32, String> {
    let applied: Vec<PolicyApplied> = desk.decode(&bus.read(&bus.topics.policy_applied()));
    applied.into_iter().map(|applied| (applied.partition, applied.router)).collect()
}

fn cleanup_interval(cluster: &Cluster) -> String {
    let admin = Admin::new(cluster).unwrap();
    let broker = admin.brokers().unwrap()[0].id;
    admin.broker_config(broker).unwrap().get(CLEANUP).cloned().unwrap_or_default()
}

/// More events than the routers get through while it is measured.
fn backlog(bus: &Bus, desk: &Desk) {
    let codec = desk.codec::<CaseEvent>();
    let topic = bus.topics.events(PUBLISHER);
    let name = format!("{}backlog", bus.topics.prefix());
    let mut producer = TransactionalProducer::connect(&bus.cluster, &name, &StopSignal::new()).unwrap();
    for number in 0..EVENTS_OF_A_CASE {
        producer.begin().unwrap();
        for case in 0..CASES {
            let event = event(case, number);
            let value = codec.to_vec(&event).unwrap();
            let key = event.corr_id.to_string();
            let partition = Some((case % 2) as i32);
            let (key, value) = (Some(key.as_bytes()), Some(&*value));
            producer.send(&Outgoing { topic: &topic, partition, key, value, ..Outgoing::default() }).unwrap();
        }
        producer.commit().unwrap();
    }
}
