//! Views of an event, made by splicing.
//!
//! An *exact* view is the event's own bytes with null in the place of each group that is withheld: what is copied is
//! copied as the publisher encoded it. A *coarse* view is an allow-list: its envelope and its decision are encoded anew
//! from what the walk read, so nothing comes in that is not written here; the other permitted groups are copied. Both
//! keep the event's writer schema, so a subscriber decodes a view like an event.
//!
//! `walk`, `spans` and `datum` belong together: the spans came from running this walk over this datum. The framing is
//! the caller's.

use barid_schemas::case_event::RESTRICTION;
use barid_schemas::{Group, GroupSet};

use crate::cursor::{Cursor, Read};
use crate::walk::{DecisionRole, Nullable, Role};
use crate::{Spans, Walk, write};

/// Whether an exact view with `groups` is the event itself, byte for byte: its payload can be forwarded untouched.
#[must_use]
pub fn is_whole(spans: &Spans<'_>, groups: GroupSet) -> bool {
    groups.contains_all(spans.present) && !spans.unknown_group_present
}

/// Appends the datum of the exact view: the event with every group that is not in `groups` null.
pub fn exact(walk: &Walk, spans: &Spans<'_>, datum: &[u8], groups: GroupSet, out: &mut Vec<u8>) {
    let mut copied = 0;
    for (index, field) in walk.fields.iter().enumerate() {
        let shown = match field.role {
            Role::Group { group, .. } => groups.contains(group),
            Role::UnknownGroup { .. } => false,
            _ => true,
        };
        if !shown {
            let span = spans.field(index);
            out.extend_from_slice(&datum[copied..span.start]);
            out.extend_from_slice(&field.left_out);
            copied = span.end;
        }
    }
    out.extend_from_slice(&datum[copied..]);
}

/// Appends the datum of the coarse view: the envelope cut to its allow-list, service `restriction`, the statuses as the
/// phases `phase_from` and `phase_to`, of the permitted groups `decision` cut to phase, date and validity.
pub fn coarse(
    walk: &Walk,
    spans: &Spans<'_>,
    datum: &[u8],
    groups: GroupSet,
    phase_from: Option<&str>,
    phase_to: &str,
    out: &mut Vec<u8>,
) {
    for (index, field) in walk.fields.iter().enumerate() {
        match field.role {
            Role::EventId => write::text(spans.event_id, out),
            Role::CorrId => write::text(spans.corr_id, out),
            Role::Publisher => write::text(spans.publisher, out),
            Role::County(branches) => nullable_text(spans.county, branches, out),
            Role::ServiceCode => write::text(RESTRICTION, out),
            Role::StatusFrom(branches) => nullable_text(phase_from, branches, out),
            Role::StatusTo => write::text(phase_to, out),
            Role::OccurredAt => write::long(spans.occurred_at.0, out),
            Role::UtcOffset => write::long(spans.utc_offset_minutes.into(), out),
            Role::Precision { .. } => write::long(spans.precision.into(), out),
            Role::View { coarse, .. } => write::long(coarse.into(), out),
            Role::Group { group, branches, .. } if groups.contains(group) && spans.present.contains(group) => {
                let datum = &datum[spans.field(index)];
                if group == Group::Decision {
                    decision(walk, datum, branches, phase_to, out).unwrap_or_else(|start| {
                        out.truncate(start);
                        out.extend_from_slice(&field.left_out);
                    });
                } else {
                    out.extend_from_slice(datum);
                }
            }
            Role::Group { .. } | Role::UnknownGroup { .. } | Role::Other => out.extend_from_slice(&field.left_out),
        }
    }
}

/// Encodes group `decision` anew. Its bytes have been walked over already, so reading them again does not fail; if it
/// did, the caller would withhold the group from where `out` ended before.
fn decision(walk: &Walk, datum: &[u8], branches: Nullable, phase: &str, out: &mut Vec<u8>) -> Result<(), usize> {
    let start = out.len();
    let mut encode = || -> Read<()> {
        let mut cursor = Cursor::new(datum);
        branches.read(&mut cursor)?;
        write::long(branches.value().into(), out);
        for field in &walk.decision {
            if let DecisionRole::Date(branches) = field.role {
                if branches.read(&mut cursor)? {
                    write::long(branches.value().into(), out);
                    write::long(cursor.int()?.into(), out);
                } else {
                    write::long(branches.null.into(), out);
                }
                continue;
            }
            cursor.value(&walk.plan, field.node)?;
            match field.role {
                DecisionRole::Decision(branches) => nullable_text(Some(phase), branches, out),
                _ => out.extend_from_slice(&field.left_out),
            }
        }
        cursor.expect_end()
    };
    encode().map_err(|_| start)
}

fn nullable_text(value: Option<&str>, branches: Nullable, out: &mut Vec<u8>) {
    match value {
        Some(value) => {
            write::long(branches.value().into(), out);
            write::text(value, out);
        }
        None => write::long(branches.null.into(), out),
    }
}
