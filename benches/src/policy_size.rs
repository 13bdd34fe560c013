//! What a large policy costs: events/s, memory, and the time until a version is in force.
//!
//! The first policy is made larger by permits of other offices, which concern no event that comes: the fan-out stays the same,
//! so whatever changes is the price of size. The same events are routed each time by a new router with one slot. With the largest
//! policy a million watch keys are registered as well; they match nothing, but every event's keys are looked up among them.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use barid_codec::RecordCodec;
use barid_event::topics::router_group;
use barid_event::watch::WatchKind;
use barid_harness::records;
use barid_kafka::{Outgoing, StopSignal, TransactionalProducer};
use barid_policy::watch::record_key;
use barid_schemas::Catalogue;
use barid_schemas::records::{Schema, WatchEntry};
use serde_json::json;

use crate::Scale;
use crate::process::Measured;
use crate::report::Report;
use crate::router::progress::Progress;
use crate::router::{COMMIT_INTERVAL_MS, watch};
use crate::sample::{Sample, now};
use crate::stage::Stage;

/// The services of an office, the statuses of each; with 25 subscribers that makes 10,000 permits.
const SERVICES: usize = 40;
const STATUSES: [&str; 10] = [
    "submitted",
    "docs_incomplete",
    "under_review",
    "inquiry_sent",
    "inquiry_answered",
    "site_visited",
    "approved",
    "rejected",
    "issued",
    "expired",
];

/// The two digits of the first office's tracking codes; no agency of the catalogue has these.
const FIRST_NUMBER: usize = 80;

/// Watch keys of one transaction.
const KEYS_TOGETHER: usize = 20_000;

/// For a version to be in force, and for a router to read what there is.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(300);

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let sample = Sample::read()?;
    let stage = Stage::new("policy-size", scale)?;
    stage.deployment.barid.run(&["policy", "apply"])?;
    let events = scale.pick(300_000, 2_000);
    stage.load(&sample, events)?;
    let mut report = Report::new(
        "policy size",
        vec![
            ("events", json!(events)),
            ("copies of an event", json!(sample.fan_out())),
            ("router", json!("one slot, a new process for each size")),
            ("in force", json!("from the start of `barid policy apply` until an idle router has committed that it is")),
            ("commit interval ms", json!(COMMIT_INTERVAL_MS)),
        ],
    );
    let keys = scale.pick(1_000_000, 2_000);
    let sizes = scale.pick(vec![(0, 0), (1, 0), (10, 0), (10, keys), (0, 0)], vec![(0, 0), (1, keys)]);
    let mut rates = Vec::new();
    let mut registered = 0;
    for (number, (offices, watch_keys)) in sizes.into_iter().enumerate() {
        if watch_keys > registered {
            register_keys(&stage, watch_keys)?;
            registered = watch_keys;
        }
        let permits = sample.permits + offices * permits_of_an_office();
        let apply = apply(&stage, offices, number)?;
        let name = format!("{}size-{number}", stage.deployment.topic(""));
        let progress = Progress::of(stage.bootstrap_servers(), &router_group(&name), &stage.topics().events(""))?;
        let mut router = router(&stage, &name)?;
        let outcome = watch(&progress, &mut router, events)?;
        router.stop()?;
        rates.push(outcome.events_per_second);
        report.figures(vec![
            ("permits", json!(permits)),
            ("watch keys", json!(registered)),
            ("events/s", json!(outcome.events_per_second.round())),
            ("CPU µs an event", json!(outcome.cpu_us)),
            ("peak MiB", json!(outcome.peak_bytes >> 20)),
            ("apply command s", json!(apply.command.as_secs_f64())),
            ("in force after s", json!(apply.in_force.as_secs_f64())),
        ]);
    }
    let smallest = (rates[0] + rates[rates.len() - 1]) / 2.0;
    if scale == Scale::Full {
        let largest = rates[3];
        report.at_least(
            "events/s of the largest / of the smallest (the mean of first and last)",
            0.9,
            largest / smallest,
            "",
        );
    }
    Ok(report)
}

fn permits_of_an_office() -> usize {
    SERVICES * STATUSES.len() * Catalogue::shared().agencies.len()
}

fn router(stage: &Stage, name: &str) -> Result<Measured> {
    let router = stage.barid(&["router", "--name", "bench"]).with_variable("BARID_DEPLOYMENT__NAME", name);
    router.with_variable("BARID_ROUTER__COMMIT_INTERVAL_MS", COMMIT_INTERVAL_MS).start(stage.folder())
}

struct Applied {
    command: Duration,
    in_force: Duration,
}

/// Applies the policy of this size while an idle router runs.
fn apply(stage: &Stage, offices: usize, number: usize) -> Result<Applied> {
    let folder = stage.folder().join(format!("policy-{number}"));
    stage.deployment.barid.run(&["policy", "write", "--to", &folder.display().to_string()])?;
    add_offices(&folder, offices)?;
    // Each round another version, also where the files are the same: a permit is given another last day.
    let permits = folder.join("permits/samt.toml");
    let text = fs::read_to_string(&permits)?;
    fs::write(&permits, text.replacen("2032-03-19", &format!("2032-02-{:02}", number + 1), 1))?;

    let topic = stage.topics().policy_applied();
    let told = |limit: Duration, more_than: i64| {
        barid_harness::wait_for("a version to be in force", limit, || {
            let written = records::written(stage.bootstrap_servers(), &topic)?;
            Ok((written > more_than).then_some(written))
        })
    };
    // The router of the deployment's own name, which has routed everything before this begins.
    let before = records::written(stage.bootstrap_servers(), &topic)?;
    let router = stage.barid(&["router", "--name", "idle"]).start(stage.folder())?;
    told(IN_FORCE_WITHIN, before)?;
    let group = router_group(stage.deployment.topic("").trim_end_matches('.'));
    let progress = Progress::of(stage.bootstrap_servers(), &group, &stage.topics().events(""))?;
    barid_harness::wait_until("the idle router to be idle", IN_FORCE_WITHIN, || Ok(progress.part()? >= 1.0))?;
    let before = records::written(stage.bootstrap_servers(), &topic)?;
    let started = Instant::now();
    let command = stage.barid(&["policy", "apply", "--yes", "--dir", &folder.display().to_string()]);
    let command = command.run(stage.folder(), IN_FORCE_WITHIN)?.took;
    told(IN_FORCE_WITHIN, before)?;
    let in_force = started.elapsed();
    router.stop()?;
    Ok(Applied { command, in_force })
}

/// Applies the first policy with the permits of so many offices; how many those are.
pub(crate) fn apply_offices(stage: &Stage, offices: usize) -> Result<usize> {
    let folder = stage.folder().join("policy-offices").display().to_string();
    stage.deployment.barid.run(&["policy", "write", "--to", &folder])?;
    add_offices(Path::new(&folder), offices)?;
    stage.barid(&["policy", "apply", "--yes", "--dir", &folder]).run(stage.folder(), IN_FORCE_WITHIN)?;
    Ok(offices * permits_of_an_office())
}

/// Adds the catalogues and the permits of so many offices.
fn add_offices(folder: &Path, offices: usize) -> Result<()> {
    let catalogue = Catalogue::shared();
    for office in 0..offices {
        let (mut services, mut permits) = (String::new(), String::new());
        writeln!(
            services,
            "[agency]\ncode = \"office_{office}\"\nnumber = {}\nfa = \"اداره {office}\"\nen = \"Office {office}\"",
            FIRST_NUMBER + 1 + office
        )?;
        for service in 0..SERVICES {
            writeln!(
                services,
                "\n[[service]]\ncode = \"service_{office}_{service}\"\nfa = \"خدمت\"\nen = \"Service\"\n\
                 ids = [\"case_no\"]\ndocuments = []\ntransitions = ["
            )?;
            for pair in STATUSES.windows(2) {
                let [from, to] = pair else { bail!("a pair has two") };
                writeln!(services, "  {{ from = \"{from}\", to = \"{to}\", actor = \"expert\", basis = \"as\" }},")?;
            }
            writeln!(services, "]")?;
        }
        let statuses = STATUSES.map(|status| format!("\"{status}\"")).join(", ");
        for (subscriber, agency) in catalogue.agencies.keys().enumerate() {
            writeln!(
                permits,
                "[[permit]]\nnumber = \"OF-{office}-{subscriber}\"\nsubscriber = \"{agency}\"\n\
                 valid_from = 2022-03-21\nvalid_until = 2032-03-19\n"
            )?;
            for service in 0..SERVICES {
                writeln!(
                    permits,
                    "[[permit.grant]]\nservice = \"service_{office}_{service}\"\nstatuses = [{statuses}]\n\
                     groups = [\"decision\"]\nview = \"exact\"\n"
                )?;
            }
        }
        fs::write(folder.join(format!("catalogue/office_{office}.toml")), services)?;
        fs::write(folder.join(format!("permits/office_{office}.toml")), permits)?;
    }
    Ok(())
}

/// Registers so many watch keys that match nothing, spread over the agencies.
fn register_keys(stage: &Stage, count: usize) -> Result<()> {
    let subject = WatchEntry::FULL_NAME;
    let (_, answer) = stage.deployment.registry().get(&format!("/subjects/{subject}/versions/latest"))?;
    let id = answer["id"].as_u64().context("the watch schema is not registered")?;
    let codec = RecordCodec::<WatchEntry>::new(u32::try_from(id)?)?;
    let (catalogue, topic) = (Catalogue::shared(), stage.topics().watch());
    let agencies: Vec<&String> = catalogue.agencies.keys().collect();
    let id = format!("{}watch", stage.deployment.topic(""));
    let mut producer = TransactionalProducer::connect(&stage.cluster("bench-watch")?, &id, &StopSignal::new())?;
    for first in (0..count).step_by(KEYS_TOGETHER) {
        producer.begin()?;
        for number in first..(first + KEYS_TOGETHER).min(count) {
            let subscriber = agencies[number % agencies.len()].clone();
            let entry = WatchEntry {
                subscriber,
                kind: if number % 2 == 0 { WatchKind::Parcel } else { WatchKind::Person },
                // Far from evenly spread, which is no concern of a table that hashes them.
                key: format!("{number:032x}"),
                handle: format!("file-{number:08}"),
                since: now(),
            };
            let key = record_key(&entry.subscriber, barid_policy::watch::key_of(&entry)?, &entry.handle);
            let value = codec.to_vec(&entry)?;
            let (topic, key) = (topic.as_str(), Some(key.as_bytes()));
            producer.send(&Outgoing { topic, key, value: Some(&value), ..Outgoing::default() })?;
        }
        producer.commit()?;
    }
    Ok(())
}
