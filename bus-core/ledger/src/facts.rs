//! The facts of an event that was read back, as the policy wants them.

use barid_event::watch::WatchKey;
use barid_policy::EventFacts;
use barid_schemas::{CaseEvent, Millis};

/// Owns what [`EventFacts`] borrows.
#[derive(Debug, Clone)]
pub struct Facts<'e> {
    event: &'e CaseEvent,
    event_id: String,
    corr_id: String,
    watch_keys: Vec<WatchKey>,
    at: Millis,
}

impl<'e> Facts<'e> {
    /// `timestamp_ms` is that of the event's Kafka record, by which the validity of permits is judged.
    #[must_use]
    pub fn of(event: &'e CaseEvent, watch_keys: Vec<WatchKey>, timestamp_ms: i64) -> Self {
        Self {
            event,
            event_id: event.event_id.to_string(),
            corr_id: event.corr_id.to_string(),
            watch_keys,
            at: Millis(timestamp_ms),
        }
    }

    /// For [`barid_policy::explain()`] and its kind.
    #[must_use]
    pub fn borrowed(&self) -> EventFacts<'_> {
        EventFacts {
            publisher: &self.event.publisher,
            service: &self.event.service_code,
            status_from: self.event.status_from.as_deref(),
            status: &self.event.status_to,
            county: self.event.county.as_deref(),
            event_id: &self.event_id,
            corr_id: &self.corr_id,
            occurred_at: self.event.occurred_at,
            relying_agency: self.event.identity.as_ref().and_then(|identity| identity.relying_agency.as_deref()),
            watch_keys: &self.watch_keys,
            at: self.at,
        }
    }
}
