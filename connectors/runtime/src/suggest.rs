//! A first `connector.toml` for an export that nobody has described yet.

use std::path::Path;

use crate::ConnectorError;

/// Looks through the export and writes a first configuration for it, with comments that say what is left to do.
///
/// # Errors
///
/// If the file cannot be read.
pub fn suggest(path: &Path) -> Result<String, ConnectorError> {
    let _ = path;
    Ok(String::new())
}
