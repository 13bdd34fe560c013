//! The rules in force: one version of the policy, compiled, and the watch keys.

use std::sync::{Arc, RwLock, RwLockReadGuard};

use arc_swap::ArcSwapOption;
use barid_policy::{Index, Policy, WatchTable};

/// One version of the policy, ready to decide.
pub(crate) struct Rules {
    version: i64,
    policy: Arc<Policy>,
    index: Index,
    watch: Arc<RwLock<WatchTable>>,
}

impl Rules {
    pub(crate) fn new(version: i64, policy: Policy, watch: Arc<RwLock<WatchTable>>) -> Self {
        let policy = Arc::new(policy);
        Self { version, index: Index::build(Arc::clone(&policy)), policy, watch }
    }

    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The watch keys as they are now. Unlike the policy they change at any moment: each is a wish of one subscriber within
    /// what its permits give, not an authority.
    pub(crate) fn watch(&self) -> RwLockReadGuard<'_, WatchTable> {
        self.watch.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The newest rules; the feed swaps them, the slots take them up between two transactions.
#[derive(Clone, Default)]
pub(crate) struct RulesInForce(Arc<ArcSwapOption<Rules>>);

impl RulesInForce {
    pub(crate) fn set(&self, rules: Rules) {
        self.0.store(Some(Arc::new(rules)));
    }

    pub(crate) fn get(&self) -> Option<Arc<Rules>> {
        self.0.load_full()
    }
}
