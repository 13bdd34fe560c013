//! A policy is refused before it is applied when it gives too much, and taken up by a running router when it does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use barid_harness::oracle::{PolicyFiles, compare};
use barid_harness::{HANGS_AFTER, cache, wait_until};
use serde_json::Value as Json;

use crate::stage::{Stage, end};

/// The checkout's policy, in a folder where it can be changed.
fn policy_folder(stage: &Stage) -> Result<PathBuf> {
    let folder = stage.folder().join("policy");
    fs::create_dir_all(folder.join("permits"))?;
    for entry in fs::read_dir(cache::checkout().join("policy/permits"))? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join("permits").join(entry.file_name()))?;
    }
    Ok(folder)
}

fn change(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    assert!(text.contains(from), "`{from}` in {}", file.display());
    fs::write(file, text.replace(from, to))?;
    Ok(())
}

#[test]
fn a_policy_that_gives_too_much_is_refused_before_it_is_applied() -> Result<()> {
    let stage = Stage::applied("refused")?;
    let records = stage.read("policy")?.len();
    let folder = policy_folder(&stage)?;
    // Money to everybody that may see parcels of an Article 99 case: outside of the whitelist.
    let file = folder.join("permits/art99_commission.toml");
    change(&file, "groups = [\"parcel\"]", "groups = [\"parcel\", \"number\"]")?;
    for command in ["check", "apply"] {
        let said = stage.barid.try_run(&["policy", command, "--dir", "policy"])?.failed()?;
        assert_eq!(said.code, 3, "{}", said.words);
        said.saying(&["permits/art99_commission.toml:", "number"])?;
    }
    assert_eq!(stage.read("policy")?.len(), records);
    stage.finish()?;
    Ok(())
}

/// From which offset on version 2 was in force, by topic and partition.
fn second_version_from(stage: &Stage) -> Result<Vec<(String, i64, i64)>> {
    let mut from = Vec::new();
    for record in stage.read("policy-applied")? {
        let (_, value) = stage.registry().decode(record.value.as_deref().context("no value")?)?;
        let Json::Object(fields) = barid_harness::oracle::event::plain(&value)? else { continue };
        if fields["version"] == 2 {
            let number = |name: &str| fields[name].as_i64().unwrap_or(-1);
            from.push((
                fields["topic"].as_str().unwrap_or_default().to_owned(),
                number("partition"),
                number("from_offset"),
            ));
        }
    }
    Ok(from)
}

#[test]
fn a_running_router_takes_up_a_new_policy_at_a_transaction_boundary() -> Result<()> {
    let stage = Stage::applied("policy-change")?;
    let router = stage.start_router("router-1", &[])?;
    let before = ["agri_jahad", "art99_commission", "samt"];
    for agency in before {
        stage.connect_once(agency)?.succeeded()?;
    }
    let first = stage.oracle(true)?;
    stage.wait_for_inboxes(&first)?;

    // The land registry hears nothing more; who else hears, hears as before.
    let folder = policy_folder(&stage)?;
    for entry in fs::read_dir(folder.join("permits"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        fs::write(&path, text.replace("valid_until = 2032-03-19", "valid_until = 2023-03-20"))?;
    }
    change(&folder.join("permits/tourism_heritage.toml"), "valid_until = 2023-03-20", "valid_until = 2032-03-19")?;
    stage.barid.try_run(&["policy", "apply", "--dir", "policy"])?.succeeded()?.saying(&["version 2 is applied"])?;
    wait_until("the new version to be in force everywhere", HANGS_AFTER, || {
        let from: BTreeSet<(String, i64)> =
            second_version_from(&stage)?.into_iter().map(|(topic, partition, _)| (topic, partition)).collect();
        let partitions: i32 = stage.topics()?.iter().filter(|(name, _)| name.contains("events.")).map(|(_, n)| n).sum();
        Ok(from.len() == usize::try_from(partitions)?)
    })?;
    for agency in stage.agencies.iter().filter(|agency| !before.contains(&agency.as_str())) {
        stage.connect_once(agency)?.succeeded()?;
    }

    // Each event by the version that was in force at its offset.
    let mut second = stage.oracle(true)?;
    second.policy = PolicyFiles::read(&folder, cache::checkout())?;
    let from = second_version_from(&stage)?;
    let is_under_second = |record: &barid_harness::RawRecord| {
        from.iter().any(|(topic, partition, offset)| {
            *topic == record.topic && *partition == i64::from(record.partition) && record.offset >= *offset
        })
    };
    let mut differences = Vec::new();
    let waited = wait_until("copies under both versions", HANGS_AFTER, || {
        let all = stage.inboxes()?;
        differences.clear();
        for (oracle, wanted) in [(&first, false), (&second, true)] {
            let mut part = all.clone();
            part.events.retain(|event| is_under_second(&event.record) == wanted);
            let ids: BTreeSet<String> = part.events.iter().map(|event| event.fields["event_id"].to_string()).collect();
            for copies in part.copies.values_mut() {
                copies.retain(|copy| ids.contains(&copy.fields["event_id"].to_string()));
            }
            assert!(!part.events.is_empty());
            differences.extend(compare(oracle, &part)?);
        }
        Ok(differences.is_empty())
    });
    waited.with_context(|| differences.join("\n"))?;
    end(router)?;
    stage.finish()?;
    Ok(())
}
