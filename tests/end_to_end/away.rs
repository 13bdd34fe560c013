//! The broker away at the start and in the middle: roles say so, wait, go on by themselves, and end when they are told to.

use std::fs;
use std::net::TcpListener;

use anyhow::Result;
use barid_harness::{HANGS_AFTER, Kafka, wait_until};

use crate::inboxes::expect_everything;
use crate::stage::{Stage, end};

#[test]
fn roles_outlive_a_broker_that_is_away_at_the_start_and_in_the_middle() -> Result<()> {
    let mut kafka = Kafka::start()?;
    let stage = Stage::on("away", &kafka.bootstrap_servers())?;
    stage.apply()?;
    stage.watch()?;
    let (late, early) = ("agri_jahad", "art99_commission");
    let export = stage.folder().join(late).join("sample");
    let aside = stage.folder().join("aside");
    fs::rename(&export, &aside)?;
    fs::create_dir(&export)?;

    // Away at the start.
    stage.wait_for_markers()?;
    kafka.kill()?;
    let mut router = stage.start_router("router-1", &[])?;
    let mut first = stage.start_connector(early, &[])?;
    let mut second = stage.start_connector(late, &[])?;
    for role in [&mut router, &mut first, &mut second] {
        role.wait_for_text("kafka is away", HANGS_AFTER)?;
    }
    kafka.restart()?;
    let oracle = stage.oracle(true)?;
    wait_until("the first export to be published", HANGS_AFTER, || {
        Ok(stage.read(&format!("events.{early}"))?.len() == 8)
    })?;
    stage.wait_for_inboxes(&oracle)?;

    // Away in the middle: an export arrives meanwhile.
    stage.wait_for_markers()?;
    kafka.kill()?;
    for entry in fs::read_dir(&aside)? {
        let entry = entry?;
        fs::rename(entry.path(), export.join(entry.file_name()))?;
    }
    kafka.restart()?;
    wait_until("the second export to be published", HANGS_AFTER, || {
        Ok(stage.read(&format!("events.{late}"))?.len() == 8)
    })?;
    end(first)?;
    end(second)?;
    for agency in stage.agencies.iter().filter(|agency| *agency != late && *agency != early) {
        stage.connect_once(agency)?.succeeded()?;
    }
    expect_everything(&stage)?;

    stage.audit()?;

    // Told to end while the broker is away.
    let connector = stage.start_connector(early, &[])?;
    kafka.kill()?;
    end(router)?;
    end(connector)?;
    stage.finish_unaudited("the broker is away; it was audited before")?;
    Ok(())
}

#[test]
fn a_command_that_is_told_to_end_does_not_wait_for_a_broker_that_says_nothing() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?.to_string();
    let stage = Stage::on("silent", &address)?;
    let tail = stage.barid.start(&["inbox", "tail", "samt"])?;
    // It is asking.
    let _connection = silent.accept()?;
    end(tail)?;
    stage.finish_unaudited("there is no broker")?;
    Ok(())
}
