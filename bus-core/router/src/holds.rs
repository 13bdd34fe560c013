//! Which partitions wait for the schema registry, over all slots.
//!
//! A partition waits from the first record that could not be decided until that record is decided or the partition is taken
//! away. In between the worker tries it again and again; the wait is told once, and the router is not ready meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use barid_telemetry::{Gauge, Readiness};

/// Shared by all slots.
#[derive(Clone)]
pub(crate) struct Holds {
    waiting_in_all: Arc<Mutex<usize>>,
    readiness: Readiness,
    gauge: Gauge,
}

impl Holds {
    pub(crate) fn new(readiness: Readiness, gauge: Gauge) -> Self {
        Self { waiting_in_all: Arc::default(), readiness, gauge }
    }

    /// The part of one slot.
    pub(crate) fn of_slot(&self) -> SlotHolds {
        SlotHolds { all: self.clone(), waiting: HashSet::new() }
    }

    /// One lock around number and condition: two slots cannot tell them in different orders.
    fn change(&self, change: impl FnOnce(usize) -> usize, reason: Option<&str>) {
        let mut waiting = self.waiting_in_all.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = change(*waiting);
        self.gauge.set(i64::try_from(*waiting).unwrap_or(i64::MAX));
        match reason {
            Some(reason) => drop(self.readiness.not_ready("registry", reason)),
            None if *waiting == 0 => drop(self.readiness.ready("registry")),
            None => {}
        }
    }
}

/// The partitions of one slot that wait.
pub(crate) struct SlotHolds {
    all: Holds,
    waiting: HashSet<(String, i32)>,
}

impl SlotHolds {
    /// The partition waits; whether that is news.
    pub(crate) fn hold(&mut self, topic: &str, partition: i32, reason: &str) -> bool {
        let news = self.waiting.insert((topic.to_owned(), partition));
        self.all.change(|waiting| waiting + usize::from(news), Some(reason));
        news
    }

    /// A record of the partition was decided; whether the partition waited.
    pub(crate) fn release(&mut self, topic: &str, partition: i32) -> bool {
        // Called for each record, and nearly always nothing waits.
        if self.waiting.is_empty() || !self.waiting.remove(&(topic.to_owned(), partition)) {
            return false;
        }
        self.all.change(|waiting| waiting.saturating_sub(1), None);
        true
    }

    /// The partitions are another's now.
    pub(crate) fn revoke(&mut self, partitions: &[(String, i32)]) {
        for (topic, partition) in partitions {
            self.release(topic, *partition);
        }
    }
}
