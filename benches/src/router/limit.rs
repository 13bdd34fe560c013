//! The limit: what the client and the broker can do when nothing is thought about.
//!
//! A bare loop that takes a record, hands its key and payload to the producer once for each destination, and commits offsets and
//! copies in one transaction. Destinations are those of the sample's events, in turn. The settings of the clients are those of
//! barid-kafka's `settings.rs`, and so is the rotation of producers; there is no rebalance (partitions are dealt out by hand), no
//! retry and no recovery.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use barid_harness::records;
use clap::Parser;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::process::Program;

/// For one call of a transaction.
const LIMIT: Duration = Duration::from_secs(30);

/// The first argument that makes this program the loop.
pub(crate) const COMMAND: &str = "limit-loop";

/// Settings of the loop.
#[derive(Debug, Clone, Parser)]
#[command(name = COMMAND)]
pub(crate) struct LimitArguments {
    #[arg(long)]
    pub(crate) bootstrap_servers: String,
    /// The group, and the beginning of the transactional ids
    #[arg(long)]
    pub(crate) name: String,
    /// How the topics that are read begin
    #[arg(long)]
    pub(crate) prefix: String,
    /// The topics of each event's copies, a line for an event
    #[arg(long)]
    pub(crate) destinations: PathBuf,
    #[arg(long)]
    pub(crate) threads: usize,
    #[arg(long)]
    pub(crate) producers: usize,
    #[arg(long)]
    pub(crate) commit_interval_ms: u64,
    #[arg(long)]
    pub(crate) commit_records: usize,
    /// Pass the headers on as well
    #[arg(long)]
    pub(crate) headers: bool,
}

/// This program as the loop.
pub(crate) fn program(arguments: &LimitArguments) -> Result<Program> {
    let mut all: Vec<String> = vec![COMMAND.to_owned()];
    let mut option = |name: &str, value: String| all.extend([format!("--{name}"), value]);
    option("bootstrap-servers", arguments.bootstrap_servers.clone());
    option("name", arguments.name.clone());
    option("prefix", arguments.prefix.clone());
    option("destinations", arguments.destinations.display().to_string());
    option("threads", arguments.threads.to_string());
    option("producers", arguments.producers.to_string());
    option("commit-interval-ms", arguments.commit_interval_ms.to_string());
    option("commit-records", arguments.commit_records.to_string());
    if arguments.headers {
        all.push("--headers".to_owned());
    }
    Ok(Program { program: std::env::current_exe()?, arguments: all, environment: Vec::new() })
}

/// Runs until the process is ended.
pub(crate) fn run(arguments: &LimitArguments) -> Result<()> {
    let text = fs::read_to_string(&arguments.destinations)?;
    let destinations: Vec<Vec<String>> =
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    let partitions = deal(arguments)?;
    thread::scope(|scope| {
        let slots: Vec<_> = partitions
            .iter()
            .enumerate()
            .map(|(number, partitions)| {
                let destinations = &destinations;
                scope.spawn(move || copy(arguments, number, partitions, destinations))
            })
            .collect();
        let ended = slots.into_iter().map(|slot| slot.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))));
        ended.collect()
    })
}

/// The partitions of each thread.
fn deal(arguments: &LimitArguments) -> Result<Vec<TopicPartitionList>> {
    let mut lists = vec![TopicPartitionList::new(); arguments.threads];
    let mut turn = 0;
    for (topic, count) in records::topics(&arguments.bootstrap_servers, &arguments.prefix)? {
        for partition in 0..count {
            lists[turn % arguments.threads].add_partition_offset(&topic, partition, Offset::Beginning)?;
            turn += 1;
        }
    }
    Ok(lists)
}

/// One thread: a consumer and its producers in turn.
fn copy(
    arguments: &LimitArguments,
    number: usize,
    partitions: &TopicPartitionList,
    destinations: &[Vec<String>],
) -> Result<()> {
    let mut producers = Vec::new();
    for index in 0..arguments.producers {
        let producer = producer(arguments, &format!("{}/{number}/{index}", arguments.name))?;
        producer.init_transactions(LIMIT)?;
        producers.push(producer);
    }
    let consumer = consumer(arguments)?;
    consumer.assign(partitions)?;
    let interval = Duration::from_millis(arguments.commit_interval_ms);
    let (mut turn, mut line) = (0, 0);
    let mut open: Option<(Instant, usize)> = None;
    loop {
        if open.is_some_and(|(since, records)| since.elapsed() >= interval || records >= arguments.commit_records) {
            commit(&producers[turn], &consumer)?;
            (open, turn) = (None, (turn + 1) % producers.len());
        }
        let wait = if open.is_some() { Duration::ZERO } else { Duration::from_millis(100) };
        match consumer.poll(wait) {
            Some(message) => {
                let message = message?;
                if open.is_none() {
                    producers[turn].begin_transaction()?;
                }
                for topic in &destinations[line % destinations.len()] {
                    send(&producers[turn], topic, &message, arguments.headers)?;
                }
                line += 1;
                let (_, records) = open.get_or_insert_with(|| (Instant::now(), 0));
                *records += 1;
            }
            None if open.is_some() => {
                commit(&producers[turn], &consumer)?;
                (open, turn) = (None, (turn + 1) % producers.len());
            }
            None => {}
        }
    }
}

type LoopProducer = ThreadedProducer<DefaultProducerContext>;

fn send(producer: &LoopProducer, topic: &str, message: &impl Message, headers: bool) -> Result<()> {
    let key = message.key().context("an event has a key")?;
    let mut record = BaseRecord::to(topic).key(key).payload(message.payload().unwrap_or_default());
    if headers && let Some(headers) = message.headers() {
        record = record.headers(detached(headers));
    }
    let mut waiting = Some(record);
    while let Some(record) = waiting.take() {
        match producer.send(record) {
            Ok(()) => {}
            Err((error, back)) if error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull) => {
                waiting = Some(back);
                thread::sleep(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
    Ok(())
}

fn detached(headers: &impl rdkafka::message::Headers) -> rdkafka::message::OwnedHeaders {
    let all = (0..headers.count()).map(|index| headers.get(index));
    all.fold(rdkafka::message::OwnedHeaders::new_with_capacity(headers.count()), |owned, header| owned.insert(header))
}

fn commit(producer: &LoopProducer, consumer: &BaseConsumer) -> Result<()> {
    // Without this the client takes 100 ms for each commit.
    while producer.in_flight_count() > 0 {
        thread::sleep(Duration::from_micros(50));
    }
    let mut offsets = TopicPartitionList::new();
    for one in consumer.position()?.elements() {
        if let Offset::Offset(offset) = one.offset() {
            offsets.add_partition_offset(one.topic(), one.partition(), Offset::Offset(offset))?;
        }
    }
    let group = consumer.group_metadata().context("a consumer without a group")?;
    producer.send_offsets_to_transaction(&offsets, &group, LIMIT)?;
    producer.commit_transaction(LIMIT)?;
    Ok(())
}

fn base(arguments: &LimitArguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.bootstrap_servers)
        .set("socket.nagle.disable", "true")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

fn producer(arguments: &LimitArguments, transactional_id: &str) -> Result<LoopProducer> {
    let mut config = base(arguments);
    config
        .set("transactional.id", transactional_id)
        .set("transaction.timeout.ms", "10000")
        .set("partitioner", "murmur2_random")
        .set("message.max.bytes", "1000000")
        .set("linger.ms", "1");
    Ok(config.create()?)
}

fn consumer(arguments: &LimitArguments) -> Result<BaseConsumer> {
    let mut config = base(arguments);
    config
        .set("group.id", &arguments.name)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "10");
    Ok(config.create()?)
}
