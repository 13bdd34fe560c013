//! `barid audit` proves the main job from the topics, and finds what is done to them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use barid_harness::{HANGS_AFTER, RawRecord};
use barid_kafka::{BestEffortProducer, ClientSettings, Cluster, Outgoing};
use serde_json::Value as Json;

use crate::inboxes::expect_everything;
use crate::stage::{Stage, end};

fn number(report: &Json, pointer: &str) -> Result<u64> {
    report.pointer(pointer).and_then(Json::as_u64).with_context(|| format!("no number at {pointer} of {report}"))
}

#[test]
fn the_audit_of_the_eight_exports_says_that_all_is_well() -> Result<()> {
    let stage = Stage::applied("audit")?;
    let router = stage.start_router("router-1", &[])?;
    stage.connect_all_once()?;
    expect_everything(&stage)?;
    end(router)?;
    let (events, copies) = (stage.inboxes()?.events.len() as u64, stage.inboxes()?.count() as u64);
    let report = stage.audit()?;
    assert_eq!(number(&report, "/counts/events")?, events);
    assert_eq!(number(&report, "/counts/copies")?, copies);
    assert_eq!(number(&report, "/counts/expected_copies")? + number(&report, "/unproved/doubtful_matches")?, copies);
    assert_eq!(number(&report, "/counts/not_yet_routed")?, 0);
    assert_eq!(number(&report, "/counts/rows")?, events);
    assert_eq!(number(&report, "/counts/published_rows")?, events);
    assert_eq!(report["unproved"]["copies_of_unread_events"], 0);
    let said = stage.barid.try_run(&["audit", "--from", "2020-01-01", "--to", "2020-02-01", "--json"])?.succeeded()?;
    assert_eq!(number(&serde_json::from_str(&said.output)?, "/counts/events")?, 0);
    stage.finish()?;
    Ok(())
}

/// What the report says was found, and how many of it.
fn defects(report: &Json) -> Vec<(String, u64)> {
    let defects = report["defects"].as_object().into_iter().flatten();
    defects.map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0))).collect()
}

#[test]
fn the_audit_finds_what_is_done_to_the_topics() -> Result<()> {
    let stage = Stage::applied("audit-harmed")?;
    let router = stage.start_router("router-1", &[])?;
    stage.connect_all_once()?;
    expect_everything(&stage)?;
    end(router)?;
    stage.audit()?;

    let inboxes = stage.inboxes()?;
    let first_of = |agency: &str| -> Result<RawRecord> {
        Ok(inboxes.copies.get(agency).and_then(|copies| copies.first()).context("no copy")?.record.clone())
    };
    // Doubled; given to somebody without a permit; given once more with a header that tells.
    write(&stage, &first_of("tourism_heritage")?)?;
    write(&stage, &RawRecord { topic: stage.topic("inbox.police_premises"), ..first_of("bank_facilities")? })?;
    let mut telling = first_of("utilities")?;
    telling.headers.push(("case".to_owned(), b"99-1401-0101".to_vec()));
    write(&stage, &telling)?;
    // An event with a gap before it and without copies; a later one of its partition is routed.
    let mut skipping = inboxes.events.last().context("no event")?.record.clone();
    for (name, value) in &mut skipping.headers {
        if name == "ce_sequence" {
            *value = b"1000".to_vec();
        }
    }
    write(&stage, &skipping)?;

    let said = stage.barid.try_run(&["audit", "--json"])?;
    assert_eq!(said.code, 5, "{}{}", said.output, said.words);
    let report: Json = serde_json::from_str(&said.output)?;
    let found = defects(&report);
    let count = |name: &str| found.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
    assert_eq!(count("unpermitted_copy"), 1, "{report:#}");
    assert_eq!(count("doubled_copy"), 2, "{report:#}");
    assert_eq!(count("changed_copy"), 1, "{report:#}");
    assert_eq!(count("doubled_event"), 1, "{report:#}");
    assert_eq!(count("sequence_gap"), 1, "{report:#}");
    let place = |defect: &str| {
        let offenders = report["offenders"].as_array().into_iter().flatten();
        offenders.filter(|one| one["defect"] == defect).map(|one| one["place"]["topic"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(place("unpermitted_copy"), [Json::from(stage.topic("inbox.police_premises"))]);
    assert_eq!(place("changed_copy"), [Json::from(stage.topic("inbox.utilities"))]);

    // The same for people.
    let said = stage.barid.try_run(&["audit"])?;
    assert_eq!(said.code, 5);
    said.saying(&["copies are there twice", "header case", "gaps in ce_sequence", "not well"])?;
    stage.finish_unaudited("records stand there that no process of the bus has written")?;
    Ok(())
}

#[test]
fn what_no_router_has_routed_yet_is_told_and_is_no_defect() -> Result<()> {
    let stage = Stage::applied("audit-waiting")?;
    stage.connect_all_once()?;
    let report = stage.finish()?;
    assert_eq!(report["counts"]["not_yet_routed"], report["counts"]["events"]);
    Ok(())
}

/// Writes a record as nobody who keeps the rules would.
fn write(stage: &Stage, record: &RawRecord) -> Result<()> {
    let cluster = Cluster::new(ClientSettings {
        bootstrap_servers: stage.bootstrap_servers().to_owned(),
        client_id: "harm".to_owned(),
        properties: BTreeMap::new(),
    })?;
    let headers: Vec<(&str, &[u8])> =
        record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let producer = BestEffortProducer::new(&cluster)?;
    producer.send(&Outgoing {
        topic: &record.topic,
        partition: Some(record.partition),
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &headers,
        timestamp_ms: None,
    });
    ensure!(producer.flush(HANGS_AFTER) && producer.dropped() == 0, "{} was not written", record.place());
    Ok(())
}
