//! Who may hear what: permits, subscriptions, watch keys, and the index that decides about each event.
//!
//! ```text
//! files ──load──▶ Policy ──Index::build──▶ Index ──decide(event, watch table)──▶ one Decision for each copy
//!                   │ ├─check──────▶ warnings               (`barid policy check`)
//!                   │ ├─difference─▶ changes                (`barid policy apply`)
//!                   │ └─explain────▶ the rule that decided  (`barid explain`)
//! ```
//!
//! A [`Permit`] is the authority and nothing else is: what no permit gives is denied. A [`Subscription`] and a watch key
//! only narrow what a permit gives. Therefore everything that is uncertain about a subscription may be decided in favour
//! of the subscriber, and everything that is uncertain about a permit is decided against it.
//!
//! [`load()`] reads a whole policy or refuses it with every mistake in it. What it lets through is consistent: agencies,
//! services and statuses exist, no permit gives a group outside of the whitelist or the exact view of a sensitive service,
//! and a publisher, service, status and subscriber have at most one permit between them.
//!
//! [`explain()`] decides the same question as [`Index::decide`], slowly and obviously, and shares no code with it. A property
//! test holds the two together.
//!
//! Nothing here touches a file, a clock or the network: files come as text, and an event brings the time by which the
//! validity of permits is judged. So a decision can be repeated years later.

mod attributes;
pub mod check;
pub mod difference;
mod event;
pub mod explain;
pub mod filter;
pub mod index;
mod load;
mod permit;
#[cfg(test)]
mod sample;
mod selector;
mod simplify;
mod subscription;
pub mod trial;
mod validity;
pub mod versions;
pub mod watch;
pub mod withdrawal;
mod written;

pub use check::{Warning, WarningKind, check, expiring};
pub use difference::{Change, ChangeKind, Difference, difference};
pub use event::EventFacts;
pub use explain::{Explanation, explain};
pub use filter::Filter;
pub use index::{Decision, Index};
pub use load::{Policy, PolicyFile, load};
pub use permit::{Permit, Requirement};
pub use subscription::Subscription;
pub use trial::{Consequence, compare};
pub use validity::{date_at, date_from_iso};
pub use watch::{WatchError, WatchTable};
pub use withdrawal::{Withdrawal, withdrawal};
