//! `barid watch add`, `list` and `remove`.

use std::collections::BTreeMap;

use barid_codec::RecordCodec;
use barid_connector::cast::{Cast, CastOptions, Value};
use barid_connector::watch::{parcel_key, person_key};
use barid_event::Secret;
use barid_event::watch::WatchKey;
use barid_kafka::{Cluster, Outgoing, StopSignal, TransactionalProducer};
use barid_ledger::read_rules;
use barid_policy::watch::{check_handle, record_key};
use barid_schemas::Catalogue;
use barid_schemas::records::{Schema, WatchEntry};
use serde::Deserialize;
use serde_json::json;

use super::Outcome;
use crate::arguments::{WatchAddArguments, WatchCommand};
use crate::deployment::{Deployment, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{builtin, show};

pub(crate) fn run(command: &WatchCommand, deployment: &Deployment) -> Outcome {
    match command {
        WatchCommand::Add(arguments) => {
            let wishes = wishes(arguments)?;
            let secret = deployment.watch_key()?;
            let reader = deployment.reader(&StopSignal::new())?;
            let rules = read_rules(&reader)?;
            // An agency of its own catalogue is known to the policy, not to this binary.
            let catalogue = match rules.newest() {
                Some(version) => rules.policy(&Catalogue::shared(), version)?.catalogue,
                None => builtin::catalogue()?,
            };
            let entries = entries(&wishes, &catalogue, &secret)?;
            let before = reader.latest::<WatchEntry>(&deployment.topics()?.watch())?;
            let records = entries.iter().map(|(key, entry)| (key.clone(), Some(entry))).collect::<Vec<_>>();
            write(deployment, &records)?;
            for (_, entry) in &entries {
                let same_key = |other: &&WatchEntry| {
                    (&other.subscriber, other.kind, &other.key) == (&entry.subscriber, entry.kind, &entry.key)
                };
                let others = before.values().filter(same_key).filter(|other| other.handle != entry.handle);
                let others: Vec<_> = others.map(|other| format!("`{}`", other.handle)).collect();
                if !others.is_empty() {
                    show::say(format!(
                        "handle `{}` stands beside {} for the same key",
                        entry.handle,
                        others.join(", ")
                    ));
                }
            }
            let known = entries.iter().filter(|(key, _)| before.contains_key(key)).count();
            let keys = show::count(entries.len(), "watch key");
            let known = if known > 0 { format!(", {known} of them again") } else { String::new() };
            show::say(format!("{keys} registered{known}; what comes to the bus from now on is matched"));
            Ok(Exit::Done)
        }
        WatchCommand::List { subscriber, json } => list(deployment, subscriber.as_deref(), *json),
        WatchCommand::Remove { subscriber, handle, all: _ } => remove(deployment, subscriber, handle.as_deref()),
    }
}

/// One key that a subscriber wants to hear about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    pub handle: String,
    #[serde(default)]
    pub person: Option<String>,
    #[serde(default)]
    pub plate: Option<String>,
}

/// Wishes by subscriber.
pub(crate) type Wishes = BTreeMap<String, Vec<Wish>>;

/// Reads the file form of `watch add`.
pub(crate) fn parse_wishes(name: &str, text: &str) -> Result<Wishes, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::new(Exit::Mistaken, format!("{name}: {error}")))
}

fn wishes(arguments: &WatchAddArguments) -> Result<Wishes, Failure> {
    if let Some(path) = &arguments.file {
        return parse_wishes(&path.display().to_string(), &read_text(path)?);
    }
    let wish = Wish {
        handle: arguments.handle.clone().unwrap_or_default(),
        person: arguments.person.clone(),
        plate: arguments.plate.clone(),
    };
    Ok(BTreeMap::from([(arguments.subscriber.clone().unwrap_or_default(), vec![wish])]))
}

/// The records of the watch topic: key and entry. Numbers and plates are read as the connectors read them, or the same person
/// would have two keys.
pub(crate) fn entries(
    wishes: &Wishes,
    catalogue: &Catalogue,
    secret: &Secret,
) -> Result<Vec<(String, WatchEntry)>, Failure> {
    let mut entries = Vec::new();
    for (subscriber, wishes) in wishes {
        if !catalogue.agencies.contains_key(subscriber) {
            let known = catalogue.agencies.keys().map(String::as_str);
            let meant = barid_mistake::nearest(subscriber, known).map(|word| format!("; is `{word}` meant?"));
            let message = format!("no agency `{subscriber}`{}", meant.unwrap_or_default());
            return Err(Failure::new(Exit::Mistaken, message));
        }
        for wish in wishes {
            let key = wish_key(wish, secret)?;
            let entry = WatchEntry {
                subscriber: subscriber.clone(),
                kind: key.kind,
                key: key.to_string().split_once(':').map(|(_, hash)| hash.to_owned()).unwrap_or_default(),
                handle: wish.handle.clone(),
                since: show::now(),
            };
            entries.push((record_key(subscriber, key, &wish.handle), entry));
        }
    }
    Ok(entries)
}

fn wish_key(wish: &Wish, secret: &Secret) -> Result<WatchKey, Failure> {
    let fail = |what: &str| Failure::new(Exit::Mistaken, format!("handle `{}`: {what}", wish.handle.escape_debug()));
    check_handle(&wish.handle).map_err(|error| fail(&error.to_string()))?;
    let (cast, text) = match (&wish.person, &wish.plate) {
        (Some(person), None) => (Cast::PersonNumber, person),
        (None, Some(plate)) => (Cast::Plate, plate),
        _ => return Err(fail("exactly one of `person` and `plate` is needed")),
    };
    let value = cast.apply(text, &CastOptions::default()).map_err(|fault| fail(&fault.message_en))?;
    match value {
        Some(Value::NationalId { digits: number, .. } | Value::LegalId(number)) => Ok(person_key(secret, &number)),
        Some(Value::Plate(plate)) => Ok(parcel_key(
            secret,
            &plate.main,
            plate.sub.as_deref().unwrap_or_default(),
            plate.section.as_deref().unwrap_or_default(),
            plate.district.as_deref().unwrap_or_default(),
        )),
        _ => Err(fail("the value is empty")),
    }
}

fn list(deployment: &Deployment, subscriber: Option<&str>, json: bool) -> Outcome {
    let reader = deployment.reader(&StopSignal::new())?;
    let entries = reader.latest::<WatchEntry>(&deployment.topics()?.watch())?;
    let wanted = entries.values().filter(|entry| subscriber.is_none_or(|subscriber| entry.subscriber == subscriber));
    if json {
        for entry in wanted {
            show::line(json!(entry))?;
        }
        return Ok(Exit::Done);
    }
    let rows = wanted.map(|entry| {
        let kind = format!("{:?}", entry.kind).to_lowercase();
        [entry.subscriber.clone(), entry.handle.clone(), kind, entry.key.clone(), show::instant(entry.since, 0)]
    });
    show::line(show::table(&["subscriber", "handle", "kind", "key", "since (UTC)"], rows))?;
    Ok(Exit::Done)
}

/// Removes every key under a handle, or every key of the subscriber.
fn remove(deployment: &Deployment, subscriber: &str, handle: Option<&str>) -> Outcome {
    let reader = deployment.reader(&StopSignal::new())?;
    let entries = reader.latest::<WatchEntry>(&deployment.topics()?.watch())?;
    let matching =
        |entry: &WatchEntry| entry.subscriber == subscriber && handle.is_none_or(|handle| entry.handle == handle);
    let keys: Vec<_> = entries.into_iter().filter(|(_, entry)| matching(entry)).map(|(key, _)| (key, None)).collect();
    if keys.is_empty() {
        let under = handle.map(|handle| format!(" under `{handle}`")).unwrap_or_default();
        show::say(format!("`{subscriber}` has no watch key{under}\n  to see what there is: barid watch list"));
        return Ok(Exit::Found);
    }
    write(deployment, &keys)?;
    show::say(format!("{} removed", show::count(keys.len(), "watch key")));
    Ok(Exit::Done)
}

fn write(deployment: &Deployment, records: &[(String, Option<&WatchEntry>)]) -> Result<(), Failure> {
    if records.is_empty() {
        return Ok(());
    }
    let cluster = deployment.reachable_cluster(&StopSignal::new())?;
    let registry = deployment.registry()?;
    registry.register_records()?;
    let id = registry.register(WatchEntry::FULL_NAME, WatchEntry::AVSC)?;
    write_records(&cluster, &deployment.name()?, &deployment.topics()?.watch(), id, records)
}

/// Writes entries, or tombstones where there is none, in one transaction.
pub(crate) fn write_records(
    cluster: &Cluster,
    deployment: &str,
    topic: &str,
    schema_id: u32,
    records: &[(String, Option<&WatchEntry>)],
) -> Result<(), Failure> {
    let codec = RecordCodec::<WatchEntry>::new(schema_id)?;
    let mut producer =
        TransactionalProducer::connect(cluster, &format!("{deployment}/operator/watch"), &StopSignal::new())?;
    producer.begin()?;
    for (key, entry) in records {
        let value = entry.map(|entry| codec.to_vec(entry)).transpose()?;
        producer.send(&Outgoing {
            topic,
            key: Some(key.as_bytes()),
            value: value.as_deref(),
            ..Outgoing::default()
        })?;
    }
    Ok(producer.commit()?)
}
