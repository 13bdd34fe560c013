//! The index.

use std::sync::Arc;

use crate::event::EventFacts;
use crate::load::Policy;
use crate::permit::Permit;
use crate::watch::WatchTable;

/// One copy to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'i> {
    pub permit: &'i Permit,
    /// The subscriber's own handles for the watch keys that matched; empty for a permit that requires no watch key.
    pub handles: Vec<&'i str>,
}

/// A policy, compiled.
#[derive(Debug, Clone)]
pub struct Index {
    policy: Arc<Policy>,
}

impl Index {
    /// Compiles a policy.
    #[must_use]
    pub fn build(policy: Arc<Policy>) -> Self {
        Self { policy }
    }

    /// The policy that was compiled.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Fills `out`, which is emptied first, with one decision for each subscriber that gets a copy.
    pub fn decide<'i>(&'i self, _watch: &'i WatchTable, _facts: &EventFacts<'_>, out: &mut Vec<Decision<'i>>) {
        out.clear();
    }
}
