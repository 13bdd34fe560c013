//! A registry that is away or has lost its memory: roles wait, nothing is lost, nothing is dead-lettered.

use anyhow::Result;
use barid_harness::HANGS_AFTER;

use crate::inboxes::expect_everything;
use crate::stage::{Stage, end};

#[test]
fn a_router_waits_for_a_registry_that_has_lost_its_memory() -> Result<()> {
    let mut stage = Stage::applied("registry-lost")?;
    stage.connect_all_once()?;
    stage.stop_registry();
    let mut router = stage.start_router("router-1", &[])?;
    router.wait_for_text("the schema registry does not answer", HANGS_AFTER)?;
    stage.start_empty_registry()?;
    router.wait_for_text("the schema registry answers", HANGS_AFTER)?;
    stage.barid.run(&["schemas", "register"])?;
    expect_everything(&stage)?;
    end(router)?;
    stage.finish()?;
    Ok(())
}

#[test]
fn a_running_router_does_not_notice_that_the_registry_was_restarted_empty() -> Result<()> {
    let mut stage = Stage::applied("registry-restarted")?;
    let router = stage.start_router("router-1", &[])?;
    let mut first = stage.agencies.clone();
    let last = first.pop().expect("eight agencies");
    for agency in &first {
        stage.connect_once(agency)?.succeeded()?;
    }
    let oracle = stage.oracle(true)?;
    stage.wait_for_inboxes(&oracle)?;
    stage.stop_registry();
    stage.start_empty_registry()?;
    stage.barid.run(&["schemas", "register"])?;
    stage.connect_once(&last)?.succeeded()?;
    expect_everything(&stage)?;
    end(router)?;
    stage.finish()?;
    Ok(())
}
