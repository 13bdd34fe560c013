//! The quarantine as an office reads it: a list of places and reasons, in Persian and English.
//!
//! A list holds no value of a row, so that it may be sent around; values and cures are shown row by row.

use barid_schemas::records::{QuarantineState, QuarantinedRow};
use serde::Serialize;

/// The key of a row in `quarantine.<agency>`: case and row identity.
#[must_use]
pub fn key(row: &QuarantinedRow) -> String {
    format!("{}/{}", row.case_key, row.row_identity)
}

/// One line of `barid quarantine list`: places and reasons, no value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineLine {
    pub agency: String,
    pub source: String,
    pub file: String,
    pub row: i64,
    pub case_key: String,
    pub row_identity: String,
    /// `faulty` or `waiting`.
    pub state: &'static str,
    /// Reason codes, for programs.
    pub reasons: Vec<String>,
    /// The columns at fault.
    pub columns: Vec<String>,
    /// The reasons in words.
    pub reasons_en: Vec<&'static str>,
    pub reasons_fa: Vec<&'static str>,
    /// Milliseconds since 1970 (UTC).
    pub since: i64,
}

impl From<&QuarantinedRow> for QuarantineLine {
    fn from(row: &QuarantinedRow) -> Self {
        let labels: Vec<_> = match row.state {
            QuarantineState::Faulty => row.problems.iter().map(|problem| reason_label(&problem.reason)).collect(),
            QuarantineState::Waiting => vec![WAITING],
        };
        Self {
            agency: row.agency.clone(),
            source: row.source.clone(),
            file: row.file.clone(),
            row: row.row,
            case_key: row.case_key.clone(),
            row_identity: row.row_identity.clone(),
            state: match row.state {
                QuarantineState::Faulty => "faulty",
                QuarantineState::Waiting => "waiting",
            },
            reasons: row.problems.iter().map(|problem| problem.reason.clone()).collect(),
            columns: row.problems.iter().filter_map(|problem| problem.column.clone()).collect(),
            reasons_en: labels.iter().map(|label| label.0).collect(),
            reasons_fa: labels.iter().map(|label| label.1).collect(),
            since: row.since.0,
        }
    }
}

/// What a sound row waits for.
const WAITING: (&str, &str) =
    ("waits behind a row of its case that is at fault", "منتظر ردیف معیوبی از همین پرونده است");

/// A reason code in English and Persian. A code of a newer version is shown as an unknown one.
#[must_use]
pub fn reason_label(code: &str) -> (&'static str, &'static str) {
    match code {
        "scientific_notation" => ("scientific notation, digits are lost", "نماد علمی، رقم‌ها از دست رفته‌اند"),
        "spreadsheet_error" => ("an error value of the spreadsheet", "خطای صفحه گسترده"),
        "not_a_date" => ("not a date", "تاریخ نیست"),
        "impossible_date" => ("a day that does not exist", "روزی که وجود ندارد"),
        "two_digit_year" => ("a year of two digits without a declared century", "سال دو رقمی بدون سده اعلام‌شده"),
        "wrong_calendar" => ("a date of the other calendar", "تاریخ با تقویم دیگر"),
        "excel_serial" => ("a day number of Excel", "شماره روز اکسل"),
        "excel_took_the_date" => ("a date that Excel has changed", "تاریخی که اکسل تغییر داده است"),
        "impossible_time" => ("a time of day that does not exist", "ساعتی که وجود ندارد"),
        "skipped_time" => ("a time that the clocks skipped", "ساعتی که با تغییر ساعت رسمی وجود نداشته است"),
        "not_digits" => ("other signs than digits", "نویسه‌ای جز رقم"),
        "wrong_length" => ("wrong number of digits", "تعداد رقم نادرست"),
        "wrong_check_digit" => ("wrong check digit", "رقم کنترل نادرست"),
        "reserved_number" => ("a number that is given to nobody", "شماره‌ای که به کسی داده نمی‌شود"),
        "wrong_pattern" => ("not of the expected form", "شکل نادرست"),
        "not_a_number" => ("not a number", "عدد نیست"),
        "not_a_whole_number" => ("not a whole number", "عدد درست نیست"),
        "negative_number" => ("a negative number", "عدد منفی"),
        "out_of_range" => ("outside of what is possible", "بیرون از بازه ممکن"),
        "wrong_unit" => ("toman in the place of rial or the reverse", "تومان به جای ریال یا برعکس"),
        "swapped_coordinates" => ("X and Y have changed places", "جای X و Y عوض شده است"),
        "unknown_word" => ("a word that the mapping does not know", "واژه‌ای که در نگاشت نیست"),
        "wrong_cell_count" => ("too few or too many cells", "تعداد خانه‌های ردیف نادرست است"),
        "row_too_large" => ("a row that is too large", "ردیف بیش از اندازه بزرگ است"),
        "undecodable_text" => ("text that cannot be decoded", "متنی که رمزگشایی نمی‌شود"),
        "broken_json" => ("broken JSON", "JSON ناقص"),
        "missing_case" => ("the case number is missing", "شماره پرونده نیست"),
        "missing_service" => ("the service is missing", "خدمت نیست"),
        "missing_status" => ("the status is missing", "وضعیت نیست"),
        "missing_date" => ("the date of the status is missing", "تاریخ وضعیت نیست"),
        "missing_value" => ("a required value is missing", "مقدار لازم نیست"),
        "unknown_service" => ("a service that the mapping does not know", "خدمتی که در نگاشت نیست"),
        "unknown_status" => ("a status word that the mapping does not know", "وضعیتی که در نگاشت نیست"),
        "unknown_county" => ("a county that is not in the province", "شهرستانی که در استان نیست"),
        "unknown_agency" => ("an agency that nobody knows", "دستگاه ناشناخته"),
        "impossible_transition" => ("the state machine has no such transition", "چنین گذاری در روند خدمت نیست"),
        "repeated_status" => ("the case has this status already", "پرونده همین وضعیت را دارد"),
        "service_changed" => ("the case belongs to another service", "پرونده از خدمت دیگری است"),
        _ => ("another reason", "دلیل دیگر"),
    }
}

/// The rows as CSV for a spreadsheet: UTF-8 with a byte-order mark, one line for each fault, no values of a row.
#[must_use]
pub fn to_csv(rows: &[QuarantinedRow]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let header = ["agency", "source", "file", "row", "case", "state", "column", "reason", "in words", "به زبان ساده"];
    // Writing into memory does not fail.
    let _ = writer.write_record(header);
    for row in rows {
        let line = QuarantineLine::from(row);
        let faults: Vec<(&str, &str)> = match row.state {
            QuarantineState::Waiting => vec![("", "")],
            QuarantineState::Faulty => row
                .problems
                .iter()
                .map(|problem| (problem.column.as_deref().unwrap_or_default(), problem.reason.as_str()))
                .collect(),
        };
        for (column, reason) in faults {
            let (en, fa) = if reason.is_empty() { WAITING } else { reason_label(reason) };
            let number = row.row.to_string();
            let cells =
                [&row.agency, &row.source, &row.file, &number, &row.case_key, line.state, column, reason, en, fa];
            let _ = writer.write_record(cells.map(harmless));
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    format!("\u{feff}{}", String::from_utf8(bytes).unwrap_or_default())
}

/// A spreadsheet takes a cell that begins with such a sign for a formula and runs it.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use barid_schemas::Millis;
    use barid_schemas::records::{Problem, QuarantineState, QuarantinedRow};

    use super::{reason_label, to_csv};

    fn row(state: QuarantineState, case_key: &str, reasons: &[&str]) -> QuarantinedRow {
        let problem = |reason: &&str| Problem {
            reason: (*reason).to_owned(),
            column: Some("کد ملی".to_owned()),
            value: Some("9901001172".to_owned()),
            message_en: "`9901001172` …".to_owned(),
            message_fa: "«9901001172» …".to_owned(),
        };
        QuarantinedRow {
            agency: "harbour_office".to_owned(),
            source: "permits".to_owned(),
            file: "export.csv".to_owned(),
            row: 7,
            case_key: case_key.to_owned(),
            row_identity: "row:1".to_owned(),
            state,
            problems: reasons.iter().map(problem).collect(),
            columns: BTreeMap::from([("کد ملی".to_owned(), "9901001172".to_owned())]),
            occurred_at: None,
            since: Millis(0),
            decision: None,
        }
    }

    #[test]
    fn a_spreadsheet_shows_a_line_for_each_fault_in_both_languages_and_no_value() {
        let rows = [
            row(QuarantineState::Faulty, "=1+1", &["wrong_check_digit", "unknown_status"]),
            row(QuarantineState::Waiting, "1401-2", &[]),
        ];
        let csv = to_csv(&rows);
        assert!(csv.starts_with('\u{feff}'));
        let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].contains("wrong check digit,رقم کنترل نادرست"), "{}", lines[1]);
        assert!(lines[1].contains(",'=1+1,"), "a formula would be run: {}", lines[1]);
        assert!(lines[3].contains("waits behind"), "{}", lines[3]);
        assert!(!csv.contains("9901001172"));
    }

    #[test]
    fn every_reason_of_a_row_has_words_of_its_own() {
        use crate::cast::CastReason;
        use crate::source::SourceReason::{BrokenJson, UndecodableText, WrongCellCount};
        let of_rows = [WrongCellCount, UndecodableText, BrokenJson];
        let codes =
            CastReason::ALL.iter().map(|reason| reason.code()).chain(of_rows.iter().map(|reason| reason.code()));
        for code in codes {
            assert_ne!(reason_label(code), reason_label("?"), "{code}");
        }
    }
}
