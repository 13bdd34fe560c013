//! What stands behind a request: the content, and the way in which it is changed.
//!
//! In memory a change is decided and applied under one lock. On a topic every instance reads the topic and answers questions from what it has read; a change is
//! carried out by the instance that leads, and by the others handed on to it.
//!
//! ```text
//! question ──► content ◄── reader ◄── _schemas ◄── writer ◄── change     (the instance that leads)
//! question ──► content ◄── reader ◄── _schemas      change ──► HTTP ──► the instance that leads
//! ```
//!
//! A change is answered when it has been read back from the topic, here and at the instance that handed it on. So whoever asks the same instance again sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::response::Response;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::content::Content;
use crate::counters::Counters;
use crate::error_code::Refusal;
use crate::forward::{self, Forwarded, Original};
use crate::operation::{Operation, Outcome, decide};

/// How long a change may take, the search for a leader included. A leader that is killed is replaced after the session of its group, 6 s.
const CHANGE_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks for a leader.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long an instance that handed a change on waits until it has read it, too. It answers then in any case: the change is made.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// The registry as requests see it.
#[derive(Debug)]
pub(crate) struct Service {
    content: Mutex<Content>,
    log: Log,
}

#[derive(Debug)]
enum Log {
    Memory,
    Topic(Desk),
}

/// Where requests and the threads of the topic meet.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) writes: Sender<Message>,
    /// The topic has been read to where it ended at the start.
    pub(crate) caught_up: AtomicBool,
    /// Offset of the newest record that was read; -1: none.
    pub(crate) read: watch::Sender<i64>,
    pub(crate) leads: watch::Sender<bool>,
    /// Address of the instance that leads.
    pub(crate) leader: watch::Sender<Option<String>>,
    /// Somebody waits for that address.
    pub(crate) leader_wanted: AtomicBool,
    /// Address of this instance, once it listens.
    pub(crate) own_url: OnceLock<String>,
    pub(crate) client: reqwest::Client,
    pub(crate) counters: Counters,
}

/// What the writer is told.
#[derive(Debug)]
pub(crate) enum Message {
    Elected,
    Deposed,
    Change { operation: Operation, answer: oneshot::Sender<Result<(Outcome, i64), NotDone>> },
}

/// Why the writer did not make a change.
#[derive(Debug)]
pub(crate) enum NotDone {
    Refused(Refusal),
    /// Another instance leads. Nothing was written.
    NotLeading,
}

/// A change that was made.
#[derive(Debug)]
pub(crate) enum Changed {
    /// By this instance; the offset of its last record, if there is a topic and something was written.
    Here(Outcome, Option<i64>),
    /// By the leader, whose answer this is.
    There(Response),
}

impl Service {
    /// A registry that forgets everything when it ends.
    pub(crate) fn in_memory() -> Self {
        Self { content: Mutex::default(), log: Log::Memory }
    }

    pub(crate) fn on_topic(desk: Desk) -> Self {
        Self { content: Mutex::default(), log: Log::Topic(desk) }
    }

    /// Forgets everything; for the registry in memory.
    pub(crate) fn clear(&self) {
        *self.content_in_any_case() = Content::default();
    }

    /// What is known, unless it is only half read.
    pub(crate) fn content(&self) -> Result<MutexGuard<'_, Content>, Refusal> {
        match &self.log {
            Log::Topic(desk) if !desk.caught_up.load(Ordering::Acquire) => {
                Err(Refusal::Store("the schemas have not been read yet; try again".to_owned()))
            }
            _ => Ok(self.content_in_any_case()),
        }
    }

    /// What is known so far.
    pub(crate) fn content_in_any_case(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn desk(&self) -> Option<&Desk> {
        match &self.log {
            Log::Memory => None,
            Log::Topic(desk) => Some(desk),
        }
    }

    /// Makes a change, here or elsewhere.
    pub(crate) async fn change(&self, operation: Operation, original: Original) -> Result<Changed, Refusal> {
        match &self.log {
            Log::Memory => {
                let mut content = self.content_in_any_case();
                let (entries, outcome) = decide(&content, &operation)?;
                for entry in entries {
                    content.apply(entry).map_err(|taken| Refusal::Store(taken.to_string()))?;
                }
                Ok(Changed::Here(outcome, None))
            }
            Log::Topic(desk) => {
                // What is so already needs no leader: most registrations are of schemas that are there.
                if matches!(operation, Operation::Register { .. })
                    && let Ok((entries, outcome)) = decide(&*self.content()?, &operation)
                    && entries.is_empty()
                {
                    return Ok(Changed::Here(outcome, None));
                }
                desk.change(operation, original).await
            }
        }
    }
}

impl Desk {
    async fn change(&self, operation: Operation, original: Original) -> Result<Changed, Refusal> {
        let until = Instant::now() + CHANGE_WITHIN;
        loop {
            if *self.leads.borrow() {
                if let Some((outcome, offset)) = self.write(operation.clone(), until).await? {
                    return Ok(Changed::Here(outcome, Some(offset)));
                }
            } else if original.is_forwarded {
                // Whoever forwarded it looks for the leader, not we: two that hand a request to each other would never end.
                return Err(Refusal::NoLeader);
            } else if let Some(leader) = self.other_leader()
                && let Some(answer) = self.hand_on(&leader, &original, until).await?
            {
                return Ok(Changed::There(answer));
            }
            if Instant::now() + LOOK_AGAIN > until {
                return Err(Refusal::NoLeader);
            }
            self.leader_wanted.store(true, Ordering::Release);
            sleep(LOOK_AGAIN).await;
        }
    }

    /// None: this instance does not lead any more.
    async fn write(&self, operation: Operation, until: Instant) -> Result<Option<(Outcome, i64)>, Refusal> {
        let (answer, answered) = oneshot::channel();
        // A writer that has ended writes nothing: another instance leads, or will.
        if self.writes.send(Message::Change { operation, answer }).is_err() {
            return Ok(None);
        }
        match timeout_at(until, answered).await {
            Ok(Ok(Ok(done))) => Ok(Some(done)),
            Ok(Ok(Err(NotDone::NotLeading))) => Ok(None),
            Ok(Ok(Err(NotDone::Refused(refusal)))) => Err(refusal),
            // The writer has ended without looking at it.
            Ok(Err(_)) => Ok(None),
            Err(_) => Err(Refusal::TimedOut("Kafka did not take the change in time; it may still come".to_owned())),
        }
    }

    /// None: the leader could not be reached, or is none.
    async fn hand_on(&self, leader: &str, original: &Original, until: Instant) -> Result<Option<Response>, Refusal> {
        let limit = until.saturating_duration_since(Instant::now());
        match forward::send(&self.client, leader, original, limit).await? {
            Forwarded::Answered { response, offset } => {
                self.counters.forwarded.add(1);
                if let Some(offset) = offset {
                    let mut read = self.read.subscribe();
                    let seen = read.wait_for(|read| *read >= offset);
                    // Not seen in time: the change is made all the same.
                    let _ = timeout_at(Instant::now() + SEEN_WITHIN, seen).await;
                }
                Ok(Some(response))
            }
            Forwarded::NotLeading | Forwarded::Unreachable => Ok(None),
        }
    }

    fn other_leader(&self) -> Option<String> {
        self.leader.borrow().clone().filter(|leader| self.own_url.get() != Some(leader))
    }
}
