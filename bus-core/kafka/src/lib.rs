//! Everything of Barid that talks to Kafka.

mod admin;
mod best_effort;
mod burial;
mod classify;
mod client;
mod error;
mod follow;
mod in_process;
mod limits;
mod outbox;
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
pub use error::KafkaError;
pub use follow::Follower;
pub use in_process::InProcessBroker;
pub use outbox::{Outbox, SendError};
pub use record::{HeaderIter, Outgoing, Record, RecordRef, UNREADABLE_HEADER};
pub use settings::{ClientSettings, Cluster};
pub use snapshot::{SnapshotSummary, read_to_high_watermark};
pub use stop::StopSignal;
pub use tail::{Tail, TailFrom, TailStep, TailUntil};
pub use transaction::{TransactionError, TransactionalProducer};
pub use worker::{
    AssignedPartition, Begin, Input, Processor, Tick, TransactionalWorker, Verdict, WorkerError, WorkerEvent,
    WorkerSettings,
};
