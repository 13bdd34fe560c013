//! Topics and their settings.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Cluster, KafkaError};

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    pub config: BTreeMap<String, String>,
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    pub name: String,
    pub partitions: i32,
    /// The smallest number of replicas that a partition of it has.
    pub replication: i32,
    /// Every setting with its value in force.
    pub config: BTreeMap<String, String>,
    /// Names of the settings that were set for this topic (the others are defaults).
    pub set_here: Vec<String>,
}

/// One broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    pub id: i32,
    pub host: String,
    pub port: i32,
}

/// First offset that is still there, and the offset after the last record (high watermark).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    pub low: i64,
    pub high: i64,
}

/// Blocking admin client.
pub struct Admin {
    _cluster: Cluster,
}

impl Admin {
    pub fn new(cluster: &Cluster) -> Result<Self, KafkaError> {
        Ok(Self { _cluster: cluster.clone() })
    }
    /// Names of all topics, sorted, without Kafka's internal ones.
    pub fn topics(&self) -> Result<Vec<String>, KafkaError> {
        todo!()
    }
    /// `None` if there is no such topic.
    pub fn describe(&self, _topic: &str) -> Result<Option<TopicDescription>, KafkaError> {
        todo!()
    }
    /// One result for each topic, in the order given. `TopicExists` for one that is there already.
    pub fn create(&self, _topics: &[NewTopic]) -> Result<Vec<Result<(), KafkaError>>, KafkaError> {
        todo!()
    }
    /// Sets these settings of the topic and leaves the others as they are.
    pub fn set_config(&self, _topic: &str, _config: &BTreeMap<String, String>) -> Result<(), KafkaError> {
        todo!()
    }
    pub fn partitions(&self, _topic: &str) -> Result<Option<i32>, KafkaError> {
        todo!()
    }
    pub fn watermarks(&self, _topic: &str, _partition: i32) -> Result<Watermarks, KafkaError> {
        todo!()
    }
    /// Committed offsets of a consumer group, by (topic, partition); partitions without one are left out.
    pub fn committed_offsets(&self, _group_id: &str, _topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
        todo!()
    }
    pub fn brokers(&self) -> Result<Vec<BrokerInfo>, KafkaError> {
        todo!()
    }
    /// A setting of a broker, for `doctor`.
    pub fn broker_config(&self, _broker: i32) -> Result<BTreeMap<String, String>, KafkaError> {
        todo!()
    }
    /// True if a broker answers within the limit.
    pub fn reachable(&self, _limit: Duration) -> bool {
        todo!()
    }
}
