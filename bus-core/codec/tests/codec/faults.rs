//! Each way in which a datum can be wrong: what is said, and where.

use std::time::{Duration, Instant};

use barid_codec::{Walk, WalkFault};
use serde_json::{Value, json};

use crate::{records, schemas};

/// Walks over an event whose last field `probe` is of type `kind` and encoded as `bytes`; tells where within `probe` what
/// is wrong, and the path.
fn probe(kind: &Value, bytes: &[u8]) -> Result<(), (usize, WalkFault, String)> {
    let mut schema = schemas::ours();
    schemas::fields(&mut schema).push(json!({"name": "probe", "type": ["null", kind], "default": null}));
    let walk = Walk::compile(&schema.to_string()).unwrap();
    let mut datum = records::datum();
    datum.push(2);
    let start = datum.len();
    datum.extend_from_slice(bytes);
    match walk.run(&datum) {
        Ok(_) => Ok(()),
        Err(error) => Err((error.offset - start, error.fault, error.field)),
    }
}

#[track_caller]
fn check(kind: Value, bytes: &[u8], offset: usize, fault: WalkFault) {
    check_at(kind, bytes, offset, fault, "probe");
}

#[track_caller]
fn check_at(kind: Value, bytes: &[u8], offset: usize, fault: WalkFault, field: &str) {
    assert_eq!(probe(&kind, bytes), Err((offset, fault, field.into())));
}

#[track_caller]
fn check_good(kind: Value, bytes: &[u8]) {
    assert_eq!(probe(&kind, bytes), Ok(()));
}

fn array(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A positive number as Avro writes it.
fn number(number: i64) -> Vec<u8> {
    let mut rest = 2 * number;
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

const LONGEST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

#[test]
fn numbers_must_fit_their_type() {
    check_good(json!("long"), &LONGEST);
    check_good(json!("long"), &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
    check(json!("long"), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], 0, WalkFault::NumberTooWide);
    check(json!("long"), &[0x80; 11], 0, WalkFault::NumberTooWide);
    check(json!("long"), &[0x80; 9], 0, WalkFault::Truncated);
    check_good(json!("int"), &[0xff, 0xff, 0xff, 0xff, 0x0f]);
    check_good(json!("int"), &[0x80, 0x80, 0x80, 0x80, 0x00]);
    check(json!("int"), &[0xff, 0xff, 0xff, 0xff, 0x1f], 0, WalkFault::NumberTooWide);
    check(json!("int"), &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 0, WalkFault::NumberTooWide);
    check(json!("int"), &[], 0, WalkFault::Truncated);
}

#[test]
fn texts_must_be_whole_and_utf8() {
    check_good(json!("string"), &[2, b'a']);
    check(json!("string"), &[4, b'a'], 0, WalkFault::Truncated);
    check(json!("string"), &[1], 0, WalkFault::NegativeLength);
    check(json!("string"), &[4, 0xd8, 0x28], 0, WalkFault::NotUtf8);
    // A length of 2^62 does not overflow.
    check(json!("string"), &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], 0, WalkFault::Truncated);
    check(json!("bytes"), &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 0, WalkFault::Truncated);
    check_good(json!("bytes"), &[4, 0xd8, 0x28]);
}

#[test]
fn booleans_symbols_and_branches_must_be_there() {
    check_good(json!("boolean"), &[1]);
    check(json!("boolean"), &[2], 0, WalkFault::NotBoolean);
    check(json!("boolean"), &[], 0, WalkFault::Truncated);
    let symbols = json!({"type": "enum", "name": "Two", "symbols": ["one", "two"]});
    check_good(symbols.clone(), &[2]);
    check(symbols.clone(), &[4], 0, WalkFault::NoSuchSymbol);
    check(symbols, &[1], 0, WalkFault::NoSuchSymbol);
    let union = array(json!(["null", "int"]));
    check_good(union.clone(), &[2, 2, 2, 0]);
    check_at(union.clone(), &[2, 4, 2, 0], 1, WalkFault::NoSuchBranch, "probe[0]");
    check_at(union.clone(), &[4, 0, 1, 0], 2, WalkFault::NoSuchBranch, "probe[1]");
    // 2^32 as a branch is not branch 0.
    check_at(union, &[2, 0x80, 0x80, 0x80, 0x80, 0x20, 0], 1, WalkFault::NoSuchBranch, "probe[0]");
}

#[test]
fn a_block_must_have_the_size_that_it_states() {
    check_good(array(json!("int")), &[3, 4, 2, 4, 0]);
    check(array(json!("int")), &[3, 2, 2, 4, 0], 0, WalkFault::BlockSize);
    check(array(json!("int")), &[3, 6, 2, 4, 0], 0, WalkFault::BlockSize);
    check(array(json!("int")), &[3, 8, 2, 4, 0], 1, WalkFault::Truncated);
    check(array(json!("int")), &[3, 1, 2, 4, 0], 1, WalkFault::NegativeLength);
    let map = json!({"type": "map", "values": "int"});
    check_good(map.clone(), &[1, 6, 2, b'k', 8, 0]);
    check(map.clone(), &[1, 4, 2, b'k', 8, 0], 0, WalkFault::BlockSize);
    check_at(map, &[2, 2, 0xff, 8, 0], 1, WalkFault::NotUtf8, "probe[0]");
}

#[test]
fn a_block_of_more_items_than_bytes_is_refused_before_it_is_read() {
    let started = Instant::now();
    check(array(json!("int")), &LONGEST, 10, WalkFault::Truncated);
    check(array(json!("int")), &[&LONGEST[..], &[2, 2, 0]].concat(), 0, WalkFault::BlockTooLong);
    let nothing = json!({"type": "record", "name": "Nothing", "fields": [{"name": "nil", "type": "null"}]});
    check_good(array(nothing.clone()), &[6, 0]);
    // The most negative count has no positive one.
    check(array(nothing.clone()), &[&LONGEST[..], &[0, 0]].concat(), 0, WalkFault::BlockTooLong);
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
    check(array(nothing), &huge, 0, WalkFault::BlockTooLong);
    // Items that take no byte: as many as the datum has bytes, in all blocks and lists together.
    let half = number(records::datum().len() as i64 / 2);
    let list = [&half[..], &[0]].concat();
    let lists = array(array(json!("null")));
    check_good(lists.clone(), &[&[4][..], &list, &list, &[0]].concat());
    let third = 1 + 2 * list.len();
    let bytes = [&[6][..], &list, &list, &list, &[0]].concat();
    check_at(lists, &bytes, third, WalkFault::BlockTooLong, "probe[2]");
    let pair = json!({"type": "record", "name": "Pair", "fields": [
        {"name": "one", "type": "double"}, {"name": "two", "type": "double"}]});
    check(array(pair), &[6; 34], 0, WalkFault::BlockTooLong);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn types_that_double_at_each_level_take_no_time_if_they_take_no_bytes() {
    let mut schema = schemas::ours();
    let mut kind = json!({"type": "record", "name": "Level0", "fields": []});
    for level in 1..20 {
        let before = format!("Level{}", level - 1);
        kind = json!({"type": "record", "name": format!("Level{level}"), "fields": [
            {"name": "left", "type": kind}, {"name": "right", "type": before}]});
    }
    schemas::fields(&mut schema).push(json!({"name": "probe", "type": ["null", kind], "default": null}));
    let walk = Walk::compile(&schema.to_string()).unwrap();
    let mut datum = records::datum();
    datum.push(2);
    let started = Instant::now();
    for _ in 0..1000 {
        walk.run(&datum).unwrap();
    }
    // Two to the nineteenth visits for each run would take many minutes.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_path_leads_through_records_and_lists() {
    let kind = json!({"type": "record", "name": "Outer", "fields": [
        {"name": "inner", "type": {"type": "map", "values": {"type": "record", "name": "Inner", "fields": [
            {"name": "flags", "type": {"type": "array", "items": "boolean"}}]}}}]});
    check_at(kind, &[2, 2, b'k', 4, 1, 7, 0, 0], 5, WalkFault::NotBoolean, "probe.inner[0].flags[1]");
}

#[test]
fn the_text_of_an_error_tells_place_and_fault_and_no_value() {
    let walk = Walk::compile(&schemas::current().avsc).unwrap();
    let datum = records::datum();
    let error = walk.run(&datum[..datum.len() - 1]).unwrap_err();
    let end = error.offset;
    assert_eq!(error.to_string(), format!("the datum ends too early in field `attachments.attachments` at byte {end}"));
    assert_eq!(walk.run(&[]).unwrap_err().to_string(), "the datum ends too early in field `event_id` at byte 0");
    let more = [&datum[..], &[0]].concat();
    assert_eq!(
        walk.run(&more).unwrap_err().to_string(),
        format!("bytes are left over in the datum at byte {}", datum.len())
    );
}

#[test]
fn a_view_that_is_neither_exact_nor_coarse_is_refused() {
    let view =
        json!({"name": "view", "type": {"type": "enum", "name": "View", "symbols": ["other", "coarse", "exact"]}});
    let walk = Walk::compile(&schemas::with_field("view", view).to_string()).unwrap();
    let error = walk.run(&records::datum()).unwrap_err();
    assert_eq!((error.field.as_str(), error.fault), ("view", WalkFault::UnknownView));
}
