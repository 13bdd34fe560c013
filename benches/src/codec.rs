//! From the bytes of an event to the bytes of its exact views: the span walk, against decoding, emptying and encoding.
//!
//! Every contender reads an event once and makes all exact views that the policy gives of it, in one buffer that it is
//! handed. That they make the same bytes is checked before anything is measured. Coarse views are left out: there is no
//! common job, for their words come from the catalogue.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use barid_codec::{Walk, view};
use barid_schemas::case_event::{AVSC, CaseEvent, View};
use barid_schemas::{Group, GroupSet};
use serde_avro_fast::ser::SerializerConfig;
use serde_json::json;

use crate::Scale;
use crate::report::Report;
use crate::sample::Sample;

/// The contenders take turns in so many rounds, and the middle one counts: whatever else the machine does hits all of them.
const ROUNDS: usize = 15;

/// An event's bytes and the groups of each of its views.
struct Job {
    datum: Vec<u8>,
    views: Vec<GroupSet>,
}

/// Makes all views of one event, one after the other.
trait Contender {
    fn name(&self) -> &'static str;
    fn views(&mut self, job: &Job, out: &mut Vec<u8>) -> Result<()>;
}

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let sample = Sample::read()?;
    let jobs = jobs(&sample)?;
    let views: usize = jobs.iter().map(|job| job.views.len()).sum();
    let bytes: usize = jobs.iter().map(|job| job.datum.len()).sum();
    let mut report = Report::new(
        "codec",
        vec![
            ("job", json!("one event from its bytes to the bytes of its exact views, one core")),
            ("events", json!(jobs.len())),
            ("bytes of an event", json!(bytes as f64 / jobs.len() as f64)),
            ("exact views of an event", json!(views as f64 / jobs.len() as f64)),
            ("rounds", json!(ROUNDS)),
        ],
    );
    let schema = apache_avro::Schema::parse_str(AVSC)?;
    let fast_schema: serde_avro_fast::Schema = AVSC.parse()?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Spans { walk: Walk::compile(AVSC)? }),
        Box::new(Fast { schema: &fast_schema, config: SerializerConfig::new(&fast_schema) }),
        Box::new(Apache {
            reader: GenericDatumReader::builder(&schema).build()?,
            writer: GenericDatumWriter::builder(&schema).build()?,
        }),
    ];
    expect_the_same_bytes(&mut contenders, &jobs)?;
    let measured = measure(&mut contenders, &jobs, scale)?;
    let ours = measured[0];
    for (contender, ns) in contenders.iter().zip(&measured) {
        report.figures(vec![
            ("contender", json!(contender.name())),
            ("ns an event", json!(ns)),
            ("events/s on one core", json!((1e9 / ns).round())),
            ("times ours", json!(ns / ours)),
        ]);
    }
    Ok(report)
}

/// Events that have an exact view.
fn jobs(sample: &Sample) -> Result<Vec<Job>> {
    let schema: serde_avro_fast::Schema = AVSC.parse()?;
    let mut config = SerializerConfig::new(&schema);
    let mut jobs = Vec::new();
    for event in &sample.events {
        let exact = event.copies.iter().filter(|copy| copy.view == View::Exact);
        let views: Vec<GroupSet> = exact.map(|copy| copy.groups).collect();
        if !views.is_empty() {
            jobs.push(Job { datum: serde_avro_fast::to_datum_vec(&event.event, &mut config)?, views });
        }
    }
    ensure!(!jobs.is_empty(), "no event has an exact view");
    Ok(jobs)
}

fn expect_the_same_bytes(contenders: &mut [Box<dyn Contender + '_>], jobs: &[Job]) -> Result<()> {
    for job in jobs {
        let mut wanted: Option<Vec<u8>> = None;
        for contender in &mut *contenders {
            let mut out = Vec::new();
            contender.views(job, &mut out)?;
            let wanted = wanted.get_or_insert_with(|| out.clone());
            ensure!(*wanted == out, "`{}` makes other bytes", contender.name());
        }
    }
    Ok(())
}

/// Nanoseconds for each event, by contender: the median over the rounds.
fn measure(contenders: &mut [Box<dyn Contender + '_>], jobs: &[Job], scale: Scale) -> Result<Vec<f64>> {
    let round = Duration::from_millis(scale.pick(250, 5));
    let mut found = vec![Vec::new(); contenders.len()];
    let mut out = Vec::new();
    for _ in 0..ROUNDS {
        for (contender, found) in contenders.iter_mut().zip(&mut found) {
            let (started, mut events) = (Instant::now(), 0_u32);
            while started.elapsed() < round {
                for job in jobs {
                    out.clear();
                    contender.views(black_box(job), &mut out)?;
                    black_box(&out);
                }
                events += u32::try_from(jobs.len())?;
            }
            found.push(started.elapsed().as_nanos() as f64 / f64::from(events));
        }
    }
    Ok(found.into_iter().map(median).collect())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

struct Spans {
    walk: Walk,
}

impl Contender for Spans {
    fn name(&self) -> &'static str {
        "span walk and splicing"
    }

    fn views(&mut self, job: &Job, out: &mut Vec<u8>) -> Result<()> {
        let spans = self.walk.run(&job.datum)?;
        for &groups in &job.views {
            if view::is_whole(&spans, groups) {
                out.extend_from_slice(&job.datum);
            } else {
                view::exact(&self.walk, &spans, &job.datum, groups, out);
            }
        }
        Ok(())
    }
}

struct Fast<'s> {
    schema: &'s serde_avro_fast::Schema,
    config: SerializerConfig<'s>,
}

impl Contender for Fast<'_> {
    fn name(&self) -> &'static str {
        "serde_avro_fast"
    }

    fn views(&mut self, job: &Job, out: &mut Vec<u8>) -> Result<()> {
        let mut event: CaseEvent = serde_avro_fast::from_datum_slice(&job.datum, self.schema)?;
        for &groups in &job.views {
            // Taken out and put back, so that nothing is copied.
            let withheld = withhold(&mut event, groups);
            serde_avro_fast::to_datum(&event, &mut *out, &mut self.config)?;
            give_back(&mut event, withheld);
        }
        Ok(())
    }
}

macro_rules! groups {
    ($($group:ident: $field:ident),+ $(,)?) => {
        /// The groups of an event, outside of it.
        #[derive(Default)]
        struct Groups { $($field: Option<barid_schemas::case_event::$group>),+ }

        fn withhold(event: &mut CaseEvent, shown: GroupSet) -> Groups {
            let mut withheld = Groups::default();
            $(if !shown.contains(Group::$group) { withheld.$field = event.$field.take(); })+
            withheld
        }

        fn give_back(event: &mut CaseEvent, withheld: Groups) {
            $(if withheld.$field.is_some() { event.$field = withheld.$field; })+
        }
    };
}

groups!(
    Identity: identity,
    Number: number,
    Person: person,
    Contact: contact,
    Parcel: parcel,
    Decision: decision,
    Money: money,
    Violation: violation,
    Business: business,
    Resolution: resolution,
    Attachments: attachments,
);

struct Apache<'s> {
    reader: GenericDatumReader<'s>,
    writer: GenericDatumWriter<'s>,
}

impl Contender for Apache<'_> {
    fn name(&self) -> &'static str {
        "apache-avro"
    }

    fn views(&mut self, job: &Job, out: &mut Vec<u8>) -> Result<()> {
        let Value::Record(mut fields) = self.reader.read_value(&mut job.datum.as_slice())? else {
            anyhow::bail!("an event is a record");
        };
        let (last, others) = job.views.split_last().context("a job has a view")?;
        for &groups in others {
            let view = fields.iter().map(|(name, value)| {
                let shown = Group::from_field_name(name).is_none_or(|group| groups.contains(group));
                (name.clone(), if shown { value.clone() } else { null() })
            });
            self.writer.write_value(&mut *out, Value::Record(view.collect()))?;
        }
        for (name, value) in &mut fields {
            if Group::from_field_name(name).is_some_and(|group| !last.contains(group)) {
                *value = null();
            }
        }
        self.writer.write_value(&mut *out, Value::Record(fields))?;
        Ok(())
    }
}

fn null() -> Value {
    Value::Union(0, Box::new(Value::Null))
}
