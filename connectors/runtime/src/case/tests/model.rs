//! Random histories, exported in every way an office may, against what anybody would expect.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Office, row};

/// The longest straight way through the machine, and the words of it.
const WAY: [(&str, &str); 5] = [
    ("ثبت", "submitted"),
    ("بررسی", "under_review"),
    ("موافقت", "approved"),
    ("صدور", "issued"),
    ("تعلیق", "suspended"),
];

/// How far each case has come, and which of its rows each reading shows.
fn readings() -> impl Strategy<Value = Vec<Vec<(usize, usize)>>> {
    // (case, place on the way), any order, any number of times.
    let facts = prop::collection::vec((0_usize..4, 0_usize..WAY.len()), 0..12);
    prop::collection::vec(facts, 1..6)
}

fn text(case: usize, place: usize) -> String {
    row(&format!("case/{case}"), WAY[place].0, &format!("1401/{:02}/{:02}", place + 1, case + 1))
}

/// Every fact that any reading has shown, once.
fn facts(office: &Office) -> Vec<(String, String)> {
    let mut facts: Vec<_> = office
        .published
        .iter()
        .map(|event| (event.case_no.clone().unwrap_or_default(), event.status_to.clone()))
        .collect();
    facts.sort();
    facts
}

fn expected(readings: &[Vec<(usize, usize)>]) -> Vec<(String, String)> {
    let seen: BTreeSet<(usize, usize)> = readings.iter().flatten().copied().collect();
    let mut facts: Vec<_> =
        seen.into_iter().map(|(case, place)| (format!("case/{case}"), WAY[place].1.to_owned())).collect();
    facts.sort();
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Shortened, re-sorted, doubled, late: every fact that was ever shown is published exactly once.
    #[test]
    fn every_fact_that_was_shown_is_published_once(readings in readings()) {
        let mut office = Office::open();
        for reading in &readings {
            let rows: Vec<String> = reading.iter().map(|(case, place)| text(*case, *place)).collect();
            office.read(&rows);
        }
        prop_assert_eq!(facts(&office), expected(&readings));
        prop_assert!(office.memory.quarantine.is_empty());
        office.assert_nothing_twice();
    }

    /// A file that is too large to be held is read in pieces: it makes no difference.
    #[test]
    fn a_large_file_gives_what_a_small_one_gives(readings in readings(), rows_held in 1_usize..6) {
        let mut small = Office::open();
        let mut large = Office::open();
        large.rows_held = rows_held;
        for reading in &readings {
            let mut rows: Vec<String> = reading.iter().map(|(case, place)| text(*case, *place)).collect();
            // And rows at fault: one of a case, one of none.
            rows.extend(rows.first().map(|row| row.replace(super::ID, "1")));
            rows.push(row("", "ثبت", "1401/01/01"));
            let (one, _) = small.read(&rows);
            let (other, _) = large.read(&rows);
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(&small.memory.cases, &large.memory.cases);
        prop_assert_eq!(&small.memory.quarantine, &large.memory.quarantine);
        prop_assert_eq!(facts(&small), facts(&large));
    }

    /// Killed between any two transactions and started again: the same events with the same ids, each once.
    #[test]
    fn a_kill_in_the_middle_loses_nothing_and_doubles_nothing(
        readings in readings(),
        killed_after in prop::collection::vec(0_usize..5, 6),
    ) {
        let mut straight = Office::open();
        let mut killed = Office::open();
        for (reading, after) in readings.iter().zip(&killed_after) {
            let rows: Vec<String> = reading.iter().map(|(case, place)| text(*case, *place)).collect();
            straight.read(&rows);
            let text = format!("{}\n{}\n", super::HEADER, rows.join("\n"));
            killed.read_named("export.csv", &text, Some(*after)).unwrap();
            killed.read(&rows);
        }
        let ids = |office: &Office| {
            let mut ids: Vec<_> = office.published.iter().map(|event| event.event_id).collect();
            ids.sort();
            ids
        };
        prop_assert_eq!(ids(&straight), ids(&killed));
        prop_assert_eq!(&straight.memory.cases, &killed.memory.cases);
    }

    /// A damaged row anywhere: its case waits, the others do not; once it is mended all is as if it had never been damaged.
    #[test]
    fn a_damaged_row_holds_back_its_own_case_only(damaged in 0_usize..WAY.len(), case in 0_usize..3, resorted in any::<u64>()) {
        let mut all: Vec<(usize, usize)> = (0..3).flat_map(|case| (0..WAY.len()).map(move |place| (case, place))).collect();
        let turn = usize::try_from(resorted % 15).unwrap_or(0);
        all.rotate_left(turn);
        let rows = |damage: bool| -> Vec<String> {
            all.iter()
                .map(|(of, place)| {
                    let row = text(*of, *place);
                    if damage && (*of, *place) == (case, damaged) { row.replace(super::ID, "9901001172") } else { row }
                })
                .collect()
        };
        let mut office = Office::open();
        let (report, _) = office.read(&rows(true));
        prop_assert_eq!(report.quarantined, 1);
        prop_assert_eq!(report.waiting, (WAY.len() - damaged - 1) as u64);
        prop_assert_eq!(report.published, (2 * WAY.len() + damaged) as u64);
        office.read(&rows(false));
        let mut untouched = Office::open();
        untouched.read(&rows(false));
        prop_assert_eq!(facts(&office), facts(&untouched));
        prop_assert!(office.memory.quarantine.is_empty());
        office.assert_nothing_twice();
    }
}

/// How a cell is damaged on its way.
#[derive(Debug, Clone, Copy)]
enum Damage {
    None,
    Number,
    Status,
    Date,
    Case,
}

/// One reading: the name of the file, whether the newest row stands first, and its rows with their damage.
type Damaged = (usize, bool, Vec<(usize, usize, Damage)>);

fn damaged_readings() -> impl Strategy<Value = Vec<Damaged>> {
    let damage = prop_oneof![
        4 => Just(Damage::None),
        1 => Just(Damage::Number),
        1 => Just(Damage::Status),
        1 => Just(Damage::Date),
        1 => Just(Damage::Case),
    ];
    let rows = prop::collection::vec((0_usize..3, 0_usize..WAY.len(), damage), 0..8);
    prop::collection::vec((0_usize..3, any::<bool>(), rows), 1..5)
}

/// Of the third case all rows are of one day.
fn text_of(case: usize, place: usize, damage: Damage) -> String {
    let date = if case == 2 { "1401/01/07".to_owned() } else { format!("1401/{:02}/{:02}", place + 1, case + 1) };
    let status = if matches!(damage, Damage::Status) { "؟" } else { WAY[place].0 };
    let date = if matches!(damage, Damage::Date) { "1401/07/31" } else { &date };
    let name = if matches!(damage, Damage::Case) { String::new() } else { format!("case/{case}") };
    let row = row(&name, status, date).replace(";100", &format!(";{}", case * 10 + place + 1));
    if matches!(damage, Damage::Number) { row.replace(super::ID, "9901001172") } else { row }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Files of any names, shortened, newest first, damaged in any cell; at last a file that is whole. Then every fact is
    /// published once, none is a correction of another, and nothing is left in quarantine.
    #[test]
    fn whatever_was_damaged_is_right_once_a_whole_export_comes(readings in damaged_readings()) {
        let mut office = Office::open();
        for (name, newest_first, rows) in &readings {
            let mut rows = rows.clone();
            rows.sort_by_key(|(case, place, _)| (*place, *case));
            rows.dedup_by_key(|(case, place, _)| (*place, *case));
            if *newest_first {
                rows.reverse();
            }
            let rows: Vec<String> = rows.iter().map(|(case, place, damage)| text_of(*case, *place, *damage)).collect();
            let text = format!("{}\n{}\n", super::HEADER, rows.join("\n"));
            office.read_named(&format!("{name}.csv"), &text, None).unwrap();
        }
        let all: Vec<(usize, usize)> = (0..3).flat_map(|case| (0..WAY.len()).map(move |place| (case, place))).collect();
        let rows: Vec<String> = all.iter().map(|(case, place)| text_of(*case, *place, Damage::None)).collect();
        office.read(&rows);
        prop_assert!(office.memory.quarantine.is_empty(), "{:?}", office.memory.quarantine);
        prop_assert_eq!(facts(&office), expected(&[all]));
        office.assert_nothing_twice();
    }
}
