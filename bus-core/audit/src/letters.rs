//! Dead letters: which must be there, and whether one says what its event gives.

use std::collections::HashMap;

use barid_kafka::RecordRef;
use barid_schemas::records::DeadLetter;
use xxhash_rust::xxh3::xxh3_64;

use crate::verdict::{MOST_RECORD_BYTES, record_bytes};

/// What a dead letter may add to its event.
const ROOM_FOR_ORIGIN: usize = 8_192;

/// By source and offset.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    expected: HashMap<(u32, i64), Expected>,
    /// Events that nobody can have decided about yet.
    undecided: u64,
}

#[derive(Debug)]
struct Expected {
    reason: &'static str,
    /// Key, value and headers.
    content: u64,
    value_bytes: usize,
    may_be_whole: bool,
    may_be_a_reference: bool,
    certain: bool,
    seen: bool,
}

/// What a dead letter says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Right,
    Twice,
    /// Its event is none that cannot be routed.
    Unfounded,
    /// What is not as the event gives it.
    Changed(&'static str),
}

impl Letters {
    /// An event that cannot be routed, or if it is not `certain` may be one.
    pub(crate) fn expect(&mut self, source: u32, record: &RecordRef<'_>, reason: &'static str, certain: bool) {
        let bytes = record_bytes(record);
        let headers: Vec<(&str, &[u8])> = record.headers().collect();
        let expected = Expected {
            reason,
            content: content(record.key, record.value, &headers),
            value_bytes: record.value.map_or(0, <[u8]>::len),
            may_be_whole: bytes <= MOST_RECORD_BYTES,
            may_be_a_reference: bytes + ROOM_FOR_ORIGIN > MOST_RECORD_BYTES,
            certain,
            seen: false,
        };
        self.expected.insert((source, record.offset), expected);
    }

    /// An event that nobody can have decided about yet.
    pub(crate) fn undecided(&mut self) {
        self.undecided += 1;
    }

    pub(crate) fn undecided_events(&self) -> u64 {
        self.undecided
    }

    pub(crate) fn has_undecided(&self) -> bool {
        self.undecided > 0
    }

    /// Judges a dead letter whose origin is known.
    pub(crate) fn tell(&mut self, source: u32, letter: &DeadLetter) -> Told {
        let Some(expected) = self.expected.get_mut(&(source, letter.offset)) else { return Told::Unfounded };
        if std::mem::replace(&mut expected.seen, true) {
            return Told::Twice;
        }
        if letter.reason != expected.reason {
            return Told::Changed("another reason");
        }
        if usize::try_from(letter.value_bytes) != Ok(expected.value_bytes) {
            return Told::Changed("another size");
        }
        let value = letter.value.as_ref().map(|bytes| bytes.0.as_slice());
        let is_reference = value.is_none() && letter.key.is_none() && letter.headers.is_empty();
        if is_reference && expected.may_be_a_reference {
            return Told::Right;
        }
        let key = letter.key.as_ref().map(|bytes| bytes.0.as_slice());
        let header = |entry: &'_ barid_schemas::records::HeaderEntry| {
            (entry.name.clone(), entry.value.as_ref().map(|bytes| bytes.0.clone()).unwrap_or_default())
        };
        let headers: Vec<(String, Vec<u8>)> = letter.headers.iter().map(header).collect();
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        if expected.may_be_whole && content(key, value, &headers) == expected.content {
            Told::Right
        } else {
            Told::Changed("another key, value or header")
        }
    }

    /// Source, offset and reason of the events that are not in the dead letters and must be.
    pub(crate) fn missing(&self) -> Vec<(u32, i64, &'static str)> {
        let missing = self.expected.iter().filter(|(_, expected)| expected.certain && !expected.seen);
        let mut missing: Vec<_> =
            missing.map(|((source, offset), expected)| (*source, *offset, expected.reason)).collect();
        missing.sort_unstable();
        missing
    }
}

fn content(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) -> u64 {
    let mut all = Vec::new();
    let mut add = |part: Option<&[u8]>| {
        all.push(u8::from(part.is_some()));
        all.extend((part.map_or(0, <[u8]>::len) as u64).to_be_bytes());
        all.extend_from_slice(part.unwrap_or_default());
    };
    add(key);
    add(value);
    for (name, value) in headers {
        add(Some(name.as_bytes()));
        add(Some(value));
    }
    xxh3_64(&all)
}
