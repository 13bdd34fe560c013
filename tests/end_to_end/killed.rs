//! Connector and router killed in the middle and started again: nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};
use barid_harness::records::written;
use barid_harness::{HANGS_AFTER, Oracle, Running, wait_until};

use crate::many_rows::{AGENCY, expect_each_row_once, write_export};
use crate::stage::{Stage, end};

/// How many cases the export grows by before each kill.
const MORE_CASES: usize = 600;

/// How many kills must have met the process in the middle of its work.
const KILLS: usize = 3;

/// A process that was done before the kill reached it counts for nothing; so often it may happen on a busy machine.
const TRIES: usize = 10;

/// Small transactions, so that a kill meets one that is open.
fn with_small_transactions(name: &str) -> Result<Stage> {
    let stage = Stage::applied(name)?;
    let file = stage.folder().join("barid.toml");
    let text = fs::read_to_string(&file)?.replace("[connector]\n", "[connector]\ncommit_records = 50\n");
    fs::write(file, text + "[router]\ncommit_records = 50\n")?;
    Ok(stage)
}

/// Waits until the topic has grown by so many records since `role` was made, then kills the role; how many records are there.
fn kill_after(
    stage: &Stage,
    role: impl FnOnce() -> Result<Running>,
    topic: &str,
    more_records: usize,
) -> Result<usize> {
    let (broker, name) = (stage.bootstrap_servers(), stage.topic(topic));
    let enough = written(broker, &name)? + i64::try_from(more_records)?;
    let role = role()?;
    wait_until(&format!("{more_records} more records in {topic}"), HANGS_AFTER, || {
        Ok(written(broker, &name)? >= enough)
    })?;
    role.kill()?;
    Ok(stage.read(topic)?.len())
}

/// Has `kill_one` kill a process at work on an export that has grown to so many cases, until enough kills have met it in the middle;
/// how many cases the export has then.
fn kill_in_the_middle(mut kill_one: impl FnMut(usize) -> Result<bool>) -> Result<usize> {
    let mut in_the_middle = 0;
    for cases in (1..=TRIES).map(|round| round * MORE_CASES) {
        in_the_middle += usize::from(kill_one(cases)?);
        if in_the_middle == KILLS {
            return Ok(cases);
        }
    }
    bail!("only {in_the_middle} of {TRIES} kills met the process in the middle of its work")
}

#[test]
fn a_connector_that_is_killed_in_the_middle_loses_and_doubles_nothing() -> Result<()> {
    let stage = with_small_transactions("killed-connector")?;
    let topic = format!("events.{AGENCY}");
    let mut published = 0;
    let cases = kill_in_the_middle(|cases| {
        let rows = write_export(&stage, cases)?;
        let some = (rows - published) / 3;
        published = kill_after(&stage, || stage.start_connector(AGENCY, &[]), &topic, some)?;
        Ok(published < rows)
    })?;
    stage.connect_once(AGENCY)?.succeeded()?;
    let events = stage.inboxes()?.events;
    expect_each_row_once(&events, cases)?;
    // Reading the same file again publishes nothing.
    stage.connect_once(AGENCY)?.succeeded()?;
    assert_eq!(stage.read(&topic)?.len(), events.len());
    stage.finish()?;
    Ok(())
}

/// Of the events there are, what each subscriber must have.
fn copies(stage: &Stage, oracle: &Oracle) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for event in &stage.inboxes()?.events {
        for copy in oracle.copies(event)? {
            *counts.entry(copy.subscriber).or_default() += 1;
        }
    }
    Ok(counts)
}

#[test]
fn a_router_that_is_killed_in_the_middle_loses_and_doubles_nothing() -> Result<()> {
    let stage = with_small_transactions("killed-router")?;
    let oracle = stage.oracle(true)?;
    let start_router = || stage.start_router("router-1", &["--slots", "2"]);
    let mut copied = BTreeMap::new();
    let cases = kill_in_the_middle(|cases| {
        write_export(&stage, cases)?;
        stage.connect_once(AGENCY)?.succeeded()?;
        let wanted = copies(&stage, &oracle)?;
        let (subscriber, wanted) = wanted.iter().max_by_key(|(_, count)| **count).expect("somebody hears of loans");
        let copied: &mut usize = copied.entry(subscriber.clone()).or_default();
        *copied = kill_after(&stage, start_router, &format!("inbox.{subscriber}"), (wanted - *copied) / 3)?;
        Ok(*copied < *wanted)
    })?;
    let router = start_router()?;
    let inboxes = stage.wait_for_inboxes(&oracle)?;
    assert_eq!(inboxes.count(), copies(&stage, &oracle)?.values().sum::<usize>());
    expect_each_row_once(&inboxes.events, cases)?;
    end(router)?;
    stage.finish()?;
    Ok(())
}
