//! What happens to the partitions of a slot: the group gives and takes them, a record makes one wait, an abort puts positions back.
//!
//! The rebalance callback only notes down ([`crate::client::Rebalance`]); it is carried out here, between two records. Until then the client keeps the partitions, so
//! what was processed of them can still be committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::lanes::list;
use super::slot::{Arriving, GroupConsumer, Positions, Slot, Trouble, is_expelled};
use super::{Processor, WorkerError, WorkerEvent};
use crate::client::{Rebalance, carry_out_assign, carry_out_revoke};
use crate::{KafkaError, RecordRef, limits};

impl<P: Processor> Slot<'_, P> {
    pub(super) fn pause(
        &mut self,
        consumer: &GroupConsumer,
        record: &RecordRef<'_>,
        reason: String,
        asked: Option<Duration>,
    ) -> Result<(), Trouble> {
        let (topic, partition, offset) = (record.topic, record.partition, record.offset);
        let Some(lane) = self.lanes.get_mut(topic, partition) else { return Ok(()) };
        // Records between the position and this one were control records or compacted away.
        let retry_after = lane.pause(asked, self.settings.pause_first, self.settings.pause_longest);
        let here = list([(topic, partition, offset)].into_iter());
        consumer.pause(&here).map_err(|error| Trouble::Rebuild(error.to_string()))?;
        self.seek(consumer, here)?;
        // Said at each try; the processor says once, to people, what it waits for.
        tracing::debug!(
            topic,
            partition,
            offset,
            reason,
            retry_ms = retry_after.as_millis() as u64,
            "partition is paused"
        );
        self.tell(WorkerEvent::PartitionPaused { topic: topic.to_owned(), partition, offset, reason, retry_after });
        Ok(())
    }

    pub(super) fn resume_due(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        if self.lanes.next_due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        for (topic, partition, next) in self.lanes.due(Instant::now()) {
            if let Some(lane) = self.lanes.get_mut(&topic, partition) {
                lane.pause = None;
            }
            let here = list([(topic.as_str(), partition, next)].into_iter());
            self.seek(consumer, here.clone())?;
            consumer.resume(&here).map_err(|error| Trouble::Rebuild(error.to_string()))?;
            self.tell(WorkerEvent::PartitionResumed { topic, partition });
        }
        Ok(())
    }

    /// Puts positions of the client back. It happens inside the client, so a failure is one of timing (a partition that is only just starting): tried until the
    /// limit, then the consumer is beyond help.
    pub(super) fn seek(&self, consumer: &GroupConsumer, positions: TopicPartitionList) -> Result<(), Trouble> {
        let started = Instant::now();
        let mut open = positions;
        while open.count() > 0 {
            let tried = consumer.seek_partitions(open.clone(), limits::SEEK);
            let failed: Vec<_> = match &tried {
                Ok(tried) => tried
                    .elements()
                    .iter()
                    .filter(|element| element.error().is_err())
                    .map(|element| (element.topic().to_owned(), element.partition()))
                    .collect(),
                Err(_) => {
                    open.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
                }
            };
            let mut rest = TopicPartitionList::new();
            for element in open.elements() {
                if failed.iter().any(|(topic, partition)| topic == element.topic() && *partition == element.partition())
                {
                    let _ = rest.add_partition_offset(element.topic(), element.partition(), element.offset());
                }
            }
            open = rest;
            if open.count() == 0 || consumer.assignment_lost() || is_expelled(consumer) {
                break;
            }
            if started.elapsed() > limits::SEEK || self.stop.is_stopped() {
                return Err(Trouble::End(WorkerError::Kafka(KafkaError::Unavailable {
                    what: "put positions back".to_owned(),
                    limit: limits::SEEK,
                    reason: "the client does not take them".to_owned(),
                })));
            }
            self.stop.wait(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn rebalance(&mut self, consumer: &GroupConsumer, rebalance: Rebalance) -> Result<(), Trouble> {
        match rebalance {
            Rebalance::Assign(partitions) if partitions.count() == 0 => {
                self.owners.changed();
                carry_out_assign(consumer, &partitions);
                Ok(())
            }
            Rebalance::Assign(partitions) => {
                self.arriving = Some(Arriving { partitions, next_try: Instant::now() });
                Ok(())
            }
            Rebalance::Revoke { partitions, lost } => {
                let lost = lost || consumer.assignment_lost();
                // What is open is settled first: not lost, nobody else has the partitions before we give them back, and what was done is worth committing.
                let settled = match self.open.is_some() {
                    true if lost => {
                        Err(Trouble::Abort("the partitions were lost to another member of the group".to_owned()))
                    }
                    true => self.commit(consumer),
                    false => Ok(()),
                };
                // An abort puts positions back, also those of the revoked partitions: before they are given back.
                let mended = settled.or_else(|trouble| self.mend(consumer, trouble));
                // What was not taken up never will be. The client does not know of it yet, and would refuse to give any of the others back with it.
                self.forget_arriving(&partitions);
                let mut held = TopicPartitionList::new();
                let mut revoked = Vec::new();
                for element in partitions.elements() {
                    let (topic, partition) = (element.topic(), element.partition());
                    let Some(lane) = self.lanes.get_mut(topic, partition) else { continue };
                    // The client would keep a pause beyond the assignment.
                    if lane.pause.is_some() {
                        let _ = consumer.resume(&list([(topic, partition, 0)].into_iter()));
                    }
                    self.lanes.remove(topic, partition);
                    held.add_partition(topic, partition);
                    revoked.push((topic.to_owned(), partition));
                }
                carry_out_revoke(consumer, &held);
                if !revoked.is_empty() {
                    tracing::debug!(partitions = revoked.len(), lost, "partitions were revoked");
                    self.tell(WorkerEvent::Revoked { partitions: revoked, lost });
                }
                mended.map_err(Trouble::End)
            }
        }
    }

    /// Takes partitions off the list of those that are to be taken up.
    fn forget_arriving(&mut self, revoked: &TopicPartitionList) {
        let Some(arriving) = &mut self.arriving else { return };
        let mut left = TopicPartitionList::new();
        for element in arriving.partitions.elements() {
            if revoked.find_partition(element.topic(), element.partition()).is_none() {
                left.add_partition(element.topic(), element.partition());
            }
        }
        arriving.partitions = left;
        if arriving.partitions.count() == 0 {
            self.arriving = None;
        }
    }

    /// Takes over partitions as soon as their committed offsets are known and stable. Until then the others go on.
    pub(super) fn take_arriving(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        let Some(arriving) = &mut self.arriving else { return Ok(()) };
        if Instant::now() < arriving.next_try {
            return Ok(());
        }
        let partitions = arriving.partitions.clone();
        let client = Arc::clone(consumer);
        let asking = move || stable_offsets(&client, partitions);
        let Some(Ok(positions)) = self.stop.waiting_for(Duration::ZERO, asking) else {
            arriving_later(&mut self.arriving);
            return Ok(());
        };
        // What is open began without these partitions; the next `begin` shall tell of them.
        self.commit(consumer)?;
        self.arriving = None;
        carry_out_assign(
            consumer,
            &list(positions.iter().map(|(topic, partition, next)| (topic.as_str(), *partition, *next))),
        );
        for (topic, partition, next) in &positions {
            self.lanes.insert(topic, *partition, *next);
        }
        self.first_after_assignment = true;
        self.owners.changed();
        tracing::debug!(partitions = positions.len(), "partitions were assigned");
        self.tell(WorkerEvent::Assigned { partitions: self.lanes.assigned() });
        Ok(())
    }

    pub(super) fn put_back(&self, consumer: &GroupConsumer, back: TopicPartitionList) -> Result<(), WorkerError> {
        // Lost partitions cannot be positioned, and need not be.
        if consumer.assignment_lost() {
            return Ok(());
        }
        match self.seek(consumer, back) {
            Err(Trouble::End(_)) if self.stop.is_stopped() => Ok(()),
            Err(Trouble::End(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// The committed offsets, each for certain; a partition without one begins with its oldest record.
fn stable_offsets(consumer: &GroupConsumer, partitions: TopicPartitionList) -> Result<Positions, ClientError> {
    let committed = consumer.committed_offsets(partitions, limits::COMMITTED)?;
    let mut positions = Vec::new();
    for element in committed.elements() {
        element.error()?;
        let next = match element.offset() {
            Offset::Offset(offset) => offset,
            _ => consumer.fetch_watermarks(element.topic(), element.partition(), limits::METADATA)?.0,
        };
        positions.push((element.topic().to_owned(), element.partition(), next));
    }
    Ok(positions)
}

fn arriving_later(arriving: &mut Option<Arriving>) {
    if let Some(arriving) = arriving {
        arriving.next_try = Instant::now() + limits::UNSTABLE_RETRY;
    }
}
