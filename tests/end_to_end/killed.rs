//! Connector and router killed in the middle and started again: nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Result;
use barid_harness::records::written;
use barid_harness::{Running, wait_until};

use crate::many_rows::{self, AGENCY, expect_each_row_once, write_export};
use crate::stage::{Stage, end};

const CASES: usize = 1_000;

/// How often each is killed.
const KILLS: usize = 3;

/// A dead router's group member is missed after 6 s, its transaction after 10 s.
const GOES_ON_WITHIN: Duration = Duration::from_secs(60);

/// Small transactions, so that a kill meets one that is open.
fn with_small_transactions(name: &str) -> Result<Stage> {
    let stage = Stage::applied(name)?;
    let file = stage.folder().join("barid.toml");
    let text = fs::read_to_string(&file)?.replace("[connector]\n", "[connector]\ncommit_records = 50\n");
    fs::write(file, text + "[router]\ncommit_records = 50\n")?;
    Ok(stage)
}

/// Waits until the topic holds so much, then kills the role in the middle of its work; how many records are there.
fn kill_after(stage: &Stage, role: Running, topic: &str, records: usize) -> Result<usize> {
    let (broker, name) = (stage.bootstrap_servers(), stage.topic(topic));
    let enough = i64::try_from(records)?;
    wait_until(&format!("{records} records in {topic}"), GOES_ON_WITHIN, || Ok(written(broker, &name)? >= enough))?;
    role.kill()?;
    Ok(stage.read(topic)?.len())
}

#[test]
fn a_connector_that_is_killed_in_the_middle_loses_and_doubles_nothing() -> Result<()> {
    let stage = with_small_transactions("killed-connector")?;
    let rows = write_export(&stage, CASES)?;
    let topic = format!("events.{AGENCY}");
    for kill in 1..=KILLS {
        let connector = stage.start_connector(AGENCY, &[])?;
        let written = kill_after(&stage, connector, &topic, kill * rows / (KILLS + 2))?;
        assert!(written < rows, "the connector was done before it was killed");
    }
    stage.connect_once(AGENCY)?.succeeded()?;
    let inboxes = stage.inboxes()?;
    expect_each_row_once(&inboxes.events, CASES)?;
    // Reading the same file again publishes nothing.
    stage.connect_once(AGENCY)?.succeeded()?;
    assert_eq!(stage.read(&topic)?.len(), rows);
    Ok(())
}

#[test]
fn a_router_that_is_killed_in_the_middle_loses_and_doubles_nothing() -> Result<()> {
    let stage = with_small_transactions("killed-router")?;
    write_export(&stage, CASES)?;
    stage.connect_once(AGENCY)?.succeeded()?;
    let oracle = stage.oracle(true)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &stage.inboxes()?.events {
        for copy in oracle.copies(event)? {
            *counts.entry(copy.subscriber).or_default() += 1;
        }
    }
    let (subscriber, in_inbox) = counts.iter().max_by_key(|(_, count)| **count).expect("somebody hears of loans");
    let (inbox, in_inbox) = (format!("inbox.{subscriber}"), *in_inbox);
    for kill in 1..=KILLS {
        let router = stage.start_router("router-1", &["--slots", "2"])?;
        let written = kill_after(&stage, router, &inbox, kill * in_inbox / (KILLS + 2))?;
        assert!(written < in_inbox, "the router was done before it was killed");
    }
    let router = stage.start_router("router-1", &["--slots", "2"])?;
    let inboxes = stage.wait_for_inboxes(&oracle)?;
    assert_eq!(inboxes.count(), counts.values().sum::<usize>());
    many_rows::expect_each_row_once(&inboxes.events, CASES)?;
    end(router)?;
    Ok(())
}
