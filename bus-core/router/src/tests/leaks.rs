//! Nothing that a permit does not give is anywhere in a copy: random events, random permits, a search through all bytes.

use barid_codec::RecordCodec;
use barid_kafka::Record;
use barid_schemas::case_event::{
    Attachment, Attachments, Business, CaseEvent, Contact, Decision, Identity, Money, Number, Parcel, Person,
    Resolution, SubjectRef, View, Violation,
};
use barid_schemas::{Catalogue, Group, GroupSet};
use proptest::prelude::*;

use super::fixture::{Bench, EVENT_SCHEMA, copy_for, full_event, parcel_watch_key, record};

/// Two subscribers that between them may receive every group but `contact`.
const SUBSCRIBERS: [&str; 2] = ["land_registry", "local_court"];

/// The texts of an event, made one after the other from random bytes; no two of them have six characters in common by design.
struct Texts<'r> {
    random: &'r [u32],
    next: usize,
}

impl Texts<'_> {
    fn number(&mut self) -> u32 {
        let number = self.random[self.next % self.random.len()].wrapping_add(self.next as u32);
        self.next += 1;
        number
    }

    /// Half of them are there. The place stands in front, so that equal randomness makes different texts.
    fn text(&mut self) -> Option<String> {
        let number = self.number();
        number.is_multiple_of(2).then(|| format!("§{:02}{:08x}", self.next, number.wrapping_mul(2_654_435_761)))
    }
}

fn random_event(random: &[u32]) -> CaseEvent {
    let mut texts = Texts { random, next: 0 };
    let t = &mut texts;
    let identity = Identity {
        subject_ref: t.number().is_multiple_of(2).then(|| SubjectRef([(t.number() % 256) as u8 | 1; 32])),
        idv_tracking_code: t.text(),
        relying_agency: t.text(),
        purpose: t.text(),
        ..Identity::default()
    };
    let decision = Decision {
        decision: t.text(),
        decision_no: t.text(),
        conditions: Some([t.text(), t.text()].into_iter().flatten().collect()),
        ..Decision::default()
    };
    let parcel = Parcel {
        plate_main: t.text(),
        plate_sub: t.text(),
        registry_unique_id: t.text(),
        renovation_code: t.text(),
        postal_code: t.text(),
        village: t.text(),
        utm_e: Some(f64::from(t.number())),
        ..Parcel::default()
    };
    let attachment = |t: &mut Texts<'_>| Some(Attachment { sha256: t.text()?, kind: t.text()?, fetch_ref: t.text()? });
    let attachments = [attachment(t), attachment(t)].into_iter().flatten().collect();
    let whole = CaseEvent {
        county: None,
        national_service_id: t.text(),
        case_no: t.text(),
        letter_no: t.text(),
        identity: Some(identity),
        number: Some(Number { national_id: t.text(), legal_id: t.text() }),
        person: Some(Person { full_name: t.text(), company_name: t.text(), capacity: None }),
        contact: Some(Contact { mobile_masked: t.text(), notify_channel: t.text() }),
        parcel: Some(parcel),
        decision: Some(decision),
        money: Some(Money { payment_id: t.text(), receipt_no: t.text(), ..Money::default() }),
        violation: Some(Violation { violation_type: t.text(), stage: t.text(), ..Violation::default() }),
        business: Some(Business {
            activity_code: t.text(),
            capacity: t.text(),
            licence_no: t.text(),
            ..Business::default()
        }),
        resolution: Some(Resolution {
            subject: t.text(),
            owner: t.text(),
            session_no: t.text(),
            ..Resolution::default()
        }),
        attachments: Some(Attachments { attachments: Some(attachments) }),
        ..full_event()
    };
    let absent = Group::ALL.into_iter().filter(|_| t.number().is_multiple_of(4)).collect();
    without(whole, absent)
}

/// The event without these groups, the slow and obvious way.
fn without(mut event: CaseEvent, groups: GroupSet) -> CaseEvent {
    for group in groups.iter() {
        match group {
            Group::Identity => event.identity = None,
            Group::Number => event.number = None,
            Group::Person => event.person = None,
            Group::Contact => event.contact = None,
            Group::Parcel => event.parcel = None,
            Group::Decision => event.decision = None,
            Group::Money => event.money = None,
            Group::Violation => event.violation = None,
            Group::Business => event.business = None,
            Group::Resolution => event.resolution = None,
            Group::Attachments => event.attachments = None,
        }
    }
    event
}

fn only(event: &CaseEvent, groups: GroupSet) -> CaseEvent {
    without(event.clone(), Group::ALL.into_iter().filter(|group| !groups.contains(*group)).collect())
}

/// Every text of six or more characters in a JSON value, which an event is the same as.
fn texts_of(event: &CaseEvent) -> Vec<Vec<u8>> {
    // The values of the debug form stand in quotes; none of ours has a quote in it.
    let debug = format!("{event:?}");
    let mut texts: Vec<Vec<u8>> = debug.split('"').skip(1).step_by(2).map(|text| text.as_bytes().to_vec()).collect();
    texts.retain(|text| String::from_utf8_lossy(text).chars().count() >= 6);
    texts.extend(event.identity.as_ref().and_then(|identity| identity.subject_ref).map(|subject| subject.0.to_vec()));
    texts
}

/// The parts of a record in which `secret` occurs.
fn places_of(secret: &[u8], record: &Record) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    let mut places = Vec::new();
    if record.value.as_deref().is_some_and(holds) {
        places.push("value".to_owned());
    }
    if record.key.as_deref().is_some_and(holds) {
        places.push("key".to_owned());
    }
    for (name, value) in &record.headers {
        if holds(name.as_bytes()) || holds(value) {
            places.push(format!("header {name}"));
        }
    }
    places
}

/// What stands in the event and not in the part of it that the subscriber may see must be nowhere in the copy.
fn leaks(event: &CaseEvent, may_see: &CaseEvent, copy: &Record) -> Vec<String> {
    let shown = texts_of(may_see);
    let withheld = texts_of(event).into_iter().filter(|text| !shown.contains(text));
    withheld
        .flat_map(|text| {
            let places = places_of(&text, copy);
            places.into_iter().map(move |place| format!("{} in {place}", String::from_utf8_lossy(&text)))
        })
        .collect()
}

fn permits(views: &[(GroupSet, View)]) -> String {
    let mut text = String::new();
    for (number, (subscriber, (groups, view))) in SUBSCRIBERS.iter().zip(views).enumerate() {
        let groups: Vec<_> = groups.iter().map(Group::field_name).collect();
        let view = if *view == View::Exact { "exact" } else { "coarse" };
        text += &format!(
            "[[permit]]\nnumber = \"T-{number}\"\nsubscriber = \"{subscriber}\"\nvalid_from = 2022-03-21\n\
             valid_until = 2032-03-19\n[[permit.grant]]\nservice = \"municipal_building_permit\"\n\
             statuses = [\"issued\"]\ngroups = {groups:?}\nview = \"{view}\"\n"
        );
    }
    text
}

/// What a subscriber with this permit may see, the slow and obvious way.
fn may_see(event: &CaseEvent, groups: GroupSet, view: View) -> CaseEvent {
    let seen = only(event, groups);
    if view == View::Exact {
        return seen;
    }
    CaseEvent {
        service_code: "restriction".to_owned(),
        status_from: Some("cleared".to_owned()),
        status_to: "cleared".to_owned(),
        national_service_id: None,
        case_no: None,
        transition: None,
        deadline_at: None,
        letter_no: None,
        letter_date: None,
        correction_of: None,
        view: View::Coarse,
        decision: seen.decision.clone().map(|decision| Decision {
            decision: Some("cleared".to_owned()),
            decision_no: None,
            conditions: None,
            ..decision
        }),
        ..seen
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_withheld_group_is_anywhere_in_a_copy(
        random in prop::collection::vec(any::<u32>(), 40),
        wanted in prop::array::uniform2(0u16..1 << Group::COUNT),
        coarse in prop::array::uniform2(any::<bool>()),
    ) {
        let catalogue = Catalogue::shared();
        let event = random_event(&random);
        let views: Vec<(GroupSet, View)> = SUBSCRIBERS.iter().zip(wanted).zip(coarse).map(|((subscriber, wanted), coarse)| {
            let groups = Group::ALL.into_iter().filter(|group| wanted & (1 << group.index()) != 0);
            let groups = groups.filter(|group| catalogue.withheld_by_whitelist(subscriber, GroupSet::EMPTY.with(*group)).is_empty());
            (groups.collect(), if coarse { View::Coarse } else { View::Exact })
        }).collect();
        let mut bench = Bench::with_permits(&permits(&views));
        bench.watch("bank_facilities", parcel_watch_key(1), "loan-1");
        let mut original = record(&event);
        original.key = event.number.as_ref().and_then(|number| number.national_id.clone()).map(String::into_bytes);
        original.headers.push(("barid-watch".to_owned(), parcel_watch_key(1).to_string().into_bytes()));
        for text in texts_of(&event) {
            original.headers.push((String::from_utf8_lossy(&text).into_owned(), text));
        }
        let written = bench.route(&original);
        prop_assert_eq!(written.len(), SUBSCRIBERS.len());
        for (subscriber, (groups, view)) in SUBSCRIBERS.iter().zip(&views) {
            let copy = copy_for(&written, subscriber);
            let allowed = may_see(&event, *groups, *view);
            let seen: CaseEvent = bench.decode(copy);
            prop_assert_eq!(&seen, &allowed);
            prop_assert_eq!(leaks(&event, &allowed, copy), Vec::<String>::new());
        }
    }
}

#[test]
fn the_search_finds_leaks_that_are_planted_in_value_key_and_header() {
    let event = full_event();
    let allowed = only(&event, GroupSet::EMPTY.with(Group::Decision));
    let codec = RecordCodec::<CaseEvent>::new(EVENT_SCHEMA).unwrap();
    let clean = Record { value: Some(codec.to_vec(&allowed).unwrap()), headers: Vec::new(), ..record(&event) };
    assert!(leaks(&event, &allowed, &clean).is_empty());

    let whole = Record { value: Some(codec.to_vec(&event).unwrap()), ..clean.clone() };
    let found = leaks(&event, &allowed, &whole);
    for text in ["0012345678", "person-name", "0911***4567", "plate-main-12", "receipt-31", "violation-kind"] {
        assert!(found.contains(&format!("{text} in value")), "{text}");
    }
    let key = Record { key: Some(b"of 0012345678".to_vec()), ..clean.clone() };
    assert_eq!(leaks(&event, &allowed, &key), ["0012345678 in key"]);
    let header = Record { headers: vec![("x".to_owned(), b"plate-main-12".to_vec())], ..clean.clone() };
    assert_eq!(leaks(&event, &allowed, &header), ["plate-main-12 in header x"]);
    let coarse = may_see(&event, GroupSet::EMPTY, View::Coarse);
    let exact_type = ("ce_type".to_owned(), b"ir.barid.municipal_building_permit.issued".to_vec());
    let header = Record { headers: vec![exact_type], value: None, ..clean };
    let found = leaks(&event, &coarse, &header);
    assert_eq!(found, ["municipal_building_permit in header ce_type", "issued in header ce_type"]);
}
