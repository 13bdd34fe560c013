//! `barid quarantine history`: what was asked, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use barid_codec::{RecordReader, Schemas};
use barid_connector::command::ROWS;
use barid_kafka::{StopSignal, read_to_high_watermark};
use barid_schemas::records::{Command, CommandDone, SourcePosition};
use serde_json::json;

use crate::commands::Outcome;
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

pub(super) fn run(agency: &str, as_json: bool, deployment: &Deployment) -> Outcome {
    let commands = commands(agency, deployment)?;
    let (next_offset, done) = done(agency, deployment)?;
    if as_json {
        for (offset, command) in &commands {
            let rows: Vec<&str> = command.arguments.get(ROWS).map(|rows| rows.lines().collect()).unwrap_or_default();
            show::line(json!({
                "command_id": command.command_id, "action": command.action, "asked_by": command.asked_by,
                "reason": command.reason, "asked_at": command.asked_at, "rows": rows.len(),
                "state": state(*offset, next_offset), "done": done.get(&command.command_id),
            }))?;
        }
        return Ok(Exit::Done);
    }
    let cells = commands.iter().map(|(offset, command)| {
        let outcome = match done.get(&command.command_id) {
            Some(done) => format!("{} rows found, {} left, {} events", done.rows, done.left, done.published),
            None => state(*offset, next_offset).to_owned(),
        };
        let reason = command.reason.clone().unwrap_or_default();
        let (action, by) = (command.action.clone(), command.asked_by.clone());
        [show::instant(command.asked_at, 0), action, by, outcome, reason, command.command_id.to_string()]
    });
    show::line(show::table(&["asked (UTC)", "action", "by", "outcome", "reason", "command"], cells))?;
    if commands.is_empty() {
        show::say(format!("nothing has been asked of the connector of `{agency}`"));
    }
    Ok(Exit::Done)
}

/// Of older commands it is not kept what came of them.
fn state(offset: i64, next_offset: i64) -> &'static str {
    if offset < next_offset { "done" } else { "waits for the connector" }
}

/// The commands with their offsets, oldest first.
fn commands(agency: &str, deployment: &Deployment) -> Result<Vec<(i64, Command)>, Failure> {
    let cluster = deployment.reachable_cluster(&StopSignal::new())?;
    let reader = RecordReader::<Command>::new(deployment.registry()? as Arc<dyn Schemas>);
    let mut commands = Vec::new();
    let topic = deployment.topics()?.commands_of(agency);
    read_to_high_watermark(&cluster, &topic, &StopSignal::new(), |record| {
        commands.extend(record.value.map(|value| reader.decode(value).map(|command| (record.offset, command))));
    })?;
    Ok(commands.into_iter().collect::<Result<_, _>>()?)
}

/// How far the connector has carried them out, and what came of the last ones.
fn done(agency: &str, deployment: &Deployment) -> Result<(i64, BTreeMap<uuid::Uuid, CommandDone>), Failure> {
    let reader = deployment.reader(&StopSignal::new())?;
    let positions: BTreeMap<String, SourcePosition> = reader.latest(&deployment.topics()?.positions())?;
    let mut positions = positions.into_values();
    let position = positions.find(|position| position.agency == agency && position.commands.is_some());
    let commands = position.and_then(|position| position.commands).unwrap_or_default();
    Ok((commands.next_offset, commands.done.into_iter().map(|done| (done.command_id, done)).collect()))
}
