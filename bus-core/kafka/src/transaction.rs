//! Transactional producer.

use crate::{Cluster, Outgoing, StopSignal};

/// What an error of a transaction makes the caller do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Another process took over this transactional id. Rebuild once; again within a minute: end.
    #[error("another process has taken over the transactional id `{transactional_id}`")]
    Fenced { transactional_id: String },
    /// Nothing of the transaction will be seen. Call `abort`, roll back, begin again.
    #[error("the transaction must be aborted: {reason}")]
    Abortable { reason: String },
    /// Nobody knows whether the transaction was committed. Call `rebuild`, then read back what is there.
    #[error("the outcome of the transaction is not known: {reason}")]
    Indefinite { reason: String },
    /// The broker is away. Nothing was begun. Try again later.
    #[error("kafka is away: {reason}")]
    Unavailable { reason: String },
    /// This record can never be written. The transaction is still good.
    #[error("a record for topic `{topic}` is too large: {bytes} bytes, the limit is {limit}")]
    RecordTooLarge { topic: String, bytes: usize, limit: usize },
    /// No retry will help (authorisation, configuration).
    #[error("kafka refused: {reason}")]
    Fatal { reason: String },
    #[error("stopped before it was done")]
    Stopped,
}

/// One transactional producer; `connect`, then `begin`, `send`..., `commit` or `abort`, again and again.
pub struct TransactionalProducer {}

impl TransactionalProducer {
    /// Makes the producer and initialises it (which fences every other holder of the id, and finishes or aborts what it left). Waits with back-off while the
    /// broker is away, until the stop signal.
    pub fn connect(_cluster: &Cluster, _transactional_id: &str, _stop: &StopSignal) -> Result<Self, TransactionError> {
        todo!()
    }
    pub fn begin(&mut self) -> Result<(), TransactionError> {
        todo!()
    }
    /// Hands the record to the client; the bytes are copied. `RecordTooLarge` leaves the transaction good.
    pub fn send(&mut self, _record: &Outgoing<'_>) -> Result<(), TransactionError> {
        todo!()
    }
    /// Waits until everything is delivered, then commits. `Ok` means definitely committed.
    pub fn commit(&mut self) -> Result<(), TransactionError> {
        todo!()
    }
    /// Purges what is not sent, then aborts. After `Ok` a new transaction may begin.
    pub fn abort(&mut self) -> Result<(), TransactionError> {
        todo!()
    }
    /// Drops the client and makes it anew with the same id: what follows `Indefinite` or `Fenced`. Afterwards the outcome is definite and can be read.
    pub fn rebuild(&mut self, _stop: &StopSignal) -> Result<(), TransactionError> {
        todo!()
    }
    pub fn transactional_id(&self) -> &str {
        todo!()
    }
}
