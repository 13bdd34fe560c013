//! What an operator does about rows in quarantine: fixed, dropped, tried again; each once, wherever the connector is killed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use barid_harness::oracle::exports::compare_with_exports;
use barid_harness::records::written;
use barid_harness::{HANGS_AFTER, wait_until};

use crate::many_rows::{AGENCY, expect_each_row_once, write_export};
use crate::stage::{Stage, end};

/// The second status of the first case of the sample, which has four; the other three cases have four rows together.
const WORD: &str = "تصويب کميته";
const WRONG_WORD: &str = "در دست بررسی شعبه";
const CASE: &str = "6104-1401-000900";

fn export(stage: &Stage) -> PathBuf {
    stage.folder().join(AGENCY).join("sample/07_bank.csv")
}

/// Puts another export in the place of the one that is there.
fn replace(stage: &Stage, text: &str) -> Result<()> {
    let part = stage.folder().join("export.part");
    fs::write(&part, text)?;
    fs::rename(part, export(stage))?;
    Ok(())
}

/// A stage on which one row of the bank is at fault and two wait behind it; the sound export.
fn parked(name: &str) -> Result<(Stage, String)> {
    let stage = Stage::applied(name)?;
    let sound = fs::read_to_string(export(&stage))?;
    replace(&stage, &sound.replacen(WORD, WRONG_WORD, 1))?;
    let ended = stage.connect_once(AGENCY)?.failed()?;
    ended.saying(&["1 quarantined", "2 waiting"])?;
    Ok((stage, sound))
}

/// Every row of the sample is an event with its values, and nothing is in quarantine.
fn expect_all_published(stage: &Stage) -> Result<()> {
    let events = stage.inboxes()?.events;
    let rows: Vec<_> = stage.expected_rows()?.into_iter().filter(|row| row.publisher == AGENCY).collect();
    assert_eq!(compare_with_exports(&rows, &events)?, Vec::<String>::new());
    assert_eq!(stage.barid.run(&["quarantine", "list", AGENCY, "--json"])?, "");
    Ok(())
}

#[test]
fn a_row_that_is_fixed_reaches_the_inboxes_and_its_case_goes_on() -> Result<()> {
    let (stage, sound) = parked("quarantine-fix")?;
    // A newer export holds the others only: what waits is kept.
    let others: Vec<&str> = sound.lines().filter(|line| !line.starts_with(CASE)).collect();
    replace(&stage, &format!("{}\n", others.join("\n")))?;
    let router = stage.start_router("router-1", &[])?;
    let connector = stage.start_connector(AGENCY, &[])?;
    let config = format!("{AGENCY}/connector.toml");
    let set = format!("STATUS_TITLE={WORD}");

    // First only shown: what would happen, and what would not.
    let wrong = ["quarantine", "fix", AGENCY, CASE, "--set", "STATUS_TITLE=؟", "--config", &config];
    stage.barid.try_run(&wrong)?.succeeded()?.saying(&["0 events", "still at fault", "nothing was asked"])?;
    let ask =
        ["quarantine", "fix", AGENCY, CASE, "--set", &set, "--config", &config, "--by", "sahar", "--reason", "a call"];
    stage.barid.try_run(&ask)?.succeeded()?.saying(&["1 row: 3 events would be published, 3 rows would leave"])?;
    assert_eq!(stage.read(&format!("events.{AGENCY}"))?.len(), 5);
    let misspelt = stage.barid.try_run(&["quarantine", "fix", AGENCY, CASE, "--set", "STATUS_TITEL=x"])?.failed()?;
    assert_eq!(misspelt.code, 3);
    misspelt.saying(&["is `STATUS_TITLE` meant?"])?;

    stage.barid.run(&[&ask[..], &["--yes"]].concat())?;
    let topic = format!("events.{AGENCY}");
    wait_until("the case to go on", HANGS_AFTER, || Ok(stage.read(&topic)?.len() == 8))?;
    expect_all_published(&stage)?;
    stage.wait_for_inboxes(&stage.oracle(true)?)?;
    let settled = stage.barid.run(&["quarantine", "list", AGENCY, "--settled"])?;
    for told in ["07_bank.csv", "fix", "sahar", "a call"] {
        assert!(settled.contains(told), "no {told} in {settled}");
    }
    let history = stage.barid.run(&["quarantine", "history", AGENCY])?;
    assert!(history.contains("1 rows found, 3 left, 3 events"), "{history}");

    // The next full exports, damaged as before and then mended, say nothing new.
    end(connector)?;
    for text in [sound.replacen(WORD, WRONG_WORD, 1), sound] {
        replace(&stage, &text)?;
        stage.connect_once(AGENCY)?.succeeded()?.saying(&["8 rows, 0 published, 8 unchanged"])?;
    }
    expect_all_published(&stage)?;
    end(router)?;
    stage.finish()?;
    Ok(())
}

#[test]
fn a_mended_mapping_and_a_resume_release_what_waited() -> Result<()> {
    let (stage, _) = parked("quarantine-resume")?;
    let config = stage.folder().join(AGENCY).join("connector.toml");
    let word = format!("\"{WRONG_WORD}\" = \"approved\"\n\"تسویه\" =");
    fs::write(&config, fs::read_to_string(&config)?.replace("\"تسویه\" =", &word))?;
    let ask = ["quarantine", "resume", AGENCY, "--all", "--config", &format!("{AGENCY}/connector.toml")];
    stage.barid.try_run(&ask)?.succeeded()?.saying(&["3 events would be published"])?;
    stage.barid.run(&[&ask[..], &["--yes"]].concat())?;
    stage.connect_once(AGENCY)?.succeeded()?;
    expect_all_published(&stage)?;
    let history = stage.barid.run(&["quarantine", "history", AGENCY])?;
    assert!(history.contains("1 rows found, 3 left, 3 events"), "{history}");
    stage.finish()?;
    Ok(())
}

#[test]
fn what_is_dropped_in_bulk_stays_away_until_it_is_taken_back() -> Result<()> {
    let (stage, _) = parked("quarantine-drop")?;
    let without_reason = stage.barid.try_run(&["quarantine", "drop", AGENCY, "--all", "--yes"])?.failed()?;
    assert_eq!(without_reason.code, 2);
    let which = stage.barid.try_run(&["quarantine", "drop", AGENCY, "--reason", "why not", "--yes"])?.failed()?;
    assert_eq!(which.code, 2);
    let ask = ["quarantine", "drop", AGENCY, "--reason-code", "unknown_status", "--reason", "typed twice"];
    stage.barid.try_run(&ask)?.succeeded()?.saying(&[
        "1 row to drop",
        "2 rows wait behind them",
        "nothing was asked",
    ])?;
    // Twice, as by somebody who did not see the answer.
    for _ in 0..2 {
        stage.barid.run(&[&ask[..], &["--yes"]].concat())?;
    }
    // The same file again: the row is passed over, the rest of its case has gone on.
    stage.connect_once(AGENCY)?.succeeded()?;
    let topic = format!("events.{AGENCY}");
    assert_eq!(stage.read(&topic)?.len(), 7);
    assert!(stage.barid.run(&["quarantine", "list", AGENCY, "--settled"])?.contains("typed twice"));
    let history = stage.barid.run(&["quarantine", "history", AGENCY])?;
    assert!(history.contains("1 rows found, 3 left, 2 events") && history.contains("0 rows found"), "{history}");

    stage.barid.run(&["quarantine", "resume", AGENCY, CASE, "--settled", "--yes"])?;
    let ended = stage.connect_once(AGENCY)?.failed()?;
    assert_eq!(ended.code, 5, "{}", ended.words);
    assert!(stage.barid.run(&["quarantine", "list", AGENCY])?.contains("unknown_status"));
    assert_eq!(stage.read(&topic)?.len(), 7);
    stage.finish()?;
    Ok(())
}

#[test]
fn a_connector_that_is_killed_while_it_carries_out_commands_loses_and_doubles_nothing() -> Result<()> {
    // On a busy machine a kill may come when all is done; with more to do it comes in the middle sooner or later.
    for cases in [400, 800, 1_600, 3_200] {
        let stage = Stage::applied("quarantine-killed")?;
        let in_the_middle = kill_while_commands_are_carried_out(&stage, cases)?;
        stage.finish()?;
        if in_the_middle {
            return Ok(());
        }
    }
    bail!("the connector was always done before it was killed")
}

/// Whether a kill has met the connector in the middle of the commands, each of which is about some of so many cases.
fn kill_while_commands_are_carried_out(stage: &Stage, cases: usize) -> Result<bool> {
    const OF_A_COMMAND: usize = 25;
    const KILLS: usize = 3;
    let rows = write_export(stage, cases)?;
    let sound = fs::read_to_string(export(stage))?;
    replace(stage, &sound.replace("احراز هویت", WRONG_WORD))?;
    let ended = stage.connect_once(AGENCY)?.failed()?;
    ended.saying(&[&format!("{cases} quarantined"), &format!("{} waiting", rows - cases)])?;
    for first in (0..cases).step_by(OF_A_COMMAND) {
        let numbers: Vec<String> = (first..first + OF_A_COMMAND).map(|case| format!("6104-1401-{case:06}")).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let ask = ["quarantine", "fix", AGENCY, "--set", "STATUS_TITLE=احراز هویت", "--yes"];
        stage.barid.run(&[&ask[..], &numbers].concat())?;
    }
    let (broker, topic) = (stage.bootstrap_servers(), format!("events.{AGENCY}"));
    let mut in_the_middle = 0;
    for _ in 0..KILLS {
        let before = written(broker, &stage.topic(&topic))?;
        let connector = stage.start_connector(AGENCY, &[])?;
        wait_until("the connector to begin", HANGS_AFTER, || Ok(written(broker, &stage.topic(&topic))? > before))?;
        connector.kill()?;
        let published = stage.read(&topic)?.len();
        in_the_middle += usize::from(published < rows);
        if published == rows {
            break;
        }
    }
    // The export still holds the damaged rows.
    stage.connect_once(AGENCY)?.succeeded()?;
    expect_each_row_once(&stage.inboxes()?.events, cases)?;
    assert_eq!(stage.barid.run(&["quarantine", "list", AGENCY, "--json"])?, "");
    let history = stage.barid.run(&["quarantine", "history", AGENCY])?;
    let found = format!("{OF_A_COMMAND} rows found, {} left, {} events", OF_A_COMMAND * 4, OF_A_COMMAND * 4);
    assert_eq!(history.matches(&found).count(), cases / OF_A_COMMAND, "{history}");
    Ok(in_the_middle > 0)
}
