//! Keeps the house tidy and its documents true: rules that no compiler checks. Each failure names the place and the cure.
//!
//! * [`house`]: folders, files and their lengths, what ARCHITECTURE.md and the reference pages name.
//! * [`arrows`]: who may depend on whom, and what pure crates do not touch.
//! * [`guarantees`]: that each claim of docs/guarantees.md has the test that it names.
//! * [`endings`]: that each end-to-end test ends with an audit, and that tests wait with one limit.
//! * [`words`]: words that must not stand in the source, log messages, agencies in the bus.

mod arrows;
mod endings;
mod guarantees;
mod house;
mod tree;
mod words;
