//! What the policy needs to know of an event.

use barid_event::WatchKey;
use barid_schemas::Millis;

/// The facts of one event by which it is decided who hears of it.
///
/// All text is as in the event itself, never as in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFacts<'a> {
    pub publisher: &'a str,
    pub service: &'a str,
    pub status_from: Option<&'a str>,
    pub status: &'a str,
    pub county: Option<&'a str>,
    /// As in the header `ce_id`.
    pub event_id: &'a str,
    /// As in the header `ce_subject`.
    pub corr_id: &'a str,
    pub occurred_at: Millis,
    /// The agency that the identity group names as the one that relies on the tracking code.
    pub relying_agency: Option<&'a str>,
    pub watch_keys: &'a [WatchKey],
    /// The timestamp of the Kafka record: permits must be valid then. Not the clock of whoever decides, so that the
    /// decision can be repeated later; not `occurred_at`, or an event of last year would escape a permit that has run out.
    pub at: Millis,
}
