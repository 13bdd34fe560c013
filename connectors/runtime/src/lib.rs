//! The connector runtime: an office's exports in, events out.
//!
//! ```text
//! file ──source──▶ rows of text ──mapping──▶ mapped rows ──case──▶ plan per case ──publish──▶ one transaction
//!        (encoding,               (connector.toml,          (identity, order,          events.<agency>
//!         separator)               casts, words)             machine, waiting)         cases.<agency>
//!                                                                                      quarantine.<agency>
//!                                                                                      positions
//! ```
//!
//! An agency is data: a catalogue, a `connector.toml`, nothing else. [`load_config`] reads the latter and tells all
//! mistakes at once. [`dry_run()`] does everything but write; [`Connector`] is the role that writes, one for each agency.
//! Both plan with the same pure function (the module `case`), from what is known about a case, what of it waits in
//! quarantine and the rows of one reading. So a process that is killed in the middle simply plans again.
//!
//! What it does not do: it never changes a source, it never guesses an unknown word, it never logs a value of a row, and
//! it knows no agency by name.

mod case;
pub mod cast;
pub mod command;
mod config;
mod dry_run;
mod error;
mod folder;
mod known;
mod mapping;
mod publish;
pub mod quarantine;
mod reading;
mod reason;
mod sample;
pub mod source;
mod suggest;
pub mod text;
pub mod watch;

pub use config::{AgencyFolder, Keys, catalogue_beside};
pub use dry_run::{DryRun, DryRunLine, SharedCases, dry_run};
pub use error::ConnectorError;
pub use mapping::{ConnectorConfig, SourceConfig, load_config};
pub use publish::{Connector, ConnectorSettings, Report};
pub use reading::{FileFault, FileReport};
pub use reason::reason_codes;
pub use sample::sample_check;
pub use suggest::suggest;
