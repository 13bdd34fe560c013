//! The policy feed: follows the topics `policy` and `watch` and keeps the rules in force up to date.
//!
//! It runs on a thread of its own. A version is compiled here, then swapped in whole; the slots take it up between two
//! transactions. A version that does not load, or whose manifest does not hold, changes nothing: the version before it stays in
//! force, and a notice says so.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use barid_codec::{RecordError, RecordReader, RegistryError, Schemas};
use barid_event::topics::Topics;
use barid_kafka::{Cluster, Follower, KafkaError, Record, StopSignal};
use barid_policy::versions::{PolicyVersion, PolicyVersions};
use barid_policy::{WatchTable, load};
use barid_schemas::Catalogue;
use barid_schemas::records::{PolicyRecord, WatchEntry};
use barid_telemetry::{Gauge, Metrics, Readiness};
use serde::de::DeserializeOwned;

use crate::bulletin::Bulletin;
use crate::rules::{Rules, RulesInForce};

/// How long one wait for a record lasts: a stop is noticed after it.
const POLL: Duration = Duration::from_millis(100);
/// How long to wait before a record whose schema the registry did not give is tried again.
const REGISTRY_RETRY: Duration = Duration::from_millis(500);

/// Follows policy and watch keys.
pub(crate) struct Feed {
    follower: Follower,
    policy_topic: String,
    policy_reader: RecordReader<PolicyRecord>,
    watch_reader: RecordReader<WatchEntry>,
    shared_catalogue: Catalogue,
    versions: PolicyVersions,
    /// The newest complete version that is not compiled yet.
    newest: Option<PolicyVersion>,
    watch: Arc<RwLock<WatchTable>>,
    rules: RulesInForce,
    readiness: Readiness,
    bulletin: Arc<Bulletin>,
    version_gauge: Gauge,
    watch_gauge: Gauge,
}

/// What a feed is made from.
pub(crate) struct FeedParts<'p> {
    pub(crate) cluster: &'p Cluster,
    pub(crate) topics: &'p Topics,
    pub(crate) schemas: Arc<dyn Schemas>,
    pub(crate) shared_catalogue: Catalogue,
    pub(crate) rules: RulesInForce,
    pub(crate) readiness: Readiness,
    pub(crate) bulletin: Arc<Bulletin>,
    pub(crate) metrics: &'p Metrics,
}

impl Feed {
    pub(crate) fn open(parts: FeedParts<'_>) -> Result<Self, KafkaError> {
        let policy_topic = parts.topics.policy();
        Ok(Self {
            follower: Follower::open(parts.cluster, &[policy_topic.clone(), parts.topics.watch()])?,
            policy_topic,
            policy_reader: RecordReader::new(Arc::clone(&parts.schemas)),
            watch_reader: RecordReader::new(parts.schemas),
            shared_catalogue: parts.shared_catalogue,
            versions: PolicyVersions::default(),
            newest: None,
            watch: Arc::default(),
            rules: parts.rules,
            readiness: parts.readiness,
            bulletin: parts.bulletin,
            version_gauge: parts.metrics.gauge("policy_version", "version of the policy that is in force"),
            watch_gauge: parts.metrics.gauge("watch_keys", "registered watch keys"),
        })
    }

    /// Runs until the stop signal.
    pub(crate) fn run(&mut self, stop: &StopSignal) {
        self.readiness.not_ready("policy", "no version of the policy has been applied yet");
        while !stop.is_stopped() {
            if let Some(record) = self.follower.poll(POLL) {
                self.take(&record, stop);
            }
            // Versions that were replaced before this process began are not worth compiling.
            if self.follower.caught_up()
                && let Some(version) = self.newest.take()
            {
                self.put_in_force(&version);
            }
        }
    }

    fn take(&mut self, record: &Record, stop: &StopSignal) {
        if record.topic == self.policy_topic {
            let Some(value) = &record.value else { return };
            let decoded = decode(&self.policy_reader, value, stop);
            match decoded.map(|record| self.versions.add(record)) {
                Some(Ok(Some(version))) => self.newest = Some(version),
                Some(Ok(None)) => {}
                Some(Err(error)) => self.refuse(&error.to_string()),
                None if stop.is_stopped() => {}
                None => self.refuse(&format!("record at offset {} of the policy topic cannot be read", record.offset)),
            }
            return;
        }
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        let mut watch = self.watch.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = match &record.value {
            None => watch.remove(key).map(|_| ()),
            Some(value) => match decode(&self.watch_reader, value, stop) {
                Some(entry) => watch.apply(&entry).map(|_| ()),
                None => return,
            },
        };
        self.watch_gauge.set(i64::try_from(watch.len()).unwrap_or(i64::MAX));
        if let Err(error) = outcome {
            tracing::warn!(%error, partition = record.partition, offset = record.offset, "a watch key is left out");
        }
    }

    fn put_in_force(&mut self, version: &PolicyVersion) {
        match load(&self.shared_catalogue, &version.files) {
            Ok(policy) => {
                let permits = policy.permits.len();
                self.rules.set(Rules::new(version.version, policy, Arc::clone(&self.watch)));
                self.version_gauge.set(version.version);
                self.readiness.ready("policy");
                tracing::info!(version = version.version, permits, "policy is taken up");
            }
            Err(mistakes) => self.refuse(&format!("version {} has mistakes: {mistakes}", version.version)),
        }
    }

    fn refuse(&self, why: &str) {
        tracing::error!(why, "policy is refused, the version before it stays in force");
        self.bulletin.notice("policy_refused", why.to_owned());
    }
}

/// Decodes a record; waits while the registry cannot give its schema. `None` if the record is broken or the wait was stopped.
fn decode<T: barid_schemas::records::Schema + DeserializeOwned>(
    reader: &RecordReader<T>,
    value: &[u8],
    stop: &StopSignal,
) -> Option<T> {
    let mut told = false;
    loop {
        match reader.decode(value) {
            Ok(record) => return Some(record),
            Err(RecordError::Registry(RegistryError::Unavailable { .. } | RegistryError::UnknownId(_))) => {
                if !told {
                    tracing::warn!(
                        "the schema registry cannot give the schema of a policy or watch record, waiting for it"
                    );
                    told = true;
                }
                if stop.wait(REGISTRY_RETRY) {
                    return None;
                }
            }
            Err(error) => {
                tracing::error!(%error, "a policy or watch record cannot be read");
                return None;
            }
        }
    }
}
