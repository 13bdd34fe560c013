//! What a subscriber finds in the value of its copy.

use barid_schemas::case_event::{CaseEvent, Decision, View};

use super::fixture::{Bench, PERMITS, copy_for, event, full_event, parcel_watch_key, receivers, record};

#[test]
fn an_exact_view_of_everything_is_the_event_byte_for_byte() {
    let record = record(&event());
    let written = Bench::new().route(&record);
    assert_eq!(copy_for(&written, "tax").value, record.value);
}

#[test]
fn an_exact_view_has_null_for_each_withheld_group_and_all_else_as_it_was() {
    let mut bench = Bench::new();
    let written = bench.route(&record(&full_event()));
    let seen: CaseEvent = bench.decode(copy_for(&written, "samt"));
    let expected = CaseEvent {
        identity: None,
        number: None,
        person: None,
        contact: None,
        parcel: None,
        money: None,
        violation: None,
        business: None,
        resolution: None,
        attachments: None,
        ..full_event()
    };
    assert_eq!(seen, expected);
    let seen: CaseEvent = bench.decode(copy_for(&written, "tax"));
    assert_eq!(seen, event(), "the groups that nobody permitted are withheld from a wide view too");
}

#[test]
fn a_coarse_view_shows_the_phase_and_the_allow_list_only() {
    let mut bench = Bench::new();
    let event = full_event();
    let written = bench.route(&record(&event));
    let seen: CaseEvent = bench.decode(copy_for(&written, "utilities"));
    let expected = CaseEvent {
        service_code: "restriction".to_owned(),
        status_from: Some("cleared".to_owned()),
        status_to: "cleared".to_owned(),
        view: View::Coarse,
        national_service_id: None,
        case_no: None,
        letter_no: None,
        letter_date: None,
        identity: None,
        number: None,
        person: None,
        contact: None,
        decision: Some(Decision {
            decision: Some("cleared".to_owned()),
            decision_no: None,
            conditions: None,
            ..event.decision.clone().unwrap()
        }),
        money: None,
        violation: None,
        business: None,
        resolution: None,
        attachments: None,
        ..event
    };
    assert_eq!(seen, expected);
}

#[test]
fn routes_nothing_to_a_subscriber_without_a_permit() {
    let mut bench = Bench::new();
    let under_way = CaseEvent { status_to: "fee_due".to_owned(), ..event() };
    assert!(bench.route(&record(&under_way)).is_empty());
    bench.commit();
    assert_eq!((bench.slot.counters.events.get(), bench.slot.counters.copies.get()), (1, 0));
}

#[test]
fn a_condition_that_does_not_hold_gives_no_copy() {
    let mut bench = Bench::new();
    bench.watch("bank_facilities", parcel_watch_key(1), "loan-1");
    let unaddressed = CaseEvent { identity: None, ..event() };
    let mut record = record(&unaddressed);
    record.headers.push(("barid-watch".to_owned(), parcel_watch_key(2).to_string().into_bytes()));
    assert_eq!(receivers(&bench.route(&record)), ["tax", "samt", "utilities"]);
}

#[test]
fn an_addressee_hears_of_what_names_it() {
    let written = Bench::new().route(&record(&event()));
    assert_eq!(receivers(&written), ["tax", "samt", "utilities", "notary"]);
}

#[test]
fn a_permit_is_judged_by_the_time_of_the_record() {
    let mut bench = Bench::with_permits(&PERMITS.replace("valid_until = 2032-03-19", "valid_until = 2023-03-20"));
    let mut record = record(&event());
    assert!(bench.route(&record).is_empty(), "the permits had run out when the record was written");
    record.timestamp_ms = 1_660_000_000_000;
    assert!(!bench.route(&record).is_empty());
}

#[test]
fn a_group_that_a_newer_schema_added_is_withheld_from_every_view() {
    let mut bench = Bench::new();
    let mut schema = barid_schemas::case_event::AVSC.trim_end().to_owned();
    let end = schema.rfind(']').unwrap();
    schema.insert_str(
        end,
        r#", {"name": "later", "type": ["null", {"type": "record", "name": "Later",
            "fields": [{"name": "text", "type": "string"}]}], "default": null}"#,
    );
    bench.schemas.know(9, &schema);
    let mut newer = record(&event());
    let value = newer.value.as_mut().unwrap();
    value[4] = 9;
    value.extend_from_slice(b"\x02\x0csecret");
    let written = bench.route(&newer);
    let copy = copy_for(&written, "tax").value.as_ref().unwrap();
    let mut expected = newer.value.clone().unwrap();
    expected.truncate(expected.len() - 8);
    expected.push(0);
    assert_eq!(*copy, expected, "null in the place of the group, under the writer's schema id");
}
