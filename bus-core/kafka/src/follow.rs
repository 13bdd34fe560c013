//! Following topics without a group: every process that needs all of a topic (policy, watch keys, commands) reads all of it, and goes on.
//!
//! Nothing blocks longer than it is told to: while a topic does not exist or the broker is away, `poll` gives nothing and tries again by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::outage::Away;
use crate::reader::{From, Offsets, Preparing, Read, Retry, TopicReader};
use crate::{Cluster, KafkaError, Record, StopSignal, limits};

/// Reads the topics from the beginning and goes on for ever. The order is kept in each partition.
pub struct Follower {
    cluster: Cluster,
    offsets: Offsets,
    stop: StopSignal,
    preparing: Vec<Preparing>,
    retry: Retry,
    away: Away,
    /// Topics of which it was said that they cannot be read yet.
    said: BTreeSet<String>,
    readers: Vec<TopicReader>,
    turn: usize,
}

impl Follower {
    /// Makes the clients; does no waiting. Topics that do not exist yet are taken up when they appear. A stop ends every wait.
    pub fn open(cluster: &Cluster, topics: &[String], stop: &StopSignal) -> Result<Self, KafkaError> {
        Ok(Self {
            cluster: cluster.clone(),
            offsets: Offsets::new(cluster, stop)?,
            stop: stop.clone(),
            preparing: topics.iter().map(|topic| Preparing::new(topic, From::Beginning)).collect(),
            retry: Retry::now(),
            away: Away::new(cluster.outage()),
            said: BTreeSet::new(),
            readers: Vec::new(),
            turn: 0,
        })
    }

    /// The next record, or `None` when there was none within the limit (or the broker is away), or at a stop. An answer from the broker that is being waited
    /// for can make the wait longer by a few seconds while it is away.
    pub fn poll(&mut self, limit: Duration) -> Option<Record> {
        let started = Instant::now();
        loop {
            self.prepare();
            if let Some(record) = self.read(limit.saturating_sub(started.elapsed())) {
                return Some(record);
            }
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() || self.stop.is_stopped() {
                return None;
            }
            if self.readers.is_empty() {
                self.stop.wait(left.min(self.retry.wait().max(Duration::from_millis(1))));
            }
        }
    }

    /// True once everything that was there when the topics were first seen has been given out by `poll`. A topic that does not exist is not caught up.
    pub fn caught_up(&self) -> bool {
        self.preparing.is_empty() && self.readers.iter().all(TopicReader::reached)
    }

    fn prepare(&mut self) {
        if self.preparing.is_empty() || !self.retry.due() {
            return;
        }
        let mut waiting = Vec::new();
        let mut answering = true;
        for mut preparing in std::mem::take(&mut self.preparing) {
            // Without an answer for one topic there will be none for the next, and each question takes its time.
            if !answering || self.stop.is_stopped() {
                waiting.push(preparing);
                continue;
            }
            match preparing.advance(&self.cluster, &self.offsets) {
                Ok(Some(reader)) => {
                    self.said.remove(reader.topic());
                    self.readers.push(reader);
                    continue;
                }
                Ok(None) => self.retry.after(limits::UNSTABLE_RETRY),
                Err(KafkaError::Stopped { .. }) => {}
                Err(KafkaError::Unavailable { reason, .. }) => {
                    answering = false;
                    self.retry.after(self.away.again(&reason));
                }
                // Whatever it is, it can mend: the topic is created, an ACL is set.
                Err(error) => {
                    if self.said.insert(preparing.topic().to_owned()) {
                        tracing::warn!(topic = preparing.topic(), %error, "a topic cannot be read yet, waiting for it");
                    }
                    self.retry.after(limits::TOPIC_RETRY);
                }
            }
            waiting.push(preparing);
        }
        self.preparing = waiting;
        if answering && !self.stop.is_stopped() {
            self.away.back();
        }
    }

    /// One record of any topic, in turn.
    fn read(&mut self, limit: Duration) -> Option<Record> {
        let started = Instant::now();
        // One topic can block for the whole limit, several share it in slices.
        let slice =
            if self.readers.len() == 1 && self.preparing.is_empty() { limits::POLL } else { Duration::from_millis(10) };
        let mut quiet = 0;
        loop {
            if self.readers.is_empty() {
                return None;
            }
            self.turn = (self.turn + 1) % self.readers.len();
            let all_quiet = quiet >= self.readers.len();
            let wait = if all_quiet { slice.min(limit.saturating_sub(started.elapsed())) } else { Duration::ZERO };
            let mut record = None;
            match read_one(&mut self.readers[self.turn], wait, &mut record) {
                Read::Record => return record,
                Read::End => quiet = 0,
                Read::Nothing => {
                    quiet += 1;
                    if all_quiet && (started.elapsed() >= limit || (!self.preparing.is_empty() && self.retry.due())) {
                        return None;
                    }
                }
            }
        }
    }
}

fn read_one(reader: &mut TopicReader, limit: Duration, record: &mut Option<Record>) -> Read {
    match reader.poll(limit, |read| *record = Some(read.to_record())) {
        Ok(read) => read,
        Err(error) => {
            tracing::debug!(topic = reader.topic(), error = %error, "following goes on");
            Read::Nothing
        }
    }
}
