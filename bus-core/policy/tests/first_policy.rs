//! The first policy, as it lies in the project: `policy/` with the catalogues of the connectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barid_policy::{EventFacts, Index, Policy, PolicyFile, WatchTable, check, load};
use barid_schemas::{Catalogue, Millis};
use insta::assert_snapshot;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files_of(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(project().join(folder)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    paths.sort();
    paths
}

fn file(path: &Path, name: String) -> PolicyFile {
    PolicyFile { path: name, text: fs::read_to_string(path).expect("the file is readable") }
}

fn first_policy() -> Policy {
    let mut files = Vec::new();
    for connector in files_of("connectors") {
        let catalogue = connector.join("catalogue.toml");
        if catalogue.exists() {
            let agency = connector.file_name().expect("a folder has a name").to_string_lossy();
            files.push(file(&catalogue, format!("catalogue/{agency}.toml")));
        }
    }
    for folder in ["permits", "subscriptions"] {
        for path in files_of(&format!("policy/{folder}")) {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            files.push(file(&path, format!("{folder}/{name}")));
        }
    }
    load(&Catalogue::shared(), &files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn the_first_policy_has_172_grants_under_87_numbers() {
    let policy = first_policy();
    assert_eq!(policy.permits.len(), 172);
    let mut numbers: Vec<&str> = policy.permits.iter().map(|permit| permit.number.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 87);
    let mut by_publisher: BTreeMap<&str, usize> = BTreeMap::new();
    for permit in &policy.permits {
        *by_publisher.entry(&permit.publisher).or_default() += 1;
    }
    let lines: Vec<String> = by_publisher.iter().map(|(publisher, count)| format!("{count:3} {publisher}")).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_grant_of_the_first_policy_says_what_was_agreed() {
    let mut lines: Vec<String> = first_policy().permits.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_warnings_about_the_first_policy_are_known() {
    let lines: Vec<String> = check(&first_policy()).iter().map(ToString::to_string).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_ruling_on_a_farm_reaches_tourism_in_the_coarse_view_and_no_bank() {
    let index = Index::build(Arc::new(first_policy()));
    let facts = EventFacts {
        publisher: "art99_commission",
        service: "art99_violation_case",
        status_from: None,
        status: "ruled_fine",
        county: Some("nowshahr"),
        event_id: "0d4c6f0e-5b1a-8c3d-9e2f-00112233aabb",
        corr_id: "7e57c0de-0000-8000-8000-000000000001",
        occurred_at: Millis(1_664_870_400_000),
        relying_agency: None,
        watch_keys: &[],
        at: Millis(1_664_870_400_000),
    };
    let (watch, mut decisions) = (WatchTable::new(), Vec::new());
    index.decide(&watch, &facts, &mut decisions);
    let lines: Vec<String> = decisions.iter().map(|decision| decision.permit.to_string()).collect();
    assert_snapshot!(lines.join("\n"));
}
