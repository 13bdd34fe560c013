//! One run from the first process to the verdict.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use barid_harness::{HANGS_AFTER, cache, records};
use fastrand::Rng;

use crate::arguments::Arguments;
use crate::check::check;
use crate::fault::{Fault, schedule};
use crate::feed::Feed;
use crate::generator::{Generator, watched_persons};
use crate::inflict::Inflictor;
use crate::report::{Run, Told};
use crate::rules::Rules;
use crate::stage::{AGENCIES, ROUTERS, Stage, last_words};
use crate::witness::{Expected, Witness};

/// Until everything that was written before a cure has arrived. The longest legitimate wait is for a dead router's
/// transaction (10 s), a group's session (6 s) and a broker's (4 s); how long it was is in the report.
const RECOVERS_WITHIN: Duration = HANGS_AFTER;

/// At the end nothing more comes for this long: what is not there by then is lost.
const STALLED_AFTER: Duration = HANGS_AFTER;

/// For an audit of a million events.
const AUDIT_ENDS_WITHIN: Duration = Duration::from_secs(1_800);

/// Decides the pace of the feed. Twice what a fault takes on a quick machine, so that three brokers on two slow cores are not at their limit before anything
/// is broken; what is left then comes at once at the end.
const SECONDS_PER_FAULT: f64 = 30.0;

/// Carries a run out. `say` prints a line.
pub(crate) fn run(arguments: &Arguments, barid: &str, say: &dyn Fn(&str)) -> Result<Run> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let kinds = if arguments.only.is_empty() { Fault::ALL.to_vec() } else { arguments.only.clone() };
    let pace = arguments.events as f64 / (arguments.faults as f64 * SECONDS_PER_FAULT).max(10.0);
    let mut command = format!("barid-faults --seed {seed} --events {} --faults {}", arguments.events, arguments.faults);
    for kind in &arguments.only {
        command.push_str(&format!(" --only {kind}"));
    }
    if arguments.steady {
        command.push_str(" --steady");
    }
    say(&format!("seed {seed}: {} events, {} faults, {pace:.0} rows a second", arguments.events, arguments.faults));
    let (began, clock) = (jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(), Instant::now());
    let mut random = Rng::with_seed(seed);
    let rules = Rules::read()?;
    let generator = |agency: &&str| Generator::new(agency, seed, |service| rules.are_about(agency, service));
    let generators: Vec<Generator> = AGENCIES.iter().map(generator).collect::<Result<_>>()?;
    let (watchers, persons) = (rules.watchers(&AGENCIES), watched_persons(seed));
    let mut stage = Stage::build(barid, &generators, &arguments.role_argument, &watchers, &persons)?;
    if arguments.keep {
        stage.deployment.keep_folder();
    }
    let prefix = stage.deployment.topic("");
    let bootstrap_servers = stage.cluster.bootstrap_servers();
    let expected =
        Expected { rules: rules.clone(), persons: persons.into_iter().collect(), registry: stage.registry_client()? };
    let witness = Arc::new(Witness::begin(&bootstrap_servers, &prefix, &stage.deployment.topics()?, expected)?);
    for name in AGENCIES.iter().chain(&ROUTERS[..2]) {
        let role = stage.role(name)?;
        stage.start(role)?;
    }
    let folder = stage.deployment.folder().to_owned();
    let feed = Feed::begin(&folder, generators, rules.clone(), Arc::clone(&witness), pace);
    say(&format!("{:>7.1} s  all is up, in {}", clock.elapsed().as_secs_f64(), folder.display()));
    settle(&mut stage, &witness, &feed)?;

    let faults = schedule(&mut random, &kinds, arguments.faults);
    let mut told = Vec::new();
    let mut inflictor = Inflictor::new(&mut stage, &witness, random);
    for (number, fault) in faults.iter().enumerate() {
        let at = clock.elapsed();
        witness.take_longest()?;
        let rescaled = if arguments.steady { "as they were".to_owned() } else { inflictor.rescale()? };
        let inflicted = inflictor.inflict(*fault).with_context(|| format!("while the fault was {fault}"))?;
        let settled = match settle(inflictor.stage, &witness, &feed) {
            Ok(settled) => settled,
            Err(error) => {
                inflictor.stage.deployment.keep_folder();
                say(&format!("after {fault} of {}:\n{}", inflicted.whom, diagnosis(inflictor.stage, &witness)?));
                return Err(error).with_context(|| format!("after the fault {fault}"));
            }
        };
        let (back_after, longest) = (settled.duration_since(inflicted.cured), witness.take_longest()?);
        say(&format!(
            "{:>7.1} s  {:>3}/{} {fault:<30} {:<40} back after {:>4.1} s, longest wait {:>4.1} s ({rescaled})",
            at.as_secs_f64(),
            number + 1,
            faults.len(),
            inflicted.whom,
            back_after.as_secs_f64(),
            longest.as_secs_f64(),
        ));
        for ended in &inflictor.stage.ended[told_of(&told)..] {
            say(&format!("           {ended}"));
        }
        told.push((
            inflictor.stage.ended.len(),
            Told { at, fault: *fault, whom: inflicted.whom, rescaled, back_after, longest },
        ));
    }
    let rescaled = inflictor.rescaled;

    say(&format!("{:>7.1} s  the rest at once, then everything must arrive", clock.elapsed().as_secs_f64()));
    let (fed, generators) = feed.finish(arguments.events)?;
    let mut last = (0, 0, Instant::now());
    stage.wait("everything to arrive", Duration::from_secs(86_400), |_| {
        let (events, copies) = (witness.events()?.values().sum::<u64>(), witness.copies()?);
        if (events, copies) != (last.0, last.1) {
            last = (events, copies, Instant::now());
        }
        Ok((events >= fed.total() && copies >= fed.copies) || last.2.elapsed() > STALLED_AFTER)
    })?;
    witness.end()?;
    for role in stage.up(false).into_iter().chain(stage.up(true)) {
        stage.stop(role)?;
    }
    let arrived = clock.elapsed();
    say(&format!("{:>7.1} s  everything is stopped, the checks begin", arrived.as_secs_f64()));
    let verdict = check(&bootstrap_servers, &prefix, stage.deployment.registry(), &rules, &fed, &generators)?;
    let run = Run {
        seed,
        command,
        began,
        took: clock.elapsed(),
        versions: versions(&stage)?,
        faults: told.into_iter().map(|(_, told)| told).collect(),
        rescaled,
        ended: std::mem::take(&mut stage.ended),
        verdict,
        audit: audit(&stage)?,
    };
    let run = Run { took: clock.elapsed(), ..run };
    if !run.is_good() {
        stage.deployment.keep_folder();
        say(&format!("what each process has said is kept in {}", folder.join("captured").display()));
    }
    Ok(run)
}

/// How many unasked ends have been told of.
fn told_of(told: &[(usize, Told)]) -> usize {
    told.last().map_or(0, |(ended, _)| *ended)
}

/// Waits until everything that was laid down before this moment has arrived, and every copy of every partition is in step;
/// when everything had arrived.
fn settle(stage: &mut Stage, witness: &Witness, feed: &Feed) -> Result<Instant> {
    let fed = feed.fed()?;
    stage.wait("the connectors to have read what was there", RECOVERS_WITHIN, |_| {
        let events = witness.events()?;
        Ok(fed.rows.iter().all(|(agency, rows)| events.get(agency).copied().unwrap_or(0) >= *rows))
    })?;
    let moment = Instant::now();
    stage.wait("the routers to have routed what was there", RECOVERS_WITHIN, |_| {
        Ok(witness.waiting_since_before(moment)? == 0)
    })?;
    let settled = Instant::now();
    stage.wait("all copies of the partitions to be in step", RECOVERS_WITHIN, |stage| {
        Ok(stage.cluster.lagging_partitions()? == 0)
    })?;
    Ok(settled)
}

/// Where everything stands, for people who must find out why it stands still.
fn diagnosis(stage: &Stage, witness: &Witness) -> Result<String> {
    let mut lines = Vec::new();
    for (place, copies) in witness.places_waiting_since_before(Instant::now())?.into_iter().take(20) {
        lines.push(format!("  event {place} waits for {copies} copies"));
    }
    let topics = stage.deployment.topics()?;
    let group = stage.deployment.router_group();
    for ((topic, partition), standing) in records::standings(&stage.cluster.bootstrap_servers(), &group, &topics)? {
        let records::Standing { written, stable, committed } = standing;
        if written != stable || committed.is_some_and(|committed| committed < stable) {
            let committed =
                committed.map_or_else(String::new, |offset| format!(", the routers have committed {offset}"));
            lines.push(format!("  {topic}/{partition}: written to {written}, stable to {stable}{committed}"));
        }
    }
    lines.extend(stage.ended.iter().map(|ended| format!("  {ended}")));
    lines.push(format!("  what each process has said: {}", stage.deployment.folder().join("captured").display()));
    Ok(lines.join("\n"))
}

/// Whether `barid audit` is content, and what it says.
fn audit(stage: &Stage) -> Result<(bool, String)> {
    let finished = stage.deployment.barid.start(&["audit", "--json"])?.wait(AUDIT_ENDS_WITHIN)?;
    let said = if finished.output.trim().is_empty() { last_words(&finished) } else { finished.output };
    Ok((finished.code == 0, said))
}

/// What ran, and on what.
fn versions(stage: &Stage) -> Result<Vec<(String, String)>> {
    let barid = stage.deployment.barid.run(&["--version"])?.trim().to_owned();
    let jars = fs::read_dir(cache::fetched("kafka")?)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let kafka =
        jars.into_iter().find_map(|jar| Some(jar.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned()));
    let processors = std::thread::available_parallelism()?.to_string();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    Ok(vec![
        ("barid".to_owned(), format!("{barid}, {profile} build")),
        ("Apache Kafka".to_owned(), format!("{}, 3 nodes, replication 3, min.isr 2", kafka.unwrap_or_default())),
        ("librdkafka".to_owned(), records::client_version()),
        ("processors".to_owned(), processors),
        ("memory".to_owned(), memory.map_or_else(String::new, |kib| format!("{} GiB", kib >> 20))),
    ])
}
