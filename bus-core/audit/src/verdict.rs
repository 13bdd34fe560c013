//! What must have become of one record of `events.*`: copies, or a dead letter and why.

use barid_event::WatchKey;
use barid_event::watch::WatchKind;
use barid_kafka::RecordRef;
use barid_policy::{Permit, Requirement};
use uuid::Uuid;

use crate::copy::Content;
use crate::decoder::{Decoded, Decoder, Undecoded};
use crate::rulebook::{Facts, Rules};
use crate::watching::{Match, WatchHistory};

/// The largest record that a router writes. Nearly as large an event may be dead-lettered or copied: headers decide.
pub(crate) const MOST_RECORD_BYTES: usize = 1_000_000;
/// What the headers of a copy can take more than those of its event, and what a batch takes around a record.
const ROOM_FOR_HEADERS: usize = 8_192;

/// What must have become of an event.
#[derive(Debug)]
pub(crate) enum Verdict<'r> {
    Copies {
        event: Box<Decoded>,
        copies: Vec<Wanted<'r>>,
    },
    /// The reason code.
    DeadLetter(&'static str),
    /// The registry does not know the schema that it was written with.
    UnknownSchema(u32),
}

/// One copy.
#[derive(Debug)]
pub(crate) struct Wanted<'r> {
    pub(crate) permit: &'r Permit,
    pub(crate) handles: Vec<String>,
    /// Whether it must be there; if not, it may.
    pub(crate) certain: bool,
    /// `None`: no copy is the likelier outcome, so that one that is there has to be looked at.
    pub(crate) content: Option<Content>,
}

/// The record is so large that a copy may not fit.
pub(crate) fn is_large(record: &RecordRef<'_>) -> bool {
    record_bytes(record) + ROOM_FOR_HEADERS > MOST_RECORD_BYTES
}

pub(crate) fn record_bytes(record: &RecordRef<'_>) -> usize {
    let headers: usize = record.headers().map(|(name, value)| name.len() + value.len() + 16).sum();
    record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len) + headers
}

/// Decides about a record of the events of `publisher`.
///
/// # Errors
///
/// The registry does not answer.
pub(crate) fn verdict<'r>(
    decoder: &mut Decoder,
    rules: &'r Rules,
    watch: &WatchHistory,
    publisher: &str,
    record: &RecordRef<'_>,
) -> Result<Verdict<'r>, barid_codec::RegistryError> {
    let Some(value) = record.value else { return Ok(Verdict::DeadLetter("no_value")) };
    let event = match decoder.decode(value) {
        Ok(event) => event,
        Err(Undecoded::Registry(error)) => return Err(error),
        Err(Undecoded::UnknownSchema(id)) => return Ok(Verdict::UnknownSchema(id)),
        Err(Undecoded::BadFraming) => return Ok(Verdict::DeadLetter("bad_framing")),
        Err(Undecoded::Foreign) => return Ok(Verdict::DeadLetter("foreign_schema")),
        Err(Undecoded::Datum) => return Ok(Verdict::DeadLetter("undecodable_datum")),
    };
    if let Some(reason) = fault(&event, rules, publisher, record) {
        return Ok(Verdict::DeadLetter(reason));
    }
    let keys = watch_keys(record).unwrap_or_default();
    let facts = facts(&event, record.timestamp_ms);
    let mut copies = Vec::new();
    for permit in rules.giving(&facts) {
        let matched = match watched(permit) {
            None => Match::Certain(Vec::new()),
            Some(kind) => match watch.matched(&permit.subscriber, &keys, kind, record.timestamp_ms) {
                Match::Certain(handles) if handles.is_empty() => continue,
                other => other,
            },
        };
        let wanted = match matched {
            Match::Certain(handles) => match Content::expected(&event, record, rules, permit, &handles) {
                Some(content) => Wanted { permit, handles, certain: true, content: Some(content) },
                None => return Ok(Verdict::DeadLetter("unknown_status")),
            },
            Match::Doubtful => Wanted { permit, handles: Vec::new(), certain: false, content: None },
        };
        copies.push(wanted);
    }
    Ok(Verdict::Copies { event: Box::new(event), copies })
}

/// What kind of watch key the permit asks for.
pub(crate) fn watched(permit: &Permit) -> Option<WatchKind> {
    match permit.requires {
        Some(Requirement::WatchParcel) => Some(WatchKind::Parcel),
        Some(Requirement::WatchPerson) => Some(WatchKind::Person),
        Some(Requirement::Addressee) | None => None,
    }
}

/// Why the event can never be routed.
fn fault(event: &Decoded, rules: &Rules, publisher: &str, record: &RecordRef<'_>) -> Option<&'static str> {
    let catalogue = rules.catalogue();
    let text = |name: &str| event.text(name).unwrap_or_default();
    let is_id = |text: &str| Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text);
    if !is_id(text("event_id")) || !is_id(text("corr_id")) {
        return Some("bad_id");
    }
    if text("view") != "exact" {
        return Some("not_exact");
    }
    if text("publisher") != publisher {
        return Some("publisher_mismatch");
    }
    let Some(service) = catalogue.services.get(text("service_code")) else { return Some("unknown_service") };
    if !service.may_be_published_by(publisher) {
        return Some("not_the_owner");
    }
    let states = service.states();
    if !states.contains(text("status_to")) || event.text("status_from").is_some_and(|from| !states.contains(from)) {
        return Some("unknown_status");
    }
    if event.text("county").is_some_and(|county| !catalogue.counties.contains_key(county)) {
        return Some("unknown_county");
    }
    if record.timestamp_ms < 0 {
        return Some("no_timestamp");
    }
    watch_keys(record).is_none().then_some("bad_watch_keys")
}

pub(crate) fn facts(event: &Decoded, at: i64) -> Facts<'_> {
    let text = |name: &str| event.text(name).unwrap_or_default();
    Facts {
        publisher: text("publisher"),
        service: text("service_code"),
        status: text("status_to"),
        county: event.text("county"),
        event_id: text("event_id"),
        corr_id: text("corr_id"),
        occurred_at: event.number("occurred_at").unwrap_or_default(),
        relying_agency: event.text_in("identity", "relying_agency"),
        at,
    }
}

/// The keys that the connector wrote beside the event; `None` if they cannot be read.
pub(crate) fn watch_keys(record: &RecordRef<'_>) -> Option<Vec<WatchKey>> {
    let Some(list) = record.header("barid-watch") else { return Some(Vec::new()) };
    let text = std::str::from_utf8(list).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(watch_key).collect()
}

/// `parcel:` or `person:` and 32 hexadecimal digits.
pub(crate) fn watch_key(text: &str) -> Option<WatchKey> {
    let (kind, digits) = text.split_once(':')?;
    let kind = match kind {
        "parcel" => WatchKind::Parcel,
        "person" => WatchKind::Person,
        _ => return None,
    };
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 32 || !digits.bytes().all(is_digit) {
        return None;
    }
    Some(WatchKey { kind, hash: u128::from_str_radix(digits, 16).ok()?.to_be_bytes() })
}
