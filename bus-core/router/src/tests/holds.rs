//! What cannot be decided now waits: nothing is written for it, and it is never a dead letter.

use barid_kafka::{Processor, Record, Verdict, WorkerEvent};
use barid_schemas::case_event::AVSC;
use barid_schemas::records::{Notice, Schema};

use super::fixture::{Bench, EVENT_SCHEMA, event, events_topic, record};

fn with_schema(id: u8) -> Record {
    let mut record = record(&event());
    record.value.as_mut().unwrap()[4] = id;
    record
}

#[track_caller]
fn assert_waits(bench: &mut Bench, record: &Record, reason: &str) {
    let (verdict, written) = bench.process(record);
    assert_eq!(verdict, Verdict::Pause { reason: reason.to_owned(), retry_after: None });
    assert!(written.is_empty());
}

#[test]
fn without_a_policy_a_record_waits() {
    let mut bench = Bench::without_policy(crate::MAX_RECORD_BYTES);
    assert!(bench.begin(true).is_empty(), "no version is in force, so none is told");
    let (verdict, written) = bench.process(&record(&event()));
    assert!(matches!(verdict, Verdict::Pause { reason, retry_after: Some(_) } if reason == "no_policy"));
    assert!(written.is_empty());
}

#[test]
fn an_unknown_schema_waits_until_the_registry_learns_it() {
    let mut bench = Bench::new();
    let record = with_schema(77);
    assert_waits(&mut bench, &record, "unknown_schema");
    bench.schemas.know(77, AVSC);
    assert_eq!(bench.route(&record).len(), 4);
}

#[test]
fn a_registry_that_is_away_is_waited_for() {
    let mut bench = Bench::new();
    bench.schemas.go_away(true);
    assert_waits(&mut bench, &record(&event()), "registry_away");
    bench.schemas.go_away(false);
    assert_eq!(bench.route(&record(&event())).len(), 4);
    bench.schemas.go_away(true);
    assert_eq!(bench.route(&record(&event())).len(), 4, "what is compiled needs no registry");
}

#[test]
fn a_wait_is_told_once_however_often_it_is_tried() {
    let mut bench = Bench::new();
    let record = with_schema(77);
    for _ in 0..3 {
        assert_waits(&mut bench, &record, "unknown_schema");
        // The worker says so before each new try.
        bench.slot.event(&WorkerEvent::PartitionResumed { topic: events_topic(), partition: 0 });
        assert!(!bench.readiness.is_ready());
    }
    let notices = bench.notices();
    assert_eq!(notices.len(), 1);
    assert_eq!((notices[0].kind.as_str(), notices[0].subject.as_str()), ("unknown_schema", "main"));
    assert_eq!(notices[0].message, "barid.events.art100_commission/0@7 waits: the registry does not know schema 77");
    bench.schemas.know(77, AVSC);
    bench.route(&record);
    assert!(bench.readiness.is_ready());
    assert_waits(&mut bench, &with_schema(78), "unknown_schema");
    assert_eq!(bench.notices().len(), 2, "another wait is another notice");
}

#[test]
fn the_router_is_ready_again_when_no_partition_of_any_slot_waits() {
    let mut bench = Bench::new();
    let mut other = bench.holds.of_slot();
    assert_waits(&mut bench, &with_schema(77), "unknown_schema");
    assert!(other.hold("barid.events.samt", 3, "registry_away"));
    bench.schemas.know(77, AVSC);
    bench.route(&with_schema(77));
    assert!(!bench.readiness.is_ready(), "a partition of the other slot waits");
    assert_eq!(bench.slot.counters.waiting_partitions.get(), 1);
    other.revoke(&[("barid.events.samt".to_owned(), 3)]);
    assert!(bench.readiness.is_ready());
}

#[test]
fn a_partition_that_is_taken_away_no_longer_waits_here() {
    let mut bench = Bench::new();
    assert_waits(&mut bench, &with_schema(77), "unknown_schema");
    bench.slot.event(&WorkerEvent::Revoked { partitions: vec![(events_topic(), 0)], lost: false });
    assert!(bench.readiness.is_ready());
}

#[test]
fn a_registry_that_was_emptied_under_the_router_stops_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.route(&record(&event())).len(), 4);
    bench.schemas.lose_memory();
    assert_eq!(bench.route(&record(&event())).len(), 4);
}

#[test]
fn a_registry_that_counts_anew_costs_no_event() {
    let mut bench = Bench::new();
    // Asked for before the registry lost its memory, by a reader of another topic.
    let kept: Notice = {
        bench.schemas.know(8, Notice::AVSC);
        let codec = barid_codec::RecordCodec::<Notice>::new(8).unwrap();
        let notice =
            Notice { kind: "gap".into(), subject: "main".into(), message: "none".into(), at: barid_schemas::Millis(0) };
        bench.decode(&Record { value: Some(codec.to_vec(&notice).unwrap()), ..Record::default() })
    };
    assert_eq!(kept.kind, "gap");
    bench.schemas.lose_memory();
    bench.schemas.know(8, AVSC);
    assert_eq!(bench.route(&with_schema(8)).len(), 4, "the new meaning of the id is asked for");
}

#[test]
fn an_event_whose_id_means_another_record_by_now_waits() {
    let mut bench = Bench::new();
    bench.schemas.lose_memory();
    bench.schemas.know(EVENT_SCHEMA, Notice::AVSC);
    assert_waits(&mut bench, &record(&event()), "unknown_schema");
    bench.schemas.know(EVENT_SCHEMA, AVSC);
    assert_eq!(bench.route(&record(&event())).len(), 4);
}

#[test]
fn an_id_with_two_meanings_is_read_in_both() {
    let mut bench = Bench::new();
    let old = record(&event());
    assert_eq!(bench.route(&old).len(), 4);
    let mut schema = AVSC.trim_end().to_owned();
    let end = schema.rfind(']').unwrap();
    schema.insert_str(end, r#", {"name": "later", "type": ["null", "string"], "default": null}"#);
    bench.schemas.lose_memory();
    bench.schemas.know(EVENT_SCHEMA, &schema);
    let mut new = record(&event());
    new.value.as_mut().unwrap().push(0);
    assert_eq!(bench.route(&new).len(), 4);
    assert_eq!(bench.route(&old).len(), 4, "what was written before is still read");
}

#[test]
fn a_broken_datum_waits_while_nobody_can_say_whether_its_id_means_something_else() {
    let mut bench = Bench::new();
    bench.route(&record(&event()));
    bench.schemas.go_away(true);
    let mut broken = record(&event());
    broken.value.as_mut().unwrap().pop();
    assert_waits(&mut bench, &broken, "registry_away");
    assert_eq!(bench.route(&record(&event())).len(), 4, "the walk is still there");
    bench.schemas.go_away(false);
    assert_eq!(bench.dead_letter(&broken).1.reason, "undecodable_datum");
}
