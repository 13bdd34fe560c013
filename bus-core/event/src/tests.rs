use std::collections::BTreeSet;

use barid_schemas::Millis;
use barid_schemas::records::WatchKind;
use proptest::prelude::*;
use uuid::{Uuid, Variant};

use crate::header::{self, CloudEvent};
use crate::ids::{corr_id_of_case, corr_id_of_tracking_code, event_id, file_hash};
use crate::keyed_hash::keyed_hash;
use crate::topics::{OPERATOR, Operation, PatternType, ROUTER, Resource, Topics};
use crate::watch::{WatchKey, WatchKeyError, decode_list, encode_list, parcel_key, person_key};
use crate::{Secret, SecretError, TraceParent, TraceParentError};

fn secret() -> Secret {
    Secret::from_bytes(*b"0123456789abcdef").expect("it is long enough")
}

fn other_secret() -> Secret {
    Secret::from_bytes(*b"fedcba9876543210").expect("it is long enough")
}

// Secrets

#[test]
fn a_secret_never_prints_itself() {
    let secret = Secret::from_bytes(*b"correct horse battery staple").expect("it is long enough");
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    let error = Secret::from_hex("636f7272656374").expect_err("it is too short");
    assert_eq!(error.to_string(), "a secret needs at least `16` bytes, but has `7`");
    assert!(!format!("{:?}", Secret::from_hex("swordfish")).contains("sword"));
}

#[test]
fn a_secret_is_read_from_hexadecimal_digits_with_the_line_break_of_its_file() {
    let from_file = Secret::from_hex("30313233343536373839616263646566\r\n").expect("it is right");
    assert_eq!(corr_id_of_case(&from_file, "a", "1"), corr_id_of_case(&secret(), "a", "1"));
    assert_eq!(Secret::from_hex("3031323").expect_err("it is odd"), SecretError::NotHexadecimal);
    assert_eq!(Secret::from_bytes(*b"short").expect_err("it is short"), SecretError::TooShort { found: 5 });
}

// Ids. The expected values were computed with Python's `hmac`, by the description of `keyed_hash`.

#[test]
fn ids_stay_what_they_are_for_ever() {
    for (found, expected) in [
        (event_id(&secret(), "samt", "case", "row", -7), "0464c59b-a4ea-834c-bd6b-f469ad06a199"),
        (corr_id_of_case(&secret(), "samt", "۱۴۰۱/۴۵"), "aa567894-3990-8497-9a9a-b8671d398f51"),
        (corr_id_of_tracking_code(&secret(), "60014317002915"), "c3d4a873-d607-8e2e-b0ca-b520d2b54be5"),
    ] {
        assert_eq!(found.to_string(), expected);
        assert_eq!((found.get_version_num(), found.get_variant()), (8, Variant::RFC4122));
    }
}

#[test]
fn ids_cannot_be_computed_without_the_secret() {
    assert_ne!(event_id(&secret(), "a", "c", "r", 1), event_id(&other_secret(), "a", "c", "r", 1));
    assert_ne!(corr_id_of_case(&secret(), "a", "1"), corr_id_of_case(&other_secret(), "a", "1"));
    assert_ne!(corr_id_of_tracking_code(&secret(), "1"), corr_id_of_tracking_code(&other_secret(), "1"));
}

#[test]
fn agencies_that_know_the_same_tracking_code_meet_in_one_matter_and_those_with_the_same_case_number_do_not() {
    assert_eq!(
        corr_id_of_tracking_code(&secret(), "60014317002915"),
        corr_id_of_tracking_code(&secret(), "60014317002915")
    );
    assert_ne!(corr_id_of_case(&secret(), "samt", "12"), corr_id_of_case(&secret(), "tax", "12"));
}

#[test]
fn what_is_shown_of_a_file_depends_on_the_secret_and_on_the_agency() {
    let shown = file_hash(&secret(), "samt", &[7; 32]);
    assert_eq!(shown, file_hash(&secret(), "samt", &[7; 32]));
    for other in [
        file_hash(&other_secret(), "samt", &[7; 32]),
        file_hash(&secret(), "tax", &[7; 32]),
        file_hash(&secret(), "samt", &[8; 32]),
        [7; 32],
    ] {
        assert_ne!(shown, other);
    }
}

#[test]
fn a_corrected_row_becomes_another_event() {
    assert_ne!(event_id(&secret(), "a", "c", "r", 1), event_id(&secret(), "a", "c", "r", 2));
}

proptest! {
    #[test]
    fn different_inputs_never_collide_by_concatenation(
        one in prop::collection::vec("[ab]{0,3}", 0..4),
        other in prop::collection::vec("[ab]{0,3}", 0..4),
    ) {
        let hash = |parts: &[String]| {
            let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
            keyed_hash(&secret(), "test", &parts)
        };
        prop_assert_eq!(hash(&one) == hash(&other), one == other);
    }

    #[test]
    fn an_event_id_depends_on_every_part_and_on_where_parts_end(
        parts in prop::array::uniform3("[ab]{0,3}"),
        others in prop::array::uniform3("[ab]{0,3}"),
        content in any::<i64>(),
    ) {
        let id = |[agency, case, row]: &[String; 3]| event_id(&secret(), agency, case, row, content);
        prop_assert_eq!(id(&parts) == id(&others), parts == others);
    }

    #[test]
    fn no_two_kinds_of_ids_are_ever_equal(text in "[0-9]{0,14}") {
        let ids = BTreeSet::from([
            corr_id_of_tracking_code(&secret(), &text).into_bytes(),
            corr_id_of_case(&secret(), "", &text).into_bytes(),
            corr_id_of_case(&secret(), &text, "").into_bytes(),
            event_id(&secret(), "", "", &text, 0).into_bytes(),
            person_key(&secret(), &text).hash,
            parcel_key(&secret(), &text, "", "", "").hash,
        ]);
        // Both cases are the same where the text is empty.
        prop_assert_eq!(ids.len(), if text.is_empty() { 5 } else { 6 });
    }
}

// Watch keys

#[test]
fn watch_keys_stay_what_they_are_for_ever() {
    assert_eq!(person_key(&secret(), "9901001171").to_string(), "person:1882f6e21820fabaad4f995a736518c1");
    assert_eq!(parcel_key(&secret(), "12", "345", "4", "کجور").to_string(), "parcel:b4a77de381217a9fe72f0a28af99216a");
}

#[test]
fn a_plate_alone_does_not_match_the_same_plate_of_another_section_or_its_reverse() {
    let key = |main, sub, section| parcel_key(&secret(), main, sub, section, "کجور");
    assert_ne!(key("12", "345", "4"), key("12", "345", "5"));
    assert_ne!(key("12", "345", "4"), key("345", "12", "4"));
    assert_ne!(key("12", "345", "4"), key("123", "45", "4"));
}

#[test]
fn text_that_is_no_watch_key_is_refused() {
    for (text, expected) in [
        ("plate:00", WatchKeyError::UnknownKind),
        ("", WatchKeyError::UnknownKind),
        ("person:00", WatchKeyError::BadHash),
        ("person:1882F6E21820FABAAD4F995A736518C1", WatchKeyError::BadHash),
        ("person:1882f6e21820fabaad4f995a736518c1 ", WatchKeyError::BadHash),
    ] {
        assert_eq!(text.parse::<WatchKey>(), Err(expected), "{text}");
    }
    assert_eq!(decode_list(&[0xff]), Err(WatchKeyError::NotText));
    assert_eq!(decode_list(b"person:1882f6e21820fabaad4f995a736518c1,"), Err(WatchKeyError::UnknownKind));
    assert_eq!(decode_list(b""), Ok(Vec::new()));
}

prop_compose! {
    fn any_key()(is_person in any::<bool>(), hash in any::<[u8; 16]>()) -> WatchKey {
        WatchKey { kind: if is_person { WatchKind::Person } else { WatchKind::Parcel }, hash }
    }
}

proptest! {
    #[test]
    fn a_list_of_watch_keys_is_read_as_it_was_written(keys in prop::collection::vec(any_key(), 0..5)) {
        prop_assert_eq!(decode_list(&encode_list(&keys)), Ok(keys));
    }

    #[test]
    fn no_bytes_make_the_readers_of_headers_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode_list(&bytes);
        let _ = TraceParent::parse(&bytes);
    }
}

// Trace context

proptest! {
    #[test]
    fn a_traceparent_is_read_as_it_was_written(
        trace_id in any::<[u8; 16]>().prop_filter("not zero", |id| *id != [0; 16]),
        span_id in any::<[u8; 8]>().prop_filter("not zero", |id| *id != [0; 8]),
        sampled in any::<bool>(),
    ) {
        let traceparent = TraceParent { trace_id, span_id, sampled };
        prop_assert_eq!(TraceParent::parse(traceparent.format().as_bytes()), Ok(traceparent));
    }

    #[test]
    fn text_near_a_traceparent_never_makes_the_reader_panic(text in "[0-9a-fA-F\u{6f0}-]{50,60}") {
        let _ = text.parse::<TraceParent>();
    }
}

#[test]
fn a_traceparent_is_judged_as_the_w3c_wants_it() {
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let read = |text: String| text.parse::<TraceParent>();
    let sampled = read(format!("00-{trace}-{span}-01")).expect("it is right");
    assert!(sampled.sampled);
    assert_eq!(sampled.to_string(), format!("00-{trace}-{span}-01"));
    assert_eq!(sampled.child([1; 8]).to_string(), format!("00-{trace}-0101010101010101-01"));
    assert!(!read(format!("00-{trace}-{span}-02")).expect("other flags are ignored").sampled);
    assert!(read(format!("cc-{trace}-{span}-01-what-comes-later")).is_ok());
    assert_eq!(read(format!("00-{trace}-{span}-01-more")), Err(TraceParentError::BadForm));
    assert_eq!(read(format!("cc-{trace}-{span}-01.more")), Err(TraceParentError::BadForm));
    assert_eq!(read(format!("ff-{trace}-{span}-01")), Err(TraceParentError::ForbiddenVersion));
    assert_eq!(read(format!("00-{}-{span}-01", "0".repeat(32))), Err(TraceParentError::ZeroId));
    assert_eq!(read(format!("00-{trace}-{}-01", "0".repeat(16))), Err(TraceParentError::ZeroId));
    assert_eq!(read(format!("00-{}-{span}-01", trace.to_uppercase())), Err(TraceParentError::BadForm));
    assert_eq!(read(format!("00-{trace}_{span}-01")), Err(TraceParentError::BadForm));
    assert_eq!(read(String::new()), Err(TraceParentError::BadForm));
}

// Headers

#[test]
fn the_headers_are_cloud_events_in_the_binary_mode_of_kafka() {
    let event = CloudEvent {
        id: Uuid::from_bytes([1; 16]),
        publisher: "art99_commission",
        service_code: "restriction",
        status_to: "blocked",
        corr_id: Uuid::from_bytes([2; 16]),
        occurred_at: Millis(1_674_850_800_000),
        dataschema: "http://registry/schemas/ids/7",
    };
    let headers: Vec<(&str, String)> = header::cloud_event_headers(&event)
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8(value).expect("it is text")))
        .collect();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", "01010101-0101-0101-0101-010101010101"),
        ("ce_source", "/agencies/art99_commission"),
        ("ce_type", "ir.barid.restriction.blocked"),
        ("ce_subject", "02020202-0202-0202-0202-020202020202"),
        ("ce_time", "2023-01-27T20:20:00Z"),
        ("ce_dataschema", "http://registry/schemas/ids/7"),
        ("content-type", "application/avro"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_time_has_the_decimals_that_it_needs_and_stays_in_the_years_that_can_be_written() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_500, "1970-01-01T00:00:01.5Z"),
        (i64::MIN, "0000-01-01T00:00:00Z"),
        (i64::MAX, "9999-12-30T22:00:00.999999999Z"),
    ] {
        assert_eq!(header::time(Millis(millis)), expected);
    }
}

#[test]
fn the_place_of_a_schema_never_tells_the_password_of_the_registry() {
    for (url, expected) in [
        ("http://localhost:8081", "http://localhost:8081/schemas/ids/7"),
        (
            "https://user:pass@registry.example/apis/ccompat/v7/",
            "https://registry.example/apis/ccompat/v7/schemas/ids/7",
        ),
        ("https://us@er:p@ss@registry.example", "https://registry.example/schemas/ids/7"),
        ("https://registry.example/a?token=secret#x", "https://registry.example/a/schemas/ids/7"),
        ("user:pass@registry:8081", "registry:8081/schemas/ids/7"),
    ] {
        assert_eq!(header::dataschema(url, 7), expected);
    }
}

// Topics

fn topics() -> Topics {
    Topics::default()
}

#[test]
fn the_agency_of_a_topic_is_read_from_its_name_under_this_prefix_only() {
    for (topic, expected) in [
        ("barid.events.samt", Some("samt")),
        ("barid.inbox.bank_facilities", Some("bank_facilities")),
        ("barid.deadletter.samt", Some("samt")),
        ("barid.cases.samt", Some("samt")),
        ("barid.quarantine.samt", Some("samt")),
        ("barid.policy", None),
        ("barid.policy.samt", None),
        ("barid.events.", None),
        ("other.events.samt", None),
        ("events.samt", None),
    ] {
        assert_eq!(topics().agency_of(topic), expected, "{topic}");
    }
    assert_eq!(Topics::new("").agency_of("events.samt"), Some("samt"));
}

#[test]
fn the_pattern_of_all_events_means_its_dots_as_dots() {
    assert_eq!(topics().events_pattern(), r"^barid\.events\..+");
    assert_eq!(Topics::new("test-7_").events_pattern(), r"^test-7_events\..+");
}

#[test]
fn every_topic_is_planned_once_with_its_policy() {
    let plan = topics().plan(["samt", "tax"]);
    let config = |name: &str, key: &str| {
        let topic = plan.iter().find(|topic| topic.name == format!("barid.{name}")).expect("it is planned");
        topic.config.get(key).cloned().unwrap_or_default()
    };
    let names: BTreeSet<_> = plan.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names.len(), plan.len());
    assert_eq!(plan.len(), 7 + 2 * 6);
    let partitions = |name: &str| plan.iter().find(|topic| topic.name == name).map(|topic| topic.partitions);
    assert_eq!(partitions("barid.events.tax"), Some(6));
    assert_eq!(partitions("barid.inbox.tax"), Some(3));
    assert_eq!(partitions("barid.policy"), Some(1));
    for name in ["quarantine.samt", "cases.samt", "watch", "positions", "heartbeats"] {
        assert_eq!(
            (config(name, "cleanup.policy"), config(name, "retention.ms")),
            ("compact".to_owned(), String::new())
        );
    }
    for (name, days) in [
        ("events.samt", 90),
        ("inbox.samt", 90),
        ("deadletter.samt", 365),
        ("commands", 365),
        ("commands.samt", 365),
        ("notices", 365),
    ] {
        let retention_ms = (days * 86_400_000_u64).to_string();
        assert_eq!((config(name, "cleanup.policy"), config(name, "retention.ms")), ("delete".to_owned(), retention_ms));
    }
    for name in ["policy", "policy-applied"] {
        assert_eq!(
            (config(name, "cleanup.policy"), config(name, "retention.ms")),
            ("delete".to_owned(), "-1".to_owned())
        );
    }
}

/// What a principal may do with a topic, as a broker decides it.
fn allowed(principal: &str, topic: &str) -> Vec<Operation> {
    let acls = topics().acls("mazandaran", ["samt", "samt_mines", "tax"]);
    let matches = acls.iter().filter(|acl| acl.principal == principal && acl.resource == Resource::Topic);
    let operations: BTreeSet<_> = matches
        .filter(|acl| match acl.pattern {
            PatternType::Literal => acl.name == topic,
            PatternType::Prefixed => topic.starts_with(&acl.name),
        })
        .map(|acl| acl.operation)
        .collect();
    operations.into_iter().collect()
}

#[test]
fn an_agency_reads_its_own_inbox_and_writes_what_is_its_own_and_nothing_else() {
    use Operation::{Read, Write};
    let plan = topics().plan(["samt", "samt_mines", "tax"]);
    for topic in &plan {
        let expected: &[Operation] = match topic.name.as_str() {
            "barid.inbox.samt" => &[Read],
            "barid.events.samt" | "barid.heartbeats" | "barid.notices" => &[Write],
            "barid.quarantine.samt" | "barid.cases.samt" | "barid.commands.samt" | "barid.positions" => &[Read, Write],
            _ => &[],
        };
        assert_eq!(allowed("User:samt", &topic.name), expected, "{}", topic.name);
    }
}

#[test]
fn a_router_reads_events_and_writes_copies_and_cannot_change_policy() {
    use Operation::{Read, Write};
    for (topic, expected) in [
        ("barid.events.tax", vec![Read]),
        ("barid.inbox.tax", vec![Write]),
        ("barid.deadletter.tax", vec![Write]),
        ("barid.policy", vec![Read]),
        ("barid.policy-applied", vec![Write]),
        ("barid.watch", vec![Read]),
        ("barid.commands", vec![Read]),
        ("barid.quarantine.tax", vec![]),
        ("barid.cases.tax", vec![]),
        ("barid.commands.tax", vec![]),
    ] {
        assert_eq!(allowed(ROUTER, topic), expected, "{topic}");
    }
}

#[test]
fn an_operator_reads_everything_and_writes_policy_watch_keys_and_commands_but_no_event() {
    for topic in topics().plan(["samt"]) {
        let operations = allowed(OPERATOR, &topic.name);
        assert!(operations.contains(&Operation::Read), "{}", topic.name);
        let may_write =
            ["barid.policy", "barid.watch", "barid.commands", "barid.commands.samt"].contains(&topic.name.as_str());
        assert_eq!(operations.contains(&Operation::Write), may_write, "{}", topic.name);
    }
}

#[test]
fn an_agency_cannot_take_the_groups_and_transactional_ids_of_another() {
    let acls = topics().acls("mazandaran", ["samt", "samt_mines"]);
    let may = |resource: Resource, name: &str| {
        acls.iter().filter(|acl| acl.principal == "User:samt" && acl.resource == resource).any(|acl| {
            match acl.pattern {
                PatternType::Literal => acl.name == name,
                PatternType::Prefixed => name.starts_with(&acl.name),
            }
        })
    };
    assert!(may(Resource::Group, "samt") && may(Resource::Group, "samt.archive"));
    assert!(!may(Resource::Group, "samt_mines") && !may(Resource::Group, "mazandaran.router"));
    assert!(may(Resource::TransactionalId, "mazandaran/samt"));
    assert!(may(Resource::TransactionalId, "mazandaran/operator/commands/samt"));
    assert!(!may(Resource::TransactionalId, "mazandaran/operator/commands/samt_mines"));
    assert!(!may(Resource::TransactionalId, "mazandaran/samt_mines"));
    assert!(!may(Resource::TransactionalId, "mazandaran/samt/0/a"));
}
