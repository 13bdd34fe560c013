use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::cache::checkout;
use crate::fixture::{OneSchema, event_of, fields, grant, honest_copy, oracle};
use crate::records::RawRecord;

fn subscription(text: &str) -> PolicyFiles {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("subscriptions")).unwrap();
    std::fs::write(folder.path().join("subscriptions/lighthouse.toml"), text).unwrap();
    PolicyFiles::read(folder.path(), checkout()).unwrap()
}

#[track_caller]
fn check_copies(change: impl FnOnce(&mut Oracle, &mut serde_json::Map<String, Json>), handles: Option<&[&str]>) {
    let schema = OneSchema::new();
    let mut oracle = oracle(grant(false, &["parcel"]));
    let mut fields = fields();
    change(&mut oracle, &mut fields);
    let copies = oracle.copies(&event_of(&fields, &schema)).unwrap();
    let found = copies.first().map(|copy| {
        let matches = copy.headers.iter().filter(|(name, _)| name == "barid-match");
        matches.map(|(_, handle)| handle.as_str()).collect::<Vec<_>>()
    });
    assert_eq!(found.as_deref(), handles);
}

fn watch(what: Watched) -> Watch {
    Watch { subscriber: "lighthouse".into(), handle: "berth 7".into(), what }
}

#[test]
fn a_grant_reaches_only_its_service_status_and_days() {
    check_copies(|_, _| {}, Some(&[]));
    check_copies(|_, fields| fields["status_to"] = json!("fined"), None);
    check_copies(|oracle, _| oracle.policy.grants[0].publisher = "quay".into(), None);
    check_copies(|oracle, _| oracle.policy.grants[0].valid_from = "2026-11-25".parse().unwrap(), None);
    check_copies(|oracle, _| oracle.policy.grants[0].valid_until = "2026-11-24".parse().unwrap(), Some(&[]));
    check_copies(|oracle, _| oracle.policy.grants[0].valid_until = "2026-11-23".parse().unwrap(), None);
}

#[test]
fn an_addressee_gets_what_was_issued_for_it() {
    check_copies(|oracle, _| oracle.policy.grants[0].requires = Some("addressee".into()), Some(&[]));
    check_copies(
        |oracle, fields| {
            oracle.policy.grants[0].requires = Some("addressee".into());
            fields["identity"]["relying_agency"] = json!("quay");
        },
        None,
    );
}

#[test]
fn a_watcher_gets_what_it_watches_with_its_own_handle() {
    let person = |number: &str| vec![watch(Watched::Person(number.into()))];
    let require = |oracle: &mut Oracle, requirement: &str| oracle.policy.grants[0].requires = Some(requirement.into());
    check_copies(|oracle, _| require(oracle, "watch:person"), None);
    check_copies(
        |oracle, _| {
            require(oracle, "watch:person");
            oracle.watches = person("9901001171");
        },
        Some(&["berth 7"]),
    );
    check_copies(
        |oracle, _| {
            require(oracle, "watch:parcel");
            oracle.watches = person("9901001171");
        },
        None,
    );
    // The plate 12/345 of section 4 and no other.
    for (plate, handles) in [(["12", "345", "4", "کجور"], Some(&["berth 7"][..])), (["12", "345", "5", "کجور"], None)]
    {
        check_copies(
            |oracle, _| {
                require(oracle, "watch:parcel");
                oracle.watches = vec![watch(Watched::Parcel(plate.map(str::to_owned)))];
            },
            handles,
        );
    }
}

#[test]
fn a_subscription_judges_what_the_subscriber_sees() {
    for (text, coarse, passes) in [
        ("service = \"harbour_fine\"", false, true),
        ("service = \"harbour_fine\"", true, false),
        ("service = \"restriction\"", true, true),
        ("counties = [\"nowshahr\"]", false, true),
        ("counties = [\"sari\"]", false, false),
        ("publisher = \"quay\"", false, false),
        ("filters = [{ exact = { type = \"ir.barid.harbour_fine.paid\" } }]", false, true),
        ("filters = [{ exact = { type = \"ir.barid.harbour_fine.paid\" } }]", true, false),
        ("filters = [{ prefix = { type = \"ir.barid.\" } }, { not = { suffix = { type = \"paid\" } } }]", false, false),
        ("filters = [{ any = [{ suffix = { type = \"paid\" } }, { exact = { source = \"x\" } }] }]", false, true),
        ("filters = [{ all = [{ suffix = { type = \"paid\" } }, { exact = { source = \"x\" } }] }]", false, false),
    ] {
        let written = subscription(&format!("[[subscription]]\nsubscriber = \"lighthouse\"\nname = \"one\"\n{text}\n"));
        let schema = OneSchema::new();
        let mut oracle = oracle(grant(coarse, &[]));
        oracle.policy.subscriptions = written.subscriptions;
        assert_eq!(oracle.copies(&event_of(&fields(), &schema)).unwrap().len(), usize::from(passes), "{text}");
    }
}

#[test]
fn a_coarse_view_tells_phases_and_dates() {
    let schema = OneSchema::new();
    let copies = oracle(grant(true, &["decision"])).copies(&event_of(&fields(), &schema)).unwrap();
    let seen: BTreeMap<&str, &Json> = copies[0]
        .fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let decision = json!({
        "decision": "cleared", "decision_no": null, "decision_date": 19_275, "conditions": null, "valid_until": null
    });
    assert_eq!(
        serde_json::to_value(seen).unwrap(),
        json!({
            "event_id": "0e2f6a60-1111-8222-8333-444455556666",
            "corr_id": "aa2f6a60-1111-8222-8333-444455556666",
            "publisher": "harbour",
            "county": "nowshahr",
            "service_code": "restriction",
            "status_from": "blocked",
            "status_to": "cleared",
            "occurred_at": 1_665_261_000_000_i64,
            "utc_offset_minutes": 210,
            "precision": "day",
            "view": "coarse",
            "decision": decision,
        })
    );
}

/// An event and its honest copy, then whatever `spoil` does to the inbox.
#[track_caller]
fn check_compare(spoil: impl FnOnce(&mut Vec<Event>, &OneSchema), differences: &[&str]) {
    let schema = OneSchema::new();
    let oracle = oracle(grant(false, &["parcel"]));
    let first = event_of(&fields(), &schema);
    let mut later = fields();
    later["event_id"] = json!("1e2f6a60-1111-8222-8333-444455556666");
    let mut second = event_of(&later, &schema);
    second.record.offset += 1;
    let copy_of = |event: &Event, offset: i64| {
        let record = RawRecord { offset, ..honest_copy(&oracle, event, &schema) };
        Event::decode(record, &schema).unwrap()
    };
    let mut copies = vec![copy_of(&first, 0), copy_of(&second, 1)];
    spoil(&mut copies, &schema);
    let inboxes = Inboxes {
        events: vec![first, second],
        copies: [("lighthouse".to_owned(), copies)].into(),
        partitions: [("inbox.lighthouse".to_owned(), 1)].into(),
    };
    assert_eq!(compare(&oracle, &inboxes).unwrap(), differences);
}

#[test]
fn honest_inboxes_differ_in_nothing() {
    check_compare(|_, _| {}, &[]);
}

#[test]
fn lost_doubled_and_swapped_copies_are_found() {
    check_compare(
        |copies, _| drop(copies.pop()),
        &["event 1e2f6a60-1111-8222-8333-444455556666 is missing in the inbox of lighthouse"],
    );
    check_compare(|copies, _| copies.push(copies[1].clone()), &["inbox.lighthouse/0@1: not expected, or there twice"]);
    check_compare(|copies, _| copies.swap(0, 1), &["inbox.lighthouse/0@0: stands behind a later event of its case"]);
}

#[test]
fn a_wrong_field_key_header_or_partition_is_found() {
    check_compare(
        |copies, schema| {
            let mut fields = copies[0].fields.clone();
            fields["county"] = json!("sari");
            copies[0].record.value = Some(schema.encode(&fields));
            copies[0] = Event::decode(copies[0].record.clone(), schema).unwrap();
        },
        &["inbox.lighthouse/0@0: `county` is \"sari\", not \"nowshahr\""],
    );
    check_compare(
        |copies, _| copies[0].record.key = Some(b"other".to_vec()),
        &["inbox.lighthouse/0@0: the key is other, not aa2f6a60-1111-8222-8333-444455556666"],
    );
    check_compare(|copies, _| copies[0].record.partition = 2, &["inbox.lighthouse/2@0: the partition is 2, not 0"]);
    let schema = OneSchema::new();
    let oracle = oracle(grant(false, &["parcel"]));
    let event = event_of(&fields(), &schema);
    let mut copy = Event::decode(honest_copy(&oracle, &event, &schema), &schema).unwrap();
    copy.record.headers.retain(|(name, _)| name != "barid-permit");
    let inboxes = Inboxes {
        events: vec![event],
        copies: [("lighthouse".to_owned(), vec![copy])].into(),
        partitions: [("inbox.lighthouse".to_owned(), 1)].into(),
    };
    let found = compare(&oracle, &inboxes).unwrap();
    assert!(found.len() == 1 && found[0].contains("the list of headers"), "{found:?}");
}

/// 172 permits of the first policy, counted by hand in the data it was made from.
#[test]
fn the_first_policy_and_the_exports_are_read_whole() {
    let policy = PolicyFiles::read(&checkout().join("policy"), checkout()).unwrap();
    assert_eq!(policy.grants.len(), 172);
    assert!(policy.grants.iter().all(|grant| policy.phases.contains_key(&grant.status)));
    let rows = exports::expected_rows(checkout()).unwrap();
    assert_eq!(rows.len(), 65);
}
