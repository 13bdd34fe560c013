//! Ids, watch keys, headers and topic names of a case event: everything about an event that is neither its schema nor
//! its transport.
//!
//! * [`ids`] makes `event_id` and `corr_id` from what the source says, under a [`Secret`].
//! * [`watch`] makes the keyed hashes by which a subscriber says which parcels and persons concern it.
//! * [`header`] gives the CloudEvents headers of a record, and [`traceparent`] the W3C trace context.
//! * [`topics`] names every topic, says how each has to be configured and who may read and write it.
//!
//! All of it is pure: no network, no file, no clock, no random number. What is needed of these comes in as an argument,
//! so that an id can be computed again and a test needs no set-up.
//!
//! # What the keys protect, and what they do not
//!
//! A tracking code has fourteen digits and a national id ten; there are few enough of them to try them all. Therefore no
//! id and no watch key is a plain hash. But a keyed hash protects only against those who do not hold the key:
//!
//! * The **connector secret** never leaves one connector. Nobody else can test whether an `event_id`, or a `corr_id`
//!   made from a case number, belongs to a guessed case.
//! * The **correlation key** is shared by all connectors, for only so can two agencies that know the same tracking code
//!   arrive at the same `corr_id`. Whoever holds it can compute the `corr_id` of any tracking code and so test, for
//!   every event that it sees, whether it belongs to that code; with enough time it can try all codes. It learns nothing
//!   else: no number of a person and no content that a permit withholds goes into the id. Keep the key away from readers
//!   of inboxes; the router does not need it.
//! * The **watch key secret** is shared by all connectors and by those who register watch keys. Whoever holds it can
//!   test numbers and plates against the hashes in `events.*` and in the watch topic; subscribers see neither.

pub mod header;
pub mod ids;
pub mod secret;
pub mod topics;
pub mod traceparent;
pub mod watch;

mod keyed_hash;

pub use secret::{Secret, SecretError};
pub use traceparent::{TraceParent, TraceParentError};
pub use watch::{WatchKey, WatchKeyError};

#[cfg(test)]
mod tests;
