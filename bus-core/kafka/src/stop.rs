//! A stop signal that threads with blocking calls can look at and wait on.
//!
//! Every loop of this crate takes one: whoever starts a role keeps a clone and calls [`StopSignal::stop`] (from a signal handler's thread, a test, another
//! role), and every wait of the loop ends at once. It cannot be taken back: a stopped signal stays stopped.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    fn a_wait_without_a_stop_ends_at_its_limit() {
        assert!(!StopSignal::new().wait(Duration::from_millis(1)));
    }
}
