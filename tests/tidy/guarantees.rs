//! What `docs/guarantees.md` names as its proof is there.

use crate::tree::{expect_none, read};

/// File and function of each test in the table; both stand in back-quotes in the last column.
fn named_tests(page: &str) -> Vec<(String, String)> {
    let table = page.split("## Claim and test").nth(1).unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let last_column = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let quoted = last_column.map(|column| column.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    quoted
        .map(|parts| (parts.first().cloned().unwrap_or_default(), parts.get(1).cloned().unwrap_or_default()))
        .collect()
}

#[test]
fn every_claim_in_the_page_of_guarantees_has_a_test_that_is_there() {
    let named = named_tests(&read("docs/guarantees.md"));
    assert!(named.len() > 20, "the table of claims and tests is not found");
    let mut faults = Vec::new();
    for (file, function) in named {
        let text = read(&file);
        let declaration = format!("fn {function}(");
        let is_test = text.split("#[test]").skip(1).any(|after| {
            let next = after.find("fn ").map(|at| &after[at..]);
            next.is_some_and(|next| next.starts_with(&declaration))
        });
        if !is_test {
            faults.push(format!("{file}: no test `{function}`"));
        }
    }
    expect_none("docs/guarantees.md names tests that are not there:", &faults);
}
