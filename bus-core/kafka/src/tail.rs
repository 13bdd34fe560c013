//! Reading topics in the order of time, for people (`inbox tail`, `trace`).
//!
//! Each partition is in order by itself; to have the order of time across them, one record of each is held and the oldest is given out. So memory is bounded
//! whatever the topics hold: each partition has a queue of its own in the client, and fetching stops when it is full.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, KafkaResult};
use rdkafka::message::BorrowedMessage;

use crate::client::Context;
use crate::reader::{From, Offsets, Preparing, TopicReader, reading_error};
use crate::{Cluster, KafkaError, Record, RecordRef, StopSignal, limits};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailFrom {
    Beginning,
    /// Only what comes from now on.
    End,
}

/// Where to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailUntil {
    /// At the high watermarks of the moment of opening.
    HighWatermarks,
    Forever,
}

/// One step of a tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailStep {
    Record(Record),
    /// Nothing came within the limit.
    Idle,
    /// Every topic was read to its high watermark ([`TailUntil::HighWatermarks`] only).
    End,
}

/// A reader of several topics without a group. Records come in the order of their timestamps as far as they were there when the tail was opened, then as
/// they arrive; the order in each partition is always kept.
pub struct Tail {
    /// The queues must go before their consumers do.
    lanes: Vec<Lane>,
    readers: Vec<TopicReader>,
    until: TailUntil,
    turn: usize,
}

/// One partition of one topic.
struct Lane {
    reader: usize,
    partition: usize,
    queue: Option<PartitionQueue<Context>>,
    waiting: VecDeque<Record>,
}

impl Tail {
    /// Waits for the open transactions of others, so that nothing that is there is missed. A topic that does not exist is [`KafkaError::UnknownTopic`], a
    /// broker that is away [`KafkaError::Unavailable`].
    pub fn open(cluster: &Cluster, topics: &[String], from: TailFrom, until: TailUntil) -> Result<Self, KafkaError> {
        let offsets = Offsets::new(cluster, &StopSignal::new())?;
        let from = match from {
            TailFrom::Beginning => From::Beginning,
            TailFrom::End => From::HighWatermark,
        };
        let mut tail = Self { lanes: Vec::new(), readers: Vec::new(), until, turn: 0 };
        for topic in topics {
            let reader = prepare(cluster, &offsets, topic, from)?;
            tail.take_up(reader);
        }
        Ok(tail)
    }

    fn take_up(&mut self, reader: TopicReader) {
        for partition in 0..reader.partitions() {
            let queue =
                reader.consumer().and_then(|consumer| consumer.split_partition_queue(reader.topic(), partition as i32));
            self.lanes.push(Lane { reader: self.readers.len(), partition, queue, waiting: VecDeque::new() });
        }
        self.readers.push(reader);
    }

    /// The next record in time, or what else there is to say after `limit`.
    pub fn next(&mut self, limit: Duration) -> Result<TailStep, KafkaError> {
        let started = Instant::now();
        loop {
            self.collect_strays()?;
            for lane in 0..self.lanes.len() {
                self.fill(lane, Duration::ZERO)?;
            }
            // While some partition has not reached its mark, its next record may be the oldest of all: wait for that one.
            let left = limit.saturating_sub(started.elapsed());
            match self.lanes.iter().position(|lane| {
                lane.waiting.is_empty() && !self.readers[lane.reader].progress().targets()[lane.partition].reached
            }) {
                Some(lagging) => self.fill(lagging, left.min(limits::POLL))?,
                None => {
                    if let Some(record) = self.oldest() {
                        return Ok(TailStep::Record(record));
                    }
                    if self.until == TailUntil::HighWatermarks {
                        return Ok(TailStep::End);
                    }
                    if !self.lanes.is_empty() {
                        self.turn = (self.turn + 1) % self.lanes.len();
                        self.fill(self.turn, left.min(Duration::from_millis(20)))?;
                    }
                }
            }
            if started.elapsed() >= limit {
                return Ok(TailStep::Idle);
            }
        }
    }

    /// Takes the oldest of the records that are held.
    fn oldest(&mut self) -> Option<Record> {
        let oldest = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(index, lane)| lane.waiting.front().map(|record| (record.timestamp_ms, index)))
            .min()?;
        self.lanes[oldest.1].waiting.pop_front()
    }

    /// Sees that one record of the partition is held, if there is one.
    fn fill(&mut self, index: usize, limit: Duration) -> Result<(), KafkaError> {
        let lane = &mut self.lanes[index];
        if !lane.waiting.is_empty() {
            return Ok(());
        }
        let reader = &mut self.readers[lane.reader];
        if self.until == TailUntil::HighWatermarks && reader.progress().targets()[lane.partition].reached {
            return Ok(());
        }
        let Some(queue) = &lane.queue else { return Ok(()) };
        match queue.poll(limit) {
            Some(polled) => take(polled, &mut lane.waiting, reader, self.until),
            None => {
                reader.gave_nothing(lane.partition..lane.partition + 1);
                Ok(())
            }
        }
    }

    /// Between the assignment and the split of its queues a record may have come into the common queue.
    fn collect_strays(&mut self) -> Result<(), KafkaError> {
        for (number, reader) in self.readers.iter_mut().enumerate() {
            let Some(consumer) = reader.consumer().cloned() else { continue };
            while let Some(polled) = consumer.poll(Duration::ZERO) {
                let partition = match &polled {
                    Ok(message) => RecordRef::from_message(message).partition,
                    Err(ClientError::PartitionEOF(partition)) => *partition,
                    Err(_) => -1,
                };
                let Some(lane) =
                    self.lanes.iter_mut().find(|lane| lane.reader == number && lane.partition as i32 == partition)
                else {
                    continue;
                };
                take(polled, &mut lane.waiting, reader, self.until)?;
            }
        }
        Ok(())
    }
}

/// Keeps what a poll gave, and notes whether the partition has reached its mark.
fn take(
    polled: KafkaResult<BorrowedMessage<'_>>,
    waiting: &mut VecDeque<Record>,
    reader: &mut TopicReader,
    until: TailUntil,
) -> Result<(), KafkaError> {
    match polled {
        Ok(message) => {
            let record = RecordRef::from_message(&message);
            reader.progress_mut().passed(record.partition, record.offset);
            let high = reader.progress().targets().get(record.partition as usize).map_or(0, |target| target.high);
            if until == TailUntil::Forever || record.offset < high {
                waiting.push_back(record.to_record());
            }
            Ok(())
        }
        Err(ClientError::PartitionEOF(partition)) => {
            reader.progress_mut().ended(partition);
            Ok(())
        }
        Err(error) => reading_error(reader.topic(), &error).map_or(Ok(()), Err),
    }
}

fn prepare(cluster: &Cluster, offsets: &Offsets, topic: &str, from: From) -> Result<TopicReader, KafkaError> {
    let started = Instant::now();
    let mut preparing = Preparing::new(topic, from);
    loop {
        match preparing.advance(cluster, offsets) {
            Ok(Some(reader)) => return Ok(reader),
            Ok(None) if started.elapsed() > limits::TAIL_STABLE => {
                return Err(KafkaError::Unavailable {
                    what: format!("read topic `{topic}`"),
                    limit: limits::TAIL_STABLE,
                    reason: "a transaction of another process is still open".to_owned(),
                });
            }
            Ok(None) => std::thread::sleep(limits::UNSTABLE_RETRY),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use barid_harness::HANGS_AFTER;

    use super::*;
    use crate::reader::tests::one_record;

    #[test]
    fn a_tail_that_has_lost_the_word_of_an_end_asks_for_it_again() {
        let (_broker, cluster) = one_record(1);
        let mut tail = Tail::open(&cluster, &["a".to_owned()], TailFrom::Beginning, TailUntil::HighWatermarks).unwrap();
        tail.readers[0].expect_a_marker();
        let started = Instant::now();
        let mut records = 0;
        let (queue, consumer) = (tail.lanes[0].queue.as_ref().unwrap(), tail.readers[0].consumer().cloned().unwrap());
        // The record is taken, the word of the end is not. Either may have come before the queues were split.
        loop {
            assert!(started.elapsed() < HANGS_AFTER);
            match queue.poll(limits::POLL).or_else(|| consumer.poll(Duration::ZERO)) {
                Some(Ok(_)) => {
                    tail.readers[0].progress_mut().passed(0, 0);
                    records += 1;
                }
                Some(Err(ClientError::PartitionEOF(_))) => break,
                _ => {}
            }
        }
        loop {
            assert!(started.elapsed() < HANGS_AFTER, "the end never came again");
            match tail.next(limits::POLL).unwrap() {
                TailStep::Record(_) => records += 1,
                TailStep::End => break,
                TailStep::Idle => {}
            }
        }
        assert_eq!(records, 1, "no record comes a second time");
    }
}
