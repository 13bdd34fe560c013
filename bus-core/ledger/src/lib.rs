//! The ledger: what happened in a matter across agencies, read from the topics.
//!
//! ```text
//! events.*, inbox.*, deadletter.* ─► first pass: links ─► the corr_ids of the matter
//!                                 └► second pass: events with their copies and dead letters, by time
//! ```
//!
//! Cases that share a corr_id, a tracking code, a parcel or a person are one matter. Two passes, so that memory grows with the
//! links of the events (hashes) and the size of one matter, not with the events.
//!
//! What it does not do: it keeps no store; every question reads the topics anew. It decides nothing: why somebody did not get a
//! copy is for `barid_policy::explain`.

mod facts;
mod links;
mod reader;
mod rules;
mod timeline;

pub use facts::Facts;
pub use links::Links;
pub use reader::{LedgerError, Reader};
pub use rules::{RulesRead, read_rules};
pub use timeline::{CopyEntry, DeadLetterEntry, EventEntry, RecordPlace, Timeline};
