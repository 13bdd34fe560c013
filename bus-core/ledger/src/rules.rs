//! The policy and the watch keys that are in force, read back from the topics.

use std::collections::BTreeMap;

use barid_codec::RecordReader;
use barid_policy::versions::{PolicyVersion, PolicyVersions};
use barid_policy::{Policy, WatchTable, load};
use barid_schemas::Catalogue;
use barid_schemas::records::{PolicyApplied, PolicyRecord, WatchEntry};

use crate::reader::{LedgerError, Reader};

/// What the topics say about the rules.
pub struct RulesRead {
    /// Every complete version, by number.
    pub versions: BTreeMap<i64, PolicyVersion>,
    /// The watch keys as they are now.
    pub watch: WatchTable,
    /// What the routers have told about the versions they decided under.
    pub applied: Vec<PolicyApplied>,
}

/// Reads `policy`, `watch` and `policy-applied`.
///
/// # Errors
///
/// Kafka or the registry does not answer.
pub fn read_rules(reader: &Reader) -> Result<RulesRead, LedgerError> {
    let topics = reader.topics();
    let mut collecting = PolicyVersions::default();
    let mut versions = BTreeMap::new();
    let policy = RecordReader::<PolicyRecord>::new(reader.schemas());
    reader.each_record(&[topics.policy()], &policy, |_, record| {
        // A version whose manifest does not hold was never in force.
        if let Ok(Some(version)) = collecting.add(record) {
            versions.insert(version.version, version);
        }
    })?;
    let mut watch = WatchTable::new();
    for (key, entry) in &reader.latest::<WatchEntry>(&topics.watch())? {
        // The router leaves out the same entries.
        let _ = watch.apply_record(key, entry);
    }
    let mut applied = Vec::new();
    let reading = RecordReader::<PolicyApplied>::new(reader.schemas());
    reader.each_record(&[topics.policy_applied()], &reading, |_, record| applied.push(record))?;
    Ok(RulesRead { versions, watch, applied })
}

impl RulesRead {
    /// The number of the newest version.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.versions.keys().next_back().copied()
    }

    /// The version that decided about the record at this place, if a router has told.
    #[must_use]
    pub fn version_at(&self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        let decided = self.applied.iter().filter(|applied| {
            applied.topic == topic && applied.partition == partition && applied.from_offset <= offset
        });
        // Told later wins: a record that is routed again after an abort is decided anew.
        decided.max_by_key(|applied| (applied.from_offset, applied.version)).map(|applied| applied.version)
    }

    /// A version as a policy.
    ///
    /// # Errors
    ///
    /// There is no such version, or its files have mistakes.
    pub fn policy(&self, shared: &Catalogue, version: i64) -> Result<Policy, LedgerError> {
        let refuse = |reason: String| LedgerError::Policy { version, reason };
        let found = self.versions.get(&version).ok_or_else(|| refuse("it is not in the topic".to_owned()))?;
        load(shared, &found.files).map_err(|mistakes| refuse(mistakes.to_string()))
    }
}
