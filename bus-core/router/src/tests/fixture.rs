//! A slot on a bench: rules from small texts, schemas and notices in memory, and an event that has everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use barid_codec::{RecordCodec, RecordReader, RegistryError, Schemas};
use barid_event::topics::Topics;
use barid_event::watch::WatchKey;
use barid_kafka::{AssignedPartition, Begin, Outbox, Outgoing, Processor, Record, Verdict, WorkerEvent};
use barid_policy::{PolicyFile, WatchTable, load};
use barid_schemas::case_event::{
    AVSC, Attachment, Attachments, Business, CaseEvent, Contact, Decision, Identity, Money, Number, Parcel, Person,
    Precision, Resolution, View, Violation,
};
use barid_schemas::records::{DeadLetter, Notice, PolicyApplied, Schema, WatchEntry, WatchKind};
use barid_schemas::{Catalogue, Date, Millis};
use barid_telemetry::{Metrics, Readiness};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::MAX_RECORD_BYTES;
use crate::bulletin::{Board, Bulletin};
use crate::codecs::Codecs;
use crate::counters::Counters;
use crate::holds::Holds;
use crate::routing::Routing;
use crate::rules::{Rules, RulesInForce};
use crate::slot::{Slot, SlotMemory};
use crate::walks::Walks;

pub(super) const PUBLISHER: &str = "art100_commission";
pub(super) const SERVICE: &str = "municipal_building_permit";
pub(super) const EVENT_SCHEMA: u32 = 1;
pub(super) const REGISTRY: &str = "http://registry.test:8081";
/// Late in 2023, when all permits of [`PERMITS`] are valid.
pub(super) const RECORDED_AT: i64 = 1_700_000_000_000;

/// Who hears what of a building permit that was issued: `tax` everything that the event has, `samt` the decision, `utilities`
/// a coarse view, `bank_facilities` on a watched parcel, `notary` if the event addresses it.
pub(super) const PERMITS: &str = r#"
[[permit]]
number = "T-1"
subscriber = "tax"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["identity", "number", "parcel", "decision", "money", "business", "resolution", "attachments"]
view = "exact"

[[permit]]
number = "T-2"
subscriber = "samt"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["decision"]
view = "exact"

[[permit]]
number = "T-3"
subscriber = "utilities"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued", "expired"]
groups = ["parcel", "decision"]
view = "coarse"
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["rejected"]
groups = []
view = "exact"

[[permit]]
number = "T-4"
subscriber = "bank_facilities"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["decision"]
view = "exact"
requires = "watch:parcel"

[[permit]]
number = "T-5"
subscriber = "notary"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["identity"]
view = "exact"
requires = "addressee"
"#;

/// The registry in memory.
#[derive(Default)]
pub(super) struct MemorySchemas {
    known: Mutex<HashMap<u32, Arc<str>>>,
    /// What a client has kept since it asked.
    kept: Mutex<HashMap<u32, Arc<str>>>,
    away: Mutex<bool>,
}

impl MemorySchemas {
    pub(super) fn know(&self, id: u32, avsc: &str) {
        self.known.lock().unwrap().insert(id, avsc.into());
    }

    pub(super) fn lose_memory(&self) {
        self.known.lock().unwrap().clear();
    }

    pub(super) fn go_away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }
}

impl Schemas for MemorySchemas {
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        if let Some(kept) = self.kept.lock().unwrap().get(&id) {
            return Ok(Arc::clone(kept));
        }
        if *self.away.lock().unwrap() {
            return Err(RegistryError::Unavailable { url: REGISTRY.into(), reason: "no answer".into() });
        }
        let found = self.known.lock().unwrap().get(&id).cloned().ok_or(RegistryError::UnknownId(id))?;
        self.kept.lock().unwrap().insert(id, Arc::clone(&found));
        Ok(found)
    }

    fn forget(&self, id: u32) {
        self.kept.lock().unwrap().remove(&id);
    }
}

#[derive(Clone, Default)]
struct MemoryBoard(Arc<Mutex<Vec<Vec<u8>>>>);

impl Board for MemoryBoard {
    fn post(&self, record: &Outgoing<'_>) {
        self.0.lock().unwrap().push(record.value.unwrap().to_vec());
    }

    fn flush(&self, _limit: Duration) {}
}

/// One slot and everything around it.
pub(super) struct Bench {
    pub(super) slot: Slot,
    pub(super) schemas: Arc<MemorySchemas>,
    pub(super) readiness: Readiness,
    pub(super) rules: RulesInForce,
    pub(super) watch: Arc<RwLock<WatchTable>>,
    pub(super) holds: Holds,
    /// What the worker says that the slot has.
    pub(super) lanes: Vec<AssignedPartition>,
    board: MemoryBoard,
    out: Outbox,
}

impl Bench {
    /// A slot under version 1 of [`PERMITS`], in an open transaction.
    pub(super) fn new() -> Self {
        let mut bench = Self::without_policy(MAX_RECORD_BYTES);
        bench.put_in_force(1, PERMITS);
        bench.begin(false);
        bench
    }

    pub(super) fn with_permits(permits: &str) -> Self {
        let mut bench = Self::without_policy(MAX_RECORD_BYTES);
        bench.put_in_force(1, permits);
        bench.begin(false);
        bench
    }

    pub(super) fn without_policy(max_record_bytes: usize) -> Self {
        let schemas = Arc::new(MemorySchemas::default());
        schemas.know(EVENT_SCHEMA, AVSC);
        schemas.know(2, DeadLetter::AVSC);
        schemas.know(3, PolicyApplied::AVSC);
        schemas.know(4, Notice::AVSC);
        let codecs = Arc::new(Codecs {
            dead_letter: RecordCodec::new(2).unwrap(),
            policy_applied: RecordCodec::new(3).unwrap(),
            notice: RecordCodec::new(4).unwrap(),
            heartbeat: RecordCodec::new(5).unwrap(),
        });
        let metrics = Metrics::new("router");
        let counters = Arc::new(Counters::new(&metrics));
        let readiness = Readiness::default();
        let holds = Holds::new(readiness.clone(), counters.waiting_partitions.clone());
        let board = MemoryBoard::default();
        let bulletin =
            Bulletin::new(Box::new(board.clone()), Arc::clone(&codecs), Topics::default(), "main".to_owned());
        let rules = RulesInForce::default();
        let walks = Walks::new(Arc::clone(&schemas) as Arc<dyn Schemas>);
        let slot = Slot {
            router: "main".to_owned(),
            number: 0,
            topics: Topics::default(),
            routing: Routing::new(Topics::default(), walks, REGISTRY, max_record_bytes),
            rules: rules.clone(),
            codecs,
            bulletin: Arc::new(bulletin),
            readiness: readiness.clone(),
            counters,
            holds: holds.of_slot(),
            max_record_bytes,
            memory: SlotMemory::default(),
        };
        Self {
            slot,
            schemas,
            readiness,
            rules,
            watch: Arc::default(),
            holds,
            lanes: assigned(),
            board,
            out: Outbox::in_memory(),
        }
    }

    pub(super) fn put_in_force(&self, version: i64, permits: &str) {
        let file = PolicyFile { path: format!("permits/{PUBLISHER}.toml"), text: permits.to_owned() };
        let policy = load(&Catalogue::shared(), &[file]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        self.rules.set(Rules::new(version, policy, Arc::clone(&self.watch)));
    }

    pub(super) fn watch(&self, subscriber: &str, key: WatchKey, handle: &str) {
        let text = key.to_string();
        let entry = WatchEntry {
            subscriber: subscriber.to_owned(),
            kind: key.kind,
            key: text.split_once(':').unwrap().1.to_owned(),
            handle: handle.to_owned(),
            since: Millis(0),
        };
        self.watch.write().unwrap().apply(&entry).unwrap();
    }

    /// Begins a transaction and gives what it told.
    pub(super) fn begin(&mut self, first_after_assignment: bool) -> Vec<Record> {
        self.slot.begin(&Begin { assigned: &self.lanes, first_after_assignment }, &mut self.out);
        self.out.take_records()
    }

    pub(super) fn process(&mut self, record: &Record) -> (Verdict, Vec<Record>) {
        let verdict = self.slot.process(&record.as_record_ref(), &mut self.out);
        (verdict, self.out.take_records())
    }

    /// What is written for a record that is consumed.
    pub(super) fn route(&mut self, record: &Record) -> Vec<Record> {
        let (verdict, written) = self.process(record);
        assert_eq!(verdict, Verdict::Done);
        written
    }

    /// The one dead letter that is written for a record.
    pub(super) fn dead_letter(&mut self, record: &Record) -> (Record, DeadLetter) {
        let mut written = self.route(record);
        assert_eq!(written.len(), 1, "one dead letter and no copy");
        let letter = written.remove(0);
        let decoded = self.decode(&letter);
        (letter, decoded)
    }

    pub(super) fn commit(&mut self) {
        self.slot.event(&WorkerEvent::Committed { records: 1, sent: 1, took: Duration::from_millis(1) });
    }

    pub(super) fn abort(&mut self) {
        self.slot.event(&WorkerEvent::Aborted { reason: "a test asked for it".to_owned() });
    }

    pub(super) fn decode<T: Schema + DeserializeOwned>(&self, record: &Record) -> T {
        self.decode_value(record.value.as_ref().unwrap())
    }

    fn decode_value<T: Schema + DeserializeOwned>(&self, value: &[u8]) -> T {
        RecordReader::new(Arc::clone(&self.schemas) as Arc<dyn Schemas>).decode(value).unwrap()
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        self.board.0.lock().unwrap().iter().map(|value| self.decode_value(value)).collect()
    }
}

pub(super) fn assigned() -> Vec<AssignedPartition> {
    let lane = |partition, next_offset| AssignedPartition { topic: events_topic(), partition, next_offset };
    vec![lane(0, 7), lane(1, 40)]
}

pub(super) fn events_topic() -> String {
    Topics::default().events(PUBLISHER)
}

/// The copy in the inbox of this agency.
pub(super) fn copy_for<'r>(written: &'r [Record], agency: &str) -> &'r Record {
    let topic = Topics::default().inbox(agency);
    let mut copies = written.iter().filter(|record| record.topic == topic);
    let copy = copies.next().unwrap_or_else(|| panic!("`{agency}` has no copy"));
    assert!(copies.next().is_none(), "`{agency}` has two copies");
    copy
}

pub(super) fn receivers(written: &[Record]) -> Vec<&str> {
    written.iter().map(|record| record.topic.strip_prefix("barid.inbox.").unwrap()).collect()
}

pub(super) fn parcel_watch_key(byte: u8) -> WatchKey {
    WatchKey { kind: WatchKind::Parcel, hash: [byte; 16] }
}

/// The record of an event as a connector writes it.
pub(super) fn record(event: &CaseEvent) -> Record {
    let codec = RecordCodec::<CaseEvent>::new(EVENT_SCHEMA).unwrap();
    Record {
        topic: events_topic(),
        partition: 0,
        offset: 7,
        key: Some(event.corr_id.to_string().into_bytes()),
        value: Some(codec.to_vec(event).unwrap()),
        timestamp_ms: RECORDED_AT,
        headers: vec![
            ("ce_id".to_owned(), event.event_id.to_string().into_bytes()),
            ("ce_sequence".to_owned(), b"4711".to_vec()),
        ],
    }
}

/// A building permit that was issued, with every group that `tax` may receive.
pub(super) fn event() -> CaseEvent {
    CaseEvent { person: None, contact: None, violation: None, ..full_event() }
}

/// The same with every group.
pub(super) fn full_event() -> CaseEvent {
    let text = |text: &str| Some(text.to_owned());
    CaseEvent {
        event_id: Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001),
        corr_id: Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_00aa),
        publisher: PUBLISHER.to_owned(),
        county: text("sari"),
        service_code: SERVICE.to_owned(),
        national_service_id: text("13091234567"),
        case_no: text("case-1402-77"),
        status_from: text("fee_paid"),
        status_to: "issued".to_owned(),
        transition: None,
        occurred_at: Millis(1_699_999_000_000),
        utc_offset_minutes: 210,
        precision: Precision::Day,
        deadline_at: None,
        letter_no: text("letter-9001"),
        letter_date: Some(Date(19_000)),
        correction_of: None,
        view: View::Exact,
        identity: Some(Identity { relying_agency: text("notary"), purpose: text("purpose-x"), ..Identity::default() }),
        number: Some(Number { national_id: text("0012345678"), legal_id: None }),
        person: Some(Person { full_name: text("person-name"), ..Person::default() }),
        contact: Some(Contact { mobile_masked: text("0911***4567"), notify_channel: None }),
        parcel: Some(Parcel { plate_main: text("plate-main-12"), area_m2: Some(240.5), ..Parcel::default() }),
        decision: Some(Decision {
            decision: text("decision-text"),
            decision_no: text("decision-no-5"),
            decision_date: Some(Date(19_001)),
            conditions: Some(vec!["condition-one".to_owned()]),
            valid_until: Some(Date(20_000)),
        }),
        money: Some(Money { amount_rial: Some(5_000_000), receipt_no: text("receipt-31"), ..Money::default() }),
        violation: Some(Violation { violation_type: text("violation-kind"), ..Violation::default() }),
        business: Some(Business { activity_code: text("activity-8"), ..Business::default() }),
        resolution: Some(Resolution { subject: text("resolution-subject"), ..Resolution::default() }),
        attachments: Some(Attachments {
            attachments: Some(vec![Attachment {
                sha256: "ab".repeat(32),
                kind: "drawing".to_owned(),
                fetch_ref: "drawings/77".to_owned(),
            }]),
        }),
    }
}
