//! The consume, process, produce loop of one slot, exactly once.
//!
//! A slot is one OS thread with one consumer and two or three transactional producers that take turns: a producer that begins again right after its commit
//! waits for the markers of its last transaction, the next one does not. What is read goes to a [`Processor`], what it writes goes into the transaction that is
//! open, and offsets and outputs are committed together. The next transaction sends nothing before the one before has definitely succeeded, so the outputs of one
//! input partition keep their order.
//!
//! What it does not do: run several records at once, keep state for the processor, or decide what to do with a record that cannot be processed (the processor sends
//! it to a dead letter topic, or pauses the partition).

mod ending;
mod lanes;
mod mend;
mod owners;
mod partitions;
mod slot;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use slot::Slot;

use crate::outbox::Outbox;
use crate::{Cluster, KafkaError, ProcessName, RecordRef, StopSignal, limits};

/// What a worker reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Topics(Vec<String>),
    /// A regular expression that begins with `^`; topics that come to match later are taken up within seconds.
    Pattern(String),
}

/// Settings of one slot.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The same for all slots of a process.
    pub process: Arc<ProcessName>,
    pub input: Input,
    pub group_id: String,
    /// deployment / router name / slot; the letter of each rotating producer is appended to it.
    pub transactional_id: String,
    /// Rotating producers, 1 to 3.
    pub producers: usize,
    /// Under load a transaction is committed after this time...
    pub commit_interval: Duration,
    /// ...or after this many records, whichever comes first.
    pub commit_records: usize,
    /// How often [`Processor::tick`] is called.
    pub tick_interval: Duration,
    /// How long a paused partition waits before its record is tried again: first and longest wait (it doubles).
    pub pause_first: Duration,
    pub pause_longest: Duration,
}

impl WorkerSettings {
    pub fn new(process: &Arc<ProcessName>, input: Input, group_id: &str, transactional_id: &str) -> Self {
        Self {
            process: Arc::clone(process),
            input,
            group_id: group_id.to_owned(),
            transactional_id: transactional_id.to_owned(),
            producers: 2,
            commit_interval: Duration::from_millis(50),
            commit_records: 5_000,
            tick_interval: Duration::from_secs(1),
            pause_first: Duration::from_millis(500),
            pause_longest: Duration::from_secs(10),
        }
    }

    fn check(&self) -> Result<(), KafkaError> {
        let reason = if !(1..=3).contains(&self.producers) {
            format!("`producers` is {}, it must be 1 to 3", self.producers)
        } else if self.group_id.is_empty() || self.transactional_id.is_empty() {
            "`group_id` and `transactional_id` must not be empty".to_owned()
        } else if self.commit_records == 0 {
            "`commit_records` is 0".to_owned()
        } else if self.commit_interval > limits::DRAIN {
            format!(
                "`commit_interval` is above {} ms: a broker ends transactions that are open too long",
                limits::DRAIN.as_millis()
            )
        } else {
            match &self.input {
                Input::Topics(topics) if topics.is_empty() => "no topic to read".to_owned(),
                Input::Topics(topics) if topics.iter().any(|topic| topic.starts_with('^')) => {
                    "a topic name begins with `^`: that is a pattern".to_owned()
                }
                Input::Pattern(pattern) if !pattern.starts_with('^') => {
                    format!("the pattern `{pattern}` does not begin with `^`")
                }
                _ => return Ok(()),
            }
        };
        Err(KafkaError::Setting { reason })
    }
}

/// A partition that this worker has, and the offset of the next record it will consume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedPartition {
    pub topic: String,
    pub partition: i32,
    pub next_offset: i64,
}

/// What [`Processor::begin`] is told.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// All partitions of this worker, sorted by topic and partition.
    pub assigned: &'a [AssignedPartition],
    /// True until a transaction that began with this assignment was committed.
    pub first_after_assignment: bool,
}

/// The processor's answer to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record is consumed; what was sent for it belongs to it.
    Done,
    /// The record cannot be processed now. It is not consumed: its partition is paused and it is given again later; other partitions go on. The processor
    /// must have sent nothing for it.
    Pause {
        /// A reason code for logs and readiness; no values.
        reason: String,
        /// `None`: the back-off of the settings, which doubles from try to try.
        retry_after: Option<Duration>,
    },
    /// The worker must end: the transaction is aborted and `run` returns [`WorkerError::Processor`].
    Fatal { reason: String },
}

/// The processor's answer to a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    Nothing,
    /// Open a transaction now even if there is no input, so that `begin` can write.
    OpenTransaction,
}

/// What happens to the worker, told in order on the worker's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// Producers are initialised, the consumer subscribes.
    Started,
    Assigned {
        partitions: Vec<AssignedPartition>,
    },
    /// `lost`: another worker may have them already; what was not committed was aborted.
    Revoked {
        partitions: Vec<(String, i32)>,
        lost: bool,
    },
    /// What was processed since `begin` is definitely visible.
    Committed {
        records: usize,
        sent: usize,
        took: Duration,
    },
    /// What was processed since `begin` never happened: roll back memory. The records come again.
    Aborted {
        reason: String,
    },
    /// All producers were made new (after an indefinite outcome or fencing). Comes after `Aborted`.
    Rebuilt {
        reason: String,
    },
    PartitionPaused {
        topic: String,
        partition: i32,
        offset: i64,
        reason: String,
        retry_after: Duration,
    },
    PartitionResumed {
        topic: String,
        partition: i32,
    },
    BrokerAway {
        reason: String,
    },
    BrokerBack,
    Stopped,
}

/// The work of one slot. All calls come from one thread, in this order: `begin`, `process`..., then the event `Committed` or `Aborted`.
pub trait Processor {
    /// A transaction begins. What is sent here precedes everything else in it.
    fn begin(&mut self, begin: &Begin<'_>, out: &mut Outbox);
    fn process(&mut self, record: &RecordRef<'_>, out: &mut Outbox) -> Verdict;
    /// Called every `tick_interval`, inside or outside of a transaction.
    fn tick(&mut self) -> Tick {
        Tick::Nothing
    }
    fn event(&mut self, event: &WorkerEvent) {
        let _ = event;
    }
}

/// Why a worker ended other than by its stop signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    #[error(
        "another process is running as `{transactional_id}`: give each router of a deployment a name of its own, or stop the other one"
    )]
    Fenced { transactional_id: String },
    #[error("kafka refused: {reason}")]
    Fatal { reason: String },
    #[error("the worker cannot go on: {reason}")]
    Processor { reason: String },
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// One slot: a consumer, its rotating producers and a processor, on the calling thread.
pub struct TransactionalWorker<P> {
    cluster: Cluster,
    settings: WorkerSettings,
    processor: P,
}

impl<P: Processor> TransactionalWorker<P> {
    /// Checks the settings; connects to nothing.
    pub fn new(cluster: &Cluster, settings: WorkerSettings, processor: P) -> Result<Self, WorkerError> {
        settings.check()?;
        Ok(Self { cluster: cluster.clone(), settings, processor })
    }

    /// Runs until the stop signal (then `Ok`, within 5 seconds) or an error that only an operator can mend.
    pub fn run(&mut self, stop: &StopSignal) -> Result<(), WorkerError> {
        Slot::new(&self.cluster, &self.settings, &mut self.processor, stop).run()
    }

    pub fn processor(&self) -> &P {
        &self.processor
    }

    pub fn into_processor(self) -> P {
        self.processor
    }
}
