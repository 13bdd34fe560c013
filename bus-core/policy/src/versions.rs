//! The policy versions of the `policy` topic, put together from their records.
//!
//! A version is its files, then its manifest, which names each file with its SHA-256. All stand in one transaction, so a
//! reader that hides aborted transactions never sees half a version; the manifest is checked all the same.

use std::collections::BTreeMap;

use barid_schemas::records::{PolicyRecord, PolicyRecordKind};
use sha2::{Digest, Sha256};

use crate::PolicyFile;

/// Collects the records of versions that are not complete yet.
#[derive(Debug, Default)]
pub struct PolicyVersions {
    files: BTreeMap<i64, BTreeMap<String, String>>,
}

/// A complete version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    pub version: i64,
    pub files: Vec<PolicyFile>,
    pub applied_by: String,
    pub applied_at: barid_schemas::Millis,
}

/// A manifest that its files do not bear out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The manifest names a file that is not there.
    #[error("policy version {version}: the manifest names `{path}`, which is not in the topic")]
    Missing { version: i64, path: String },
    /// A file is not the one that the manifest was written for.
    #[error("policy version {version}: `{path}` is not the file that the manifest names")]
    Different { version: i64, path: String },
}

impl PolicyVersions {
    /// Takes the next record of the topic; gives a version when its manifest completes it.
    ///
    /// # Errors
    ///
    /// The manifest names a file that is missing or different.
    pub fn add(&mut self, record: PolicyRecord) -> Result<Option<PolicyVersion>, ManifestError> {
        let version = record.version;
        match record.kind {
            PolicyRecordKind::File => {
                self.files.entry(version).or_default().insert(record.path, record.text);
                Ok(None)
            }
            PolicyRecordKind::Manifest => {
                let mut found = self.files.remove(&version).unwrap_or_default();
                let mut files = Vec::new();
                for (digest, path) in record.text.lines().filter_map(|line| line.split_once("  ")) {
                    let path = path.to_owned();
                    let Some(text) = found.remove(&path) else {
                        return Err(ManifestError::Missing { version, path });
                    };
                    if sha256(&text) != digest {
                        return Err(ManifestError::Different { version, path });
                    }
                    files.push(PolicyFile { path, text });
                }
                Ok(Some(PolicyVersion { version, files, applied_by: record.applied_by, applied_at: record.applied_at }))
            }
        }
    }
}

/// The records of one version, in the order in which they are to be written.
#[must_use]
pub fn version_records(version: &PolicyVersion) -> Vec<PolicyRecord> {
    let record = |kind, path: &str, text: String| PolicyRecord {
        version: version.version,
        kind,
        path: path.to_owned(),
        text,
        applied_at: version.applied_at,
        applied_by: version.applied_by.clone(),
    };
    let files = version.files.iter().map(|file| record(PolicyRecordKind::File, &file.path, file.text.clone()));
    let manifest: String =
        version.files.iter().map(|file| format!("{}  {}\n", sha256(&file.text), file.path)).collect();
    files.chain([record(PolicyRecordKind::Manifest, "", manifest)]).collect()
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
