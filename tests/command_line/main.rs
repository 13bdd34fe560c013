//! What a person reads at the command line, whole, with the exit code. No broker is needed for any of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs `barid` in `folder` with an environment of its own.
fn barid(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barid"));
    command.current_dir(folder).args(arguments).env_clear().env("NO_COLOR", "1");
    command.output().expect("barid starts")
}

/// Exit code, stdout and stderr as one text.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = barid(folder, arguments);
    let code = output.status.code().map_or("none".to_owned(), |code| code.to_string());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("barid prints UTF-8");
    format!(
        "$ barid {}\nexit code: {code}\n--- stdout\n{}--- stderr\n{}",
        arguments.join(" "),
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn empty() -> TempDir {
    folder_with(&[])
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    insta::assert_snapshot!(run(empty().path(), &["--help"]));
}

#[test]
fn a_command_that_is_misspelt_is_answered_with_the_right_one() {
    insta::assert_snapshot!(run(empty().path(), &["rooter"]));
}

#[test]
fn help_of_the_quarantine_says_what_can_be_done_about_a_row() {
    let folder = empty();
    let texts = [&["quarantine", "--help"][..], &["quarantine", "fix", "--help"], &["quarantine", "drop", "--help"]];
    insta::assert_snapshot!(texts.map(|arguments| run(folder.path(), arguments)).join("\n"));
}

#[test]
fn a_drop_without_rows_or_reason_and_a_fix_without_a_value_are_refused() {
    let folder = empty();
    let wrong = [
        &["quarantine", "drop", "samt", "--reason", "typed twice"][..],
        &["quarantine", "drop", "samt", "--all"],
        &["quarantine", "fix", "samt", "--all", "--set", "no value"],
    ];
    insta::assert_snapshot!(wrong.map(|arguments| run(folder.path(), arguments)).join("\n"));
}

#[test]
fn the_built_in_policy_has_no_mistake_and_says_which_coarse_views_hide_nothing() {
    insta::assert_snapshot!(run(empty().path(), &["policy", "check"]));
}

#[test]
fn a_policy_that_gives_too_much_is_refused_with_every_place() {
    let permits = r#"
[[permit]]
number = "MZ-1"
subscriber = "bank_facilities"
valid_from = 2022-03-21
valid_until = 2032-03-19

[[permit.grant]]
service = "art99_violation_case"
statuses = ["ruled_fine", "ruled_fin"]
groups = ["money", "number"]
view = "exact"
"#;
    let folder = folder_with(&[("policy/permits/art99_commission.toml", permits)]);
    insta::assert_snapshot!(run(folder.path(), &["policy", "check", "--dir", "policy"]));
}

#[test]
fn a_folder_without_policy_files_is_said_to_have_none() {
    let folder = folder_with(&[("policy/readme.txt", "")]);
    insta::assert_snapshot!(run(folder.path(), &["policy", "check", "--dir", "policy"]));
}

#[test]
fn permits_are_shown_one_a_line() {
    let arguments = ["policy", "show", "--publisher", "art99_commission", "--subscriber", "bank_facilities"];
    insta::assert_snapshot!(run(empty().path(), &arguments));
}

#[test]
fn the_schemas_are_as_released() {
    insta::assert_snapshot!(run(empty().path(), &["schemas", "check"]));
}

#[test]
fn settings_are_shown_with_their_origin_and_without_secrets() {
    let settings =
        "version = 1\n\n[kafka]\nbootstrap_servers = \"kafka:9092\"\n\n[secrets]\nwatch_key_file = \"watch\"\n";
    let folder = folder_with(&[("barid.toml", settings)]);
    insta::assert_snapshot!(run(folder.path(), &["config", "show", "--registry-url", "http://registry:8081"]));
}

#[test]
fn every_mistake_in_the_settings_comes_at_once() {
    let settings = "version = 1\n\n[kafka]\nbootstrap_server = \"kafka:9092\"\n\n[router]\nslots = \"many\"\n";
    let folder = folder_with(&[("barid.toml", settings)]);
    insta::assert_snapshot!(run(folder.path(), &["config", "show"]));
}

#[test]
fn a_role_says_what_is_not_set_and_how_to_set_it() {
    insta::assert_snapshot!(run(empty().path(), &["router"]));
}

#[test]
fn a_broker_that_is_away_is_named_with_a_cure() {
    let arguments = ["topics", "apply", "--bootstrap-servers", "127.0.0.1:1"];
    insta::assert_snapshot!(run(empty().path(), &arguments));
}

#[test]
fn the_reference_page_of_the_settings_is_the_one_in_docs() {
    let page = String::from_utf8(barid(empty().path(), &["config", "reference"]).stdout).expect("UTF-8");
    assert_eq!(page, include_str!("../../docs/settings.md"), "to renew it: barid config reference > docs/settings.md");
}

#[test]
fn the_binary_carries_every_permit_file_of_the_first_policy() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policy");
    let shown = |arguments: &[&str]| barid(empty().path(), arguments).stdout;
    let built_in = shown(&["policy", "show"]);
    assert!(!built_in.is_empty());
    assert_eq!(built_in, shown(&["policy", "show", "--dir", policy]));
}

#[test]
fn completions_are_printed_for_a_shell() {
    let output = barid(empty().path(), &["completions", "bash"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("_barid"));
}

#[test]
fn a_dry_run_prints_events_as_json_lines_and_touches_no_kafka() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/bank_facilities/connector.toml");
    let output = barid(empty().path(), &["connect", "--config", sample, "--dry-run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0]["source"], serde_json::json!({"file": "07_bank.csv", "row": 1}));
    assert_eq!(lines[0]["status_to"], "identity_verified");
    assert_eq!(lines[0]["identity"]["idv_tracking_code"], "60014317002915");
}

#[test]
fn the_audit_says_what_it_reads_what_it_takes_and_how_it_ends() {
    insta::assert_snapshot!(run(empty().path(), &["audit", "--help"]));
}

#[test]
fn a_range_that_is_no_time_or_no_range_is_refused_before_anything_is_read() {
    let not_a_time = run(empty().path(), &["audit", "--from", "yesterday"]);
    let turned_round = run(empty().path(), &["audit", "--from", "2026-12-01", "--to", "2026-11-29T08:30:00Z"]);
    insta::assert_snapshot!(format!("{not_a_time}\n{turned_round}"));
}
