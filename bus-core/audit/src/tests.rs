//! Seeded defects: each is done to an honest world, and must be found as what it is, at its place, and nothing else with it.

mod world;

use barid_codec::RecordCodec;
use barid_schemas::Millis;
use barid_schemas::case_event::{CaseEvent, View};
use barid_schemas::records::{Command, OperatorDecision, QuarantineState, QuarantinedRow};
use uuid::Uuid;

use crate::Scope;
use crate::findings::Defect::{self, *};
use world::{BEGAN, EVENTS, PUBLISHER, STEP, World, event, parcel};

/// Does `harm` to an honest world; the defects must be these and no others, and the offenders must say all of `words`.
#[track_caller]
fn check(harm: impl FnOnce(&mut World), expected: &[(Defect, u64)], words: &[&str]) {
    let mut world = World::honest();
    harm(&mut world);
    let report = world.audit();
    let found: Vec<(Defect, u64)> = report.defects.iter().map(|(defect, count)| (*defect, *count)).collect();
    assert_eq!(found, expected, "{:#?}", report.offenders);
    assert_eq!(report.well, expected.is_empty());
    let said = serde_json::to_string(&report.offenders).unwrap();
    for word in words {
        assert!(said.contains(word), "`{word}` in {said}");
    }
}

/// Changes the value of a copy as somebody would who holds the whole event.
fn change_value(world: &mut World, copy: usize, change: impl FnOnce(&mut CaseEvent)) {
    let reader = barid_codec::RecordReader::<CaseEvent>::new(world::schemas());
    let mut view = reader.decode(world.copies[copy].value.as_ref().unwrap()).unwrap();
    change(&mut view);
    world.copies[copy].value = Some(RecordCodec::<CaseEvent>::new(world::SCHEMA).unwrap().to_vec(&view).unwrap());
}

#[test]
fn an_honest_world_has_no_defect_and_every_record_of_it_is_looked_at() {
    let world = World::honest();
    let report = world.audit();
    assert_eq!(report.defects.len(), 0, "{:#?}", report.offenders);
    assert!(report.well);
    assert_eq!(report.counts.events, EVENTS as u64);
    assert_eq!(report.counts.copies, world.copies.len() as u64);
    assert_eq!(report.counts.expected_copies, world.copies.len() as u64);
    assert_eq!((report.counts.dead_letters, report.counts.not_yet_routed), (1, 0));
    assert_eq!(report.unproved, crate::Unproved::default());
    // The world has copies of every kind: full, with a filter and a county, coarse, watched, addressed, run out in the middle.
    for (agency, copies) in
        [("tax", 22), ("samt", 11), ("utilities", 23), ("bank_facilities", 6), ("notary", 8), ("environment", 11)]
    {
        assert_eq!(world.copies_of(agency).len(), copies, "{agency}");
    }
}

// Copies

#[test]
fn a_copy_that_was_removed_is_missing() {
    for agency in ["tax", "samt", "utilities", "bank_facilities", "notary"] {
        let harm = |world: &mut World| {
            let copy = world.copies_of(agency)[3];
            world.copies.remove(copy);
        };
        check(harm, &[(MissingCopy, 1)], &["barid.events.art100_commission", &format!("inbox.{agency}")]);
    }
}

#[test]
fn a_copy_that_was_doubled_is_there_twice() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("utilities")[3];
        let mut double = world.copies[copy].clone();
        double.offset += 1;
        world.copies.push(double);
    };
    check(harm, &[(DoubledCopy, 1)], &["barid.inbox.utilities"]);
}

#[test]
fn two_copies_that_were_swapped_are_out_of_order() {
    let harm = |world: &mut World| {
        let copies = world.copies_of("tax");
        let first = copies[0];
        let (partition, key) = (world.copies[first].partition, world.copies[first].key.clone());
        let is_next = |copy: &&usize| {
            **copy != first && world.copies[**copy].partition == partition && world.copies[**copy].key == key
        };
        let second = *copies.iter().find(is_next).unwrap();
        let offset = world.copies[first].offset;
        world.copies[first].offset = world.copies[second].offset;
        world.copies[second].offset = offset;
    };
    let mut world = World::honest();
    harm(&mut world);
    let report = world.audit();
    assert!(report.defects[&UnorderedCopy] >= 1);
    assert_eq!(report.defects.len(), 1, "{:#?}", report.offenders);
}

#[test]
fn a_copy_for_somebody_without_a_permit_is_found() {
    for (agency, number) in [("health", "T-1"), ("environment", "T-6"), ("samt", "T-2"), ("notary", "T-5")] {
        let harm = |world: &mut World| {
            // Of an event outside of Sari, not addressed to the notary, after the permit of the last has run out.
            let is_meant = |copy: &usize| world.copies[*copy].headers.iter().any(|(_, value)| *value == id(13));
            let copy = world.copies_of("tax").into_iter().find(is_meant).unwrap();
            let mut given = world.copies[copy].clone();
            given.topic = world.topics.inbox(agency);
            given.offset = 1_001;
            let permit = given.headers.iter_mut().find(|(name, _)| name == "barid-permit").unwrap();
            permit.1 = number.as_bytes().to_vec();
            world.copies.push(given);
        };
        let mut world = World::honest();
        harm(&mut world);
        let report = world.audit();
        assert_eq!(report.defects.get(&UnpermittedCopy), Some(&1), "{agency}: {:#?}", report.offenders);
        // It stands behind the copies of later events, too.
        assert!(report.defects.keys().all(|found| [UnpermittedCopy, UnorderedCopy].contains(found)));
    }
}

fn id(number: u128) -> Vec<u8> {
    event(number).event_id.to_string().into_bytes()
}

#[test]
fn a_view_that_shows_a_withheld_group_is_found_with_the_name_of_the_group() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("samt")[2];
        change_value(world, copy, |view| view.money = event(0).money);
    };
    check(harm, &[(ChangedCopy, 1)], &["field money", "T-2"]);
}

#[test]
fn a_coarse_view_that_shows_the_service_or_a_case_number_is_found() {
    let harm = |world: &mut World| {
        let copies = world.copies_of("utilities");
        change_value(world, copies[0], |view| view.case_no = event(0).case_no);
        change_value(world, copies[1], |view| view.service_code = event(0).service_code);
        change_value(world, copies[2], |view| view.decision.as_mut().unwrap().decision_no = Some("5".to_owned()));
        change_value(world, copies[3], |view| view.view = View::Exact);
    };
    let names = ["field case_no", "field service_code", "field decision", "field view"];
    check(harm, &[(ChangedCopy, 4)], &names);
}

#[test]
fn a_changed_value_is_found_however_small() {
    let harm = |world: &mut World| {
        let copies = world.copies_of("tax");
        change_value(world, copies[0], |view| view.money.as_mut().unwrap().amount_rial = Some(5_000_001));
        change_value(world, copies[1], |view| view.occurred_at = Millis(view.occurred_at.0 + 1));
        change_value(world, copies[2], |view| view.parcel = None);
    };
    check(harm, &[(ChangedCopy, 3)], &["field money", "field occurred_at", "field parcel"]);
}

#[test]
fn a_header_that_leaks_is_missing_or_says_something_else_is_found() {
    let change = |name: &'static str, value: Option<&'static str>| {
        move |world: &mut World| {
            let copy = world.copies_of("utilities")[1];
            world.copies[copy].headers.retain(|(known, _)| known != name);
            if let Some(value) = value {
                world.copies[copy].headers.push((name.to_owned(), value.as_bytes().to_vec()));
            }
        }
    };
    for (name, value) in [
        ("ce_sequence", Some("2")),
        ("barid-watch", Some("parcel:03030303030303030303030303030303")),
        ("case", Some("case-1")),
        ("ce_type", Some("ir.barid.municipal_building_permit.issued")),
        ("ce_type", None),
        ("barid-permit", Some("T-1")),
        ("barid-match", Some("loan-17")),
        ("ce_dataschema", Some("http://registry.test:8081/?case=1/schemas/ids/7")),
        ("ce_dataschema", Some("http://registry.test:8081/schemas/ids/8")),
        ("traceparent", Some("00-11111111111111111111111111111111-b7ad6b7169203331-01")),
        ("traceparent", None),
    ] {
        check(change(name, value), &[(ChangedCopy, 1)], &[&format!("header {name}")]);
    }
    // Where a router finds the registry and which span it writes is its own affair.
    check(change("ce_dataschema", Some("https://other:8443/apis/ccompat/v7/schemas/ids/7")), &[], &[]);
}

#[test]
fn a_header_that_stands_twice_is_found() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        let header = world.copies[copy].headers[0].clone();
        world.copies[copy].headers.push(header);
    };
    check(harm, &[(ChangedCopy, 1)], &["header ce_specversion"]);
}

#[test]
fn a_wrong_key_and_a_wrong_partition_are_found() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        world.copies[copy].key = Some(b"case-1".to_vec());
    };
    check(harm, &[(ChangedCopy, 1)], &["key"]);
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        world.copies[copy].partition = (world.copies[copy].partition + 1) % 3;
        world.copies[copy].offset = 1_001;
    };
    check(harm, &[(MisplacedCopy, 1)], &["its key belongs to"]);
}

#[test]
fn a_wrong_handle_and_a_handle_too_many_are_found() {
    let change = |handles: &'static [&'static str]| {
        move |world: &mut World| {
            let copy = world.copies_of("bank_facilities")[1];
            world.copies[copy].headers.retain(|(name, _)| name != "barid-match");
            let handle = |handle: &&str| ("barid-match".to_owned(), handle.as_bytes().to_vec());
            world.copies[copy].headers.extend(handles.iter().map(handle));
        }
    };
    for handles in [&["loan-18"][..], &[], &["loan-17", "loan-18"]] {
        check(change(handles), &[(ChangedCopy, 1)], &["header barid-match"]);
    }
}

#[test]
fn a_copy_of_an_event_that_nobody_published_is_found() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        let mut forged = world.copies[copy].clone();
        forged.offset = 1_001;
        world.copies.push(forged);
        let last = world.copies.len() - 1;
        change_value(world, last, |view| view.event_id = Uuid::from_u128(99));
    };
    check(harm, &[(CopyWithoutEvent, 1)], &["barid.inbox.tax"]);
}

#[test]
fn what_is_no_event_in_an_inbox_is_found() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        world.copies[copy].value = Some(b"\0\0\0\0\x07rubbish".to_vec());
    };
    check(harm, &[(MissingCopy, 1), (UnreadableCopy, 1)], &[]);
}

// Events

#[test]
fn a_gap_a_double_and_a_missing_number_in_ce_sequence_are_found() {
    let number = |place: usize, number: &'static str| {
        move |world: &mut World| {
            let header = world.events[place].headers.iter_mut().find(|(name, _)| name == "ce_sequence").unwrap();
            header.1 = number.as_bytes().to_vec();
        }
    };
    check(number(23, "25"), &[(SequenceGap, 1)], &["24 is missing"]);
    check(number(5, "7"), &[(SequenceGap, 1), (SequenceDoubled, 1)], &["6 is missing"]);
    check(number(5, "six"), &[(SequenceGap, 1), (NoSequence, 1)], &["barid.events"]);
    check(|world| world.position.last_sequence = 26, &[(SequenceGap, 1)], &["25 to 26 are missing"]);
}

#[test]
fn numbers_that_were_swapped_within_a_partition_are_found() {
    let harm = |world: &mut World| {
        let last = world.events.len() - 1;
        // The same case, so the same partition.
        let (one, other) = (last - 6, last);
        let headers = world.events[one].headers[0].clone();
        world.events[one].headers[0] = world.events[other].headers[0].clone();
        world.events[other].headers[0] = headers;
    };
    let mut world = World::honest();
    harm(&mut world);
    assert!(world.audit().defects.contains_key(&SequenceUnordered));
}

#[test]
fn an_event_that_was_published_twice_is_found() {
    let harm = |world: &mut World| {
        let mut double = world.events[23].clone();
        double.offset += 1;
        double.headers[0].1 = b"25".to_vec();
        world.events.push(double);
    };
    // The double has no copies of its own.
    check(harm, &[(MissingCopy, 2), (DoubledEvent, 1)], &["barid.events.art100_commission"]);
}

#[test]
fn an_event_of_which_no_router_has_told_the_version_is_found() {
    let harm = |world: &mut World| world.applied = vec![(2, 1)];
    let mut world = World::honest();
    harm(&mut world);
    let report = world.audit();
    let first_of_each_partition = world.events.iter().filter(|event| event.offset == 0).count() as u64;
    assert_eq!(report.defects[&NoPolicyVersion], first_of_each_partition);
}

#[test]
fn an_event_under_a_schema_that_nobody_knows_is_found_unless_it_waits() {
    let unknown = |world: &mut World| world.events[20].value.as_mut().unwrap()[4] = 99;
    let mut world = World::honest();
    unknown(&mut world);
    assert_eq!(world.audit().defects.get(&UnreadableEvent), Some(&1));
}

// Dead letters

#[test]
fn an_event_that_should_be_a_dead_letter_and_is_none_is_found() {
    check(|world| world.letters.clear(), &[(MissingDeadLetter, 1)], &["unknown_county"]);
}

#[test]
fn an_event_that_was_routed_though_it_cannot_be_is_found() {
    let harm = |world: &mut World| {
        let copy = world.copies_of("tax")[1];
        let mut routed = world.copies[copy].clone();
        routed.offset = 1_001;
        world.copies.push(routed);
        let last = world.copies.len() - 1;
        change_value(world, last, |view| view.event_id = event(EVENTS - 2).event_id);
    };
    check(harm, &[(UnpermittedCopy, 1)], &["which cannot be routed: unknown_county"]);
}

#[test]
fn a_dead_letter_that_stands_twice_says_something_else_or_belongs_to_no_fault_is_found() {
    check(|world| world.letters.push(world.letters[0].clone()), &[(DoubledDeadLetter, 1)], &[]);
    check(|world| world.letters[0].1.reason = "bad_id".to_owned(), &[(ChangedDeadLetter, 1)], &["another reason"]);
    check(|world| world.letters[0].1.value = None, &[(ChangedDeadLetter, 1)], &["another key, value or header"]);
    check(|world| drop(world.letters[0].1.headers.pop()), &[(ChangedDeadLetter, 1)], &["another key, value or header"]);
    let unfounded = |world: &mut World| {
        let mut letter = world.letters[0].clone();
        (letter.1.partition, letter.1.offset) = (world.events[3].partition, world.events[3].offset);
        world.letters.push(letter);
    };
    check(unfounded, &[(UnfoundedDeadLetter, 1)], &["could be routed"]);
    let foreign = |world: &mut World| world.letters[0].1.topic = "barid.events.tax".to_owned();
    check(foreign, &[(MissingDeadLetter, 1), (UnfoundedDeadLetter, 1)], &["its origin is barid.events.tax"]);
}

#[test]
fn an_event_with_an_impossible_offset_from_utc_is_a_dead_letter_and_nothing_else() {
    let harm = |world: &mut World| {
        let far = CaseEvent { utc_offset_minutes: 1_081, ..event(20) };
        world.events[20].value = Some(RecordCodec::<CaseEvent>::new(world::SCHEMA).unwrap().to_vec(&far).unwrap());
    };
    let mut world = World::honest();
    harm(&mut world);
    let report = world.audit();
    assert_eq!(report.defects.get(&MissingDeadLetter), Some(&1), "{:#?}", report.offenders);
    assert!(report.offenders.iter().any(|offender| offender.detail == "undecodable_datum"));
}

// Rows

#[test]
fn a_reading_whose_counters_do_not_add_up_is_found() {
    check(|world| world.position.files[0].rows += 1, &[(RowsUnaccounted, 1)], &["25 rows, 24 accounted for"]);
}

#[test]
fn a_published_row_without_its_event_is_found() {
    let harm = |world: &mut World| world.cases[3].rows[0].event_id = Uuid::from_u128(1);
    check(harm, &[(RowWithoutEvent, 1)], &["event 00000000-0000-0000-0000-000000000001"]);
}

fn quarantined(case_key: &str, state: QuarantineState) -> QuarantinedRow {
    serde_json::from_value(serde_json::json!({
        "agency": PUBLISHER,
        "source": "main",
        "file": "export.csv",
        "row": 3,
        "case_key": case_key,
        "row_identity": "x",
        "state": state,
        "problems": [],
        "columns": {},
        "since": BEGAN,
    }))
    .unwrap()
}

/// One row at fault, one that waits behind it.
fn with_quarantine(world: &mut World) {
    let file = &mut world.position.files[0];
    (file.rows, file.quarantined, file.waiting) = (file.rows + 2, 1, 1);
    world.quarantine = vec![quarantined("c", QuarantineState::Faulty), quarantined("c", QuarantineState::Waiting)];
}

fn dropped_at(decided_at: Millis) -> OperatorDecision {
    OperatorDecision {
        action: "drop".to_owned(),
        changes: std::collections::BTreeMap::new(),
        settled: true,
        asked_by: "operator".to_owned(),
        reason: None,
        command_id: Uuid::from_u128(1),
        decided_at,
    }
}

#[test]
fn rows_in_quarantine_are_accounted_for_and_what_waits_behind_nothing_is_found() {
    check(with_quarantine, &[], &[]);
    let alone = |world: &mut World| {
        with_quarantine(world);
        world.quarantine[0].case_key = "d".to_owned();
    };
    check(alone, &[(WaitsBehindNothing, 1)], &["barid.quarantine.art100_commission"]);
    // A row that was dropped is only remembered: nothing waits behind it.
    let dropped = |world: &mut World| {
        with_quarantine(world);
        world.quarantine[0].decision = Some(dropped_at(Millis(BEGAN)));
    };
    check(dropped, &[(WaitsBehindNothing, 1)], &[]);
}

#[test]
fn a_row_that_is_settled_and_only_remembered_is_no_longer_in_quarantine() {
    let settled = |world: &mut World| {
        with_quarantine(world);
        world.quarantine[0].decision = Some(dropped_at(Millis(BEGAN + 1)));
    };
    check(settled, &[(WaitsBehindNothing, 1)], &["barid.quarantine.art100_commission"]);
}

#[test]
fn quarantined_rows_that_are_nowhere_are_found_unless_something_was_asked_for_since() {
    let lost = |world: &mut World| {
        with_quarantine(world);
        world.quarantine.clear();
    };
    check(lost, &[(RowLost, 1)], &["2 rows were put into quarantine, none is there"]);
    let dropped = |world: &mut World| {
        lost(world);
        world.command = Some(Command {
            command_id: Uuid::from_u128(1),
            target: PUBLISHER.to_owned(),
            action: "drop".to_owned(),
            arguments: std::collections::BTreeMap::new(),
            asked_by: "operator".to_owned(),
            reason: None,
            asked_at: Millis(BEGAN + 1),
        });
    };
    check(dropped, &[], &[]);
}

// What is not there and need not be

#[test]
fn what_is_not_yet_routed_is_not_lost() {
    let mut world = World::honest();
    world.routed = Some(0);
    // A router has told that it begins at 0, and has written nothing.
    world.copies.clear();
    world.letters.clear();
    let report = world.audit();
    assert!(report.well, "{:#?}", report.offenders);
    assert_eq!(report.counts.not_yet_routed, EVENTS as u64);
}

#[test]
fn what_is_before_a_routed_event_is_demanded_whatever_the_group_says() {
    let mut world = World::honest();
    world.routed = Some(0);
    let copy = world.copies_of("tax")[0];
    world.copies.remove(copy);
    assert_eq!(world.audit().defects.get(&MissingCopy), Some(&1));
}

#[test]
fn a_range_judges_the_events_in_it_and_no_others() {
    let mut world = World::honest();
    let (from_ms, to_ms) = (Some(BEGAN + 6 * STEP), Some(BEGAN + 12 * STEP));
    world.scope = Scope { from_ms, to_ms, most_offenders: 5 };
    let report = world.audit();
    assert!(report.well, "{:#?}", report.offenders);
    assert_eq!(report.counts.events, 6);
    assert!(report.unproved.copies_of_unread_events > 0);
    let (inside, outside) = (world.copies_of("tax")[7], world.copies_of("tax")[1]);
    world.copies.remove(outside);
    assert!(world.audit().well);
    world.copies.remove(inside - 1);
    assert_eq!(world.audit().defects.get(&MissingCopy), Some(&1));
}

#[test]
fn copies_that_retention_has_deleted_are_no_defect_and_those_behind_them_are() {
    let mut world = World::honest();
    let copies = world.copies_of("tax");
    let (topic, partition) = (world.copies[copies[0]].topic.clone(), world.copies[copies[0]].partition);
    let mut of_partition: Vec<usize> =
        copies.into_iter().filter(|copy| world.copies[*copy].partition == partition).collect();
    of_partition.sort_by_key(|copy| world.copies[*copy].offset);
    // The last of them is lost, the first was deleted.
    let (first, last) = (of_partition[0], of_partition[of_partition.len() - 2]);
    world.low.insert((topic, partition), world.copies[of_partition[1]].offset);
    world.copies.remove(last);
    world.copies.remove(first);
    let report = world.audit();
    assert_eq!(report.unproved.deleted_copies, 1, "{:?}", report.offenders);
    assert_eq!(report.defects.get(&MissingCopy), Some(&1));
}

#[test]
fn copies_of_events_that_retention_has_deleted_are_no_defect() {
    let mut world = World::honest();
    let first = world.events.remove(0);
    world.low.insert((first.topic, first.partition), 2);
    let report = world.audit();
    assert!(report.well, "{:#?}", report.offenders);
    assert_eq!(report.unproved.copies_of_unread_events, 5);
    assert_eq!((report.unproved.deleted_numbers, report.unproved.rows_of_unread_events), (1, 1));
}

// Watch keys

#[test]
fn a_copy_for_a_watcher_is_demanded_only_if_nothing_changed_about_that_time() {
    // Registered after the last event: copies may be there, with that handle.
    let late = BEGAN + 40 * STEP;
    let registered = |world: &mut World| world.watched = vec![(late, parcel(), Some("loan-17"))];
    let mut world = World::honest();
    registered(&mut world);
    let report = world.audit();
    // They were written before: what was registered then is compacted away.
    assert!(report.well, "{:#?}", report.offenders);
    assert_eq!((report.unproved.doubtful_matches, report.unproved.forgotten_matches), (6, 6));
    for copy in world.copies_of("bank_facilities").into_iter().rev() {
        world.copies.remove(copy);
    }
    assert!(world.audit().well);
}

#[test]
fn a_copy_for_somebody_who_watches_nothing_is_found_as_long_as_a_removal_would_be_seen() {
    let nobody = |world: &mut World| {
        world.watched.clear();
        world.now_ms = BEGAN + 30 * STEP;
    };
    check(nobody, &[(UnpermittedCopy, 6)], &["watches none of its keys so"]);
    let long_ago = |world: &mut World| {
        world.watched.clear();
        world.now_ms = BEGAN + 100_000 * STEP;
    };
    check(long_ago, &[], &[]);
    // Removed long before the event, and the removal is there.
    let removed = |world: &mut World| world.watched.push((BEGAN - 50 * STEP, parcel(), None));
    check(removed, &[(UnpermittedCopy, 6)], &[]);
}

#[test]
fn a_handle_that_was_changed_in_the_middle_may_be_either() {
    let changed = |world: &mut World| world.watched.push((BEGAN + 10 * STEP, parcel(), Some("loan-18")));
    // Copies of before the change carry the old one; of those after it, the old one is wrong.
    let mut world = World::honest();
    changed(&mut world);
    let report = world.audit();
    assert_eq!(report.defects, [(ChangedCopy, 3)].into(), "{:#?}", report.offenders);
    assert_eq!(report.unproved.doubtful_matches, 3);
}
