//! What must be in the inboxes: worked out slowly, by plain loops over values decoded by apache-avro.
//!
//! `events.*` (decoded) + permit files + watch list → for each event and subscriber the [`ExpectedCopy`]: key, every field,
//! every header. [`compare()`] holds what a router wrote against it. [`exports`] works out counts and field values from what
//! the sample exports are known to say, without looking at any event.
//!
//! It reads the files of policy and catalogue as tables, not through the bus's own types, and knows persons and parcels by
//! their numbers, not by hashes: it sees what no single office sees. The schema of a view is that of its event, so values
//! are compared as JSON with the Avro field names ([`event::plain`]).

pub mod compare;
pub mod event;
pub mod exports;
pub mod policy_files;
pub mod view;

use anyhow::{Context, Result};
use serde_json::Value as Json;

pub use compare::{Inboxes, compare};
pub use event::{Decode, Event};
pub use policy_files::{Grant, PolicyFiles, Subscription};

/// What one subscriber watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub subscriber: String,
    /// The subscriber's own name for the matter.
    pub handle: String,
    pub what: Watched,
}

/// A person or a parcel, as the subscriber knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// National id or legal id.
    Person(String),
    /// Main, sub, section, district.
    Parcel([String; 4]),
}

/// One copy that must be in an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedCopy {
    pub subscriber: String,
    pub key: String,
    pub schema_id: u32,
    /// The view's fields, by Avro name.
    pub fields: serde_json::Map<String, Json>,
    /// Name and value, sorted; without `traceparent`, whose span may differ.
    pub headers: Vec<(String, String)>,
    /// The trace that the event belongs to.
    pub trace_id: String,
    pub grant: Grant,
}

/// Works out the copies of events.
#[derive(Debug, Clone)]
pub struct Oracle {
    pub policy: PolicyFiles,
    pub watches: Vec<Watch>,
}

impl Oracle {
    /// Every copy of an event, by subscriber.
    pub fn copies(&self, event: &Event) -> Result<Vec<ExpectedCopy>> {
        let mut copies = Vec::new();
        for grant in &self.policy.grants {
            let reaches = grant.publisher == event.text("publisher")?
                && grant.service == event.text("service_code")?
                && grant.status == event.text("status_to")?
                && grant.valid_from <= event.day()?
                && event.day()? <= grant.valid_until;
            if !reaches {
                continue;
            }
            let handles = self.handles(grant, event);
            let meets_condition = match grant.requires.as_deref() {
                None => true,
                Some("addressee") => event.fields["identity"]["relying_agency"] == grant.subscriber.as_str(),
                Some(_) => !handles.is_empty(),
            };
            if !meets_condition {
                continue;
            }
            let fields = view::of(event, grant, &self.policy.phases)?;
            let headers = headers(event, &fields, grant, &handles)?;
            let copy = ExpectedCopy {
                subscriber: grant.subscriber.clone(),
                key: event.text("corr_id")?.to_owned(),
                schema_id: event.schema_id,
                fields,
                headers,
                trace_id: event.trace_id()?,
                grant: grant.clone(),
            };
            if self.policy.wants(&copy) {
                copies.push(copy);
            }
        }
        copies.sort_by(|one, other| one.subscriber.cmp(&other.subscriber));
        Ok(copies)
    }

    /// The handles of the subscriber's watches that the event meets, if the grant asks for a watch.
    fn handles(&self, grant: &Grant, event: &Event) -> Vec<String> {
        let mut handles = Vec::new();
        for watch in self.watches.iter().filter(|watch| watch.subscriber == grant.subscriber) {
            let met = match (&watch.what, grant.requires.as_deref()) {
                (Watched::Person(number), Some("watch:person")) => {
                    let numbers = &event.fields["number"];
                    numbers["national_id"] == number.as_str() || numbers["legal_id"] == number.as_str()
                }
                (Watched::Parcel(plate), Some("watch:parcel")) => {
                    let parcel = &event.fields["parcel"];
                    let names = ["plate_main", "plate_sub", "plate_section", "plate_district"];
                    names.iter().zip(plate).all(|(name, part)| parcel[name].as_str().unwrap_or_default() == part)
                }
                _ => false,
            };
            if met {
                handles.push(watch.handle.clone());
            }
        }
        handles
    }
}

/// Everything that stands on a copy but its `traceparent`.
fn headers(
    event: &Event,
    fields: &serde_json::Map<String, Json>,
    grant: &Grant,
    handles: &[String],
) -> Result<Vec<(String, String)>> {
    let text = |name: &str| fields[name].as_str().with_context(|| format!("`{name}` of a view is no text"));
    let occurred_at = fields["occurred_at"].as_i64().context("`occurred_at` is no number")?;
    let mut headers = vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", text("event_id")?.to_owned()),
        ("ce_source", format!("/agencies/{}", text("publisher")?)),
        ("ce_type", format!("ir.barid.{}.{}", text("service_code")?, text("status_to")?)),
        ("ce_subject", text("corr_id")?.to_owned()),
        ("ce_time", jiff::Timestamp::from_millisecond(occurred_at)?.to_string()),
        ("ce_dataschema", event.record.header("ce_dataschema")?),
        ("content-type", "application/avro".to_owned()),
        ("barid-permit", grant.number.clone()),
    ];
    headers.extend(handles.iter().map(|handle| ("barid-match", handle.clone())));
    let mut headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.sort();
    Ok(headers)
}

#[cfg(test)]
mod tests;
