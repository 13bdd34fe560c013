//! The embedded schema registry.
//!
//! It speaks the part of the Confluent Schema Registry API that Avro clients use: subjects, versions, ids, compatibility,
//! configuration and mode, with Confluent's error codes. Barid talks to it over HTTP exactly as it talks to any other registry, so
//! nothing in Barid knows which one it has before it.
//!
//! There are two of it. [`EmbeddedRegistry`] keeps everything in memory, for the demo and for tests:
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
//! [`TopicRegistry`] keeps everything in a compacted topic (`_schemas`) in the format of Confluent's registry, for small sites that do not want to run another
//! server. It outlives restarts, and there may be several instances.
//!
//! # How a request goes
//!
//! `http` reads paths and bodies and writes error bodies; `service` answers questions from the `content` (subjects, versions, ids, levels, modes) and has changes
//! made. What a change comes to is decided in `operation`, which asks `compatibility` whether a schema may follow the ones before it, and gives the entries to be
//! written; `entry` is their form in the topic. In memory they are applied at once. On a topic `writer` writes them, `reader` reads them and applies them, and
//! `role` holds the threads together.
//!
//! # Not obvious
//!
//! * **Who leads is chosen by a consumer group, and kept by a transactional id.** Confluent's registry has a group protocol of its own for this (`sr`), which
//!   librdkafka cannot speak. Here all instances subscribe to the topic as one ordinary group; it has one partition, and whoever is given it leads. That decides
//!   who *should* write. What keeps a second one from writing is that all instances write with one `transactional.id`: whoever takes the lead initialises it
//!   first, and from then on the broker refuses every other. A leader that was asleep and wakes up has its write refused; it never gives out an id.
//! * **Nobody leads without having read everything.** After the fencing the new leader reads the topic to its end and writes a `NOOP`; when it reads that one back
//!   it has read all that was ever acknowledged. The same after a commit whose outcome is not known. So an error in a transaction never ends in an abort that
//!   makes the producer anew: that would take the lead without reading.
//! * **The leader's address stands in no record.** It is part of the client id with which an instance is a member of the group, and the coordinator tells it
//!   to whoever asks. A record would grow old; this is true as long as the group is.
//! * **The highest id survives a deletion for good.** Confluent's registry forgets an id that is deleted for good as soon as compaction has run, and gives it to
//!   the next schema after a restart; data that was written with it would then be read as something else. Here a `NOOP` remembers it in a header.
//! * **The topic has room for what this registry does not know**: Protobuf and JSON schemas, references, rules. They are kept, shown, and never compared with.
//!   Subjects of contexts have ids of their own and are left alone.
//!
//! # What it is not
//!
//! It knows one kind of schema (Avro) and no references between schemas, contexts, rules or tags, and it has no authentication and no TLS of its own. It must not
//! share its topic with a registry of another make at the same time: that one would not know of its leader, nor it of the other's.

mod compatibility;
mod content;
mod counters;
mod entry;
mod error;
mod error_code;
mod forward;
mod http;
mod mode;
mod operation;
mod reader;
mod role;
mod server;
mod service;
mod writer;

pub use error::RegistryError;
pub use role::{TopicRegistry, TopicRegistrySettings};
pub use server::{EmbeddedRegistry, Running};

/// The consumer group of the instances on this topic, and the `transactional.id` with which the one that leads writes. It hangs on the topic alone: whoever
/// writes there must be fenced by whoever else does, whatever their deployments are called.
#[must_use]
pub fn group_of_topic(topic: &str) -> String {
    format!("barid-registry.{topic}")
}

#[cfg(test)]
mod tests;
