//! Which version decided about what, and what is counted.

use barid_kafka::{Processor, Record, Tick, WorkerEvent};
use barid_schemas::records::PolicyApplied;

use super::fixture::{Bench, PERMITS, assigned, event, events_topic, receivers, record};

/// A slot with partitions and without an open transaction.
fn bench() -> Bench {
    let mut bench = Bench::without_policy(crate::MAX_RECORD_BYTES);
    bench.slot.event(&WorkerEvent::Started);
    bench.slot.event(&WorkerEvent::Assigned { partitions: assigned() });
    bench
}

/// Version, partition and offset of what was told.
#[track_caller]
fn told(bench: &Bench, written: &[Record]) -> Vec<(i64, i32, i64)> {
    let tell = |record: &Record| {
        let applied: PolicyApplied = bench.decode(record);
        assert_eq!(record.topic, "barid.policy-applied");
        assert_eq!((applied.router.as_str(), applied.slot), ("main", 0));
        assert_eq!(applied.topic, events_topic());
        assert_eq!(record.key.as_deref(), Some(format!("{}/{}", applied.topic, applied.partition).as_bytes()));
        (applied.version, applied.partition, applied.from_offset)
    };
    written.iter().map(tell).collect()
}

const VERSION_1: [(i64, i32, i64); 2] = [(1, 0, 7), (1, 1, 40)];
const VERSION_2: [(i64, i32, i64); 2] = [(2, 0, 7), (2, 1, 40)];

#[test]
fn the_first_transaction_after_an_assignment_tells_for_every_partition_from_where_the_version_decides() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    let written = bench.begin(true);
    assert_eq!(told(&bench, &written), VERSION_1);
}

#[test]
fn a_version_that_was_told_is_not_told_again() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    bench.begin(true);
    bench.commit();
    for _ in 0..2 {
        assert!(bench.begin(false).is_empty());
        bench.commit();
    }
}

#[test]
fn a_new_version_is_told_in_its_first_transaction() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    bench.begin(true);
    bench.commit();
    bench.put_in_force(2, PERMITS);
    let written = bench.begin(false);
    assert_eq!(told(&bench, &written), VERSION_2);
    bench.commit();
    assert!(bench.begin(false).is_empty());
}

#[test]
fn what_an_aborted_transaction_told_is_told_again() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    bench.begin(true);
    bench.commit();
    bench.put_in_force(2, PERMITS);
    for _ in 0..2 {
        let written = bench.begin(false);
        assert_eq!(told(&bench, &written), VERSION_2);
        bench.abort();
    }
}

#[test]
fn a_transaction_that_told_nothing_leaves_nothing_to_tell_again_when_it_is_aborted() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    bench.begin(true);
    bench.commit();
    bench.begin(false);
    bench.abort();
    assert!(bench.begin(false).is_empty());
}

/// Opens a transaction if the slot asks for one, and gives the topics that it writes to.
fn tick(bench: &mut Bench, first_after_assignment: bool) -> Vec<String> {
    match bench.slot.tick() {
        Tick::Nothing => Vec::new(),
        Tick::OpenTransaction => bench.begin(first_after_assignment).into_iter().map(|record| record.topic).collect(),
    }
}

const HEARTBEAT: &str = "barid.heartbeats";
const APPLIED: &str = "barid.policy-applied";

#[test]
fn an_idle_slot_opens_a_transaction_to_tell_what_is_new() {
    let mut bench = Bench::without_policy(crate::MAX_RECORD_BYTES);
    assert!(tick(&mut bench, false).is_empty(), "no policy");
    bench.put_in_force(1, PERMITS);
    let lanes = std::mem::take(&mut bench.lanes);
    assert_eq!(tick(&mut bench, false), [HEARTBEAT], "no partition to tell of");
    bench.commit();
    bench.lanes = lanes;
    assert!(tick(&mut bench, false).is_empty(), "nothing is new");
    bench.slot.event(&WorkerEvent::Assigned { partitions: assigned() });
    assert_eq!(tick(&mut bench, true), [HEARTBEAT, APPLIED, APPLIED]);
    bench.commit();
    assert!(tick(&mut bench, false).is_empty());
    bench.put_in_force(2, PERMITS);
    for _ in 0..2 {
        assert_eq!(tick(&mut bench, false), [APPLIED, APPLIED]);
        bench.abort();
    }
    assert_eq!(tick(&mut bench, false), [APPLIED, APPLIED], "it was not committed");
    bench.commit();
    bench.slot.event(&WorkerEvent::Assigned { partitions: assigned() });
    assert_eq!(tick(&mut bench, true), [HEARTBEAT, APPLIED, APPLIED], "an assignment without input is told too");
}

#[test]
fn an_idle_slot_writes_to_find_out_whether_its_name_is_still_its_own() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    tick(&mut bench, true);
    bench.commit();
    assert!(tick(&mut bench, false).is_empty());
    bench.slot.event(&WorkerEvent::Rebuilt { reason: "fenced".to_owned() });
    assert_eq!(tick(&mut bench, false), [HEARTBEAT]);
    bench.abort();
    assert_eq!(tick(&mut bench, false), [HEARTBEAT], "nothing is proved by what was aborted");
    bench.commit();
    let partitions = assigned().into_iter().map(|assigned| (assigned.topic, assigned.partition)).collect();
    bench.slot.event(&WorkerEvent::Revoked { partitions, lost: false });
    assert_eq!(tick(&mut bench, false), [HEARTBEAT]);
    bench.slot.event(&WorkerEvent::Committed { records: 0, sent: 0, took: std::time::Duration::ZERO });
    assert_eq!(tick(&mut bench, false), [HEARTBEAT], "nothing is proved by what wrote nothing");
}

#[test]
fn nothing_is_routed_under_two_versions_in_one_transaction() {
    let mut bench = bench();
    bench.put_in_force(1, PERMITS);
    bench.begin(true);
    assert_eq!(receivers(&bench.route(&record(&event()))), ["tax", "samt", "utilities", "notary"]);
    let fewer = PERMITS.split("[[permit]]").take(2).collect::<Vec<_>>().join("[[permit]]");
    bench.put_in_force(2, &fewer);
    assert_eq!(bench.route(&record(&event())).len(), 4, "the transaction began under version 1");
    bench.commit();
    bench.begin(false);
    assert_eq!(receivers(&bench.route(&record(&event()))), ["tax"]);
}

#[test]
fn only_committed_work_is_counted() {
    let mut bench = Bench::new();
    let broken = Record { value: None, ..record(&event()) };
    let counted = |bench: &Bench| {
        let counters = &bench.slot.counters;
        let of_reason = counters.dead_letters.at(["no_value"]).get();
        assert_eq!(of_reason, counters.dead_letters_in_all.get());
        (counters.events.get(), counters.copies.get(), of_reason)
    };
    bench.route(&record(&event()));
    bench.route(&broken);
    assert_eq!(counted(&bench), (0, 0, 0), "nothing is committed yet");
    bench.abort();
    bench.begin(false);
    assert_eq!(counted(&bench), (0, 0, 0), "it never happened");
    bench.route(&record(&event()));
    bench.route(&broken);
    bench.commit();
    assert_eq!(counted(&bench), (2, 4, 1));
    bench.begin(false);
    bench.commit();
    assert_eq!(counted(&bench), (2, 4, 1), "counted once");
    assert_eq!((bench.slot.counters.transactions.get(), bench.slot.counters.aborted.get()), (2, 1));
}

#[test]
fn the_broker_counts_as_there_from_the_start_of_a_slot_until_it_is_told_away() {
    let mut bench = Bench::without_policy(crate::MAX_RECORD_BYTES);
    bench.readiness.not_ready("broker", "not checked yet");
    bench.slot.event(&WorkerEvent::Started);
    assert!(bench.readiness.is_ready());
    bench.slot.event(&WorkerEvent::BrokerAway { reason: "connection refused".to_owned() });
    assert!(!bench.readiness.is_ready());
    bench.slot.event(&WorkerEvent::BrokerBack);
    assert!(bench.readiness.is_ready());
}
