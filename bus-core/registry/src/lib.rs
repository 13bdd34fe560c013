//! An embedded schema registry for the demo and for tests.
//!
//! It speaks the part of the Confluent Schema Registry API that Avro clients use: subjects, versions, ids, compatibility,
//! configuration and mode, with Confluent's error codes. Barid talks to it over HTTP exactly as it talks to any other registry, so
//! nothing in Barid knows which one it has before it.
//!
//! ```no_run
//! # fn main() -> Result<(), barid_registry::RegistryError> {
//! let registry = barid_registry::EmbeddedRegistry::start("127.0.0.1:0")?;
//! println!("schemas are at {}", registry.url());
//! registry.stop();
//! # Ok(())
//! # }
//! ```
//!
//! A request goes through `http` (paths, bodies, error bodies) into the `store` (subjects, versions, ids, levels, modes behind one lock, nothing
//! async), which asks `compatibility` whether a schema may follow the ones before it.
//!
//! # What it is not
//!
//! It keeps everything in memory and forgets it when it stops, it knows one kind of schema (Avro) and no references between
//! schemas, contexts, rules or tags, it has no authentication, and there is one of it. Whoever keeps data for longer than the
//! process lives needs a real registry.

mod compatibility;
mod error;
mod error_code;
mod http;
mod server;
mod store;

pub use error::RegistryError;
pub use server::{EmbeddedRegistry, Running};

#[cfg(test)]
mod tests;
