//! Reading topics in the order of time, for people (`inbox tail`, `trace`).

use std::time::Duration;

use crate::{Cluster, KafkaError, Record};

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
pub struct Tail {}

impl Tail {
    /// A topic that does not exist is [`KafkaError::UnknownTopic`].
    pub fn open(
        _cluster: &Cluster,
        _topics: &[String],
        _from: TailFrom,
        _until: TailUntil,
    ) -> Result<Self, KafkaError> {
        todo!()
    }
    pub fn next(&mut self, _limit: Duration) -> Result<TailStep, KafkaError> {
        todo!()
    }
}
