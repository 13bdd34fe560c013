//! A large export: many cases that walk through their states, so that there is a middle to be killed in.

use std::fmt::Write;
use std::fs;

use anyhow::Result;
use barid_harness::Deployment;
use barid_harness::oracle::Event;

/// The bank: its export has a time of day, and every one of these statuses goes to somebody.
pub(crate) const AGENCY: &str = "bank_facilities";

const STATUSES: [(&str, &str); 4] = [
    ("احراز هویت", "identity_verified"),
    ("تصویب کمیته", "approved"),
    ("پرداخت مرحله اول", "stage_disbursed"),
    ("پرداخت کامل", "disbursed"),
];

/// Replaces the bank's export by one with `cases` cases; the number of its rows.
pub(crate) fn write_export(deployment: &Deployment, cases: usize) -> Result<usize> {
    let mut text =
        "FACILITY_NO,BRANCH_CODE,IDV_TRACKING_CODE,STATUS_CODE,STATUS_TITLE,STATUS_DT,CONTRACT_TYPE\n".to_owned();
    for (step, (words, _)) in STATUSES.iter().enumerate() {
        for case in 0..cases {
            writeln!(text, "6104-1401-{case:06},6104,,{step},{words},2023-0{}-11 10:15:00,مرابحه", step + 1)?;
        }
    }
    // Copied whole, then moved: a reader never sees half of it.
    let folder = deployment.folder().join(AGENCY);
    fs::write(folder.join("export.part"), text)?;
    fs::rename(folder.join("export.part"), folder.join("sample/07_bank.csv"))?;
    Ok(cases * STATUSES.len())
}

/// Every status of every case is there once and in its order, and no sequence number is missing or doubled.
pub(crate) fn expect_each_row_once(events: &[Event], cases: usize) -> Result<()> {
    let mut sequence: Vec<u64> = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    for event in events {
        sequence.push(event.record.header("ce_sequence")?.parse()?);
        found.push((event.text("case_no")?.to_owned(), event.text("status_to")?.to_owned()));
    }
    sequence.sort_unstable();
    assert_eq!(sequence.len(), cases * STATUSES.len());
    assert!(sequence.iter().zip(1..).all(|(found, wanted)| *found == wanted), "`ce_sequence` has gaps or doubles");
    // Events of one case stand in one partition, so a stable sort by case keeps their order.
    found.sort_by(|one, other| one.0.cmp(&other.0));
    for (index, (case, status)) in found.iter().enumerate() {
        let wanted = format!("6104-1401-{:06}", index / STATUSES.len());
        assert_eq!((case.as_str(), status.as_str()), (wanted.as_str(), STATUSES[index % STATUSES.len()].1));
    }
    Ok(())
}
