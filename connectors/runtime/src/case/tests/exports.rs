//! Full exports, shortened ones, re-sorted ones, those that show each case once.

use barid_schemas::case_event::Transition::{Correction, First, Illegal, Skip, Step};
use barid_schemas::records::QuarantineState;

use super::{CODE, CONNECTOR, HEADER, ID, Office, row, steps};

#[test]
fn the_rows_of_a_case_become_events_in_the_order_of_their_dates() {
    let mut office = Office::open();
    let (report, events) = office.read(&[
        row("1", "صدور", "1401/03/01"),
        row("1", "ثبت", "1401/01/01"),
        row("2", "رد", "1401/01/05"),
        row("1", "بررسی", "1401/02/01"),
    ]);
    assert_eq!((report.rows, report.published), (4, 4));
    let of_case: Vec<_> = events.iter().filter(|event| event.case_no.as_deref() == Some("1")).cloned().collect();
    assert_eq!(
        steps(&of_case),
        [(None, "submitted", First), (Some("submitted"), "under_review", Step), (Some("under_review"), "issued", Skip),]
    );
    assert!(of_case.iter().all(|event| event.corr_id == of_case[0].corr_id));
}

#[test]
fn the_same_export_again_costs_nothing_however_it_is_sorted_or_spelt() {
    let mut office = Office::open();
    let rows = [row("۱", "ثبت", "1401/01/01"), row("۱", "بررسی", "1401/02/01"), row("2", "ثبت", "1401/01/01")];
    office.read(&rows);
    let spelt = ["1;مجوز;بررسي;۱۴۰۱/۲/۱;9901001171;نام‌نمونه;;100".to_owned(), rows[2].clone(), rows[0].clone()];
    let (report, events) = office.read(&spelt);
    assert_eq!((report.unchanged, events.len()), (3, 0));
}

#[test]
fn a_row_that_has_vanished_is_no_event() {
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01"), row("2", "ثبت", "1401/01/01")]);
    let (report, events) = office.read(&[row("1", "بررسی", "1401/02/01")]);
    assert_eq!((report.rows, report.unchanged, events.len()), (1, 1, 0));
}

#[test]
fn an_export_that_shows_each_case_once_gives_a_step_for_each_change() {
    let mut office = Office::open();
    for (status, date) in [
        ("ثبت", "1401/01/01"),
        ("بررسی", "1401/02/01"),
        ("صدور", "1401/04/01"),
        ("تعلیق", "1401/05/01"),
        ("صدور", "1401/06/01"),
    ] {
        let (report, _) = office.read(&[row("1", status, date)]);
        assert_eq!(report.published, 1, "{status}");
    }
    assert_eq!(
        steps(&office.published),
        [
            (None, "submitted", First),
            (Some("submitted"), "under_review", Step),
            (Some("under_review"), "issued", Skip),
            (Some("issued"), "suspended", Step),
            (Some("suspended"), "issued", Step),
        ]
    );
    office.assert_nothing_twice();
}

#[test]
fn other_content_under_a_known_identity_is_a_correction() {
    let mut office = Office::open();
    let (_, first) = office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01")]);
    let changed = |area: &str| row("1", "بررسی", "1401/02/01").replace(";100", &format!(";{area}"));
    let (report, events) = office.read(&[row("1", "ثبت", "1401/01/01"), changed("120")]);
    assert_eq!((report.published, report.unchanged), (1, 1));
    assert_eq!(steps(&events), [(Some("submitted"), "under_review", Correction)]);
    assert_eq!(events[0].correction_of, Some(first[1].event_id));
    // Set back to what it was: a third event, though its content is that of the first.
    let (_, back) = office.read(&[row("1", "ثبت", "1401/01/01"), changed("100")]);
    assert_eq!(back[0].correction_of, Some(events[0].event_id));
    office.assert_nothing_twice();
    let (report, _) = office.read(&[row("1", "ثبت", "1401/01/01"), changed("100")]);
    assert_eq!(report.unchanged, 2);
}

#[test]
fn a_shortened_export_does_not_look_like_a_correction() {
    let mut office = Office::open();
    let rows = [row("1", "صدور", "1401/01/01"), row("1", "تعلیق", "1401/02/01"), row("1", "صدور", "1401/03/01")];
    office.read(&rows);
    let (report, events) = office.read(&rows[2..]);
    assert_eq!((report.unchanged, events.len()), (1, 0));
}

#[test]
fn a_row_that_an_export_holds_twice_is_one_fact() {
    let mut office = Office::open();
    let (report, events) = office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "ثبت", "1401/01/01")]);
    assert_eq!((report.published, report.unchanged, events.len()), (1, 1, 1));
}

#[test]
fn a_row_that_comes_late_is_published_where_the_machine_allows_it() {
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "صدور", "1401/05/01")]);
    let (_, events) =
        office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/03/01"), row("1", "صدور", "1401/05/01")]);
    assert_eq!(steps(&events), [(Some("submitted"), "under_review", Step)]);
    // The case goes on from where it was, not from the late row.
    let (_, events) = office.read(&[row("1", "تعلیق", "1401/06/01")]);
    assert_eq!(steps(&events), [(Some("issued"), "suspended", Step)]);
}

#[test]
fn a_row_that_comes_late_before_everything_known_has_no_state_before_it() {
    let mut office = Office::open();
    office.read(&[row("1", "صدور", "1401/05/01")]);
    let (_, events) = office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "صدور", "1401/05/01")]);
    assert_eq!(steps(&events), [(None, "submitted", Skip)]);
}

#[test]
fn a_row_that_comes_late_where_the_machine_does_not_allow_it_is_at_fault() {
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "صدور", "1401/05/01")]);
    let (report, _) = office.read(&[row("1", "رد", "1401/03/01")]);
    assert_eq!(report.quarantined, 1);
    assert_eq!(office.problem().1.reason, "impossible_transition");
}

#[test]
fn an_impossible_transition_names_the_rule_and_the_case_waits_while_others_flow() {
    let mut office = Office::open();
    let (report, _) = office.read(&[
        row("1", "رد", "1401/01/01"),
        row("1", "صدور", "1401/02/01"),
        row("1", "تعلیق", "1401/03/01"),
        row("2", "ثبت", "1401/01/01"),
    ]);
    assert_eq!((report.published, report.quarantined, report.waiting), (2, 1, 1));
    let (faulty, problem) = office.problem();
    assert_eq!((faulty.row, problem.column.as_deref(), problem.value.as_deref()), (2, Some("وضعیت"), Some("صدور")));
    assert!(problem.message_en.contains("no way from `rejected` to `issued`"), "{}", problem.message_en);
    let state = &office.case("1");
    assert_eq!(state.parked_reason.as_deref(), Some("impossible_transition"));
    // The office mends the first row: the decision was another one.
    let (report, events) = office.read(&[
        row("1", "موافقت", "1401/01/15"),
        row("1", "صدور", "1401/02/01"),
        row("1", "تعلیق", "1401/03/01"),
    ]);
    // `rejected` stays a fact: nothing that is published is taken back.
    assert_eq!((report.published, events.len()), (0, 0));
    assert!(!office.in_quarantine(QuarantineState::Faulty).is_empty());
}

#[test]
fn a_lenient_connector_publishes_what_the_machine_does_not_allow_and_flags_it() {
    let mut office = Office::with(&CONNECTOR.replace("[[source]]", "lenient = true\n[[source]]"));
    let (report, events) = office.read(&[row("1", "رد", "1401/01/01"), row("1", "صدور", "1401/02/01")]);
    assert_eq!(report.published, 2);
    assert_eq!(steps(&events)[1], (Some("rejected"), "issued", Illegal));
}

#[test]
fn a_repeated_status_needs_a_way_around() {
    let mut office = Office::open();
    let (report, events) = office.read(&[row("1", "صدور", "1401/01/01"), row("1", "صدور", "1401/02/01")]);
    assert_eq!(steps(&events), [(None, "issued", First), (Some("issued"), "issued", Skip)]);
    assert_eq!(report.published, 2);
    let (report, _) = office.read(&[row("2", "رد", "1401/01/01"), row("2", "رد", "1401/02/01")]);
    assert_eq!((report.published, report.quarantined), (1, 1));
    assert_eq!(office.problem().1.reason, "repeated_status");
}

#[test]
fn a_case_keeps_its_corr_id_when_its_tracking_code_changes_or_comes_later() {
    let mut office = Office::open();
    let with_code =
        |case: &str, status: &str, date: &str| row(case, status, date).replace(";;100", &format!(";{CODE};100"));
    let (_, first) = office.read(&[row("1", "ثبت", "1401/01/01"), with_code("2", "ثبت", "1401/01/01")]);
    let (_, second) = office.read(&[with_code("1", "بررسی", "1401/02/01"), row("2", "بررسی", "1401/02/01")]);
    assert_eq!(first[0].corr_id, second[0].corr_id);
    assert_eq!(first[1].corr_id, second[1].corr_id);
    // A code makes the matter one with that of other agencies.
    let expected = barid_event::ids::corr_id_of_tracking_code(&office.keys.correlation, CODE);
    assert_eq!(second[1].corr_id, expected);
    assert_ne!(second[0].corr_id, expected);
}

#[test]
fn a_case_that_changes_its_service_is_at_fault() {
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01")]);
    office.read(&[format!("1;عوارض;بدهکار;1401/02/01;{ID};نام;;1")]);
    assert_eq!(office.problem().1.reason, "service_changed");
}

#[test]
fn a_row_key_names_a_row_whatever_changes_in_it() {
    let connector = CONNECTOR
        .replace("separator = \";\"", "separator = \";\"\nrow_key = \"ردیف\"")
        .replace("case_no =", "letter_no = { column = \"ردیف\" }\ncase_no =");
    let mut office = Office::with(&connector);
    let text = |rows: &[String]| format!("{HEADER};ردیف\n{}\n", rows.join("\n"));
    let keyed = |status: &str, date: &str, key: &str| format!("{};{key}", row("1", status, date));
    let first = text(&[keyed("بررسی", "1401/01/01", "k1"), keyed("موافقت", "1401/02/01", "k2")]);
    let (_, before) = office.read_named("export.csv", &first, None).unwrap();
    // Date and status of the second row were wrong.
    let second = text(&[keyed("رد", "1401/02/09", "k2"), keyed("بررسی", "1401/01/01", "k1")]);
    let (report, events) = office.read_named("export.csv", &second, None).unwrap();
    assert_eq!((report.published, report.unchanged), (1, 1));
    assert_eq!(steps(&events), [(Some("under_review"), "rejected", Correction)]);
    assert_eq!(events[0].correction_of, Some(before[1].event_id));
    assert_eq!(office.case("1").last_status, "rejected");
}

#[test]
fn rows_of_one_day_are_taken_in_the_order_that_the_machine_allows() {
    let mut office = Office::open();
    let day = "1401/01/01";
    // Newest first, as some screens export.
    let (report, events) = office.read(&[row("1", "صدور", day), row("1", "موافقت", day), row("1", "بررسی", day)]);
    assert_eq!(report.published, 3);
    assert_eq!(
        steps(&events),
        [(None, "under_review", First), (Some("under_review"), "approved", Step), (Some("approved"), "issued", Step),]
    );
    // Neither order is allowed: the order of the file stands, and what does not follow is at fault.
    let (report, _) = office.read(&[row("2", "رد", day), row("2", "صدور", day)]);
    assert_eq!((report.published, report.quarantined), (1, 1));
}

#[test]
fn a_row_that_tells_no_time_is_published_once_with_the_moment_of_its_first_reading() {
    let observed = "occurred_at = [{ observed = true, when = { status = [\"suspended\"] } }, { column = \"تاریخ\", cast = \"jalali_date\" }]";
    let mut office =
        Office::with(&CONNECTOR.replace("occurred_at = { column = \"تاریخ\", cast = \"jalali_date\" }", observed));
    office.read(&[row("1", "صدور", "1401/01/01")]);
    let first_reading = office.now;
    // The row changes its status in place and keeps the date of its issue.
    let (_, events) = office.read(&[row("1", "تعلیق", "1401/01/01")]);
    assert_eq!(steps(&events), [(Some("issued"), "suspended", Step)]);
    assert_eq!(events[0].occurred_at, first_reading);
    assert_eq!(events[0].precision, barid_schemas::case_event::Precision::Observed);
    let (report, _) = office.read(&[row("1", "تعلیق", "1401/01/01")]);
    assert_eq!(report.unchanged, 1);
    // What follows has a date before the moment of that reading, and is no late row for that.
    let (_, events) = office.read(&[row("1", "تعلیق", "1401/01/01"), row("1", "ابطال", "1401/09/01")]);
    assert_eq!(steps(&events), [(Some("suspended"), "revoked", Step)]);
}
