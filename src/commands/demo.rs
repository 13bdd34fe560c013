//! `barid demo`: everything in one process, nothing installed.
//!
//! [`stage`] starts the in-process broker, the embedded registry and a router, reads the exports and waits until every event has been
//! routed; this module shows what came of it.

mod stage;

use std::collections::BTreeMap;

use serde_json::json;

use super::Outcome;
use super::explain::field_table;
use crate::arguments::DemoArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::{self, fields, timeline};
use stage::Performance;

/// The tracking code of the matter that the demo tells: an eco-lodge from the first request to its opening.
const TOLD_MATTER: &str = "60014317002915";

/// What the in-process broker does not give.
const CAVEAT: &str = "\
The broker of this demo is a stand-in inside the process. It keeps nothing after the process ends, holds little, and does not hide
aborted transactions from readers, so it proves nothing about exactly-once. The schema registry is embedded and forgets as well.
For real work: Apache Kafka and a registry, `barid topics apply`, `barid schemas register`, `barid policy apply`, then `barid router`
and one `barid connect` beside each agency's system.";

pub(crate) fn run(arguments: &DemoArguments) -> Outcome {
    let performance = stage::perform(arguments)?;
    if arguments.json {
        show::line(to_json(&performance))?;
    } else {
        show_exports(&performance)?;
        show_inboxes(&performance)?;
        show_matter(&performance)?;
        show::line(format!("\n{CAVEAT}"))?;
    }
    let unread = performance.exports.iter().any(|export| export.rows == 0 || export.quarantined > 0);
    Ok(if performance.faults.is_empty() && !unread { Exit::Done } else { Exit::Found })
}

fn to_json(performance: &Performance) -> serde_json::Value {
    let exports: Vec<_> = performance
        .exports
        .iter()
        .map(|export| {
            json!({
                "agency": export.agency, "file": export.file, "rows": export.rows, "published": export.published,
                "unchanged": export.unchanged, "quarantined": export.quarantined, "waiting": export.waiting,
            })
        })
        .collect();
    let inboxes: BTreeMap<_, u64> =
        performance.inboxes.iter().map(|(agency, senders)| (agency, senders.values().sum())).collect();
    json!({
        "exports": exports, "inboxes": inboxes,
        "events": performance.events, "copies": performance.copies, "dead_letters": performance.dead_letters,
    })
}

fn heading(text: &str) -> Result<(), Failure> {
    Ok(show::line(format!("\n{}", show::styled(show::HEADING, text)))?)
}

fn show_exports(performance: &Performance) -> Result<(), Failure> {
    heading("What the agencies' exports gave")?;
    let rows = performance.exports.iter().map(|export| {
        let numbers = [export.rows, export.published, export.unchanged, export.quarantined, export.waiting];
        [export.agency.clone(), export.file.clone()].into_iter().chain(numbers.map(|number| number.to_string()))
    });
    let header = ["agency", "file", "rows", "published", "unchanged", "quarantined", "waiting"];
    show::line(show::table(&header, rows))?;
    for fault in &performance.faults {
        show::line(format!("{}: {fault}", show::styled(show::BAD, "not read")))?;
    }
    Ok(())
}

fn show_inboxes(performance: &Performance) -> Result<(), Failure> {
    heading("What the inboxes hold")?;
    let rows = performance.inboxes.iter().map(|(agency, senders)| {
        let copies: u64 = senders.values().sum();
        let from = senders.iter().map(|(publisher, count)| format!("{publisher} {count}")).collect::<Vec<_>>();
        [agency.clone(), copies.to_string(), from.join(", ")]
    });
    show::line(show::table(&["inbox", "copies", "from"], rows))?;
    show::line(format!(
        "{} events became {} copies; {} dead letters",
        performance.events, performance.copies, performance.dead_letters
    ))?;
    Ok(())
}

fn show_matter(performance: &Performance) -> Result<(), Failure> {
    let (mut matter, mut key) = (performance.matter(TOLD_MATTER)?, format!("tracking code {TOLD_MATTER}"));
    if matter.events.is_empty()
        && let Some(corr_id) = performance.largest_matter()?
    {
        matter = performance.matter(&corr_id)?;
        key = format!("corr_id {corr_id}");
    }
    let Some(first) = matter.events.first() else { return Ok(()) };
    let cases = show::count(timeline::cases(&matter), "case");
    heading(&format!("One matter, {cases}: {key}"))?;
    let rules = timeline::Rules { policy: &performance.policy, read: &performance.rules };
    timeline::print(&matter, &performance.policy.catalogue, Some(&rules))?;

    // The view that withholds most is the one worth looking at.
    let views = matter.events.iter().flat_map(|entry| entry.copies.iter().map(move |copy| (entry, copy)));
    let withheld = |rows: &[fields::FieldRow]| rows.iter().filter(|row| row.fate != fields::FieldFate::Shown).count();
    let mut best: Option<(usize, String, Vec<fields::FieldRow>)> = None;
    for (entry, copy) in views {
        let rows = fields::compare(&entry.event, &copy.view)?;
        let count = withheld(&rows);
        if best.as_ref().is_none_or(|(most, ..)| count > *most) {
            let event = &entry.event;
            let title = format!(
                "{}.{} of {}, as {} sees it",
                event.service_code, event.status_to, event.publisher, copy.subscriber
            );
            best = Some((count, title, rows));
        }
    }
    match best {
        Some((_, title, rows)) => {
            heading(&title)?;
            show::line(field_table(&rows))?;
        }
        None => show::line(format!("nobody was told of {}", first.event.event_id))?,
    }
    Ok(())
}
