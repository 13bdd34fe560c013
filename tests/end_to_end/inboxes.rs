//! The main job: exports in, and in each inbox exactly the copies that permits give.

use std::collections::BTreeMap;

use anyhow::Result;
use barid_harness::Deployment;
use barid_harness::oracle::exports::{compare_with_exports, expected_counts};

use crate::stage::{Stage, end};

/// Events against the exports' expected rows, copies against the oracle, counts against the rows alone, and no leak.
pub(crate) fn expect_everything(deployment: &Deployment) -> Result<()> {
    let rows = deployment.expected_rows()?;
    let oracle = deployment.oracle(true)?;
    let inboxes = deployment.wait_for_inboxes(&oracle)?;
    assert_eq!(compare_with_exports(&rows, &inboxes.events)?, Vec::<String>::new());
    let counts: BTreeMap<String, usize> = inboxes
        .copies
        .iter()
        .filter(|(_, copies)| !copies.is_empty())
        .map(|(name, list)| (name.clone(), list.len()))
        .collect();
    assert_eq!(counts, expected_counts(&oracle, &rows));
    assert_eq!(deployment.expect_no_leaks(&oracle, &inboxes)?, inboxes.count());
    assert_eq!(deployment.read_all("deadletter")?, []);
    Ok(())
}

#[test]
fn every_inbox_holds_exactly_the_copies_that_permits_give() -> Result<()> {
    let stage = Stage::applied("inboxes")?;
    let router = stage.start_router("router-1", &[])?;
    stage.connect_all_once()?;
    expect_everything(&stage)?;
    end(router)?;
    stage.finish()?;
    Ok(())
}
