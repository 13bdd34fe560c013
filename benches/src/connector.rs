//! The connector: from a large export to committed events, and the same export again with a few rows changed.
//!
//! The export is the bank's: four statuses for each case, as `barid connect --once` reads it. The time is the whole life of the
//! process. What a case costs in memory is the difference between a small export and a large one, for both pay the rest alike.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::Scale;
use crate::process::Ended;
use crate::report::{Facts, Report};
use crate::stage::Stage;

const AGENCY: &str = "bank_facilities";
const OTHER_AGENCY: &str = "agri_jahad";
const EXPORT: &str = "bank_facilities/sample/07_bank.csv";
const STATUSES: [&str; 4] = ["احراز هویت", "تصویب کمیته", "پرداخت مرحله اول", "پرداخت کامل"];

/// Of so many cases one has a row that changes, which makes one row in a hundred.
const CHANGED_CASES: usize = 25;

const READ_WITHIN: Duration = Duration::from_secs(900);

pub(crate) fn run(scale: Scale, rows: Option<usize>) -> Result<Report> {
    let cases = rows.map_or(scale.pick(250_000, 500), |rows| rows.div_ceil(STATUSES.len()).max(10));
    let mut report = Report::new(
        "connector",
        vec![
            ("rows", json!(cases * STATUSES.len())),
            ("cases", json!(cases)),
            ("time", json!("the whole life of `barid connect --once`")),
        ],
    );
    let few = Reading::of(&warmed("connector-few", scale)?, cases / 10, false)?;
    report.figures(few.figures("first, a tenth of the rows"));
    let stage = warmed("connector", scale)?;
    let first = Reading::of(&stage, cases, false)?;
    report.figures(first.figures("first"));
    let again = Reading::of(&stage, cases, true)?;
    report.figures(again.figures("again, 1 % changed"));
    if scale == Scale::Full {
        report.at_least("first reading", 50_000.0, first.rows_per_second(), " rows/s");
        report.at_least("again, 1 % changed", 300_000.0, again.rows_per_second(), " rows/s");
        let case_bytes = |large: &Reading, small: &Reading| {
            let more = large.ended.usage.peak_bytes.saturating_sub(small.ended.usage.peak_bytes);
            more as f64 / (large.cases - small.cases) as f64
        };
        report.at_most("memory of a case", 150.0, case_bytes(&first, &few), " bytes");
    }
    Ok(report)
}

/// A stage of its own. The first transaction that a broker ever sees makes the broker's own topics, which takes seconds: here it is another agency's.
fn warmed(name: &str, scale: Scale) -> Result<Stage> {
    let stage = Stage::new(name, scale)?;
    connect_once(&stage, OTHER_AGENCY)?;
    Ok(stage)
}

/// The whole life of a connector that reads what is there.
fn connect_once(stage: &Stage, agency: &str) -> Result<Ended> {
    let (config, secret) = (format!("{agency}/connector.toml"), format!("{agency}/connector.secret"));
    let command = stage.barid(&["connect", "--once", "--config", &config, "--connector-secret-file", &secret]);
    command.run(stage.folder(), READ_WITHIN)
}

/// One reading of an export.
struct Reading {
    cases: usize,
    ended: Ended,
}

impl Reading {
    fn of(stage: &Stage, cases: usize, changed: bool) -> Result<Self> {
        stage.write(EXPORT, &export(cases, changed)?)?;
        let ended = connect_once(stage, AGENCY)?;
        let rows = cases * STATUSES.len();
        let published = if changed { cases.div_ceil(CHANGED_CASES) } else { rows };
        for words in [format!("{published} published"), format!("{} unchanged", rows - published)] {
            ensure!(ended.said.contains(&words), "the connector has not said `{words}`:\n{}", ended.said);
        }
        Ok(Self { cases, ended })
    }

    fn rows_per_second(&self) -> f64 {
        (self.cases * STATUSES.len()) as f64 / self.ended.took.as_secs_f64()
    }

    fn figures(&self, name: &'static str) -> Facts {
        let rows = (self.cases * STATUSES.len()) as f64;
        vec![
            ("reading", json!(name)),
            ("rows/s", json!(self.rows_per_second().round())),
            ("seconds", json!(self.ended.took.as_secs_f64())),
            ("CPU µs a row", json!(self.ended.usage.cpu.as_secs_f64() * 1e6 / rows)),
            ("peak MiB", json!(self.ended.usage.peak_bytes >> 20)),
        ]
    }
}

fn export(cases: usize, changed: bool) -> Result<String> {
    let mut text =
        "FACILITY_NO,BRANCH_CODE,IDV_TRACKING_CODE,STATUS_CODE,STATUS_TITLE,STATUS_DT,CONTRACT_TYPE\n".to_owned();
    for (step, words) in STATUSES.iter().enumerate() {
        for case in 0..cases {
            let is_changed = changed && step == 1 && case % CHANGED_CASES == 0;
            let minute = if is_changed { 25 } else { 15 };
            writeln!(text, "6104-1401-{case:06},6104,,{step},{words},2023-0{}-11 10:{minute}:00,مرابحه", step + 1)?;
        }
    }
    Ok(text)
}
