//! The records of every topic and the catalogue that all agencies share.
//!
//! This crate is data and the types that mirror it. `avro/*.avsc` holds one schema for each record, `released/` every
//! version that has ever been released, `catalogue/` the agencies, statuses, counties, field groups and shared services.
//! Nothing here reads a file, a clock or the network: all data is compiled in, and [`Catalogue::add`] takes further
//! catalogue files as text.

pub mod case_event;
pub mod catalogue;
pub mod groups;
pub mod lint;
pub mod records;
pub mod released;
pub mod time;

pub use case_event::CaseEvent;
pub use catalogue::Catalogue;
pub use groups::{Group, GroupSet};
pub use time::{Date, Millis};
