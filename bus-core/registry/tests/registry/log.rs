//! The topic: what is written into it, what is read out of it, and what compaction leaves.

use anyhow::{Context, Result};
use barid_harness::{HANGS_AFTER, admin, shared_kafka, wait_until};
use serde_json::{Value, json};

use crate::support::{Instance, NO_DEFAULT, V1, V2, make, numbered, read, topic, write};

/// `SCHEMA` records as Confluent's registry writes them.
fn schema_key(subject: &str, version: u32) -> String {
    format!(r#"{{"keytype":"SCHEMA","subject":"{subject}","version":{version},"magic":1}}"#)
}

fn schema_value(subject: &str, version: u32, id: u32, schema: &str, deleted: bool) -> String {
    let schema = Value::from(schema);
    format!(r#"{{"subject":"{subject}","version":{version},"id":{id},"schema":{schema},"deleted":{deleted}}}"#)
}

#[test]
fn everything_is_as_it_was_after_a_restart() -> Result<()> {
    let topic = topic("restart");
    let instance = Instance::start(&topic)?;
    assert_eq!(instance.id("a", V1)?, 1);
    assert_eq!(instance.id("a", V2)?, 2);
    assert_eq!(instance.id("b", V1)?, 1);
    assert_eq!(instance.id("پرونده", &numbered(1))?, 3);
    instance.done("PUT", "/config", Some(json!({ "compatibility": "FULL_TRANSITIVE" })))?;
    instance.done("PUT", "/config/a", Some(json!({ "compatibility": "NONE" })))?;
    instance.done("PUT", "/mode/b", Some(json!({ "mode": "READONLY" })))?;
    instance.done("DELETE", "/subjects/a/versions/1", None)?;
    let before = instance.picture()?;
    instance.stop()?;
    let instance = Instance::start(&topic)?;
    assert_eq!(instance.picture()?, before);
    assert_eq!(instance.id("a", V2)?, 2, "what is there needs no leader and no new version");
    assert_eq!(instance.id("c", &numbered(2))?, 4);
    Ok(())
}

#[test]
fn the_topic_holds_what_confluents_registry_would_have_written() -> Result<()> {
    let topic = topic("written");
    let instance = Instance::start(&topic)?;
    instance.id("a", V1)?;
    instance.done("PUT", "/config/a", Some(json!({ "compatibility": "NONE" })))?;
    instance.id("a", NO_DEFAULT)?;
    instance.done("DELETE", "/subjects/a/versions/1", None)?;
    instance.id("a", V1)?;
    instance.done("PUT", "/mode", Some(json!({ "mode": "READWRITE" })))?;
    instance.done("DELETE", "/subjects/a", None)?;
    instance.done("DELETE", "/subjects/a?permanent=true", None)?;
    let noop = (r#"{"keytype":"NOOP","magic":0}"#.to_owned(), Some("{}".to_owned()));
    let config = r#"{"keytype":"CONFIG","subject":"a","magic":0}"#.to_owned();
    let expected = vec![
        noop.clone(),
        (schema_key("a", 1), Some(schema_value("a", 1, 1, V1, false))),
        (config.clone(), Some(r#"{"compatibilityLevel":"NONE"}"#.to_owned())),
        (schema_key("a", 2), Some(schema_value("a", 2, 2, NO_DEFAULT, false))),
        (schema_key("a", 1), Some(schema_value("a", 1, 1, V1, true))),
        // It comes back: a new version, and the old one goes.
        (schema_key("a", 3), Some(schema_value("a", 3, 1, V1, false))),
        (schema_key("a", 1), None),
        (r#"{"keytype":"MODE","subject":null,"magic":0}"#.to_owned(), Some(r#"{"mode":"READWRITE"}"#.to_owned())),
        (
            r#"{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}"#.to_owned(),
            Some(r#"{"subject":"a","version":3}"#.to_owned()),
        ),
        (config, None),
        (schema_key("a", 2), None),
        (schema_key("a", 3), None),
        noop,
    ];
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).context("no text");
    let found: Vec<(String, Option<String>)> = read(&topic)?
        .into_iter()
        .map(|record| Ok((text(record.key.context("no key")?)?, record.value.map(text).transpose()?)))
        .collect::<Result<_>>()?;
    assert_eq!(found, expected);
    let configs = admin::topic_config(shared_kafka()?, &topic)?;
    assert_eq!(configs["cleanup.policy"], "compact");
    Ok(())
}

#[test]
fn a_topic_that_confluents_registry_has_written_is_read_and_continued() -> Result<()> {
    let topic = topic("confluent");
    make(&topic, &[("cleanup.policy", "compact")])?;
    let key = |kind: &str, subject: &str| format!(r#"{{"keytype":"{kind}","subject":{subject},"magic":0}}"#);
    let protobuf = r#"{"subject":"proto","version":1,"id":9,"schemaType":"PROTOBUF","references":[{"name":"o.proto","subject":"o","version":1}],"schema":"syntax = \"proto3\";","deleted":false}"#;
    let noop = r#"{"keytype":"NOOP","magic":0}"#.to_owned();
    write(
        &topic,
        &[
            (&noop, None),
            (&schema_key("live", 1), Some(&schema_value("live", 1, 1, V1, false))),
            (&schema_key("live", 2), Some(&schema_value("live", 2, 2, V2, false))),
            // Version 1 deleted softly, one by one.
            (&schema_key("soft", 1), Some(&schema_value("soft", 1, 1, V1, false))),
            (&schema_key("soft", 2), Some(&schema_value("soft", 2, 2, V2, false))),
            (&schema_key("soft", 1), Some(&schema_value("soft", 1, 1, V1, true))),
            // A whole subject deleted softly, and one deleted for good.
            (&schema_key("whole", 1), Some(&schema_value("whole", 1, 3, &numbered(3), false))),
            (&key("DELETE_SUBJECT", r#""whole""#), Some(r#"{"subject":"whole","version":1}"#)),
            (&schema_key("gone", 1), Some(&schema_value("gone", 1, 4, &numbered(4), false))),
            (&key("DELETE_SUBJECT", r#""gone""#), Some(r#"{"subject":"gone","version":1}"#)),
            (&schema_key("gone", 1), None),
            // Cleared.
            (&schema_key("cleared", 1), Some(&schema_value("cleared", 1, 5, &numbered(5), false))),
            (&key("CLEAR_SUBJECT", r#""cleared""#), Some(r#"{"subject":"cleared"}"#)),
            // Settings, also such as have been taken back.
            (&key("CONFIG", "null"), Some(r#"{"compatibilityLevel":"FULL"}"#)),
            (&key("CONFIG", r#""live""#), Some(r#"{"subject":"live","compatibilityLevel":"FORWARD"}"#)),
            (&key("CONFIG", r#""soft""#), Some(r#"{"compatibilityLevel":"NONE"}"#)),
            (&key("CONFIG", r#""soft""#), None),
            (&key("MODE", r#""soft""#), Some(r#"{"mode":"READONLY"}"#)),
            // What this registry does not know.
            (&schema_key("proto", 1), Some(protobuf)),
            (
                r#"{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}"#,
                Some(r#"{"tenant":"default","context":".c"}"#),
            ),
            (&schema_key(":.c:other", 1), Some(&schema_value(":.c:other", 1, 1, r#""int""#, false))),
            ("not JSON", Some("not JSON")),
            (&noop, None),
        ],
    )?;
    let instance = Instance::start(&topic)?;
    assert_eq!(instance.get("/subjects")?, json!(["live", "proto", "soft"]));
    assert_eq!(instance.get("/subjects?deleted=true")?, json!(["live", "proto", "soft", "whole"]));
    assert_eq!(instance.get("/subjects/live/versions/2")?["id"], 2);
    assert_eq!(instance.get("/subjects/soft/versions")?, json!([2]));
    assert_eq!(instance.get("/subjects/soft/versions?deleted=true")?, json!([1, 2]));
    assert_eq!(instance.get("/schemas/ids/1")?, json!({ "schema": V1 }));
    assert_eq!(instance.get("/schemas/ids/3")?["schema"], numbered(3), "data of a deleted subject stays readable");
    for gone in [4, 5] {
        assert_eq!(instance.client.get(&format!("/schemas/ids/{gone}"))?.1["error_code"], 40403, "id {gone}");
    }
    assert_eq!(instance.get("/config")?["compatibilityLevel"], "FULL");
    assert_eq!(instance.get("/config/live")?["compatibilityLevel"], "FORWARD");
    assert_eq!(instance.client.get("/config/soft")?.1["error_code"], 40408);
    assert_eq!(instance.get("/mode/soft")?["mode"], "READONLY");
    let shown = instance.get("/schemas/ids/9")?;
    assert_eq!((&shown["schemaType"], &shown["references"][0]["name"]), (&json!("PROTOBUF"), &json!("o.proto")));
    assert_eq!(instance.client.request("POST", "/subjects/proto/versions", Some(&json!({ "schema": V1 })))?.0, 409);

    // It goes on: the next id is above the highest, a known schema keeps its id, and what it does not understand is written back whole.
    assert_eq!(instance.id("new", V2)?, 2);
    assert_eq!(instance.id("newer", &V2.replace("Case", "Other"))?, 10);
    instance.done("DELETE", "/subjects/proto/versions/1", None)?;
    let records = read(&topic)?;
    let deleted = records.iter().rev().find(|record| record.key.as_deref() == Some(schema_key("proto", 1).as_bytes()));
    let deleted = deleted.and_then(|record| record.value.clone()).context("no record")?;
    assert_eq!(
        serde_json::from_slice::<Value>(&deleted)?,
        serde_json::from_str::<Value>(&protobuf.replace(r#""deleted":false"#, r#""deleted":true"#))?
    );
    Ok(())
}

#[test]
fn compaction_loses_nothing_and_an_id_is_never_given_again() -> Result<()> {
    let topic = topic("compacted");
    make(
        &topic,
        &[
            ("cleanup.policy", "compact"),
            ("segment.bytes", "1048576"),
            ("segment.ms", "200"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("max.compaction.lag.ms", "200"),
            ("delete.retention.ms", "0"),
        ],
    )?;
    let instance = Instance::start(&topic)?;
    for number in 0..5 {
        assert_eq!(instance.id(&format!("s{number}"), &numbered(number))?, u32::try_from(number)? + 1);
    }
    // The highest id, deleted for good.
    instance.done("DELETE", "/subjects/s4", None)?;
    instance.done("DELETE", "/subjects/s4?permanent=true", None)?;
    let gone = schema_key("s4", 1);
    let mut level = ["FULL", "BACKWARD"].into_iter().cycle();
    wait_until("compaction to remove every trace of the highest id", HANGS_AFTER, || {
        // A segment is closed only when something comes after it.
        instance.done("PUT", "/config/s0", level.next().map(|level| json!({ "compatibility": level })))?;
        Ok(read(&topic)?.iter().all(|record| record.key.as_deref() != Some(gone.as_bytes())))
    })?;
    let before = instance.picture()?;
    instance.stop()?;
    let instance = Instance::start(&topic)?;
    assert_eq!(instance.picture()?, before);
    assert_eq!(instance.id("s6", &numbered(6))?, 6, "id 5 was another schema's");
    Ok(())
}

#[test]
fn a_topic_on_which_no_registry_can_live_is_refused() -> Result<()> {
    let (deletes, many) = (topic("deletes"), topic("many"));
    make(&deletes, &[("cleanup.policy", "delete")])?;
    admin::create_topic(shared_kafka()?, &many, 3, &[("cleanup.policy", "compact")])?;
    for (topic, part) in [(deletes, "must be `compact`"), (many, "3 partitions")] {
        let error = Instance::begin(&topic)?.end().expect_err("a topic that will not do");
        assert!(error.to_string().contains(part) && error.to_string().contains(&topic), "{error}");
    }
    Ok(())
}

#[test]
fn a_schema_that_is_too_large_for_a_record_is_refused_and_the_next_is_not() -> Result<()> {
    let instance = Instance::start(&topic("large"))?;
    let large = format!(r#"{{"type":"record","name":"L","doc":"{}","fields":[]}}"#, "x".repeat(995_000));
    let (status, body) = instance.client.request("POST", "/subjects/a/versions", Some(&json!({ "schema": large })))?;
    assert_eq!((status, &body["error_code"]), (422, &json!(42209)), "{body}");
    assert_eq!(instance.id("a", V1)?, 1);
    Ok(())
}
