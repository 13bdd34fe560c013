//! Reads all events and copies while they come, as a subscriber does, and measures how long each event has to wait for its
//! copies.
//!
//! It keeps only what is still waited for. What is wrong is found by the checks after the run, not here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use barid_harness::oracle::Event;
use barid_harness::records::Tail;
use barid_harness::{RawRecord, SchemaRegistry};

use crate::rules::{Rules, Subscribers, service_and_status};

const LONGEST_POLL: Duration = Duration::from_millis(200);

/// What the witness knows beforehand: enough to say who must hear of an event.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) rules: Rules,
    /// Whom all that may watch do watch.
    pub(crate) persons: BTreeSet<String>,
    /// Without a fault between.
    pub(crate) registry: SchemaRegistry,
}

impl Expected {
    fn who(&self, agency: &str, record: &RawRecord) -> Result<Subscribers> {
        let ce_type = record.header("ce_type")?;
        let (service, status) = service_and_status(&ce_type).context("an event of an unknown type")?;
        let (who, watching) = (self.rules.who(agency, service, status), self.rules.watching(agency, service, status));
        // Only where it matters: decoding takes time.
        if watching & !who == 0 {
            return Ok(who);
        }
        let event = Event::decode(record.clone(), &self.registry)?;
        let person = event.fields["number"]["national_id"].as_str().unwrap_or_default();
        Ok(if self.persons.contains(person) { who | watching } else { who })
    }
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Seen {
    /// By agency.
    events: BTreeMap<String, u64>,
    copies: u64,
    waiting: HashMap<String, Waiting>,
    longest: Duration,
}

/// An event whose copies are not all there, or a copy whose event has not been seen yet.
#[derive(Debug, Default)]
struct Waiting {
    since: Option<Instant>,
    /// Where the event stands.
    place: String,
    /// Copies that must come less copies that have come.
    left: i64,
}

/// A thread that reads.
#[derive(Debug)]
pub(crate) struct Witness {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
}

impl Witness {
    /// Begins to read `events.*` and `inbox.*` of the topics whose names begin with `prefix`.
    pub(crate) fn begin(
        bootstrap_servers: &str,
        prefix: &str,
        topics: &BTreeMap<String, i32>,
        expected: Expected,
    ) -> Result<Self> {
        let (events, inbox) = (format!("{prefix}events."), format!("{prefix}inbox."));
        let of_interest = |topic: &str| topic.starts_with(&events) || topic.starts_with(&inbox);
        let topics = topics.iter().filter(|(topic, _)| of_interest(topic));
        let tail = Tail::begin(bootstrap_servers, &topics.map(|(topic, count)| (topic.clone(), *count)).collect())?;
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(record) = tail.next(LONGEST_POLL) else { continue };
                    let lock = || seen.lock().map_err(|_| anyhow!("the witness has panicked"));
                    match record.topic.strip_prefix(&events) {
                        Some(agency) => {
                            let who = expected.who(agency, &record)?;
                            lock()?.event(agency, &record, who)?;
                        }
                        None => lock()?.copy(&record)?,
                    }
                }
                Ok(())
            }
        });
        Ok(Self { seen, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Events by agency.
    pub(crate) fn events(&self) -> Result<BTreeMap<String, u64>> {
        Ok(self.seen()?.events.clone())
    }

    /// Copies in all.
    pub(crate) fn copies(&self) -> Result<u64> {
        Ok(self.seen()?.copies)
    }

    /// How many events that were seen before this moment wait for a copy.
    pub(crate) fn waiting_since_before(&self, moment: Instant) -> Result<usize> {
        let seen = self.seen()?;
        Ok(seen.waiting.values().filter(|one| one.since.is_some_and(|since| since < moment)).count())
    }

    /// Which events that were seen before this moment wait for a copy, each with how many copies it waits for.
    pub(crate) fn places_waiting_since_before(&self, moment: Instant) -> Result<Vec<(String, i64)>> {
        let seen = self.seen()?;
        let waiting = seen.waiting.values().filter(|one| one.since.is_some_and(|since| since < moment));
        let mut places: Vec<(String, i64)> = waiting.map(|one| (one.place.clone(), one.left)).collect();
        places.sort();
        Ok(places)
    }

    /// The longest time that any event has waited for its last copy since this was asked last.
    pub(crate) fn take_longest(&self) -> Result<Duration> {
        Ok(std::mem::take(&mut self.seen()?.longest))
    }

    /// Stops reading; an error if it had stopped by itself.
    pub(crate) fn end(&self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().map_err(|_| anyhow!("the witness has panicked"))?.take();
        thread.map_or(Ok(()), |thread| thread.join().map_err(|_| anyhow!("the witness has panicked"))?)
    }

    fn seen(&self) -> Result<MutexGuard<'_, Seen>> {
        self.seen.lock().map_err(|_| anyhow!("the witness has panicked"))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Whoever wants to know how it went has called it before.
        let _ = self.end();
    }
}

impl Seen {
    fn event(&mut self, agency: &str, record: &RawRecord, who: Subscribers) -> Result<()> {
        *self.events.entry(agency.to_owned()).or_default() += 1;
        self.moved(record.header("ce_id")?, i64::from(who.count_ones()), Some((Instant::now(), record.place())));
        Ok(())
    }

    fn copy(&mut self, record: &RawRecord) -> Result<()> {
        self.copies += 1;
        self.moved(record.header("ce_id")?, -1, None);
        Ok(())
    }

    fn moved(&mut self, id: String, by: i64, event: Option<(Instant, String)>) {
        let waiting = self.waiting.entry(id.clone()).or_default();
        waiting.left += by;
        if let Some((since, place)) = event {
            (waiting.since, waiting.place) = (Some(since), place);
        }
        if let (0, Some(since)) = (waiting.left, waiting.since) {
            self.longest = self.longest.max(since.elapsed());
            self.waiting.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_waits_until_its_last_copy_whatever_comes_first() {
        let mut seen = Seen::default();
        let began = Instant::now();
        seen.moved("one".into(), 2, Some((began, String::new())));
        seen.moved("one".into(), -1, None);
        assert_eq!(seen.waiting.len(), 1);
        seen.moved("one".into(), -1, None);
        assert!(seen.waiting.is_empty() && seen.longest > Duration::ZERO);
        // The copy is seen before its event: they are in different partitions.
        seen.moved("two".into(), -1, None);
        seen.moved("two".into(), 1, Some((began, String::new())));
        assert!(seen.waiting.is_empty());
        // Nobody has to hear of it.
        seen.moved("three".into(), 0, Some((began, String::new())));
        assert!(seen.waiting.is_empty());
    }
}
