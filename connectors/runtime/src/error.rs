//! What can stop a connector. What is wrong with a file or a row is no error: it is reported and the rest goes on.

use std::time::Duration;

use barid_codec::{RecordError, RegistryError};
use barid_kafka::{KafkaError, TransactionError};

/// Why a connector cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// Kafka or the registry has been away for as long as a single reading waits.
    #[error(
        "{what} for {} s; what was published stays published, and the next run goes on from there",
        waited.as_secs()
    )]
    Away { what: String, waited: Duration },
    /// The file for which a configuration should be suggested cannot be read.
    #[error(transparent)]
    Source(#[from] crate::source::SourceFault),
    /// Two processes work for the same agency.
    #[error(
        "another process has taken over agency `{agency}`: one connector writes for an agency at a time, \
         end the other one or leave this one stopped"
    )]
    Fenced { agency: String },
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Transaction(TransactionError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The operating system gives no random bytes for trace ids.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// Asked to end before the work was done.
    #[error("stopped before it was done")]
    Stopped,
}
