//! The settings of a deployment: one TOML file, environment variables over it, flags over them.
//!
//! Text goes in, checked sections come out. The caller reads the file, the environment and the command line and hands over
//! what it found ([`Settings::resolve`]); nothing here touches a file, the environment or the network. All mistakes come at
//! once, each with file and line, variable or flag, and with the word that was probably meant.
//!
//! One table ([`SETTINGS`]) says of each setting its key, kind, flag and meaning. Reading, checking, `barid config show`
//! ([`Resolved::show`]) and the reference page ([`reference()`]) all follow it, so they cannot tell different stories. The file is
//! walked against that table and not read by serde into a struct: serde stops at the first wrong type and forgets the lines.
//!
//! A role asks for the section that it needs ([`Resolved::kafka`], [`Resolved::router`], …) and only then hears that something
//! in it is not set: the dry run of a connector needs no Kafka and must not ask for one.
//!
//! Secrets come from a file that a setting names, or from the environment. Written into the file itself they are refused, for that file is copied,
//! mailed and checked in. Their types print `***`.
//!
//! What it does not do: it does not read the connector's own TOML nor the policy, and it does not know librdkafka's
//! properties; `kafka.properties` is passed on as it is.

mod kind;
mod origin;
mod reference;
mod resolve;
mod secret;
mod section;
mod table;
mod written;

pub use origin::Origin;
pub use reference::reference;
pub use resolve::{Flags, Resolved, Row, Settings};
pub use secret::{SecretSource, SecretText};
pub use section::{Connector, Deployment, EmbeddedRegistry, Kafka, Registry, Router, Telemetry};
pub use table::{SETTINGS, Setting};

#[cfg(test)]
mod tests;
