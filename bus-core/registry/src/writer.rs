//! The thread that writes, while this instance leads.
//!
//! To lead takes three steps, in this order. The producer is initialised, which fences whoever led before and decides its last transaction; from then on nobody
//! else writes. The topic is read to its end, to know the highest id that was ever given. And a `NOOP` with that id is written and read back, after which the
//! content holds everything that stands before it.
//!
//! Then one change after the other: decided from the content, written in one transaction, committed, and read back from the topic before the next is looked at.
//! So every decision is made from all that was written before it, and what was acknowledged stands in the topic.
//!
//! When a commit has no clear outcome, or is not read back, this instance begins again with the first step. The client is told that it failed; it may have
//! been done, and asking again gives the same id.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use barid_kafka::{
    Cluster, KafkaError, Outgoing, StopSignal, TransactionError, TransactionalProducer, read_to_high_watermark,
};

use crate::entry::{Entry, HIGHEST_ID};
use crate::error_code::Refusal;
use crate::operation::{Operation, Outcome, decide};
use crate::reader::ReadBack;
use crate::service::{Desk, Message, NotDone, Service};

/// Header of each record that this registry writes: the instance and a number, so that it knows its own when it reads them.
pub(crate) const WRITE: &str = "barid-write";

/// How long reading back may take. Milliseconds; an open transaction of somebody else can hold it up until the broker ends that one.
const READ_BACK_WITHIN: Duration = Duration::from_secs(8);
/// Key and value of a record at most. A topic takes a batch of about 1 MB unless it is told otherwise, and a batch adds some bytes of its own.
const MOST_RECORD_BYTES: usize = 990_000;

/// After leading was lost or could not be taken up although the group has chosen this instance.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest wait for a message; a stop waits this long.
const POLL: Duration = Duration::from_millis(100);

pub(crate) struct Writer<'a> {
    pub(crate) service: &'a Service,
    pub(crate) desk: &'a Desk,
    pub(crate) read_back: &'a ReadBack,
    pub(crate) cluster: &'a Cluster,
    pub(crate) topic: &'a str,
    pub(crate) transactional_id: &'a str,
    /// Names this process among all that ever wrote.
    pub(crate) instance: String,
    pub(crate) stop: &'a StopSignal,
}

/// While it leads.
struct Leading {
    producer: TransactionalProducer,
    writes: u64,
}

/// Why something was not written.
enum Fault {
    /// Nothing was written, and this instance leads on.
    Refused(Refusal),
    /// It does not lead any more. Nothing was written.
    Deposed(String),
    /// It may have been written. Everything has to be read anew.
    Unknown(Refusal),
    /// No retry will help.
    Fatal(String),
}

impl From<TransactionError> for Fault {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Fenced { .. } => Self::Deposed(error.to_string()),
            TransactionError::Fatal { reason } => Self::Fatal(reason),
            error => Self::Unknown(Refusal::Store(error.to_string())),
        }
    }
}

impl From<KafkaError> for Fault {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::Unavailable { .. } | KafkaError::Stopped { .. } => {
                Self::Unknown(Refusal::Store(error.to_string()))
            }
            error => Self::Fatal(error.to_string()),
        }
    }
}

impl Writer<'_> {
    /// Writes until the stop. The error is one that only an operator can mend.
    pub(crate) fn run(&self, messages: &Receiver<Message>) -> Result<(), String> {
        let ended = self.serve(messages);
        // What is asked from now on is not looked at: whoever asks is told that this instance does not lead, and looks for the one that does.
        self.tell(false);
        ended
    }

    fn serve(&self, messages: &Receiver<Message>) -> Result<(), String> {
        let mut elected = false;
        let mut leading: Option<Leading> = None;
        let mut next_try = Instant::now();
        while !self.stop.is_stopped() {
            if elected && leading.is_none() && Instant::now() >= next_try {
                next_try = Instant::now() + AGAIN_AFTER;
                match self.lead() {
                    Ok(begun) => leading = Some(begun),
                    Err(Fault::Fatal(reason)) => return Err(reason),
                    Err(Fault::Deposed(reason)) => tracing::warn!(reason, "another instance leads"),
                    Err(Fault::Unknown(refusal) | Fault::Refused(refusal)) => {
                        tracing::warn!(reason = %refusal, "leading could not be taken up, trying again");
                    }
                }
                self.tell(leading.is_some());
            }
            let message = match messages.recv_timeout(POLL) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match message {
                Message::Elected => elected = true,
                Message::Deposed => {
                    elected = false;
                    leading = None;
                    self.tell(false);
                }
                // Nobody waits for the answer any more.
                Message::Change { answer, .. } if answer.is_closed() => {}
                Message::Change { operation, answer } => {
                    let (done, fault) = self.change(&mut leading, &operation);
                    // Before the answer, so that whoever asks again does not ask here.
                    if fault.is_some() {
                        leading = None;
                        next_try = Instant::now() + AGAIN_AFTER;
                        self.tell(false);
                    }
                    let _ = answer.send(done);
                    if let Some(Fault::Fatal(reason)) = fault {
                        return Err(reason);
                    }
                }
            }
        }
        Ok(())
    }

    fn lead(&self) -> Result<Leading, Fault> {
        let producer = TransactionalProducer::connect(self.cluster, self.transactional_id, self.stop)?;
        let mut highest = 0;
        read_to_high_watermark(self.cluster, self.topic, self.stop, |record| {
            match Entry::read(record.key, record.value, record.header(HIGHEST_ID)) {
                Ok(Entry::Schema { value: Some(value), .. }) => highest = highest.max(value.id),
                Ok(Entry::Noop { highest_id: Some(id) }) => highest = highest.max(id),
                _ => {}
            }
        })?;
        let mut leading = Leading { producer, writes: 0 };
        self.write(&mut leading, &[Entry::Noop { highest_id: Some(highest) }])?;
        Ok(leading)
    }

    /// Makes the change if it can be made. With a fault this instance does not lead any more.
    fn change(
        &self,
        leading: &mut Option<Leading>,
        operation: &Operation,
    ) -> (Result<(Outcome, i64), NotDone>, Option<Fault>) {
        let Some(leading) = leading else { return (Err(NotDone::NotLeading), None) };
        let decided = decide(&self.service.content_in_any_case(), operation);
        let (entries, outcome) = match decided {
            Ok(decided) => decided,
            Err(refusal) => return (Err(NotDone::Refused(refusal)), None),
        };
        if entries.is_empty() {
            return (Ok((outcome, *self.desk.read.borrow())), None);
        }
        match self.write(leading, &entries) {
            Ok(offset) => (Ok((outcome, offset)), None),
            Err(Fault::Refused(refusal)) => (Err(NotDone::Refused(refusal)), None),
            Err(Fault::Deposed(reason)) => {
                tracing::warn!(reason, "another instance leads");
                (Err(NotDone::NotLeading), Some(Fault::Deposed(reason)))
            }
            Err(fault @ (Fault::Unknown(_) | Fault::Fatal(_))) => {
                let refusal = match &fault {
                    Fault::Unknown(refusal) => refusal.clone(),
                    Fault::Fatal(reason) | Fault::Deposed(reason) => Refusal::Store(reason.clone()),
                    Fault::Refused(refusal) => refusal.clone(),
                };
                tracing::warn!(reason = %refusal, "a change was not written for certain, reading everything anew");
                (Err(NotDone::Refused(refusal)), Some(fault))
            }
        }
    }

    /// Writes the entries, all or none, and waits until they have been read. Gives the offset of the last one.
    fn write(&self, leading: &mut Leading, entries: &[Entry]) -> Result<i64, Fault> {
        let records = records(entries).map_err(Fault::Refused)?;
        leading.writes += 1;
        let mark = format!("{}/{}", self.instance, leading.writes);
        self.commit(&mut leading.producer, &records, &mark)?;
        self.desk.counters.written.add(records.len() as u64);
        self.read_back.wait(&mark, READ_BACK_WITHIN, self.stop).ok_or_else(|| {
            Fault::Unknown(Refusal::TimedOut("what was written could not be read back in time".to_owned()))
        })
    }

    /// After an error the producer is of no use: an abort can make it anew, and that would take the lead from whoever has it now without reading what that one
    /// has written. Dropped with its transaction open, it leaves the abort to whoever is initialised next.
    fn commit(&self, producer: &mut TransactionalProducer, records: &[Written], mark: &str) -> Result<(), Fault> {
        producer.begin()?;
        for (number, record) in records.iter().enumerate() {
            // The mark stands on the last record only: when that one has been read, all have.
            let mark = (number + 1 == records.len()).then_some((WRITE, mark.as_bytes()));
            let headers: Vec<(&str, &[u8])> = record.header().into_iter().chain(mark).collect();
            producer.send(&Outgoing {
                topic: self.topic,
                partition: Some(0),
                key: Some(&record.key),
                value: record.value.as_deref(),
                headers: &headers,
                timestamp_ms: None,
            })?;
        }
        Ok(producer.commit()?)
    }

    fn tell(&self, leads: bool) {
        if self.desk.leads.send_replace(leads) != leads {
            let url = self.desk.own_url.get().map_or("", String::as_str);
            if leads {
                tracing::info!(url, "this instance leads");
            } else {
                tracing::info!(url, "this instance follows");
            }
        }
        self.desk.counters.leads.set(leads.into());
    }
}

/// A record on its way into the topic.
struct Written {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    highest_id: Option<String>,
}

impl Written {
    fn header(&self) -> Option<(&str, &[u8])> {
        self.highest_id.as_ref().map(|digits| (HIGHEST_ID, digits.as_bytes()))
    }
}

fn records(entries: &[Entry]) -> Result<Vec<Written>, Refusal> {
    let record = |entry: &Entry| {
        let (key, value) = entry.write().map_err(|error| Refusal::Store(error.to_string()))?;
        let highest_id = match entry {
            Entry::Noop { highest_id: Some(id) } => Some(id.to_string()),
            _ => None,
        };
        let bytes = key.len() + value.as_ref().map_or(0, Vec::len);
        if bytes > MOST_RECORD_BYTES {
            return Err(Refusal::SchemaTooLarge(format!("{bytes} bytes as a record, {MOST_RECORD_BYTES} at most")));
        }
        Ok(Written { key, value, highest_id })
    };
    entries.iter().map(record).collect()
}
