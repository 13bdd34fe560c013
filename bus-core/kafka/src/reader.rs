//! Reading a topic from a known place to a known end, without a group. Snapshot, follower and tail are made of it.
//!
//! The end is the difficult part. The client says "end of partition" at the last stable offset, and the open transaction of somebody else holds that back: what
//! is already committed behind it would be missed. So the end is the **high watermark**, asked for by a client with `read_uncommitted`; then the last stable
//! offset is watched (it is what a client with `read_committed` is told as the high watermark) until it has passed that mark; and only then reading begins. From
//! there on the first "end of partition" of each partition is true. Transactions cannot stay open for ever, so the wait is bounded by the broker.
//!
//! The client reports the end of a partition without the name of its topic, therefore each topic has a consumer of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::burial::bury_by;
use crate::classify::{Class, classify};
use crate::client::Context;
use crate::{Cluster, KafkaError, RecordRef, StopSignal, limits};

pub(crate) type Consuming = BaseConsumer<Context>;

/// The consumer of a reader, which outlives it if there is another topic to read. Whoever drops it last waits for its end only so long.
pub(crate) struct Reading {
    consumer: Option<Arc<Consuming>>,
    stop: StopSignal,
}

impl Reading {
    fn new(config: &ClientConfig, stop: &StopSignal) -> Result<Self, KafkaError> {
        Ok(Self { consumer: Some(Arc::new(make_consumer(config)?)), stop: stop.clone() })
    }

    fn get(&self) -> Option<&Arc<Consuming>> {
        self.consumer.as_ref()
    }

    /// Asks the broker something; a stop ends the wait for the answer at once.
    fn ask<T: Send + 'static>(
        &self,
        what: &str,
        question: impl FnOnce(&Consuming) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let stopped = || KafkaError::Stopped { what: what.to_owned() };
        let consumer = self.get().cloned().ok_or_else(stopped)?;
        self.stop.waiting_for(Duration::ZERO, move || question(&consumer)).ok_or_else(stopped)?
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            bury_by("reader", consumer, limits::STOP_CONSUMER, &self.stop);
        }
    }
}

pub(crate) fn make_consumer(config: &ClientConfig) -> Result<Consuming, KafkaError> {
    BaseConsumer::from_config_and_context(config, Context::new(&Arc::default()))
        .map_err(|error| KafkaError::Setting { reason: error.to_string() })
}

/// The error of a call that asks the broker.
pub(crate) fn asked(client: &Consuming, what: &str, limit: Duration, error: &ClientError) -> KafkaError {
    let code = error.rdkafka_error_code();
    match code.map(classify) {
        Some((Class::Fatal | Class::Credentials, why)) => {
            KafkaError::Refused { what: what.to_owned(), reason: format!("{error}: {why}") }
        }
        _ => {
            let no_answer = matches!(
                code,
                Some(Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve)
            );
            let trouble = client.context().trouble().filter(|_| no_answer);
            let reason = trouble.unwrap_or_else(|| {
                if code == Some(Code::OperationTimedOut) { "no answer".to_owned() } else { error.to_string() }
            });
            KafkaError::Unavailable { what: what.to_owned(), limit, reason }
        }
    }
}

/// Two clients that ask for offsets, shared by all readers of one snapshot, follower or tail.
pub(crate) struct Offsets {
    high: Reading,
    stable: Reading,
    stop: StopSignal,
}

impl Offsets {
    /// A stop ends every wait for an answer.
    pub(crate) fn new(cluster: &Cluster, stop: &StopSignal) -> Result<Self, KafkaError> {
        Ok(Self {
            high: Reading::new(&cluster.watermark_client(), stop)?,
            stable: Reading::new(&cluster.stable_offset_client(), stop)?,
            stop: stop.clone(),
        })
    }

    /// Number of partitions.
    pub(crate) fn partitions(&self, topic: &str) -> Result<i32, KafkaError> {
        let owned = topic.to_owned();
        self.high.ask("ask for a topic", move |client| partitions_of(client, &owned))
    }

    pub(crate) fn low_and_high(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        watermarks(&self.high, "ask for the high watermark", topic, partition)
    }

    fn last_stable(&self, topic: &str, partition: i32) -> Result<i64, KafkaError> {
        watermarks(&self.stable, "ask for the last stable offset", topic, partition).map(|(_, stable)| stable)
    }
}

fn watermarks(client: &Reading, what: &'static str, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    let topic = topic.to_owned();
    client.ask(what, move |client| {
        let asking = client.fetch_watermarks(&topic, partition, limits::METADATA);
        asking.map_err(|error| asked(client, what, limits::METADATA, &error))
    })
}

/// Number of partitions of a topic.
pub(crate) fn partitions_of(client: &Consuming, topic: &str) -> Result<i32, KafkaError> {
    let asking = client.fetch_metadata(Some(topic), limits::METADATA);
    let metadata = match asking {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(error.rdkafka_error_code(), Some(Code::UnknownTopicOrPartition | Code::UnknownTopic)) =>
        {
            return Err(KafkaError::UnknownTopic { topic: topic.to_owned() });
        }
        Err(error) => return Err(asked(client, "ask for a topic", limits::METADATA, &error)),
    };
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| (found.error().map(Code::from), found.partitions().len())) {
        None | Some((Some(Code::UnknownTopicOrPartition | Code::UnknownTopic), _)) => {
            Err(KafkaError::UnknownTopic { topic: topic.to_owned() })
        }
        Some((Some(error), _)) => {
            Err(asked(client, "ask for a topic", limits::METADATA, &ClientError::MetadataFetch(error)))
        }
        Some((None, partitions)) => Ok(partitions as i32),
    }
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Beginning,
    HighWatermark,
}

/// A topic on its way to being read.
pub(crate) struct Preparing {
    topic: String,
    from: From,
    /// (low, high) of each partition, as they were when the topic was first seen.
    marks: Vec<(i64, i64)>,
    /// Partitions below this number are stable up to their mark.
    stable: usize,
    /// Nothing after the marks is wanted, so a topic without records needs no client.
    to_marks_only: bool,
    /// A consumer that has served for another topic.
    used: Option<Reading>,
}

impl Preparing {
    pub(crate) fn new(topic: &str, from: From) -> Self {
        Self { topic: topic.to_owned(), from, marks: Vec::new(), stable: 0, to_marks_only: false, used: None }
    }

    /// The reader is not asked for anything after the marks.
    pub(crate) fn ending_at_the_marks(self) -> Self {
        Self { to_marks_only: true, ..self }
    }

    /// Goes on with the consumer of a reader that has ended: its connections stand.
    pub(crate) fn with_consumer(self, used: Option<Reading>) -> Self {
        Self { used, ..self }
    }

    /// The consumer that was given and not needed.
    pub(crate) fn unused_consumer(&mut self) -> Option<Reading> {
        self.used.take()
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Goes as far as it can without waiting for anybody's transaction. `None`: not yet, call again a little later.
    pub(crate) fn advance(&mut self, cluster: &Cluster, offsets: &Offsets) -> Result<Option<TopicReader>, KafkaError> {
        if self.marks.is_empty() {
            let partitions = offsets.partitions(&self.topic)?;
            self.marks = (0..partitions)
                .map(|partition| offsets.low_and_high(&self.topic, partition))
                .collect::<Result<_, _>>()?;
        }
        while let Some((low, high)) = self.marks.get(self.stable) {
            let nothing_to_wait_for = low == high || self.from == From::HighWatermark;
            if !nothing_to_wait_for && offsets.last_stable(&self.topic, self.stable as i32)? < *high {
                return Ok(None);
            }
            self.stable += 1;
        }
        if self.to_marks_only && self.marks.iter().all(|(low, high)| low == high) {
            return Ok(Some(TopicReader::of_nothing(&self.topic, &self.marks)));
        }
        if let Some(used) = &self.used {
            // The client looks for the leaders of a topic that it has never heard of once a second; asked for, they are in its cache.
            let topic = self.topic.clone();
            used.ask("ask for a topic", move |client| partitions_of(client, &topic))?;
        }
        let consumer = match self.used.take() {
            Some(used) => used,
            None if self.to_marks_only => Reading::new(&cluster.snapshot_reader(), &offsets.stop)?,
            None => Reading::new(&cluster.reader(), &offsets.stop)?,
        };
        TopicReader::start(consumer, &self.topic, self.from, &self.marks).map(Some)
    }
}

/// A topic that is being read.
pub(crate) struct TopicReader {
    consumer: Option<Reading>,
    topic: String,
    progress: Progress,
    /// Given out since the partitions were looked at that give nothing.
    records: u32,
}

/// How far a reader has come.
pub(crate) struct Progress {
    targets: Vec<Target>,
}

/// What one partition has to reach.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Of the record that comes next.
    next: i64,
    /// The high watermark when the topic was first seen.
    pub(crate) high: i64,
    pub(crate) reached: bool,
    /// Since when the partition gives nothing, and how long that may be before its end is asked for again.
    quiet_since: Option<Instant>,
    patience: Duration,
}

impl Target {
    fn new(next: i64, high: i64) -> Self {
        Self { next, high, reached: next >= high, quiet_since: None, patience: limits::END_UNKNOWN }
    }

    /// Nothing came. Whether that has gone on for so long that the end should be asked for again; then it may go on for twice as long, for what is asked for again is
    /// fetched again, and on a slow line a fetch takes its time.
    fn is_quiet_for_too_long(&mut self, now: Instant) -> bool {
        let quiet = now.duration_since(*self.quiet_since.get_or_insert(now));
        if self.reached || quiet < self.patience {
            return false;
        }
        self.quiet_since = None;
        self.patience = (self.patience * 2).min(limits::END_UNKNOWN_LONGEST);
        true
    }
}

impl Progress {
    /// By partition.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// A record was given out.
    pub(crate) fn passed(&mut self, partition: i32, offset: i64) {
        if let Some(target) = self.targets.get_mut(partition as usize) {
            target.next = offset + 1;
            target.reached |= target.next >= target.high;
            target.quiet_since = None;
        }
    }

    /// The client has said that a partition is at its end.
    pub(crate) fn ended(&mut self, partition: i32) {
        if let Some(target) = self.targets.get_mut(partition as usize) {
            target.reached = true;
        }
    }

    /// True once every partition has given out what was there when the topic was first seen.
    pub(crate) fn reached(&self) -> bool {
        self.targets.iter().all(|target| target.reached)
    }
}

/// What one poll of a reader gave.
pub(crate) enum Read {
    Record,
    /// A partition has reached its end.
    End,
    Nothing,
}

impl TopicReader {
    fn start(consumer: Reading, topic: &str, from: From, marks: &[(i64, i64)]) -> Result<Self, KafkaError> {
        let mut assignment = TopicPartitionList::new();
        let mut targets = Vec::new();
        for (partition, (low, high)) in marks.iter().enumerate() {
            let begin = if from == From::Beginning { *low } else { *high };
            let added = assignment.add_partition_offset(topic, partition as i32, Offset::Offset(begin));
            added.map_err(|error| KafkaError::Refused {
                what: "assign a partition".to_owned(),
                reason: error.to_string(),
            })?;
            targets.push(Target::new(begin, *high));
        }
        consumer
            .get()
            .map_or(Ok(()), |client| client.assign(&assignment))
            .map_err(|error| KafkaError::Refused { what: "assign partitions".to_owned(), reason: error.to_string() })?;
        Ok(Self::with(Some(consumer), topic, targets))
    }

    /// A reader that has reached its end.
    fn of_nothing(topic: &str, marks: &[(i64, i64)]) -> Self {
        let targets = marks.iter().map(|(_, high)| Target::new(*high, *high)).collect();
        Self::with(None, topic, targets)
    }

    fn with(consumer: Option<Reading>, topic: &str, targets: Vec<Target>) -> Self {
        Self { consumer, topic: topic.to_owned(), progress: Progress { targets }, records: 0 }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Ends the reading and gives the consumer out for another topic. What has been fetched of this one, and word of its ends, is not given out any more: an
    /// assignment makes the client raise the version of every partition that it takes away, and what is of an older version it drops when it is polled.
    pub(crate) fn into_consumer(mut self) -> Option<Reading> {
        let consumer = self.consumer.take()?;
        consumer.get()?.unassign().is_ok().then_some(consumer)
    }

    pub(crate) fn partitions(&self) -> usize {
        self.progress.targets.len()
    }

    pub(crate) fn consumer(&self) -> Option<&Arc<Consuming>> {
        self.consumer.as_ref().and_then(Reading::get)
    }

    /// See [`Progress::reached`].
    pub(crate) fn reached(&self) -> bool {
        self.progress.reached()
    }

    /// The next record of any partition.
    pub(crate) fn poll(&mut self, limit: Duration, each: impl FnOnce(&RecordRef<'_>)) -> Result<Read, KafkaError> {
        let Some(consumer) = self.consumer.as_ref().and_then(Reading::get) else { return Ok(Read::Nothing) };
        match consumer.poll(limit) {
            Some(Ok(message)) => {
                let record = RecordRef::from_message(&message);
                self.progress.passed(record.partition, record.offset);
                each(&record);
                self.records += 1;
                // While one partition gives records all the time, another one may wait for the word of its end.
                if self.records >= limits::END_UNKNOWN_RECORDS {
                    self.gave_nothing(0..self.partitions());
                }
                Ok(Read::Record)
            }
            Some(Err(ClientError::PartitionEOF(partition))) => {
                self.progress.ended(partition);
                Ok(Read::End)
            }
            Some(Err(error)) => reading_error(&self.topic, &error).map_or(Ok(Read::Nothing), Err),
            None => {
                self.gave_nothing(0..self.partitions());
                Ok(Read::Nothing)
            }
        }
    }

    /// These partitions gave nothing, as far as they gave nothing since the last look. Behind the last record may stand a transaction's marker, so that only the client's
    /// word tells of the end. It says it once for an offset, and loses the word if the partition gets another leader at that moment: reading on from the same place
    /// makes it say it again.
    pub(crate) fn gave_nothing(&mut self, partitions: std::ops::Range<usize>) {
        self.records = 0;
        if self.reached() {
            return;
        }
        let (now, mut unknown) = (Instant::now(), TopicPartitionList::new());
        for partition in partitions {
            let target = &mut self.progress.targets[partition];
            if target.is_quiet_for_too_long(now) {
                // An offset is no number only if somebody else made it.
                let _ = unknown.add_partition_offset(&self.topic, partition as i32, Offset::Offset(target.next));
            }
        }
        let Some(consumer) = self.consumer().filter(|_| unknown.count() > 0) else { return };
        if let Err(error) = consumer.seek_partitions(unknown, limits::POLL) {
            tracing::debug!(topic = self.topic, %error, "the end of a topic is not known yet");
        }
    }
}

/// The error of a poll, if it is one that the client does not get over by itself.
pub(crate) fn reading_error(topic: &str, error: &ClientError) -> Option<KafkaError> {
    let code = error.rdkafka_error_code()?;
    match classify(code) {
        // The coordinator of a group that is never joined.
        (Class::Fatal, _) if code == Code::GroupAuthorizationFailed => None,
        (Class::Fatal, why) => {
            Some(KafkaError::Refused { what: format!("read topic `{topic}`"), reason: format!("{error}: {why}") })
        }
        _ => None,
    }
}

/// The time until the next try of something that is not there yet.
pub(crate) struct Retry {
    next: Instant,
}

impl Retry {
    pub(crate) fn now() -> Self {
        Self { next: Instant::now() }
    }

    pub(crate) fn due(&self) -> bool {
        Instant::now() >= self.next
    }

    pub(crate) fn after(&mut self, wait: Duration) {
        self.next = Instant::now() + wait;
    }

    pub(crate) fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use barid_harness::HANGS_AFTER;
    use rdkafka::Message;

    use super::*;
    use crate::{InProcessBroker, Outgoing, TransactionalProducer};

    /// A topic with one record in its first partition, and what it takes to read it.
    pub(crate) fn one_record(partitions: i32) -> (InProcessBroker, Cluster) {
        let broker = InProcessBroker::start().unwrap();
        broker.create_topic("a", partitions).unwrap();
        let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
        let mut producer = TransactionalProducer::connect(&cluster, "t", &StopSignal::new()).unwrap();
        producer.begin().unwrap();
        producer.send(&Outgoing { topic: "a", partition: Some(0), value: Some(b"1"), ..Outgoing::default() }).unwrap();
        producer.commit().unwrap();
        (broker, cluster)
    }

    impl TopicReader {
        /// As if the marker of a transaction stood behind the last record: the in-process broker writes none.
        pub(crate) fn expect_a_marker(&mut self) {
            for target in &mut self.progress.targets {
                target.high += 1;
            }
        }
    }

    /// A reader that has taken the record, and not the word of the end.
    fn without_the_end(cluster: &Cluster) -> TopicReader {
        let offsets = Offsets::new(cluster, &StopSignal::new()).unwrap();
        let mut reader = Preparing::new("a", From::Beginning).advance(cluster, &offsets).unwrap().unwrap();
        reader.expect_a_marker();
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < HANGS_AFTER);
            match reader.consumer().unwrap().poll(limits::POLL) {
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    drop(message);
                    reader.progress.passed(partition, offset);
                }
                Some(Err(ClientError::PartitionEOF(0))) => return reader,
                _ => {}
            }
        }
    }

    #[test]
    fn a_reader_that_has_lost_the_word_of_the_end_asks_for_it_again() {
        let (_broker, cluster) = one_record(1);
        let mut reader = without_the_end(&cluster);
        assert!(!reader.reached());
        let (started, mut records) = (Instant::now(), 0);
        while !reader.reached() {
            assert!(started.elapsed() < HANGS_AFTER, "the end never came again");
            reader.poll(limits::POLL, |_| records += 1).unwrap();
        }
        assert_eq!(records, 0, "no record comes a second time");
    }

    #[test]
    fn it_does_so_while_another_partition_gives_records_all_the_time() {
        let (_broker, cluster) = one_record(2);
        let mut reader = without_the_end(&cluster);
        let mut producer = TransactionalProducer::connect(&cluster, "busy", &StopSignal::new()).unwrap();
        let started = Instant::now();
        while !reader.progress.targets[0].reached {
            assert!(started.elapsed() < HANGS_AFTER, "the end never came again");
            producer.begin().unwrap();
            for _ in 0..20 {
                let record = Outgoing { topic: "a", partition: Some(1), value: Some(b"1"), ..Outgoing::default() };
                producer.send(&record).unwrap();
            }
            producer.commit().unwrap();
            // One poll gives one record: there is always another one.
            for _ in 0..10 {
                reader.poll(limits::POLL, |record| assert_eq!(record.partition, 1)).unwrap();
            }
        }
    }
}
