//! The suite's own verdict over a run: what was generated, held against what stands in the topics.
//!
//! It looks at headers only, decodes nothing but one event of each case, and keeps about a hundred bytes an event. The
//! values in the copies are the auditor's business; this is a second opinion on the rest.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};
use apache_avro::types::Value;
use barid_harness::records::{scan, topics};
use barid_harness::{RawRecord, SchemaRegistry};

use crate::feed::Fed;
use crate::generator::{Generator, Step};
use crate::rules::{Rules, Subscribers, service_and_status};
use crate::stage::handle;

/// So many offenders are told of each kind.
const MOST_TOLD: usize = 8;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: u64,
    pub(crate) events: u64,
    pub(crate) copies: u64,
    pub(crate) copies_due: u64,
    /// Copies that are due because the subscriber watches a person.
    pub(crate) matches: u64,
    /// Rows that were at fault when they were laid down.
    pub(crate) faulty: u64,
    /// How often a row was put into quarantine, at fault or behind one that is.
    pub(crate) quarantined: u64,
    pub(crate) lost: Offences,
    pub(crate) doubled: Offences,
    /// Copies that no permit gives, or of no event.
    pub(crate) unexpected: Offences,
    pub(crate) out_of_order: Offences,
    pub(crate) dead_letters: Offences,
    /// Rows in quarantine though every row was corrected.
    pub(crate) left_behind: Offences,
}

/// How many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offences {
    pub(crate) count: u64,
    pub(crate) first: Vec<String>,
}

impl Offences {
    fn add(&mut self, tell: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < MOST_TOLD {
            self.first.push(tell());
        }
    }
}

impl Verdict {
    /// Whether all is as it must be.
    pub(crate) fn is_good(&self) -> bool {
        self.offences().iter().all(|(_, offences)| offences.count == 0)
            && (self.events, self.copies) == (self.rows, self.copies_due)
            && self.quarantined >= self.faulty
    }

    /// Every kind of offence with its name.
    pub(crate) fn offences(&self) -> [(&'static str, &Offences); 6] {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("unexpected", &self.unexpected),
            ("out of order", &self.out_of_order),
            ("dead letters", &self.dead_letters),
            ("left in quarantine", &self.left_behind),
        ]
    }
}

/// An event as the copies are held against it.
struct Known {
    partition: i32,
    offset: i64,
    due: Subscribers,
    got: Subscribers,
    /// Who must be told that it is about this watched person, by its number.
    told: Subscribers,
    person: usize,
}

/// Where order is promised: inbox, its partition, publisher, partition of its events.
type Lane = (String, i32, String, i32);

/// Everything that is known while the topics are read.
struct Check<'r> {
    rules: &'r Rules,
    verdict: Verdict,
    /// By `ce_id`.
    events: HashMap<String, Known>,
    /// What was published of each matter, in its order: agency and `corr_id`.
    published: HashMap<(String, String), Published>,
    /// By agency.
    sequences: BTreeMap<String, Vec<u64>>,
    /// Agency and number of the cases about a watched person.
    watched: HashMap<(String, String), usize>,
}

struct Published {
    case: String,
    person: Option<usize>,
    /// Sorted by the place: partition and offset.
    steps: Vec<Step>,
}

/// Reads everything and judges.
pub(crate) fn check(
    bootstrap_servers: &str,
    prefix: &str,
    registry: &SchemaRegistry,
    rules: &Rules,
    fed: &Fed,
    generators: &[Generator],
) -> Result<Verdict> {
    let of_kind = |kind: &str| topics(bootstrap_servers, &format!("{prefix}{kind}."));
    let mut check = Check {
        rules,
        verdict: Verdict { rows: fed.total(), copies_due: fed.copies, faulty: fed.faulty, ..Verdict::default() },
        events: HashMap::new(),
        published: HashMap::new(),
        sequences: BTreeMap::new(),
        watched: watched(generators),
    };
    scan(bootstrap_servers, &of_kind("events")?, |record| {
        let agency = suffix(&record.topic, prefix, "events")?.to_owned();
        check.event(&agency, &record, registry)
    })?;
    check.sequences(fed);
    check.cases(generators);
    // Of each partition of an inbox and each partition of events, the last place.
    let mut last: HashMap<Lane, i64> = HashMap::new();
    scan(bootstrap_servers, &of_kind("inbox")?, |record| {
        let bit = rules.known(suffix(&record.topic, prefix, "inbox")?);
        check.copy(bit, &record, &mut last)
    })?;
    check.missing_copies();
    scan(bootstrap_servers, &of_kind("deadletter")?, |record| {
        check.verdict.dead_letters.add(|| record.place());
        Ok(())
    })?;
    // The last that is said about each row holds; nothing: it has left the quarantine.
    let mut quarantine: BTreeMap<(String, String), String> = BTreeMap::new();
    scan(bootstrap_servers, &of_kind("quarantine")?, |record| {
        let key = (record.topic.clone(), record.key_text());
        if record.value.is_some() {
            check.verdict.quarantined += 1;
            quarantine.insert(key, record.place());
        } else {
            quarantine.remove(&key);
        }
        Ok(())
    })?;
    for place in quarantine.into_values() {
        check.verdict.left_behind.add(|| place);
    }
    Ok(check.verdict)
}

fn watched(generators: &[Generator]) -> HashMap<(String, String), usize> {
    let mut watched = HashMap::new();
    for generator in generators {
        let cases = generator.cases().iter().filter_map(|case| Some((case, case.person?)));
        watched.extend(cases.map(|(case, person)| ((generator.agency().to_owned(), case.number.clone()), person)));
    }
    watched
}

fn suffix<'t>(topic: &'t str, prefix: &str, kind: &str) -> Result<&'t str> {
    topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('.')).context("a foreign topic")
}

impl Check<'_> {
    fn event(&mut self, agency: &str, record: &RawRecord, registry: &SchemaRegistry) -> Result<()> {
        self.verdict.events += 1;
        let (id, ce_type) = (record.header("ce_id")?, record.header("ce_type")?);
        let (service, status) = service_and_status(&ce_type).with_context(|| record.place())?;
        let step = Step { service: service.to_owned(), status: status.to_owned() };
        let matter = (agency.to_owned(), record.key_text());
        let person = match self.published.get_mut(&matter) {
            Some(published) => {
                published.steps.push(step);
                published.person
            }
            None => {
                let case = case_number(record, registry)?;
                let person = self.watched.get(&(agency.to_owned(), case.clone())).copied();
                self.published.insert(matter, Published { case, person, steps: vec![step] });
                person
            }
        };
        let who = self.rules.who(agency, service, status);
        let watching = if person.is_some() { self.rules.watching(agency, service, status) } else { 0 };
        self.verdict.matches += u64::from((watching & !who).count_ones());
        let known = Known {
            partition: record.partition,
            offset: record.offset,
            due: who | watching,
            got: 0,
            told: watching,
            person: person.unwrap_or_default(),
        };
        if let Some(before) = self.events.insert(id, known) {
            self.verdict
                .doubled
                .add(|| format!("event {} stands at {}/{} as well", record.place(), before.partition, before.offset));
        }
        self.sequences.entry(agency.to_owned()).or_default().push(record.header("ce_sequence")?.parse()?);
        Ok(())
    }

    /// 1, 2, 3 and so on to the number of rows.
    fn sequences(&mut self, fed: &Fed) {
        for (agency, rows) in &fed.rows {
            let mut found = self.sequences.remove(agency).unwrap_or_default();
            found.sort_unstable();
            for pair in found.windows(2).filter(|pair| pair[0] == pair[1]) {
                self.verdict.doubled.add(|| format!("`ce_sequence` {} of {agency}", pair[0]));
            }
            found.dedup();
            let mut found = found.into_iter().peekable();
            for number in 1..=*rows {
                if found.next_if_eq(&number).is_none() {
                    self.verdict.lost.add(|| format!("`ce_sequence` {number} of {agency}"));
                }
            }
            if let Some(number) = found.next() {
                self.verdict.unexpected.add(|| format!("`ce_sequence` {number} of {agency}, which has {rows} rows"));
            }
        }
    }

    /// Each case went through exactly what was exported of it.
    fn cases(&mut self, generators: &[Generator]) {
        let mut found: HashMap<(&str, &str), &Published> = HashMap::new();
        for ((agency, _), published) in &self.published {
            found.insert((agency, &published.case), published);
        }
        for generator in generators {
            for case in generator.cases() {
                let steps = found.get(&(generator.agency(), case.number.as_str())).map_or(&[][..], |one| &one.steps);
                let name = || format!("case {} of {}", case.number, generator.agency());
                if steps == case.steps {
                    continue;
                }
                match steps.len().cmp(&case.steps.len()) {
                    std::cmp::Ordering::Less => self.verdict.lost.add(name),
                    std::cmp::Ordering::Greater => self.verdict.doubled.add(name),
                    std::cmp::Ordering::Equal => self.verdict.out_of_order.add(name),
                }
            }
        }
    }

    fn copy(
        &mut self,
        subscriber: Option<Subscribers>,
        record: &RawRecord,
        last: &mut HashMap<Lane, i64>,
    ) -> Result<()> {
        self.verdict.copies += 1;
        let (Some(event), Some(bit)) = (self.events.get_mut(&record.header("ce_id")?), subscriber) else {
            self.verdict.unexpected.add(|| format!("copy {} of no event, or for nobody", record.place()));
            return Ok(());
        };
        if event.due & bit == 0 {
            self.verdict.unexpected.add(|| format!("copy {}, which no permit gives", record.place()));
        }
        if event.got & bit != 0 {
            self.verdict.doubled.add(|| format!("copy {}", record.place()));
            return Ok(());
        }
        event.got |= bit;
        let handles: Vec<&[u8]> = record
            .headers
            .iter()
            .filter(|(name, _)| name == "barid-match")
            .map(|(_, value)| value.as_slice())
            .collect();
        let wanted = (event.told & bit != 0).then(|| handle(event.person));
        if handles != wanted.iter().map(String::as_bytes).collect::<Vec<_>>() {
            self.verdict.unexpected.add(|| format!("copy {} with other handles than {wanted:?}", record.place()));
        }
        let lane = (record.topic.clone(), record.partition, record.header("ce_source")?, event.partition);
        if let Some(before) = last.insert(lane, event.offset)
            && before > event.offset
        {
            self.verdict.out_of_order.add(|| {
                format!("copy {} of event {}/{}, behind {before}", record.place(), event.partition, event.offset)
            });
        }
        Ok(())
    }

    fn missing_copies(&mut self) {
        for (id, event) in &self.events {
            let missing = event.due & !event.got;
            for subscriber in self.rules.names(missing) {
                self.verdict
                    .lost
                    .add(|| format!("the copy of event {id} ({}/{}) for {subscriber}", event.partition, event.offset));
            }
        }
    }
}

/// The agency's own number, as the mapping writes it into the event.
fn case_number(record: &RawRecord, registry: &SchemaRegistry) -> Result<String> {
    let (_, value) = registry.decode(record.value.as_deref().unwrap_or_default()).with_context(|| record.place())?;
    let Value::Record(fields) = value else { bail!("no record in {}", record.place()) };
    let case_no = fields.into_iter().find(|(name, _)| name == "case_no").map(|(_, value)| value);
    let case_no = match case_no {
        Some(Value::Union(_, value)) => Some(*value),
        other => other,
    };
    match case_no {
        Some(Value::String(number)) => Ok(number),
        _ => bail!("no case number in {}", record.place()),
    }
}
