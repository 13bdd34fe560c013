//! Topics and their settings: what `topics plan` and `topics apply`, `doctor` and the tests need of the admin protocol, as blocking calls.
//!
//! There is no call that adds partitions: a key would change its partition and the order of a case would be lost.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic as NativeTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::Context;
use crate::reader::{Consuming, asked, make_consumer, partitions_of};
use crate::{Cluster, KafkaError, StopSignal, limits};

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
    /// Names of the settings that were set for this topic (the others are defaults), sorted.
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

/// Blocking admin client. Making it does no I/O.
pub struct Admin {
    cluster: Cluster,
    admin: AdminClient<Context>,
    /// Metadata and watermarks; unlike the admin client it never asks a broker to create what it looks for.
    asking: Consuming,
}

impl Admin {
    pub fn new(cluster: &Cluster) -> Result<Self, KafkaError> {
        let admin = AdminClient::from_config_and_context(&cluster.admin(), Context::new(&Arc::default()))
            .map_err(|error| KafkaError::Setting { reason: error.to_string() })?;
        Ok(Self { cluster: cluster.clone(), admin, asking: make_consumer(&cluster.watermark_client())? })
    }

    /// Names of all topics, sorted, without Kafka's internal ones.
    pub fn topics(&self) -> Result<Vec<String>, KafkaError> {
        let metadata = self
            .asking
            .fetch_metadata(None, limits::METADATA)
            .map_err(|error| asked(&self.asking, "list topics", limits::METADATA, &error))?;
        let mut names: Vec<String> = metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned())
            .filter(|name| !name.starts_with("__"))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Number of partitions; `None` if there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, KafkaError> {
        match partitions_of(&self.asking, topic) {
            Ok(partitions) => Ok(Some(partitions)),
            Err(KafkaError::UnknownTopic { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `None` if there is no such topic.
    pub fn describe(&self, topic: &str) -> Result<Option<TopicDescription>, KafkaError> {
        let Some(partitions) = self.partitions(topic)? else { return Ok(None) };
        let metadata = self
            .asking
            .fetch_metadata(Some(topic), limits::METADATA)
            .map_err(|error| asked(&self.asking, "describe a topic", limits::METADATA, &error))?;
        let replication = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic)
            .flat_map(|found| found.partitions())
            .map(|partition| partition.replicas().len() as i32)
            .min()
            .unwrap_or(0);
        let entries = self.entries(ResourceSpecifier::Topic(topic))?;
        let mut set_here: Vec<String> = entries
            .iter()
            .filter(|entry| entry.source == ConfigSource::DynamicTopic)
            .map(|entry| entry.name.clone())
            .collect();
        set_here.sort();
        let config = entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect();
        Ok(Some(TopicDescription { name: topic.to_owned(), partitions, replication, config, set_here }))
    }

    /// One result for each topic, in the order given; [`KafkaError::TopicExists`] for one that is there already. Returns when the broker that is asked knows
    /// the new topics: on a busy cluster some seconds after the controller has taken them.
    pub fn create(&self, topics: &[NewTopic]) -> Result<Vec<Result<(), KafkaError>>, KafkaError> {
        let native: Vec<NativeTopic<'_>> = topics
            .iter()
            .map(|topic| {
                let new = NativeTopic::new(
                    &topic.name,
                    topic.partitions,
                    TopicReplication::Fixed(topic.replication.unwrap_or(-1)),
                );
                topic.config.iter().fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        if native.is_empty() {
            return Ok(Vec::new());
        }
        let created = within(limits::ADMIN, self.admin.create_topics(&native, &options()))
            .map_err(|error| admin_error("create topics", &error))?;
        let by_name: BTreeMap<String, Result<(), KafkaError>> = created
            .into_iter()
            .map(|created| match created {
                Ok(name) => (name, Ok(())),
                Err((name, Code::TopicAlreadyExists)) => (name.clone(), Err(KafkaError::TopicExists { topic: name })),
                Err((name, code)) => {
                    let refused =
                        KafkaError::Refused { what: format!("create topic `{name}`"), reason: code.to_string() };
                    (name, Err(refused))
                }
            })
            .collect();
        let missing = |name: &str| {
            Err(KafkaError::Refused {
                what: format!("create topic `{name}`"),
                reason: "the broker gave no answer for it".to_owned(),
            })
        };
        let results: Vec<_> = topics
            .iter()
            .map(|topic| by_name.get(&topic.name).cloned().unwrap_or_else(|| missing(&topic.name)))
            .collect();
        // The controller has them; whoever asks the broker next must find them too.
        for (topic, _) in topics.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
            self.wait_until_known(&topic.name)?;
        }
        Ok(results)
    }

    fn wait_until_known(&self, topic: &str) -> Result<(), KafkaError> {
        let started = Instant::now();
        while self.partitions(topic)?.is_none() {
            if started.elapsed() > limits::CONFIG_KNOWN {
                return Err(KafkaError::UnknownTopic { topic: topic.to_owned() });
            }
            std::thread::sleep(limits::UNSTABLE_RETRY);
        }
        Ok(())
    }

    /// Sets these settings of the topic and leaves the others as they are.
    ///
    /// The client knows only the old call that replaces all settings, so those that are there are read and sent along: two processes that do this at the same
    /// moment can undo each other.
    pub fn set_config(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), KafkaError> {
        let entries = self.entries(ResourceSpecifier::Topic(topic))?;
        let mut all: BTreeMap<String, String> = entries
            .into_iter()
            .filter(|entry| entry.source == ConfigSource::DynamicTopic)
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect();
        all.extend(config.iter().map(|(name, value)| (name.clone(), value.clone())));
        let alter = all
            .iter()
            .fold(AlterConfig::new(ResourceSpecifier::Topic(topic)), |alter, (name, value)| alter.set(name, value));
        let what = format!("set the configuration of topic `{topic}`");
        let altered = within(limits::ADMIN, self.admin.alter_configs([&alter], &options()))
            .map_err(|error| admin_error(&what, &error))?;
        if let Some(Err((_, code))) = altered.into_iter().next() {
            return Err(KafkaError::Refused { what, reason: code.to_string() });
        }
        // The library drops the broker's answer for each setting, a refusal too: so look what has become of it. It takes a moment to be known.
        let started = Instant::now();
        loop {
            let now = self.entries(ResourceSpecifier::Topic(topic))?;
            let is_set = |name: &String, value: &String| {
                now.iter().any(|entry| entry.name == *name && entry.value.as_ref() == Some(value))
            };
            let Some(refused) = config.iter().find(|(name, value)| !is_set(name, value)) else { return Ok(()) };
            if started.elapsed() > limits::CONFIG_KNOWN {
                let reason = format!("the broker did not take `{}` for `{}`", refused.1, refused.0);
                return Err(KafkaError::Refused { what, reason });
            }
            std::thread::sleep(limits::UNSTABLE_RETRY);
        }
    }

    /// The high watermark counts records of open transactions too.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks, KafkaError> {
        let asking = self.asking.fetch_watermarks(topic, partition, limits::METADATA);
        let (low, high) = asking.map_err(|error| match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopic) => {
                KafkaError::UnknownTopic { topic: topic.to_owned() }
            }
            _ => asked(&self.asking, "ask for watermarks", limits::METADATA, &error),
        })?;
        Ok(Watermarks { low, high })
    }

    /// Committed offsets of a group by partition; partitions without one are left out.
    pub fn committed_offsets(&self, group_id: &str, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let partitions = self.partitions(topic)?.ok_or_else(|| KafkaError::UnknownTopic { topic: topic.to_owned() })?;
        let watcher = make_consumer(&self.cluster.group_watcher(group_id))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions - 1);
        let committed = watcher
            .committed_offsets(list, limits::METADATA)
            .map_err(|error| asked(&watcher, "ask for committed offsets", limits::METADATA, &error))?;
        let elements = committed.elements();
        let offsets = elements.iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        Ok(offsets.collect())
    }

    pub fn brokers(&self) -> Result<Vec<BrokerInfo>, KafkaError> {
        let metadata = self
            .asking
            .fetch_metadata(None, limits::METADATA)
            .map_err(|error| asked(&self.asking, "list brokers", limits::METADATA, &error))?;
        Ok(metadata
            .brokers()
            .iter()
            .map(|broker| BrokerInfo { id: broker.id(), host: broker.host().to_owned(), port: broker.port() })
            .collect())
    }

    /// Settings of a broker with the values in force, without secret ones.
    pub fn broker_config(&self, broker: i32) -> Result<BTreeMap<String, String>, KafkaError> {
        let entries = self.entries(ResourceSpecifier::Broker(broker))?;
        Ok(entries
            .into_iter()
            .filter(|entry| !entry.is_sensitive)
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect())
    }

    /// True if a broker answers within the limit, and before the stop.
    pub fn reachable(&self, limit: Duration, stop: &StopSignal) -> bool {
        let asked_at = Instant::now();
        while !stop.is_stopped() {
            let left = limit.saturating_sub(asked_at.elapsed());
            // A topic's name need not exist to be asked for; the answer is small, and that there is one is all we want to know.
            if self.asking.fetch_metadata(Some("__consumer_offsets"), left.min(limits::REACHED)).is_ok() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
        false
    }

    fn entries(&self, of: ResourceSpecifier<'_>) -> Result<Vec<rdkafka::admin::ConfigEntry>, KafkaError> {
        let what = "describe a configuration";
        let described = within(limits::ADMIN, self.admin.describe_configs([&of], &options()))
            .map_err(|error| admin_error(what, &error))?;
        match described.into_iter().next() {
            Some(Ok(resource)) => Ok(resource.entries),
            Some(Err(code)) => Err(KafkaError::Refused { what: what.to_owned(), reason: code.to_string() }),
            None => Ok(Vec::new()),
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(limits::ADMIN)).operation_timeout(Some(limits::ADMIN))
}

fn admin_error(what: &str, error: &ClientError) -> KafkaError {
    match error {
        ClientError::AdminOp(
            Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown | Code::RequestTimedOut,
        )
        | ClientError::Canceled => {
            KafkaError::Unavailable { what: what.to_owned(), limit: limits::ADMIN, reason: error.to_string() }
        }
        _ => KafkaError::Refused { what: what.to_owned(), reason: error.to_string() },
    }
}

/// Waits for an answer that comes on another thread. The client library speaks futures here; no executor is needed for one answer at a time.
fn within<T>(limit: Duration, answer: impl Future<Output = KafkaResult<T>>) -> KafkaResult<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut answer = pin!(answer);
    // The client has the same limit and answers when it passes; the second more is for that answer.
    let deadline = Instant::now() + limit + Duration::from_secs(1);
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ClientError::AdminOp(Code::OperationTimedOut));
        }
        std::thread::park_timeout(left);
    }
}
