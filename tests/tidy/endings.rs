//! How tests end: with an audit of what they leave in the topics, and never because a machine is busy.

use crate::tree::{expect_none, rust_files};

/// Name and body of each test of a file.
fn tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("#[test]\n").skip(1).filter_map(|after| {
        let body = after.split("\n}\n").next()?;
        Some((body.strip_prefix("fn ")?.split('(').next()?, body))
    })
}

#[test]
fn every_end_to_end_test_ends_with_an_audit_or_says_why_not() {
    let (mut faults, mut found) = (Vec::new(), 0);
    for file in rust_files("tests/end_to_end") {
        for (name, body) in tests(&file.text) {
            found += 1;
            if !body.contains(".finish()?") && !body.contains(".finish_unaudited(\"") {
                faults
                    .push(format!("{}: `{name}` neither has `.finish()?` nor `.finish_unaudited(\"why\")`", file.path));
            }
        }
    }
    assert!(found > 20, "the end-to-end tests are not found");
    expect_none("what the processes of a test leave in the topics is audited:", &faults);
}

#[test]
fn tests_of_whole_processes_wait_with_the_limit_that_only_a_hang_reaches() {
    let mut faults = Vec::new();
    for folder in ["tests/end_to_end", "tests/harness/tests"] {
        for file in rust_files(folder) {
            for (index, line) in file.text.lines().enumerate() {
                if line.contains("Duration::from_") || line.contains(".elapsed()") {
                    faults.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
                }
            }
        }
    }
    expect_none("wait with `HANGS_AFTER`; how long something takes is measured by benches:", &faults);
}
