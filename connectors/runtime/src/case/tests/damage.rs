//! What an office sees of a damaged row, and what happens after the mend.

use barid_schemas::records::QuarantineState::{Faulty, Waiting};

use super::{CONNECTOR, HEADER, ID, Office, config, row, steps};

/// A case whose second of three rows is damaged, and a case beside it.
fn damaged(second: &str) -> [String; 4] {
    [row("1", "ثبت", "1401/01/01"), second.to_owned(), row("1", "صدور", "1401/07/25"), row("2", "ثبت", "1401/01/01")]
}

/// The damage stops the row with this reason, column and value; the case waits, the other flows; after the mend every
/// event has come once, in order.
fn check(second: &str, reason: &str, column: &str, value: &str) {
    let mut office = Office::open();
    let (report, _) = office.read(&damaged(second));
    assert_eq!((report.quarantined, report.waiting), (1, 1), "{reason}");
    let without_date = column == "تاریخ";
    // A row without a date may belong anywhere: the case waits from its first unpublished row on.
    assert!(report.published == 2 || without_date, "{report:?}");
    let (faulty, problem) = office.problem();
    assert_eq!((faulty.file.as_str(), faulty.row), ("export.csv", 2));
    assert_eq!((problem.reason.as_str(), problem.column.as_deref()), (reason, Some(column)));
    assert_eq!(problem.value.as_deref().unwrap_or_default(), value);
    assert!(value.is_empty() || problem.message_en.contains(value), "{}", problem.message_en);
    assert!(problem.message_en.contains(';') && problem.message_fa.contains('؛'), "no cure in {problem:?}");

    // Tomorrow's file holds it again, still damaged: nothing new.
    let (again, events) = office.read(&damaged(second));
    assert_eq!((again.quarantined, again.waiting, events.len()), (1, 1, 0));
    assert_eq!(office.memory.quarantine.len(), 2);

    // The office mends the row. The waiting row has gone from the export; it was kept.
    let mended = row("1", "بررسی", "1401/07/20");
    let (report, _) = office.read(&[row("1", "ثبت", "1401/01/01"), mended.clone()]);
    assert_eq!((report.quarantined, report.waiting, report.released), (0, 0, 1));
    let of_case: Vec<_> =
        office.published.iter().filter(|event| event.case_no.as_deref() == Some("1")).cloned().collect();
    let statuses: Vec<_> = steps(&of_case).into_iter().map(|(from, to, _)| (from, to)).collect();
    assert_eq!(statuses, [(None, "submitted"), (Some("submitted"), "under_review"), (Some("under_review"), "issued")]);
    assert!(office.memory.quarantine.is_empty());
    assert_eq!(office.case("1").parked_since, None);
    // And the full export once more publishes nothing.
    let (report, _) = office.read(&damaged(&mended));
    assert_eq!(report.unchanged, 4);
    office.assert_nothing_twice();
}

fn second(status: &str, date: &str, id: &str, area: &str) -> String {
    format!("1;مجوز;{status};{date};{id};نام نمونه;;{area}")
}

#[test]
fn an_unknown_status_word_stops_the_row() {
    check(&second("در بررسی", "1401/07/20", ID, "100"), "unknown_status", "وضعیت", "در بررسی");
}

#[test]
fn a_wrong_check_digit_stops_the_row() {
    check(&second("بررسی", "1401/07/20", "9901001172", "100"), "wrong_check_digit", "کد ملی", "9901001172");
}

#[test]
fn scientific_notation_stops_the_row() {
    check(&second("بررسی", "1401/07/20", "9.9E+09", "100"), "scientific_notation", "کد ملی", "9.9E+09");
}

#[test]
fn the_31st_of_mehr_stops_the_row() {
    let mut office = Office::open();
    let (report, _) = office.read(&damaged(&second("بررسی", "1401/07/31", ID, "100")));
    // Nobody knows where the row belongs, so nothing of the case is published before it is mended.
    assert_eq!((report.published, report.quarantined, report.waiting), (1, 1, 2));
    let (faulty, problem) = office.problem();
    assert_eq!((faulty.row, problem.reason.as_str(), problem.column.as_deref()), (2, "impossible_date", Some("تاریخ")));
    let (report, events) = office.read(&damaged(&second("بررسی", "1401/07/20", ID, "100")));
    assert_eq!((report.published, report.unchanged), (3, 1));
    assert_eq!(
        events.iter().map(|event| event.status_to.as_str()).collect::<Vec<_>>(),
        ["submitted", "under_review", "issued"]
    );
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn an_empty_status_stops_the_row() {
    check(&second("", "1401/07/20", ID, "100"), "missing_status", "وضعیت", "");
}

#[test]
fn the_words_of_an_unknown_status_show_the_nearest_known_one() {
    let mut office = Office::open();
    office.read(&[row("1", "موافقط", "1401/01/01")]);
    assert!(office.problem().1.message_en.contains("did you mean `موافقت`?"));
    assert!(office.problem().1.message_en.contains("source.status.words.harbour_permit"));
}

#[test]
fn a_row_that_does_not_tell_its_case_stops_no_case_and_is_settled_by_its_mended_form() {
    let mut office = Office::open();
    let lost = row("", "بررسی", "1401/02/01");
    let (report, _) = office.read(&[row("1", "ثبت", "1401/01/01"), lost, row("1", "صدور", "1401/03/01")]);
    assert_eq!((report.published, report.quarantined), (2, 1));
    assert_eq!(office.problem().1.reason, "missing_case");
    let (report, events) = office.read(&[row("1", "بررسی", "1401/02/01")]);
    assert_eq!((report.published, events.len()), (1, 1));
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_mended_mapping_releases_what_waits_without_a_new_export() {
    let mut office = Office::open();
    office.read(&damaged(&second("کارشناسی", "1401/07/20", ID, "100")));
    office.config = config(&CONNECTOR.replace("\"بررسی\" =", "\"کارشناسی\" = \"under_review\"\n\"بررسی\" ="));
    let events = office.resume();
    assert_eq!(events.iter().map(|event| event.status_to.as_str()).collect::<Vec<_>>(), ["under_review", "issued"]);
    assert!(office.memory.quarantine.is_empty());
    office.assert_nothing_twice();
}

#[test]
fn a_row_with_too_few_cells_belongs_to_its_file() {
    let mut office = Office::open();
    let text = format!("{HEADER}\n1;مجوز;ثبت\n2;مجوز;ثبت;1401/01/01;{ID};نام;;1\n");
    let (report, _) = office.read_named("export.csv", &text, None).unwrap();
    assert_eq!((report.published, report.quarantined), (1, 1));
    assert_eq!(office.in_quarantine(Faulty)[0].problems[0].reason, "wrong_cell_count");
    let (report, _) = office.read(&[row("1", "ثبت", "1401/01/01"), row("3", "ثبت", "1401/01/01")]);
    assert_eq!(report.published, 2);
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_waiting_row_that_is_corrected_meanwhile_is_published_once() {
    let mut office = Office::open();
    office.read(&damaged(&second("؟", "1401/07/20", ID, "100")));
    assert_eq!(office.in_quarantine(Waiting).len(), 1);
    let mut rows = damaged(&row("1", "بررسی", "1401/07/20"));
    rows[2] = rows[2].replace(";100", ";250");
    let (report, events) = office.read(&rows);
    assert_eq!((report.published, report.released), (2, 0));
    assert_eq!(events[1].parcel.as_ref().unwrap().area_m2, Some(250.0));
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_missing_column_stops_the_file_and_names_the_nearest_header() {
    let mut office = Office::open();
    let text = format!("{}\n{}\n", HEADER.replace("وضعیت", "وضعیتت"), row("1", "ثبت", "1401/01/01"));
    let faults = office.read_named("export.csv", &text, None).unwrap_err();
    assert_eq!(faults[0].column.as_deref(), Some("وضعیت"));
    assert!(faults[0].to_string().contains("وضعیتت"), "{}", faults[0]);
    assert!(office.published.is_empty());
}

#[test]
fn a_half_written_file_and_a_wrong_encoding_stop_the_file_before_anything_is_published() {
    let mut office = Office::open();
    let text = format!("{HEADER}\n{}\n1;مجوز;\"بررسی;1401", row("1", "ثبت", "1401/01/01"));
    assert!(office.read_named("export.csv", &text, None).is_err());
    let utf16 = Office::with(&CONNECTOR.replace("utf-8", "utf-16le"));
    let mut utf16 = utf16;
    assert!(utf16.read_named("export.csv", &format!("{HEADER}\n"), None).is_err());
    assert!(office.published.is_empty() && utf16.published.is_empty());
}
