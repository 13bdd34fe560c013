//! What a new policy would change for a past event: the pure part of `barid policy try`.

use std::collections::BTreeMap;
use std::fmt;

use barid_schemas::Group;
use serde::Serialize;

use crate::event::EventFacts;
use crate::index::{Decision, Index};
use crate::permit::view_code;
use crate::watch::WatchTable;

/// What changes for one subscriber of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consequence {
    pub subscriber: String,
    /// What it gets now; `None` if nothing.
    pub before: Option<Shown>,
    /// What it would get; `None` if nothing.
    pub after: Option<Shown>,
}

/// What one copy shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub permit: String,
    pub view: &'static str,
    pub groups: Vec<&'static str>,
    pub handles: Vec<String>,
}

impl Shown {
    fn of(decision: &Decision<'_>) -> Self {
        Self {
            permit: decision.permit.number.clone(),
            view: view_code(decision.permit.view),
            groups: decision.permit.groups.iter().map(Group::field_name).collect(),
            handles: decision.handles.iter().map(|handle| (*handle).to_owned()).collect(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = if self.groups.is_empty() { "envelope".to_owned() } else { self.groups.join("+") };
        write!(formatter, "{} {groups} under {}", self.view, self.permit)?;
        if self.handles.is_empty() { Ok(()) } else { write!(formatter, " as {}", self.handles.join(", ")) }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscriber = &self.subscriber;
        match (&self.before, &self.after) {
            (None, None) => write!(formatter, "{subscriber}: nothing, as before"),
            (None, Some(after)) => write!(formatter, "{subscriber}: would get {after}"),
            (Some(before), None) => write!(formatter, "{subscriber}: would no longer get {before}"),
            (Some(before), Some(after)) => write!(formatter, "{subscriber}: would get {after}, now {before}"),
        }
    }
}

/// The subscribers for which the two policies decide differently about an event, by name.
#[must_use]
pub fn compare(old: &Index, new: &Index, watch: &WatchTable, facts: &EventFacts<'_>) -> Vec<Consequence> {
    let mut decisions = Vec::new();
    let mut shown: BTreeMap<String, (Option<Shown>, Option<Shown>)> = BTreeMap::new();
    old.decide(watch, facts, &mut decisions);
    for decision in &decisions {
        shown.entry(decision.permit.subscriber.clone()).or_default().0 = Some(Shown::of(decision));
    }
    new.decide(watch, facts, &mut decisions);
    for decision in &decisions {
        shown.entry(decision.permit.subscriber.clone()).or_default().1 = Some(Shown::of(decision));
    }
    shown
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(subscriber, (before, after))| Consequence { subscriber, before, after })
        .collect()
}

#[cfg(test)]
mod tests;
