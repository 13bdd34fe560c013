use barid_event::watch::WatchKey;
use barid_schemas::Millis;
use barid_schemas::records::WatchEntry;
use insta::assert_snapshot;

use super::*;
use crate::load::PolicyFile;
use crate::sample::{self, AUTUMN, facts, file};

const PLATE: WatchKey = WatchKey { kind: WatchKind::Parcel, hash: [7; 16] };

fn explained(further: &[PolicyFile], watch: &WatchTable, facts: &EventFacts<'_>, subscriber: &str) -> String {
    explain(&sample::policy(further), watch, facts, subscriber).to_string()
}

fn bank_watches_the_plate() -> WatchTable {
    let mut table = WatchTable::new();
    let entry = WatchEntry {
        subscriber: "bank".to_owned(),
        kind: PLATE.kind,
        key: hex::encode(PLATE.hash),
        handle: "loan 7".to_owned(),
        since: AUTUMN,
    };
    table.apply(&entry).expect("the entry is sound");
    table
}

#[test]
fn names_the_permit_that_lets_an_event_through() {
    assert_snapshot!(explained(&[], &WatchTable::new(), &facts("land", "deed", "issued"), "bank"));
}

#[test]
fn names_the_nearest_permits_of_the_pair_if_none_gives_the_event() {
    assert_snapshot!(explained(&[], &WatchTable::new(), &facts("court", "ruling", "paid"), "land"));
}

#[test]
fn says_that_all_is_denied_which_no_permit_gives() {
    assert_snapshot!(explained(&[], &WatchTable::new(), &facts("land", "deed", "issued"), "water"));
}

#[test]
fn says_that_a_permit_has_run_out() {
    let late = EventFacts { at: Millis(AUTUMN.0 + 20 * 365 * 86_400_000), ..facts("land", "deed", "issued") };
    assert_snapshot!(explained(&[], &WatchTable::new(), &late, "bank"));
}

#[test]
fn says_that_a_permit_is_not_yet_valid() {
    let early = EventFacts { at: Millis(0), ..facts("land", "deed", "issued") };
    assert_snapshot!(explained(&[], &WatchTable::new(), &early, "bank"));
}

#[test]
fn says_whether_the_parcel_is_watched_and_under_which_handle() {
    let keys = [PLATE];
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    assert_snapshot!(
        [
            explained(&[], &bank_watches_the_plate(), &fined, "bank"),
            explained(&[], &WatchTable::new(), &fined, "bank"),
            explained(&[], &bank_watches_the_plate(), &EventFacts { watch_keys: &[], ..fined }, "bank"),
        ]
        .join("\n\n")
    );
}

#[test]
fn says_to_whom_an_event_is_addressed() {
    let answered = facts("land", "inquiry", "issued");
    assert_snapshot!(
        [
            explained(&[], &WatchTable::new(), &answered, "portal"),
            explained(&[], &WatchTable::new(), &EventFacts { relying_agency: Some("bank"), ..answered }, "portal"),
            explained(&[], &WatchTable::new(), &EventFacts { relying_agency: Some("portal"), ..answered }, "portal"),
        ]
        .join("\n\n")
    );
}

#[test]
fn names_every_subscription_and_what_in_it_stops_the_event() {
    let text = "
[[subscription]]
subscriber = 'bank'
name = 'amol'
counties = ['amol', 'babol']

[[subscription]]
subscriber = 'bank'
name = 'rulings'
service = 'restriction'

[[subscription]]
subscriber = 'bank'
name = 'court'
publisher = 'court'

[[subscription]]
subscriber = 'bank'
name = 'one case'
filters = [{ any = [{ prefix = { subject = 'aa' } }, { not = { exact = { source = '/agencies/land' } } }] }]
";
    let bank = [file("subscriptions/bank.toml", text)];
    let issued = facts("land", "deed", "issued");
    assert_snapshot!(
        [
            explained(&bank, &WatchTable::new(), &issued, "bank"),
            explained(&bank, &WatchTable::new(), &EventFacts { county: Some("amol"), ..issued }, "bank"),
        ]
        .join("\n\n")
    );
}

#[test]
fn an_explanation_is_an_object_for_programs() {
    let explanation = explain(&sample::policy(&[]), &WatchTable::new(), &facts("court", "deed", "issued"), "water");
    let json = serde_json::to_value(&explanation).expect("it is plain data");
    assert_eq!(json["verdict"], serde_json::json!({ "outcome": "nothing", "reason": "no_permit" }));
    assert_eq!(json["subscriber"], "water");
}
