//! What subscribers watched at the time of an event, as far as the topic still tells.
//!
//! The topic `watch` is compacted: of each registration its last record stays, older ones and, after a day, tombstones may be
//! gone. And a router takes a change up at any moment after it was written. So for an event and a key there is
//!
//! * certainty, if the last change is older than the event by [`SLACK_MS`]: what it said was so when the event was routed,
//!   but for registrations that were removed later and have left no trace;
//! * doubt, if there is a change after that: the router may have decided before it or after it, and what was before it may be
//!   compacted away.
//!
//! A copy is demanded only where all is certain. A copy that is there must carry every handle that was certain, in order;
//! further handles must have been possible, or be so old that their removal may be forgotten.

use std::collections::{BTreeSet, HashMap};

use barid_event::WatchKey;
use barid_event::watch::WatchKind;

/// How long a router may take to hear of a change, and how far the clocks of two brokers may stand apart.
const SLACK_MS: i64 = 5_000;

/// A tombstone stays at least this long (`delete.retention.ms` of a topic that sets none).
const TOMBSTONE_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// More combinations than these are not tried out.
const MOST_COMBINATIONS: usize = 4_096;

/// Every change that the topic still tells, oldest first.
#[derive(Debug, Default)]
pub(crate) struct WatchHistory {
    by_key: HashMap<WatchKey, Vec<Change>>,
    subscribers: Vec<Box<str>>,
    /// When the topic was read.
    now_ms: i64,
}

/// One record of the topic.
#[derive(Debug)]
struct Change {
    at_ms: i64,
    subscriber: u16,
    what: What,
    /// Empty where the record names none.
    handle: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// This handle, beside the others.
    Registered,
    /// This handle, in the place of all others.
    RegisteredAlone,
    /// This handle no longer.
    Removed,
    /// None any more.
    AllRemoved,
}

/// Whether a subscriber's registrations match an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// They do, under these handles; none if they do not.
    Certain(Vec<String>),
    /// It cannot be told from the topic.
    Doubtful,
}

/// Whether the handles in a copy can be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handles {
    Right,
    Wrong,
    /// Registrations of that time may be gone from the topic.
    Unproved,
}

type State<'h> = BTreeSet<&'h str>;

impl WatchHistory {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { by_key: HashMap::new(), subscribers: Vec::new(), now_ms }
    }

    /// Takes the next record of the topic: the handle that its key names, if it does, and what is registered from then on.
    pub(crate) fn add(
        &mut self,
        subscriber: &str,
        key: WatchKey,
        at_ms: i64,
        named: Option<&str>,
        handle: Option<&str>,
    ) {
        let what = match (named, handle) {
            (Some(_), Some(_)) => What::Registered,
            (None, Some(_)) => What::RegisteredAlone,
            (Some(_), None) => What::Removed,
            (None, None) => What::AllRemoved,
        };
        let known = self.subscribers.iter().position(|known| **known == *subscriber);
        let number = known.unwrap_or_else(|| {
            self.subscribers.push(subscriber.into());
            self.subscribers.len() - 1
        });
        let handle = handle.or(named).unwrap_or_default().into();
        let changes = self.by_key.entry(key).or_default();
        // Nearly every key has one change for ever.
        changes.reserve_exact(1);
        changes.push(Change { at_ms, subscriber: number as u16, what, handle });
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// What `subscriber` hears of an event with these keys that was written at `at_ms`.
    pub(crate) fn matched(&self, subscriber: &str, keys: &[WatchKey], kind: WatchKind, at_ms: i64) -> Match {
        let mut states = Vec::new();
        for key in keys.iter().filter(|key| key.kind == kind) {
            let changes = self.changes(subscriber, *key);
            if changes.last().is_some_and(|last| last.at_ms > at_ms - SLACK_MS) {
                return Match::Doubtful;
            }
            states.push(state_after(&changes));
        }
        Match::Certain(in_order(states.iter()).into_iter().map(str::to_owned).collect())
    }

    /// Whether a copy of `copied_at_ms` may carry `handles`.
    pub(crate) fn allows(
        &self,
        subscriber: &str,
        keys: &[WatchKey],
        kind: WatchKind,
        (at_ms, copied_at_ms): (i64, i64),
        handles: &[String],
    ) -> Handles {
        let mut is_forgetful = copied_at_ms < self.now_ms.saturating_sub(TOMBSTONE_KEPT_MS);
        let mut possible: Vec<Vec<State<'_>>> = Vec::new();
        let mut certain: State<'_> = BTreeSet::new();
        for key in keys.iter().filter(|key| key.kind == kind) {
            let changes = self.changes(subscriber, *key);
            let before = changes.iter().take_while(|change| change.at_ms <= at_ms - SLACK_MS).count();
            let meanwhile = changes.iter().take_while(|change| change.at_ms <= copied_at_ms + SLACK_MS).count();
            possible.push((before..=meanwhile).map(|end| state_after(&changes[..end])).collect());
            if before == changes.len() {
                certain.extend(state_after(&changes));
            } else {
                // What the later change replaced may be compacted away.
                is_forgetful = true;
            }
        }
        if combine(&possible, handles) {
            return Handles::Right;
        }
        let has_certain = certain.iter().all(|handle| handles.iter().any(|found| found == handle));
        if is_forgetful && has_certain && !handles.is_empty() { Handles::Unproved } else { Handles::Wrong }
    }

    fn changes(&self, subscriber: &str, key: WatchKey) -> Vec<&Change> {
        let number = self.subscribers.iter().position(|known| **known == *subscriber);
        let changes = self.by_key.get(&key).into_iter().flatten();
        changes.filter(|change| Some(usize::from(change.subscriber)) == number).collect()
    }
}

/// The handles that are registered after these changes.
fn state_after<'h>(changes: &[&'h Change]) -> State<'h> {
    let mut state = BTreeSet::new();
    for change in changes {
        if matches!(change.what, What::RegisteredAlone | What::AllRemoved) {
            state.clear();
        }
        match change.what {
            What::Registered | What::RegisteredAlone => drop(state.insert(&*change.handle)),
            What::Removed | What::AllRemoved => drop(state.remove(&*change.handle)),
        }
    }
    state
}

/// The handles of each key in their order, each once.
fn in_order<'h, 's: 'h>(states: impl Iterator<Item = &'h State<'s>>) -> Vec<&'s str> {
    let mut found: Vec<&str> = Vec::new();
    for handle in states.flatten() {
        if !found.contains(handle) {
            found.push(handle);
        }
    }
    found
}

/// Whether one state of each key gives these handles, and at least one.
fn combine(possible: &[Vec<State<'_>>], handles: &[String]) -> bool {
    let combinations = possible.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul).unwrap_or(usize::MAX);
    (0..combinations.min(MOST_COMBINATIONS)).any(|mut number| {
        let chosen: Vec<&State<'_>> = possible
            .iter()
            .map(|states| {
                let state = &states[number % states.len()];
                number /= states.len();
                state
            })
            .collect();
        let found = in_order(chosen.into_iter());
        !found.is_empty() && found == handles
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the help text and `docs/guarantees.md` say.
    #[test]
    fn a_million_watch_keys_take_at_most_250_megabytes() {
        const KEYS: u32 = 1_000_000;
        let mut history = WatchHistory::new(0);
        let measured = allocation_counter::measure(|| {
            for number in 0..KEYS {
                let mut hash = [0; 16];
                hash[..4].copy_from_slice(&number.to_be_bytes());
                let handle = format!("loan-file-{number:011}");
                let key = WatchKey { kind: WatchKind::Person, hash };
                history.add("bank_facilities", key, 0, Some(&handle), Some(&handle));
            }
        });
        assert_eq!(history.len(), KEYS as usize);
        let bytes = measured.bytes_max / u64::from(KEYS);
        assert!(bytes <= 250, "{bytes} bytes a key");
    }

    const KEY: WatchKey = WatchKey { kind: WatchKind::Person, hash: [1; 16] };
    const OTHER: WatchKey = WatchKey { kind: WatchKind::Person, hash: [2; 16] };
    const DAY: i64 = TOMBSTONE_KEPT_MS;

    /// Time, key, named handle, registered handle.
    fn history(changes: &[(i64, WatchKey, Option<&str>, Option<&str>)]) -> WatchHistory {
        let mut history = WatchHistory::new(3 * DAY);
        for (at_ms, key, named, handle) in changes {
            history.add("bank", *key, *at_ms, *named, *handle);
        }
        history
    }

    fn matched(history: &WatchHistory, keys: &[WatchKey], at_ms: i64) -> Match {
        history.matched("bank", keys, WatchKind::Person, at_ms)
    }

    fn certain(handles: &[&str]) -> Match {
        Match::Certain(handles.iter().map(|handle| (*handle).to_owned()).collect())
    }

    #[test]
    fn each_handle_of_each_key_matches_once_in_the_order_of_the_keys() {
        let registered = |handle: &'static str| (Some(handle), Some(handle));
        let (a, b) = (registered("a"), registered("b"));
        let history = history(&[(1, KEY, b.0, b.1), (2, KEY, a.0, a.1), (3, OTHER, a.0, a.1)]);
        assert_eq!(matched(&history, &[KEY, OTHER], DAY), certain(&["a", "b"]));
        assert_eq!(matched(&history, &[OTHER], DAY), certain(&["a"]));
        assert_eq!(history.matched("tax", &[KEY], WatchKind::Person, DAY), certain(&[]));
        assert_eq!(history.matched("bank", &[KEY], WatchKind::Parcel, DAY), certain(&[]));
    }

    #[test]
    fn a_record_without_a_named_handle_stands_for_all() {
        let history = history(&[(1, KEY, Some("a"), Some("a")), (2, KEY, None, Some("b")), (DAY, KEY, None, None)]);
        assert_eq!(matched(&history, &[KEY], DAY), Match::Doubtful);
        assert_eq!(matched(&history, &[KEY], 2 * DAY), certain(&[]));
        let handles = |handles: &[&str]| {
            let handles: Vec<String> = handles.iter().map(|handle| (*handle).to_owned()).collect();
            history.allows("bank", &[KEY], WatchKind::Person, (DAY - 60_000, 3 * DAY - 1), &handles)
        };
        assert_eq!(handles(&["b"]), Handles::Right);
        assert_eq!(handles(&["a"]), Handles::Unproved);
        assert_eq!(handles(&[]), Handles::Wrong);
    }

    #[test]
    fn what_was_certain_must_be_there_however_old_the_copy_is() {
        let history = history(&[(1, KEY, Some("a"), Some("a"))]);
        let handles = |copied_at: i64, handles: &[&str]| {
            let handles: Vec<String> = handles.iter().map(|handle| (*handle).to_owned()).collect();
            history.allows("bank", &[KEY], WatchKind::Person, (copied_at, copied_at), &handles)
        };
        assert_eq!(handles(DAY, &["a"]), Handles::Right);
        assert_eq!(handles(DAY, &["b"]), Handles::Wrong);
        assert_eq!(handles(DAY, &["a", "b"]), Handles::Unproved);
        assert_eq!(handles(3 * DAY, &["a", "b"]), Handles::Wrong);
    }
}
