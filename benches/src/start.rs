//! How long it takes until something is to be seen.

use std::time::{Duration, Instant};

use anyhow::Result;
use barid_harness::{HANGS_AFTER, records, wait_for};
use serde_json::json;

use crate::Scale;
use crate::policy_size;
use crate::process::{Program, beside_this};
use crate::report::Report;
use crate::sample::Sample;
use crate::stage::Stage;

const ENDS_WITHIN: Duration = HANGS_AFTER;

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let mut report =
        Report::new("start", vec![("times", json!("from the start of the process; the median of the runs"))]);
    let folder = tempfile::tempdir()?;
    let demo = Program::new(beside_this("barid")?, &["demo"]);
    let mut times = Vec::new();
    for _ in 0..scale.pick(5, 1) {
        times.push(demo.run(folder.path(), ENDS_WITHIN)?.took);
    }
    report.figures(line("barid demo, to the finished table", &mut times));

    let sample = Sample::read()?;
    let stage = Stage::new("start", scale)?;
    let permits = policy_size::apply_offices(&stage, scale.pick(10, 1))?;
    stage.load(&sample, sample.events.len())?;
    let mut times = Vec::new();
    for number in 0..scale.pick(3, 1) {
        times.push(first_copy(&stage, number)?);
    }
    report.settings(vec![("permits of the router", json!(permits + sample.permits))]);
    report.figures(line("a router with all permits, to its first copy", &mut times));
    Ok(report)
}

fn line(what: &'static str, times: &mut [Duration]) -> crate::report::Facts {
    times.sort();
    vec![
        ("what", json!(what)),
        ("seconds", json!(times[times.len() / 2].as_secs_f64())),
        ("longest", json!(times[times.len() - 1].as_secs_f64())),
        ("runs", json!(times.len())),
    ]
}

/// Until the first copy stands in an inbox that has been empty of this router's.
fn first_copy(stage: &Stage, number: usize) -> Result<Duration> {
    let name = format!("{}start-{number}", stage.deployment.topic(""));
    // The sample's busiest subscriber is of no matter: any inbox that grows will do.
    let inbox = stage.topics().inbox("art99_commission");
    let before = records::written(stage.bootstrap_servers(), &inbox)?;
    let router = stage.barid(&["router", "--name", "bench"]).with_variable("BARID_DEPLOYMENT__NAME", &name);
    let router = router.start(stage.folder())?;
    let started: Instant = router.started();
    wait_for("the first copy", ENDS_WITHIN, || {
        Ok((records::written(stage.bootstrap_servers(), &inbox)? > before).then_some(()))
    })?;
    let took = started.elapsed();
    router.stop()?;
    Ok(took)
}
