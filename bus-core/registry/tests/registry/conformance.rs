//! One suite for every registry that speaks Confluent's API: the embedded one in memory and on a topic, and Apicurio, which nobody here wrote.
//!
//! A case is some requests, of which the last is looked at, and the answer that Confluent's registry documents (`cases`). The suite runs against a URL and tells
//! the answers. Where a registry gives another answer stands in a table in `docs/registry.md`, and the test compares that table with what it finds: a difference
//! that is new, and one that is gone, both fail it.

mod cases;
mod talk;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use barid_harness::{Apicurio, cache};
use barid_registry::EmbeddedRegistry;

use crate::support::{Instance, topic};
use cases::{Case, cases};
use talk::Talk;

const PAGE: &str = "docs/registry.md";
const BEGIN: &str = "<!-- differences: written by the conformance suite -->\n";
const END: &str = "<!-- end of differences -->\n";
/// Set it to write the table anew.
const RENEW: &str = "BARID_RENEW_DOCS";

/// The answers of the registry at this URL, in the order of the cases.
fn answers(url: &str, cases: &[Case]) -> Result<Vec<String>> {
    cases.iter().map(|case| Talk::new(url)?.answer(case).with_context(|| case.what.clone())).collect()
}

fn table(cases: &[Case], embedded: &[String], apicurio: &[String]) -> (String, usize) {
    let mut table =
        String::from("| case | last request | Confluent | embedded | Apicurio 3.3.3 |\n|---|---|---|---|---|\n");
    let mut differ = 0;
    let shown = |answer: &str, expected: &str| {
        if answer == expected { "the same".to_owned() } else { format!("`{}`", answer.replace('|', "\\|")) }
    };
    for ((case, embedded), apicurio) in cases.iter().zip(embedded).zip(apicurio) {
        if *embedded == case.expected && *apicurio == case.expected {
            continue;
        }
        differ += 1;
        let request = case.last_request();
        let (embedded, apicurio) = (shown(embedded, &case.expected), shown(apicurio, &case.expected));
        let _ = writeln!(table, "| {} | `{request}` | `{}` | {embedded} | {apicurio} |", case.what, case.expected);
    }
    let _ = write!(table, "\n{} cases, {differ} of them differ somewhere.\n", cases.len());
    (table, differ)
}

#[test]
fn registries_differ_where_the_page_says_and_nowhere_else() -> Result<()> {
    let cases = cases();
    let in_memory = EmbeddedRegistry::start("127.0.0.1:0")?;
    let embedded = answers(&in_memory.url(), &cases)?;
    let on_topic = Instance::start(&topic("conformance"))?;
    for ((case, memory), topic) in cases.iter().zip(&embedded).zip(answers(on_topic.client.url(), &cases)?) {
        assert_eq!(*memory, topic, "{}: in memory and on a topic", case.what);
    }
    let mut apicurio = Apicurio::start()?;
    let answered = answers(&apicurio.url(), &cases).with_context(|| apicurio.diagnosis())?;
    let (table, _) = table(&cases, &embedded, &answered);

    let path = cache::checkout().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("`{PAGE}` cannot be read"))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no table")?;
    let (written, after) = rest.split_once(END).context("the table has no end")?;
    if std::env::var_os(RENEW).is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        written == table,
        "`{PAGE}` does not say what was found; to renew it, set {RENEW}=1 and run this test again. Found:\n{table}"
    );
    Ok(())
}

#[test]
fn an_answer_that_is_not_as_documented_is_a_difference() {
    let case = Case::new("a case", "404 40401").get("/subjects/{s}/versions", "");
    let (table, differ) = table(std::slice::from_ref(&case), &["404 40401".to_owned()], &["200 []".to_owned()]);
    assert_eq!(differ, 1);
    assert!(table.contains("| `404 40401` | the same | `200 []` |"), "{table}");
}
