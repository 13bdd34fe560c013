//! A row at fault: its case waits, the others flow; after the mend nothing is lost and nothing is published twice.

use std::fs;

use anyhow::Result;
use barid_harness::oracle::exports::compare_with_exports;

use crate::stage::Stage;

const AGENCY: &str = "bank_facilities";

#[test]
fn a_case_waits_behind_its_faulty_row_until_the_row_is_mended() -> Result<()> {
    let stage = Stage::applied("mended")?;
    let file = stage.folder().join(AGENCY).join("sample/07_bank.csv");
    let sound = fs::read_to_string(&file)?;
    // The second row of the first case, which has four; the other three cases have four rows together.
    fs::write(&file, sound.replacen("تصويب کميته", "در دست بررسی شعبه", 1))?;
    let ended = stage.connect_once(AGENCY)?.failed()?;
    assert_eq!(ended.code, 5, "{}", ended.words);
    ended.saying(&["1 quarantined", "2 waiting", "barid quarantine list"])?;
    let topic = format!("events.{AGENCY}");
    assert_eq!(stage.read(&topic)?.len(), 5);
    // Every row is accounted for, also those that wait.
    let report = stage.audit()?;
    assert_eq!((&report["counts"]["rows"], &report["counts"]["quarantined_rows"]), (&8.into(), &3.into()));
    // The list tells places and reasons; values are shown one case at a time.
    let listed = stage.barid.run(&["quarantine", "list", AGENCY])?;
    assert!(listed.contains("unknown_status") && !listed.contains("در دست بررسی شعبه"), "{listed}");
    let shown = stage.barid.try_run(&["quarantine", "show", AGENCY, "6104-1401-000900"])?;
    shown.saying(&["07_bank.csv", "STATUS_TITLE", "در دست بررسی شعبه"])?;

    // The same file again: nothing new is published, nothing is forgotten.
    stage.connect_once(AGENCY)?;
    assert_eq!(stage.read(&topic)?.len(), 5);

    fs::write(&file, &sound)?;
    stage.connect_once(AGENCY)?.succeeded()?;
    stage.connect_once(AGENCY)?.succeeded()?;
    let events = stage.inboxes()?.events;
    let rows: Vec<_> = stage.expected_rows()?.into_iter().filter(|row| row.publisher == AGENCY).collect();
    assert_eq!(compare_with_exports(&rows, &events)?, Vec::<String>::new());
    let json = stage.barid.run(&["quarantine", "list", AGENCY, "--json"])?;
    assert!(!json.contains("07_bank.csv"), "{json}");
    let report = stage.finish()?;
    assert_eq!(report["counts"]["quarantined_rows"], 0);
    Ok(())
}
