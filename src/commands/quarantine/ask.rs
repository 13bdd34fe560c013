//! `barid quarantine fix`, `resume` and `drop`: which rows, what would happen, and then the command to the connector.

use std::collections::{BTreeMap, BTreeSet};

use barid_codec::RecordCodec;
use barid_connector::command::{DROP, FIX, Preview, RESUME, ROWS, SET, columns, preview};
use barid_connector::{ConnectorConfig, Keys, quarantine};
use barid_event::Secret;
use barid_event::topics::commands_transactional_id;
use barid_kafka::{Outgoing, StopSignal, TransactionalProducer};
use barid_schemas::records::{CaseState, Command, QuarantineState, QuarantinedRow, Schema};
use uuid::Uuid;

use super::{is_named, place_order};
use crate::arguments::{DropArguments, FixArguments, ResumeArguments, RowsArguments};
use crate::commands::{Outcome, connect};
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

/// So many rows are shown, each on a line.
const ROWS_TOLD: usize = 20;

/// A command is one record: it names no more rows than fit into one with room to spare.
const MOST_ROWS: usize = 1_000;

/// What is asked about the rows.
struct Wish {
    action: &'static str,
    set: BTreeMap<String, String>,
    settled: bool,
    reason: Option<String>,
}

pub(super) fn fix(arguments: &FixArguments, deployment: &Deployment) -> Outcome {
    let set = arguments.set.iter().cloned().collect();
    let wish = Wish { action: FIX, set, settled: false, reason: arguments.reason.clone() };
    ask(&arguments.rows, &wish, deployment)
}

pub(super) fn resume(arguments: &ResumeArguments, deployment: &Deployment) -> Outcome {
    let ResumeArguments { rows, settled, reason } = arguments;
    let wish = Wish { action: RESUME, set: BTreeMap::new(), settled: *settled, reason: reason.clone() };
    ask(rows, &wish, deployment)
}

pub(super) fn drop(arguments: &DropArguments, deployment: &Deployment) -> Outcome {
    let reason = Some(arguments.reason.clone());
    let wish = Wish { action: DROP, set: BTreeMap::new(), settled: false, reason };
    ask(&arguments.rows, &wish, deployment)
}

fn ask(arguments: &RowsArguments, wish: &Wish, deployment: &Deployment) -> Outcome {
    let RowsArguments { agency, config, catalogue, .. } = arguments;
    let config = config.as_ref().map(|path| connect::read_config(path, catalogue.as_ref())).transpose()?;
    if let Some(config) = config.as_ref().filter(|config| config.agency != *agency) {
        let message = format!("this is the configuration of `{}`, not of `{agency}`", config.agency);
        return Err(Failure::new(Exit::Mistaken, message));
    }
    let reader = deployment.reader(&StopSignal::new())?;
    let all: BTreeMap<String, QuarantinedRow> = reader.latest(&deployment.topics()?.quarantine(agency))?;
    let chosen = chosen(arguments, wish, &all)?;
    check_columns(wish, &chosen, config.as_ref())?;

    let commands: Vec<Command> = chosen.chunks(MOST_ROWS).map(|rows| command(arguments, wish, rows)).collect();
    tell_rows(&chosen)?;
    match &config {
        Some(config) => {
            let cases: BTreeMap<String, CaseState> = reader.latest(&deployment.topics()?.cases(agency))?;
            let whole = command(arguments, wish, &chosen);
            tell_preview(&preview(config, &stand_in_keys()?, cases.into_values(), &all, &whole, show::now()));
        }
        None => tell_guess(wish, &chosen, &all),
    }
    if !arguments.yes {
        show::say("nothing was asked; to do it: the same with --yes");
        return Ok(Exit::Done);
    }
    write(deployment, agency, &commands)?;
    let ids: Vec<String> = commands.iter().map(|command| command.command_id.to_string()).collect();
    show::say(format!(
        "asked as {}; the connector of `{agency}` carries it out as soon as it runs\n  to see what came of it: barid quarantine history {agency}",
        ids.join(", ")
    ));
    Ok(Exit::Done)
}

/// The rows that are meant, in the order of their places.
fn chosen<'r>(
    arguments: &RowsArguments,
    wish: &Wish,
    all: &'r BTreeMap<String, QuarantinedRow>,
) -> Result<Vec<&'r QuarantinedRow>, Failure> {
    let RowsArguments { agency, keys, reason_code, file, row: number, .. } = arguments;
    let is_meant = |row: &&QuarantinedRow| {
        let is_exact = number.is_some() || keys.contains(&row.row_identity);
        row.is_settled() == wish.settled
            && (keys.is_empty() || keys.iter().any(|key| is_named(row, key)))
            && reason_code.as_ref().is_none_or(|code| row.problems.iter().any(|problem| problem.reason == *code))
            && file.as_ref().is_none_or(|file| row.file == *file)
            && number.is_none_or(|number| row.row == number)
            // Those that wait go on by themselves.
            && (is_exact || wish.settled || row.state == QuarantineState::Faulty)
    };
    let mut chosen: Vec<&QuarantinedRow> = all.values().filter(is_meant).collect();
    for key in keys {
        if !chosen.iter().any(|row| is_named(row, key)) {
            let settled = if wish.settled { " --settled" } else { "" };
            let message = format!(
                "nothing of `{key}` to {}\n  to see what there is: barid quarantine list {agency}{settled}",
                wish.action
            );
            return Err(Failure::new(Exit::Found, message));
        }
    }
    if chosen.is_empty() {
        let message = format!("no such row\n  to see what there is: barid quarantine list {agency}");
        return Err(Failure::new(Exit::Found, message));
    }
    chosen.sort_by(|one, other| place_order(one, other));
    Ok(chosen)
}

/// A column that no row has is a slip of the pen: nothing would come of it.
fn check_columns(wish: &Wish, chosen: &[&QuarantinedRow], config: Option<&ConnectorConfig>) -> Result<(), Failure> {
    for row in chosen {
        let known: BTreeSet<String> = match config {
            Some(config) => columns(config, &row.source).collect(),
            None => row.columns.keys().cloned().collect(),
        };
        let Some(unknown) = wish.set.keys().find(|column| !known.contains(*column)) else { continue };
        let meant = barid_mistake::nearest(unknown, known.iter().map(String::as_str));
        let meant = meant.map_or_else(
            || format!("there are: {}", known.iter().cloned().collect::<Vec<_>>().join(", ")),
            |word| format!("is `{word}` meant?"),
        );
        let message = format!("{} row {} has no column `{unknown}`; {meant}", row.file, row.row);
        return Err(Failure::new(Exit::Mistaken, message));
    }
    Ok(())
}

fn command(arguments: &RowsArguments, wish: &Wish, rows: &[&QuarantinedRow]) -> Command {
    let keys: Vec<String> = rows.iter().map(|row| quarantine::key(row)).collect();
    let mut values = BTreeMap::from([(ROWS.to_owned(), keys.join("\n"))]);
    values.extend(wish.set.iter().map(|(column, value)| (format!("{SET}{column}"), value.clone())));
    let user = || std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    Command {
        command_id: Uuid::new_v4(),
        target: arguments.agency.clone(),
        action: wish.action.to_owned(),
        arguments: values,
        asked_by: arguments.by.clone().or_else(|| user().ok()).unwrap_or_else(|| "operator".to_owned()),
        reason: wish.reason.clone(),
        asked_at: show::now(),
    }
}

fn tell_rows(chosen: &[&QuarantinedRow]) -> Result<(), Failure> {
    let cells = chosen.iter().take(ROWS_TOLD).map(|row| {
        let reasons: Vec<&str> = row.problems.iter().map(|problem| problem.reason.as_str()).collect();
        [row.file.clone(), row.row.to_string(), row.case_key.clone(), reasons.join(", ")]
    });
    show::line(show::table(&["file", "row", "case", "reasons"], cells))?;
    if chosen.len() > ROWS_TOLD {
        show::line(format!("and {} more", chosen.len() - ROWS_TOLD))?;
    }
    Ok(())
}

/// What would happen, computed as the connector does it.
fn tell_preview(preview: &Preview) {
    let count = |number: u64, noun: &str| show::count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    show::say(format!(
        "{}: {} would be published, {} would leave the quarantine",
        count(preview.rows, "row"),
        count(preview.events, "event"),
        count(preview.left, "row")
    ));
    for row in preview.at_fault.iter().take(ROWS_TOLD) {
        for problem in &row.problems {
            let column = problem.column.as_deref().map(|column| format!("{column}: ")).unwrap_or_default();
            show::say(format!("still at fault: {} row {}, {column}{}", row.file, row.row, problem.message_en));
        }
    }
    if preview.at_fault.len() > ROWS_TOLD {
        show::say(format!("and {} more that would still be at fault", preview.at_fault.len() - ROWS_TOLD));
    }
}

/// Without the mapping nobody can say more.
fn tell_guess(wish: &Wish, chosen: &[&QuarantinedRow], all: &BTreeMap<String, QuarantinedRow>) {
    let cases: BTreeSet<&str> =
        chosen.iter().map(|row| row.case_key.as_str()).filter(|case| !case.is_empty()).collect();
    let waiting = all.values().filter(|row| row.state == QuarantineState::Waiting && !row.is_settled());
    let waiting = waiting.filter(|row| cases.contains(row.case_key.as_str())).count();
    show::say(format!(
        "{} to {}; in their cases {} behind them",
        show::count(chosen.len(), "row"),
        wish.action,
        if waiting == 1 { "1 row waits".to_owned() } else { format!("{waiting} rows wait") }
    ));
    show::say("to see what would come of it: --config with the connector's configuration");
}

/// The preview shows no id, so it needs no secret.
fn stand_in_keys() -> Result<Keys, Failure> {
    let key = || Secret::from_bytes(b"preview, no secret".to_vec()).map_err(|error| Failure::failed(error.to_string()));
    Ok(Keys { connector: key()?, correlation: key()?, watch: key()? })
}

/// Writes the commands, all of them or none.
fn write(deployment: &Deployment, agency: &str, commands: &[Command]) -> Result<(), Failure> {
    let cluster = deployment.reachable_cluster(&StopSignal::new())?;
    let registry = deployment.registry()?;
    registry.register_records()?;
    let codec = RecordCodec::<Command>::new(registry.register(Command::FULL_NAME, Command::AVSC)?)?;
    let topic = deployment.topics()?.commands_of(agency);
    let id = commands_transactional_id(&deployment.name()?, agency);
    let mut producer = TransactionalProducer::connect(&cluster, &id, &StopSignal::new())?;
    producer.begin()?;
    for command in commands {
        let value = codec.to_vec(command)?;
        let (topic, key) = (topic.as_str(), command.target.as_bytes());
        producer.send(&Outgoing { topic, key: Some(key), value: Some(&value), ..Outgoing::default() })?;
    }
    Ok(producer.commit()?)
}
