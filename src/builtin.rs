//! What the binary carries: the connectors of eight agencies and the first policy.

use barid_connector::AgencyFolder;
use barid_mistake::Mistakes;
use barid_policy::PolicyFile;
use barid_schemas::Catalogue;

/// The connector folders, in the order in which they are shown.
pub(crate) const AGENCIES: [AgencyFolder; 8] = [
    connector_agri_jahad::FOLDER,
    connector_tourism_heritage::FOLDER,
    connector_samt::FOLDER,
    connector_art99_commission::FOLDER,
    connector_art100_commission::FOLDER,
    connector_bank_facilities::FOLDER,
    connector_identity_verification::FOLDER,
    connector_smart_gov_council::FOLDER,
];

macro_rules! permit_files {
    ($($publisher:literal),+ $(,)?) => {
        /// The permits of the first policy: file name and text.
        const PERMITS: &[(&str, &str)] = &[
            $((concat!("permits/", $publisher, ".toml"), include_str!(concat!("../policy/permits/", $publisher, ".toml")))),+
        ];
    };
}

permit_files!(
    "agri_jahad",
    "art100_commission",
    "art99_commission",
    "bank_facilities",
    "environment",
    "health",
    "housing_foundation",
    "identity_verification",
    "justice_court",
    "land_registry",
    "notary",
    "permit_portal",
    "police_premises",
    "samt",
    "smart_gov_council",
    "tax",
    "tourism_heritage",
    "treasury",
    "utilities",
);

/// The watch keys that the bank of the demo has registered.
pub(crate) const DEMO_WATCH: &str = include_str!("commands/demo/watch.json");

/// The catalogue of the eight built-in agencies as files of a policy.
#[must_use]
pub(crate) fn catalogue_files() -> Vec<PolicyFile> {
    AGENCIES
        .iter()
        .map(|agency| PolicyFile { path: format!("catalogue/{}.toml", agency.code), text: agency.catalogue.to_owned() })
        .collect()
}

/// The first policy.
#[must_use]
pub(crate) fn permit_files() -> Vec<PolicyFile> {
    PERMITS.iter().map(|(path, text)| PolicyFile { path: (*path).to_owned(), text: (*text).to_owned() }).collect()
}

/// The shared catalogue with the eight agencies.
///
/// # Errors
///
/// A built-in file has mistakes, which a test would have found.
pub(crate) fn catalogue() -> Result<Catalogue, Mistakes> {
    let mut catalogue = Catalogue::shared();
    for agency in &AGENCIES {
        catalogue.add(&format!("{}/catalogue.toml", agency.code), agency.catalogue)?;
    }
    Ok(catalogue)
}
