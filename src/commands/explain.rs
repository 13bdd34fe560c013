//! `barid explain`.

use barid_event::watch;
use barid_kafka::StopSignal;
use barid_ledger::{EventEntry, Facts, Reader, RulesRead, read_rules};
use barid_policy::{Explanation, explain};
use barid_schemas::Catalogue;
use serde_json::json;

use super::Outcome;
use crate::arguments::ExplainArguments;
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::show::fields::{self, FieldFate, FieldRow};

pub(crate) fn run(arguments: &ExplainArguments, deployment: &Deployment) -> Outcome {
    let reader = deployment.reader(&StopSignal::new())?;
    let entry = find(&reader, arguments)?;
    let rules = read_rules(&reader)?;
    let (version, told) = version(&rules, &entry)?;
    let policy = rules.policy(&Catalogue::shared(), version)?;
    if !policy.catalogue.agencies.contains_key(&arguments.subscriber) {
        let known = policy.catalogue.agencies.keys().map(String::as_str);
        let meant = barid_mistake::nearest(&arguments.subscriber, known);
        let meant = meant.map(|word| format!("; is `{word}` meant?")).unwrap_or_default();
        return Err(Failure::new(Exit::Mistaken, format!("no agency `{}`{meant}", arguments.subscriber)));
    }
    let keys = entry.watch_header.as_deref().and_then(|list| watch::decode_list(list).ok()).unwrap_or_default();
    let facts = Facts::of(&entry.event, keys, entry.place.timestamp);
    let explanation = explain(&policy, &rules.watch, &facts.borrowed(), &arguments.subscriber);
    let copy = entry.copies.iter().find(|copy| copy.subscriber == arguments.subscriber);
    let seen = copy.map(|copy| fields::compare(&entry.event, &copy.view)).transpose()?;
    if arguments.json {
        show::line(json!({
            "event": entry.place, "policy_version": version, "version_told_by_router": told,
            "explanation": explanation, "copy": copy.map(|copy| &copy.place), "fields": seen,
        }))?;
        return Ok(Exit::Done);
    }
    print(&entry, version, told, &explanation)?;
    match (&seen, copy) {
        (Some(rows), Some(copy)) => {
            show::line(format!("\nthe copy: {}/{}@{}", copy.place.topic, copy.place.partition, copy.place.offset))?;
            show::line(field_table(rows))?;
        }
        _ => show::line("\nthere is no copy in its inbox")?,
    }
    Ok(Exit::Done)
}

fn find(reader: &Reader, arguments: &ExplainArguments) -> Result<EventEntry, Failure> {
    let timeline = reader.matter(&arguments.event.to_string())?;
    let found = timeline.events.into_iter().find(|entry| entry.event.event_id == arguments.event);
    found.ok_or_else(|| Failure::new(Exit::Found, format!("no event has the id {}", arguments.event)))
}

/// The version that decided, and whether a router has told so; else the newest.
fn version(rules: &RulesRead, entry: &EventEntry) -> Result<(i64, bool), Failure> {
    let place = &entry.place;
    if let Some(version) = rules.version_at(&place.topic, place.partition, place.offset) {
        return Ok((version, true));
    }
    let newest = rules.newest().map(|version| (version, false));
    newest
        .ok_or_else(|| Failure::failed("no version of the policy has been applied\n  to apply one: barid policy apply"))
}

fn print(entry: &EventEntry, version: i64, told: bool, explanation: &Explanation) -> Result<(), Failure> {
    let event = &entry.event;
    show::line(format!("{}  {}.{}", event.publisher, event.service_code, event.status_to))?;
    let decided = if told { "decided under" } else { "no router has decided yet; explained with" };
    show::line(format!("{decided} version {version} of the policy\n"))?;
    for finding in &explanation.findings {
        let mark = if finding.passed { show::styled(show::GOOD, "yes") } else { show::styled(show::BAD, "no ") };
        let place =
            finding.place.as_deref().map(|place| format!("  {}", show::styled(show::FAINT, place))).unwrap_or_default();
        show::line(format!("{mark}  {}{place}", finding.text))?;
    }
    let verdict = format!("{} {}", explanation.subscriber, explanation.verdict);
    show::line(format!("\n{}", show::styled(show::HEADING, verdict)))?;
    Ok(())
}

/// Event and view side by side.
pub(crate) fn field_table(rows: &[FieldRow]) -> String {
    let offset = rows.iter().find(|row| row.field == "utc_offset_minutes").and_then(|row| row.event.as_i64());
    let offset = offset.and_then(|minutes| i32::try_from(minutes).ok()).unwrap_or(0);
    let cells = rows.iter().map(|row| {
        let fate = match row.fate {
            FieldFate::Shown => "shown",
            FieldFate::Changed => "coarse",
            FieldFate::Withheld => "withheld",
        };
        let text = |value| fields::readable(&row.field, value, offset);
        [row.field.clone(), text(&row.event), text(&row.view), fate.to_owned()]
    });
    show::table(&["field", "in the event", "in the view", ""], cells)
}
