use barid_event::watch::{WatchKey, WatchKind};
use barid_schemas::records::WatchEntry;
use barid_schemas::{Date, Group, GroupSet};
use proptest::prelude::*;

use super::*;
use crate::explain::{Verdict, explain};
use crate::filter::{Attribute, Comparison, Filter, Test};
use crate::sample::{self, AUTUMN, CORR_ID, EVENT_ID, facts, file};
use crate::validity::{date_from_iso, day_bounds};
use barid_mistake::Place;
use barid_schemas::case_event::View;

fn parcel(number: u8) -> WatchKey {
    WatchKey { kind: WatchKind::Parcel, hash: [number; 16] }
}

fn person(number: u8) -> WatchKey {
    WatchKey { kind: WatchKind::Person, hash: [number; 16] }
}

fn entry(subscriber: &str, key: WatchKey, handle: &str) -> WatchEntry {
    WatchEntry {
        subscriber: subscriber.to_owned(),
        kind: key.kind,
        key: hex::encode(key.hash),
        handle: handle.to_owned(),
        since: AUTUMN,
    }
}

fn watching(entries: &[(&str, WatchKey, &str)]) -> WatchTable {
    let mut table = WatchTable::new();
    for (subscriber, key, handle) in entries {
        table.apply(&entry(subscriber, *key, handle)).expect("the entry is sound");
    }
    table
}

fn check(index: &Index, watch: &WatchTable, facts: &EventFacts<'_>, expected: &[(&str, &[&str])]) {
    let mut decisions = Vec::new();
    index.decide(watch, facts, &mut decisions);
    let found: Vec<(&str, Vec<&str>)> =
        decisions.iter().map(|decision| (decision.permit.subscriber.as_str(), decision.handles.clone())).collect();
    let expected: Vec<(&str, Vec<&str>)> =
        expected.iter().map(|(subscriber, handles)| (*subscriber, handles.to_vec())).collect();
    assert_eq!(found, expected);
}

#[test]
fn routes_nothing_to_a_subscriber_without_a_permit() {
    let index = sample::index(&[]);
    let none = WatchTable::new();
    check(&index, &none, &facts("land", "deed", "issued"), &[("bank", &[])]);
    check(&index, &none, &facts("land", "deed", "heard"), &[]);
    check(&index, &none, &facts("court", "deed", "issued"), &[]);
    check(&index, &none, &facts("nobody", "nothing", "never"), &[]);
}

#[test]
fn a_permit_that_requires_a_watch_key_gives_a_copy_with_the_handle_on_a_match_only() {
    let index = sample::index(&[]);
    let keys = [person(1), parcel(7)];
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    check(&index, &WatchTable::new(), &fined, &[("land", &[])]);
    check(&index, &watching(&[("bank", parcel(8), "loan-8")]), &fined, &[("land", &[])]);
    check(&index, &watching(&[("bank", parcel(7), "loan-7")]), &fined, &[("land", &[]), ("bank", &["loan-7"])]);
}

#[test]
fn a_match_on_a_person_does_not_fulfil_a_permit_that_requires_a_parcel() {
    let index = sample::index(&[]);
    let keys = [person(7)];
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    check(&index, &watching(&[("bank", person(7), "loan-7")]), &fined, &[("land", &[])]);
}

#[test]
fn a_permit_without_a_watch_key_never_tells_a_handle() {
    let index = sample::index(&[]);
    let keys = [parcel(7)];
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    check(&index, &watching(&[("land", parcel(7), "plate 7")]), &fined, &[("land", &[])]);
}

#[test]
fn several_matched_keys_give_one_copy_with_every_handle_once() {
    let index = sample::index(&[]);
    let keys = [parcel(3), parcel(1), parcel(2)];
    let watch = watching(&[("bank", parcel(1), "b"), ("bank", parcel(2), "a"), ("bank", parcel(3), "a")]);
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    check(&index, &watch, &fined, &[("land", &[]), ("bank", &["a", "b"])]);
}

#[test]
fn the_handles_of_one_key_stand_in_the_order_of_their_text() {
    let index = sample::index(&[]);
    let keys = [parcel(2), parcel(1)];
    let watch = watching(&[
        ("bank", parcel(1), "loan 9"),
        ("bank", parcel(1), "loan 1"),
        ("bank", parcel(2), "loan 8"),
        ("bank", parcel(2), "loan 3"),
        ("bank", parcel(2), "loan 9"),
    ]);
    let fined = EventFacts { watch_keys: &keys, ..facts("court", "ruling", "fined") };
    check(&index, &watch, &fined, &[("land", &[]), ("bank", &["loan 3", "loan 8", "loan 9", "loan 1"])]);
}

#[test]
fn a_permit_for_the_addressee_follows_the_event() {
    let index = sample::index(&[]);
    let none = WatchTable::new();
    let answered = facts("land", "inquiry", "issued");
    check(&index, &none, &answered, &[]);
    check(&index, &none, &EventFacts { relying_agency: Some("bank"), ..answered }, &[]);
    check(&index, &none, &EventFacts { relying_agency: Some("portal"), ..answered }, &[("portal", &[])]);
}

#[test]
fn a_permit_is_valid_from_its_first_day_to_the_end_of_its_last() {
    let index = sample::index(&[]);
    let none = WatchTable::new();
    let bounds = |day: &str| day_bounds(date_from_iso(day).expect("a date"));
    let (first, _) = bounds("2022-03-21");
    let (_, end) = bounds("2032-03-19");
    for (at, valid) in [(first.0 - 1, false), (first.0, true), (end.0 - 1, true), (end.0, false)] {
        let expected: &[(&str, &[&str])] = if valid { &[("bank", &[])] } else { &[] };
        check(&index, &none, &EventFacts { at: Millis(at), ..facts("land", "deed", "issued") }, expected);
    }
}

const BY_COUNTY: &str = "
[[subscription]]
subscriber = 'bank'
name = 'amol'
counties = ['amol']
";

#[test]
fn a_subscription_narrows_by_county_and_an_event_without_one_passes() {
    let index = sample::index(&[file("subscriptions/bank.toml", BY_COUNTY)]);
    let none = WatchTable::new();
    let issued = facts("land", "deed", "issued");
    check(&index, &none, &issued, &[]);
    check(&index, &none, &EventFacts { county: Some("amol"), ..issued }, &[("bank", &[])]);
    check(&index, &none, &EventFacts { county: None, ..issued }, &[("bank", &[])]);
}

#[test]
fn any_of_several_subscriptions_lets_an_event_pass() {
    let case = format!(
        "{BY_COUNTY}\n[[subscription]]\nsubscriber = 'bank'\nname = 'case'\nfilters = [{{ exact = {{ subject = '{CORR_ID}' }} }}]\n"
    );
    let index = sample::index(&[file("subscriptions/bank.toml", &case)]);
    let none = WatchTable::new();
    let issued = facts("land", "deed", "issued");
    check(&index, &none, &issued, &[("bank", &[])]);
    check(&index, &none, &EventFacts { corr_id: EVENT_ID, ..issued }, &[]);
    check(&index, &none, &EventFacts { corr_id: EVENT_ID, county: Some("amol"), ..issued }, &[("bank", &[])]);
    check(&index, &none, &EventFacts { corr_id: &CORR_ID.to_uppercase(), ..issued }, &[("bank", &[])]);
}

#[test]
fn a_filter_sees_the_coarse_type_of_a_coarse_view() {
    let text = "[[subscription]]\nsubscriber = 'water'\nname = 'blocked'\nfilters = [{ exact = { type = 'ir.barid.restriction.blocked' } }]\n";
    let index = sample::index(&[file("subscriptions/water.toml", text)]);
    check(&index, &WatchTable::new(), &facts("court", "sealing", "sealed"), &[("water", &[])]);
}

#[test]
fn an_event_reaches_no_slot_of_another_county_however_many_there_are() {
    let mut policy = sample::policy(&[]);
    let model = policy.permits.iter().find(|permit| permit.service == "deed").expect("a deed permit").clone();
    for number in 0..5_000 {
        let subscriber = format!("office_{number}");
        policy.permits.push(Permit { subscriber: subscriber.clone(), ..model.clone() });
        policy.subscriptions.push(Subscription {
            subscriber,
            name: "own county".to_owned(),
            publisher: None,
            service: None,
            counties: [format!("county_{number}")].into(),
            filters: Vec::new(),
            place: Place::file("made"),
        });
    }
    let index = Index::build(Arc::new(policy));
    let issued = EventFacts { county: Some("county_77"), ..facts("land", "deed", "issued") };
    let cell = index.cell(&issued).expect("deeds are issued");
    assert_eq!(cell.reached_without_condition(&issued).count(), 2);
    check(&index, &WatchTable::new(), &issued, &[("bank", &[]), ("office_77", &[])]);
}

const AGENCIES: [&str; 5] = ["bank", "court", "land", "portal", "water"];
const SERVICES: [(&str, &[&str]); 4] = [
    ("ruling", &["filed", "heard", "fined", "paid"]),
    ("sealing", &["filed", "sealed", "paid"]),
    ("deed", &["filed", "heard", "issued"]),
    ("inquiry", &["filed", "issued"]),
];
const COUNTIES: [&str; 3] = ["amol", "babol", "sari"];

fn any_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(values.to_vec())
}

fn any_status() -> impl Strategy<Value = (&'static str, &'static str)> {
    any_of(&SERVICES).prop_flat_map(|(service, statuses)| any_of(statuses).prop_map(move |status| (service, status)))
}

fn any_permit() -> impl Strategy<Value = Permit> {
    let requires = any_of(&[
        None,
        None,
        Some(Requirement::WatchParcel),
        Some(Requirement::WatchPerson),
        Some(Requirement::Addressee),
    ]);
    let view = any_of(&[View::Exact, View::Coarse]);
    let days = (19_260..19_290_i32, 0..30_i32);
    (any_of(&["land", "court"]), any_status(), any_of(&AGENCIES), view, requires, days).prop_map(
        |(publisher, (service, status), subscriber, view, requires, (from, length))| Permit {
            publisher: publisher.to_owned(),
            service: service.to_owned(),
            status: status.to_owned(),
            subscriber: subscriber.to_owned(),
            groups: GroupSet::EMPTY.with(Group::Parcel),
            view,
            number: format!("{publisher}-{subscriber}"),
            valid_from: Date(from),
            valid_until: Date(from + length),
            requires,
            place: Place::line("permits/made.toml", 1),
        },
    )
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let text = any_of(&[
        "/agencies/land",
        "/agencies/court",
        "ir.barid.",
        "ir.barid.deed.issued",
        "ir.barid.restriction.",
        ".blocked",
        "2022-10",
        "7e57",
        CORR_ID,
        EVENT_ID,
        "b",
    ]);
    let leaf = (any_of(&Comparison::ALL), any_of(&Attribute::ALL), text)
        .prop_map(|(comparison, attribute, text)| Filter::Test(Test { attribute, comparison, text: text.to_owned() }));
    // Most of the above never pass; these often do.
    let fitting = any_of(&[
        (Comparison::Prefix, Attribute::Source, "/agencies/"),
        (Comparison::Exact, Attribute::Source, "/agencies/land"),
        (Comparison::Prefix, Attribute::Type, "ir.barid.restriction."),
        (Comparison::Suffix, Attribute::Type, "ed"),
        (Comparison::Prefix, Attribute::Time, "2022-10"),
        (Comparison::Prefix, Attribute::Subject, "7e57"),
    ]);
    let fitting = fitting
        .prop_map(|(comparison, attribute, text)| Filter::Test(Test { attribute, comparison, text: text.to_owned() }));
    // Filters on single cases take a way of their own through the index.
    let case = any_of(&[CORR_ID, EVENT_ID]).prop_map(|text| {
        Filter::Test(Test { attribute: Attribute::Subject, comparison: Comparison::Exact, text: text.to_owned() })
    });
    prop_oneof![leaf, fitting, case].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    let publisher = any_of(&[None, None, Some("land"), Some("court")]);
    let service = any_of(&[None, None, Some("deed"), Some("ruling"), Some("restriction")]);
    let counties = prop::collection::btree_set(any_of(&COUNTIES), 0..3);
    let filters = prop::collection::vec(any_filter(), 0..3);
    (any_of(&AGENCIES), publisher, service, counties, filters).prop_map(
        |(subscriber, publisher, service, counties, filters)| Subscription {
            subscriber: subscriber.to_owned(),
            name: "made".to_owned(),
            publisher: publisher.map(str::to_owned),
            service: service.map(str::to_owned),
            counties: counties.into_iter().map(str::to_owned).collect(),
            filters,
            place: Place::line("subscriptions/made.toml", 1),
        },
    )
}

fn any_key() -> impl Strategy<Value = WatchKey> {
    (any::<bool>(), 0..4_u8).prop_map(|(is_parcel, number)| if is_parcel { parcel(number) } else { person(number) })
}

#[derive(Debug)]
struct World {
    policy: Arc<Policy>,
    watch: WatchTable,
}

fn any_world() -> impl Strategy<Value = World> {
    let permits = prop::collection::vec(any_permit(), 0..60);
    let subscriptions = prop::collection::vec(any_subscription(), 0..6);
    let entries = prop::collection::vec((any_of(&AGENCIES), any_key(), any_of(&["x", "y", "z"])), 0..12);
    (permits, subscriptions, entries).prop_map(|(permits, subscriptions, entries)| {
        let mut seen = std::collections::BTreeSet::new();
        let permits = permits
            .into_iter()
            .filter(|one| seen.insert([&one.publisher, &one.service, &one.status, &one.subscriber].map(String::clone)))
            .collect();
        let mut watch = WatchTable::new();
        for (subscriber, key, handle) in entries {
            watch.apply(&entry(subscriber, key, handle)).expect("the entry is sound");
        }
        World { policy: Arc::new(Policy { catalogue: sample::catalogue(), permits, subscriptions }), watch }
    })
}

#[derive(Debug)]
struct Event {
    publisher: &'static str,
    status: (&'static str, &'static str),
    county: Option<&'static str>,
    corr_id: &'static str,
    relying_agency: Option<&'static str>,
    watch_keys: Vec<WatchKey>,
    at: i64,
}

fn any_event() -> impl Strategy<Value = Event> {
    let county = prop::option::of(any_of(&["amol", "babol", "sari", "elsewhere"]));
    let keys = prop::collection::vec(any_key(), 0..4);
    // The days around those of the permits, in milliseconds.
    let at = 19_255 * 86_400_000_i64..19_325 * 86_400_000;
    let ids = any_of(&[CORR_ID, EVENT_ID]);
    (any_of(&["land", "court"]), any_status(), county, ids, prop::option::of(any_of(&AGENCIES)), keys, at).prop_map(
        |(publisher, status, county, corr_id, relying_agency, watch_keys, at)| Event {
            publisher,
            status,
            county,
            corr_id,
            relying_agency,
            watch_keys,
            at,
        },
    )
}

impl Event {
    fn facts(&self) -> EventFacts<'_> {
        EventFacts {
            county: self.county,
            corr_id: self.corr_id,
            relying_agency: self.relying_agency,
            watch_keys: &self.watch_keys,
            at: Millis(self.at),
            ..facts(self.publisher, self.status.0, self.status.1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_decides_for_every_subscriber_as_the_slow_way_explains(
        world in any_world(),
        events in prop::collection::vec(any_event(), 1..24),
    ) {
        let index = Index::build(Arc::clone(&world.policy));
        let mut decisions = Vec::new();
        for event in &events {
            let facts = event.facts();
            index.decide(&world.watch, &facts, &mut decisions);
            for subscriber in AGENCIES {
                let decided: Vec<&Decision<'_>> =
                    decisions.iter().filter(|decision| decision.permit.subscriber == subscriber).collect();
                prop_assert!(decided.len() <= 1);
                match explain(&world.policy, &world.watch, &facts, subscriber).verdict {
                    Verdict::Nothing { reason } => prop_assert!(decided.is_empty(), "{subscriber}: {reason}"),
                    Verdict::Copy { permit, handles, .. } => {
                        let [decision] = decided[..] else {
                            return Err(TestCaseError::fail(format!("{subscriber} has no copy")));
                        };
                        prop_assert_eq!(&decision.permit.number, &permit);
                        prop_assert_eq!(&decision.handles, &handles);
                    }
                }
            }
        }
    }
}
