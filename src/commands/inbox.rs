//! `barid inbox tail`.

use std::time::Duration;

use barid_codec::RecordReader;
use barid_event::header;
use barid_kafka::{Record, Tail, TailFrom, TailStep, TailUntil};
use barid_schemas::CaseEvent;
use serde_json::json;

use super::Outcome;
use crate::arguments::InboxCommand;
use crate::deployment::{Deployment, stop_on_signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

const STEP: Duration = Duration::from_millis(200);

pub(crate) fn run(command: &InboxCommand, deployment: &Deployment) -> Outcome {
    let InboxCommand::Tail { agency, json, from_beginning, no_follow } = command;
    let stop = stop_on_signals()?;
    let topic = deployment.topics()?.inbox(agency);
    let reader = RecordReader::<CaseEvent>::new(deployment.registry()?);
    let from = if *from_beginning || *no_follow { TailFrom::Beginning } else { TailFrom::End };
    let until = if *no_follow { TailUntil::HighWatermarks } else { TailUntil::Forever };
    let cluster = deployment.reachable_cluster(&stop)?;
    if stop.is_stopped() {
        return Ok(Exit::Done);
    }
    let mut tail = Tail::open(&cluster, &[topic], from, until)?;
    while !stop.is_stopped() {
        match tail.next(STEP)? {
            TailStep::Record(record) => print(&reader, &record, *json)?,
            TailStep::Idle => {}
            TailStep::End => break,
        }
    }
    Ok(Exit::Done)
}

fn print(reader: &RecordReader<CaseEvent>, record: &Record, as_json: bool) -> Result<(), Failure> {
    let Some(value) = &record.value else { return Ok(()) };
    let view = reader.decode(value)?;
    let headers: Vec<(&str, String)> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    if as_json {
        let place = json!({"topic": record.topic, "partition": record.partition, "offset": record.offset,
            "timestamp": record.timestamp_ms, "key": record.key.as_deref().map(String::from_utf8_lossy)});
        show::line(json!({"record": place, "headers": headers, "value": view}))?;
        return Ok(());
    }
    let permit = headers.iter().find(|(name, _)| *name == header::PERMIT).map_or("-", |(_, value)| value.as_str());
    let matched: Vec<&str> =
        headers.iter().filter(|(name, _)| *name == header::MATCH).map(|(_, value)| value.as_str()).collect();
    let matched = if matched.is_empty() { String::new() } else { format!("  match {}", matched.join(", ")) };
    let correction = if view.correction_of.is_some() { "  correction" } else { "" };
    show::line(format!(
        "{}  {}  {}.{}{correction}  case {}  corr {}  permit {permit}{matched}",
        show::instant(view.occurred_at, view.utc_offset_minutes),
        view.publisher,
        view.service_code,
        view.status_to,
        view.case_no.as_deref().unwrap_or("-"),
        view.corr_id,
    ))?;
    Ok(())
}
