//! A stop signal that threads with blocking calls can look at and wait on.
//!
//! Every loop of this crate takes one: whoever starts a role keeps a clone and calls [`StopSignal::stop`] (from a signal handler's thread, a test, another
//! role), and every wait of the loop ends at once. It cannot be taken back: a stopped signal stays stopped.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;

/// Cheap to clone; all clones are one signal.
#[derive(Clone, Default)]
pub struct StopSignal {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    stopped_at: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl StopSignal {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything that holds a clone to end. Calling it again changes nothing.
    pub fn stop(&self) {
        let mut stopped_at = self.inner.stopped_at.lock().unwrap_or_else(PoisonError::into_inner);
        stopped_at.get_or_insert_with(Instant::now);
        self.inner.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped_at().is_some()
    }

    /// When the stop was asked for: the limit for a graceful end counts from here.
    pub(crate) fn stopped_at(&self) -> Option<Instant> {
        *self.inner.stopped_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `limit`, but after a stop no more than what is left of `total`, counted from the stop.
    pub(crate) fn at_most(&self, limit: Duration, total: Duration) -> Duration {
        self.stopped_at().map_or(limit, |at| limit.min(total.saturating_sub(at.elapsed())))
    }

    /// Runs a call that blocks in the client, and waits for its answer until `total` has passed since a stop. `None`: it was not waited for any longer. The
    /// call runs on a thread of its own, for nothing can interrupt it; without an answer the thread is left to end by itself, and with it what the call holds.
    pub(crate) fn waiting_for<T: Send + 'static>(
        &self,
        total: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.waiting_at_most(Duration::MAX, total, call)
    }

    /// The same, and no longer than `limit` in any case: for a call that does not always keep a limit of its own.
    pub(crate) fn waiting_at_most<T: Send + 'static>(
        &self,
        limit: Duration,
        total: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let started = Instant::now();
        if self.is_stopped() && self.at_most(limits::STOP_LOOK, total).is_zero() {
            return None;
        }
        let (sender, answer) = sync_channel(1);
        let spawned = std::thread::Builder::new().name("kafka call".to_owned()).spawn(move || {
            let _ = sender.send(call());
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread can be started for a call to kafka");
            return None;
        }
        loop {
            match answer.recv_timeout(self.at_most(limits::STOP_LOOK, total)) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let late = started.elapsed() >= limit;
                    if late || self.is_stopped() && self.at_most(limits::STOP_LOOK, total).is_zero() {
                        return None;
                    }
                }
            }
        }
    }

    /// Waits for `limit` or until the stop, whichever comes first. True means stopped.
    pub fn wait(&self, limit: Duration) -> bool {
        let stopped_at = self.inner.stopped_at.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.changed.wait_timeout_while(stopped_at, limit, |stopped_at| stopped_at.is_none());
        let (stopped_at, _) = waited.unwrap_or_else(PoisonError::into_inner);
        stopped_at.is_some()
    }
}

impl std::fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StopSignal(stopped: {})", self.is_stopped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_the_wait_of_every_clone() {
        let signal = StopSignal::new();
        let clone = signal.clone();
        let waiting = std::thread::spawn(move || clone.wait(Duration::from_secs(60)));
        signal.stop();
        assert!(waiting.join().unwrap());
        assert!(signal.is_stopped());
    }

    #[test]
    fn after_a_stop_nothing_waits_longer_than_what_is_left() {
        let signal = StopSignal::new();
        let (limit, total) = (Duration::from_secs(60), Duration::from_secs(30));
        assert_eq!(signal.at_most(limit, total), limit);
        signal.stop();
        assert!(signal.at_most(limit, total) <= total);
        assert_eq!(signal.at_most(limit, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_call_that_blocks_is_left_behind_at_a_stop_and_waited_for_without_one() {
        let signal = StopSignal::new();
        assert_eq!(signal.waiting_for(Duration::ZERO, || 7), Some(7));
        let (never, blocked) = std::sync::mpsc::channel::<()>();
        let stopper = signal.clone();
        let stopping = std::thread::spawn(move || stopper.stop());
        assert_eq!(signal.waiting_for(Duration::ZERO, move || blocked.recv()), None);
        stopping.join().unwrap();
        drop(never);
    }

    #[test]
    fn a_call_that_does_not_keep_its_limit_is_left_behind() {
        let signal = StopSignal::new();
        let (never, blocked) = std::sync::mpsc::channel::<()>();
        let (limit, total) = (Duration::from_millis(1), Duration::from_secs(60));
        assert_eq!(signal.waiting_at_most(limit, total, move || blocked.recv()), None);
        drop(never);
    }

    #[test]
    fn a_wait_without_a_stop_ends_at_its_limit() {
        assert!(!StopSignal::new().wait(Duration::from_millis(1)));
    }
}
