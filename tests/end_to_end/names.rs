//! One writer per agency, one router per name: a second process ends and says why.

use anyhow::Result;
use barid_harness::{HANGS_AFTER, wait_for};

use crate::many_rows::AGENCY;
use crate::stage::{Stage, end};

/// The exit code that scripts know: another process has this name.
const FENCED: i32 = 6;

#[test]
fn of_two_connectors_of_one_agency_one_ends_and_says_why() -> Result<()> {
    let stage = Stage::applied("two-connectors")?;
    let first = stage.start_connector(AGENCY, &[])?;
    wait_for("the first connector to publish", HANGS_AFTER, || {
        Ok((stage.read(&format!("events.{AGENCY}"))?.len() == 8).then_some(()))
    })?;
    let second = stage.start_connector(AGENCY, &[])?;
    let (ended, running) = first.first_to_end(second)?;
    assert_eq!(ended.code, FENCED, "{}", ended.words);
    ended.saying(&["another process", AGENCY])?;
    end(running)?;
    assert_eq!(stage.read(&format!("events.{AGENCY}"))?.len(), 8);
    stage.finish()?;
    Ok(())
}

#[test]
fn of_two_routers_with_one_name_the_older_one_ends_and_says_why() -> Result<()> {
    let stage = Stage::applied("two-routers")?;
    let first = stage.start_router("router-1", &["--slots", "3"])?;
    stage.connect_once(AGENCY)?.succeeded()?;
    let oracle = stage.oracle(true)?;
    stage.wait_for_inboxes(&oracle)?;
    let second = stage.start_router("router-1", &["--slots", "3"])?;
    let ended = first.wait(HANGS_AFTER)?;
    assert_eq!(ended.code, FENCED, "{}", ended.words);
    ended.saying(&["another process", "router-1"])?;
    stage.connect_all_once()?;
    stage.wait_for_inboxes(&oracle)?;
    // Whoever had to ask the broker for its name has had a clear answer.
    let said = second.said()?;
    assert!(!said.contains("it is taken once more"), "{said}");
    end(second)?;
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
