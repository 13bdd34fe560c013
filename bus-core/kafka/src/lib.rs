//! Everything of Barid that talks to Kafka.
//!
//! Roles see plain types and blocking calls; the client library behind them ([rdkafka]) appears in no public item. A role runs on an OS thread of its own and passes a
//! [`StopSignal`] to whatever may wait.
//!
//! * [`TransactionalWorker`]: consume, process, produce, exactly once; the router's loop.
//! * [`TransactionalProducer`]: transactions of a process that reads elsewhere; the connector's writer.
//! * [`read_all_to_high_watermark, read_to_high_watermark`], [`Follower`], [`Tail`]: reading without a group: once, for ever, for people.
//! * [`Candidate`]: one of several processes is chosen by a group.
//! * [`BestEffortProducer`]: heartbeats and notices, which nothing depends on.
//! * [`Admin`]: topics, settings, watermarks.
//! * [`InProcessBroker`]: for the demo and fast tests, behind the same [`Cluster`].
//!
//! Settings of every client are built in one place (`settings`), time limits stand in one table (`limits`), and what an error code makes us do in another
//! (`classify`).
//!
//! # Not obvious
//!
//! * Never purge a transactional producer: the abort does it, and keeps the sequence numbers whole; a purge of our own fails the first record of the next
//!   transaction. A record that could not be delivered leaves such a gap too, so after one the producer is made anew.
//! * "End of partition" and a commit without an answer are not what they seem: see `reader` and `transaction`.
//! * A consumer that is dropped waits for the answer to its last rebalance: `Context::close` comes before every drop.
//! * A lone broker that restarts can lose the abort marker of a transaction that times out at that moment (seen with Apache Kafka 4.3.1: "likely deleted already and
//!   hence can be skipped"); its records then appear with the next commit of the same producer. Topics with replicas are not affected.
//!
//! [rdkafka]: https://docs.rs/rdkafka

mod admin;
mod best_effort;
mod burial;
mod candidate;
mod classify;
mod client;
mod error;
mod follow;
mod in_process;
mod limits;
mod membership;
mod outage;
mod outbox;
mod process_name;
mod reader;
mod record;
mod settings;
mod snapshot;
mod stop;
mod tail;
mod transaction;
mod worker;

pub use admin::{Admin, BrokerInfo, NewTopic, TopicDescription, Watermarks};
pub use best_effort::BestEffortProducer;
pub use candidate::{Candidate, CandidateEvent};
pub use error::KafkaError;
pub use follow::Follower;
pub use in_process::InProcessBroker;
pub use outbox::{Outbox, SendError};
pub use process_name::ProcessName;
pub use record::{HeaderIter, Outgoing, Record, RecordRef, UNREADABLE_HEADER};
pub use settings::{ClientSettings, Cluster};
pub use snapshot::{SnapshotSummary, read_all_to_high_watermark, read_to_high_watermark};
pub use stop::StopSignal;
pub use tail::{Tail, TailFrom, TailStep, TailUntil};
pub use transaction::{TransactionError, TransactionalProducer};
pub use worker::{
    AssignedPartition, Begin, Input, Processor, Tick, TransactionalWorker, Verdict, WorkerError, WorkerEvent,
    WorkerSettings,
};
