//! Mends as offices make them, and what must not be taken for one.

use barid_schemas::case_event::Transition::{First, Skip, Step};
use barid_schemas::records::QuarantineState::{Faulty, Waiting};

use super::{CONNECTOR, CasePlan, HEADER, ID, Memory, Office, ReadingError, Sink, read_file, row, steps};

/// Another number with a right check digit.
const WRONG_ID: &str = "9901001172";

fn with_id(row: &str, id: &str) -> String {
    row.replace(ID, id)
}

fn statuses(office: &Office) -> Vec<&str> {
    office.published.iter().map(|event| event.status_to.as_str()).collect()
}

fn file(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// A connector with a key for each row.
fn keyed() -> Office {
    Office::with(&CONNECTOR.replace("separator = \";\"", "separator = \";\"\nrow_key = \"ردیف\""))
}

fn keyed_file(rows: &[(String, &str)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(row, key)| format!("{row};{key}")).collect();
    format!("{HEADER};ردیف\n{}\n", rows.join("\n"))
}

#[test]
fn an_old_file_that_is_read_again_takes_no_row_of_another_file_out_of_the_quarantine() {
    let mut office = Office::open();
    office.read_named("01.csv", &file(&[row("1", "رد", "1401/01/01")]), None).unwrap();
    office.read_named("02.csv", &file(&[row("1", "صدور", "1401/02/01")]), None).unwrap();
    assert_eq!(office.problem().1.reason, "impossible_transition");
    // The refusal differs from the issue in status and date only, but it is another fact.
    let longer = [row("1", "رد", "1401/01/01"), row("2", "ثبت", "1401/01/01")];
    office.read_named("01.csv", &file(&longer), None).unwrap();
    assert_eq!(office.problem().1.reason, "impossible_transition");
}

#[test]
fn a_row_that_is_set_back_in_its_own_file_settles_the_impossible_one() {
    let mut office = Office::open();
    for status in ["رد", "صدور", "رد"] {
        let day = if status == "رد" { "1401/01/01" } else { "1401/02/01" };
        office.read(&[row("1", status, day)]);
    }
    assert!(office.memory.quarantine.is_empty());
    assert_eq!(statuses(&office), ["rejected"]);
}

#[test]
fn a_published_row_that_was_damaged_in_one_file_and_is_whole_in_the_next_settles_the_damage() {
    let mut office = Office::open();
    let whole = row("1", "ثبت", "1401/01/01");
    office.read_named("01.csv", &file(std::slice::from_ref(&whole)), None).unwrap();
    office.read_named("02.csv", &file(&[with_id(&whole, "9.9E+09")]), None).unwrap();
    assert_eq!(office.in_quarantine(Faulty).len(), 1);
    office.read_named("03.csv", &file(&[whole]), None).unwrap();
    assert!(office.memory.quarantine.is_empty());
    assert_eq!(statuses(&office), ["submitted"]);
}

#[test]
fn a_key_that_is_counted_in_each_case_anew_mends_no_row_of_an_unknown_case() {
    let mut office = keyed();
    let lost = (row("", "بررسی", "1401/02/01"), "1");
    office.read_named("export.csv", &keyed_file(&[lost]), None).unwrap();
    assert_eq!(office.problem().1.reason, "missing_case");
    let other = (row("7", "ثبت", "1401/01/01"), "1");
    office.read_named("export.csv", &keyed_file(&[other]), None).unwrap();
    assert_eq!(office.problem().1.reason, "missing_case");
    let mended = (row("7", "بررسی", "1401/02/01"), "2");
    office.read_named("export.csv", &keyed_file(&[mended]), None).unwrap();
    assert_eq!(statuses(&office), ["submitted", "under_review"]);
}

#[test]
fn a_row_with_a_key_of_its_own_is_not_published_because_another_has_its_content() {
    let mut office = keyed();
    let issued = row("1", "صدور", "1401/01/01");
    office.read_named("export.csv", &keyed_file(&[(issued.clone(), "k1")]), None).unwrap();
    let (report, events) =
        office.read_named("export.csv", &keyed_file(&[(issued.clone(), "k1"), (issued, "k2")]), None).unwrap();
    assert_eq!((report.published, report.unchanged), (1, 1));
    assert_eq!(steps(&events), [(Some("issued"), "issued", Skip)]);
}

#[test]
fn a_row_at_fault_keeps_its_place_in_a_day_that_is_shown_newest_first() {
    let day = "1401/01/01";
    let newest_first =
        |id: &str| [row("1", "صدور", day), row("1", "موافقت", day), with_id(&row("1", "بررسی", day), id)];
    let mut office = Office::open();
    let (report, _) = office.read(&newest_first(WRONG_ID));
    assert_eq!((report.published, report.quarantined, report.waiting), (0, 1, 2));
    office.read(&newest_first(ID));
    assert_eq!(
        steps(&office.published),
        [(None, "under_review", First), (Some("under_review"), "approved", Step), (Some("approved"), "issued", Step)]
    );
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_row_of_the_last_day_that_comes_late_is_published_before_what_it_led_to() {
    let day = "1401/02/01";
    let mut office = Office::open();
    let rows = |status: &str| [row("1", "صدور", day), row("1", status, day), row("1", "ثبت", "1401/01/01")];
    // Of a word that nobody knows it cannot be told where in the day it belongs.
    office.read(&rows("کارشناسی"));
    assert_eq!(statuses(&office), ["submitted", "issued"]);
    let (_, events) = office.read(&rows("بررسی"));
    assert_eq!(steps(&events), [(Some("submitted"), "under_review", Step)]);
    assert!(office.memory.quarantine.is_empty());
    assert_eq!(office.case("1").last_status, "issued");
}

#[test]
fn rows_of_one_day_in_any_order_are_taken_in_the_only_one_that_the_machine_allows() {
    let day = "1401/01/01";
    let mut office = Office::open();
    let (report, _) = office.read(&[row("1", "موافقت", day), row("1", "صدور", day), row("1", "بررسی", day)]);
    assert_eq!(report.published, 3);
    assert_eq!(statuses(&office), ["under_review", "approved", "issued"]);
}

#[test]
fn a_row_whose_date_is_corrected_while_it_waits_is_published_once() {
    let mut office = Office::open();
    let rows = |id: &str, day: &str| {
        [row("1", "ثبت", "1401/01/01"), with_id(&row("1", "بررسی", "1401/02/01"), id), row("1", "صدور", day)]
    };
    office.read(&rows(WRONG_ID, "1401/03/01"));
    assert_eq!(office.in_quarantine(Waiting).len(), 1);
    office.read(&rows(ID, "1401/03/02"));
    assert_eq!(statuses(&office), ["submitted", "under_review", "issued"]);
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_row_that_waits_is_not_taken_for_a_later_one_of_its_status() {
    let mut office = Office::open();
    let first = [row("1", "ثبت", "1401/01/01"), with_id(&row("1", "بررسی", "1401/02/01"), WRONG_ID)];
    office.read(&[first.to_vec(), vec![row("1", "صدور", "1401/03/01")]].concat());
    // The next export holds what is new only: suspended and issued again.
    office.read(&[row("1", "تعلیق", "1401/04/01"), row("1", "صدور", "1401/05/01")]);
    assert_eq!(office.in_quarantine(Waiting).len(), 3);
    office.read(&[row("1", "بررسی", "1401/02/01")]);
    assert_eq!(statuses(&office), ["submitted", "under_review", "issued", "suspended", "issued"]);
}

#[test]
fn a_row_at_fault_that_is_corrected_in_other_cells_too_is_mended() {
    for mended in [
        // The number and the date.
        row("1", "بررسی", "1401/02/02"),
        // The number and the area.
        row("1", "بررسی", "1401/02/01").replace(";100", ";120"),
    ] {
        let mut office = Office::open();
        office.read(&[row("1", "ثبت", "1401/01/01"), with_id(&row("1", "بررسی", "1401/02/01"), WRONG_ID)]);
        office.read(&[row("1", "ثبت", "1401/01/01"), mended]);
        assert_eq!(statuses(&office), ["submitted", "under_review"]);
        assert!(office.memory.quarantine.is_empty());
    }
    // The status word and the area: the day tells that it is the same row.
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "؟", "1401/02/01")]);
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01").replace(";100", ";120")]);
    assert_eq!(statuses(&office), ["submitted", "under_review"]);
    assert!(office.memory.quarantine.is_empty());
    // The date and the area: the status tells it.
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/07/31")]);
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/07/30").replace(";100", ";120")]);
    assert_eq!(statuses(&office), ["submitted", "under_review"]);
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_row_that_was_in_the_wrong_case_leaves_the_quarantine_of_that_case() {
    let mut office = Office::open();
    let rows = |case: &str| {
        [
            row("1", "ثبت", "1401/01/01"),
            row("1", "رد", "1401/02/01"),
            row(case, "صدور", "1401/03/01"),
            row("2", "موافقت", "1401/02/01"),
        ]
    };
    office.read(&rows("1"));
    assert_eq!(office.problem().1.reason, "impossible_transition");
    office.read(&rows("2"));
    assert!(office.memory.quarantine.is_empty());
    assert_eq!(office.case("1").parked_since, None);
    assert_eq!(office.case("2").last_status, "issued");
    // As long as the file holds the row, it is at fault, whatever rows of other cases look like it.
    let mut office = Office::open();
    office.read(&rows("1"));
    office.read(&[rows("1").to_vec(), vec![row("2", "صدور", "1401/03/01")]].concat());
    assert_eq!(office.problem().1.reason, "impossible_transition");
}

#[test]
fn a_row_that_stays_broken_has_been_so_since_the_first_reading() {
    let mut office = Office::open();
    let text = format!("{HEADER}\n1;مجوز;ثبت\n");
    office.read_named("export.csv", &text, None).unwrap();
    let before = office.memory.quarantine.clone();
    office.read_named("export.csv", &text, None).unwrap();
    assert_eq!(office.memory.quarantine, before);
}

#[test]
fn a_row_that_could_not_be_taken_apart_leaves_with_the_next_export_that_repeats_the_others() {
    let known = [row("1", "ثبت", "1401/01/01"), row("2", "ثبت", "1401/01/01"), row("3", "ثبت", "1401/01/01")];
    let with = |more: &[&str]| {
        let more = more.iter().map(|row| (*row).to_owned());
        file(&known.iter().cloned().chain(more).collect::<Vec<_>>())
    };
    let is_there = |office: &Office| {
        let faulty = office.in_quarantine(Faulty);
        faulty.len() == 1 && faulty[0].problems[0].reason == "wrong_cell_count"
    };
    // The last row tells its case in the one, nothing at all in the other.
    for broken in ["4;مجوز;ثبت", "؟"] {
        let first = |office: &mut Office| {
            office.read_named("01.csv", &with(&[broken]), None).unwrap();
            assert!(is_there(office));
        };
        let mended = row("4", "ثبت", "1401/01/09");
        let mut office = Office::open();
        first(&mut office);
        office.read_named("02.csv", &with(&[broken]), None).unwrap();
        assert!(is_there(&office), "it still stands");
        office.read_named("03.csv", &with(&[&mended]), None).unwrap();
        assert!(office.memory.quarantine.is_empty(), "mended under another name");

        let mut office = Office::open();
        first(&mut office);
        office.read_named("01.csv", &file(&known[..1]), None).unwrap();
        assert!(office.memory.quarantine.is_empty(), "removed from its own file");

        // What holds news only says nothing about it: it may be the one place where the row is known.
        let mut office = Office::open();
        first(&mut office);
        office.read_named("02.csv", &file(&[row("5", "ثبت", "1401/01/01"), known[2].clone()]), None).unwrap();
        assert!(is_there(&office));
        // And neither does an older file that is read again because the mapping is new.
        office.is_again = true;
        office.read_named("00.csv", &file(&known), None).unwrap();
        assert!(is_there(&office));
    }
}

#[test]
fn a_row_that_was_too_large_leaves_with_the_next_export_that_repeats_the_others() {
    let large = row("1", "بررسی", "1401/02/01").replace("نام نمونه", &"نام ".repeat(50_000));
    let known = [row("1", "ثبت", "1401/01/01"), row("2", "ثبت", "1401/01/01")];
    let mut office = Office::open();
    office.read_named("01.csv", &file(&[&known[..], &[large]].concat()), None).unwrap();
    assert_eq!(office.problem().1.reason, "row_too_large");
    office.read_named("02.csv", &file(&known), None).unwrap();
    assert!(office.memory.quarantine.is_empty());
}

#[test]
fn a_row_that_no_record_could_hold_stops_itself_and_not_the_connector() {
    let mut office = Office::open();
    let large = row("1", "بررسی", "1401/02/01").replace("نام نمونه", &"نام ".repeat(500_000));
    let rows = |second: &str| [row("1", "ثبت", "1401/01/01"), second.to_owned(), row("1", "صدور", "1401/03/01")];
    let (report, _) = office.read(&rows(&large));
    assert_eq!((report.published, report.quarantined, report.waiting), (1, 1, 1));
    let (record, problem) = office.problem();
    assert_eq!((problem.reason.as_str(), problem.column.as_deref()), ("row_too_large", Some("نام")));
    assert!(format!("{record:?}").len() < 10_000);
    // What is kept of it is not the row: it is not published as if it were.
    office.resume();
    assert_eq!(office.problem().1.reason, "row_too_large");
    office.read(&rows(&row("1", "بررسی", "1401/02/01")));
    assert_eq!(statuses(&office), ["submitted", "under_review", "issued"]);
    assert!(office.memory.quarantine.is_empty());
}

/// Somebody writes the file over while it is read.
struct Meddler<'a> {
    memory: &'a Memory,
    path: &'a std::path::Path,
    /// So many rows are read before he does it for the first time.
    patience: std::cell::Cell<usize>,
    plans: usize,
}

impl Sink for Meddler<'_> {
    type Error = std::convert::Infallible;

    fn memory(&self) -> &Memory {
        self.memory
    }

    fn is_stopped(&self) -> bool {
        match self.patience.get().checked_sub(1) {
            Some(left) => self.patience.set(left),
            None => std::fs::write(self.path, file(&[row("1", "صدور", "1401/09/09")])).unwrap(),
        }
        false
    }

    fn take(&mut self, _: CasePlan) -> Result<(), Self::Error> {
        self.plans += 1;
        Ok(())
    }
}

#[test]
fn nothing_is_taken_from_a_file_that_is_written_over_while_it_is_read() {
    let office = Office::open();
    let path = office.folder.path().join("export.csv");
    std::fs::write(&path, file(&[row("1", "ثبت", "1401/01/01"), row("2", "ثبت", "1401/01/01")])).unwrap();
    let context = office.context();
    let mut meddler = Meddler { memory: &office.memory, path: &path, patience: 0.into(), plans: 0 };
    let result = read_file(&context, &office.config.sources[0], &path, &mut meddler);
    assert!(matches!(result, Err(ReadingError::Changed)));
    assert_eq!(meddler.plans, 0);
}

#[test]
fn nothing_is_taken_from_a_large_file_that_is_written_over_between_two_looks() {
    let mut office = Office::open();
    let known = [row("1", "ثبت", "1401/01/01"), row("2", "ثبت", "1401/01/01")];
    office.read(&known);
    // Of the second case a row that is known comes first: it is passed over and has to be looked for again.
    office.rows_held = 1;
    let path = office.folder.path().join("export.csv");
    let rows = [&known[..], &[row("2", "بررسی", "1401/02/01")]].concat();
    let context = office.context();
    for (patience, changes) in [(rows.len(), true), (2 * rows.len(), false)] {
        std::fs::write(&path, file(&rows)).unwrap();
        let mut meddler = Meddler { memory: &office.memory, path: &path, patience: patience.into(), plans: 0 };
        let result = read_file(&context, &office.config.sources[0], &path, &mut meddler);
        assert_eq!(matches!(result, Err(ReadingError::Changed)), changes);
        assert_eq!(meddler.plans, usize::from(!changes));
    }
}
