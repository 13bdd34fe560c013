//! Check.

use barid_schemas::Date;
use serde::Serialize;

use crate::load::Policy;

/// Something that is allowed but probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// `file:line`.
    pub place: String,
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// What in the policy is allowed but probably not meant.
#[must_use]
pub fn check(_policy: &Policy) -> Vec<Warning> {
    Vec::new()
}

/// The permits that have ended by `today` or end within `days` days.
#[must_use]
pub fn expiring(_policy: &Policy, _today: Date, _days: u32) -> Vec<Warning> {
    Vec::new()
}
