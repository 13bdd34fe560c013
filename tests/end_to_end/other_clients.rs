//! The same with what nobody here wrote: Apicurio as registry, Confluent's Python client, kcat.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use barid_harness::oracle::{Event, Inboxes};
use barid_harness::{Apicurio, Deployment, cache, shared_kafka};
use serde_json::Value as Json;

use crate::inboxes::expect_everything;
use crate::stage::{deployment, end};

/// For one run of a client, in the words of `timeout`.
const ENDS_WITHIN_SECONDS: &str = "240";

/// One with matched copies, one with coarse views, one with exact views.
const INBOXES_FOR_KCAT: [&str; 3] = ["bank_facilities", "utilities", "permit_portal"];

#[test]
fn with_apicurio_python_and_kcat_read_the_same_records() -> Result<()> {
    let apicurio = Apicurio::start()?;
    let deployment = deployment("apicurio", shared_kafka()?, &apicurio.url())?;
    deployment.apply()?;
    deployment.watch()?;
    let router = deployment.start_router("router-1", &[])?;
    deployment.connect_all_once()?;
    expect_everything(&deployment)?;
    let inboxes = deployment.inboxes()?;
    python_reads_the_same(&deployment, &inboxes, &apicurio.url())?;
    kcat_reads_the_same(&deployment, &inboxes)?;
    end(router)?;
    deployment.finish()?;
    Ok(())
}

/// Every record of every inbox: key, headers and all fields.
fn python_reads_the_same(deployment: &Deployment, inboxes: &Inboxes, registry_url: &str) -> Result<()> {
    let topics: Vec<String> =
        inboxes.copies.keys().map(|agency| deployment.topic(&format!("inbox.{agency}"))).collect();
    let output = Command::new("timeout")
        .arg(ENDS_WITHIN_SECONDS)
        .arg(cache::fetched("python/bin/python")?)
        .arg(cache::checkout().join("tests/python/read_topics.py"))
        .args([deployment.bootstrap_servers(), registry_url])
        .args(&topics)
        .output()?;
    ensure!(output.status.success(), "python: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let mut seen = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let record: Json = serde_json::from_str(line)?;
        seen.insert(format!("{}/{}@{}", text(&record, "topic")?, record["partition"], record["offset"]), record);
    }
    assert_eq!(seen.len(), inboxes.count());
    for copy in inboxes.copies.values().flatten() {
        let record = &seen[&copy.record.place()];
        assert_eq!(text(record, "key")?, copy.record.key_text());
        assert_eq!(record["value"], Json::Object(copy.fields.clone()), "{}", copy.record.place());
        let headers: Vec<(String, String)> = serde_json::from_value(record["headers"].clone())?;
        assert_eq!(headers, header_texts(copy), "{}", copy.record.place());
    }
    Ok(())
}

/// Of some inboxes: keys and headers of all records, and the bytes of the first, which begin with the framing.
fn kcat_reads_the_same(deployment: &Deployment, inboxes: &Inboxes) -> Result<()> {
    for agency in INBOXES_FOR_KCAT {
        let copies = &inboxes.copies[agency];
        let first = copies.first().context("an empty inbox")?;
        let topic = deployment.topic(&format!("inbox.{agency}"));
        let listed = kcat(deployment, &topic, &["-e", "-f", "%p %o %k %S %h\n"])?;
        let mut wanted: Vec<String> = copies
            .iter()
            .map(|copy| {
                let headers: Vec<String> =
                    header_texts(copy).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
                let record = &copy.record;
                let bytes = record.value.as_ref().map_or(0, Vec::len);
                let headers = headers.join(",");
                format!("{} {} {} {bytes} {headers}", record.partition, record.offset, record.key_text())
            })
            .collect();
        let listed = String::from_utf8(listed)?;
        let mut listed: Vec<&str> = listed.lines().collect();
        wanted.sort();
        listed.sort_unstable();
        assert_eq!(listed, wanted, "{topic}");

        let (partition, offset) = (first.record.partition.to_string(), first.record.offset.to_string());
        let value = kcat(deployment, &topic, &["-p", &partition, "-o", &offset, "-c", "1", "-D", "", "-f", "%s"])?;
        assert_eq!(Some(&value), first.record.value.as_ref());
        let framing = [&[0][..], &first.schema_id.to_be_bytes()].concat();
        assert!(value.starts_with(&framing), "{topic}: {:?}", &value[..5]);
    }
    Ok(())
}

fn kcat(deployment: &Deployment, topic: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("timeout")
        .args([ENDS_WITHIN_SECONDS, "kcat", "-q", "-C", "-b", deployment.bootstrap_servers(), "-t", topic])
        .args(["-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=10"])
        .args(arguments)
        .output()
        .context("cannot run `timeout`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kcat: {}: {said}\n  cure: run `tests/run.sh --fetch` once", output.status);
    Ok(output.stdout)
}

fn header_texts(copy: &Event) -> Vec<(String, String)> {
    let headers = copy.record.headers.iter();
    headers.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn text<'r>(record: &'r Json, name: &str) -> Result<&'r str> {
    record[name].as_str().with_context(|| format!("no `{name}`"))
}
