//! Reading the topics of a deployment for one question.

use std::collections::BTreeSet;
use std::sync::Arc;

use barid_codec::{RecordError, RecordReader, Schemas, framing};
use barid_event::topics::Topics;
use barid_kafka::{
    Admin, Cluster, KafkaError, RecordRef, StopSignal, read_all_to_high_watermark, read_to_high_watermark,
};
use barid_schemas::CaseEvent;
use barid_schemas::records::{DeadLetter, Schema};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::links::Links;
use crate::timeline::{CopyEntry, DeadLetterEntry, EventEntry, Timeline};

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The registry does not answer: no record can be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The policy in the topic has mistakes, which `policy apply` refuses: somebody else wrote it.
    #[error("version {version} of the policy cannot be read: {reason}")]
    Policy { version: i64, reason: String },
}

/// Reads the topics of one deployment.
pub struct Reader {
    cluster: Cluster,
    topics: Topics,
    schemas: Arc<dyn Schemas>,
    events: RecordReader<CaseEvent>,
    dead_letters: RecordReader<DeadLetter>,
    stop: StopSignal,
}

impl Reader {
    /// Takes what it needs; connects to nothing.
    #[must_use]
    pub fn new(cluster: Cluster, topics: Topics, schemas: Arc<dyn Schemas>, stop: StopSignal) -> Self {
        Self {
            cluster,
            topics,
            events: RecordReader::new(Arc::clone(&schemas)),
            dead_letters: RecordReader::new(Arc::clone(&schemas)),
            schemas,
            stop,
        }
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The matter that `key` belongs to: a corr_id, a tracking code, a case number or an event id. Without events if no event
    /// carries it.
    ///
    /// # Errors
    ///
    /// Kafka or the registry does not answer.
    pub fn matter(&self, key: &str) -> Result<Timeline, LedgerError> {
        let mut links = Links::default();
        self.each_event(&self.topic_names_of("events")?, |_, event| links.add(&event))?;
        let corr_ids = links.matter(key);
        if corr_ids.is_empty() {
            return Ok(Timeline::default());
        }
        self.timeline(corr_ids)
    }

    /// Calls `each` for every event and view of the topics, in the order of their partitions; records that are none are left
    /// out.
    ///
    /// # Errors
    ///
    /// Kafka or the registry does not answer.
    pub fn each_event(
        &self,
        topics: &[String],
        mut each: impl FnMut(&RecordRef<'_>, CaseEvent),
    ) -> Result<(), LedgerError> {
        self.each_record(topics, &self.events, |record, event| each(record, event))
    }

    /// The latest record under each key of a compacted topic; tombstones remove.
    ///
    /// # Errors
    ///
    /// Kafka or the registry does not answer.
    pub fn latest<T: Schema + DeserializeOwned>(
        &self,
        topic: &str,
    ) -> Result<std::collections::BTreeMap<String, T>, LedgerError> {
        let reader = RecordReader::<T>::new(Arc::clone(&self.schemas));
        let mut latest = std::collections::BTreeMap::new();
        let mut failure = None;
        read_to_high_watermark(&self.cluster, topic, &self.stop, |record| {
            let key = String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
            match record.value.map(|value| reader.decode(value)) {
                None => drop(latest.remove(&key)),
                Some(Ok(entry)) => drop(latest.insert(key, entry)),
                Some(Err(error)) => failure = Some(error),
            }
        })?;
        failure.map_or(Ok(latest), |error| Err(error.into()))
    }

    /// Calls `each` for every record of the topics that is a `T`.
    pub(crate) fn each_record<T: Schema + DeserializeOwned>(
        &self,
        topics: &[String],
        reader: &RecordReader<T>,
        mut each: impl FnMut(&RecordRef<'_>, T),
    ) -> Result<(), LedgerError> {
        let mut failure = None;
        read_all_to_high_watermark(&self.cluster, topics, &self.stop, |record| {
            let Some(value) = record.value else { return };
            match reader.decode(value) {
                Ok(found) => each(record, found),
                // A record that is no event at all is a dead letter's business; a registry that is away is ours.
                Err(RecordError::Registry(error)) => failure = Some(RecordError::Registry(error)),
                Err(_) => {}
            }
        })?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    pub(crate) fn schemas(&self) -> Arc<dyn Schemas> {
        Arc::clone(&self.schemas)
    }

    /// The names of the topics of one kind (`events`, `inbox`, `deadletter`, …), one for each agency.
    ///
    /// # Errors
    ///
    /// Kafka does not answer.
    pub fn topic_names_of(&self, kind: &str) -> Result<Vec<String>, LedgerError> {
        let prefix = format!("{}{kind}.", self.topics.prefix());
        let mut names = Admin::new(&self.cluster)?.topics()?;
        names.retain(|name| name.starts_with(&prefix));
        Ok(names)
    }

    fn timeline(&self, corr_ids: BTreeSet<Uuid>) -> Result<Timeline, LedgerError> {
        let (mut events, mut copies, mut dead_letters) = (Vec::new(), Vec::new(), Vec::new());
        self.each_event(&self.topic_names_of("events")?, |record, event| {
            if corr_ids.contains(&event.corr_id) {
                events.push(EventEntry::of(record, event));
            }
        })?;
        self.each_event(&self.topic_names_of("inbox")?, |record, view| {
            if corr_ids.contains(&view.corr_id) {
                let subscriber = self.topics.agency_of(record.topic).unwrap_or_default();
                copies.push(CopyEntry::of(subscriber, record, view));
            }
        })?;
        self.each_record(&self.topic_names_of("deadletter")?, &self.dead_letters, |record, letter| {
            if self.concerns(&letter, &corr_ids) {
                dead_letters.push(DeadLetterEntry::of(record, letter));
            }
        })?;
        Ok(Timeline::assemble(corr_ids, events, copies, dead_letters))
    }

    /// Whether a dead letter belongs to the matter: by its key, which is the corr_id, or by the event in it if it can be read.
    fn concerns(&self, letter: &DeadLetter, corr_ids: &BTreeSet<Uuid>) -> bool {
        let key = letter.key.as_ref().and_then(|key| Uuid::try_parse_ascii(&key.0).ok());
        if key.is_some_and(|key| corr_ids.contains(&key)) {
            return true;
        }
        let value = letter.value.as_ref().filter(|value| framing::unframe(&value.0).is_ok());
        value.and_then(|value| self.events.decode(&value.0).ok()).is_some_and(|event| corr_ids.contains(&event.corr_id))
    }
}
