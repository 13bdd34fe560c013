//! Following topics without a group.

use std::time::Duration;

use crate::{Cluster, KafkaError, Record};

/// Reads the topics from the beginning and goes on for ever. Order is kept for each partition.
pub struct Follower {}

impl Follower {
    /// Checks and makes the clients; does no waiting. Topics that do not exist yet are taken up when they appear.
    pub fn open(_cluster: &Cluster, _topics: &[String]) -> Result<Self, KafkaError> {
        todo!()
    }
    /// The next record, or `None` when there was none within the limit (or the broker is away).
    pub fn poll(&mut self, _limit: Duration) -> Option<Record> {
        todo!()
    }
    /// True once everything that was there when the topics were first seen has been given out by `poll`.
    pub fn caught_up(&self) -> bool {
        todo!()
    }
}
