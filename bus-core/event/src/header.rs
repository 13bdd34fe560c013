//! The headers of a record: CloudEvents 1.0 in the Kafka binary mode, trace context, and Barid's own.
//!
//! A header must never tell what the value hides. So connector and router build the CloudEvents headers with the same
//! [`cloud_event_headers`], each from the view that it writes: the connector from the exact event, the router from the
//! coarse view. The router passes on no header that it has not made or does not know.

use barid_schemas::Millis;
use uuid::Uuid;

use crate::watch::{WatchKey, encode_list};

/// Always [`SPECVERSION`].
pub const CE_SPECVERSION: &str = "ce_specversion";
/// The `event_id`.
pub const CE_ID: &str = "ce_id";
/// `/agencies/<publisher>`.
pub const CE_SOURCE: &str = "ce_source";
/// `ir.barid.<service_code>.<status_to>`, as in the value: coarse in a coarse view.
pub const CE_TYPE: &str = "ce_type";
/// The `corr_id`.
pub const CE_SUBJECT: &str = "ce_subject";
/// `occurred_at`, RFC 3339 in UTC.
pub const CE_TIME: &str = "ce_time";
/// Where the registry gives the writer's schema.
pub const CE_DATASCHEMA: &str = "ce_dataschema";
/// On `events.*` only: decimal, gapless per publisher. The router drops it, for its gaps would count what a subscriber
/// may not see.
pub const CE_SEQUENCE: &str = "ce_sequence";
/// Always [`AVRO`].
pub const CONTENT_TYPE: &str = "content-type";
/// W3C trace context, see [`crate::TraceParent`].
pub const TRACEPARENT: &str = "traceparent";
/// On `inbox.*` only: the number of the permit that the copy was made under.
pub const PERMIT: &str = "barid-permit";
/// On `inbox.*` only: the subscriber's own handle for the matched watch key; once for each handle.
pub const MATCH: &str = "barid-match";
/// On `events.*` only: the watch keys of the event, see [`crate::watch::encode_list`]. The router uses and drops it.
pub const WATCH: &str = "barid-watch";

/// The version of CloudEvents.
pub const SPECVERSION: &str = "1.0";
/// The media type of every value.
pub const AVRO: &str = "application/avro";
/// What every `ce_type` begins with.
pub const TYPE_PREFIX: &str = "ir.barid.";
/// What every `ce_source` begins with.
pub const SOURCE_PREFIX: &str = "/agencies/";

/// Headers in the order in which they are written.
pub type Headers = Vec<(&'static str, Vec<u8>)>;

/// What the CloudEvents headers of a record are made from: the fields of the view that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudEvent<'a> {
    pub id: Uuid,
    pub publisher: &'a str,
    pub service_code: &'a str,
    pub status_to: &'a str,
    pub corr_id: Uuid,
    pub occurred_at: Millis,
    /// Made by [`dataschema`].
    pub dataschema: &'a str,
}

/// The CloudEvents headers of a record.
#[must_use]
pub fn cloud_event_headers(event: &CloudEvent<'_>) -> Headers {
    vec![
        (CE_SPECVERSION, SPECVERSION.into()),
        (CE_ID, event.id.to_string().into_bytes()),
        (CE_SOURCE, source(event.publisher).into_bytes()),
        (CE_TYPE, event_type(event.service_code, event.status_to).into_bytes()),
        (CE_SUBJECT, event.corr_id.to_string().into_bytes()),
        (CE_TIME, time(event.occurred_at).into_bytes()),
        (CE_DATASCHEMA, event.dataschema.into()),
        (CONTENT_TYPE, AVRO.into()),
    ]
}

/// All headers of a record of `events.*`; `sequence` counts the publisher's events without a gap.
#[must_use]
pub fn event_headers(event: &CloudEvent<'_>, sequence: i64, traceparent: &str, watch_keys: &[WatchKey]) -> Headers {
    let mut headers = cloud_event_headers(event);
    headers.push((CE_SEQUENCE, sequence.to_string().into_bytes()));
    headers.push((TRACEPARENT, traceparent.into()));
    if !watch_keys.is_empty() {
        headers.push((WATCH, encode_list(watch_keys)));
    }
    headers
}

/// `ir.barid.<service_code>.<status_to>`.
#[must_use]
pub fn event_type(service_code: &str, status_to: &str) -> String {
    format!("{TYPE_PREFIX}{service_code}.{status_to}")
}

/// `/agencies/<publisher>`.
#[must_use]
pub fn source(publisher: &str) -> String {
    format!("{SOURCE_PREFIX}{publisher}")
}

/// RFC 3339 in UTC, with as many decimals as the instant needs. An instant outside of the years 0 to 9999, which RFC 3339
/// cannot write, becomes the nearest that it can.
#[must_use]
pub fn time(instant: Millis) -> String {
    const YEAR_ZERO: i64 = -62_167_219_200_000;
    jiff::Timestamp::from_millisecond(instant.0.max(YEAR_ZERO)).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Where the registry at `registry_url` gives the schema with this id. Name and password in the URL are left out, for
/// every reader of the record sees the header.
#[must_use]
pub fn dataschema(registry_url: &str, schema_id: u32) -> String {
    let (scheme, rest) = match registry_url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), registry_url),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{}/schemas/ids/{schema_id}", path.trim_end_matches('/'))
}
