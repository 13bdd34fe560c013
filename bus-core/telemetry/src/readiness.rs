//! Whether a role can do its work now, as a set of named conditions.
//!
//! A role names the conditions it needs at start (`broker`, `registry`, `policy`); each begins as not met. The thread that
//! knows better sets it; `/readyz` reads it. A readiness without conditions is ready: nothing is waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A shared set of named conditions. Clones see the same conditions.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// Name of the condition to the reason why it fails, or none when it is met.
    conditions: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl Readiness {
    /// A readiness with these conditions, none of which is met yet.
    pub fn with_conditions<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let readiness = Self::default();
        for name in names {
            readiness.not_ready(name, "not checked yet");
        }
        readiness
    }

    /// The condition is met. Returns whether that is news, so that the caller can log a change once.
    pub fn ready(&self, name: &str) -> bool {
        self.set(name, None)
    }

    /// The condition fails, for a reason without values of rows. Returns whether that is news: the condition was met or unknown before (another
    /// reason alone is not news).
    pub fn not_ready(&self, name: &str, reason: impl Into<String>) -> bool {
        self.set(name, Some(reason.into()))
    }

    pub fn is_ready(&self) -> bool {
        self.failing().is_empty()
    }

    /// Names and reasons of the conditions that fail, by name.
    pub fn failing(&self) -> Vec<(String, String)> {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions
            .iter()
            .filter_map(|(name, failure)| failure.as_ref().map(|reason| (name.clone(), reason.clone())))
            .collect()
    }

    fn set(&self, name: &str, failure: Option<String>) -> bool {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = failure.is_some();
        let before = conditions.insert(name.to_owned(), failure);
        before.is_none_or(|before| before.is_some() != fails)
    }
}
