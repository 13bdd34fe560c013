//! Whole records: written with our schema, read from any version of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use barid_codec::{RecordCodec, RecordError, RecordReader, RegistryError, Schemas, framing};
use barid_schemas::case_event::{
    AVSC, Attachment, Attachments, Business, CaseEvent, Contact, Decision, Identity, IdvStatus, Money, Number, Parcel,
    Person, PersonCapacity, Precision, Resolution, RulingKind, SubjectRef, Transition, View, Violation,
};
use barid_schemas::records::{
    Bytes, CaseState, Command, DeadLetter, FilePosition, FormerContent, HeaderEntry, Heartbeat, Notice, PolicyApplied,
    PolicyRecord, PolicyRecordKind, Problem, PublishedRow, QuarantineState, QuarantinedRow, Schema, SourcePosition,
    WatchEntry, WatchKind,
};
use barid_schemas::{Date, Millis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::schemas::Writer;
use crate::{model, schemas};

/// A registry in memory.
#[derive(Default)]
pub(crate) struct Known {
    schemas: Mutex<HashMap<u32, String>>,
    asked: AtomicUsize,
}

impl Known {
    fn with(id: u32, avsc: &str) -> Arc<Self> {
        let known = Self::default();
        known.learn(id, avsc);
        Arc::new(known)
    }

    fn learn(&self, id: u32, avsc: &str) {
        self.schemas.lock().unwrap().insert(id, avsc.to_owned());
    }
}

impl Schemas for Known {
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let schemas = self.schemas.lock().unwrap();
        schemas.get(&id).map(|avsc| Arc::from(avsc.as_str())).ok_or(RegistryError::UnknownId(id))
    }
}

/// Reads events of our own schema under id 1.
pub(crate) fn reader() -> RecordReader<CaseEvent> {
    RecordReader::new(Known::with(1, AVSC))
}

/// An event with everything in it.
pub(crate) fn event() -> CaseEvent {
    let text = |text: &str| Some(text.to_owned());
    CaseEvent {
        event_id: Uuid::from_u128(0x0123_4567_89ab_8def_8123_4567_89ab_cdef),
        corr_id: Uuid::from_u128(0xfedc_ba98_7654_8210_bedc_ba98_7654_3210),
        publisher: "agri_jahad".into(),
        county: text("nowshahr"),
        service_code: "land_use_change".into(),
        national_service_id: text("13012345000"),
        case_no: text("۱۴۰۱/تک/۰۰۴۱"),
        status_from: text("submitted"),
        status_to: "inquiry_sent".into(),
        transition: Some(Transition::Step),
        occurred_at: Millis(1_664_829_000_000),
        utc_offset_minutes: 210,
        precision: Precision::Day,
        deadline_at: Some(Millis(1_667_421_000_000)),
        letter_no: text("12/345"),
        letter_date: Some(Date(19_270)),
        correction_of: Some(Uuid::from_u128(7)),
        view: View::Exact,
        identity: Some(Identity {
            subject_ref: Some(SubjectRef([9; 32])),
            idv_tracking_code: text("60014317002915"),
            idv_status: Some(IdvStatus::Verified),
            idv_level: Some(2),
            relying_agency: text("bank_facilities"),
            purpose: text("loan"),
            idv_expires_at: Some(Millis(-1)),
        }),
        number: Some(Number { national_id: text("9901001171"), legal_id: None }),
        person: Some(Person {
            full_name: text("هاجر کیان‌مهر"),
            company_name: None,
            capacity: Some(PersonCapacity::Heir),
        }),
        contact: Some(Contact { mobile_masked: text("0911***4567"), notify_channel: None }),
        parcel: Some(Parcel {
            plate_main: text("12"),
            plate_sub: text("345"),
            utm_zone: Some(39),
            utm_e: Some(547_386.72),
            area_m2: Some(640.0),
            ..Parcel::default()
        }),
        decision: Some(Decision {
            decision: text("approved"),
            decision_no: text("1401-437"),
            decision_date: Some(Date(19_281)),
            conditions: Some(vec!["fence".into(), "well".into()]),
            valid_until: None,
        }),
        money: Some(Money { amount_rial: Some(1_250_000_000), due_date: Some(Date(0)), ..Money::default() }),
        violation: Some(Violation { ruling_kind: Some(RulingKind::None), ..Violation::default() }),
        business: Some(Business { activity_code: text("5510"), ..Business::default() }),
        resolution: Some(Resolution { progress_percent: Some(40), ..Resolution::default() }),
        attachments: Some(Attachments {
            attachments: Some(vec![Attachment {
                sha256: "ab".repeat(32),
                kind: "map".into(),
                fetch_ref: "/files/1".into(),
            }]),
        }),
    }
}

/// The datum of [`event`].
pub(crate) fn datum() -> Vec<u8> {
    RecordCodec::new(1).unwrap().to_vec(&event()).unwrap()[framing::HEADER_BYTES..].to_vec()
}

/// An event of another writer schema, with decision and parcel in it.
pub(crate) fn datum_for(writer: &Writer) -> Vec<u8> {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    loop {
        let event = crate::random::event(&writer.plain).new_tree(&mut runner).unwrap().current();
        if model::has(&event, "decision") && model::has(&event, "parcel") {
            return model::encode(writer, &event);
        }
    }
}

#[track_caller]
fn check_round_trip<T: Schema + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) {
    let codec = RecordCodec::new(0x0102_0304).unwrap();
    let mut value = b"before".to_vec();
    codec.encode(record, &mut value).unwrap();
    assert_eq!(value[..11], [&b"before"[..], &[0, 1, 2, 3, 4]].concat());
    let reader = RecordReader::<T>::new(Known::with(0x0102_0304, T::AVSC));
    assert_eq!(reader.decode(&value[6..]).unwrap(), *record);
    // And apache-avro reads it too.
    let schema = apache_avro::Schema::parse_str(T::AVSC).unwrap();
    let mut datum = &value[11..];
    apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
}

#[test]
fn every_record_comes_back_as_it_was() {
    check_round_trip(&event());
    check_round_trip(&QuarantinedRow {
        agency: "samt".into(),
        source: "exports".into(),
        file: "04_samt.csv".into(),
        row: 7,
        case_key: "service|1".into(),
        row_identity: "valid#1".into(),
        state: QuarantineState::Waiting,
        problems: vec![Problem {
            reason: "unknown_status".into(),
            column: Some("وضعیت".into()),
            value: Some("?".into()),
            message_en: "unknown".into(),
            message_fa: "ناشناخته".into(),
        }],
        columns: BTreeMap::from([("a".into(), "1".into()), ("ب".into(), "۲".into())]),
        occurred_at: None,
        since: Millis(5),
        decision: None,
    });
    check_round_trip(&DeadLetter {
        reason: "undecodable_datum".into(),
        detail: "at byte 3".into(),
        topic: "events.samt".into(),
        partition: 3,
        offset: i64::MAX,
        timestamp: Millis(1),
        key: Some(Bytes(vec![0xff, 0])),
        value: None,
        value_bytes: 3,
        headers: vec![HeaderEntry { name: "ce_id".into(), value: Some(Bytes(vec![1])) }],
    });
    check_round_trip(&PolicyRecord {
        version: 4,
        kind: PolicyRecordKind::Manifest,
        path: String::new(),
        text: "permits.toml".into(),
        applied_at: Millis(2),
        applied_by: "operator".into(),
    });
    check_round_trip(&PolicyApplied {
        router: "r1".into(),
        slot: 0,
        version: 4,
        topic: "events.samt".into(),
        partition: 5,
        from_offset: 0,
        at: Millis(3),
    });
    check_round_trip(&WatchEntry {
        subscriber: "bank_facilities".into(),
        kind: WatchKind::Person,
        key: "00ff".into(),
        handle: "loan 7".into(),
        since: Millis(4),
    });
    check_round_trip(&Command {
        command_id: Uuid::from_u128(9),
        target: "samt".into(),
        action: "drop".into(),
        arguments: BTreeMap::from([("row".into(), "7".into())]),
        asked_by: "operator".into(),
        reason: None,
        asked_at: Millis(5),
    });
    check_round_trip(&SourcePosition {
        agency: "samt".into(),
        source: "exports".into(),
        last_sequence: 65,
        files: vec![FilePosition {
            file: "a.csv".into(),
            sha256: "00".into(),
            config_sha256: "11".into(),
            rows: 8,
            published: 5,
            unchanged: 2,
            quarantined: 1,
            waiting: 0,
            read_at: Millis(6),
        }],
        at: Millis(7),
        commands: None,
    });
    check_round_trip(&CaseState {
        case_key: "k".into(),
        service_code: "s".into(),
        corr_id: Uuid::from_u128(1),
        last_status: "valid".into(),
        last_occurred_at: Millis(8),
        rows: vec![PublishedRow { row_identity: "valid#1".into(), content_hash: -9, event_id: Uuid::from_u128(2) }],
        parked_since: Some(Millis(9)),
        parked_reason: Some("unknown_status".into()),
        row_times: Some(vec![Millis(8)]),
        former_contents: Some(vec![FormerContent { row: 0, content_hash: 9 }]),
    });
    check_round_trip(&Heartbeat {
        process: "router r1".into(),
        role: "router".into(),
        version: "0.1.0".into(),
        started_at: Millis(1),
        at: Millis(2),
        counters: BTreeMap::from([("events".into(), 65)]),
    });
    check_round_trip(&Notice {
        kind: "unknown_schema".into(),
        subject: "r1".into(),
        message: "schema 7".into(),
        at: Millis(3),
    });
}

/// Our event with what the writer knows of it, written by apache-avro.
pub(crate) fn framed_as(id: u32, writer: &Writer) -> Vec<u8> {
    let ours = model::decode(&schemas::current(), &datum()).unwrap();
    let apache_avro::Schema::Record(record) = &writer.plain else { unreachable!() };
    let fields = record.fields.iter().map(|field| {
        let value = model::field(&ours, &field.name).map(|value| model::inner(value).clone());
        let value =
            value.unwrap_or_else(|| apache_avro::types::Value::try_from(field.default.clone().unwrap()).unwrap());
        (field.name.clone(), value)
    });
    let value = apache_avro::types::Value::Record(fields.collect()).resolve(&writer.plain).unwrap();
    let mut framed = Vec::new();
    framing::frame(id, &mut framed);
    framed.extend(model::encode(writer, &value));
    framed
}

#[test]
fn an_older_and_a_newer_schema_are_read_with_what_both_know() {
    for (writer, known) in [(schemas::older(), "older"), (schemas::newer(), "newer"), (schemas::turned(), "turned")] {
        let read = RecordReader::<CaseEvent>::new(Known::with(5, &writer.avsc)).decode(&framed_as(5, &writer)).unwrap();
        let mut expected = event();
        if known == "older" {
            expected.national_service_id = None;
            expected.letter_no = None;
            expected.letter_date = None;
            expected.resolution = None;
            expected.attachments = None;
        }
        assert_eq!(read, expected, "{known}");
    }
}

#[test]
fn a_schema_is_asked_for_once_and_an_unknown_one_each_time() {
    let known = Arc::new(Known::default());
    let reader = RecordReader::<CaseEvent>::new(known.clone());
    let value = RecordCodec::new(3).unwrap().to_vec(&event()).unwrap();
    for _ in 0..2 {
        assert!(matches!(reader.decode(&value), Err(RecordError::Registry(RegistryError::UnknownId(3)))));
    }
    assert_eq!(known.asked.load(Ordering::SeqCst), 2);
    known.learn(3, AVSC);
    for _ in 0..2 {
        assert_eq!(reader.decode(&value).unwrap(), event());
    }
    assert_eq!(known.asked.load(Ordering::SeqCst), 3);
}

#[test]
fn another_record_is_not_taken_for_the_wanted_one() {
    let value = RecordCodec::new(1).unwrap().to_vec(&event()).unwrap();
    let error = RecordReader::<Notice>::new(Known::with(1, AVSC)).decode(&value).unwrap_err();
    assert_eq!(error.to_string(), "schema 1 is of `ir.barid.CaseEvent`, wanted is `ir.barid.Notice`");
}

#[test]
fn a_broken_record_is_an_error_with_a_place_and_without_a_value() {
    let value = RecordCodec::new(1).unwrap().to_vec(&event()).unwrap();
    let more = [&value[..], b"x"].concat();
    let offset = value.len() - framing::HEADER_BYTES;
    assert_eq!(
        reader().decode(&more).unwrap_err().to_string(),
        format!("a `ir.barid.CaseEvent` of schema 1 cannot be decoded at byte {offset}")
    );
    let mut broken = value.clone();
    broken[6] = b'?';
    let error = reader().decode(&broken).unwrap_err().to_string();
    assert!(error.starts_with("a `ir.barid.CaseEvent` of schema 1 cannot be decoded at byte "), "{error}");
    assert_eq!(
        reader().decode(&value[..4]).unwrap_err().to_string(),
        "the value has 4 bytes, the framing alone takes 5"
    );
}

#[test]
fn a_list_out_of_nothing_is_refused() {
    let mut schema = schemas::ours();
    let empty = json!({"type": "array", "items": "null"});
    schemas::fields(&mut schema).push(json!({"name": "nothings", "type": empty, "default": []}));
    let mut value = RecordCodec::new(1).unwrap().to_vec(&event()).unwrap();
    // Two million.
    value.extend([0x80, 0x92, 0xf4, 0x01, 0]);
    let reader = RecordReader::<CaseEvent>::new(Known::with(1, &schema.to_string()));
    assert!(matches!(reader.decode(&value), Err(RecordError::Decode { .. })));
}
