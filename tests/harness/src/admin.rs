//! What an administrator of the cluster does beside the bus: topics and their settings.

use std::collections::BTreeMap;
use std::future::Future;

use anyhow::{Context, Result, anyhow};
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use crate::records;
use crate::wait::{HANGS_AFTER, wait_until};

/// Creates a topic with settings of its own, and waits until the broker knows it: the controller says that it is created
/// before the broker tells it to those who ask.
pub fn create_topic(bootstrap_servers: &str, name: &str, partitions: i32, config: &[(&str, &str)]) -> Result<()> {
    create(bootstrap_servers, name, partitions, 1, config)
}

/// Creates a topic on a cluster, each partition of it several times.
pub fn create_replicated_topic(bootstrap_servers: &str, name: &str, partitions: i32, replicas: i32) -> Result<()> {
    create(bootstrap_servers, name, partitions, replicas, &[])
}

fn create(bootstrap_servers: &str, name: &str, partitions: i32, replicas: i32, config: &[(&str, &str)]) -> Result<()> {
    let admin = client(bootstrap_servers)?;
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
    for (setting, value) in config {
        topic = topic.set(setting, value);
    }
    for result in block_on(admin.create_topics([&topic], &options()))?? {
        result.map_err(|(name, error)| anyhow!("cannot create `{name}`: {error}"))?;
    }
    wait_until(&format!("`{name}` to be known"), HANGS_AFTER, || {
        Ok(records::topics(bootstrap_servers, name)?.get(name) == Some(&partitions))
    })
}

/// Deletes topics.
pub fn delete_topics(bootstrap_servers: &str, names: &[&str]) -> Result<()> {
    for result in block_on(client(bootstrap_servers)?.delete_topics(names, &options()))?? {
        result.map_err(|(name, error)| anyhow!("cannot delete `{name}`: {error}"))?;
    }
    Ok(())
}

/// The settings of topics that stand in their own configuration, not in the broker's, by topic.
pub fn topic_configs<'t>(
    bootstrap_servers: &str,
    names: impl IntoIterator<Item = &'t str>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let admin = client(bootstrap_servers)?;
    let topics: Vec<ResourceSpecifier<'_>> = names.into_iter().map(ResourceSpecifier::Topic).collect();
    let mut configs = BTreeMap::new();
    for described in block_on(admin.describe_configs(&topics, &options()))?? {
        let described = described?;
        let OwnedResourceSpecifier::Topic(name) = described.specifier else { continue };
        let own = described.entries.into_iter().filter(|entry| !entry.is_default);
        configs.insert(name, own.map(|entry| (entry.name, entry.value.unwrap_or_default())).collect());
    }
    Ok(configs)
}

/// The settings of one topic.
pub fn topic_config(bootstrap_servers: &str, name: &str) -> Result<BTreeMap<String, String>> {
    topic_configs(bootstrap_servers, [name])?.remove(name).context("no answer")
}

fn client(bootstrap_servers: &str) -> Result<AdminClient<DefaultClientContext>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set_log_level(RDKafkaLogLevel::Emerg);
    Ok(config.create()?)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(HANGS_AFTER)).operation_timeout(Some(HANGS_AFTER))
}

fn block_on<F: Future>(future: F) -> Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
