//! The whole router on the in-process broker, which proves the flow but nothing about exactly once.

mod support;

use std::collections::BTreeSet;

use barid_event::topics::Topics;
use barid_kafka::{Cluster, Record};
use barid_registry::EmbeddedRegistry;
use barid_schemas::case_event::{AVSC, CaseEvent};
use barid_schemas::records::{DeadLetter, Notice};
use support::{Bus, Desk, RunningRouter, client, event, first_policy, parcel, permit, told, wait_for};

fn notices(bus: &Bus, desk: &Desk, kind: &str) -> Vec<String> {
    let notices: Vec<Notice> = desk.decode(&bus.read(&bus.topics.notices()));
    notices.into_iter().filter(|notice| notice.kind == kind).map(|notice| notice.message).collect()
}

#[test]
fn events_become_copies_under_the_policy_that_is_in_force_also_when_it_changes_meanwhile() {
    let (bus, desk) = (Bus::start(), Desk::at("127.0.0.1:0"));
    let router = RunningRouter::start(&bus, &desk);

    // What comes before there is a policy waits for it.
    bus.write(&[desk.event(1, 1, None), desk.event(2, 1, Some(parcel()))]);
    bus.write(&[desk.watch("bank_facilities", parcel(), "loan-5")]);
    wait_for("the broker", || !router.fails("broker"));
    assert!(router.fails("policy"));
    assert_eq!(router.progress.events(), 0);

    bus.write(&desk.policy(1, &first_policy()));
    wait_for("two events", || router.progress.events() == 2);
    wait_for("readiness", || router.readiness.is_ready());
    assert_eq!(router.progress.copies(), 3);
    wait_for("both partitions", || told(&bus, &desk, 1) == BTreeSet::from([0, 1]));
    let copies = bus.inbox("bank_facilities");
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].header("barid-match"), Some(&b"loan-5"[..]));
    let seen: Vec<CaseEvent> = desk.decode(&copies);
    assert_eq!(seen, [CaseEvent { parcel: None, ..event(2, 1) }]);
    let original = desk.event(1, 1, None);
    let copies = bus.inbox("tax");
    let copy = copies.iter().find(|copy| copy.key == original.key).unwrap();
    assert_eq!(copy.value, original.value);

    // A policy with a mistake changes nothing.
    bus.write(&desk.policy(2, &permit("T-1", "nobody", "", "")));
    wait_for("the refusal", || notices(&bus, &desk, "policy_refused").len() == 1);
    assert!(notices(&bus, &desk, "policy_refused")[0].contains("permits/art100_commission.toml:3"));

    // A policy without one is told for both partitions, though nothing comes in.
    bus.write(&desk.policy(3, &permit("T-3", "samt", "\"decision\"", "")));
    wait_for("the third version", || told(&bus, &desk, 3) == BTreeSet::from([0, 1]));
    assert!(told(&bus, &desk, 2).is_empty());
    let broken = Record { value: None, headers: Vec::new(), ..desk.event(1, 3, None) };
    bus.write(&[desk.event(1, 2, None), broken, desk.event(2, 2, Some(parcel()))]);
    wait_for("five events", || router.progress.events() == 5);
    assert_eq!((router.progress.copies(), router.progress.dead_letters()), (5, 1));
    assert_eq!((bus.inbox("tax").len(), bus.inbox("bank_facilities").len(), bus.inbox("samt").len()), (2, 1, 2));
    let letters: Vec<DeadLetter> = desk.decode(&bus.read(&bus.topics.deadletter("art100_commission")));
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].reason.as_str(), letters[0].partition), ("no_value", 1));

    router.end();
}

#[test]
fn a_router_that_starts_behind_a_refused_version_takes_up_the_one_before() {
    let (bus, desk) = (Bus::start(), Desk::at("127.0.0.1:0"));
    bus.write(&desk.policy(1, &permit("T-1", "samt", "\"decision\"", "")));
    bus.write(&desk.policy(2, &first_policy()));
    bus.write(&desk.policy(3, &permit("T-1", "nobody", "", "")));
    bus.write(&[desk.event(1, 1, None)]);
    let router = RunningRouter::start(&bus, &desk);
    wait_for("the event", || router.progress.events() == 1);
    assert_eq!((bus.inbox("tax").len(), bus.inbox("samt").len()), (1, 0));
    assert!(router.metrics.text().contains("policy_version 2\n"), "{}", router.metrics.text());
    router.end();
}

#[test]
fn a_registry_that_was_emptied_costs_no_event_and_an_unknown_schema_holds_its_partition_alone() {
    let (bus, desk) = (Bus::start(), Desk::at("127.0.0.1:0"));
    bus.write(&desk.policy(1, &first_policy()));
    let router = RunningRouter::start(&bus, &desk);
    bus.write(&[desk.event(1, 1, None)]);
    wait_for("the first event", || router.progress.events() == 1);

    // The registry is restarted without its storage.
    let known = desk.event(2, 1, None);
    let mut unknown = desk.event(1, 2, None);
    unknown.value.as_mut().unwrap()[1..5].copy_from_slice(&77_u32.to_be_bytes());
    desk.embedded.clear();
    bus.write(&[unknown, known]);
    wait_for("the event of the other partition", || router.progress.events() == 2);
    wait_for("the word that a partition waits", || router.fails("registry"));
    assert!(router.metrics.text().contains("waiting_partitions 1\n"), "{}", router.metrics.text());
    // The registry learns schemas until it has got so far.
    for version in 1..=77 {
        let schema = format!(r#"{{"type": "fixed", "name": "Other{version}", "size": 1}}"#);
        let schema = if version == 77 { AVSC } else { &schema };
        assert_eq!(desk.registry.register(&format!("subject-{version}"), schema).unwrap(), version);
    }
    wait_for("the event that waited", || router.progress.events() == 3);
    assert!(router.readiness.is_ready());
    assert_eq!((router.progress.copies(), router.progress.dead_letters()), (3, 0));
    router.end();
}

#[test]
fn a_registry_that_is_away_at_the_start_is_waited_for() {
    let bus = Bus::start();
    let address = EmbeddedRegistry::start("127.0.0.1:0").unwrap().address().to_string();
    let router = RunningRouter::with_slots(2, &bus.cluster, &client(&format!("http://{address}")), &bus.topics);
    wait_for("the word that it is away", || router.fails("registry"));
    let desk = Desk::at(&address);
    bus.write(&desk.policy(1, &first_policy()));
    bus.write(&[desk.event(1, 1, None)]);
    wait_for("the event", || router.progress.events() == 1);
    assert!(router.readiness.is_ready());
    router.end();
}

#[test]
fn a_router_that_reaches_nobody_ends_in_time() {
    let nobody = Cluster::at("127.0.0.1:1", "test").unwrap();
    let router = RunningRouter::with_slots(2, &nobody, &client("http://127.0.0.1:1"), &Topics::default());
    wait_for("the word that the registry is away", || router.fails("registry"));
    router.end();

    let desk = Desk::at("127.0.0.1:0");
    let router = RunningRouter::with_slots(2, &nobody, &desk.registry, &Topics::default());
    wait_for("the word that the broker is away", || {
        router.readiness.failing().iter().any(|(name, reason)| name == "broker" && reason == "does not answer")
    });
    router.end();
}

#[test]
fn a_router_whose_broker_goes_away_ends_in_time() {
    let (bus, desk) = (Bus::start(), Desk::at("127.0.0.1:0"));
    bus.write(&desk.policy(1, &first_policy()));
    let router = RunningRouter::start(&bus, &desk);
    bus.write(&[desk.event(1, 1, None)]);
    wait_for("the event", || router.progress.events() == 1);
    drop(bus);
    wait_for("the word that the broker is away", || router.fails("broker"));
    router.end();
}
