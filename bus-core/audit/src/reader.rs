//! Reading the topics of a deployment in the order in which they can be judged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use barid_codec::{RecordError, RecordReader, RegistryError, Schemas};
use barid_event::WatchKey;
use barid_event::topics::Topics;
use barid_kafka::{Admin, Cluster, KafkaError, RecordRef, StopSignal, read_all_to_high_watermark};
use barid_policy::load;
use barid_policy::versions::PolicyVersions;
use barid_schemas::Catalogue;
use barid_schemas::records::{
    CaseState, Command, DeadLetter, PolicyApplied, PolicyRecord, QuarantinedRow, Schema, SourcePosition, WatchEntry,
    WatchKind,
};
use serde::de::DeserializeOwned;

use crate::Scope;
use crate::auditor::{Auditor, Given, Marks, Standing, place};
use crate::findings::Report;
use crate::rows::Rows;
use crate::rulebook::Rulebook;
use crate::verdict::watch_key;
use crate::watching::WatchHistory;

/// The bus that is audited.
pub struct Bus<'b> {
    pub cluster: &'b Cluster,
    pub topics: &'b Topics,
    pub schemas: Arc<dyn Schemas>,
    /// The consumer group of the routers: its offsets say what has been decided.
    pub router_group: String,
    /// What all agencies share; the policy's versions add their own.
    pub shared_catalogue: &'b Catalogue,
    /// The time of the wall clock, milliseconds since 1970.
    pub now_ms: i64,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A version that a router told of cannot be read.
    #[error("version {version} of the policy cannot be read: {reason}")]
    Policy { version: i64, reason: String },
    /// Nothing would be demanded of anybody.
    #[error(
        "no router has ever told under which version it decides, and group `{group}` has no offsets: is `deployment.name` right?"
    )]
    NothingDecided { group: String },
}

/// Reads all topics of the deployment and judges what it finds.
///
/// # Errors
///
/// Kafka or the registry does not answer, or a version of the policy cannot be read.
pub fn audit(bus: &Bus<'_>, scope: Scope, stop: &StopSignal) -> Result<Report, AuditError> {
    let names = Names::find(bus)?;
    let standing = standing(bus, &names)?;
    let mut reading = Reading { bus, stop, failure: None };
    let given = given(&mut reading, &names, &standing)?;
    let mut auditor = Auditor::new(scope, bus.topics.clone(), standing.clone(), given, Arc::clone(&bus.schemas));
    reading.each(&names.events, |record| Ok(auditor.event(record)?))?;
    let letters = RecordReader::<DeadLetter>::new(Arc::clone(&bus.schemas));
    reading.each(&names.letters, |record| {
        if !is_before(record, &standing.letters) {
            return Ok(());
        }
        auditor.dead_letter(record, decoded(&letters, record)?.as_ref());
        Ok(())
    })?;
    reading.each(&names.inboxes, |record| {
        if is_before(record, &standing.inboxes) { Ok(auditor.copy(record)?) } else { Ok(()) }
    })?;
    let cases = RecordReader::<CaseState>::new(Arc::clone(&bus.schemas));
    let marks = names.case_marks;
    reading.each(&names.cases, |record| {
        if is_before(record, &marks)
            && let Some(state) = decoded(&cases, record)?
        {
            auditor.case(record, &state);
        }
        Ok(())
    })?;
    reading.each(&auditor.suspected(), |record| Ok(auditor.second_look(record)?))?;
    Ok(auditor.finish())
}

/// The topics of each kind that there are.
struct Names {
    events: Vec<String>,
    inboxes: Vec<String>,
    letters: Vec<String>,
    quarantines: Vec<String>,
    /// That of the routers and those of the connectors.
    commands: Vec<String>,
    cases: Vec<String>,
    case_marks: BTreeMap<String, Vec<Marks>>,
}

impl Names {
    fn find(bus: &Bus<'_>) -> Result<Self, AuditError> {
        let all = Admin::new(bus.cluster)?.topics()?;
        let of = |kind: &str| {
            let prefix = format!("{}{kind}.", bus.topics.prefix());
            all.iter().filter(|name| name.starts_with(&prefix)).cloned().collect::<Vec<_>>()
        };
        Ok(Self {
            events: of("events"),
            inboxes: of("inbox"),
            letters: of("deadletter"),
            quarantines: of("quarantine"),
            commands: [bus.topics.commands()].into_iter().chain(of("commands")).collect(),
            case_marks: marks(bus, &of("cases"))?,
            cases: of("cases"),
        })
    }
}

/// Committed offsets before anything else: what is before them has its copies before where the inboxes end now.
fn standing(bus: &Bus<'_>, names: &Names) -> Result<Standing, AuditError> {
    let admin = Admin::new(bus.cluster)?;
    let events = marks(bus, &names.events)?;
    let mut routed = HashMap::new();
    for (topic, _) in events.iter().filter(|(_, partitions)| partitions.iter().any(|marks| marks.high > 0)) {
        let committed = admin.committed_offsets(&bus.router_group, topic)?;
        routed.extend(committed.into_iter().map(|(partition, offset)| ((topic.clone(), partition), offset)));
    }
    Ok(Standing { events, inboxes: marks(bus, &names.inboxes)?, letters: marks(bus, &names.letters)?, routed })
}

fn marks(bus: &Bus<'_>, topics: &[String]) -> Result<BTreeMap<String, Vec<Marks>>, AuditError> {
    let admin = Admin::new(bus.cluster)?;
    let mut marks = BTreeMap::new();
    for topic in topics {
        let partitions = admin.partitions(topic)?.unwrap_or(0);
        let of = |partition| admin.watermarks(topic, partition).map(|found| Marks { low: found.low, high: found.high });
        marks.insert(topic.clone(), (0..partitions).map(of).collect::<Result<_, _>>()?);
    }
    Ok(marks)
}

/// Whether the record was there when the audit began.
fn is_before(record: &RecordRef<'_>, marks: &BTreeMap<String, Vec<Marks>>) -> bool {
    let of_topic = marks.get(record.topic);
    let marks = of_topic.and_then(|partitions| partitions.get(usize::try_from(record.partition).ok()?));
    marks.is_some_and(|marks| record.offset < marks.high)
}

/// What decides.
fn given(reading: &mut Reading<'_>, names: &Names, standing: &Standing) -> Result<Given, AuditError> {
    let rulebook = rulebook(reading)?;
    let has_events = standing.events.values().flatten().any(|marks| marks.high > marks.low);
    let has_copies = standing.inboxes.values().flatten().any(|marks| marks.high > 0);
    if has_events && has_copies && standing.routed.is_empty() && rulebook.versions() == 0 {
        return Err(AuditError::NothingDecided { group: reading.bus.router_group.clone() });
    }
    Ok(Given { rulebook, watch: watch(reading)?, rows: rows(reading, names)? })
}

/// Every version that a router has told of.
fn rulebook(reading: &mut Reading<'_>) -> Result<Rulebook, AuditError> {
    let mut rulebook = Rulebook::default();
    let mut told = std::collections::BTreeSet::new();
    let topics = reading.bus.topics;
    reading.each_of::<PolicyApplied>(&[topics.policy_applied()], |_, applied| {
        if let Some(applied) = applied {
            told.insert(applied.version);
            rulebook.add_applied(applied);
        }
    })?;
    let mut collecting = PolicyVersions::default();
    let mut complete = Vec::new();
    reading.each_of::<PolicyRecord>(&[topics.policy()], |_, record| {
        // A version whose manifest does not hold was never in force.
        complete.extend(record.and_then(|record| collecting.add(record).ok().flatten()));
    })?;
    for version in complete.into_iter().filter(|version| told.contains(&version.version)) {
        let number = version.version;
        let policy = load(reading.bus.shared_catalogue, &version.files)
            .map_err(|mistakes| AuditError::Policy { version: number, reason: mistakes.to_string() })?;
        rulebook.add_version(number, policy);
    }
    Ok(rulebook)
}

fn watch(reading: &mut Reading<'_>) -> Result<WatchHistory, AuditError> {
    let mut watch = WatchHistory::new(reading.bus.now_ms);
    let topic = reading.bus.topics.watch();
    reading.each_of::<WatchEntry>(&[topic], |record, entry| {
        // `<subscriber>/<watch key>/<handle>`; a record whose key ends before the handle stands for all of them.
        let text = record.key.and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        let mut parts = text.splitn(3, '/');
        let (Some(subscriber), Some(key)) = (parts.next(), parts.next().and_then(watch_key)) else { return };
        let (named, at_ms) = (parts.next(), record.timestamp_ms);
        match (entry, record.value) {
            (Some(entry), _) if is_of(&entry, subscriber, key, named) => {
                watch.add(subscriber, key, at_ms, named, Some(&entry.handle));
            }
            (None, None) => watch.add(subscriber, key, at_ms, named, None),
            // A router leaves it out, too.
            _ => {}
        }
    })?;
    Ok(watch)
}

/// Whether a watch record is what its key says.
fn is_of(entry: &WatchEntry, subscriber: &str, key: WatchKey, named: Option<&str>) -> bool {
    let kind = match entry.kind {
        WatchKind::Parcel => "parcel",
        WatchKind::Person => "person",
    };
    entry.subscriber == subscriber
        && watch_key(&format!("{kind}:{}", entry.key)) == Some(key)
        && named.is_none_or(|named| named == entry.handle)
}

fn rows(reading: &mut Reading<'_>, names: &Names) -> Result<Rows, AuditError> {
    let mut rows = Rows::default();
    let topics = reading.bus.topics;
    let text = |record: &RecordRef<'_>| String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
    reading.each_of::<SourcePosition>(&[topics.positions()], |record, position| {
        rows.position(&text(record), position);
    })?;
    reading.each_of::<QuarantinedRow>(&names.quarantines, |record, row| {
        let agency = topics.agency_of(record.topic).unwrap_or_default();
        rows.quarantined(agency, &text(record), row, place(record));
    })?;
    reading.each_of::<Command>(&names.commands, |record, command| {
        if let Some(command) = command {
            rows.command(&command, record.timestamp_ms);
        }
    })?;
    Ok(rows)
}

/// Reads topics to their ends, and keeps what went wrong within a callback.
struct Reading<'b> {
    bus: &'b Bus<'b>,
    stop: &'b StopSignal,
    failure: Option<AuditError>,
}

impl Reading<'_> {
    fn each(
        &mut self,
        topics: &[String],
        mut each: impl FnMut(&RecordRef<'_>) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        let failure = &mut self.failure;
        read_all_to_high_watermark(self.bus.cluster, topics, self.stop, |record| {
            if failure.is_none()
                && let Err(error) = each(record)
            {
                *failure = Some(error);
            }
        })?;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// `None` for a tombstone and for what is no `T`.
    fn each_of<T: Schema + DeserializeOwned>(
        &mut self,
        topics: &[String],
        mut each: impl FnMut(&RecordRef<'_>, Option<T>),
    ) -> Result<(), AuditError> {
        let reader = RecordReader::<T>::new(Arc::clone(&self.bus.schemas));
        self.each(topics, |record| {
            each(record, decoded(&reader, record)?);
            Ok(())
        })
    }
}

/// `None` for a tombstone and for what is no `T`; a registry that does not answer is an error.
fn decoded<T: Schema + DeserializeOwned>(
    reader: &RecordReader<T>,
    record: &RecordRef<'_>,
) -> Result<Option<T>, RecordError> {
    match record.value.map(|value| reader.decode(value)) {
        None => Ok(None),
        Some(Ok(found)) => Ok(Some(found)),
        Some(Err(error @ RecordError::Registry(_))) => Err(error),
        Some(Err(_)) => Ok(None),
    }
}
