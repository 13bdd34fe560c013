//! A matter as a person reads it: each event, who was told what, and why the others were not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use barid_event::watch;
use barid_ledger::{CopyEntry, DeadLetterEntry, EventEntry, Facts, RulesRead, Timeline};
use barid_policy::explain::Verdict;
use barid_policy::{Policy, explain};
use barid_schemas::{CaseEvent, Catalogue, Group};

use super::{ACCENT, BAD, FAINT, GOOD, HEADING, instant, line, styled};

/// What is needed to say why somebody was not told.
pub(crate) struct Rules<'r> {
    pub policy: &'r Policy,
    pub read: &'r RulesRead,
}

/// Prints the timeline; with `rules` also why others were not told.
pub(crate) fn print(timeline: &Timeline, catalogue: &Catalogue, rules: Option<&Rules<'_>>) -> io::Result<()> {
    for entry in &timeline.events {
        print_event(entry, catalogue)?;
        for copy in &entry.copies {
            line(format!("    {} {}", styled(GOOD, "told"), describe_copy(&entry.event, copy)))?;
        }
        if let Some(letter) = timeline.dead_letters.iter().find(|letter| letter.origin == origin(entry)) {
            line(format!("    {}: {}", styled(BAD, "nobody was told, dead letter"), why_dead(letter)))?;
        } else if let Some(rules) = rules {
            print_untold(entry, rules)?;
        }
    }
    let of_no_event = |letter: &&DeadLetterEntry| timeline.events.iter().all(|entry| origin(entry) != letter.origin);
    for letter in timeline.dead_letters.iter().filter(of_no_event) {
        line(format!("{} {}: {}", styled(BAD, "dead letter"), letter.origin, why_dead(letter)))?;
    }
    Ok(())
}

/// How many cases the timeline has: the same number of two agencies is two cases.
pub(crate) fn cases(timeline: &Timeline) -> usize {
    let case = |entry: &EventEntry| {
        let event = &entry.event;
        let number = event.case_no.clone().unwrap_or_else(|| event.corr_id.to_string());
        (event.publisher.clone(), event.service_code.clone(), number)
    };
    timeline.events.iter().map(case).collect::<BTreeSet<_>>().len()
}

fn origin(entry: &EventEntry) -> String {
    format!("{}/{}/{}", entry.place.topic, entry.place.partition, entry.place.offset)
}

fn why_dead(letter: &DeadLetterEntry) -> String {
    format!("{} {}", letter.reason, letter.detail)
}

fn print_event(entry: &EventEntry, catalogue: &Catalogue) -> io::Result<()> {
    let event = &entry.event;
    let service = catalogue.services.get(&event.service_code);
    let status = catalogue.statuses.get(&event.status_to);
    let when = instant(event.occurred_at, event.utc_offset_minutes);
    let correction = if event.correction_of.is_some() { "  correction" } else { "" };
    line(format!(
        "{}  {}  {} → {}{correction}  {}",
        styled(HEADING, &when),
        styled(ACCENT, &event.publisher),
        event.service_code,
        styled(HEADING, &event.status_to),
        styled(FAINT, format!("case {}", event.case_no.as_deref().unwrap_or("-"))),
    ))?;
    let service = service.map_or(event.service_code.as_str(), |service| service.label.fa.as_str());
    let status = status.map_or(event.status_to.as_str(), |status| status.label.fa.as_str());
    line(format!("    {service}: {status}"))
}

fn describe_copy(event: &CaseEvent, copy: &CopyEntry) -> String {
    let view = &copy.view;
    // What stands above already is not said again: lines stay short enough for a narrow terminal.
    let exact = view.service_code == event.service_code && view.status_to == event.status_to;
    let seen = if exact { "exact".to_owned() } else { format!("only {}.{}", view.service_code, view.status_to) };
    let groups: Vec<&str> = groups(view).map(Group::field_name).collect();
    let groups = if groups.is_empty() { "envelope".to_owned() } else { format!("envelope + {}", groups.join(", ")) };
    let matched =
        if copy.handles.is_empty() { String::new() } else { format!(", matched {}", copy.handles.join(", ")) };
    format!("{:<22} {seen}  [{groups}]  {}{matched}", copy.subscriber, styled(FAINT, &copy.permit))
}

/// The groups that a view has.
fn groups(view: &CaseEvent) -> impl Iterator<Item = Group> {
    Group::ALL.into_iter().filter(|group| match group {
        Group::Identity => view.identity.is_some(),
        Group::Number => view.number.is_some(),
        Group::Person => view.person.is_some(),
        Group::Contact => view.contact.is_some(),
        Group::Parcel => view.parcel.is_some(),
        Group::Decision => view.decision.is_some(),
        Group::Money => view.money.is_some(),
        Group::Violation => view.violation.is_some(),
        Group::Business => view.business.is_some(),
        Group::Resolution => view.resolution.is_some(),
        Group::Attachments => view.attachments.is_some(),
    })
}

fn print_untold(entry: &EventEntry, rules: &Rules<'_>) -> io::Result<()> {
    let place = &entry.place;
    if entry.copies.is_empty() && rules.read.version_at(&place.topic, place.partition, place.offset).is_none() {
        return line(styled(FAINT, "    no router has come to it yet"));
    }
    let keys = entry.watch_header.as_deref().and_then(|list| watch::decode_list(list).ok()).unwrap_or_default();
    let facts = Facts::of(&entry.event, keys, entry.place.timestamp);
    let mut untold: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for agency in rules.policy.catalogue.agencies.keys() {
        let told = entry.copies.iter().any(|copy| copy.subscriber == *agency);
        if told || *agency == entry.event.publisher {
            continue;
        }
        if let Verdict::Nothing { reason } = explain(rules.policy, &rules.read.watch, &facts.borrowed(), agency).verdict
        {
            untold.entry(reason.to_string()).or_default().push(agency);
        }
    }
    for (why, agencies) in untold {
        let who = if agencies.len() > 4 { format!("{} agencies", agencies.len()) } else { agencies.join(", ") };
        line(styled(FAINT, format!("    not told: {who}: {why}")))?;
    }
    Ok(())
}
