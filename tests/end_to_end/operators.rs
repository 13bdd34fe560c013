//! The operators' questions, answered from the topics.

use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::stage::{Stage, end};

/// The tracking code of the eco-lodge in the sample.
const TRACKING_CODE: &str = "60014317002915";

#[test]
fn operators_find_the_matter_the_rule_and_the_copies() -> Result<()> {
    let stage = Stage::applied("operators")?;
    let router = stage.start_router("router-1", &[])?;
    stage.connect_all_once()?;
    let oracle = stage.oracle(true)?;
    let inboxes = stage.wait_for_inboxes(&oracle)?;

    // The Article 99 export knows no tracking code: plate and person lead to it.
    let timeline = stage.barid.run(&["trace", TRACKING_CODE, "--json"])?;
    for publisher in ["tourism_heritage", "agri_jahad", "art99_commission", "bank_facilities", "identity_verification"]
    {
        assert!(timeline.contains(publisher), "{publisher} in the timeline of {TRACKING_CODE}");
    }
    let said = stage.barid.try_run(&["trace", "no such matter"])?.failed()?;
    assert_eq!(said.code, 5);

    // One event that somebody got, and one who did not.
    let event = inboxes.events.iter().find(|event| {
        event.fields["service_code"] == "art99_violation_case" && event.fields["status_to"] == "ruled_fine"
    });
    let event = event.context("no ruling in the sample")?;
    let copies = oracle.copies(event)?;
    let got = copies.iter().find(|copy| copy.subscriber == "tourism_heritage").context("no coarse copy")?;
    let id = event.text("event_id")?;
    stage
        .barid
        .try_run(&["explain", id, "--subscriber", "tourism_heritage"])?
        .succeeded()?
        .saying(&[&got.grant.number])?;
    let not = stage.barid.try_run(&["explain", id, "--subscriber", "health"])?;
    assert!(!not.output.is_empty() || !not.words.is_empty());

    // An inbox with matched copies, one with coarse views, one that is empty.
    for agency in ["bank_facilities", "utilities", "housing_foundation"] {
        let copies = &inboxes.copies[agency];
        let lines = stage.barid.json_lines(&["inbox", "tail", agency, "--no-follow", "--json"])?;
        assert_eq!(lines.len(), copies.len(), "{agency}");
        for copy in copies {
            let line = lines.iter().find(|line| {
                line["record"]["partition"] == copy.record.partition && line["record"]["offset"] == copy.record.offset
            });
            let value = &line.context("a record is missing")?["value"];
            assert_eq!(value["event_id"], copy.fields["event_id"]);
            assert_eq!(value, &Json::Object(copy.fields.clone()), "{}", copy.record.place());
        }
    }
    end(router)?;
    stage.finish()?;
    Ok(())
}
