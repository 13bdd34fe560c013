//! The router beside the limit of the client and beside Kafka Streams, on one broker, over the same events.
//!
//! * `limit`: a bare loop with the same client settings that copies key and payload to as many partitions in transactions, and
//!   decodes nothing ([`limit`]). `limit, headers` also passes the event's headers on: the router's copies have as many bytes in
//!   theirs, and the broker is paid by the byte.
//! * `barid router`: the real thing, a process of its own.
//! * `kafka streams`: `benches/peers/FanOut.java`, exactly_once_v2, the same fan-out, nothing decoded.
//!
//! All of them read the same topics from the start, each as a group of its own, and write to the same inboxes. How far they are
//! is seen from outside, by the offsets that their group has committed, and so it is the same for all: what counts is committed.
//! The first third warms up (a Java program needs it, the others do not) and the last twentieth, where partitions run dry one
//! after the other, is left out.

pub(crate) mod limit;
pub(crate) mod progress;
mod streams;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use barid_event::topics::router_group;
use serde_json::json;

use crate::Scale;
use crate::process::{Measured, Program, Usage};
use crate::report::Report;
use crate::router::progress::Progress;
use crate::sample::Sample;
use crate::stage::Stage;

/// All contenders commit this often under load, unless a line says otherwise...
pub(crate) const COMMIT_INTERVAL_MS: u64 = 100;

/// ...and never for the number of records: Kafka Streams has no such limit.
const COMMIT_RECORDS: usize = 100_000;

/// What a router takes that nobody tells anything: the other end, in favour of latency.
const DEFAULT_INTERVAL_MS: u64 = 20;

/// The part that warms up, and the part where the measurement ends.
const FROM: f64 = 1.0 / 3.0;
const UNTIL: f64 = 0.95;

/// For one contender, start included.
const RUN_ENDS_WITHIN: Duration = Duration::from_secs(600);

/// One contender with its settings.
#[derive(Debug, Clone, Copy)]
struct Contender {
    kind: Kind,
    /// Slots of the router, threads of the others.
    threads: usize,
    /// Transactional producers of a slot.
    producers: usize,
    commit_interval_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Limit,
    LimitWithHeaders,
    Router,
    Streams,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::LimitWithHeaders => "limit, headers",
            Self::Router => "barid router",
            Self::Streams => "kafka streams",
        }
    }
}

/// What one run gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) events_per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) peak_bytes: u64,
}

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let sample = Sample::read()?;
    let stage = Stage::new("router", scale)?;
    stage.deployment.barid.run(&["policy", "apply"])?;
    let events = scale.pick(600_000, 4_000);
    stage.load(&sample, events)?;
    let mut report = Report::new(
        "router",
        vec![
            ("events", json!(events)),
            ("copies of an event", json!(sample.fan_out())),
            ("broker", json!("one, on the same machine")),
            ("measured", json!(format!("from {:.0} % to {:.0} % of the events", FROM * 100.0, UNTIL * 100.0))),
        ],
    );
    let bench =
        RouterBench { destinations: destinations(&stage, &sample)?, peer: streams::compile(&stage)?, stage, events };
    let mut outcomes = Vec::new();
    for contender in contenders(scale) {
        let outcome = bench.run(contender, outcomes.len())?;
        report.figures(vec![
            ("contender", json!(contender.kind.name())),
            ("slots or threads", json!(contender.threads)),
            ("producers of a slot", producers_shown(contender)),
            ("commit interval ms", json!(contender.commit_interval_ms)),
            ("events/s", json!(outcome.events_per_second.round())),
            ("CPU µs an event", json!(outcome.cpu_us)),
            ("peak MiB", json!(outcome.peak_bytes >> 20)),
        ]);
        outcomes.push((contender, outcome));
    }
    goals(&mut report, &outcomes);
    Ok(report)
}

/// In turns, so that what else the machine does hits all of them.
fn contenders(scale: Scale) -> Vec<Contender> {
    let of = |kind, threads, producers| Contender { kind, threads, producers, commit_interval_ms: COMMIT_INTERVAL_MS };
    let mut all = vec![
        of(Kind::Limit, 1, 2),
        of(Kind::Router, 1, 2),
        of(Kind::LimitWithHeaders, 1, 2),
        of(Kind::Streams, 1, 1),
        of(Kind::Limit, 2, 2),
        of(Kind::Router, 2, 2),
        of(Kind::LimitWithHeaders, 2, 2),
        of(Kind::Streams, 2, 1),
    ];
    if scale == Scale::Full {
        all.extend([of(Kind::Router, 1, 1), of(Kind::Limit, 1, 1), of(Kind::Router, 1, 3), of(Kind::Limit, 1, 3)]);
        all.push(Contender { commit_interval_ms: DEFAULT_INTERVAL_MS, ..of(Kind::Router, 1, 2) });
    }
    all
}

fn producers_shown(contender: Contender) -> serde_json::Value {
    if contender.kind == Kind::Streams { json!("its own") } else { json!(contender.producers) }
}

fn goals(report: &mut Report, outcomes: &[(Contender, Outcome)]) {
    let rate = |kind, threads| {
        let found = outcomes.iter().find(|(one, _)| (one.kind, one.threads) == (kind, threads));
        found.map_or(f64::NAN, |(_, outcome)| outcome.events_per_second)
    };
    for slots in [1, 2] {
        let router = rate(Kind::Router, slots);
        report.at_least(&format!("router / limit, {slots} slot(s)"), 0.8, router / rate(Kind::Limit, slots), "");
        let with_headers = router / rate(Kind::LimitWithHeaders, slots);
        report.note(&format!("router / limit with headers, {slots} slot(s)"), with_headers, "");
    }
    report.at_least("router / kafka streams, one against one", 3.0, rate(Kind::Router, 1) / rate(Kind::Streams, 1), "");
    report.note("router / kafka streams, two against two", rate(Kind::Router, 2) / rate(Kind::Streams, 2), "");
}

/// Each line the topics of one event's copies, with blanks between.
fn destinations(stage: &Stage, sample: &Sample) -> Result<PathBuf> {
    let topics = stage.topics();
    let mut text = String::new();
    for event in &sample.events {
        let inboxes: Vec<String> = event.copies.iter().map(|copy| topics.inbox(&copy.subscriber)).collect();
        writeln!(text, "{}", inboxes.join(" "))?;
    }
    stage.write("destinations.txt", &text)
}

struct RouterBench {
    // Before the stage, which removes the folder.
    destinations: PathBuf,
    peer: PathBuf,
    stage: Stage,
    events: usize,
}

impl RouterBench {
    /// Runs one contender over all events.
    fn run(&self, contender: Contender, number: usize) -> Result<Outcome> {
        // A name of its own, so that it begins with the first event.
        let name = format!("{}run-{number}", self.stage.deployment.topic(""));
        let (program, group) = match contender.kind {
            Kind::Limit => (self.limit(contender, &name, false)?, name),
            Kind::LimitWithHeaders => (self.limit(contender, &name, true)?, name),
            Kind::Router => (self.router(contender, &name), router_group(&name)),
            Kind::Streams => (self.streams(contender, &name)?, name),
        };
        let progress = Progress::of(self.stage.bootstrap_servers(), &group, &self.stage.topics().events(""))?;
        let mut process = program.start(self.stage.folder())?;
        let outcome = watch(&progress, &mut process, self.events)?;
        process.stop()?;
        Ok(outcome)
    }

    fn router(&self, contender: Contender, name: &str) -> Program {
        let program = self.stage.barid(&["router", "--name", "bench", "--slots", &contender.threads.to_string()]);
        program
            .with_variable("BARID_DEPLOYMENT__NAME", name)
            .with_variable("BARID_ROUTER__PRODUCERS", contender.producers)
            .with_variable("BARID_ROUTER__COMMIT_INTERVAL_MS", contender.commit_interval_ms)
            .with_variable("BARID_ROUTER__COMMIT_RECORDS", COMMIT_RECORDS)
    }

    fn limit(&self, contender: Contender, name: &str, headers: bool) -> Result<Program> {
        limit::program(&limit::LimitArguments {
            bootstrap_servers: self.stage.bootstrap_servers().to_owned(),
            name: name.to_owned(),
            prefix: self.stage.topics().events(""),
            destinations: self.destinations.clone(),
            threads: contender.threads,
            producers: contender.producers,
            commit_interval_ms: contender.commit_interval_ms,
            commit_records: COMMIT_RECORDS,
            headers,
        })
    }

    fn streams(&self, contender: Contender, name: &str) -> Result<Program> {
        streams::program(&self.stage, &self.peer, name, contender.threads, &self.destinations)
    }
}

/// Looks on until the measured part is over.
pub(crate) fn watch(progress: &Progress, process: &mut Measured, events: usize) -> Result<Outcome> {
    let limit = Instant::now() + RUN_ENDS_WITHIN;
    let mut first: Option<(Instant, f64, Usage)> = None;
    loop {
        process.expect_running()?;
        let part = progress.part()?;
        let (now, usage) = (Instant::now(), process.usage()?);
        match first {
            None if part >= FROM => first = Some((now, part, usage)),
            Some((since, from, before)) if part >= UNTIL => {
                let count = (part - from) * events as f64;
                return Ok(Outcome {
                    events_per_second: count / (now - since).as_secs_f64(),
                    cpu_us: (usage.cpu - before.cpu).as_secs_f64() * 1e6 / count,
                    peak_bytes: usage.peak_bytes,
                });
            }
            _ => {}
        }
        if now > limit {
            bail!("{:.0} % of the events are through after {} s", part * 100.0, RUN_ENDS_WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
