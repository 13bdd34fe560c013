//! The router without a broker: records go into a slot, what it writes is looked at.

mod bookkeeping;
mod dead_letters;
mod fixture;
mod headers;
mod holds;
mod leaks;
mod views;
