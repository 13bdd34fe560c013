//! Any text as a writer schema, any bytes behind it as a datum: no panic and no endless loop.
//!
//! Input: the schema, a zero byte, the datum.

#![no_main]

use barid_codec::{Walk, view};
use barid_schemas::GroupSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let Some(Ok(avsc)) = parts.next().map(std::str::from_utf8) else { return };
    let datum = parts.next().unwrap_or_default();
    let Ok(walk) = Walk::compile(avsc) else { return };
    let Ok(spans) = walk.run(datum) else { return };
    // A view of an event is an event of the same writer schema.
    let mut out = Vec::new();
    view::exact(&walk, &spans, datum, GroupSet::EMPTY, &mut out);
    walk.run(&out).expect("an exact view is an event");
    out.clear();
    view::coarse(&walk, &spans, datum, GroupSet::ALL, None, "ended", &mut out);
    walk.run(&out).expect("a coarse view is an event");
});
