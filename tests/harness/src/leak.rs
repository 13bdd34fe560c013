//! Looks in one inbox record for anything that its grant does not give.
//!
//! Three looks, none of which trusts the view that the oracle would have made:
//! 1. every field of the event that the grant withholds must be null in the decoded copy;
//! 2. every withheld text of six characters or more, and of a coarse view the exact service, statuses, national service id,
//!    case number and letter number whatever their length, must not stand in the bytes of value, key or headers;
//! 3. only headers that a copy may have are there.
//!
//! A withheld text that also stands in something that the grant gives is no leak: the number of a licence can be the number
//! of a decision.

use anyhow::Result;
use serde_json::{Map, Value as Json};

use crate::oracle::event::{Decode, Event};
use crate::oracle::policy_files::Grant;
use crate::oracle::view::GROUPS;
use crate::records::RawRecord;

/// Shorter texts ("39", "none") would be found by chance.
const SHORTEST_TEXT: usize = 6;

/// What a copy may carry beside its value.
const HEADERS: [&str; 11] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
    "traceparent",
    "barid-permit",
    "barid-match",
];

/// What a coarse view may tell of the envelope. `service_code`, the statuses and `view` must differ from the event's.
const COARSE_ENVELOPE: [&str; 7] =
    ["event_id", "corr_id", "publisher", "county", "occurred_at", "utc_offset_minutes", "precision"];

/// Of a coarse view's decision.
const COARSE_DECISION: [&str; 2] = ["decision_date", "valid_until"];

/// Searched in a coarse view whatever their length.
const TELLING: [&str; 6] = ["service_code", "national_service_id", "case_no", "status_from", "status_to", "letter_no"];

/// Everything in `copy` that `grant` does not give of `event`.
pub fn leaks(event: &Event, copy: &RawRecord, grant: &Grant, decoder: &impl Decode) -> Result<Vec<String>> {
    let decoded = Event::decode(copy.clone(), decoder)?;
    let place = copy.place();
    let mut found = Vec::new();
    let mut withheld: Vec<(String, &str)> = Vec::new();
    let mut given: Vec<&str> = Vec::new();
    for (name, value) in &event.fields {
        let is_group = GROUPS.contains(&name.as_str());
        let is_given = if is_group {
            grant.groups.contains(name)
        } else {
            !grant.coarse || COARSE_ENVELOPE.contains(&name.as_str())
        };
        if grant.coarse && is_given && name == "decision" {
            for (part, value) in value.as_object().into_iter().flatten() {
                let is_given = COARSE_DECISION.contains(&part.as_str());
                texts(
                    value,
                    &format!("decision.{part}"),
                    if is_given { None } else { Some(&mut withheld) },
                    &mut given,
                );
                let seen = &decoded.fields["decision"][part];
                // `decision` itself stands there as the phase.
                if !is_given && part != "decision" && !seen.is_null() {
                    found.push(format!("{place}: `decision.{part}` is not null"));
                }
            }
            continue;
        }
        texts(value, name, if is_given { None } else { Some(&mut withheld) }, &mut given);
        let seen = decoded.fields.get(name).unwrap_or(&Json::Null);
        let says_it_coarsely =
            grant.coarse && matches!(name.as_str(), "service_code" | "status_from" | "status_to" | "view");
        if says_it_coarsely {
            if name == "service_code" && seen != "restriction" || name == "view" && seen != "coarse" {
                found.push(format!("{place}: `{name}` is not coarse"));
            }
        } else if !is_given && !seen.is_null() {
            found.push(format!("{place}: `{name}` is not null"));
        }
    }
    let words_of_the_bus = words_of_the_bus(event, grant, &decoded.fields);
    for (field, text) in &withheld {
        let is_searched = text.chars().count() >= SHORTEST_TEXT || (grant.coarse && TELLING.contains(&field.as_str()));
        let is_known =
            given.iter().any(|given| given.contains(text)) || words_of_the_bus.iter().any(|word| word.contains(text));
        if text.is_empty() || !is_searched || is_known {
            continue;
        }
        for (part, bytes) in parts(copy) {
            if contains(bytes, text.as_bytes()) {
                found.push(format!("{place}: the text of `{field}` stands in the {part}"));
            }
        }
    }
    for (name, _) in &copy.headers {
        if !HEADERS.contains(&name.as_str()) {
            found.push(format!("{place}: a header `{name}`"));
        }
    }
    Ok(found)
}

/// What a copy says in the bus's own words: they may hold a withheld text by chance, such as a phase called as a status.
fn words_of_the_bus(event: &Event, grant: &Grant, seen: &Map<String, Json>) -> Vec<String> {
    let mut words = vec![
        "application/avro".to_owned(),
        "/agencies/".to_owned(),
        "ir.barid.".to_owned(),
        grant.number.clone(),
        event.record.header("ce_dataschema").unwrap_or_default(),
    ];
    if grant.coarse {
        words.push("restriction".to_owned());
        // A phase, looked up by the router: one of five words whatever the event says.
        const PHASES: [&str; 5] = ["opened", "in_progress", "blocked", "cleared", "ended"];
        for name in ["status_from", "status_to"] {
            words.extend(seen[name].as_str().filter(|phase| PHASES.contains(phase)).map(str::to_owned));
        }
    }
    words
}

/// Every text in `value` with the path of its field, to `withheld` or, without that, to `given`.
fn texts<'v>(value: &'v Json, path: &str, withheld: Option<&mut Vec<(String, &'v str)>>, given: &mut Vec<&'v str>) {
    let mut all = Vec::new();
    collect(value, path, &mut all);
    match withheld {
        Some(withheld) => withheld.extend(all),
        None => given.extend(all.into_iter().map(|(_, text)| text)),
    }
}

fn collect<'v>(value: &'v Json, path: &str, all: &mut Vec<(String, &'v str)>) {
    match value {
        Json::String(text) => all.push((path.to_owned(), text)),
        Json::Array(values) => values.iter().for_each(|value| collect(value, path, all)),
        Json::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, &format!("{path}.{name}"), all)),
        _ => {}
    }
}

/// Value, key and headers with their names.
fn parts(record: &RawRecord) -> Vec<(String, &[u8])> {
    let mut parts = vec![
        ("value".to_owned(), record.value.as_deref().unwrap_or_default()),
        ("key".to_owned(), record.key.as_deref().unwrap_or_default()),
    ];
    for (name, value) in &record.headers {
        parts.push((format!("header `{name}`"), value));
        parts.push((format!("name of header `{name}`"), name.as_bytes()));
    }
    parts
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
