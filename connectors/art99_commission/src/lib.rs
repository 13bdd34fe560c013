//! The connector of one agency, as data: catalogue, mapping, sample export and what a correct reading of it gives.
//!
//! Every agency's folder has the same files. What two of them need belongs in the runtime, so there is no code here.

use barid_connector::AgencyFolder;

/// The folder as the binary carries it.
pub const FOLDER: AgencyFolder = AgencyFolder {
    code: "art99_commission",
    catalogue: include_str!("../catalogue.toml"),
    connector: include_str!("../connector.toml"),
    export_name: "05_art99_cp1256.csv",
    export: include_bytes!("../sample/05_art99_cp1256.csv"),
    expected: include_str!("../expected.json"),
};
