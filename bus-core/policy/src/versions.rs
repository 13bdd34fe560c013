//! The policy versions of the `policy` topic, put together from their records.
//!
//! A version is its files, then its manifest, which names each file with its SHA-256. All stand in one transaction, so a
//! reader that hides aborted transactions never sees half a version; the manifest is checked all the same.

use std::collections::{BTreeMap, BTreeSet};

use barid_schemas::records::{PolicyRecord, PolicyRecordKind};
use sha2::{Digest, Sha256};

use crate::PolicyFile;

/// Collects the records of versions that are not complete yet.
#[derive(Debug, Default)]
pub struct PolicyVersions {
    files: BTreeMap<i64, BTreeMap<String, String>>,
    complete: BTreeSet<i64>,
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
    /// A file came that the manifest does not name.
    #[error("policy version {version}: `{path}` is in the topic, but its manifest does not name it")]
    Unnamed { version: i64, path: String },
    /// A line of the manifest is not a digest, two blanks and a path.
    #[error("policy version {version}: line {line} of the manifest is not a digest, two blanks and a path")]
    BadLine { version: i64, line: usize },
    /// A version never changes once it is complete.
    #[error("policy version {version}: it is complete already, this record is ignored")]
    Complete { version: i64 },
}

impl PolicyVersions {
    /// Takes the next record of the topic; gives a version when its manifest completes it.
    ///
    /// # Errors
    ///
    /// The manifest and the files do not bear each other out, or the version is complete already.
    pub fn add(&mut self, record: PolicyRecord) -> Result<Option<PolicyVersion>, ManifestError> {
        let version = record.version;
        if self.complete.contains(&version) {
            return Err(ManifestError::Complete { version });
        }
        if record.kind == PolicyRecordKind::File {
            self.files.entry(version).or_default().insert(record.path, record.text);
            return Ok(None);
        }
        let found = self.files.remove(&version).unwrap_or_default();
        let files = files_of(version, &record.text, found)?;
        self.complete.insert(version);
        Ok(Some(PolicyVersion { version, files, applied_by: record.applied_by, applied_at: record.applied_at }))
    }
}

/// The files that a manifest names, each proved by its digest.
fn files_of(
    version: i64,
    manifest: &str,
    mut found: BTreeMap<String, String>,
) -> Result<Vec<PolicyFile>, ManifestError> {
    let mut files = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let bad_line = ManifestError::BadLine { version, line: index + 1 };
        let (digest, path) = line.split_once("  ").ok_or(bad_line)?;
        let path = path.to_owned();
        let Some(text) = found.remove(&path) else { return Err(ManifestError::Missing { version, path }) };
        if sha256(&text) != digest {
            return Err(ManifestError::Different { version, path });
        }
        files.push(PolicyFile { path, text });
    }
    match found.into_keys().next() {
        Some(path) => Err(ManifestError::Unnamed { version, path }),
        None => Ok(files),
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
