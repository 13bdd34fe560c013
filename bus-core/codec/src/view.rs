//! Views of an event, made by splicing.

use barid_schemas::GroupSet;

use crate::{Spans, Walk};

/// Whether an exact view with `groups` is the event itself, byte for byte: its payload can be forwarded untouched.
#[must_use]
pub fn is_whole(spans: &Spans<'_>, groups: GroupSet) -> bool {
    groups.contains_all(spans.present) && !spans.unknown_group_present
}

/// Appends the datum of the exact view: the event with every group that is not in `groups` null.
///
/// `walk`, `spans` and `datum` must belong together. The framing is the caller's.
pub fn exact(_walk: &Walk, _spans: &Spans<'_>, _datum: &[u8], _groups: GroupSet, _out: &mut Vec<u8>) {}

/// Appends the datum of the coarse view: envelope and decision encoded anew, statuses cut to their phase.
pub fn coarse(
    _walk: &Walk,
    _spans: &Spans<'_>,
    _datum: &[u8],
    _groups: GroupSet,
    _phase_from: Option<&str>,
    _phase_to: &str,
    _out: &mut Vec<u8>,
) {
}
