//! One matter, event by event.

use std::collections::{BTreeMap, BTreeSet};

use barid_event::header;
use barid_kafka::RecordRef;
use barid_schemas::CaseEvent;
use barid_schemas::records::DeadLetter;
use serde::Serialize;
use uuid::Uuid;

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RecordPlace {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970 (UTC).
    pub timestamp: i64,
}

impl RecordPlace {
    pub(crate) fn of(record: &RecordRef<'_>) -> Self {
        Self {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
        }
    }
}

/// An event with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventEntry {
    pub place: RecordPlace,
    pub event: CaseEvent,
    /// The value of the header of watch keys, for `explain`.
    #[serde(skip)]
    pub watch_header: Option<Vec<u8>>,
    pub traceparent: Option<String>,
    pub copies: Vec<CopyEntry>,
}

/// One copy of an event in an inbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CopyEntry {
    pub subscriber: String,
    pub permit: String,
    /// The subscriber's own handles for the watch keys that matched.
    pub handles: Vec<String>,
    pub place: RecordPlace,
    /// What the subscriber sees.
    pub view: CaseEvent,
}

/// An event that could not be routed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterEntry {
    pub place: RecordPlace,
    pub reason: String,
    pub detail: String,
    /// Where the original stands: `topic/partition/offset`.
    pub origin: String,
}

/// A matter by time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timeline {
    pub corr_ids: BTreeSet<Uuid>,
    /// By `occurred_at`, then by publisher and place.
    pub events: Vec<EventEntry>,
    pub dead_letters: Vec<DeadLetterEntry>,
}

impl CopyEntry {
    pub(crate) fn of(subscriber: &str, record: &RecordRef<'_>, view: CaseEvent) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Self {
            subscriber: subscriber.to_owned(),
            permit: record.header(header::PERMIT).map(text).unwrap_or_default(),
            handles: record
                .headers()
                .filter(|(name, _)| *name == header::MATCH)
                .map(|(_, value)| text(value))
                .collect(),
            place: RecordPlace::of(record),
            view,
        }
    }
}

impl EventEntry {
    pub(crate) fn of(record: &RecordRef<'_>, event: CaseEvent) -> Self {
        Self {
            place: RecordPlace::of(record),
            event,
            watch_header: record.header(header::WATCH).map(<[u8]>::to_vec),
            traceparent: record.header(header::TRACEPARENT).map(|value| String::from_utf8_lossy(value).into_owned()),
            copies: Vec::new(),
        }
    }
}

impl DeadLetterEntry {
    pub(crate) fn of(record: &RecordRef<'_>, letter: DeadLetter) -> Self {
        Self {
            place: RecordPlace::of(record),
            origin: format!("{}/{}/{}", letter.topic, letter.partition, letter.offset),
            reason: letter.reason,
            detail: letter.detail,
        }
    }
}

impl Timeline {
    /// Puts events and copies together and everything in order.
    pub(crate) fn assemble(
        corr_ids: BTreeSet<Uuid>,
        mut events: Vec<EventEntry>,
        copies: Vec<CopyEntry>,
        dead_letters: Vec<DeadLetterEntry>,
    ) -> Self {
        let mut by_event: BTreeMap<Uuid, Vec<CopyEntry>> = BTreeMap::new();
        for copy in copies {
            by_event.entry(copy.view.event_id).or_default().push(copy);
        }
        for entry in &mut events {
            entry.copies = by_event.remove(&entry.event.event_id).unwrap_or_default();
            entry.copies.sort_by(|one, other| one.subscriber.cmp(&other.subscriber));
        }
        events.sort_by(|one, other| {
            let order =
                |entry: &EventEntry| (entry.event.occurred_at, entry.event.publisher.clone(), entry.place.clone());
            order(one).cmp(&order(other))
        });
        Self { corr_ids, events, dead_letters }
    }
}
