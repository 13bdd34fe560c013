//! `barid trace`.

use barid_connector::cast::{Cast, CastOptions, Value};
use barid_connector::text;
use barid_kafka::StopSignal;
use barid_ledger::read_rules;
use barid_schemas::Catalogue;
use serde_json::json;

use super::Outcome;
use crate::arguments::TraceArguments;
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::show::timeline::Rules;
use crate::{builtin, show};

pub(crate) fn run(arguments: &TraceArguments, deployment: &Deployment) -> Outcome {
    let reader = deployment.reader(&StopSignal::new())?;
    let timeline = reader.matter(&as_written_by_connectors(&arguments.key))?;
    if arguments.json {
        show::line(json!(timeline))?;
        return Ok(if timeline.events.is_empty() { Exit::Found } else { Exit::Done });
    }
    if timeline.events.is_empty() {
        show::say(format!(
            "no event carries `{}` as corr_id, tracking code, case number or event id\n  \
             what did not become an event yet: barid quarantine list AGENCY",
            arguments.key
        ));
        return Ok(Exit::Found);
    }
    let rules = read_rules(&reader)?;
    let policy = rules.newest().map(|version| rules.policy(&Catalogue::shared(), version)).transpose()?;
    let why = policy.as_ref().map(|policy| Rules { policy, read: &rules });
    let builtin = builtin::catalogue()?;
    let catalogue = policy.as_ref().map_or(&builtin, |policy| &policy.catalogue);
    show::timeline::print(&timeline, catalogue, why.as_ref())?;
    let (events, cases) = (timeline.events.len(), show::timeline::cases(&timeline));
    show::say(format!("{} of {}", show::count(events, "event"), show::count(cases, "case")));
    Ok(Exit::Done)
}

/// The key as it stands in an event: a clerk types Persian digits, and a tracking code with its dashes.
fn as_written_by_connectors(key: &str) -> String {
    let text = text::ascii_digits(&text::clean(key));
    match Cast::TrackingCode.apply(&text, &CastOptions::default()) {
        Ok(Some(Value::TrackingCode(code))) => code,
        _ => text,
    }
}
