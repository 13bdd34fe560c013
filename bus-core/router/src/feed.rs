//! The policy feed: follows the topics `policy` and `watch` and keeps the rules in force up to date.
//!
//! It runs on a thread of its own. A version is compiled here, then swapped in whole; the slots take it up between two
//! transactions. A version that does not load, or whose manifest does not hold, changes nothing: the version before it stays in
//! force, also in a process that starts later, and a notice says so.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use barid_codec::{RecordError, RecordReader, Schemas};
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
    /// Complete versions that nobody has tried to compile yet, the oldest first.
    complete: Vec<PolicyVersion>,
    /// The highest number of a complete version. A version is never changed once it is written, so a number that is not
    /// higher is a mistake, and taking it up would make the records of what was in force untrue.
    highest: Option<i64>,
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
    pub(crate) stop: &'p StopSignal,
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
            follower: Follower::open(parts.cluster, &[policy_topic.clone(), parts.topics.watch()], parts.stop)?,
            policy_topic,
            policy_reader: RecordReader::new(Arc::clone(&parts.schemas)),
            watch_reader: RecordReader::new(parts.schemas),
            shared_catalogue: parts.shared_catalogue,
            versions: PolicyVersions::default(),
            complete: Vec::new(),
            highest: None,
            watch: Arc::default(),
            rules: parts.rules,
            readiness: parts.readiness,
            bulletin: parts.bulletin,
            version_gauge: parts.metrics.gauge("policy_version", "version of the policy that is in force"),
            watch_gauge: parts.metrics.gauge("watch_keys", "registered handles of watch keys"),
        })
    }

    /// Runs until the stop signal.
    pub(crate) fn run(&mut self, stop: &StopSignal) {
        self.readiness.not_ready("policy", "no version of the policy has been applied yet");
        while !stop.is_stopped() {
            if let Some(record) = self.follower.poll(POLL) {
                self.take(&record, stop);
            }
            if self.follower.caught_up() {
                self.put_newest_in_force();
            }
        }
    }

    fn take(&mut self, record: &Record, stop: &StopSignal) {
        let outcome = if record.topic == self.policy_topic {
            self.take_policy(record, stop)
        } else {
            self.take_watch(record, stop)
        };
        if let Err(Stopped) = outcome {
            tracing::debug!("the policy feed stops with a record that it could not read");
        }
    }

    fn take_policy(&mut self, record: &Record, stop: &StopSignal) -> Result<(), Stopped> {
        let Some(value) = &record.value else { return Ok(()) };
        let decoded = decode(&self.policy_reader, value, || self.waits(record), stop)?;
        match decoded.map(|record| self.versions.add(record)) {
            Ok(Ok(Some(version))) if self.highest.is_some_and(|highest| version.version <= highest) => {
                self.refuse(&format!("version {} comes after a version that is not lower", version.version));
            }
            Ok(Ok(Some(version))) => {
                self.highest = Some(version.version);
                self.complete.push(version);
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => self.refuse(&error.to_string()),
            Err(error) => self.refuse(&format!("the record at offset {} cannot be read: {error}", record.offset)),
        }
        Ok(())
    }

    fn take_watch(&self, record: &Record, stop: &StopSignal) -> Result<(), Stopped> {
        // Decoded before the table is locked: it may have to wait for the registry, and no slot shall wait with it.
        let entry = match &record.value {
            None => None,
            Some(value) => match decode(&self.watch_reader, value, || self.waits(record), stop)? {
                Ok(entry) => Some(entry),
                Err(error) => {
                    tracing::warn!(%error, partition = record.partition, offset = record.offset, "a watch key is left out");
                    return Ok(());
                }
            },
        };
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        let mut watch = self.watch.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = match entry {
            None => watch.remove(key).map(|_| ()),
            Some(entry) => watch.apply_record(key, &entry),
        };
        self.watch_gauge.set(i64::try_from(watch.len()).unwrap_or(i64::MAX));
        drop(watch);
        if let Err(error) = outcome {
            tracing::warn!(%error, partition = record.partition, offset = record.offset, "a watch key is left out");
        }
        Ok(())
    }

    /// Versions that were replaced before anybody could take them up are not worth compiling, unless those after them are
    /// refused.
    fn put_newest_in_force(&mut self) {
        while let Some(version) = self.complete.pop() {
            if self.put_in_force(&version) {
                self.complete.clear();
            }
        }
    }

    fn put_in_force(&self, version: &PolicyVersion) -> bool {
        match load(&self.shared_catalogue, &version.files) {
            Ok(policy) => {
                let permits = policy.permits.len();
                self.rules.set(Rules::new(version.version, policy, Arc::clone(&self.watch)));
                self.version_gauge.set(version.version);
                self.readiness.ready("policy");
                tracing::info!(version = version.version, permits, "policy is taken up");
                true
            }
            Err(mistakes) => {
                self.refuse(&format!("version {} has mistakes: {mistakes}", version.version));
                false
            }
        }
    }

    fn refuse(&self, why: &str) {
        tracing::error!(why, "policy is refused, the version before it stays in force");
        self.bulletin.notice("policy_refused", why.to_owned());
    }

    /// Says once that a record waits for its schema.
    fn waits(&self, record: &Record) {
        let place = format!("{}/{}@{}", record.topic, record.partition, record.offset);
        tracing::warn!(place, "the schema registry cannot give the schema of this record, waiting for it");
        self.bulletin.notice("unknown_schema", format!("{place} waits for its schema, and all that is behind it"));
    }
}

/// The stop signal came while something was waited for.
struct Stopped;

/// Decodes a record. Waits while the registry cannot give its schema, whatever the reason, and calls `waits` once if so: a
/// version that was left out because of the registry would be missing until the next start.
fn decode<T: barid_schemas::records::Schema + DeserializeOwned>(
    reader: &RecordReader<T>,
    value: &[u8],
    waits: impl Fn(),
    stop: &StopSignal,
) -> Result<Result<T, RecordError>, Stopped> {
    let mut told = false;
    loop {
        match reader.decode(value) {
            // A registry that lost its memory may have given the id to another record; the old ids come back with the schemas.
            Err(RecordError::Registry(_) | RecordError::OtherRecord { .. }) => {
                if !told {
                    waits();
                    told = true;
                }
                if stop.wait(REGISTRY_RETRY) {
                    return Err(Stopped);
                }
            }
            outcome => return Ok(outcome),
        }
    }
}
