//! What can never be routed goes to the dead letters, whole and alone.

use barid_kafka::Record;
use barid_schemas::case_event::{AVSC, CaseEvent, View};
use barid_schemas::records::{Bytes, HeaderEntry, Notice, Schema};

use super::fixture::{Bench, PERMITS, RECORDED_AT, event, events_topic, full_event, record};
use crate::Reason;

#[track_caller]
fn check(record: &Record, reason: Reason, detail: &str) {
    let (written, letter) = Bench::new().dead_letter(record);
    assert_eq!(written.topic, "barid.deadletter.art100_commission");
    assert_eq!((letter.reason.as_str(), letter.detail.as_str()), (reason.code(), detail));
    assert_eq!(letter.value.map(|Bytes(value)| value), record.value);
}

/// An event whose text `from` is replaced by `to`, of the same length, in the encoded value.
fn with_text(from: &str, to: &str) -> Record {
    assert_eq!(from.len(), to.len());
    let mut record = record(&event());
    let value = record.value.as_mut().unwrap();
    let at = value.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
    value[at..at + to.len()].copy_from_slice(to.as_bytes());
    record
}

#[test]
fn a_dead_letter_holds_the_original_and_says_where_it_stands() {
    let mut record = record(&CaseEvent { service_code: "never_heard_of".to_owned(), ..full_event() });
    record.headers.push(("x-anything".to_owned(), vec![0xff, 0x00]));
    record.headers.push(("x-anything".to_owned(), Vec::new()));
    let (written, letter) = Bench::new().dead_letter(&record);
    assert_eq!(written.key.as_deref(), Some(&b"barid.events.art100_commission/0/7"[..]));
    assert_eq!(letter.reason, "unknown_service");
    assert_eq!(letter.detail, "service_code");
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), (events_topic().as_str(), 0, 7));
    assert_eq!(letter.timestamp.0, RECORDED_AT);
    assert_eq!(letter.key.map(|Bytes(key)| key), record.key);
    assert_eq!(letter.value_bytes as usize, record.value.as_ref().unwrap().len());
    assert_eq!(letter.value.map(|Bytes(value)| value), record.value);
    let headers: Vec<_> = record.headers.iter().map(|(name, value)| entry(name, value)).collect();
    assert_eq!(letter.headers, headers);
}

fn entry(name: &str, value: &[u8]) -> HeaderEntry {
    HeaderEntry { name: name.to_owned(), value: Some(Bytes(value.to_vec())) }
}

#[test]
fn a_record_without_a_value() {
    check(&Record { value: None, ..record(&event()) }, Reason::NoValue, "");
}

#[test]
fn a_value_without_framing() {
    let short = Record { value: Some(vec![0, 0]), ..record(&event()) };
    check(&short, Reason::BadFraming, "the value has 2 bytes, the framing alone takes 5");
    let other = Record { value: Some(b"{\"json\": true}".to_vec()), ..record(&event()) };
    check(&other, Reason::BadFraming, "the value begins with byte 0x7b where the framing has 0x00");
}

#[test]
fn a_schema_of_another_record() {
    let mut bench = Bench::new();
    bench.schemas.know(6, Notice::AVSC);
    let foreign = Record { value: Some(vec![0, 0, 0, 0, 6, 2, 0x41, 0, 0, 0]), ..record(&event()) };
    let (_, letter) = bench.dead_letter(&foreign);
    assert_eq!(letter.reason, Reason::ForeignSchema.code());
    assert_eq!(letter.detail, "schema 6: the schema is not a record `ir.barid.CaseEvent`");
}

#[test]
fn a_detail_is_cut_where_a_foreign_schema_has_endless_names() {
    let mut bench = Bench::new();
    let name = "n".repeat(100_000);
    // A field that can be neither null nor left out.
    let field = format!(r#""fields": [{{"name": "{name}", "type": {{"type": "array", "items": "string"}}}},"#);
    let schema = AVSC.replacen(r#""fields": ["#, &field, 1);
    assert_ne!(schema, AVSC);
    bench.schemas.know(6, &schema);
    let foreign = Record { value: Some(vec![0, 0, 0, 0, 6, 2, 0x41]), ..record(&event()) };
    let (_, letter) = bench.dead_letter(&foreign);
    assert_eq!(letter.reason, Reason::ForeignSchema.code());
    assert!(letter.detail.len() < 1_100, "{} bytes", letter.detail.len());
}

#[test]
fn a_datum_that_its_schema_does_not_describe() {
    let mut truncated = record(&event());
    truncated.value.as_mut().unwrap().pop();
    let (_, letter) = Bench::new().dead_letter(&truncated);
    assert_eq!(letter.reason, Reason::UndecodableDatum.code());
    assert!(letter.detail.starts_with("the datum ends too early in field `attachments"), "{}", letter.detail);
    let mut longer = record(&event());
    longer.value.as_mut().unwrap().push(0);
    let bytes = longer.value.as_ref().unwrap().len() - 6;
    check(&longer, Reason::UndecodableDatum, &format!("bytes are left over in the datum at byte {bytes}"));
}

#[test]
fn an_id_that_is_no_uuid_in_its_one_spelling() {
    let event_id = event().event_id.to_string();
    let corr_id = event().corr_id.to_string();
    check(&with_text(&event_id, "national id 0012345678 of the person"), Reason::BadId, "event_id");
    check(&with_text(&corr_id, &corr_id.to_uppercase()), Reason::BadId, "corr_id");
}

#[test]
fn a_view_where_an_event_belongs() {
    check(&record(&CaseEvent { view: View::Coarse, ..event() }), Reason::NotExact, "view");
}

#[test]
fn an_event_of_another_publisher() {
    check(&record(&CaseEvent { publisher: "samt".to_owned(), ..event() }), Reason::PublisherMismatch, "publisher");
}

#[test]
fn a_service_that_belongs_to_another_agency() {
    let event = CaseEvent { service_code: "justice_court_case".to_owned(), ..event() };
    check(&record(&event), Reason::NotTheOwner, "service_code");
}

#[test]
fn a_service_of_any_agency_may_be_published_by_any() {
    let status_to = "received".to_owned();
    let event = CaseEvent { service_code: "cross_inquiry".to_owned(), status_from: None, status_to, ..event() };
    assert!(Bench::new().route(&record(&event)).is_empty());
}

#[test]
fn a_status_that_nobody_knows_on_either_side() {
    let to = CaseEvent { status_to: "made_up".to_owned(), ..event() };
    check(&record(&to), Reason::UnknownStatus, "status_to");
    let from = CaseEvent { status_from: Some("made_up".to_owned()), ..event() };
    check(&record(&from), Reason::UnknownStatus, "status_from");
}

#[test]
fn a_status_that_another_service_has() {
    let to = CaseEvent { status_to: "quota_allocated".to_owned(), ..event() };
    check(&record(&to), Reason::UnknownStatus, "status_to");
    let from = CaseEvent { status_from: Some("quota_allocated".to_owned()), ..event() };
    check(&record(&from), Reason::UnknownStatus, "status_from");
}

#[test]
fn a_county_that_is_free_text() {
    let event = CaseEvent { county: Some("sari, national id 0012345678".to_owned()), ..event() };
    check(&record(&event), Reason::UnknownCounty, "county");
}

#[test]
fn a_record_without_a_time() {
    check(&Record { timestamp_ms: -1, ..record(&event()) }, Reason::NoTimestamp, "");
}

#[test]
fn a_watch_header_that_cannot_be_read() {
    let mut record = record(&event());
    record.headers.push(("barid-watch".to_owned(), b"parcel:12/345".to_vec()));
    check(&record, Reason::BadWatchKeys, "a watch key ends with 32 lower-case hexadecimal digits");
}

#[test]
fn a_copy_that_would_be_too_large_takes_all_copies_of_the_event_with_it() {
    let record = record(&event());
    let mut bench = Bench::without_policy(record.value.as_ref().unwrap().len() + 600);
    bench.put_in_force(1, PERMITS);
    bench.begin(false);
    assert_eq!(bench.route(&record).len(), 4, "just small enough");

    let mut bench = Bench::without_policy(record.value.as_ref().unwrap().len() + 100);
    bench.put_in_force(1, PERMITS);
    bench.begin(false);
    let (_, letter) = bench.dead_letter(&record);
    assert_eq!(letter.reason, Reason::CopyTooLarge.code());
}

#[test]
fn an_original_that_a_dead_letter_cannot_hold_is_named_by_its_place() {
    let mut record = record(&event());
    record.value = Some(vec![1; crate::MAX_RECORD_BYTES - 100]);
    let (_, letter) = Bench::new().dead_letter(&record);
    assert_eq!(letter.reason, Reason::BadFraming.code());
    assert_eq!((letter.key, letter.value, letter.headers), (None, None, Vec::new()));
    assert_eq!(letter.value_bytes as usize, crate::MAX_RECORD_BYTES - 100);
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), (events_topic().as_str(), 0, 7));
}

#[test]
fn an_original_with_large_headers_is_named_by_its_place_too() {
    let mut record = Record { value: None, ..record(&event()) };
    for _ in 0..1_000 {
        record.headers.push(("x".to_owned(), vec![7; 1_000]));
    }
    let (_, letter) = Bench::new().dead_letter(&record);
    assert_eq!((letter.reason.as_str(), letter.headers.len()), (Reason::NoValue.code(), 0));
}

#[test]
fn reasons_have_codes_of_their_own() {
    let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
}
