//! One writer per agency, one router per name: a second process ends and says why.

use anyhow::{Result, bail};
use barid_harness::{Finished, HANGS_AFTER, Running, wait_for};

use crate::many_rows::AGENCY;
use crate::stage::{Stage, end};

/// The exit code that scripts know: another process has this name.
const FENCED: i32 = 6;

/// How one of the two has ended, and the one that runs on.
fn survivor(one: Running, other: Running) -> Result<(Finished, Running)> {
    match one.first_to_end(other)? {
        (ended, Ok(running)) => Ok((ended, running)),
        (one, Err(other)) => bail!("both have ended:\n{}\n{}", one.words, other.words),
    }
}

#[test]
fn of_two_connectors_of_one_agency_one_ends_and_says_why() -> Result<()> {
    let stage = Stage::applied("two-connectors")?;
    let first = stage.start_connector(AGENCY, &[])?;
    wait_for("the first connector to publish", HANGS_AFTER, || {
        Ok((stage.read(&format!("events.{AGENCY}"))?.len() == 8).then_some(()))
    })?;
    let second = stage.start_connector(AGENCY, &[])?;
    let (ended, running) = survivor(first, second)?;
    assert_eq!(ended.code, FENCED, "{}", ended.words);
    ended.saying(&["another process", AGENCY])?;
    end(running)?;
    assert_eq!(stage.read(&format!("events.{AGENCY}"))?.len(), 8);
    stage.finish()?;
    Ok(())
}

#[test]
fn of_two_routers_with_one_name_one_ends_and_says_why() -> Result<()> {
    let stage = Stage::applied("two-routers")?;
    let first = stage.start_router("router-1", &[])?;
    stage.connect_once(AGENCY)?.succeeded()?;
    let oracle = stage.oracle(true)?;
    stage.wait_for_inboxes(&oracle)?;
    let second = stage.start_router("router-1", &[])?;
    let (ended, running) = survivor(first, second)?;
    assert_eq!(ended.code, FENCED, "{}", ended.words);
    ended.saying(&["another process", "router-1"])?;
    stage.connect_all_once()?;
    stage.wait_for_inboxes(&oracle)?;
    end(running)?;
    stage.finish()?;
    Ok(())
}

#[test]
fn two_routers_with_names_of_their_own_share_the_work() -> Result<()> {
    let stage = Stage::applied("two-names")?;
    let first = stage.start_router("router-1", &[])?;
    let second = stage.start_router("router-2", &["--slots", "2"])?;
    stage.connect_all_once()?;
    crate::inboxes::expect_everything(&stage)?;
    end(first)?;
    end(second)?;
    stage.finish()?;
    Ok(())
}
