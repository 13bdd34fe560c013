//! What becomes of one event: its copies, a dead letter, or another try later.
//!
//! `record → framing → walk → checks → decisions → copies`. Everything here is computed from the record, the rules in force
//! and the schema; nothing is sent before every copy of the event is built and known to fit, so that an event is either
//! routed whole or dead-lettered whole.
//!
//! Key and headers of a copy are made anew from the walked payload. Nothing of the event's own key and headers is carried
//! over but a `traceparent` that parses: what a publisher adds there could tell what a view withholds.

use std::ops::Range;

use barid_codec::{RegistryError, Spans, Walk, framing, view};
use barid_event::header::{self, CloudEvent};
use barid_event::topics::Topics;
use barid_event::watch::{self, WatchKey};
use barid_kafka::{Outgoing, RecordRef};
use barid_policy::{Decision, EventFacts};
use barid_schemas::case_event::{RESTRICTION, View};
use barid_schemas::{Catalogue, Millis};
use uuid::Uuid;

use crate::reason::Reason;
use crate::rules::Rules;
use crate::walks::{Unread, Walks};

/// A failure with the place in the record where it lies; never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Failure {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Why a record cannot be decided now, though perhaps later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The registry does not know the schema id.
    UnknownSchema(u32),
    /// The registry gives the schema id to another record than the one that was written with it.
    ReassignedSchema(u32),
    /// The registry does not answer.
    RegistryAway(String),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The copies stand in the [`Copies`] that the caller gave.
    Copies,
    /// It can never be routed.
    DeadLetter(Failure),
    /// It cannot be routed now.
    Hold(Hold),
}

/// The copies of one event; reused from event to event.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    values: Vec<u8>,
    copies: Vec<CopyParts>,
}

#[derive(Debug)]
struct CopyParts {
    topic: String,
    value: Range<usize>,
    headers: header::Headers,
}

/// One finished copy.
#[derive(Debug)]
pub(crate) struct Copy<'c> {
    topic: &'c str,
    value: &'c [u8],
    headers: &'c header::Headers,
}

impl Copy<'_> {
    pub(crate) fn borrowed_headers(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect()
    }

    /// The copy as a record; `headers` are its [`Copy::borrowed_headers`].
    pub(crate) fn outgoing<'o>(&'o self, key: &'o str, headers: &'o [(&'o str, &'o [u8])]) -> Outgoing<'o> {
        Outgoing {
            topic: self.topic,
            key: Some(key.as_bytes()),
            value: Some(self.value),
            headers,
            ..Outgoing::default()
        }
    }
}

impl Copies {
    fn clear(&mut self) {
        self.values.clear();
        self.copies.clear();
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Copy<'_>> {
        self.copies.iter().map(|parts| Copy {
            topic: &parts.topic,
            value: &self.values[parts.value.clone()],
            headers: &parts.headers,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.copies.len()
    }
}

/// Decides about records, one at a time.
pub(crate) struct Routing {
    topics: Topics,
    walks: Walks,
    registry_url: String,
    /// The largest record that the brokers take, bytes.
    max_record_bytes: usize,
}

impl Routing {
    pub(crate) fn new(topics: Topics, walks: Walks, registry_url: &str, max_record_bytes: usize) -> Self {
        Self { topics, walks, registry_url: registry_url.to_owned(), max_record_bytes }
    }

    /// Decides about `record`; its copies carry `traceparent`, and the key of all its copies is written to `key`.
    pub(crate) fn route(
        &mut self,
        rules: &Rules,
        record: &RecordRef<'_>,
        traceparent: Option<&str>,
        key: &mut String,
        copies: &mut Copies,
    ) -> Fate {
        copies.clear();
        match self.try_route(rules, record, traceparent, key, copies) {
            Ok(()) => Fate::Copies,
            Err(fate) => {
                copies.clear();
                fate
            }
        }
    }

    fn try_route(
        &mut self,
        rules: &Rules,
        record: &RecordRef<'_>,
        traceparent: Option<&str>,
        key: &mut String,
        copies: &mut Copies,
    ) -> Result<(), Fate> {
        let dead = |reason, detail: String| Fate::DeadLetter(Failure::new(reason, detail));
        let value = record.value.ok_or_else(|| dead(Reason::NoValue, String::new()))?;
        let (schema_id, datum) =
            framing::unframe(value).map_err(|error| dead(Reason::BadFraming, error.to_string()))?;
        let (walk, spans) = self.walks.read(schema_id, datum).map_err(|unread| unread_fate(unread, schema_id))?;
        let publisher = self.topics.agency_of(record.topic).unwrap_or_default();
        let ids = check_envelope(&rules.policy().catalogue, publisher, &spans).map_err(Fate::DeadLetter)?;
        // Permits are valid at the time of the record: without one none would be, and the event would vanish unseen.
        if record.timestamp_ms < 0 {
            return Err(dead(Reason::NoTimestamp, String::new()));
        }
        let watch_keys = watch_keys(record).map_err(Fate::DeadLetter)?;
        let facts = facts(&spans, &watch_keys, record.timestamp_ms);
        let watch = rules.watch();
        let mut decisions = Vec::new();
        rules.index().decide(&watch, &facts, &mut decisions);

        key.clear();
        key.push_str(spans.corr_id);
        for decision in &decisions {
            let start = copies.values.len();
            let shown =
                write_view(&rules.policy().catalogue, &walk, &spans, value, datum, decision, &mut copies.values)
                    .map_err(Fate::DeadLetter)?;
            let headers = self.headers(&spans, ids, schema_id, &shown, decision, traceparent);
            let parts = CopyParts {
                topic: self.topics.inbox(&decision.permit.subscriber),
                value: start..copies.values.len(),
                headers,
            };
            copies.copies.push(parts);
        }
        self.check_sizes(key, copies).map_err(Fate::DeadLetter)
    }

    fn headers(
        &self,
        spans: &Spans<'_>,
        ids: Ids,
        schema_id: u32,
        shown: &Shown<'_>,
        decision: &Decision<'_>,
        traceparent: Option<&str>,
    ) -> header::Headers {
        let dataschema = header::dataschema(&self.registry_url, schema_id);
        let mut headers = header::cloud_event_headers(&CloudEvent {
            id: ids.event_id,
            publisher: spans.publisher,
            service_code: shown.service_code,
            status_to: shown.status_to,
            corr_id: ids.corr_id,
            occurred_at: spans.occurred_at,
            dataschema: &dataschema,
        });
        if let Some(traceparent) = traceparent {
            headers.push((header::TRACEPARENT, traceparent.as_bytes().to_vec()));
        }
        headers.push((header::PERMIT, decision.permit.number.as_bytes().to_vec()));
        for handle in &decision.handles {
            headers.push((header::MATCH, handle.as_bytes().to_vec()));
        }
        headers
    }

    fn check_sizes(&self, key: &str, copies: &Copies) -> Result<(), Failure> {
        for copy in copies.iter() {
            let headers = copy.borrowed_headers();
            let bytes = copy.outgoing(key, &headers).batch_bytes();
            if bytes > self.max_record_bytes {
                let detail = format!("a copy of {bytes} bytes, at most {} go", self.max_record_bytes);
                return Err(Failure::new(Reason::CopyTooLarge, detail));
            }
        }
        Ok(())
    }
}

fn unread_fate(unread: Unread, schema_id: u32) -> Fate {
    match unread {
        Unread::Registry(RegistryError::UnknownId(id)) => Fate::Hold(Hold::UnknownSchema(id)),
        Unread::Registry(error) => Fate::Hold(Hold::RegistryAway(error.to_string())),
        Unread::Reassigned => Fate::Hold(Hold::ReassignedSchema(schema_id)),
        Unread::Foreign(detail) => {
            Fate::DeadLetter(Failure::new(Reason::ForeignSchema, format!("schema {schema_id}: {detail}")))
        }
        Unread::Datum(error) => Fate::DeadLetter(Failure::new(Reason::UndecodableDatum, error.to_string())),
    }
}

/// The ids of an event, proved to be UUIDs.
#[derive(Debug, Clone, Copy)]
struct Ids {
    event_id: Uuid,
    corr_id: Uuid,
}

/// What a copy shows of service and status.
struct Shown<'s> {
    service_code: &'s str,
    status_to: &'s str,
}

fn check_envelope(catalogue: &Catalogue, publisher: &str, spans: &Spans<'_>) -> Result<Ids, Failure> {
    let ids = Ids { event_id: id(spans.event_id, "event_id")?, corr_id: id(spans.corr_id, "corr_id")? };
    let check = |holds: bool, reason, field: &str| if holds { Ok(()) } else { Err(Failure::new(reason, field)) };
    check(spans.view == View::Exact, Reason::NotExact, "view")?;
    check(spans.publisher == publisher, Reason::PublisherMismatch, "publisher")?;
    let service = catalogue.services.get(spans.service_code);
    let service = service.ok_or_else(|| Failure::new(Reason::UnknownService, "service_code"))?;
    check(service.may_be_published_by(publisher), Reason::NotTheOwner, "service_code")?;
    let has = |status: &str| service.edges.iter().any(|edge| edge.from == status || edge.to == status);
    check(has(spans.status_to), Reason::UnknownStatus, "status_to")?;
    check(spans.status_from.is_none_or(has), Reason::UnknownStatus, "status_from")?;
    let county_known = spans.county.is_none_or(|county| catalogue.counties.contains_key(county));
    check(county_known, Reason::UnknownCounty, "county")?;
    Ok(ids)
}

/// A UUID in its one spelling: key, header and payload of a copy say the same, byte for byte.
fn id(text: &str, field: &str) -> Result<Uuid, Failure> {
    let parsed = Uuid::try_parse(text).ok();
    let spelled = |uuid: &Uuid| *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text;
    parsed.filter(spelled).ok_or_else(|| Failure::new(Reason::BadId, field))
}

fn facts<'f>(spans: &Spans<'f>, watch_keys: &'f [WatchKey], timestamp_ms: i64) -> EventFacts<'f> {
    EventFacts {
        publisher: spans.publisher,
        service: spans.service_code,
        status_from: spans.status_from,
        status: spans.status_to,
        county: spans.county,
        event_id: spans.event_id,
        corr_id: spans.corr_id,
        occurred_at: spans.occurred_at,
        relying_agency: spans.relying_agency,
        watch_keys,
        at: Millis(timestamp_ms),
    }
}

/// Appends the framed view to `out`; `value` is the whole original value, `datum` the part behind its framing.
fn write_view<'s>(
    catalogue: &Catalogue,
    walk: &Walk,
    spans: &Spans<'s>,
    value: &[u8],
    datum: &[u8],
    decision: &Decision<'_>,
    out: &mut Vec<u8>,
) -> Result<Shown<'s>, Failure> {
    let permit = decision.permit;
    if permit.view == View::Exact {
        if view::is_whole(spans, permit.groups) {
            out.extend_from_slice(value);
        } else {
            out.extend_from_slice(&value[..value.len() - datum.len()]);
            view::exact(walk, spans, datum, permit.groups, out);
        }
        return Ok(Shown { service_code: spans.service_code, status_to: spans.status_to });
    }
    let phase = |status: &str, field: &str| {
        catalogue
            .phase(status)
            .map(barid_schemas::catalogue::Phase::code)
            .ok_or_else(|| Failure::new(Reason::UnknownStatus, field))
    };
    let phase_to = phase(spans.status_to, "status_to")?;
    let phase_from = spans.status_from.map(|status| phase(status, "status_from")).transpose()?;
    out.extend_from_slice(&value[..value.len() - datum.len()]);
    view::coarse(walk, spans, datum, permit.groups, phase_from, phase_to, out);
    Ok(Shown { service_code: RESTRICTION, status_to: phase_to })
}

/// A list that cannot be read is a failure: taken for empty, it would keep a match from a subscriber who waits for it.
fn watch_keys(record: &RecordRef<'_>) -> Result<Vec<WatchKey>, Failure> {
    let Some(list) = record.header(header::WATCH) else { return Ok(Vec::new()) };
    watch::decode_list(list).map_err(|error| Failure::new(Reason::BadWatchKeys, error.to_string()))
}
