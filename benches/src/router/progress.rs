//! How far a group is, seen from outside: by its committed offsets.

use std::time::Duration;

use anyhow::{Result, ensure};
use barid_harness::records;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::stage::end_of;

/// For one answer of the broker.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A group and the partitions that it reads.
pub(crate) struct Progress {
    client: BaseConsumer,
    partitions: TopicPartitionList,
    /// Up to where there are records, added up.
    all: i64,
}

impl Progress {
    /// Of a group that reads all topics whose names begin with `prefix`; what is in them now is the whole.
    pub(crate) fn of(bootstrap_servers: &str, group: &str, prefix: &str) -> Result<Self> {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            // The offsets of the open transaction are no concern of this one: it does not wait for them.
            .set("isolation.level", "read_uncommitted")
            .set_log_level(RDKafkaLogLevel::Emerg)
            .create()?;
        let (mut partitions, mut all) = (TopicPartitionList::new(), 0);
        for (topic, count) in records::topics(bootstrap_servers, prefix)? {
            for partition in 0..count {
                let end = end_of(&client, &topic, partition)?;
                if end > 0 {
                    partitions.add_partition(&topic, partition);
                    // The last place holds the marker of the last transaction, and a group that has read all may stand before it.
                    all += end - 1;
                }
            }
        }
        ensure!(all > 0, "no event is in the topics {prefix}*");
        Ok(Self { client, partitions, all })
    }

    /// The part that is committed, from 0 to 1 or a little more.
    pub(crate) fn part(&self) -> Result<f64> {
        let committed = self.client.committed_offsets(self.partitions.clone(), ANSWER_WITHIN)?;
        let done = committed.elements().into_iter().map(|one| match one.offset() {
            Offset::Offset(offset) => offset,
            _ => 0,
        });
        Ok(done.sum::<i64>() as f64 / self.all as f64)
    }
}
