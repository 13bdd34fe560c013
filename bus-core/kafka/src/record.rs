//! Kafka records as the other crates see them: borrowed from the client ([`RecordRef`]), owned ([`Record`]), and on their way out ([`Outgoing`]).
//!
//! The hot path never copies: a [`RecordRef`] points into librdkafka's memory for as long as one call of the processor lasts. Tests of processors build a
//! [`Record`] by hand and pass [`Record::as_record_ref`], so that no broker is needed.
//!
//! A null header value is read as an empty one: nothing in Barid tells them apart.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};

/// The name under which a header appears whose own name is not UTF-8.
///
/// The client library panics when it is asked for such a header, and a publisher must not be able to stop the router with one. The panic is caught, the
/// header keeps its place in the order under this name, with an empty value.
pub const UNREADABLE_HEADER: &str = "unreadable-header-name";

/// A record in the memory of the client. Copying it copies pointers.
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970 (UTC); -1 if the record has none.
    pub timestamp_ms: i64,
    headers: HeadersRef<'a>,
}

#[derive(Clone, Copy)]
enum HeadersRef<'a> {
    None,
    Native(&'a BorrowedHeaders),
    Owned(&'a [(String, Vec<u8>)]),
}

impl<'a> RecordRef<'a> {
    pub(crate) fn from_message(message: &'a BorrowedMessage<'_>) -> Self {
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            value: message.payload(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            headers: message.headers().map_or(HeadersRef::None, HeadersRef::Native),
        }
    }

    /// The headers in their order; one name may come several times.
    pub fn headers(&self) -> HeaderIter<'a> {
        HeaderIter { headers: self.headers, index: 0 }
    }

    /// The value of the last header of this name, as Kafka's own clients look it up.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(header, _)| *header == name).map(|(_, value)| value).last()
    }

    pub fn to_record(&self) -> Record {
        Record {
            topic: self.topic.to_owned(),
            partition: self.partition,
            offset: self.offset,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            timestamp_ms: self.timestamp_ms,
            headers: self.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        }
    }
}

/// Says where the record stands, never what is in it.
impl std::fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordRef({}/{}@{})", self.topic, self.partition, self.offset)
    }
}

/// Iterator over the headers of a record, see [`RecordRef::headers`].
pub struct HeaderIter<'a> {
    headers: HeadersRef<'a>,
    index: usize,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        self.index += 1;
        match self.headers {
            HeadersRef::None => None,
            HeadersRef::Owned(headers) => headers.get(index).map(|(name, value)| (name.as_str(), value.as_slice())),
            HeadersRef::Native(headers) => {
                if index >= headers.count() {
                    return None;
                }
                let read = catch_unwind(AssertUnwindSafe(|| {
                    headers.try_get(index).map(|h| (h.key, h.value.unwrap_or_default()))
                }));
                read.unwrap_or(Some((UNREADABLE_HEADER, &[])))
            }
        }
    }
}

/// A record that outlives the client.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since 1970 (UTC); -1 if the record has none.
    pub timestamp_ms: i64,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub fn as_record_ref(&self) -> RecordRef<'_> {
        RecordRef {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            timestamp_ms: self.timestamp_ms,
            headers: HeadersRef::Owned(&self.headers),
        }
    }

    /// The value of the last header of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rev().find(|(header, _)| header == name).map(|(_, value)| value.as_slice())
    }
}

/// Says where the record stands, never what is in it.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}/{}@{})", self.topic, self.partition, self.offset)
    }
}

/// A record to be written. Without a partition the client takes `murmur2(key)`, as Java clients do.
#[derive(Clone, Copy, Default)]
pub struct Outgoing<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    /// `None` writes a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
    /// `None`: the time of sending.
    pub timestamp_ms: Option<i64>,
}

impl Outgoing<'_> {
    /// What the record takes in a batch of its own, uncompressed and rounded up: this is what topics limit by `max.message.bytes`.
    pub fn batch_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 2 * VARINT_BYTES).sum();
        BATCH_OVERHEAD_BYTES + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

/// Says where the record goes, never what is in it.
impl std::fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({}/{:?})", self.topic, self.partition)
    }
}

/// Header of a record batch (61 bytes) and the longest varints of one record (attributes, length, deltas, key and value length, header count).
const BATCH_OVERHEAD_BYTES: usize = 61 + 1 + 5 + 10 + 5 * 4;
/// The longest varint of a 32 bit length.
const VARINT_BYTES: usize = 5;
