//! The audit itself, record by record: events first, then dead letters, copies and cases, then a second look.
//!
//! What an event gives is kept as digests ([`crate::expected`]). A copy that does not agree is a *suspect*: it is kept whole,
//! and the events of its publisher are read once more, to say in which part it differs, or that it is right after all because
//! a watch key was changed at that time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use barid_codec::{RegistryError, Schemas};
use barid_event::topics::Topics;
use barid_kafka::{Record, RecordRef};
use barid_schemas::records::{CaseState, DeadLetter};
use xxhash_rust::xxh3::xxh3_64;

use crate::copy::{Content, handles};
use crate::decoder::Decoder;
use crate::expected::{CopyEntry, Expected};
use crate::findings::{Counts, Defect, Findings, Place, Report, Unproved};
use crate::letters::{Letters, Told};
use crate::murmur::partition_of;
use crate::rows::Rows;
use crate::rulebook::Rulebook;
use crate::sequence::{Fault, Sequence};
use crate::verdict::{Verdict, facts, is_large, verdict, watch_keys, watched};
use crate::watching::{Handles, WatchHistory};

/// So many suspects are kept; what is beyond them is counted as it seems at first sight.
const MOST_SUSPECTS: usize = 10_000;

/// Which records are judged.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Events from this broker timestamp on.
    pub from_ms: Option<i64>,
    /// Events before this broker timestamp.
    pub to_ms: Option<i64>,
    /// How many offenders of each kind are named.
    pub most_offenders: usize,
}

impl Scope {
    fn contains(&self, at_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= at_ms) && self.to_ms.is_none_or(|to| at_ms < to)
    }

    fn is_whole(&self) -> bool {
        self.from_ms.is_none() && self.to_ms.is_none()
    }
}

/// The first offset that is there, and the one after the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// Where the topics stood when the audit began, by topic; each partition in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) events: BTreeMap<String, Vec<Marks>>,
    pub(crate) inboxes: BTreeMap<String, Vec<Marks>>,
    pub(crate) letters: BTreeMap<String, Vec<Marks>>,
    /// The offsets that the routers' group has committed.
    pub(crate) routed: HashMap<(String, i32), i64>,
}

/// What decides, read before any event is.
pub(crate) struct Given {
    pub(crate) rulebook: Rulebook,
    pub(crate) watch: WatchHistory,
    pub(crate) rows: Rows,
}

/// One partition of `events.*`.
#[derive(Debug)]
struct Source {
    topic: Arc<str>,
    partition: i32,
    low: i64,
    /// Everything before this offset has been decided.
    decided: i64,
}

/// A copy that needs a second look.
struct Suspect {
    subscriber: String,
    record: Record,
    /// What it is if the second look does not say otherwise.
    seems: Defect,
}

pub(crate) struct Auditor {
    scope: Scope,
    topics: Topics,
    standing: Standing,
    given: Given,
    decoder: Decoder,
    sources: Vec<Source>,
    first_source: HashMap<String, u32>,
    first_inbox: HashMap<String, u32>,
    subscribers: Vec<String>,
    expected: Expected,
    letters: Letters,
    /// The ids of events that cannot be routed, hashed.
    dead: HashSet<u64>,
    sequences: BTreeMap<String, Sequence>,
    /// By inbox partition and source: offsets of the first and the last event whose copy was seen.
    order: HashMap<(u32, u32), (i64, i64)>,
    suspects: HashMap<u64, Vec<Suspect>>,
    suspects_count: usize,
    findings: Findings,
    counts: Counts,
    unproved: Unproved,
    scratch: Vec<u8>,
}

impl Auditor {
    pub(crate) fn new(
        scope: Scope,
        topics: Topics,
        standing: Standing,
        given: Given,
        schemas: Arc<dyn Schemas>,
    ) -> Self {
        let (mut sources, mut first_source, mut first_inbox) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut room = 0;
        for (topic, partitions) in &standing.events {
            first_source.insert(topic.clone(), sources.len() as u32);
            let name: Arc<str> = topic.as_str().into();
            for (partition, marks) in (0_i32..).zip(partitions) {
                room += usize::try_from(marks.high - marks.low).unwrap_or(0);
                let told = given.rulebook.decided_before(topic, partition).unwrap_or(0);
                let committed = standing.routed.get(&(topic.clone(), partition)).copied().unwrap_or(0);
                let decided = told.max(committed);
                sources.push(Source { topic: Arc::clone(&name), partition, low: marks.low, decided });
            }
        }
        let mut inbox_partitions = 0;
        for (topic, partitions) in &standing.inboxes {
            first_inbox.insert(topic.clone(), inbox_partitions);
            inbox_partitions += partitions.len() as u32;
        }
        let expected = Expected::with_room_for(if scope.is_whole() { room } else { 0 });
        Self {
            findings: Findings::new(scope.most_offenders),
            scope,
            topics,
            standing,
            given,
            decoder: Decoder::new(schemas),
            sources,
            first_source,
            first_inbox,
            subscribers: Vec::new(),
            expected,
            letters: Letters::default(),
            dead: HashSet::new(),
            sequences: BTreeMap::new(),
            order: HashMap::new(),
            suspects: HashMap::new(),
            suspects_count: 0,
            counts: Counts::default(),
            unproved: Unproved::default(),
            scratch: Vec::new(),
        }
    }

    /// Takes the next record of a partition of `events.*`.
    ///
    /// # Errors
    ///
    /// The registry does not answer.
    pub(crate) fn event(&mut self, record: &RecordRef<'_>) -> Result<(), RegistryError> {
        let publisher = self.topics.agency_of(record.topic).unwrap_or_default().to_owned();
        let Some(source) = self.source(record.topic, record.partition) else { return Ok(()) };
        let numbers = self.sequences.entry(publisher.clone()).or_default();
        if let Some(fault) = numbers.take(record.partition, record.header("ce_sequence")) {
            let defect = match fault {
                Fault::NoNumber => Defect::NoSequence,
                Fault::Doubled => Defect::SequenceDoubled,
                Fault::Unordered => Defect::SequenceUnordered,
            };
            self.findings.add(defect, Some(place(record)), String::new);
        }
        if !self.scope.contains(record.timestamp_ms) {
            return Ok(());
        }
        self.counts.events += 1;
        let is_decided = record.offset < self.sources[source as usize].decided;
        let version = self.given.rulebook.version_at(record.topic, record.partition, record.offset);
        let rules = version.and_then(|version| self.given.rulebook.rules(version));
        let Some(rules) = rules else {
            if is_decided {
                self.findings.add(Defect::NoPolicyVersion, Some(place(record)), || {
                    version.map_or_else(String::new, |version| format!("version {version} is not in the topic"))
                });
            } else {
                self.letters.undecided();
            }
            return Ok(());
        };
        let is_large = is_large(record);
        match verdict(&mut self.decoder, rules, &self.given.watch, &publisher, record)? {
            Verdict::UnknownSchema(id) if is_decided => {
                self.findings.add(Defect::UnreadableEvent, Some(place(record)), || format!("schema {id}"));
            }
            Verdict::UnknownSchema(_) => self.letters.undecided(),
            Verdict::DeadLetter(reason) => {
                self.letters.expect(source, record, reason, true);
                let event = record.value.and_then(|value| self.decoder.decode(value).ok());
                self.dead.extend(event.as_ref().and_then(|event| event.text("event_id")).map(hash));
            }
            Verdict::Copies { event, copies } => {
                if is_large {
                    self.unproved.large_events += 1;
                    self.letters.expect(source, record, "copy_too_large", false);
                }
                let event_id = event.text("event_id").unwrap_or_default();
                let key = event.text("corr_id").unwrap_or_default().as_bytes();
                let entries: Vec<CopyEntry> = copies
                    .iter()
                    .map(|wanted| {
                        if wanted.certain {
                            self.counts.expected_copies += 1;
                        } else {
                            self.unproved.doubtful_matches += 1;
                        }
                        let subscriber = &wanted.permit.subscriber;
                        let partitions = self.standing.inboxes.get(&self.topics.inbox(subscriber)).map_or(0, Vec::len);
                        CopyEntry {
                            digest: wanted.content.as_ref().map_or(0, |content| content.digest(&mut self.scratch)),
                            subscriber: number_of(&mut self.subscribers, subscriber),
                            partition: partition_of(key, partitions) as u16,
                            wanted: 1,
                            seen: 0,
                            certain: wanted.certain && !is_large,
                        }
                    })
                    .collect();
                if self.expected.add(event_id, source, record.offset, entries.into_iter()).is_err() {
                    self.findings.add(Defect::DoubledEvent, Some(place(record)), String::new);
                }
            }
        }
        Ok(())
    }

    /// Takes the next dead letter; `None` if it cannot be read.
    pub(crate) fn dead_letter(&mut self, record: &RecordRef<'_>, letter: Option<&DeadLetter>) {
        self.counts.dead_letters += 1;
        let Some(letter) = letter else {
            return self
                .findings
                .add(Defect::ChangedDeadLetter, Some(place(record)), || "it cannot be read".to_owned());
        };
        let source = self.source(&letter.topic, letter.partition);
        let of_own = self.topics.agency_of(&letter.topic) == self.topics.agency_of(record.topic);
        let Some(source) = source.filter(|_| of_own) else {
            return self.findings.add(Defect::UnfoundedDeadLetter, Some(place(record)), || {
                format!("its origin is {}/{}", letter.topic, letter.partition)
            });
        };
        let low = self.sources[source as usize].low;
        if letter.offset < low || !self.scope.contains(letter.timestamp.0) {
            self.unproved.dead_letters_of_unread_events += 1;
            return;
        }
        self.decided(source, letter.offset);
        let origin = format!("{}/{}@{}", letter.topic, letter.partition, letter.offset);
        match self.letters.tell(source, letter) {
            Told::Right => {}
            Told::Twice => self.findings.add(Defect::DoubledDeadLetter, Some(place(record)), || origin),
            Told::Unfounded => self.findings.add(Defect::UnfoundedDeadLetter, Some(place(record)), || {
                format!("{origin} could be routed, it says {}", letter.reason)
            }),
            Told::Changed(what) => {
                self.findings.add(Defect::ChangedDeadLetter, Some(place(record)), || format!("{origin}: {what}"));
            }
        }
    }

    /// Takes the next record of a partition of `inbox.*`.
    ///
    /// # Errors
    ///
    /// The registry does not answer.
    pub(crate) fn copy(&mut self, record: &RecordRef<'_>) -> Result<(), RegistryError> {
        self.counts.copies += 1;
        let subscriber = self.topics.agency_of(record.topic).unwrap_or_default().to_owned();
        let decoded = match record.value.map(|value| self.decoder.decode(value)) {
            Some(Ok(decoded)) => decoded,
            Some(Err(crate::decoder::Undecoded::Registry(error))) => return Err(error),
            None | Some(Err(_)) => {
                self.findings.add(Defect::UnreadableCopy, Some(place(record)), String::new);
                return Ok(());
            }
        };
        let Some(inbox) = self.first_inbox.get(record.topic).map(|first| first + record.partition as u32) else {
            return Ok(());
        };
        let event_id = decoded.text("event_id").unwrap_or_default();
        let Some(event) = self.expected.find(event_id) else {
            if self.may_be_unread(&decoded, inbox) {
                self.unproved.copies_of_unread_events += 1;
            } else {
                self.suspect(event_id, &subscriber, record, Defect::CopyWithoutEvent);
            }
            return Ok(());
        };
        let entry = self.expected.event(event);
        self.decided(entry.source, entry.offset);
        let (_, last) = self.order.entry((inbox, entry.source)).or_insert((entry.offset, entry.offset));
        let (before, is_early) = (*last, entry.offset < *last);
        *last = entry.offset.max(*last);
        if is_early {
            let Source { topic, partition, .. } = &self.sources[entry.source as usize];
            self.findings.add(Defect::UnorderedCopy, Some(place(record)), || {
                format!("of {topic}/{partition}@{}, behind the copy of @{before}", entry.offset)
            });
        }
        let number = self.subscribers.iter().position(|known| *known == subscriber);
        let copy = number.and_then(|number| self.expected.copy_mut(event, number as u16));
        let Some(copy) = copy else {
            self.suspect(event_id, &subscriber, record, Defect::UnpermittedCopy);
            return Ok(());
        };
        copy.seen = copy.seen.saturating_add(1);
        if copy.seen > copy.wanted {
            self.findings.add(Defect::DoubledCopy, Some(place(record)), || {
                let Source { topic, partition, .. } = &self.sources[entry.source as usize];
                format!("of {topic}/{partition}@{}", entry.offset)
            });
        }
        if i32::from(copy.partition) != record.partition {
            let right = copy.partition;
            self.findings.add(Defect::MisplacedCopy, Some(place(record)), || format!("its key belongs to {right}"));
        }
        if copy.digest != Content::found(&decoded, record).digest(&mut self.scratch) {
            self.suspect(event_id, &subscriber, record, Defect::ChangedCopy);
        }
        Ok(())
    }

    /// Takes what a connector knows of a case.
    pub(crate) fn case(&mut self, record: &RecordRef<'_>, state: &CaseState) {
        let agency = self.topics.agency_of(record.topic).unwrap_or_default();
        let topic = self.topics.events(agency);
        let is_truncated = self.standing.events.get(&topic).is_some_and(|all| all.iter().any(|marks| marks.low > 0));
        for row in &state.rows {
            self.counts.published_rows += 1;
            let id = row.event_id.to_string();
            if self.expected.find(&id).is_some() || self.dead.contains(&hash(&id)) {
                continue;
            }
            if is_truncated || !self.scope.is_whole() || self.letters.has_undecided() {
                self.unproved.rows_of_unread_events += 1;
            } else {
                self.findings.add(Defect::RowWithoutEvent, Some(place(record)), || format!("event {id}"));
            }
        }
    }

    /// The topics of events that have to be read again, for [`Auditor::second_look`]; none if nothing is suspect.
    pub(crate) fn suspected(&self) -> Vec<String> {
        if self.suspects.is_empty() { Vec::new() } else { self.standing.events.keys().cloned().collect() }
    }

    /// Takes a record of `events.*` again and judges the suspects that are copies of it.
    ///
    /// # Errors
    ///
    /// The registry does not answer.
    pub(crate) fn second_look(&mut self, record: &RecordRef<'_>) -> Result<(), RegistryError> {
        let event = record.value.and_then(|value| self.decoder.decode(value).ok());
        let Some(event) = event else { return Ok(()) };
        let Some(suspects) = self.suspects.remove(&hash(event.text("event_id").unwrap_or_default())) else {
            return Ok(());
        };
        let publisher = self.topics.agency_of(record.topic).unwrap_or_default();
        let version = self.given.rulebook.version_at(record.topic, record.partition, record.offset);
        let Some(rules) = version.and_then(|version| self.given.rulebook.rules(version)) else { return Ok(()) };
        let version = version.unwrap_or_default();
        let verdict = verdict(&mut self.decoder, rules, &self.given.watch, publisher, record)?;
        for suspect in suspects {
            let copy = suspect.record.as_record_ref();
            let origin = place(record);
            let copies = match &verdict {
                Verdict::Copies { copies, .. } => copies,
                Verdict::DeadLetter(reason) => {
                    self.findings.add(Defect::UnpermittedCopy, Some(place(&copy)), || {
                        format!("of {origin}, which cannot be routed: {reason}")
                    });
                    continue;
                }
                Verdict::UnknownSchema(_) => continue,
            };
            let keys = watch_keys(record).unwrap_or_default();
            let giving = rules.giving(&facts(&event, record.timestamp_ms));
            let Some(permit) = giving.into_iter().find(|permit| permit.subscriber == suspect.subscriber) else {
                self.findings.add(Defect::UnpermittedCopy, Some(place(&copy)), || {
                    format!("no permit of version {version} gives {origin} to {}", suspect.subscriber)
                });
                continue;
            };
            let found_handles = handles(&copy);
            let wanted = copies.iter().find(|wanted| wanted.permit == permit);
            let settled = wanted.map(|wanted| wanted.handles.clone()).unwrap_or_default();
            let expected_handles = match watched(permit) {
                None => settled,
                Some(kind) => {
                    let times = (record.timestamp_ms, copy.timestamp_ms);
                    match self.given.watch.allows(&permit.subscriber, &keys, kind, times, &found_handles) {
                        Handles::Right => found_handles,
                        Handles::Unproved => {
                            self.unproved.forgotten_matches += 1;
                            found_handles
                        }
                        Handles::Wrong if wanted.is_some() => settled,
                        Handles::Wrong => {
                            self.findings.add(Defect::UnpermittedCopy, Some(place(&copy)), || {
                                format!("of {origin}: {} watches none of its keys so", suspect.subscriber)
                            });
                            continue;
                        }
                    }
                }
            };
            let decoded = copy.value.and_then(|value| self.decoder.decode(value).ok());
            let expected = Content::expected(&event, record, rules, permit, &expected_handles);
            let (Some(decoded), Some(expected)) = (decoded, expected) else { continue };
            let differences = expected.differences(&Content::found(&decoded, &copy));
            if !differences.is_empty() {
                self.findings.add(Defect::ChangedCopy, Some(place(&copy)), || {
                    format!("of {origin}, under {}: {}", permit.number, differences.join(", "))
                });
            }
        }
        Ok(())
    }

    /// Judges what is missing, and tells all.
    pub(crate) fn finish(mut self) -> Report {
        for suspect in std::mem::take(&mut self.suspects).into_values().flatten() {
            let copy = suspect.record.as_record_ref();
            self.findings.add(suspect.seems, Some(place(&copy)), String::new);
        }
        self.find_missing_copies();
        self.find_missing_letters();
        self.find_gaps();
        self.given.rows.judge(&mut self.findings, &mut self.counts, &mut self.unproved);
        self.counts.publishers = self.sequences.len() as u64;
        self.counts.policy_versions = self.given.rulebook.versions() as u64;
        self.counts.watch_keys = self.given.watch.len() as u64;
        let sequences: usize = self.sequences.values().map(Sequence::memory_bytes).sum();
        Report {
            well: self.findings.defects.is_empty(),
            counts: self.counts,
            defects: self.findings.defects.clone(),
            offenders: self.findings.offenders(),
            unproved: self.unproved,
            memory_bytes: self.expected.memory_bytes() + sequences,
        }
    }

    fn find_missing_copies(&mut self) {
        for (event, copies) in self.expected.iter() {
            let source = &self.sources[event.source as usize];
            if event.offset >= source.decided {
                self.counts.not_yet_routed += 1;
                continue;
            }
            for copy in copies.iter().filter(|copy| copy.certain && copy.seen < copy.wanted) {
                let subscriber = &self.subscribers[usize::from(copy.subscriber)];
                let inbox = self.topics.inbox(subscriber);
                let marks = self.standing.inboxes.get(&inbox).and_then(|all| all.get(usize::from(copy.partition)));
                let number = self.first_inbox.get(&inbox).map(|first| first + u32::from(copy.partition));
                let first_seen = number.and_then(|number| self.order.get(&(number, event.source)));
                let is_truncated = marks.is_some_and(|marks| marks.low > 0);
                if is_truncated && first_seen.is_none_or(|(first, _)| event.offset < *first) {
                    self.unproved.deleted_copies += 1;
                    continue;
                }
                let place =
                    Place { topic: source.topic.to_string(), partition: source.partition, offset: event.offset };
                self.findings
                    .add(Defect::MissingCopy, Some(place), || format!("not in {inbox}, partition {}", copy.partition));
            }
        }
        self.counts.not_yet_routed += self.letters.undecided_events();
    }

    fn find_missing_letters(&mut self) {
        for (source, offset, reason) in self.letters.missing() {
            let Source { topic, partition, decided, .. } = &self.sources[source as usize];
            if offset >= *decided {
                self.counts.not_yet_routed += 1;
                continue;
            }
            let letters = self.topics.deadletter(self.topics.agency_of(topic).unwrap_or_default());
            if self.standing.letters.get(&letters).is_some_and(|all| all.iter().any(|marks| marks.low > 0)) {
                self.unproved.deleted_dead_letters += 1;
                continue;
            }
            let place = Place { topic: topic.to_string(), partition: *partition, offset };
            self.findings.add(Defect::MissingDeadLetter, Some(place), || reason.to_owned());
        }
    }

    fn find_gaps(&mut self) {
        let last = self.given.rows.last_sequences();
        let publishers: BTreeSet<&String> = self.sequences.keys().chain(last.keys()).collect();
        let nothing = Sequence::default();
        for publisher in publishers {
            let topic = self.topics.events(publisher);
            let partitions = self.standing.events.get(&topic).map_or(&[][..], Vec::as_slice);
            let truncated: Vec<i32> =
                (0..).zip(partitions).filter(|(_, marks)| marks.low > 0).map(|(partition, _)| partition).collect();
            let numbers = self.sequences.get(publisher).unwrap_or(&nothing);
            let at_least = last.get(publisher).and_then(|last| u64::try_from(*last).ok()).unwrap_or(0);
            let (gaps, unknown) = numbers.gaps(at_least, &truncated);
            self.unproved.deleted_numbers += unknown;
            for (first, last) in gaps {
                self.findings.add(Defect::SequenceGap, None, || match first == last {
                    true => format!("{topic}: {first} is missing"),
                    false => format!("{topic}: {first} to {last} are missing"),
                });
            }
        }
    }

    /// Whether the event of a copy may be one that is not judged: outside of the range, or deleted by retention. What was
    /// deleted stood before all that is left, and so did its copy.
    fn may_be_unread(&self, copy: &crate::decoder::Decoded, inbox: u32) -> bool {
        if !self.scope.is_whole() {
            return true;
        }
        let topic = self.topics.events(copy.text("publisher").unwrap_or_default());
        let key = copy.text("corr_id").unwrap_or_default().as_bytes();
        let partitions = self.standing.events.get(&topic).map_or(0, Vec::len);
        let source = self.source(&topic, partition_of(key, partitions) as i32);
        source.is_some_and(|source| self.sources[source as usize].low > 0 && !self.order.contains_key(&(inbox, source)))
    }

    fn suspect(&mut self, event_id: &str, subscriber: &str, record: &RecordRef<'_>, seems: Defect) {
        if self.suspects_count >= MOST_SUSPECTS {
            return self
                .findings
                .add(seems, Some(place(record)), || "not looked at closely, there are too many".into());
        }
        self.suspects_count += 1;
        let suspect = Suspect { subscriber: subscriber.to_owned(), record: record.to_record(), seems };
        self.suspects.entry(hash(event_id)).or_default().push(suspect);
    }

    fn decided(&mut self, source: u32, offset: i64) {
        let source = &mut self.sources[source as usize];
        source.decided = source.decided.max(offset + 1);
    }

    fn source(&self, topic: &str, partition: i32) -> Option<u32> {
        let partitions = self.standing.events.get(topic)?.len();
        let first = self.first_source.get(topic)?;
        (0..partitions as i32).contains(&partition).then(|| first + partition as u32)
    }
}

fn number_of(subscribers: &mut Vec<String>, subscriber: &str) -> u16 {
    let known = subscribers.iter().position(|known| known == subscriber);
    let number = known.unwrap_or_else(|| {
        subscribers.push(subscriber.to_owned());
        subscribers.len() - 1
    });
    number as u16
}

fn hash(event_id: &str) -> u64 {
    xxh3_64(event_id.as_bytes())
}

pub(crate) fn place(record: &RecordRef<'_>) -> Place {
    Place { topic: record.topic.to_owned(), partition: record.partition, offset: record.offset }
}
