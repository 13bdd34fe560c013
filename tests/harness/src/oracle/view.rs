//! The view of an event that a grant gives, by the words of the design: what is not permitted is null.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Map, Value as Json, json};

use super::event::Event;
use super::policy_files::Grant;

/// The fields of the event record that are groups.
pub const GROUPS: [&str; 11] = [
    "identity",
    "number",
    "person",
    "contact",
    "parcel",
    "decision",
    "money",
    "violation",
    "business",
    "resolution",
    "attachments",
];

/// What a coarse view keeps of the envelope; service, statuses and view it says in its own words.
const COARSE_ENVELOPE: [&str; 7] =
    ["event_id", "corr_id", "publisher", "county", "occurred_at", "utc_offset_minutes", "precision"];

/// The fields of the view.
pub fn of(event: &Event, grant: &Grant, phases: &BTreeMap<String, String>) -> Result<Map<String, Json>> {
    let phase = |status: &Json| -> Result<Json> {
        match status.as_str() {
            None => Ok(Json::Null),
            Some(status) => Ok(json!(phases.get(status).with_context(|| format!("`{status}` has no phase"))?)),
        }
    };
    let mut fields = Map::new();
    for (name, value) in &event.fields {
        let is_group = GROUPS.contains(&name.as_str());
        let shown = if is_group {
            grant.groups.contains(name)
        } else {
            !grant.coarse || COARSE_ENVELOPE.contains(&name.as_str())
        };
        fields.insert(name.clone(), if shown { value.clone() } else { Json::Null });
    }
    if grant.coarse {
        let phase_to = phase(&event.fields["status_to"])?;
        fields.insert("service_code".into(), json!("restriction"));
        fields.insert("status_from".into(), phase(&event.fields["status_from"])?);
        fields.insert("status_to".into(), phase_to.clone());
        fields.insert("view".into(), json!("coarse"));
        if let Some(decision) = fields.get_mut("decision").and_then(Json::as_object_mut) {
            for (name, value) in decision.iter_mut() {
                match name.as_str() {
                    "decision" => *value = phase_to.clone(),
                    "decision_date" | "valid_until" => {}
                    _ => *value = Json::Null,
                }
            }
        }
    }
    Ok(fields)
}
