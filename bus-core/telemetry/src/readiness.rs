//! Whether a role can do its work now, as a set of named conditions.
//!
//! A role names the conditions it needs at start (`broker`, `registry`, `policy`); each begins as not met. The thread that
//! knows better sets it; `/readyz` reads it. A readiness without conditions is ready: nothing is waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A shared set of named conditions. Clones see the same conditions.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<BTreeMap<String, State>>>,
}

#[derive(Clone, Debug)]
enum State {
    /// Nobody has looked yet. It counts as failing, and whatever is found first is news.
    Unknown,
    Failing(String),
    Met,
}

impl Readiness {
    /// A readiness with these conditions, none of which is met yet.
    pub fn with_conditions<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let readiness = Self::default();
        for name in names {
            readiness.expect(name);
        }
        readiness
    }

    /// Names a condition that nobody has looked at yet; it is not met until somebody says so.
    pub fn expect(&self, name: &str) {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(name.to_owned(), State::Unknown);
    }

    /// The condition is met. Returns whether that is news, so that the caller can log a change once.
    pub fn ready(&self, name: &str) -> bool {
        self.set(name, State::Met)
    }

    /// The condition fails, for a reason without values of rows. Returns whether that is news: the condition was met or unknown before (another
    /// reason alone is not news).
    pub fn not_ready(&self, name: &str, reason: impl Into<String>) -> bool {
        self.set(name, State::Failing(reason.into()))
    }

    pub fn is_ready(&self) -> bool {
        self.failing().is_empty()
    }

    /// Names and reasons of the conditions that fail, by name.
    pub fn failing(&self) -> Vec<(String, String)> {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = |state: &State| match state {
            State::Unknown => Some("not checked yet".to_owned()),
            State::Failing(reason) => Some(reason.clone()),
            State::Met => None,
        };
        conditions.iter().filter_map(|(name, state)| Some((name.clone(), reason(state)?))).collect()
    }

    fn set(&self, name: &str, state: State) -> bool {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = matches!(state, State::Failing(_));
        match conditions.insert(name.to_owned(), state) {
            None | Some(State::Unknown) => true,
            Some(State::Failing(_)) => !fails,
            Some(State::Met) => fails,
        }
    }
}
