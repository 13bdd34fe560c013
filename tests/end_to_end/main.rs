//! The bus as its users run it: `barid` as separate processes on a real Kafka with a real schema registry.
//!
//! Each test lays down a [`stage::Stage`] of its own (topics by prefix, a registry, a folder), so tests run side by side on
//! one broker; those that kill a broker start one for themselves. What must come of it says the oracle of the harness, which
//! shares no code with the bus.
#![cfg(feature = "kafka-tests")]

mod audit;
mod away;
mod declared;
mod embedded_registry;
mod inboxes;
mod killed;
mod many_rows;
mod mended;
mod names;
mod operators;
mod other_clients;
mod policy_change;
mod quarantine;
mod registry_lost;
mod stage;
