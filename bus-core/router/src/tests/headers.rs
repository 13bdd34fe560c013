//! Key and headers of a copy.

use barid_kafka::Record;
use barid_schemas::case_event::CaseEvent;

use super::fixture::{Bench, copy_for, event, parcel_watch_key, record};

fn names(record: &Record) -> Vec<&str> {
    record.headers.iter().map(|(name, _)| name.as_str()).collect()
}

fn texts<'r>(record: &'r Record, name: &str) -> Vec<&'r str> {
    let of_name = record.headers.iter().filter(|(header, _)| header == name);
    of_name.map(|(_, value)| std::str::from_utf8(value).unwrap()).collect()
}

const CLOUD_EVENT: [&str; 8] =
    ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_dataschema", "content-type"];

#[test]
fn a_copy_has_the_headers_of_its_view_and_the_number_of_its_permit() {
    let event = event();
    let written = Bench::new().route(&record(&event));
    let copy = copy_for(&written, "samt");
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", &event.event_id.to_string()),
        ("ce_source", "/agencies/art100_commission"),
        ("ce_type", "ir.barid.municipal_building_permit.issued"),
        ("ce_subject", &event.corr_id.to_string()),
        ("ce_time", "2023-11-14T21:56:40Z"),
        ("ce_dataschema", "http://registry.test:8081/schemas/ids/1"),
        ("content-type", "application/avro"),
        ("barid-permit", "T-2"),
    ];
    let found: Vec<_> = copy.headers.iter().map(|(n, v)| (n.as_str(), std::str::from_utf8(v).unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_coarse_view_has_coarse_headers() {
    let written = Bench::new().route(&record(&event()));
    let copy = copy_for(&written, "utilities");
    assert_eq!(texts(copy, "ce_type"), ["ir.barid.restriction.cleared"]);
}

#[test]
fn one_pair_of_publisher_and_subscriber_has_one_permit_number_whatever_the_view() {
    let mut bench = Bench::new();
    let coarse = bench.route(&record(&event()));
    let exact = bench.route(&record(&CaseEvent { status_to: "rejected".to_owned(), ..event() }));
    for written in [&coarse, &exact] {
        assert_eq!(texts(copy_for(written, "utilities"), "barid-permit"), ["T-3"]);
    }
}

#[test]
fn only_a_matched_copy_carries_handles_and_it_carries_all_of_its_own() {
    let mut bench = Bench::new();
    bench.watch("bank_facilities", parcel_watch_key(1), "loan-1");
    bench.watch("bank_facilities", parcel_watch_key(2), "loan-2");
    bench.watch("bank_facilities", parcel_watch_key(3), "loan-3");
    bench.watch("tax", parcel_watch_key(1), "tax-file");
    let mut record = record(&event());
    let keys = [parcel_watch_key(2), parcel_watch_key(1)].map(|key| key.to_string()).join(",");
    record.headers.push(("barid-watch".to_owned(), keys.into_bytes()));
    let written = bench.route(&record);
    assert_eq!(written.len(), 5);
    assert_eq!(texts(copy_for(&written, "bank_facilities"), "barid-match"), ["loan-2", "loan-1"]);
    for agency in ["tax", "samt", "utilities", "notary"] {
        assert!(texts(copy_for(&written, agency), "barid-match").is_empty(), "{agency}");
    }
}

#[test]
fn nothing_else_that_the_publisher_wrote_beside_the_value_reaches_a_copy() {
    let mut record = record(&event());
    record.key = Some(b"0012345678".to_vec());
    let of_publisher = [
        ("ce_type", "ir.barid.told.otherwise"),
        ("ce_sequence", "17"),
        ("barid-watch", &parcel_watch_key(1).to_string()),
        ("barid-permit", "forged"),
        ("barid-match", "forged"),
        ("baggage", "name=forged"),
        ("x-anything", "forged"),
    ];
    record.headers = of_publisher.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let written = Bench::new().route(&record);
    assert_eq!(written.len(), 4);
    let corr_id = event().corr_id.to_string().into_bytes();
    for copy in &written {
        assert_eq!(names(copy), [&CLOUD_EVENT[..], &["barid-permit"]].concat());
        assert_eq!(copy.key.as_ref(), Some(&corr_id));
        assert!(copy.headers.iter().all(|(_, value)| !value.windows(6).any(|bytes| bytes == b"forged")));
    }
}

#[test]
fn a_traceparent_is_carried_on_and_a_malformed_one_dropped() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let upper = good.to_uppercase();
    let longer = format!("{good}-forged");
    let cases: [(&str, &[&str]); 4] = [(good, &[good]), (&upper, &[]), (&longer, &[]), ("forged", &[])];
    for (written, carried) in cases {
        let mut record = record(&event());
        record.headers.push(("traceparent".to_owned(), written.as_bytes().to_vec()));
        let copies = Bench::new().route(&record);
        assert_eq!(texts(copy_for(&copies, "samt"), "traceparent"), carried, "{written}");
    }
}

#[test]
fn a_copy_has_no_partition_and_no_time_of_the_original() {
    let written = Bench::new().route(&record(&event()));
    for copy in &written {
        assert_eq!((copy.partition, copy.timestamp_ms), (-1, -1), "key and clock of the router decide");
    }
}
