//! Dead letters: the original record, whole, with the reason and the place.

use barid_kafka::RecordRef;
use barid_schemas::Millis;
use barid_schemas::records::{Bytes, DeadLetter, HeaderEntry};

use crate::routing::Failure;

/// What the dead letter adds to the original, bytes, rounded up: reason, detail, origin, framing, batch.
const ENVELOPE_BYTES: usize = 4_096;
/// Names of a foreign schema stand in a detail, and they may be of any length.
const MOST_DETAIL_BYTES: usize = 1_024;

/// The dead letter of `record`. An original that would not fit into `max_record_bytes` is kept by reference: value and
/// headers are left out, topic, partition and offset name it.
pub(crate) fn dead_letter(record: &RecordRef<'_>, failure: &Failure, max_record_bytes: usize) -> DeadLetter {
    let value = record.value.unwrap_or_default();
    let key = record.key.unwrap_or_default();
    let headers: usize = record.headers().map(|(name, value)| name.len() + value.len() + 16).sum();
    let fits = value.len() + key.len() + headers + ENVELOPE_BYTES <= max_record_bytes;
    DeadLetter {
        reason: failure.reason.code().to_owned(),
        detail: detail(&failure.detail),
        topic: record.topic.to_owned(),
        partition: record.partition,
        offset: record.offset,
        timestamp: Millis(record.timestamp_ms),
        key: record.key.filter(|_| fits).map(|key| Bytes(key.to_vec())),
        value: record.value.filter(|_| fits).map(|value| Bytes(value.to_vec())),
        value_bytes: i64::try_from(value.len()).unwrap_or(i64::MAX),
        headers: if fits { headers_of(record) } else { Vec::new() },
    }
}

fn detail(whole: &str) -> String {
    if whole.len() <= MOST_DETAIL_BYTES {
        return whole.to_owned();
    }
    format!("{}…", &whole[..whole.floor_char_boundary(MOST_DETAIL_BYTES)])
}

fn headers_of(record: &RecordRef<'_>) -> Vec<HeaderEntry> {
    let entry =
        |(name, value): (&str, &[u8])| HeaderEntry { name: name.to_owned(), value: Some(Bytes(value.to_vec())) };
    record.headers().map(entry).collect()
}

/// The key of a dead letter: where the original stands.
pub(crate) fn origin(record: &RecordRef<'_>) -> String {
    format!("{}/{}/{}", record.topic, record.partition, record.offset)
}
