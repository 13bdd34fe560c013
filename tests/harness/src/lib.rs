//! What the tests that need more than one process stand on: a real Apache Kafka, a real schema registry, the `barid`
//! binary as separate processes, and an oracle that works out slowly and independently what must come of it all.
//!
//! * [`Kafka`] and [`Apicurio`] start from what `tests/run.sh` fetched into the cache ([`cache`]). Each runs under a
//!   supervisor ([`supervised`]) that ends it when the test process ends, however that ends.
//! * [`Cluster`] is three nodes with a network of its own for each client process, made of [`proxy`]s that cut, hold up or
//!   slow down what goes through them.
//! * [`shared_kafka`] is the one broker of a test run: the one that `BARID_TEST_BOOTSTRAP` names, else one that this test
//!   process starts for itself. Tests on it keep apart by the prefix of their topics ([`unique_prefix`]).
//! * [`Barid`] runs the command line; [`Deployment`] lays down the folder it works on.
//! * [`records`] reads topics as they are, without any code of the bus.
//! * [`oracle`] says what must be in the inboxes, and [`leak`] what must not.
//!
//! Asked for and not there is a failure, never a skip: a missing cache is an error that names the command that fills it.
//!
//! The harness shares no code with the bus: what both got wrong would not be seen. It uses Unix signals and `sh`, so it
//! does not run on Windows.

pub mod admin;
pub mod apicurio;
pub mod barid;
pub mod cache;
pub mod cluster;
pub mod deployment;
#[cfg(test)]
mod fixture;
pub mod kafka;
pub mod leak;
mod node;
pub mod oracle;
pub mod ports;
pub mod proxy;
pub mod records;
pub mod schema_registry;
pub mod supervised;
pub mod wait;

pub use apicurio::Apicurio;
pub use barid::{Barid, Finished, Running};
pub use cluster::Cluster;
pub use deployment::Deployment;
pub use kafka::{Kafka, shared_kafka, unique_prefix};
pub use leak::leaks;
pub use oracle::Oracle;
pub use records::{RawRecord, read_topic};
pub use schema_registry::SchemaRegistry;
pub use wait::{HANGS_AFTER, wait_for, wait_until};
