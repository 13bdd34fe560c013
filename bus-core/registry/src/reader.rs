//! The thread that reads the topic and keeps the content.
//!
//! It is the only one that changes the content, the leader's own writes included: what is known is what stands in the topic, in the topic's order.

use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use barid_kafka::{Follower, Record, StopSignal};
use barid_telemetry::Readiness;

use crate::entry::{Entry, HIGHEST_ID, Unread};
use crate::service::{Desk, Service};
use crate::writer::WRITE;

/// The longest wait for a record; a stop waits this long.
const POLL: Duration = Duration::from_millis(100);

/// How long the last write is waited for after a stop. It takes milliseconds, and an ending process has five seconds for everything.
const STOP_WITHIN: Duration = Duration::from_millis(500);

/// The newest write that was read back, for the writer that waits for it.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    newest: Mutex<Option<(String, i64)>>,
    changed: Condvar,
}

impl ReadBack {
    /// Waits until the write with this mark has been read; the offset of its last record. After the stop there is less time.
    pub(crate) fn wait(&self, mark: &str, limit: Duration, stop: &StopSignal) -> Option<i64> {
        let mut until = Instant::now() + limit;
        let mut stopping = false;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((read, offset)) = &*newest
                && read == mark
            {
                return Some(*offset);
            }
            if stop.is_stopped() && !stopping {
                stopping = true;
                until = until.min(Instant::now() + STOP_WITHIN);
            }
            let left = until.saturating_duration_since(Instant::now()).min(POLL);
            if left.is_zero() {
                return None;
            }
            newest = self.changed.wait_timeout(newest, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn note(&self, mark: &[u8], offset: i64) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((String::from_utf8_lossy(mark).into_owned(), offset));
        self.changed.notify_all();
    }
}

/// Reads until the stop.
pub(crate) fn run(
    service: &Service,
    desk: &Desk,
    read_back: &ReadBack,
    mut follower: Follower,
    readiness: &Readiness,
    stop: &StopSignal,
) {
    while !stop.is_stopped() {
        if let Some(record) = follower.poll(POLL) {
            take(service, desk, read_back, &record);
        }
        if !desk.caught_up.load(Ordering::Relaxed) && follower.caught_up() {
            desk.caught_up.store(true, Ordering::Release);
            readiness.ready(super::role::READ);
            tracing::info!(schemas = service.content_in_any_case().len(), "schemas have been read");
        }
    }
}

fn take(service: &Service, desk: &Desk, read_back: &ReadBack, record: &Record) {
    desk.counters.read.add(1);
    match Entry::read(record.key.as_deref(), record.value.as_deref(), record.header(HIGHEST_ID)) {
        Ok(entry) => {
            let mut content = service.content_in_any_case();
            if let Err(taken) = content.apply(entry) {
                desk.counters.unread.add(1);
                tracing::error!(offset = record.offset, reason = %taken, "a record of the schemas topic is passed over");
            }
            desk.counters.schemas.set(i64::try_from(content.len()).unwrap_or(i64::MAX));
        }
        Err(unread) => {
            desk.counters.unread.add(1);
            match unread {
                Unread::Foreign(_) => {
                    tracing::info!(offset = record.offset, reason = %unread, "a record of the schemas topic is passed over")
                }
                Unread::Malformed(_) => {
                    tracing::warn!(offset = record.offset, reason = %unread, "a record of the schemas topic is passed over")
                }
            }
        }
    }
    desk.read.send_replace(record.offset);
    if let Some(mark) = record.header(WRITE) {
        read_back.note(mark, record.offset);
    }
}
