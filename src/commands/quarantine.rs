//! `barid quarantine`: what is there; [`ask`] and [`history`] are what to do about it.

mod ask;
mod history;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use barid_connector::quarantine::{QuarantineLine, to_csv};
use barid_connector::text;
use barid_kafka::StopSignal;
use barid_schemas::records::{QuarantineState, QuarantinedRow};
use serde_json::json;

use super::Outcome;
use crate::arguments::QuarantineCommand;
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

pub(crate) fn run(command: &QuarantineCommand, deployment: &Deployment) -> Outcome {
    match command {
        QuarantineCommand::List { agency, settled: true, json, .. } => settled(deployment, agency, *json),
        QuarantineCommand::List { agency, csv, json, .. } => {
            let mut rows = rows(deployment, agency)?;
            rows.retain(|row| !row.is_settled());
            if *csv {
                show::line(to_csv(&rows).trim_end())?;
            } else if *json {
                for row in &rows {
                    show::line(json!(QuarantineLine::from(row)))?;
                }
            } else {
                list(agency, &rows)?;
            }
            Ok(Exit::Done)
        }
        QuarantineCommand::Show { agency, key } => {
            let rows = rows(deployment, agency)?;
            let wanted: Vec<_> = rows.iter().filter(|row| is_named(row, key)).collect();
            if wanted.is_empty() {
                let message = format!(
                    "nothing in quarantine under `{key}`\n  to see what there is: barid quarantine list {agency}"
                );
                return Err(Failure::new(Exit::Found, message));
            }
            wanted.into_iter().try_for_each(show_row)?;
            Ok(Exit::Done)
        }
        QuarantineCommand::Fix(arguments) => ask::fix(arguments, deployment),
        QuarantineCommand::Resume(arguments) => ask::resume(arguments, deployment),
        QuarantineCommand::Drop(arguments) => ask::drop(arguments, deployment),
        QuarantineCommand::History { agency, json } => history::run(agency, *json, deployment),
    }
}

/// Whether a case number or the identity of a row, as a person writes it, means the row.
fn is_named(row: &QuarantinedRow, key: &str) -> bool {
    let folded = folded(key);
    // The number alone is what the office knows of a case that the mapping tells apart by a prefix.
    let number = row.case_key.split_once(':').map(|(_, number)| self::folded(number));
    row.row_identity == key
        || !folded.is_empty() && (self::folded(&row.case_key) == folded || number.as_ref() == Some(&folded))
}

/// By source, file and number.
fn place_order(one: &QuarantinedRow, other: &QuarantinedRow) -> Ordering {
    let place = |row: &QuarantinedRow| (row.source.clone(), row.file.clone(), row.row, row.row_identity.clone());
    place(one).cmp(&place(other))
}

/// The rows that were fixed or dropped, with who asked for it and why.
fn settled(deployment: &Deployment, agency: &str, as_json: bool) -> Outcome {
    let rows = rows(deployment, agency)?;
    let settled = rows.iter().filter(|row| row.is_settled());
    let settled: Vec<_> = settled.filter_map(|row| Some((row, row.decision.as_ref()?))).collect();
    if as_json {
        for (row, decision) in settled {
            let line = json!({
                "file": row.file, "row": row.row, "case_key": row.case_key, "row_identity": row.row_identity,
                "action": decision.action, "asked_by": decision.asked_by, "reason": decision.reason,
                "decided_at": decision.decided_at, "command_id": decision.command_id,
            });
            show::line(line)?;
        }
        return Ok(Exit::Done);
    }
    let count = settled.len();
    let cells = settled.into_iter().map(|(row, decision)| {
        let reason = decision.reason.clone().unwrap_or_default();
        let (action, by) = (decision.action.clone(), decision.asked_by.clone());
        let at = show::instant(decision.decided_at, 0);
        [row.file.clone(), row.row.to_string(), row.case_key.clone(), action, by, reason, at]
    });
    show::line(show::table(&["file", "row", "case", "action", "by", "reason", "at (UTC)"], cells))?;
    if count == 0 {
        show::say(format!("no row of `{agency}` was fixed or dropped"));
    }
    Ok(Exit::Done)
}

/// A case number as everybody writes it, folded as the keys of cases are: «آب/۱۴۰۲/۱۲» is found, not `اب-1402-12` alone.
fn folded(case: &str) -> String {
    let clean = text::clean(case);
    let parts = clean.split(|letter: char| {
        !letter.is_alphanumeric() && !letter.is_whitespace() && !matches!(letter, '\u{200c}' | '\u{ac}')
    });
    parts.map(text::key).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn rows(deployment: &Deployment, agency: &str) -> Result<Vec<QuarantinedRow>, Failure> {
    let reader = deployment.reader(&StopSignal::new())?;
    let latest: BTreeMap<String, QuarantinedRow> = reader.latest(&deployment.topics()?.quarantine(agency))?;
    let mut rows: Vec<_> = latest.into_values().collect();
    rows.sort_by(place_order);
    Ok(rows)
}

fn list(agency: &str, rows: &[QuarantinedRow]) -> Result<(), Failure> {
    let cells = rows.iter().map(QuarantineLine::from).map(|line| {
        let since = show::instant(barid_schemas::Millis(line.since), 0);
        let reasons = line.reasons.join(", ");
        [line.file, line.row.to_string(), line.case_key, line.state.to_owned(), reasons, since]
    });
    show::line(show::table(&["file", "row", "case", "state", "reasons", "since (UTC)"], cells))?;
    match rows.first() {
        None => show::say(format!("nothing of `{agency}` is in quarantine")),
        Some(_) => show::say(format!("to see values and cures: barid quarantine show {agency} CASE")),
    }
    Ok(())
}

fn show_row(row: &QuarantinedRow) -> Result<(), Failure> {
    let state = match row.state {
        QuarantineState::Faulty => "faulty",
        QuarantineState::Waiting => "waits behind a faulty row of its case",
    };
    let (state, said) = match &row.decision {
        Some(decision) => {
            let by = format!("{} by {}", decision.action, decision.asked_by);
            let why = decision.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            (if decision.settled { "settled" } else { state }, format!(" ({by}{why})"))
        }
        None => (state, String::new()),
    };
    show::line(show::styled(show::HEADING, format!("{} row {}: {state}{said}", row.file, row.row)))?;
    for problem in &row.problems {
        let column = problem.column.as_deref().map(|column| format!("{column}: ")).unwrap_or_default();
        let value = problem.value.as_deref().filter(|value| !problem.message_en.contains(value));
        let value = value.map(|value| format!("`{value}`: ")).unwrap_or_default();
        show::line(format!("  {}  {column}{value}{}", show::styled(show::BAD, &problem.reason), problem.message_en))?;
        show::line(format!("  {column}{value}{}", problem.message_fa))?;
    }
    for (column, value) in &row.columns {
        show::line(format!("    {column} = {value}"))?;
    }
    for (column, value) in row.decision.iter().flat_map(|decision| &decision.changes) {
        show::line(format!("    {column} is read as {value}"))?;
    }
    show::line(format!("    row identity: {}", row.row_identity))?;
    show::line("")?;
    Ok(())
}
