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

/// So many offenders are told of each kind.
const MOST_TOLD: usize = 8;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: u64,
    pub(crate) events: u64,
    pub(crate) copies: u64,
    pub(crate) copies_due: u64,
    pub(crate) lost: Offences,
    pub(crate) doubled: Offences,
    /// Copies that no permit gives, or of no event.
    pub(crate) unexpected: Offences,
    pub(crate) out_of_order: Offences,
    pub(crate) dead_letters: Offences,
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
    }

    /// Every kind of offence with its name.
    pub(crate) fn offences(&self) -> [(&'static str, &Offences); 5] {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("unexpected", &self.unexpected),
            ("out of order", &self.out_of_order),
            ("dead letters", &self.dead_letters),
        ]
    }
}

/// An event as the copies are held against it.
struct Known {
    partition: i32,
    offset: i64,
    due: Subscribers,
    got: Subscribers,
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
}

struct Published {
    case: String,
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
        verdict: Verdict { rows: fed.total(), copies_due: fed.copies, ..Verdict::default() },
        events: HashMap::new(),
        published: HashMap::new(),
        sequences: BTreeMap::new(),
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
    Ok(check.verdict)
}

fn suffix<'t>(topic: &'t str, prefix: &str, kind: &str) -> Result<&'t str> {
    topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('.')).context("a foreign topic")
}

impl Check<'_> {
    fn event(&mut self, agency: &str, record: &RawRecord, registry: &SchemaRegistry) -> Result<()> {
        self.verdict.events += 1;
        let (id, ce_type) = (record.header("ce_id")?, record.header("ce_type")?);
        let (service, status) = service_and_status(&ce_type).with_context(|| record.place())?;
        let known = Known {
            partition: record.partition,
            offset: record.offset,
            due: self.rules.who(agency, service, status),
            got: 0,
        };
        if let Some(before) = self.events.insert(id, known) {
            self.verdict
                .doubled
                .add(|| format!("event {} stands at {}/{} as well", record.place(), before.partition, before.offset));
        }
        self.sequences.entry(agency.to_owned()).or_default().push(record.header("ce_sequence")?.parse()?);
        let step = Step { service: service.to_owned(), status: status.to_owned() };
        let matter = (agency.to_owned(), record.key_text());
        match self.published.get_mut(&matter) {
            Some(published) => published.steps.push(step),
            None => {
                let case = case_number(record, registry)?;
                self.published.insert(matter, Published { case, steps: vec![step] });
            }
        }
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
