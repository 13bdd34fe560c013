//! Where a processor puts what it wants written.
//!
//! The worker hands an outbox into every call of a [`crate::Processor`]. A send that fails is kept in it, so a processor that cannot do anything about it may
//! simply return: the worker looks before it goes on.

use crate::transaction::{Client, hand_over};
use crate::{Outgoing, Record, StopSignal, TransactionError, limits};

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
    sink: Sink,
    sent: usize,
    failure: Option<TransactionError>,
}

enum Sink {
    Memory(Vec<Record>),
    Producer { client: Client, transactional_id: String, stop: StopSignal },
}

impl Outbox {
    /// An outbox that keeps what it is given, for tests of processors.
    pub fn in_memory() -> Self {
        Self { sink: Sink::Memory(Vec::new()), sent: 0, failure: None }
    }

    pub(crate) fn into_producer(client: Client, transactional_id: &str, stop: StopSignal) -> Self {
        let transactional_id = transactional_id.to_owned();
        Self { sink: Sink::Producer { client, transactional_id, stop }, sent: 0, failure: None }
    }

    /// The bytes are copied. Blocks only while the client's queue is full.
    pub fn send(&mut self, record: &Outgoing<'_>) -> Result<(), SendError> {
        let taken = match &mut self.sink {
            Sink::Memory(records) => keep(records, record, self.sent),
            Sink::Producer { client, transactional_id, stop } => hand_over(client, transactional_id, record, stop),
        };
        match taken {
            Ok(()) => {
                self.sent += 1;
                Ok(())
            }
            Err(TransactionError::RecordTooLarge { topic, bytes, limit }) => {
                Err(SendError::TooLarge { topic, bytes, limit })
            }
            Err(error) => {
                let reason = error.to_string();
                self.failure.get_or_insert(error);
                Err(SendError::Failed { reason })
            }
        }
    }

    /// The largest record that is taken, see [`Outgoing::batch_bytes`].
    pub fn record_bytes_limit(&self) -> usize {
        limits::RECORD_BYTES
    }

    /// Records given so far in this transaction.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Takes out what an in-memory outbox was given: the offset is the number of the record, a record without a partition has -1, one without a time too.
    pub fn take_records(&mut self) -> Vec<Record> {
        match &mut self.sink {
            Sink::Memory(records) => std::mem::take(records),
            Sink::Producer { .. } => Vec::new(),
        }
    }

    pub(crate) fn failure(&self) -> Option<&TransactionError> {
        self.failure.as_ref()
    }
}

fn keep(records: &mut Vec<Record>, record: &Outgoing<'_>, number: usize) -> Result<(), TransactionError> {
    let bytes = record.batch_bytes();
    if bytes > limits::RECORD_BYTES {
        return Err(TransactionError::RecordTooLarge {
            topic: record.topic.to_owned(),
            bytes,
            limit: limits::RECORD_BYTES,
        });
    }
    records.push(Record {
        topic: record.topic.to_owned(),
        partition: record.partition.unwrap_or(-1),
        offset: number as i64,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        timestamp_ms: record.timestamp_ms.unwrap_or(-1),
        headers: record.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_in_memory_keeps_what_it_is_given_and_refuses_what_is_too_large() {
        let mut outbox = Outbox::in_memory();
        outbox
            .send(&Outgoing {
                topic: "a",
                key: Some(b"k"),
                value: Some(b"v"),
                headers: &[("h", b"1")],
                ..Outgoing::default()
            })
            .unwrap();
        let large = vec![0; limits::RECORD_BYTES];
        let refused = outbox.send(&Outgoing { topic: "a", value: Some(&large), ..Outgoing::default() }).unwrap_err();
        assert!(matches!(refused, SendError::TooLarge { limit: limits::RECORD_BYTES, .. }));
        assert!(outbox.failure().is_none());
        let records = outbox.take_records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].header("h"), Some(&b"1"[..]));
    }
}
