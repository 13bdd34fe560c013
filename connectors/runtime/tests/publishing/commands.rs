//! Commands about rows in quarantine, as the connector carries them out.

use std::collections::BTreeMap;

use barid_codec::RecordCodec;
use barid_connector::command::{DROP, FIX, ROWS, SET};
use barid_connector::quarantine;
use barid_harness::{HANGS_AFTER, wait_until};
use barid_kafka::{Outgoing, StopSignal, TransactionalProducer};
use barid_schemas::Millis;
use barid_schemas::records::{Command, CommandsPosition, QuarantinedRow, Schema, SourcePosition};
use uuid::Uuid;

use crate::town::{AGENCY, FIRST, Town};

const DAMAGED: &str = "1;ثبت;1401/01/01;9901001172";

/// A town with one row at fault and one that waits behind it; the key of the first.
fn parked() -> (Town, String) {
    let town = Town::in_process();
    town.export("first.csv", &[DAMAGED, FIRST[1], FIRST[2]]);
    town.run_once();
    let rows: Vec<QuarantinedRow> = town.decode(&town.records(&town.topics.quarantine(AGENCY)));
    let key = rows.iter().find(|row| !row.problems.is_empty()).map(quarantine::key).unwrap();
    (town, key)
}

fn command(id: u128, action: &str, key: &str) -> Command {
    let set = (format!("{SET}کد ملی"), "9901001171".to_owned());
    Command {
        command_id: Uuid::from_u128(id),
        target: AGENCY.to_owned(),
        action: action.to_owned(),
        arguments: BTreeMap::from([(ROWS.to_owned(), key.to_owned()), set]),
        asked_by: "operator".to_owned(),
        reason: None,
        asked_at: Millis(0),
    }
}

fn ask(town: &Town, commands: &[Command]) {
    let id = town.registry.register(Command::FULL_NAME, Command::AVSC).unwrap();
    let codec = RecordCodec::<Command>::new(id).unwrap();
    let mut producer = TransactionalProducer::connect(&town.cluster, "operator", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    for command in commands {
        let value = codec.to_vec(command).unwrap();
        let topic = town.topics.commands_of(AGENCY);
        let key = Some(AGENCY.as_bytes());
        producer.send(&Outgoing { topic: &topic, key, value: Some(&value), ..Outgoing::default() }).unwrap();
    }
    producer.commit().unwrap();
}

fn position(town: &Town) -> CommandsPosition {
    let positions: Vec<SourcePosition> = town.decode(&town.records(&town.topics.positions()));
    positions.into_iter().rev().find_map(|position| position.commands).unwrap_or_default()
}

#[test]
fn a_command_that_is_asked_for_twice_is_carried_out_once() {
    let (town, key) = parked();
    // The drop that follows finds nothing more to drop.
    let commands = [command(1, FIX, &key), command(1, FIX, &key), command(2, DROP, &key)];
    ask(&town, &commands);
    town.run_once();
    assert_eq!(town.events().len(), 3);
    let position = position(&town);
    let done: Vec<_> =
        position.done.iter().map(|done| (done.command_id.as_u128(), done.rows, done.published)).collect();
    assert_eq!(done, [(1, 1, 2), (2, 0, 0)]);
    assert!(position.next_offset >= 3);
    // The next start begins behind them.
    town.run_once();
    ask(&town, &commands[..1]);
    town.run_once();
    assert_eq!(town.events().len(), 3);
    let sequences: Vec<i64> = town.events().into_iter().map(|(sequence, ..)| sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[test]
fn a_connector_that_runs_carries_out_what_comes_and_goes_on_reading() {
    let (town, key) = parked();
    let stop = StopSignal::new();
    let running = town.start(&stop);
    ask(&town, &[command(1, DROP, &key)]);
    wait_until("the case to go on", HANGS_AFTER, || Ok(town.events().len() == 2)).unwrap();
    town.export("second.csv", &[DAMAGED, FIRST[1], FIRST[2], "1;صدور;1401/03/01;9901001171"]);
    wait_until("the next export to be read", HANGS_AFTER, || Ok(town.events().len() == 3)).unwrap();
    stop.stop();
    let report = running.join().unwrap().unwrap();
    assert_eq!(report.files.last().unwrap().quarantined, 0);
}

#[test]
fn what_is_no_command_is_passed_over() {
    let (town, key) = parked();
    let mut producer = TransactionalProducer::connect(&town.cluster, "operator", &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    let topic = town.topics.commands_of(AGENCY);
    for value in [None, Some(&b"no command"[..])] {
        producer.send(&Outgoing { topic: &topic, key: Some(b"x"), value, ..Outgoing::default() }).unwrap();
    }
    producer.commit().unwrap();
    ask(&town, &[command(1, "burn", &key), command(2, FIX, &key)]);
    town.run_once();
    assert_eq!(town.events().len(), 3);
}
