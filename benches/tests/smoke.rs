//! Runs every bench for moments on a real broker, so that none of them rots. What they measure is not looked at.
#![cfg(feature = "kafka-tests")]

use std::process::Command;

use serde_json::Value;

/// Runs one bench and looks that it gives figures, as a table and as JSON.
fn check(bench: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_barid-bench"));
    let output = command.args([bench, "--smoke", "--json"]).arg(&file).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{bench} fails:\n{words}");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let figures = json["benches"][0]["figures"].as_array().unwrap();
    assert!(!figures.is_empty(), "{bench} has no figures");
    let table = String::from_utf8_lossy(&output.stdout);
    for name in figures.iter().flat_map(|line| line.as_object().unwrap().keys()) {
        assert!(table.contains(name.as_str()), "no column `{name}` in:\n{table}");
    }
}

#[test]
fn the_codec_bench_runs() {
    check("codec");
}

#[test]
fn the_router_bench_runs() {
    check("router");
}

#[test]
fn the_latency_bench_runs() {
    check("latency");
}

#[test]
fn the_policy_size_bench_runs() {
    check("policy-size");
}

#[test]
fn the_connector_bench_runs() {
    check("connector");
}

#[test]
fn the_start_bench_runs() {
    check("start");
}

#[test]
fn the_audit_bench_runs() {
    check("audit");
}
