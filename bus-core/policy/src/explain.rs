//! Explain.

use serde::Serialize;

use crate::event::EventFacts;
use crate::load::Policy;
use crate::watch::WatchTable;

/// Which rule let an event through to a subscriber, or stopped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub subscriber: String,
    /// Every rule that was looked at, in the order in which they were.
    pub findings: Vec<Finding>,
    pub verdict: Verdict,
}

/// One rule and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where the rule is written; `None` for the rule that all is denied.
    pub place: Option<String>,
    pub passed: bool,
    /// For people.
    pub text: String,
}

/// What the subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Verdict {
    /// A copy.
    Copy { permit: String, view: &'static str, groups: Vec<&'static str>, handles: Vec<String> },
    /// Nothing.
    Nothing { reason: Reason },
}

/// Why a subscriber gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoPermit,
    NotYetValid,
    NoLongerValid,
    NotWatched,
    NotAddressee,
    NoSubscriptionPasses,
}

/// Explains what `subscriber` gets of an event.
#[must_use]
pub fn explain(_policy: &Policy, _watch: &WatchTable, _facts: &EventFacts<'_>, subscriber: &str) -> Explanation {
    Explanation {
        subscriber: subscriber.to_owned(),
        findings: Vec::new(),
        verdict: Verdict::Nothing { reason: Reason::NoPermit },
    }
}
