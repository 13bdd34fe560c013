//! Arrows point down only: who may depend on whom, and what must never be.

use crate::tree::{Member, code_lines, expect_none, members, production_text};

/// Lower floors first. A crate may depend on floors below its own.
const FLOORS: [&[&str]; 9] = [
    &["barid-http", "barid-mistake"],
    &["barid-schemas"],
    &["barid-event"],
    &["barid-codec", "barid-config", "barid-kafka", "barid-policy", "barid-telemetry"],
    &["barid-audit", "barid-connector", "barid-ledger", "barid-registry", "barid-router"],
    &[], // the agencies: `connector-*`
    &["barid"],
    &["barid-harness"],
    &["barid-benches", "barid-faults"],
];

const AGENCIES_FLOOR: usize = 5;

/// They decide and convert; whoever calls them reads files, asks the time and talks to others.
const PURE: [&str; 4] = ["barid-event", "barid-mistake", "barid-policy", "barid-schemas"];

/// Crates that bring a network, threads or a clock of their own.
const NOT_PURE: [&str; 13] = [
    "axum",
    "getrandom",
    "opentelemetry",
    "prometheus-client",
    "rdkafka",
    "reqwest",
    "schema_registry_converter",
    "sqlx",
    "tempfile",
    "tokio",
    "tower-http",
    "tracing",
    "tracing-subscriber",
];

/// How a pure crate would touch the world.
const WORLD: [&str; 11] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
];

#[test]
fn crates_depend_on_lower_floors_only() {
    let mut faults = Vec::new();
    for member in members() {
        // The harness shares no code with the bus: what both got wrong would not be seen.
        let own = floor(&member.name).unwrap_or_else(|| panic!("`{}` has no floor in FLOORS", member.name));
        for name in member.dependencies() {
            match floor(name) {
                Some(other) if other >= own => faults.push(format!("{} must not use {name}", member.name)),
                Some(_) if member.name == "barid-harness" => faults.push(format!("the harness must not use {name}")),
                _ => {}
            }
        }
    }
    expect_none("arrows point down only:", &faults);
}

#[test]
fn no_connector_names_another() {
    let mut faults = Vec::new();
    let members = members();
    let agencies: Vec<&Member> = members.iter().filter(|member| floor(&member.name) == Some(AGENCIES_FLOOR)).collect();
    for agency in &agencies {
        for file in agency.production_files() {
            for other in agencies.iter().filter(|other| other.name != agency.name) {
                let code = other.folder.trim_start_matches("connectors/");
                if file.text.contains(&format!("\"{code}\"")) || file.text.contains(&other.name.replace('-', "_")) {
                    faults.push(format!("{} names {code}", file.path));
                }
            }
        }
    }
    expect_none("an agency is a folder of its own:", &faults);
}

#[test]
fn only_the_kafka_crate_knows_the_client_library() {
    let mut faults = Vec::new();
    // The harness shares no code with the bus, and the benches measure what the client alone can do.
    for member in members() {
        let may = ["barid-kafka", "barid-harness", "barid-benches"].contains(&member.name.as_str());
        if !may && member.dependencies().contains(&"rdkafka") {
            faults.push(member.name);
        }
    }
    expect_none("use barid-kafka instead of rdkafka:", &faults);
}

#[test]
fn pure_crates_touch_no_network_no_file_and_no_clock() {
    let mut faults = Vec::new();
    for member in members().iter().filter(|member| PURE.contains(&member.name.as_str())) {
        for name in member.dependencies() {
            if NOT_PURE.contains(&name) {
                faults.push(format!("{} must not use {name}", member.name));
            }
        }
        for (place, line) in production_code(member) {
            for word in WORLD.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{place}: `{word}`"));
            }
        }
    }
    expect_none("take it as an argument:", &faults);
}

#[test]
fn nothing_below_the_command_line_reads_the_environment_or_exits() {
    let mut faults = Vec::new();
    let own_commands = ["barid", "barid-harness", "barid-benches", "barid-faults"];
    for member in members().iter().filter(|member| !own_commands.contains(&member.name.as_str())) {
        for (place, line) in production_code(member) {
            for word in ["std::env", "env::var", "process::exit", "process::abort"] {
                if line.contains(word) {
                    faults.push(format!("{place}: `{word}`"));
                }
            }
        }
    }
    expect_none("settings come in as arguments, errors go out as values:", &faults);
}

fn production_code(member: &Member) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for file in member.production_files() {
        for (line, text) in code_lines(production_text(&file.text)) {
            lines.push((format!("{}:{line}", file.path), text.to_owned()));
        }
    }
    lines
}

fn floor(name: &str) -> Option<usize> {
    if name.starts_with("connector-") {
        return Some(AGENCIES_FLOOR);
    }
    FLOORS.iter().position(|crates| crates.contains(&name))
}
