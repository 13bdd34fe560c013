//! `barid quarantine list` and `show`.

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
        QuarantineCommand::List { agency, csv, json } => {
            let rows = rows(deployment, agency)?;
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
            let folded = folded(key);
            let is_wanted = |row: &&QuarantinedRow| row.row_identity == *key || self::folded(&row.case_key) == folded;
            let wanted: Vec<_> = rows.iter().filter(is_wanted).collect();
            if wanted.is_empty() {
                let message = format!(
                    "nothing in quarantine under `{key}`\n  to see what there is: barid quarantine list {agency}"
                );
                return Err(Failure::failed(message));
            }
            wanted.into_iter().try_for_each(show_row)?;
            Ok(Exit::Done)
        }
    }
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
    rows.sort_by(|one, other| {
        (&one.source, &one.file, one.row, &one.row_identity).cmp(&(
            &other.source,
            &other.file,
            other.row,
            &other.row_identity,
        ))
    });
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
    show::line(show::styled(show::HEADING, format!("{} row {}: {state}", row.file, row.row)))?;
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
    show::line("")?;
    Ok(())
}
