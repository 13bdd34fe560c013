//! The partitions that a worker has, each with its position.
//!
//! The worker keeps positions itself rather than ask the client, because the client's move on when a record is handed out, and ours when it is consumed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::AssignedPartition;

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// The record that is consumed next.
    pub(super) next: i64,
    /// What `next` was when the open transaction began: where an abort goes back to.
    pub(super) committed: i64,
    pub(super) pause: Option<Pause>,
    /// How long the last pause was, as long as the record that caused it is not consumed.
    last_wait: Option<Duration>,
}

/// A partition that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) until: Instant,
}

impl Lane {
    /// Offset consumed. A record that was in the way of this partition is through.
    pub(super) fn consumed(&mut self, offset: i64) {
        self.next = offset + 1;
        self.last_wait = None;
    }

    /// Notes the pause and gives its length: what the processor asks for, else the back-off.
    pub(super) fn pause(&mut self, asked: Option<Duration>, first: Duration, longest: Duration) -> Duration {
        let backed_off = self.last_wait.map_or(first, |last| (last * 2).min(longest));
        self.last_wait = Some(backed_off);
        let wait = asked.unwrap_or(backed_off);
        self.pause = Some(Pause { until: Instant::now() + wait });
        wait
    }
}

/// All partitions of the worker. Looked up by a borrowed topic name for each record.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    topics: BTreeMap<String, BTreeMap<i32, Lane>>,
}

impl Lanes {
    pub(super) fn get_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Lane> {
        self.topics.get_mut(topic)?.get_mut(&partition)
    }

    pub(super) fn insert(&mut self, topic: &str, partition: i32, next: i64) {
        let lane = Lane { next, committed: next, pause: None, last_wait: None };
        self.topics.entry(topic.to_owned()).or_default().insert(partition, lane);
    }

    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, i32, &Lane)> {
        self.topics
            .iter()
            .flat_map(|(topic, lanes)| lanes.iter().map(move |(partition, lane)| (topic.as_str(), *partition, lane)))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = (&str, i32, &mut Lane)> {
        self.topics.iter_mut().flat_map(|(topic, lanes)| {
            lanes.iter_mut().map(move |(partition, lane)| (topic.as_str(), *partition, lane))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// As the processor sees them, sorted.
    pub(super) fn assigned(&self) -> Vec<AssignedPartition> {
        self.iter()
            .map(|(topic, partition, lane)| AssignedPartition {
                topic: topic.to_owned(),
                partition,
                next_offset: lane.next,
            })
            .collect()
    }

    /// The positions that the open transaction has moved.
    pub(super) fn moved(&self) -> TopicPartitionList {
        list(
            self.iter()
                .filter(|(_, _, lane)| lane.next != lane.committed)
                .map(|(topic, partition, lane)| (topic, partition, lane.next)),
        )
    }

    /// Every partition, without positions.
    pub(super) fn all(&self) -> TopicPartitionList {
        let mut all = TopicPartitionList::new();
        for (topic, partition, _) in self.iter() {
            all.add_partition(topic, partition);
        }
        all
    }

    /// The transaction was committed.
    pub(super) fn commit(&mut self) {
        for (_, _, lane) in self.iter_mut() {
            lane.committed = lane.next;
        }
    }

    /// The transaction was aborted: gives the positions that the client must go back to. A paused partition stands where it should already if nothing of it
    /// was consumed, but its pause ends by a seek anyway.
    pub(super) fn roll_back(&mut self) -> TopicPartitionList {
        let moved: Vec<(String, i32, i64)> = self
            .iter()
            .filter(|(_, _, lane)| lane.next != lane.committed)
            .map(|(topic, partition, lane)| (topic.to_owned(), partition, lane.committed))
            .collect();
        for (_, _, lane) in self.iter_mut() {
            lane.next = lane.committed;
        }
        list(moved.iter().map(|(topic, partition, offset)| (topic.as_str(), *partition, *offset)))
    }

    /// Partitions whose wait is over, with their positions.
    pub(super) fn due(&self, now: Instant) -> Vec<(String, i32, i64)> {
        self.iter()
            .filter(|(_, _, lane)| lane.pause.is_some_and(|pause| pause.until <= now))
            .map(|(topic, partition, lane)| (topic.to_owned(), partition, lane.next))
            .collect()
    }

    /// When the next wait is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.iter().filter_map(|(_, _, lane)| lane.pause.map(|pause| pause.until)).min()
    }
}

/// A list for the client.
pub(super) fn list<'a>(positions: impl Iterator<Item = (&'a str, i32, i64)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in positions {
        // The only error is an offset that cannot be represented, and these come from the client.
        let _ = list.add_partition_offset(topic, partition, Offset::Offset(offset));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> Lanes {
        let mut lanes = Lanes::default();
        lanes.insert("b", 0, 5);
        lanes.insert("a", 1, 10);
        lanes
    }

    #[test]
    fn an_abort_goes_back_to_where_the_transaction_began() {
        let mut lanes = lanes();
        lanes.get_mut("a", 1).unwrap().consumed(12);
        assert_eq!(lanes.moved().count(), 1);
        let back = lanes.roll_back();
        assert_eq!(back.elements()[0].offset(), Offset::Offset(10));
        assert_eq!(lanes.moved().count(), 0);
    }

    #[test]
    fn a_commit_moves_the_place_an_abort_goes_back_to() {
        let mut lanes = lanes();
        lanes.get_mut("a", 1).unwrap().consumed(12);
        lanes.commit();
        assert_eq!(lanes.roll_back().count(), 0);
        assert_eq!(lanes.assigned()[0], AssignedPartition { topic: "a".into(), partition: 1, next_offset: 13 });
    }

    #[test]
    fn the_wait_doubles_until_the_record_is_through() {
        let mut lanes = lanes();
        let lane = lanes.get_mut("a", 1).unwrap();
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(3));
        let waits: Vec<u64> = (0..3).map(|_| lane.pause(None, first, longest).as_secs()).collect();
        assert_eq!(waits, [1, 2, 3]);
        lane.consumed(10);
        assert_eq!(lane.pause(None, first, longest), first);
        assert_eq!(lane.pause(Some(Duration::from_secs(9)), first, longest), Duration::from_secs(9));
    }
}
