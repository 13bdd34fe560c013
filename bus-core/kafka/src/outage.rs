//! A broker that is away, as all clients of one [`crate::Cluster`] see it.
//!
//! Each of them finds out for itself and waits with its own back-off. But a person is told once that Kafka is away, by whoever finds it first, and once that it is
//! back, when the last of them has its answer; in between a reminder.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::lock;
use crate::limits;

/// Shared by all clients of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many wait.
    waiting: usize,
    since: Option<Instant>,
    said: Option<Instant>,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Away,
    StillAway,
    Back,
}

impl Outage {
    fn waits(&self, already: bool) -> Option<News> {
        let mut state = lock(&self.state);
        state.waiting += usize::from(!already);
        state.since.get_or_insert_with(Instant::now);
        let news = match state.said {
            None => News::Away,
            Some(said) if said.elapsed() >= limits::AWAY_REMINDER => News::StillAway,
            Some(_) => return None,
        };
        state.said = Some(Instant::now());
        Some(news)
    }

    fn ends(&self) -> Option<News> {
        let mut state = lock(&self.state);
        state.waiting = state.waiting.saturating_sub(1);
        if state.waiting > 0 {
            return None;
        }
        state.since = None;
        state.said.take().map(|_| News::Back)
    }

    fn lasts_s(&self) -> u64 {
        lock(&self.state).since.map_or(0, |since| since.elapsed().as_secs())
    }
}

/// One client that may have to wait: a back-off that doubles, and its part in what is said.
#[derive(Debug)]
pub(crate) struct Away {
    outage: Arc<Outage>,
    waiting: bool,
    wait: Duration,
}

impl Away {
    pub(crate) fn new(outage: &Arc<Outage>) -> Self {
        Self { outage: Arc::clone(outage), waiting: false, wait: limits::AWAY_FIRST }
    }

    /// There was no answer: says so if that is news, and gives the next wait.
    pub(crate) fn again(&mut self, reason: &str) -> Duration {
        match self.outage.waits(std::mem::replace(&mut self.waiting, true)) {
            Some(News::Away) => tracing::warn!(reason, "kafka is away, waiting for it"),
            Some(_) => tracing::warn!(reason, away_s = self.outage.lasts_s(), "kafka is still away"),
            None => {}
        }
        let wait = self.wait;
        self.wait = (self.wait * 2).min(limits::AWAY_LONGEST);
        wait
    }

    /// There was an answer.
    pub(crate) fn back(&mut self) {
        if !std::mem::take(&mut self.waiting) {
            return;
        }
        self.wait = limits::AWAY_FIRST;
        let away_s = self.outage.lasts_s();
        if self.outage.ends() == Some(News::Back) {
            tracing::info!(away_s, "kafka is back");
        }
    }
}

/// Whoever gives up waiting has no answer to tell of.
impl Drop for Away {
    fn drop(&mut self) {
        if self.waiting {
            self.outage.ends();
        }
    }
}

/// What one client that polls knows of its broker. A suspicion of the client library is no proof: the owner asks a broker when it is [`due`](Self::due) and
/// gives the outcome here.
#[derive(Debug)]
pub(crate) struct Sight {
    outage: Arc<Outage>,
    /// While it is away: the back-off, and when to ask again.
    away: Option<(Away, Instant)>,
}

impl Sight {
    pub(crate) fn new(outage: &Arc<Outage>) -> Self {
        Self { outage: Arc::clone(outage), away: None }
    }

    /// Whether it is time to ask.
    pub(crate) fn due(&self, suspected: bool) -> bool {
        self.away.as_ref().map_or(suspected, |(_, next)| Instant::now() >= *next)
    }

    /// There was an answer; true if that is news to the owner.
    pub(crate) fn answered(&mut self) -> bool {
        let before = self.away.take();
        let news = before.is_some();
        if let Some((mut away, _)) = before {
            away.back();
        }
        news
    }

    /// There was no answer; true if that is news to the owner.
    pub(crate) fn silent(&mut self, reason: &str) -> bool {
        let news = self.away.is_none();
        let (away, next) = self.away.get_or_insert_with(|| (Away::new(&self.outage), Instant::now()));
        *next = Instant::now() + away.again(reason);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_that_wait_say_away_once_and_back_once() {
        let outage = Outage::default();
        assert_eq!(outage.waits(false), Some(News::Away));
        assert_eq!(outage.waits(false), None);
        assert_eq!(outage.waits(true), None);
        assert_eq!(outage.ends(), None, "one of them still waits");
        assert_eq!(outage.ends(), Some(News::Back));
        assert_eq!(outage.waits(false), Some(News::Away), "the next outage is news again");
    }

    #[test]
    fn who_gives_up_waiting_is_not_counted_any_more() {
        let outage = Arc::<Outage>::default();
        let (mut one, mut other) = (Away::new(&outage), Away::new(&outage));
        assert_eq!(one.again("away"), limits::AWAY_FIRST);
        assert_eq!(one.again("away"), limits::AWAY_FIRST * 2);
        other.again("away");
        drop(other);
        one.back();
        assert_eq!(lock(&outage.state).waiting, 0);
        assert_eq!(one.again("away"), limits::AWAY_FIRST, "a new outage begins with a short wait");
    }
}
