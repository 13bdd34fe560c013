//! For how long Kafka or the registry have been away.
//!
//! The time counts from the start, or from what interrupted a session, until a session stands again. A session that breaks
//! again before it has done anything did not end the outage, it only stopped the clock: else a broker that answers and
//! takes nothing would be waited for without end. Reading a large file is no outage.

use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use barid_kafka::StopSignal;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Outage(Mutex<Clock>);

struct Clock {
    /// What has passed before.
    passed: Duration,
    /// Since when it counts; `None` while a session stands.
    since: Option<Instant>,
}

impl Default for Outage {
    fn default() -> Self {
        Self(Mutex::new(Clock { passed: Duration::ZERO, since: Some(Instant::now()) }))
    }
}

impl Outage {
    /// A session was interrupted; `worked` tells whether it had done anything.
    pub(super) fn begins(&self, worked: bool) {
        self.with(|clock| {
            if worked {
                *clock = Clock { passed: Duration::ZERO, since: None };
            }
            clock.since.get_or_insert_with(Instant::now);
        });
    }

    /// A session stands.
    pub(super) fn ends(&self) {
        self.with(|clock| clock.passed += clock.since.take().map_or(Duration::ZERO, |since| since.elapsed()));
    }

    /// Does `work` and gives the stop signal once the outage has lasted for `limit`. Whether it has, and what `work` gave.
    pub(super) fn guard<T>(&self, limit: Duration, stop: &StopSignal, work: impl FnOnce() -> T) -> (bool, T) {
        std::thread::scope(|scope| {
            let (done, is_done) = channel::<()>();
            let guard = scope.spawn(move || {
                while matches!(is_done.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                    if !stop.is_stopped() && self.has_lasted(limit) {
                        stop.stop();
                        return true;
                    }
                }
                false
            });
            let given = work();
            drop(done);
            (guard.join().unwrap_or(false), given)
        })
    }

    fn has_lasted(&self, limit: Duration) -> bool {
        self.with(|clock| clock.since.is_some_and(|since| clock.passed + since.elapsed() >= limit))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Clock) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Outage, StopSignal};

    const LIMIT: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_away_for_too_long_is_given_up() {
        let (outage, stop) = (Outage::default(), StopSignal::new());
        let (gave_up, stopped) = outage.guard(LIMIT, &stop, || stop.wait(Duration::from_secs(20)));
        assert!(gave_up && stopped);
    }

    #[test]
    fn a_session_that_stands_is_given_all_the_time_it_needs() {
        let (outage, stop) = (Outage::default(), StopSignal::new());
        outage.ends();
        let (gave_up, stopped) = outage.guard(LIMIT, &stop, || stop.wait(super::LOOK * 5));
        assert!(!gave_up && !stopped);
    }

    #[test]
    fn a_session_that_has_done_nothing_ends_no_outage() {
        let outage = Outage::default();
        assert!(!outage.has_lasted(Duration::from_secs(60)));
        outage.0.lock().unwrap().passed = Duration::from_secs(60);
        outage.ends();
        assert!(!outage.has_lasted(Duration::from_secs(60)), "while a session stands nothing counts");
        outage.begins(false);
        assert!(outage.has_lasted(Duration::from_secs(60)));
        outage.ends();
        outage.begins(true);
        assert!(!outage.has_lasted(Duration::from_secs(60)));
    }
}
