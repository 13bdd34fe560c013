//! Every version of every schema that has ever been released.
//!
//! A release copies `avro/<record>.avsc` to `released/<record>/v<n>.avsc` and adds a line here; a copy never changes
//! again. Records under all of these versions lie in topics for up to 90 days or for ever, so [`crate::lint`] judges a
//! change of a schema against all of them, not against the last alone.

use crate::case_event;

/// One released version of one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Counts from 1 for each record.
    pub version: u32,
    /// The Avro schema, as JSON.
    pub avsc: &'static str,
}

macro_rules! released {
    ($file:literal: $($version:literal)+) => {
        (
            $file,
            &[$(Released {
                version: $version,
                avsc: include_str!(concat!("../released/", $file, "/v", $version, ".avsc")),
            }),+],
        )
    };
}

/// Each record's released versions, oldest first, under the name of its file.
pub(crate) const RELEASED: [(&str, &[Released]); 11] = [
    released!("case_event": 1),
    released!("quarantined_row": 1 2),
    released!("dead_letter": 1),
    released!("policy_record": 1),
    released!("policy_applied": 1),
    released!("watch_entry": 1),
    released!("command": 1),
    released!("source_position": 1 2),
    released!("case_state": 1 2),
    released!("heartbeat": 1),
    released!("notice": 1),
];

/// The name of the file in `avro/` that holds the record with this full name, without its ending: `ir.barid.CaseEvent` is
/// in `case_event`.
pub(crate) fn file_name(full_name: &str) -> String {
    let name = full_name.rsplit('.').next().unwrap_or_default();
    let mut file = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !file.is_empty() {
            file.push('_');
        }
        file.push(letter.to_ascii_lowercase());
    }
    file
}

/// The released versions of the record with this full name, oldest first.
#[must_use]
pub fn released(full_name: &str) -> &'static [Released] {
    let file = file_name(full_name);
    RELEASED.iter().find(|(name, _)| *name == file).map_or(&[], |(_, versions)| versions)
}

/// The released versions of the case event, oldest first: an event in a topic may have been written under any of them.
#[must_use]
pub fn case_event_versions() -> &'static [Released] {
    released(case_event::FULL_NAME)
}
