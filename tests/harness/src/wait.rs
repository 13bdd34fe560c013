//! Waiting for a condition, with a limit. Nothing in the tests waits for time to pass.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The limit of every wait for something that comes by itself. Only what hangs reaches it: what takes longest on an idle
/// machine, a broker that is missed and comes back, takes half a minute, and a busy machine was seen to be seven times slower.
/// How soon something must come is no business of a test's limit.
pub const HANGS_AFTER: Duration = Duration::from_secs(240);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Waits until `condition` holds; an error that says `what` was waited for once `limit` has passed.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    wait_for(what, limit, || Ok(condition()?.then_some(())))
}

/// Waits until `look` finds something and gives it back. An error of `look` ends the waiting at once.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() >= limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}
