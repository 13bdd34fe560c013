//! What operators do about rows in quarantine, and that later exports respect it.

use std::collections::BTreeMap;

use barid_schemas::case_event::Transition::{Correction, Skip};
use barid_schemas::records::QuarantineState::{Faulty, Waiting};
use barid_schemas::records::{Command, QuarantinedRow};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Context, HEADER, ID, Office, row, steps};
use crate::case::CasePlan;
use crate::command::{DROP, FIX, RESUME, ROWS, SET, carry_out};

const WRONG_ID: &str = "9901001172";

impl Office {
    /// Carries out a command about rows in quarantine, named by key. Gives its plans.
    fn ask(&mut self, action: &str, keys: &[String], set: &[(&str, &str)]) -> Vec<CasePlan> {
        let context = Context {
            config: &self.config,
            keys: &self.keys,
            now: self.now,
            rows_held: self.rows_held,
            read_before: None,
        };
        let mut arguments = BTreeMap::from([(ROWS.to_owned(), keys.join("\n"))]);
        arguments.extend(set.iter().map(|(column, value)| (format!("{SET}{column}"), (*value).to_owned())));
        let command = Command {
            command_id: Uuid::from_u128(1),
            target: "harbour_office".to_owned(),
            action: action.to_owned(),
            arguments,
            asked_by: "operator".to_owned(),
            reason: Some("it was seen on paper".to_owned()),
            asked_at: self.now,
        };
        let carried_out = carry_out(&context, &self.memory, &command);
        for plan in &carried_out.plans {
            self.memory.apply(plan);
            self.published.extend(plan.events.iter().map(|planned| planned.event.clone()));
        }
        self.now.0 += 60_000;
        carried_out.plans
    }

    fn faulty_keys(&self) -> Vec<String> {
        self.in_quarantine(Faulty).into_iter().map(crate::quarantine::key).collect()
    }

    fn settled(&self) -> Vec<&QuarantinedRow> {
        self.memory.quarantine.values().filter(|row| row.is_settled()).collect()
    }

    fn is_quiet(&self) -> bool {
        self.memory.open_rows().count() == 0
    }
}

fn statuses(office: &Office) -> Vec<&str> {
    office.published.iter().map(|event| event.status_to.as_str()).collect()
}

/// Three rows of a case, of which the second is at fault.
fn damaged() -> [String; 3] {
    let second = row("1", "بررسی", "1401/02/01").replace(ID, WRONG_ID);
    [row("1", "ثبت", "1401/01/01"), second, row("1", "صدور", "1401/03/01")]
}

#[test]
fn a_row_that_is_fixed_becomes_an_event_with_its_own_place_and_the_case_goes_on() {
    let mut office = Office::open();
    office.read(&damaged());
    let plans = office.ask(FIX, &office.faulty_keys(), &[("کد ملی", ID)]);
    let events: Vec<_> = plans.iter().flat_map(|plan| &plan.events).collect();
    let places: Vec<_> = events.iter().map(|planned| (&*planned.file, planned.row)).collect();
    assert_eq!(places, [("export.csv", 2), ("export.csv", 3)]);
    assert_eq!(statuses(&office), ["submitted", "under_review", "issued"]);
    assert!(office.is_quiet() && office.case("1").parked_since.is_none());
    let decision = office.settled()[0].decision.clone().unwrap();
    assert_eq!((decision.asked_by.as_str(), decision.reason.as_deref()), ("operator", Some("it was seen on paper")));

    // The next full export holds the damaged row, spelt in another way: it is read as it was fixed.
    let mut next = damaged();
    next[1] = next[1].replace("نام نمونه", "نام\u{200c}نمونه");
    let (report, events) = office.read(&next);
    assert_eq!((report.unchanged, events.len()), (3, 0));
    assert!(office.is_quiet());
    // The office mends it as the operator did: nothing new. In another way: a correction.
    let mended = |id: &str| [row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01").replace(ID, id)];
    assert_eq!(office.read(&mended(ID)).0.unchanged, 2);
    let (_, events) = office.read(&mended("9902002269"));
    assert_eq!(steps(&events), [(Some("submitted"), "under_review", Correction)]);
    office.assert_nothing_twice();
}

#[test]
fn a_row_that_is_dropped_holds_nothing_back_and_comes_back_only_with_another_content() {
    let mut office = Office::open();
    office.rows_held = 1;
    office.read(&damaged());
    office.ask(DROP, &office.faulty_keys(), &[]);
    assert_eq!(steps(&office.published)[1], (Some("submitted"), "issued", Skip));
    assert!(office.is_quiet());
    let (report, events) = office.read(&damaged());
    assert_eq!((report.unchanged, report.quarantined, events.len()), (3, 0, 0));
    let mut other = damaged();
    other[1] = other[1].replace(";100", ";120");
    let (report, _) = office.read(&other);
    assert_eq!((report.unchanged, report.quarantined), (2, 1));
    assert_eq!(office.problem().1.reason, "wrong_check_digit");
}

#[test]
fn a_row_that_waits_can_be_dropped_too() {
    let mut office = Office::open();
    office.read(&damaged());
    let waiting: Vec<String> = office.in_quarantine(Waiting).into_iter().map(crate::quarantine::key).collect();
    office.ask(DROP, &waiting, &[]);
    office.ask(FIX, &office.faulty_keys(), &[("کد ملی", ID)]);
    assert_eq!(statuses(&office), ["submitted", "under_review"]);
    assert!(office.is_quiet());
}

#[test]
fn what_was_decided_can_be_taken_back() {
    let mut office = Office::open();
    let lost = [row("1", "ثبت", "1401/01/01"), row("1", "بررسی", "1401/02/01").replace(ID, WRONG_ID)];
    office.read(&lost);
    office.ask(DROP, &office.faulty_keys(), &[]);
    let settled: Vec<String> = office.settled().into_iter().map(crate::quarantine::key).collect();
    office.ask(RESUME, &settled, &[]);
    assert_eq!(office.problem().1.reason, "wrong_check_digit");
    assert!(office.settled().is_empty());
    office.ask(FIX, &office.faulty_keys(), &[("کد ملی", ID)]);
    assert_eq!(statuses(&office), ["submitted", "under_review"]);
}

#[test]
fn a_fix_that_does_not_suffice_is_kept_and_the_next_one_adds_to_it() {
    let mut office = Office::open();
    office.read(&[row("1", "؟", "1401/02/01").replace(ID, WRONG_ID)]);
    office.ask(FIX, &office.faulty_keys(), &[("کد ملی", ID)]);
    assert_eq!(office.problem().1.reason, "unknown_status");
    // A reading in between forgets nothing.
    office.read(&[row("1", "؟", "1401/02/01").replace(ID, WRONG_ID)]);
    assert_eq!(office.problem().1.reason, "unknown_status");
    office.ask(FIX, &office.faulty_keys(), &[("وضعیت", "بررسی")]);
    assert_eq!(statuses(&office), ["under_review"]);
    assert!(office.is_quiet());
}

#[test]
fn a_command_about_rows_that_have_left_does_nothing() {
    let mut office = Office::open();
    office.read(&damaged());
    let keys = office.faulty_keys();
    office.ask(FIX, &keys, &[("کد ملی", ID)]);
    for action in [FIX, DROP] {
        assert!(office.ask(action, &keys, &[("کد ملی", "9902002269")]).is_empty(), "{action}");
    }
    assert!(office.ask("burn", &keys, &[]).is_empty());
    assert_eq!(statuses(&office).len(), 3);
}

#[test]
fn a_row_that_could_not_be_taken_apart_can_be_written_out_or_dropped() {
    let broken = format!("{HEADER}\n1;مجوز;ثبت\n");
    let set = [("تاریخ", "1401/01/01"), ("کد ملی", ID), ("نام", "نام"), ("مساحت", "100")];
    for (action, set, expected) in [(FIX, &set[..], &["submitted"][..]), (DROP, &[], &[])] {
        let mut office = Office::open();
        office.read_named("export.csv", &broken, None).unwrap();
        office.ask(action, &office.faulty_keys(), set);
        assert_eq!(statuses(&office), expected);
        let (report, _) = office.read_named("next.csv", &broken, None).unwrap();
        assert_eq!((report.quarantined, report.unchanged), (0, 1), "{action}");
        assert!(office.is_quiet());
    }
}

/// Which cell is damaged, how, and the value that it should have.
fn damage(cell: usize, case: usize) -> (&'static str, &'static str, String) {
    let date = format!("1401/02/{:02}", case + 1);
    match cell {
        0 => ("کد ملی", WRONG_ID, ID.to_owned()),
        1 => ("وضعیت", "؟", "بررسی".to_owned()),
        2 => ("تاریخ", "1401/07/31", date),
        _ => ("شماره", "", format!("case/{case}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever cell of a row is damaged: once an operator has fixed it all is as if it had never been, whatever files come
    /// before and after, the damaged one again or a mended one.
    #[test]
    fn a_fix_is_as_good_as_a_sound_row(
        cell in 0_usize..4,
        damaged in 0_usize..3,
        after in prop::collection::vec(any::<bool>(), 0..4),
        turn in 0_usize..9,
        rows_held in prop_oneof![Just(2_usize), Just(50_000)],
    ) {
        let (column, wrong, right) = damage(cell, damaged);
        let index = HEADER.split(';').position(|name| name == column).unwrap();
        let rows = |is_damaged: bool| {
            let mut rows: Vec<String> = (0..3)
                .flat_map(|case| {
                    let all = [("ثبت", 1), ("بررسی", 2), ("موافقت", 3)];
                    all.map(|(word, month)| row(&format!("case/{case}"), word, &format!("1401/{month:02}/{:02}", case + 1)))
                })
                .collect();
            if is_damaged {
                let mut cells: Vec<&str> = rows[damaged * 3 + 1].split(';').collect();
                cells[index] = wrong;
                rows[damaged * 3 + 1] = cells.join(";");
            }
            rows.rotate_left(turn);
            rows
        };
        let mut office = Office::open();
        office.rows_held = rows_held;
        office.read(&rows(true));
        prop_assert_eq!(office.in_quarantine(Faulty).len(), 1);
        office.ask(FIX, &office.faulty_keys(), &[(column, &right)]);
        let mut untouched = Office::open();
        untouched.read(&rows(false));
        let sorted = |office: &Office| {
            let mut facts: Vec<_> = office.published.iter()
                .map(|event| (event.case_no.clone(), event.status_to.clone(), event.occurred_at))
                .collect();
            facts.sort_by_key(|(case, status, at)| (case.clone(), *at, status.clone()));
            facts
        };
        prop_assert_eq!(sorted(&office), sorted(&untouched));
        for is_damaged in after {
            let (report, events) = office.read(&rows(is_damaged));
            prop_assert_eq!((report.unchanged, events.len()), (9, 0));
        }
        prop_assert!(office.is_quiet());
        office.assert_nothing_twice();
    }
}
