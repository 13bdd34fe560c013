//! Views of well-formed events, byte for byte what the model makes.

use barid_codec::{Walk, view};
use barid_schemas::case_event::View;
use barid_schemas::{Group, GroupSet, Millis};
use proptest::prelude::*;

use crate::model::{self, inner};
use crate::random;
use crate::schemas::{self, Writer};

/// Runs a property over random events of a writer schema.
fn check(writer: &Writer, property: impl Fn(&Walk, &apache_avro::types::Value, &[u8], GroupSet)) {
    let walk = Walk::compile(&writer.avsc).unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
    proptest!(config, |(event in random::event(&writer.plain), groups in random::groups())| {
        property(&walk, &event, &model::encode(writer, &event), groups);
    });
}

#[test]
fn an_exact_view_is_byte_for_byte_the_event_with_the_other_groups_null() {
    for writer in schemas::all() {
        check(&writer, |walk, event, datum, groups| {
            let spans = walk.run(datum).unwrap();
            let mut out = b"before".to_vec();
            view::exact(walk, &spans, datum, groups, &mut out);
            assert_eq!(out[..6], *b"before");
            assert_eq!(out[6..], model::encode(&writer, &model::exact(&writer, event, groups)));
            assert_eq!(view::is_whole(&spans, groups), out[6..] == *datum);
        });
    }
}

#[test]
fn a_coarse_view_is_byte_for_byte_what_the_allow_list_gives() {
    for writer in schemas::all() {
        check(&writer, |walk, event, datum, groups| {
            let spans = walk.run(datum).unwrap();
            let from = spans.status_from.map(|_| "in_progress");
            let mut out = b"before".to_vec();
            view::coarse(walk, &spans, datum, groups, from, "ended", &mut out);
            assert_eq!(out[..6], *b"before");
            assert_eq!(out[6..], model::encode(&writer, &model::coarse(&writer, event, groups, from, "ended")));
        });
    }
}

#[test]
fn a_view_of_a_view_is_the_view() {
    for writer in schemas::all() {
        check(&writer, |walk, _, datum, groups| {
            let mut once = Vec::new();
            view::exact(walk, &walk.run(datum).unwrap(), datum, groups, &mut once);
            let spans = walk.run(&once).unwrap();
            let mut twice = Vec::new();
            view::exact(walk, &spans, &once, groups, &mut twice);
            assert_eq!(once, twice);
        });
    }
}

#[test]
fn spans_tell_what_the_model_decodes() {
    for writer in schemas::all() {
        check(&writer, |walk, event, datum, _| {
            let spans = walk.run(datum).unwrap();
            assert_eq!(Some(spans.event_id), model::text(event, "event_id"));
            assert_eq!(Some(spans.corr_id), model::text(event, "corr_id"));
            assert_eq!(Some(spans.publisher), model::text(event, "publisher"));
            assert_eq!(Some(spans.service_code), model::text(event, "service_code"));
            assert_eq!(Some(spans.status_to), model::text(event, "status_to"));
            assert_eq!(spans.status_from, model::text(event, "status_from"));
            assert_eq!(spans.county, model::text(event, "county"));
            assert_eq!(model::field(event, "occurred_at"), Some(&apache_avro::types::Value::Long(spans.occurred_at.0)));
            let view = if spans.view == View::Exact { "exact" } else { "coarse" };
            assert!(
                matches!(model::field(event, "view"), Some(apache_avro::types::Value::Enum(_, name)) if name == view)
            );
            assert_eq!(spans.present, model::present(event));
            let identity = model::field(event, "identity").map(inner);
            let agency = identity.filter(|_| model::has(event, "identity"));
            assert_eq!(spans.relying_agency, agency.and_then(|identity| model::text(identity, "relying_agency")));
        });
    }
}

#[test]
fn an_unknown_group_is_never_shown_and_keeps_the_event_from_being_forwarded_whole() {
    let writer = schemas::newer();
    check(&writer, |walk, event, datum, _| {
        let spans = walk.run(datum).unwrap();
        // Some of its groups cannot be null, so they are always there.
        assert!(spans.unknown_group_present);
        assert!(!view::is_whole(&spans, GroupSet::ALL));
        let mut out = Vec::new();
        view::exact(walk, &spans, datum, GroupSet::ALL, &mut out);
        let seen = model::decode(&writer, &out).unwrap();
        for nullable in ["inspection", "place"] {
            assert!(!model::has(&seen, nullable), "{nullable}");
        }
        for (name, default) in [("remark", "none"), ("tags", "a")] {
            let shown = format!("{:?}", model::field(&seen, name).unwrap());
            assert!(shown.contains(default), "{name}: {shown}");
        }
        for name in ["visits", "words"] {
            let shown = format!("{:?}", model::field(&seen, name).unwrap());
            assert!(shown.contains("[]") || shown.contains("{}"), "{name}: {shown}");
        }
        assert!(model::same(model::field(&seen, "channel").unwrap(), model::field(event, "channel").unwrap()));
    });
}

#[test]
fn an_event_without_groups_is_whole_for_everybody() {
    let writer = schemas::current();
    let walk = Walk::compile(&writer.avsc).unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) };
    proptest!(config, |(event in random::event(&writer.plain))| {
        let bare = model::encode(&writer, &model::exact(&writer, &event, GroupSet::EMPTY));
        let spans = walk.run(&bare).unwrap();
        assert_eq!(spans.present, GroupSet::EMPTY);
        assert!(view::is_whole(&spans, GroupSet::EMPTY));
    });
}

#[test]
fn a_coarse_view_of_our_own_type_reads_as_the_design_says() {
    let event = crate::records::event();
    let codec = barid_codec::RecordCodec::new(1).unwrap();
    let framed = codec.to_vec(&event).unwrap();
    let (_, datum) = barid_codec::framing::unframe(&framed).unwrap();
    let walk = Walk::compile(barid_schemas::case_event::AVSC).unwrap();
    let spans = walk.run(datum).unwrap();
    let groups = GroupSet::EMPTY.with(Group::Decision).with(Group::Parcel);
    let mut out = Vec::new();
    barid_codec::framing::frame(1, &mut out);
    view::coarse(&walk, &spans, datum, groups, Some("opened"), "in_progress", &mut out);

    let seen = crate::records::reader().decode(&out).unwrap();
    let decision = event.decision.clone().unwrap();
    assert_eq!(spans.occurred_at, Millis(event.occurred_at.0));
    assert_eq!(
        seen,
        barid_schemas::CaseEvent {
            event_id: event.event_id,
            corr_id: event.corr_id,
            publisher: event.publisher.clone(),
            county: event.county.clone(),
            service_code: "restriction".into(),
            national_service_id: None,
            case_no: None,
            status_from: Some("opened".into()),
            status_to: "in_progress".into(),
            transition: None,
            occurred_at: event.occurred_at,
            utc_offset_minutes: event.utc_offset_minutes,
            precision: event.precision,
            deadline_at: None,
            letter_no: None,
            letter_date: None,
            correction_of: None,
            view: View::Coarse,
            identity: None,
            number: None,
            person: None,
            contact: None,
            parcel: event.parcel.clone(),
            decision: Some(barid_schemas::case_event::Decision {
                decision: Some("in_progress".into()),
                decision_no: None,
                decision_date: decision.decision_date,
                conditions: None,
                valid_until: decision.valid_until,
            }),
            money: None,
            violation: None,
            business: None,
            resolution: None,
            attachments: None,
        }
    );
}

#[test]
fn an_offset_from_utc_that_no_clock_has_is_refused_at_its_byte() {
    let walk = Walk::compile(barid_schemas::case_event::AVSC).unwrap();
    let codec = barid_codec::RecordCodec::new(1).unwrap();
    for (minutes, sound) in [(1_080, true), (-1_080, true), (1_081, false), (-1_081, false), (i32::MAX, false)] {
        let mut event = crate::records::event();
        event.utc_offset_minutes = minutes;
        let framed = codec.to_vec(&event).unwrap();
        let (_, datum) = barid_codec::framing::unframe(&framed).unwrap();
        match walk.run(datum) {
            Ok(_) => assert!(sound, "{minutes}"),
            Err(error) => {
                assert!(!sound, "{minutes}");
                assert_eq!(error.fault, barid_codec::WalkFault::OffsetTooFar);
                assert_eq!(error.field, "utc_offset_minutes");
                assert!(error.offset > 0 && error.offset < datum.len());
            }
        }
    }
}
