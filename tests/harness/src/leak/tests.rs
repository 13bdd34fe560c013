use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::fixture::{self, OneSchema, event_of, fields, grant, honest_copy, oracle};

/// Seeds a leak into an honest copy and expects exactly these findings.
#[track_caller]
fn check(coarse: bool, groups: &[&str], seed: impl FnOnce(&mut RawRecord, &Event, &OneSchema), findings: &[&str]) {
    let schema = OneSchema::new();
    let event = event_of(&fields(), &schema);
    let grant = grant(coarse, groups);
    let mut copy = honest_copy(&oracle(grant.clone()), &event, &schema);
    seed(&mut copy, &event, &schema);
    let found = leaks(&event, &copy, &grant, &schema).unwrap();
    let found: BTreeSet<&str> = found.iter().map(|finding| finding.split_once(": ").unwrap().1).collect();
    assert_eq!(found, findings.iter().copied().collect());
}

/// Changes one field of the copy's value.
fn set(copy: &mut RawRecord, schema: &OneSchema, group: &str, field: &str, value: serde_json::Value) {
    let mut fields = Event::decode(copy.clone(), schema).unwrap().fields;
    match field {
        "" => fields[group] = value,
        field => fields[group][field] = value,
    }
    copy.value = Some(schema.encode(&fields));
}

#[test]
fn an_honest_copy_leaks_nothing() {
    for groups in [&[][..], &["parcel"], &["decision", "money"], &["business"], &GROUPS] {
        check(false, groups, |_, _, _| {}, &[]);
        check(true, groups, |_, _, _| {}, &[]);
    }
}

#[test]
fn a_withheld_group_in_the_value_is_found() {
    check(
        false,
        &["parcel"],
        |copy, event, schema| set(copy, schema, "number", "", event.fields["number"].clone()),
        &["`number` is not null", "the text of `number.national_id` stands in the value"],
    );
}

#[test]
fn a_withheld_number_in_the_value_is_found_by_its_field() {
    check(
        false,
        &[],
        |copy, _, schema| {
            let money = json!({ "amount_rial": 418_600_000, "payment_id": null, "due_date": null, "paid_at": null, "receipt_no": null });
            set(copy, schema, "money", "", money);
        },
        &["`money` is not null"],
    );
}

#[test]
fn a_withheld_text_inside_a_permitted_field_is_found() {
    check(
        false,
        &["parcel"],
        |copy, _, schema| set(copy, schema, "parcel", "village", json!("کندلوس، هاجر کیان‌مهر")),
        &["the text of `person.full_name` stands in the value"],
    );
}

#[test]
fn a_withheld_text_in_the_key_is_found() {
    check(
        false,
        &["parcel"],
        |copy, _, _| copy.key = Some(b"9901001171".to_vec()),
        &["the text of `number.national_id` stands in the key"],
    );
}

#[test]
fn a_withheld_text_in_a_header_is_found() {
    check(
        false,
        &["parcel"],
        |copy, _, _| copy.headers.push(("barid-match".into(), b"loan of 9901001171".to_vec())),
        &["the text of `number.national_id` stands in the header `barid-match`"],
    );
}

#[test]
fn a_header_that_no_copy_has_is_found() {
    check(
        false,
        &GROUPS,
        |copy, _, _| copy.headers.push(("ce_sequence".into(), b"4".to_vec())),
        &["a header `ce_sequence`"],
    );
    check(
        false,
        &["parcel"],
        |copy, _, _| copy.headers.push(("x-1401-512".into(), Vec::new())),
        &[
            "the text of `decision.decision_no` stands in the name of header `x-1401-512`",
            "the text of `business.licence_no` stands in the name of header `x-1401-512`",
            "a header `x-1401-512`",
        ],
    );
}

#[test]
fn the_exact_service_and_status_in_the_headers_of_a_coarse_view_are_found() {
    let exact = |copy: &mut RawRecord, _: &Event, _: &OneSchema| {
        let header = copy.headers.iter_mut().find(|(name, _)| name == "ce_type").unwrap();
        header.1 = b"ir.barid.harbour_fine.paid".to_vec();
    };
    check(
        true,
        &[],
        exact,
        &[
            "the text of `service_code` stands in the header `ce_type`",
            "the text of `status_to` stands in the header `ce_type`",
        ],
    );
}

#[test]
fn what_a_coarse_view_must_not_tell_of_the_envelope_is_found() {
    for (field, value, text) in [
        ("national_service_id", json!("13021194999"), true),
        ("case_no", json!("99/H/7"), true),
        ("letter_no", json!("31/512"), true),
        ("letter_date", json!(19_275), false),
        ("transition", json!("step"), false),
        ("correction_of", json!("bb2f6a60-1111-8222-8333-444455556666"), true),
    ] {
        let mut findings = vec![format!("`{field}` is not null")];
        if text {
            findings.push(format!("the text of `{field}` stands in the value"));
        }
        let findings: Vec<&str> = findings.iter().map(String::as_str).collect();
        check(true, &[], |copy, _, schema| set(copy, schema, field, "", value), &findings);
    }
}

#[test]
fn what_a_coarse_view_must_say_in_its_own_words_is_found_when_it_is_exact() {
    check(
        true,
        &[],
        |copy, event, schema| {
            for field in ["service_code", "status_to", "status_from", "view"] {
                set(copy, schema, field, "", event.fields[field].clone());
            }
        },
        &[
            "`service_code` is not coarse",
            "`view` is not coarse",
            "the text of `service_code` stands in the value",
            "the text of `status_from` stands in the value",
            "the text of `status_to` stands in the value",
        ],
    );
}

#[test]
fn a_decision_in_a_coarse_view_tells_phase_and_dates_only() {
    check(
        true,
        &["decision"],
        |copy, event, schema| set(copy, schema, "decision", "", event.fields["decision"].clone()),
        &[
            "`decision.decision_no` is not null",
            "`decision.conditions` is not null",
            "the text of `decision.decision` stands in the value",
            "the text of `decision.decision_no` stands in the value",
            "the text of `business.licence_no` stands in the value",
            "the text of `decision.conditions` stands in the value",
        ],
    );
}

/// The licence has the number of the decision: who may see the one sees the other.
#[test]
fn a_withheld_text_that_is_also_given_is_no_leak() {
    check(false, &["business"], |_, _, _| {}, &[]);
}

#[test]
fn bytes_behind_the_datum_are_refused() {
    let schema = OneSchema::new();
    let event = event_of(&fields(), &schema);
    let grant = grant(false, &[]);
    let mut copy = fixture::honest_copy(&oracle(grant.clone()), &event, &schema);
    copy.value.as_mut().unwrap().push(0);
    assert!(leaks(&event, &copy, &grant, &schema).is_err());
}
