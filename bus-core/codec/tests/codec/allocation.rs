//! What a walk and a view cost in memory: nothing, once the buffer for the copies is there.

use barid_codec::{Walk, framing, view};
use barid_schemas::{Group, GroupSet};

use crate::{records, schemas};

#[test]
fn walking_and_making_views_allocates_nothing() {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        let datum = records::datum_for(&writer);
        let groups = GroupSet::EMPTY.with(Group::Decision).with(Group::Parcel);
        let mut out = Vec::with_capacity(4 * datum.len() + 400);
        let mut copies = 0;
        let info = allocation_counter::measure(|| {
            let spans = walk.run(&datum).unwrap();
            framing::frame(1, &mut out);
            view::exact(&walk, &spans, &datum, groups, &mut out);
            framing::frame(1, &mut out);
            view::coarse(&walk, &spans, &datum, groups, Some("opened"), "ended", &mut out);
            copies += usize::from(view::is_whole(&spans, GroupSet::ALL));
        });
        assert!(!out.is_empty() && copies <= 1);
        assert_eq!((info.count_total, info.bytes_total), (0, 0));
    }
}

#[test]
fn the_counter_counts() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 10])));
    assert_eq!(info.count_total, 1);
}
