//! What can go wrong with a registry; what goes wrong with a request is answered in HTTP.

use barid_http::HttpError;
use barid_kafka::KafkaError;

/// Why a registry could not be started, or ended other than by its stop signal.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The settings of the Kafka clients do not do, or Kafka refuses for good.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(
        "the registry listens at `{address}`, which is no address that another instance can reach; say under which it can be reached"
    )]
    Unreachable { address: String },
    #[error("topic `{topic}` has {partitions} partitions; the order of a registry's records needs exactly one")]
    Partitions { topic: String, partitions: i32 },
    #[error(
        "topic `{topic}` has `cleanup.policy={policy}`, which would delete schemas that are in use; it must be `compact`"
    )]
    CleanupPolicy { topic: String, policy: String },
    /// Kafka refuses to let this instance write.
    #[error("the schemas topic cannot be written: {reason}")]
    Writer { reason: String },
    /// A thread could not be started or ended with a panic.
    #[error("a thread of the registry failed: {reason}")]
    Thread { reason: String },
    #[error("the HTTP client of the registry could not be made: {reason}")]
    Client { reason: String },
}
