//! Any bytes as a datum of one of four writer schemas: an error with a place, or what apache-avro reads too.
//!
//! Input: one byte for the writer schema, two for the groups, the datum.

#![no_main]

use std::sync::LazyLock;

use barid_codec::{Walk, view};
use barid_schemas::{Group, GroupSet};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../bus-core/codec/tests/codec/model.rs"]
mod model;
#[allow(dead_code, unreachable_pub)]
#[path = "../../bus-core/codec/tests/codec/schemas.rs"]
mod schemas;

static WRITERS: LazyLock<Vec<(schemas::Writer, Walk)>> = LazyLock::new(|| {
    schemas::all()
        .into_iter()
        .map(|writer| {
            let walk = Walk::compile(&writer.avsc).expect("the schemas of the tests compile");
            (writer, walk)
        })
        .collect()
});

fuzz_target!(|input: &[u8]| {
    let [which, low, high, datum @ ..] = input else { return };
    let (writer, walk) = &WRITERS[usize::from(*which) % WRITERS.len()];
    let chosen = u16::from_le_bytes([*low, *high]);
    let groups: GroupSet = Group::ALL.into_iter().filter(|group| chosen & (1 << group.index()) != 0).collect();
    let spans = match walk.run(datum) {
        Ok(spans) => spans,
        Err(error) => {
            assert!(error.offset <= datum.len());
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let event = model::decode(writer, datum).expect("apache-avro reads what the walk reads");
    let mut out = Vec::new();
    view::exact(walk, &spans, datum, groups, &mut out);
    assert!(!view::is_whole(&spans, groups) || out == datum);
    let seen = model::decode(writer, &out).expect("an exact view is an event");
    assert!(model::same(&seen, &model::exact(writer, &event, groups)));
    out.clear();
    view::coarse(walk, &spans, datum, groups, Some("opened"), "ended", &mut out);
    let seen = model::decode(writer, &out).expect("a coarse view is an event");
    assert!(model::same(&seen, &model::coarse(writer, &event, groups, Some("opened"), "ended")));
});
