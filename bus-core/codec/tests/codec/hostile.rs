//! Data that is broken by accident or on purpose: an error that says where, or the event that apache-avro sees too.

use std::sync::atomic::{AtomicUsize, Ordering};

use barid_codec::{Walk, WalkError, view};
use barid_schemas::GroupSet;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::schemas::Writer;
use crate::{model, other_encoders, random, schemas};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) }
}

/// What the walk makes of a datum must be what the model makes of it. Tells whether it made anything of it.
fn check(writer: &Writer, walk: &Walk, datum: &[u8], groups: GroupSet) -> bool {
    match walk.run(datum) {
        Ok(spans) => {
            let event = model::decode(writer, datum).expect("apache-avro reads what the walk reads");
            let mut exact = Vec::new();
            view::exact(walk, &spans, datum, groups, &mut exact);
            let seen = model::decode(writer, &exact).unwrap();
            assert!(model::same(&seen, &model::exact(writer, &event, groups)));
            let mut coarse = Vec::new();
            view::coarse(walk, &spans, datum, groups, None, "opened", &mut coarse);
            let seen = model::decode(writer, &coarse).unwrap();
            assert!(model::same(&seen, &model::coarse(writer, &event, groups, None, "opened")));
            true
        }
        Err(error) => {
            check_place(writer, datum, &error);
            false
        }
    }
}

fn check_place(writer: &Writer, datum: &[u8], error: &WalkError) {
    assert!(error.offset <= datum.len());
    let top = error.field.split(['.', '[']).next().unwrap();
    let apache_avro::Schema::Record(record) = &writer.plain else { unreachable!() };
    assert!(top.is_empty() || record.fields.iter().any(|field| field.name == top), "{error}");
}

#[test]
fn a_truncated_event_is_an_error_with_a_place() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        proptest!(config(), |(event in random::event(&writer.plain), cut in any::<prop::sample::Index>())| {
            let datum = model::encode(&writer, &event);
            let datum = &datum[..cut.index(datum.len())];
            check_place(&writer, datum, &walk.run(datum).unwrap_err());
        });
    }
}

#[test]
fn an_event_with_something_behind_it_is_an_error_with_a_place() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        proptest!(config(), |(event in random::event(&writer.plain), more in vec(any::<u8>(), 1..5))| {
            let mut datum = model::encode(&writer, &event);
            let end = datum.len();
            datum.extend(more);
            let error = walk.run(&datum).unwrap_err();
            assert_eq!(error.to_string(), format!("bytes are left over in the datum at byte {end}"));
        });
    }
}

#[test]
fn an_event_with_flipped_bits_is_an_error_or_what_apache_avro_reads() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        let flips = vec((any::<prop::sample::Index>(), 0..8_u32), 1..4);
        let (accepted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let choices = vec(any::<u8>(), 0..20);
        proptest!(config(), |(event in random::event(&writer.plain), groups in random::groups(), flips in flips, choices in choices)| {
            let mut datum = other_encoders::encode(&writer, &event, choices);
            for (place, bit) in flips {
                let place = place.index(datum.len());
                datum[place] ^= 1 << bit;
            }
            let made = check(&writer, &walk, &datum, groups);
            if made { &accepted } else { &refused }.fetch_add(1, Ordering::Relaxed);
        });
        // A flipped letter is still a letter, a flipped length hardly ever a length: the test saw both.
        assert!(accepted.into_inner() > 10 && refused.into_inner() > 10);
    }
}

#[test]
fn an_event_with_pieces_moved_is_an_error_or_what_apache_avro_reads() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        let piece = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..24_usize);
        proptest!(config(), |(event in random::event(&writer.plain), groups in random::groups(), piece in piece)| {
            let mut datum = model::encode(&writer, &event);
            let (from, to, length) = piece;
            let from = from.index(datum.len());
            let bytes = datum[from..datum.len().min(from + length)].to_vec();
            let to = to.index(datum.len());
            datum.splice(to..to, bytes);
            check(&writer, &walk, &datum, groups);
        });
    }
}

#[test]
fn random_bytes_are_an_error_or_what_apache_avro_reads() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        // Small bytes, so that it comes some way.
        let byte = prop_oneof![4 => 0..4_u8, 1 => any::<u8>()];
        proptest!(config(), |(datum in vec(byte, 0..200), groups in random::groups())| {
            check(&writer, &walk, &datum, groups);
        });
    }
}
