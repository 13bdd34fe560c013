//! The router: gives every agency its view of every event, exactly once.
//!
//! ```text
//! events.<publisher> ─► slot ─► inbox.<subscriber>, one copy for each permit that lets it through
//!                        │ └──► deadletter.<publisher>, for what can never be routed
//!                        └────► policy-applied, from where on a version decided
//!          policy, watch ─► feed ─► the rules in force
//! ```
//!
//! [`Router::run`] starts a policy feed and one thread for each slot; a slot is a `barid_kafka::TransactionalWorker` with the
//! processor of this crate. What one record becomes is decided in `routing`, from the record, the rules and the writer
//! schema alone.
//!
//! What it does not do: it decodes no event into a value, it waits for no subscriber, it keeps nothing that the topics do not keep.

mod bulletin;
mod codecs;
mod counters;
mod dead_letter;
mod feed;
mod holds;
mod reason;
mod router;
mod routing;
mod rules;
mod settings;
mod slot;
mod spans;
mod walks;

#[cfg(test)]
mod tests;

pub use reason::Reason;
pub use router::{Progress, Router, RouterError};
pub use settings::{MAX_RECORD_BYTES, RouterSettings};
