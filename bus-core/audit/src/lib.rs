//! The proof after the fact: whether the topics of a deployment hold exactly what they must.
//!
//! ```text
//! policy, policy-applied, watch, positions, quarantine, commands ─► what decides
//! events.*      ─► for each event: its copies as digests, or a dead letter; its number in ce_sequence
//! deadletter.*  ─► each is that of an event that cannot be routed
//! inbox.*       ─► each is expected, once, as it must be, in order
//! cases.*       ─► each published row has its event
//! events.*      ─► once more, only if a copy is suspect: in which part it differs
//! ```
//!
//! It shares with the router the schemas, the topic names, the clients and the reading of policy files, and nothing that
//! decides: events are decoded by the Avro library, permits are judged rule by rule, views are made from values. What both
//! got wrong in the same way would not be seen, so nothing of the router's index, walk and splicing is called here.
//!
//! Order matters where routers and connectors run on: the offsets that routers have committed are asked for first, then where
//! each topic ends; so a copy that is not there by then is missing, and what came later is left alone.
//!
//! What it does not do: it writes nothing, and it proves nothing about records that retention has deleted; it counts them.

mod auditor;
mod copy;
mod decoder;
mod expected;
mod findings;
mod letters;
mod murmur;
mod reader;
mod rows;
mod rulebook;
mod sequence;
mod verdict;
mod watching;

#[cfg(test)]
mod tests;

pub use auditor::Scope;
pub use findings::{Counts, Defect, Offender, Place, Report, Unproved};
pub use reader::{AuditError, Bus, audit};
