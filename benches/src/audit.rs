//! The auditor: what `barid audit` needs in time and memory for a deployment whose events are all routed.
//!
//! Two deployments, one with a tenth of the events: what is left of the difference is the cost of an event, for both pay the
//! start of a process and the reading of policy and watches alike.

use anyhow::{Context, Result, ensure};
use barid_event::topics::router_group;
use barid_harness::{HANGS_AFTER, wait_until};
use serde_json::{Value, json};

use crate::Scale;
use crate::process::Ended;
use crate::report::{Facts, Report};
use crate::router::progress::Progress;
use crate::sample::Sample;
use crate::stage::Stage;

const MILLION: f64 = 1e6;

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let events = scale.pick(1_000_000, 1_000);
    let sample = Sample::read()?;
    let mut report = Report::new(
        "audit",
        vec![
            ("copies of an event", json!(sample.fan_out())),
            ("time", json!("the whole life of `barid audit --json`, which says that all is well")),
        ],
    );
    let few = Audited::of("audit-few", scale, &sample, events / 10)?;
    report.figures(few.figures());
    let many = Audited::of("audit", scale, &sample, events)?;
    report.figures(many.figures());
    let more = (many.events - few.events) as f64 / MILLION;
    let seconds = many.ended.took.as_secs_f64() - few.ended.took.as_secs_f64();
    let cpu = many.ended.usage.cpu.as_secs_f64() - few.ended.usage.cpu.as_secs_f64();
    let bytes = many.ended.usage.peak_bytes as f64 - few.ended.usage.peak_bytes as f64;
    report.note("a million more events, time", seconds / more, " s");
    report.note("a million more events, CPU", cpu / more, " s");
    report.note("a million more events, memory", bytes / more / f64::from(1 << 20), " MiB");
    Ok(report)
}

/// A deployment that was audited.
struct Audited {
    events: usize,
    copies: u64,
    /// What the auditor itself counts.
    table_bytes: u64,
    ended: Ended,
}

impl Audited {
    fn of(name: &str, scale: Scale, sample: &Sample, events: usize) -> Result<Self> {
        let stage = Stage::new(name, scale)?;
        stage.deployment.barid.run(&["policy", "apply"])?;
        stage.deployment.watch()?;
        stage.load(sample, events)?;
        let router = stage.barid(&["router", "--name", "bench"]).start(stage.folder())?;
        let group = router_group(stage.deployment.name());
        let progress = Progress::of(stage.bootstrap_servers(), &group, &stage.topics().events(""))?;
        // A busy machine may need as long as it likes, as long as it gets on.
        let mut before = 0.0;
        while before < 1.0 {
            wait_until("the router to get on", HANGS_AFTER, || Ok(progress.part()? > before))?;
            before = progress.part()?;
        }
        router.stop()?;
        let ended = stage.barid(&["audit", "--json"]).run(stage.folder(), HANGS_AFTER * 10)?;
        // The report stands before all words.
        let report = serde_json::Deserializer::from_str(&ended.said).into_iter::<Value>().next();
        let report = report.context("the auditor has said nothing")??;
        let number = |place: &str| report.pointer(place).and_then(Value::as_u64).with_context(|| format!("no {place}"));
        ensure!(number("/counts/events")? == events as u64, "it has not seen every event:\n{report:#}");
        ensure!(number("/counts/not_yet_routed")? == 0, "it was too early:\n{report:#}");
        Ok(Self { events, copies: number("/counts/copies")?, table_bytes: number("/memory_bytes")?, ended })
    }

    fn figures(&self) -> Facts {
        let Self { events, copies, table_bytes, ended } = self;
        let of_million = *events as f64 / MILLION;
        vec![
            ("events", json!(events)),
            ("copies", json!(copies)),
            ("seconds", json!(ended.took.as_secs_f64())),
            ("CPU s", json!(ended.usage.cpu.as_secs_f64())),
            ("CPU s a million events", json!(ended.usage.cpu.as_secs_f64() / of_million)),
            ("tables MiB", json!(table_bytes >> 20)),
            ("peak MiB", json!(ended.usage.peak_bytes >> 20)),
        ]
    }
}
