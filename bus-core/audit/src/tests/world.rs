//! A small bus in memory: events, and what an honest router makes of them with its own index, walk and views.

use std::collections::BTreeMap;
use std::sync::Arc;

use barid_codec::{RecordCodec, RegistryError, Schemas, Walk, framing, view};
use barid_event::header::{self, CloudEvent};
use barid_event::topics::Topics;
use barid_event::watch::{self, WatchKey, WatchKind};
use barid_kafka::Record;
use barid_policy::{EventFacts, Index, PolicyFile, WatchTable, load};
use barid_schemas::case_event::{
    AVSC, CaseEvent, Decision, Identity, Money, Number, Parcel, Precision, RESTRICTION, View,
};
use barid_schemas::records::{
    Bytes, CaseState, Command, DeadLetter, HeaderEntry, PolicyApplied, PublishedRow, QuarantinedRow, SourcePosition,
    WatchEntry,
};
use barid_schemas::{Catalogue, Date, Millis};
use uuid::Uuid;

use crate::Scope;
use crate::auditor::{Auditor, Given, Marks, Standing, place};
use crate::findings::Report;
use crate::murmur::partition_of;
use crate::rows::Rows;
use crate::rulebook::Rulebook;
use crate::watching::WatchHistory;

pub(super) const PUBLISHER: &str = "art100_commission";
const SERVICE: &str = "municipal_building_permit";
pub(super) const SCHEMA: u32 = 7;
/// Twelve minutes before the 15th of November 2023 begins in Iran.
pub(super) const BEGAN: i64 = 1_699_993_080_000;
/// Between two events.
pub(super) const STEP: i64 = 60_000;

/// Who hears what of a building permit: `tax` nearly everything, `samt` the decision of those in Sari, `utilities` a coarse
/// view, `bank_facilities` on a watched parcel, `notary` if it is addressed; `environment` until 2023-11-14.
pub(super) const PERMITS: &str = r#"
[[permit]]
number = "T-1"
subscriber = "tax"
valid_from = 2022-03-21
valid_until = 2032-03-19
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["identity", "number", "parcel", "decision", "money"]
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

[[permit]]
number = "T-6"
subscriber = "environment"
valid_from = 2022-03-21
valid_until = 2023-11-14
[[permit.grant]]
service = "municipal_building_permit"
statuses = ["issued"]
groups = ["decision"]
view = "exact"
"#;

const SUBSCRIPTIONS: &str = r#"
[[subscription]]
subscriber = "samt"
name = "sari"
counties = ["sari"]
filters = [{ not = { suffix = { type = ".expired" } } }]
"#;

/// A registry with one schema.
struct OneSchema;

impl Schemas for OneSchema {
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        if id == SCHEMA { Ok(AVSC.into()) } else { Err(RegistryError::UnknownId(id)) }
    }
}

pub(super) fn schemas() -> Arc<dyn Schemas> {
    Arc::new(OneSchema)
}

/// All topics, and what was done to them.
pub(super) struct World {
    pub(super) topics: Topics,
    pub(super) events: Vec<Record>,
    pub(super) copies: Vec<Record>,
    pub(super) letters: Vec<(Record, DeadLetter)>,
    pub(super) cases: Vec<CaseState>,
    pub(super) applied: Vec<(i64, i64)>,
    pub(super) position: SourcePosition,
    pub(super) quarantine: Vec<QuarantinedRow>,
    pub(super) command: Option<Command>,
    /// When, under which key, with which handle.
    pub(super) watched: Vec<(i64, WatchKey, Option<&'static str>)>,
    pub(super) scope: Scope,
    /// First offsets that are there, by topic and partition.
    pub(super) low: BTreeMap<(String, i32), i64>,
    /// Where the routers stand in each partition; `None`: at its end.
    pub(super) routed: Option<i64>,
    pub(super) now_ms: i64,
}

/// The parcel that the bank watches.
pub(super) fn parcel() -> WatchKey {
    WatchKey { kind: WatchKind::Parcel, hash: [3; 16] }
}

pub(super) fn event(number: u128) -> CaseEvent {
    let text = |text: &str| Some(text.to_owned());
    CaseEvent {
        event_id: Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0000 + number),
        corr_id: Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_aa00 + number % 6),
        publisher: PUBLISHER.to_owned(),
        county: if number.is_multiple_of(2) { text("sari") } else { text("nowshahr") },
        service_code: SERVICE.to_owned(),
        national_service_id: text("13091234567"),
        case_no: Some(format!("case-{}", number % 6)),
        status_from: text("fee_paid"),
        status_to: if number == 11 { "expired" } else { "issued" }.to_owned(),
        transition: None,
        occurred_at: Millis(1_699_999_000_123),
        utc_offset_minutes: 210,
        precision: Precision::Day,
        deadline_at: None,
        letter_no: text("letter-9001"),
        letter_date: Some(Date(19_000)),
        correction_of: None,
        view: View::Exact,
        identity: Some(Identity {
            relying_agency: text(if number.is_multiple_of(3) { "notary" } else { "tax" }),
            ..Identity::default()
        }),
        number: Some(Number { national_id: text("0012345678"), legal_id: None }),
        person: None,
        contact: None,
        parcel: Some(Parcel { plate_main: text("12"), area_m2: Some(240.5), ..Parcel::default() }),
        decision: Some(Decision {
            decision: text("built as drawn"),
            decision_no: text("5"),
            decision_date: Some(Date(19_001)),
            conditions: Some(vec!["a wall".to_owned()]),
            valid_until: None,
        }),
        money: Some(Money { amount_rial: Some(5_000_000), ..Money::default() }),
        violation: None,
        business: None,
        resolution: None,
        attachments: None,
    }
}

/// How many events there are; the last but one can never be routed.
pub(super) const EVENTS: u128 = 24;

impl World {
    /// Everything is as it must be.
    pub(super) fn honest() -> Self {
        let mut world = Self {
            topics: Topics::default(),
            events: Vec::new(),
            copies: Vec::new(),
            letters: Vec::new(),
            cases: Vec::new(),
            applied: vec![(0, 1)],
            position: serde_json::from_value(serde_json::json!({
                "agency": PUBLISHER,
                "source": "main",
                "last_sequence": EVENTS as i64,
                "files": [{
                    "file": "export.csv",
                    "sha256": "",
                    "config_sha256": "",
                    "rows": EVENTS as i64,
                    "published": EVENTS as i64,
                    "unchanged": 0,
                    "quarantined": 0,
                    "waiting": 0,
                    "read_at": BEGAN,
                }],
                "at": BEGAN + 3,
            }))
            .unwrap(),
            quarantine: Vec::new(),
            command: None,
            watched: vec![(BEGAN - 100 * STEP, parcel(), Some("loan-17"))],
            scope: Scope { most_offenders: 5, ..Scope::default() },
            low: BTreeMap::new(),
            routed: None,
            now_ms: BEGAN + 1_000 * STEP,
        };
        let mut ends = [0_i64; 6];
        for number in 0..EVENTS {
            let mut event = event(number);
            if number == EVENTS - 2 {
                event.county = Some("atlantis".to_owned());
            }
            let key = event.corr_id.to_string().into_bytes();
            let partition = partition_of(&key, 6);
            // Markers of transactions stand between.
            let offset = ends[partition];
            ends[partition] += 2;
            let mut headers = vec![
                ("ce_sequence".to_owned(), (number + 1).to_string().into_bytes()),
                (
                    header::TRACEPARENT.to_owned(),
                    format!("00-0af7651916cd43dd8448eb211c8031{number:02x}-b7ad6b7169203331-01").into_bytes(),
                ),
            ];
            if number % 4 == 1 {
                headers.push((header::WATCH.to_owned(), watch::encode_list(&[parcel()])));
            }
            world.events.push(Record {
                topic: world.topics.events(PUBLISHER),
                partition: partition as i32,
                offset,
                key: Some(key),
                value: Some(RecordCodec::<CaseEvent>::new(SCHEMA).unwrap().to_vec(&event).unwrap()),
                timestamp_ms: BEGAN + number as i64 * STEP,
                headers,
            });
            world.cases.push(case_of(&event));
        }
        world.route();
        world
    }

    fn policy() -> barid_policy::Policy {
        let file = |path: &str, text: &str| PolicyFile { path: path.to_owned(), text: text.to_owned() };
        let files =
            [file(&format!("permits/{PUBLISHER}.toml"), PERMITS), file("subscriptions/samt.toml", SUBSCRIPTIONS)];
        load(&Catalogue::shared(), &files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// What the router does.
    fn route(&mut self) {
        let index = Index::build(Arc::new(Self::policy()));
        let mut table = WatchTable::new();
        table.apply(&watch_entry(parcel(), "loan-17")).unwrap();
        let walk = Walk::compile(AVSC).unwrap();
        let mut ends: BTreeMap<(String, i32), i64> = BTreeMap::new();
        for record in &self.events {
            let value = record.value.as_deref().unwrap();
            let (_, datum) = framing::unframe(value).unwrap();
            let spans = walk.run(datum).unwrap();
            if spans.county == Some("atlantis") {
                self.letters.push((Record::default(), dead_letter(record)));
                continue;
            }
            let keys = record.header(header::WATCH).map(|list| watch::decode_list(list).unwrap()).unwrap_or_default();
            let facts = EventFacts {
                publisher: spans.publisher,
                service: spans.service_code,
                status_from: spans.status_from,
                status: spans.status_to,
                county: spans.county,
                event_id: spans.event_id,
                corr_id: spans.corr_id,
                occurred_at: spans.occurred_at,
                relying_agency: spans.relying_agency,
                watch_keys: &keys,
                at: Millis(record.timestamp_ms),
            };
            let mut decisions = Vec::new();
            index.decide(&table, &facts, &mut decisions);
            for decision in decisions {
                let permit = decision.permit;
                let mut copy = value[..5].to_vec();
                let (service_code, status_to) = match permit.view {
                    View::Exact => {
                        view::exact(&walk, &spans, datum, permit.groups, &mut copy);
                        (spans.service_code, spans.status_to)
                    }
                    View::Coarse => {
                        let phase = |status: &str| index.policy().catalogue.phase(status).unwrap().code();
                        let (from, to) = (spans.status_from.map(phase), phase(spans.status_to));
                        view::coarse(&walk, &spans, datum, permit.groups, from, to, &mut copy);
                        (RESTRICTION, to)
                    }
                };
                let dataschema = header::dataschema("http://registry.test:8081", SCHEMA);
                let mut headers = header::cloud_event_headers(&CloudEvent {
                    id: spans.event_id.parse().unwrap(),
                    publisher: spans.publisher,
                    service_code,
                    status_to,
                    corr_id: spans.corr_id.parse().unwrap(),
                    occurred_at: spans.occurred_at,
                    dataschema: &dataschema,
                });
                headers.push((header::TRACEPARENT, record.header(header::TRACEPARENT).unwrap().to_vec()));
                headers.push((header::PERMIT, permit.number.clone().into_bytes()));
                headers.extend(decision.handles.iter().map(|handle| (header::MATCH, handle.as_bytes().to_vec())));
                let topic = self.topics.inbox(&permit.subscriber);
                let partition = partition_of(spans.corr_id.as_bytes(), 3) as i32;
                let end = ends.entry((topic.clone(), partition)).or_default();
                self.copies.push(Record {
                    topic,
                    partition,
                    offset: std::mem::replace(end, *end + 2),
                    key: Some(spans.corr_id.as_bytes().to_vec()),
                    value: Some(copy),
                    timestamp_ms: record.timestamp_ms + 20,
                    headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                });
            }
        }
    }

    /// The places of the copies in this agency's inbox, in their order.
    pub(super) fn copies_of(&self, subscriber: &str) -> Vec<usize> {
        let topic = self.topics.inbox(subscriber);
        (0..self.copies.len()).filter(|place| self.copies[*place].topic == topic).collect()
    }

    pub(super) fn audit(&self) -> Report {
        let mut rulebook = Rulebook::default();
        for (from_offset, version) in &self.applied {
            rulebook.add_version(*version, Self::policy());
            for partition in 0..6 {
                rulebook.add_applied(PolicyApplied {
                    router: "r".to_owned(),
                    slot: 0,
                    version: *version,
                    topic: self.topics.events(PUBLISHER),
                    partition,
                    from_offset: *from_offset,
                    at: Millis(BEGAN),
                });
            }
        }
        let mut watch = WatchHistory::new(self.now_ms);
        for (at_ms, key, handle) in &self.watched {
            watch.add("bank_facilities", *key, *at_ms, None, *handle);
        }
        let mut rows = Rows::default();
        rows.position("position", Some(self.position.clone()));
        for (number, row) in self.quarantine.iter().enumerate() {
            let place =
                place(&Record { topic: self.topics.quarantine(PUBLISHER), ..Record::default() }.as_record_ref());
            rows.quarantined(PUBLISHER, &number.to_string(), Some(row.clone()), place);
        }
        if let Some(command) = &self.command {
            rows.command(command, command.asked_at.0);
        }
        let standing = self.standing();
        let given = Given { rulebook, watch, rows };
        let mut auditor = Auditor::new(self.scope.clone(), self.topics.clone(), standing, given, Arc::new(OneSchema));
        let mut events = self.events.clone();
        events.sort_by_key(|record| (record.partition, record.offset));
        for event in &events {
            auditor.event(&event.as_record_ref()).unwrap();
        }
        for (record, letter) in &self.letters {
            let record = Record { topic: self.topics.deadletter(PUBLISHER), ..record.clone() };
            auditor.dead_letter(&record.as_record_ref(), Some(letter));
        }
        let mut copies = self.copies.clone();
        copies.sort_by(|one, other| {
            (&one.topic, one.partition, one.offset).cmp(&(&other.topic, other.partition, other.offset))
        });
        for copy in &copies {
            auditor.copy(&copy.as_record_ref()).unwrap();
        }
        for case in &self.cases {
            let record = Record { topic: self.topics.cases(PUBLISHER), ..Record::default() };
            auditor.case(&record.as_record_ref(), case);
        }
        if !auditor.suspected().is_empty() {
            for event in &events {
                auditor.second_look(&event.as_record_ref()).unwrap();
            }
        }
        auditor.finish()
    }

    fn standing(&self) -> Standing {
        let low = |topic: &str, partition: usize| self.low.get(&(topic.to_owned(), partition as i32)).copied();
        let marks = |records: &[Record], topic: &str, partition: usize| {
            let of = |record: &&Record| record.topic == topic && record.partition as usize == partition;
            let last = records.iter().filter(of).map(|record| record.offset).max();
            Marks { low: low(topic, partition).unwrap_or(0), high: last.map_or(0, |last| last + 2) }
        };
        let events = self.topics.events(PUBLISHER);
        let all = (0..6).map(|partition| marks(&self.events, &events, partition)).collect::<Vec<_>>();
        let routed = all
            .iter()
            .enumerate()
            .map(|(partition, marks)| ((events.clone(), partition as i32), self.routed.unwrap_or(marks.high)));
        let inboxes =
            ["tax", "samt", "utilities", "bank_facilities", "notary", "environment", "health"].map(|agency| {
                let topic = self.topics.inbox(agency);
                let all = (0..3).map(|partition| marks(&self.copies, &topic, partition)).collect();
                (topic, all)
            });
        let letters = self.topics.deadletter(PUBLISHER);
        Standing {
            routed: routed.collect(),
            letters: BTreeMap::from([(letters.clone(), vec![Marks { low: low(&letters, 0).unwrap_or(0), high: 9 }])]),
            events: BTreeMap::from([(events, all)]),
            inboxes: inboxes.into(),
        }
    }
}

fn watch_entry(key: WatchKey, handle: &str) -> WatchEntry {
    WatchEntry {
        subscriber: "bank_facilities".to_owned(),
        kind: key.kind,
        key: key.to_string().split_once(':').unwrap().1.to_owned(),
        handle: handle.to_owned(),
        since: Millis(0),
    }
}

fn dead_letter(record: &Record) -> DeadLetter {
    let header =
        |(name, value): &(String, Vec<u8>)| HeaderEntry { name: name.clone(), value: Some(Bytes(value.clone())) };
    DeadLetter {
        reason: "unknown_county".to_owned(),
        detail: "county".to_owned(),
        topic: record.topic.clone(),
        partition: record.partition,
        offset: record.offset,
        timestamp: Millis(record.timestamp_ms),
        key: record.key.clone().map(Bytes),
        value: record.value.clone().map(Bytes),
        value_bytes: record.value.as_ref().map_or(0, Vec::len) as i64,
        headers: record.headers.iter().map(header).collect(),
    }
}

/// The state of a case with this one event.
fn case_of(event: &CaseEvent) -> CaseState {
    serde_json::from_value(serde_json::json!({
        "case_key": event.case_no,
        "service_code": event.service_code,
        "corr_id": event.corr_id,
        "last_status": event.status_to,
        "last_occurred_at": 0,
        "rows": [PublishedRow { row_identity: "issued#1".to_owned(), content_hash: 1, event_id: event.event_id }],
    }))
    .unwrap()
}
