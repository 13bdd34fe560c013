//! What a connector is given besides its configuration file: the folder of an agency and the keys.

use std::path::{Path, PathBuf};

use barid_event::Secret;

/// The folder of one agency as the binary carries it: data only.
#[derive(Debug, Clone, Copy)]
pub struct AgencyFolder {
    /// The agency's code.
    pub code: &'static str,
    /// `catalogue.toml`: its services with their state machines.
    pub catalogue: &'static str,
    /// `connector.toml`: its sources and their mapping.
    pub connector: &'static str,
    /// The file name of the sample export, below `sample/`.
    pub export_name: &'static str,
    /// The sample export, byte for byte as the agency sends it.
    pub export: &'static [u8],
    /// `expected.json`: what a correct reading of the sample gives.
    pub expected: &'static str,
}

/// The three keys of a connector. None of them is ever printed.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The connector's own: event ids, and the `corr_id` of a case without a tracking code.
    pub connector: Secret,
    /// Shared by all connectors: the `corr_id` of a case with a tracking code.
    pub correlation: Secret,
    /// Shared by all connectors and the subscribers' watch lists: watch keys of persons and parcels.
    pub watch: Secret,
}

/// The catalogue file that belongs to a `connector.toml`: `catalogue.toml` in the same folder.
#[must_use]
pub fn catalogue_beside(connector_toml: &Path) -> PathBuf {
    connector_toml.with_file_name("catalogue.toml")
}
