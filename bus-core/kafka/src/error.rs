//! What can go wrong outside transactions: settings, admin calls, reading.

use std::time::Duration;

/// The error of everything in this crate but transactions ([`crate::TransactionError`]) and the worker ([`crate::WorkerError`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// A property that is passed through would change what a typed setting or a promise of Barid says.
    #[error("kafka property `{property}` cannot be passed through: it fights {typed}")]
    Conflict { property: String, typed: String },
    #[error("kafka setting is not usable: {reason}")]
    Setting { reason: String },
    /// The broker did not answer in time. Trying again later is right.
    #[error("kafka did not answer within {} ms: {what}: {reason}", limit.as_millis())]
    Unavailable { what: String, limit: Duration, reason: String },
    #[error("topic `{topic}` does not exist")]
    UnknownTopic { topic: String },
    #[error("topic `{topic}` exists already")]
    TopicExists { topic: String },
    /// The broker said no, and will say no again.
    #[error("kafka refused: {what}: {reason}")]
    Refused { what: String, reason: String },
    /// The stop signal came before the work was done.
    #[error("stopped before it was done: {what}")]
    Stopped { what: String },
}
