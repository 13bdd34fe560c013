//! Reading a topic once, to its end: how a role gets its state back before it does anything.

use std::time::Instant;

use crate::outage::Away;
use crate::reader::{From, Offsets, Preparing, Read, TopicReader};
use crate::{Cluster, KafkaError, RecordRef, StopSignal, limits};

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SnapshotSummary {
    pub records: usize,
    pub partitions: usize,
}

/// Gives every committed record of the topic, from the beginning to the high watermark of this moment; each partition in its order, each record once. Waits out
/// the open transactions of others. While the broker is away it waits with back-off.
///
/// A topic that does not exist is [`KafkaError::UnknownTopic`]; the stop signal gives [`KafkaError::Stopped`].
pub fn read_to_high_watermark(
    cluster: &Cluster,
    topic: &str,
    stop: &StopSignal,
    mut each: impl FnMut(&RecordRef<'_>),
) -> Result<SnapshotSummary, KafkaError> {
    read_all_to_high_watermark(cluster, &[topic.to_owned()], stop, &mut each)
}

/// Reads several topics one after another, each as [`read_to_high_watermark`] does. Cheaper than a call for each: all clients are shared, and a topic without
/// records costs two questions.
pub fn read_all_to_high_watermark(
    cluster: &Cluster,
    topics: &[String],
    stop: &StopSignal,
    mut each: impl FnMut(&RecordRef<'_>),
) -> Result<SnapshotSummary, KafkaError> {
    let offsets = Offsets::new(cluster, stop)?;
    let mut consumer = None;
    let mut summary = SnapshotSummary::default();
    for topic in topics {
        let stopped = || KafkaError::Stopped { what: format!("reading topic `{topic}`") };
        let mut preparing = Preparing::new(topic, From::Beginning).ending_at_the_marks().with_consumer(consumer.take());
        let mut reader = prepare(cluster, &offsets, &mut preparing, stop)?.ok_or_else(stopped)?;
        while !reader.reached() {
            if stop.is_stopped() {
                return Err(stopped());
            }
            if let Read::Record = reader.poll(limits::POLL, &mut each)? {
                summary.records += 1;
            }
        }
        summary.partitions += reader.partitions();
        consumer = reader.into_consumer().or_else(|| preparing.unused_consumer());
    }
    Ok(summary)
}

/// Waits until the topic can be read to its end. `None`: stopped.
fn prepare(
    cluster: &Cluster,
    offsets: &Offsets,
    preparing: &mut Preparing,
    stop: &StopSignal,
) -> Result<Option<TopicReader>, KafkaError> {
    let topic = &preparing.topic().to_owned();
    let started = Instant::now();
    let mut away = Away::new(cluster.outage());
    let mut said_open = false;
    while !stop.is_stopped() {
        let wait = match preparing.advance(cluster, offsets) {
            Ok(Some(reader)) => {
                away.back();
                return Ok(Some(reader));
            }
            Ok(None) => {
                if !said_open && started.elapsed() > limits::COMMITTED {
                    said_open = true;
                    tracing::info!(topic, "waiting for a transaction of another process to end");
                }
                limits::UNSTABLE_RETRY
            }
            Err(KafkaError::Unavailable { reason, .. }) => away.again(&reason),
            Err(KafkaError::Stopped { .. }) => break,
            // A topic that was created a moment ago is not known everywhere.
            Err(KafkaError::UnknownTopic { .. }) if started.elapsed() < limits::UNKNOWN_TOPIC => limits::UNSTABLE_RETRY,
            Err(error) => return Err(error),
        };
        stop.wait(wait);
    }
    Ok(None)
}
