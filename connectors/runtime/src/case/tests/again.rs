//! Files that are read again because the mapping is new, and corrections over several files, against what anybody would
//! expect: an event for each change from one reading to the next, and none for reading again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{HEADER, Office, row, steps};

/// The straight way through the machine.
const WAY: [(&str, &str); 4] =
    [("ثبت", "submitted"), ("بررسی", "under_review"), ("موافقت", "approved"), ("صدور", "issued")];

/// A row of a case: its place on the way and how often it has been rewritten.
type Row = (usize, usize, u8);

fn text((case, place, version): Row) -> String {
    let row = row(&format!("case/{case}"), WAY[place].0, &format!("1401/{:02}/{:02}", place + 1, case + 1));
    row.replace(";100", &format!(";{}", 100 + u16::from(version)))
}

fn file(rows: &[Row]) -> String {
    format!("{HEADER}\n{}\n", rows.iter().copied().map(text).collect::<Vec<_>>().join("\n"))
}

/// An event: case, status, area, status before it.
type Told = (String, String, Option<String>, Option<String>);

/// An office, the files of its folder in the order in which they came, and the obvious model of it.
struct Folder {
    office: Office,
    files: Vec<(String, Vec<Row>)>,
    /// What the last reading said of each row.
    known: BTreeMap<(usize, usize), u8>,
    expected: BTreeMap<String, Vec<Told>>,
}

impl Folder {
    fn open() -> Self {
        Self { office: Office::open(), files: Vec::new(), known: BTreeMap::new(), expected: BTreeMap::new() }
    }

    /// A new file, or a known one with other content.
    fn put(&mut self, name: &str, rows: &[Row]) {
        if self.files.iter().any(|(known, before)| known == name && before == rows) {
            return;
        }
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), rows.to_vec()));
        self.office.read_named(name, &file(rows), None).unwrap();
        let sorted: BTreeSet<Row> = rows.iter().copied().collect();
        for (case, place, version) in sorted {
            if self.known.insert((case, place), version) == Some(version) {
                continue;
            }
            let before = self.known.range((case, 0)..(case, place)).next_back();
            let case = format!("case/{case}");
            let told = (
                case.clone(),
                WAY[place].1.to_owned(),
                Some((100.0 + f64::from(version)).to_string()),
                before.map(|((_, place), _)| WAY[*place].1.to_owned()),
            );
            self.expected.entry(case).or_default().push(told);
        }
    }

    /// The mapping is new in a way that changes no row.
    fn read_all_again(&mut self) {
        self.office.is_again = true;
        for (name, rows) in &self.files {
            self.office.read_named(name, &file(rows), None).unwrap();
        }
        self.office.is_again = false;
    }

    fn told(&self) -> BTreeMap<String, Vec<Told>> {
        let mut told: BTreeMap<String, Vec<Told>> = BTreeMap::new();
        for event in &self.office.published {
            let case = event.case_no.clone().unwrap();
            let area = event.parcel.as_ref().and_then(|parcel| parcel.area_m2);
            let area = area.map(|area| area.to_string());
            told.entry(case.clone()).or_default().push((
                case,
                event.status_to.clone(),
                area,
                event.status_from.clone(),
            ));
        }
        told
    }
}

/// What happens to the folder: a file comes, or (`None`) the mapping changes.
fn happenings() -> impl Strategy<Value = Vec<Option<(usize, Vec<Row>)>>> {
    let rows = prop::collection::vec((0_usize..2, 0_usize..WAY.len(), 0_u8..3), 1..6);
    let put = (0_usize..4, rows).prop_map(|(name, mut rows)| {
        rows.sort_by_key(|(case, place, _)| (*case, *place));
        rows.dedup_by_key(|(case, place, _)| (*case, *place));
        Some((name, rows))
    });
    prop::collection::vec(prop_oneof![3 => put, 1 => Just(None)], 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However often rows are corrected, set back, shown late or not shown, over however many files: each change is one event,
    /// which says what state was before it, and reading all again says nothing.
    #[test]
    fn each_change_is_told_once_and_reading_again_tells_nothing(happenings in happenings()) {
        let mut folder = Folder::open();
        for happening in &happenings {
            match happening {
                Some((name, rows)) => folder.put(&format!("{name}.csv"), rows),
                None => folder.read_all_again(),
            }
        }
        folder.read_all_again();
        prop_assert_eq!(folder.told(), folder.expected);
        prop_assert!(folder.office.memory.quarantine.is_empty());
        folder.office.assert_nothing_twice();
    }
}

#[test]
fn a_row_that_was_corrected_twice_is_not_published_again_for_a_new_mapping() {
    let mut folder = Folder::open();
    for (name, version) in [("a.csv", 0), ("b.csv", 1), ("c.csv", 2), ("d.csv", 1)] {
        folder.put(name, &[(0, 0, version)]);
    }
    assert_eq!(folder.office.published.len(), 4, "set back in the last file: an event");
    folder.read_all_again();
    assert_eq!(folder.office.published.len(), 4);
}

#[test]
fn a_correction_names_the_state_before_it_though_the_file_does_not_show_it() {
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01"), row("1", "موافقت", "1401/03/01")]);
    let corrected = row("1", "موافقت", "1401/03/01").replace(";100", ";120");
    let (_, events) = office.read(&[row("1", "ثبت", "1401/01/01"), corrected]);
    assert_eq!(steps(&events)[0].0, Some("under_review"));
    // A row that came late was published last; it is not what came before the one that it led to.
    let mut office = Office::open();
    office.read(&[row("1", "ثبت", "1401/01/01"), row("1", "صدور", "1401/05/01")]);
    office.read(&[row("1", "بررسی", "1401/03/01")]);
    assert_eq!(steps(&office.published)[2].0, Some("submitted"));
    let (_, events) = office.read(&[row("1", "بررسی", "1401/03/01").replace(";100", ";120")]);
    assert_eq!(steps(&events)[0].0, Some("submitted"));
    let (_, events) = office.read(&[row("1", "صدور", "1401/05/01").replace(";100", ";120")]);
    assert_eq!(steps(&events)[0].0, Some("under_review"));
}

#[test]
fn a_row_that_changes_with_every_export_keeps_its_case_small() {
    let mut office = Office::open();
    for area in 0..50 {
        office.read(&[
            row("1", "ثبت", "1401/01/01"),
            row("1", "بررسی", "1401/02/01").replace(";100", &format!(";{area}")),
        ]);
    }
    assert_eq!(office.published.len(), 51);
    assert_eq!(office.case("1").former_contents.as_ref().unwrap().len(), 32);
}
