//! What only a real broker can show: names are fenced, and a transaction is one.
#![cfg(feature = "kafka-tests")]

mod support;

use barid_harness::shared_kafka;
use support::{Bus, Desk, RunningRouter, first_policy, told, wait_for};

fn bus() -> Bus {
    Bus::at(shared_kafka().unwrap())
}

#[test]
fn a_router_that_starts_again_routes_what_came_meanwhile_and_nothing_twice() {
    let bus = bus();
    let desk = Desk::for_topics("127.0.0.1:0", &bus.topics);
    bus.write(&desk.policy(1, &first_policy()));
    let mut sent = 0;
    for round in 1..=3 {
        bus.write(&[desk.event(1, round, None), desk.event(2, round, None), desk.event(3, round, None)]);
        sent += 3;
        let router = RunningRouter::start(&bus, &desk);
        wait_for("the events of this round", || router.progress.events() == 3);
        router.end();
        assert_eq!(bus.inbox("tax").len(), sent);
    }
}

#[test]
fn of_two_routers_with_one_name_one_ends_and_says_why_though_nothing_comes_in() {
    let bus = bus();
    let desk = Desk::for_topics("127.0.0.1:0", &bus.topics);
    bus.write(&desk.policy(1, &first_policy()));
    // One slot each, so that both get a partition.
    let first = RunningRouter::with_slots(1, &bus.cluster, &desk.registry, &bus.topics);
    wait_for("the first router to have its partitions", || told(&bus, &desk, 1).len() == 2);
    let second = RunningRouter::with_slots(1, &bus.cluster, &desk.registry, &bus.topics);
    wait_for("one of them to end", || first.has_ended() || second.has_ended());
    let (ended, other) = if first.has_ended() { (first, second) } else { (second, first) };
    let error = ended.result().unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert!(error.to_string().contains("give each router of a deployment a name of its own"), "{error}");
    other.end();
}
