//! Topics as they are: records with their headers, read without any code of the bus.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::wait::HANGS_AFTER;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// In their order; a name may stand more than once.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl RawRecord {
    /// All values of the headers with this name, as text.
    #[must_use]
    pub fn headers_named(&self, name: &str) -> Vec<String> {
        let named = self.headers.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The value of the only header with this name, as text; an error if there is none or more than one.
    pub fn header(&self, name: &str) -> Result<String> {
        match self.headers_named(name).as_slice() {
            [one] => Ok(one.clone()),
            found => bail!("{} headers `{name}` in {}", found.len(), self.place()),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// Topic, partition and offset.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// Every committed record of a topic, by partition and offset. A topic that does not exist has none.
pub fn read_topic(bootstrap_servers: &str, topic: &str) -> Result<Vec<RawRecord>> {
    let consumer = consumer(bootstrap_servers)?;
    let metadata = consumer.fetch_metadata(Some(topic), HANGS_AFTER)?;
    let partitions = metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
    let mut all = read(&consumer, &BTreeMap::from([(topic.to_owned(), i32::try_from(partitions)?)]))?;
    Ok(all.remove(topic).unwrap_or_default())
}

/// Every committed record of all topics whose names begin with `prefix`, by topic, partition and offset; one consumer reads
/// them all, for a deployment has more than a hundred topics.
pub fn read_topics(bootstrap_servers: &str, prefix: &str) -> Result<BTreeMap<String, Vec<RawRecord>>> {
    read(&consumer(bootstrap_servers)?, &topics(bootstrap_servers, prefix)?)
}

fn read(consumer: &BaseConsumer, topics: &BTreeMap<String, i32>) -> Result<BTreeMap<String, Vec<RawRecord>>> {
    let mut records: BTreeMap<String, Vec<RawRecord>> =
        topics.keys().map(|topic| (topic.clone(), Vec::new())).collect();
    scan_with(consumer, topics, |record| {
        records.entry(record.topic.clone()).or_default().push(record);
        Ok(())
    })?;
    for list in records.values_mut() {
        list.sort_by_key(|record| (record.partition, record.offset));
    }
    Ok(records)
}

/// Gives every committed record of these topics to `take`, each partition in its order; nothing is kept.
pub fn scan(
    bootstrap_servers: &str,
    topics: &BTreeMap<String, i32>,
    take: impl FnMut(RawRecord) -> Result<()>,
) -> Result<()> {
    scan_with(&consumer(bootstrap_servers)?, topics, take)
}

fn scan_with(
    consumer: &BaseConsumer,
    topics: &BTreeMap<String, i32>,
    mut take: impl FnMut(RawRecord) -> Result<()>,
) -> Result<()> {
    let list = beginnings(topics)?;
    if list.count() == 0 {
        return Ok(());
    }
    consumer.assign(&list)?;
    let mut at_end = 0;
    while at_end < list.count() {
        match consumer.poll(HANGS_AFTER) {
            None => bail!("no answer within {} s", HANGS_AFTER.as_secs()),
            Some(Err(KafkaError::PartitionEOF(_))) => at_end += 1,
            Some(Err(error)) => return Err(error).context("cannot read"),
            Some(Ok(message)) => take(raw(&message))?,
        }
    }
    Ok(())
}

fn beginnings(topics: &BTreeMap<String, i32>) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partitions) in topics {
        for partition in 0..*partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    Ok(list)
}

/// Reads topics from their beginning on and goes on as they grow, whatever happens to the brokers meanwhile.
pub struct Tail {
    consumer: BaseConsumer,
}

impl Tail {
    /// Begins with these topics and their numbers of partitions.
    pub fn begin(bootstrap_servers: &str, topics: &BTreeMap<String, i32>) -> Result<Self> {
        let consumer = consumer(bootstrap_servers)?;
        consumer.assign(&beginnings(topics)?)?;
        Ok(Self { consumer })
    }

    /// The next committed record, if there is one within the limit. That a broker is away is no error: the client finds it
    /// again.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<RawRecord> {
        self.consumer.poll(limit)?.ok().map(|message| raw(&message))
    }
}

fn raw(message: &BorrowedMessage<'_>) -> RawRecord {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    RawRecord {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec())).collect(),
    }
}

/// All topics whose names begin with `prefix`, with the number of their partitions.
pub fn topics(bootstrap_servers: &str, prefix: &str) -> Result<BTreeMap<String, i32>> {
    let metadata = consumer(bootstrap_servers)?.fetch_metadata(None, HANGS_AFTER)?;
    let topics = metadata.topics().iter().filter(|topic| topic.name().starts_with(prefix));
    topics.map(|topic| Ok((topic.name().to_owned(), i32::try_from(topic.partitions().len())?))).collect()
}

/// The leader of each partition of a topic; -1 if it has none.
pub(crate) fn leaders(bootstrap_servers: &str, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer(bootstrap_servers)?.fetch_metadata(Some(topic), HANGS_AFTER)?;
    let mut leaders: Vec<(i32, i32)> = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions())
        .map(|partition| (partition.id(), partition.leader()))
        .collect();
    leaders.sort_unstable();
    Ok(leaders.into_iter().map(|(_, leader)| leader).collect())
}

/// Partitions of all topics that have fewer copies in step than they should have.
pub(crate) fn lagging_partitions(bootstrap_servers: &str) -> Result<usize> {
    let metadata = consumer(bootstrap_servers)?.fetch_metadata(None, HANGS_AFTER)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    Ok(partitions.filter(|one| one.isr().len() < one.replicas().len() || one.leader() < 0).count())
}

/// Where one partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Behind the last record, whatever its transaction.
    pub written: i64,
    /// Where the first transaction begins that is still open, if there is one; else the same.
    pub stable: i64,
    /// What a group will read next, if it has ever said so.
    pub committed: Option<i64>,
}

/// Where the partitions of these topics stand for a group, by topic and partition.
pub fn standings(
    bootstrap_servers: &str,
    group: &str,
    topics: &BTreeMap<String, i32>,
) -> Result<BTreeMap<(String, i32), Standing>> {
    let member = |isolation: &str| -> Result<BaseConsumer> {
        Ok(config(bootstrap_servers).set("group.id", group).set("isolation.level", isolation).create()?)
    };
    let (committed, uncommitted) = (member("read_committed")?, member("read_uncommitted")?);
    let offsets = committed.committed_offsets(beginnings(topics)?, HANGS_AFTER)?;
    let mut standings = BTreeMap::new();
    for offset in offsets.elements() {
        let (topic, partition) = (offset.topic(), offset.partition());
        let end =
            |consumer: &BaseConsumer| Ok::<_, KafkaError>(consumer.fetch_watermarks(topic, partition, HANGS_AFTER)?.1);
        let standing = Standing {
            written: end(&uncommitted)?,
            stable: end(&committed)?,
            committed: offset.offset().to_raw().filter(|offset| *offset >= 0),
        };
        standings.insert((topic.to_owned(), partition), standing);
    }
    Ok(standings)
}

/// How far the partitions of a topic have been written, added up: records and markers of transactions, committed or not. One
/// question for each partition, so it is quick enough to look at a topic that grows.
pub fn written(bootstrap_servers: &str, topic: &str) -> Result<i64> {
    let consumer = consumer(bootstrap_servers)?;
    let partitions = topics(bootstrap_servers, topic)?.get(topic).copied().unwrap_or(0);
    (0..partitions).map(|partition| Ok(consumer.fetch_watermarks(topic, partition, HANGS_AFTER)?.1)).sum()
}

/// The version of the client library, the same for the harness and for the bus.
#[must_use]
pub fn client_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// Whether a broker answers at once. One that does not may only be slow: who wants it to answer waits for it.
#[must_use]
pub fn answers(bootstrap_servers: &str) -> bool {
    let metadata = consumer(bootstrap_servers)
        .and_then(|consumer| Ok(consumer.fetch_metadata(None, Duration::from_millis(500))?.brokers().len()));
    metadata.is_ok_and(|brokers| brokers > 0)
}

fn consumer(bootstrap_servers: &str) -> Result<BaseConsumer> {
    Ok(config(bootstrap_servers).create()?)
}

fn config(bootstrap_servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        // Never joined: `assign` only wants a name.
        .set("group.id", "barid-harness")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // The end of an empty partition is told only when the broker has waited this long for more.
        .set("fetch.wait.max.ms", "10")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}
