//! What a router wrote, held against what it must have written.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::event::{Decode, Event};
use super::{ExpectedCopy, Oracle};
use crate::records::{self, RawRecord};

/// All of `events.*` and `inbox.*` of one deployment.
#[derive(Debug, Clone, Default)]
pub struct Inboxes {
    /// In the order of each partition.
    pub events: Vec<Event>,
    /// By subscriber, each in the order of its partitions.
    pub copies: BTreeMap<String, Vec<Event>>,
    /// By topic.
    pub partitions: BTreeMap<String, i32>,
}

impl Inboxes {
    /// Reads them from the topics whose names begin with `prefix`.
    pub fn read(bootstrap_servers: &str, prefix: &str, decoder: &impl Decode) -> Result<Self> {
        let mut found = Self { partitions: records::topics(bootstrap_servers, prefix)?, ..Self::default() };
        let decoded = |records: Vec<RawRecord>| -> Result<Vec<Event>> {
            records.into_iter().map(|record| Event::decode(record, decoder)).collect()
        };
        for records in records::read_topics(bootstrap_servers, &format!("{prefix}events."))?.into_values() {
            found.events.extend(decoded(records)?);
        }
        let inbox = format!("{prefix}inbox.");
        for (topic, records) in records::read_topics(bootstrap_servers, &inbox)? {
            found.copies.insert(topic[inbox.len()..].to_owned(), decoded(records)?);
        }
        Ok(found)
    }

    /// How many copies there are in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.copies.values().map(Vec::len).sum()
    }
}

/// Every difference between the inboxes and what the oracle says; none if all is as it must be.
pub fn compare(oracle: &Oracle, inboxes: &Inboxes) -> Result<Vec<String>> {
    let mut expected: BTreeMap<(String, String), ExpectedCopy> = BTreeMap::new();
    for event in &inboxes.events {
        for copy in oracle.copies(event)? {
            let id = event.text("event_id")?.to_owned();
            let subscriber = copy.subscriber.clone();
            if expected.insert((subscriber, id), copy).is_some() {
                anyhow::bail!("the oracle gives two copies of one event to one subscriber: {}", event.record.place());
            }
        }
    }
    let mut differences = Vec::new();
    for (subscriber, copies) in &inboxes.copies {
        for copy in copies {
            let id = copy.text("event_id")?.to_owned();
            match expected.remove(&(subscriber.clone(), id)) {
                None => differences.push(format!("{}: not expected, or there twice", copy.record.place())),
                Some(wanted) => differences.extend(differences_of(&wanted, copy, inboxes)?),
            }
        }
        differences.extend(out_of_order(inboxes, copies)?);
    }
    for (subscriber, id) in expected.into_keys() {
        differences.push(format!("event {id} is missing in the inbox of {subscriber}"));
    }
    Ok(differences)
}

fn differences_of(wanted: &ExpectedCopy, copy: &Event, inboxes: &Inboxes) -> Result<Vec<String>> {
    let place = copy.record.place();
    let mut found = Vec::new();
    let mut unequal = |what: &str, wanted: String, got: String| {
        if wanted != got {
            found.push(format!("{place}: {what} is {got}, not {wanted}"));
        }
    };
    unequal("the key", wanted.key.clone(), copy.record.key_text());
    unequal("the schema id", wanted.schema_id.to_string(), copy.schema_id.to_string());
    unequal("the trace", wanted.trace_id.clone(), copy.trace_id()?);
    let partitions = *inboxes.partitions.get(&copy.record.topic).context("an inbox that is no topic")?;
    let partition = partition_of(copy.record.key.as_deref().unwrap_or_default(), partitions);
    unequal("the partition", partition.to_string(), copy.record.partition.to_string());
    for (name, value) in &wanted.fields {
        unequal(&format!("`{name}`"), value.to_string(), copy.fields[name].to_string());
    }
    unequal("the number of fields", wanted.fields.len().to_string(), copy.fields.len().to_string());
    let mut headers: Vec<(String, String)> = copy
        .record
        .headers
        .iter()
        .filter(|(name, _)| name != "traceparent")
        .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    headers.sort();
    unequal("the list of headers", format!("{:?}", wanted.headers), format!("{headers:?}"));
    Ok(found)
}

/// Order is promised per publisher and corr_id: copies must stand in the order of their events.
fn out_of_order(inboxes: &Inboxes, copies: &[Event]) -> Result<Vec<String>> {
    let mut place_of: BTreeMap<&str, (i32, i64)> = BTreeMap::new();
    for event in &inboxes.events {
        place_of.insert(event.text("event_id")?, (event.record.partition, event.record.offset));
    }
    let mut found = Vec::new();
    let mut last: BTreeMap<(String, String), (i32, i64)> = BTreeMap::new();
    for copy in copies {
        let Some(place) = place_of.get(copy.text("event_id")?) else { continue };
        let matter = (copy.text("publisher")?.to_owned(), copy.text("corr_id")?.to_owned());
        if let Some(before) = last.insert(matter, *place)
            && before > *place
        {
            found.push(format!("{}: stands behind a later event of its case", copy.record.place()));
        }
    }
    Ok(found)
}

/// Where a Java client puts a key: murmur2 of its bytes, positive, modulo the number of partitions.
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (index, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * index);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test.
    #[test]
    fn hashes_keys_as_java_clients_do() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }
}
