//! What the topics know about an agency, read back at the start of a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use barid_codec::{RecordCodec, RecordError, RecordReader, Registry, Schemas};
use barid_kafka::{StopSignal, read_to_high_watermark};
use barid_schemas::CaseEvent;
use barid_schemas::records::{CaseState, Heartbeat, QuarantinedRow, Schema, SourcePosition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ConnectorSettings, Interruption};
use crate::known::KnownCases;
use crate::reading::Memory;

/// Encoders under the schema ids that the registry gave.
pub(super) struct Codecs {
    pub(super) event: RecordCodec<CaseEvent>,
    pub(super) case: RecordCodec<CaseState>,
    pub(super) quarantined: RecordCodec<QuarantinedRow>,
    pub(super) position: RecordCodec<SourcePosition>,
    pub(super) heartbeat: RecordCodec<Heartbeat>,
}

impl Codecs {
    /// Asks the registry for each schema. A registry that does not know the event is empty, perhaps because it has lost its
    /// memory: then every schema is registered, in the order in which all programs do it, so that a registry that counts
    /// gives the ids again that stand before the records of the topics.
    pub(super) fn register(registry: &Registry) -> Result<Self, Interruption> {
        if registry.registered(CaseEvent::FULL_NAME, CaseEvent::AVSC)?.is_none() {
            registry.register_records()?;
        }
        Ok(Self {
            event: codec(registry)?,
            case: codec(registry)?,
            quarantined: codec(registry)?,
            position: codec(registry)?,
            heartbeat: codec(registry)?,
        })
    }
}

impl Codecs {
    /// Whether the registry still gives the event's schema the id that is written. A registry that is away is not asked
    /// again: what is written with a known id can be read when it is back.
    pub(super) fn are_known(&self, registry: &Registry) -> bool {
        match registry.registered(CaseEvent::FULL_NAME, CaseEvent::AVSC) {
            Ok(id) => id == Some(self.event.id()),
            Err(_) => true,
        }
    }
}

fn codec<T: Schema + Serialize>(registry: &Registry) -> Result<RecordCodec<T>, Interruption> {
    let id = match registry.registered(T::FULL_NAME, T::AVSC)? {
        Some(id) => id,
        None => registry.register(T::FULL_NAME, T::AVSC)?,
    };
    Ok(RecordCodec::new(id)?)
}

/// Everything that was written for the agency before.
pub(super) struct State {
    pub(super) memory: Memory,
    /// By source.
    pub(super) positions: BTreeMap<String, SourcePosition>,
}

impl State {
    /// The last `ce_sequence` of the agency.
    pub(super) fn last_sequence(&self) -> i64 {
        self.positions.values().map(|position| position.last_sequence).max().unwrap_or(0)
    }

    /// Reads the three topics to the high watermark of this moment. To be called after the transactional id has been
    /// taken over: then no transaction of a former process can still be open.
    ///
    /// The topics are read at the same time: most of the time of a short one goes into finding its brokers.
    pub(super) fn load(settings: &ConnectorSettings, agency: &str, stop: &StopSignal) -> Result<Self, Interruption> {
        let (cases, quarantine, positions) = std::thread::scope(|scope| {
            let topics = &settings.topics;
            let cases = scope.spawn(|| cases(settings, &topics.cases(agency), stop));
            let quarantine = scope.spawn(|| latest::<QuarantinedRow>(settings, &topics.quarantine(agency), "", stop));
            let positions = latest::<SourcePosition>(settings, &topics.positions(), &position_key(agency, ""), stop);
            (joined(cases), joined(quarantine), positions)
        });
        let memory = Memory { cases: cases?, quarantine: quarantine? };
        let positions = positions?.into_values().map(|position| (position.source.clone(), position)).collect();
        Ok(Self { memory, positions })
    }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, Interruption>>) -> Result<T, Interruption> {
    // A panic goes on where it would have gone without the thread.
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The key of a source in `positions`.
pub(super) fn position_key(agency: &str, source: &str) -> String {
    format!("{agency}/{source}")
}

/// What the agency knows about its cases: the most there is to read, so it is packed as it comes.
fn cases(settings: &ConnectorSettings, topic: &str, stop: &StopSignal) -> Result<KnownCases, Interruption> {
    let mut cases = KnownCases::default();
    each(settings, topic, "", stop, |key, state| match state {
        Some(state) => cases.insert(&state),
        None => cases.remove(key),
    })?;
    Ok(cases)
}

/// The last value of each key that begins with `prefix` and has no tombstone.
fn latest<T: Schema + DeserializeOwned>(
    settings: &ConnectorSettings,
    topic: &str,
    prefix: &str,
    stop: &StopSignal,
) -> Result<BTreeMap<String, T>, Interruption> {
    let mut latest = BTreeMap::new();
    each(settings, topic, prefix, stop, |key, value| match value {
        Some(value) => drop(latest.insert(key.to_owned(), value)),
        None => drop(latest.remove(key)),
    })?;
    Ok(latest)
}

/// Every value or tombstone of the keys that begin with `prefix`, in the order in which they were written. Records of others
/// are not decoded: they are nothing to stumble over.
fn each<T: Schema + DeserializeOwned>(
    settings: &ConnectorSettings,
    topic: &str,
    prefix: &str,
    stop: &StopSignal,
    mut take: impl FnMut(&str, Option<T>),
) -> Result<(), Interruption> {
    let reader = RecordReader::<T>::new(Arc::clone(&settings.registry) as Arc<dyn Schemas>);
    let mut failed: Option<RecordError> = None;
    read_to_high_watermark(&settings.cluster, topic, stop, |record| {
        if failed.is_some() {
            return;
        }
        let Some(Ok(key)) = record.key.map(std::str::from_utf8) else { return };
        if !key.starts_with(prefix) {
            return;
        }
        match record.value.map(|value| reader.decode(value)).transpose() {
            Ok(value) => take(key, value),
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}
