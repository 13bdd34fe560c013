//! Proof that the Rust types and `avro/*.avsc` say the same.
//!
//! A value in which everything is there, and one in which everything nullable is missing, are written by `serde_avro_fast`
//! under the schema and read back by `apache_avro`, which knows nothing of the types. What comes out has to be, as JSON
//! text, what serde makes of the value: same names, same order, same values. So no field can be missing on either side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use barid_schemas::case_event::{
    Attachment, Attachments, Business, CaseEvent, Contact, Decision, Identity, IdvStatus, Money, Number, Parcel,
    Person, PersonCapacity, Precision, Resolution, RulingKind, SubjectRef, Transition, View, Violation,
};
use barid_schemas::records::{
    self, Bytes, CaseState, Command, CommandDone, CommandsPosition, DeadLetter, FilePosition, FormerContent,
    HeaderEntry, Heartbeat, Notice, OperatorDecision, PolicyApplied, PolicyRecord, PolicyRecordKind, Problem,
    PublishedRow, QuarantineState, QuarantinedRow, Schema, SourcePosition, WatchEntry, WatchKind,
};
use barid_schemas::{Date, Millis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// JSON text of an Avro value as serde would write the Rust value.
fn json(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    let text = |text: &str| serde_json::to_string(text).expect("text is JSON");
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) | Value::Date(value) => value.to_string(),
        Value::Long(value) | Value::TimestampMillis(value) => value.to_string(),
        Value::Double(value) => serde_json::to_string(value).expect("a number is JSON"),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => serde_json::to_string(bytes).expect("bytes are JSON"),
        Value::String(value) | Value::Enum(_, value) => text(value),
        Value::Uuid(value) => text(&value.to_string()),
        Value::Union(branch, value) => {
            assert_eq!(*branch == 0, **value == Value::Null, "null is branch 0");
            json(value)
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(json).collect())),
        Value::Map(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            let entries = sorted.into_iter().map(|(name, value)| format!("{}:{}", text(name), json(value)));
            format!("{{{}}}", list(entries.collect()))
        }
        Value::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}:{}", text(name), json(value)));
            format!("{{{}}}", list(fields.collect()))
        }
        other => panic!("no schema of ours holds {other:?}"),
    }
}

fn check<T: Schema + Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let fast: serde_avro_fast::Schema = T::AVSC.parse().expect("the schema is sound");
    let datum = serde_avro_fast::to_datum_vec(value, &mut serde_avro_fast::ser::SerializerConfig::new(&fast))
        .unwrap_or_else(|error| panic!("{}: {error}", T::FULL_NAME));
    let read: T = serde_avro_fast::from_datum_slice(&datum, &fast).expect("what was written can be read");
    assert_eq!(&read, value);

    let schema = apache_avro::Schema::parse_str(T::AVSC).expect("the schema is sound");
    assert_eq!(schema.name().expect("it is a record").to_string(), T::FULL_NAME);
    let mut rest = datum.as_slice();
    let reader = GenericDatumReader::builder(&schema).build().expect("the schema is sound");
    let value_of_avro = reader.read_value(&mut rest).expect("apache-avro reads what serde_avro_fast wrote");
    assert!(rest.is_empty(), "{}: {} bytes are left over", T::FULL_NAME, rest.len());
    assert_eq!(json(&value_of_avro), serde_json::to_string(value).expect("the value is JSON"));
}

fn uuid(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn full_event() -> CaseEvent {
    CaseEvent {
        event_id: uuid(1),
        corr_id: uuid(2),
        publisher: "samt".to_owned(),
        county: some("sari"),
        service_code: "samt_guild_licence".to_owned(),
        national_service_id: some("13021194101"),
        case_no: some("۱۴۰۱/تک/۰۰۴۱"),
        status_from: some("submitted"),
        status_to: "issued".to_owned(),
        transition: Some(Transition::Skip),
        occurred_at: Millis(-1),
        utc_offset_minutes: 210,
        precision: Precision::Second,
        deadline_at: Some(Millis(i64::MAX)),
        letter_no: some("۳۱/۵۱۲/م"),
        letter_date: Some(Date(-3)),
        correction_of: Some(uuid(3)),
        view: View::Coarse,
        identity: Some(Identity {
            subject_ref: Some(SubjectRef([7; 32])),
            idv_tracking_code: some("60014317002915"),
            idv_status: Some(IdvStatus::Revoked),
            idv_level: Some(2),
            relying_agency: some("bank_facilities"),
            purpose: some("loan"),
            idv_expires_at: Some(Millis(4)),
        }),
        number: Some(Number { national_id: some("9901001171"), legal_id: some("99000000017") }),
        person: Some(Person {
            full_name: some("نام"),
            company_name: some("شرکت"),
            capacity: Some(PersonCapacity::Attorney),
        }),
        contact: Some(Contact { mobile_masked: some("0911***1234"), notify_channel: some("sms") }),
        parcel: Some(Parcel {
            plate_main: some("12"),
            plate_sub: some("345"),
            plate_section: some("4"),
            plate_district: some("کجور"),
            registry_unique_id: some("1"),
            renovation_code: some("1-3-231-14-0-0-0"),
            postal_code: some("4656113184"),
            utm_zone: Some(39),
            utm_e: Some(547_386.72),
            utm_n: Some(4_021_013.41),
            area_m2: Some(640.0),
            village: some("کندلوس"),
            village_code: some("2"),
        }),
        decision: Some(Decision {
            decision: some("settled"),
            decision_no: some("1401-512"),
            decision_date: Some(Date(19_384)),
            conditions: Some(vec!["a".to_owned(), "b".to_owned()]),
            valid_until: Some(Date(20_000)),
        }),
        money: Some(Money {
            amount_rial: Some(418_600_000),
            payment_id: some("3100140100000512"),
            due_date: Some(Date(1)),
            paid_at: Some(Date(2)),
            receipt_no: some("3"),
        }),
        violation: Some(Violation {
            violation_type: some("annex"),
            built_area_m2: Some(46.5),
            ruling_kind: Some(RulingKind::None),
            stage: some("first"),
        }),
        business: Some(Business {
            activity_code: some("1030"),
            capacity: some("20 t"),
            licence_no: some("4"),
            employees_band: some("10"),
        }),
        resolution: Some(Resolution {
            subject: some("s"),
            owner: some("o"),
            progress_percent: Some(60),
            session_no: some("5"),
            deadline: Some(Date(6)),
        }),
        attachments: Some(Attachments {
            attachments: Some(vec![Attachment {
                sha256: "0".repeat(64),
                kind: "certificate".to_owned(),
                fetch_ref: "https://example.org/1".to_owned(),
            }]),
        }),
    }
}

#[test]
fn a_case_event_agrees_with_its_schema_in_full_and_with_nothing_but_the_necessary() {
    let full = full_event();
    check(&full);
    check(&CaseEvent {
        county: None,
        national_service_id: None,
        case_no: None,
        status_from: None,
        transition: None,
        deadline_at: None,
        letter_no: None,
        letter_date: None,
        correction_of: None,
        identity: None,
        number: None,
        person: None,
        contact: None,
        parcel: None,
        decision: None,
        money: None,
        violation: None,
        business: None,
        resolution: None,
        attachments: None,
        ..full.clone()
    });
    check(&CaseEvent {
        identity: Some(Identity::default()),
        number: Some(Number::default()),
        person: Some(Person::default()),
        contact: Some(Contact::default()),
        parcel: Some(Parcel::default()),
        decision: Some(Decision::default()),
        money: Some(Money::default()),
        violation: Some(Violation::default()),
        business: Some(Business::default()),
        resolution: Some(Resolution::default()),
        attachments: Some(Attachments::default()),
        ..full
    });
}

#[test]
fn a_quarantined_row_agrees_with_its_schema() {
    let full = QuarantinedRow {
        agency: "samt".to_owned(),
        source: "main".to_owned(),
        file: "04.csv".to_owned(),
        row: 3,
        case_key: "k".to_owned(),
        row_identity: "i".to_owned(),
        state: QuarantineState::Faulty,
        problems: vec![Problem {
            reason: "unknown_status".to_owned(),
            column: some("وضعیت"),
            value: some("؟"),
            message_en: "e".to_owned(),
            message_fa: "ف".to_owned(),
        }],
        columns: BTreeMap::from([("a".to_owned(), "1".to_owned()), ("ب".to_owned(), String::new())]),
        occurred_at: Some(Millis(5)),
        since: Millis(6),
        decision: Some(OperatorDecision {
            action: "fix".to_owned(),
            changes: BTreeMap::from([("a".to_owned(), "2".to_owned())]),
            settled: true,
            asked_by: "o".to_owned(),
            reason: some("r"),
            command_id: uuid(7),
            decided_at: Millis(7),
        }),
    };
    check(&full);
    let decision = full.decision.clone().map(|decision| OperatorDecision { reason: None, ..decision });
    check(&QuarantinedRow { decision, ..full.clone() });
    let problem = Problem { column: None, value: None, ..full.problems[0].clone() };
    check(&QuarantinedRow {
        problems: vec![problem],
        columns: BTreeMap::new(),
        occurred_at: None,
        decision: None,
        ..full
    });
}

#[test]
fn a_dead_letter_agrees_with_its_schema() {
    let full = DeadLetter {
        reason: "undecodable_datum".to_owned(),
        detail: "d".to_owned(),
        topic: "t".to_owned(),
        partition: 1,
        offset: i64::MAX,
        timestamp: Millis(7),
        key: Some(Bytes(vec![0, 255])),
        value: Some(Bytes(Vec::new())),
        value_bytes: 0,
        headers: vec![
            HeaderEntry { name: "h".to_owned(), value: Some(Bytes(vec![1])) },
            HeaderEntry { name: "h".to_owned(), value: None },
        ],
    };
    check(&full);
    check(&DeadLetter { key: None, value: None, headers: Vec::new(), ..full });
}

#[test]
fn the_records_of_policy_and_watch_agree_with_their_schemas() {
    check(&PolicyRecord {
        version: 4,
        kind: PolicyRecordKind::Manifest,
        path: "permits/samt.toml".to_owned(),
        text: "x".to_owned(),
        applied_at: Millis(8),
        applied_by: "o".to_owned(),
    });
    check(&PolicyApplied {
        router: "r".to_owned(),
        slot: 1,
        version: 4,
        topic: "t".to_owned(),
        partition: 2,
        from_offset: 3,
        at: Millis(9),
    });
    check(&WatchEntry {
        subscriber: "bank_facilities".to_owned(),
        kind: WatchKind::Parcel,
        key: "0".repeat(32),
        handle: "h".to_owned(),
        since: Millis(10),
    });
}

#[test]
fn the_records_of_connectors_and_operators_agree_with_their_schemas() {
    let command = Command {
        command_id: uuid(4),
        target: "samt".to_owned(),
        action: "pause".to_owned(),
        arguments: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        asked_by: "o".to_owned(),
        reason: some("r"),
        asked_at: Millis(11),
    };
    check(&command);
    check(&Command { reason: None, ..command });
    let position = SourcePosition {
        agency: "samt".to_owned(),
        source: "main".to_owned(),
        last_sequence: 65,
        files: vec![FilePosition {
            file: "f".to_owned(),
            sha256: "0".repeat(64),
            config_sha256: "1".repeat(64),
            rows: 1,
            published: 2,
            unchanged: 3,
            quarantined: 4,
            waiting: 5,
            read_at: Millis(12),
        }],
        at: Millis(13),
        commands: Some(CommandsPosition {
            next_offset: 7,
            done: vec![CommandDone { command_id: uuid(8), rows: 1, published: 2, left: 3, done_at: Millis(13) }],
        }),
    };
    check(&position);
    check(&SourcePosition { commands: None, ..position });
    let case = CaseState {
        case_key: "k".to_owned(),
        service_code: "s".to_owned(),
        corr_id: uuid(5),
        last_status: "issued".to_owned(),
        last_occurred_at: Millis(14),
        rows: vec![PublishedRow { row_identity: "i".to_owned(), content_hash: i64::MIN, event_id: uuid(6) }],
        parked_since: Some(Millis(15)),
        parked_reason: some("unknown_status"),
        row_times: Some(vec![Millis(14)]),
        former_contents: Some(vec![FormerContent { row: 0, content_hash: i64::MAX }]),
    };
    check(&case);
    check(&CaseState { parked_since: None, parked_reason: None, row_times: None, former_contents: None, ..case });
    check(&Heartbeat {
        process: "p".to_owned(),
        role: "router".to_owned(),
        version: "0.1.0".to_owned(),
        started_at: Millis(16),
        at: Millis(17),
        counters: BTreeMap::from([("events".to_owned(), 18)]),
    });
    check(&Notice { kind: "gap".to_owned(), subject: "s".to_owned(), message: "m".to_owned(), at: Millis(19) });
}

/// The variants of an enum, as serde tells them when it meets an unknown one.
fn variants<T: DeserializeOwned + Debug>() -> Vec<String> {
    let error = serde_json::from_str::<T>("\"?\"").expect_err("there is no such variant").to_string();
    let known = error.split_once("expected ").expect("serde tells what it expected").1;
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_enum_has_the_symbols_of_its_schema_in_the_same_order() {
    let types = BTreeMap::from([
        ("Transition", variants::<Transition>()),
        ("Precision", variants::<Precision>()),
        ("View", variants::<View>()),
        ("IdvStatus", variants::<IdvStatus>()),
        ("PersonCapacity", variants::<PersonCapacity>()),
        ("RulingKind", variants::<RulingKind>()),
        ("QuarantineState", variants::<QuarantineState>()),
        ("PolicyRecordKind", variants::<PolicyRecordKind>()),
        ("WatchKind", variants::<WatchKind>()),
    ]);
    let mut met = BTreeSet::new();
    for (name, avsc) in records::all() {
        let schema: serde_json::Value = serde_json::from_str(avsc).expect("the schema is JSON");
        let mut open = vec![&schema];
        while let Some(part) = open.pop() {
            if part["type"] == "enum" {
                let enum_name = part["name"].as_str().expect("an enum has a name");
                let symbols: Vec<String> =
                    serde_json::from_value(part["symbols"].clone()).expect("an enum has symbols");
                assert_eq!(types.get(enum_name), Some(&symbols), "{name}: {enum_name}");
                met.insert(enum_name.to_owned());
            }
            match part {
                serde_json::Value::Array(items) => open.extend(items),
                serde_json::Value::Object(entries) => open.extend(entries.values()),
                _ => {}
            }
        }
    }
    assert_eq!(met, types.keys().map(ToString::to_string).collect());
}

#[test]
fn the_groups_of_the_event_stand_in_the_schema_in_their_order_at_the_end() {
    let schema: serde_json::Value = serde_json::from_str(CaseEvent::AVSC).expect("the schema is JSON");
    let fields = schema["fields"].as_array().expect("it is a record");
    let names: Vec<_> = fields.iter().map(|field| field["name"].as_str().expect("a field has a name")).collect();
    let groups = barid_schemas::Group::ALL.map(barid_schemas::Group::field_name);
    assert!(names.ends_with(&groups), "{names:?}");
    assert_eq!(groups.len(), fields.iter().filter(|field| field["type"][1]["type"] == "record").count());
}
