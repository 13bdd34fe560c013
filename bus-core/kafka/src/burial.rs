//! Dropping clients within a limit.
//!
//! Dropping a librdkafka client waits for its threads, and closing a consumer waits for its group; with a broker away either may take longer than a stopping
//! process has. So the drop happens on a thread of its own, and we wait for that thread only so long. What is left of it ends with the process.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::{StopSignal, limits};

/// Drops the value within the limit, or after a stop within what is left of the time that all clients have together.
pub(crate) fn bury_by<T: Send + 'static>(what: &'static str, value: T, limit: Duration, stop: &StopSignal) -> bool {
    bury(what, value, stop.at_most(limit, limits::STOP_ALL))
}

/// Drops the value. False: it was still being dropped when the limit passed.
pub(crate) fn bury<T: Send + 'static>(what: &'static str, value: T, limit: Duration) -> bool {
    let (done, finished) = channel::<()>();
    let spawned = std::thread::Builder::new().name(format!("drop {what}")).spawn(move || {
        drop(value);
        drop(done);
    });
    match spawned {
        Ok(_) => {
            let in_time = matches!(finished.recv_timeout(limit), Err(RecvTimeoutError::Disconnected));
            if !in_time {
                tracing::debug!(
                    what,
                    limit_ms = limit.as_millis() as u64,
                    "a kafka client is slow to end, it is left to end by itself"
                );
            }
            in_time
        }
        // No thread could be started, and the closure has dropped the value already.
        Err(_) => true,
    }
}
