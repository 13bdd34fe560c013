//! Which row of a case is which.
//!
//! The identity of a published row is `status#n`, the n-th occurrence of that status, or `status@key` where the
//! configuration names a `row_key` column. Only what has been published has one; a row in quarantine is told apart by
//! its columns ([`of_columns`]).

use std::collections::BTreeMap;

use barid_schemas::records::CaseState;
use xxhash_rust::xxh3::xxh3_128;

use super::history;
use crate::known::KnownCases;
use crate::mapping::{MappedRow, Moment};
use crate::text;

/// Which published row each entry is, and how often each status has been published.
pub(super) struct Known {
    /// Index into [`CaseState::rows`].
    pub(super) of_entries: Vec<Option<usize>>,
    counts: BTreeMap<String, u64>,
}

impl Known {
    /// The identity of a row that is published for the first time.
    pub(super) fn new_identity(&mut self, row: &MappedRow) -> String {
        let status = row.status.as_deref().unwrap_or_default();
        if let Some(key) = &row.row_key {
            return format!("{status}@{key}");
        }
        let count = self.counts.entry(status.to_owned()).or_default();
        *count += 1;
        format!("{status}#{count}")
    }
}

/// [`is_published`], of a case whatever it is.
pub(crate) fn is_known(cases: &KnownCases, row: &MappedRow) -> bool {
    let is_meant = |identity: Option<&str>| identity.and_then(identity_key) == row.row_key.as_deref();
    row.is_sound() && cases.has_row(&row.case_key, row.content_hash, is_meant)
}

/// Whether a row has been published with this content. One with a key of its own is not published because another row of
/// its case says the same.
pub(super) fn is_published(state: &CaseState, row: &MappedRow) -> bool {
    row.is_sound()
        && state.rows.iter().any(|published| {
            published.content_hash == row.content_hash
                && identity_key(&published.row_identity) == row.row_key.as_deref()
        })
}

/// Recognises published rows among the entries, which are in their order.
///
/// By content first, then by counting. A row that is newer than all that is published, in a status that the case has left
/// since, is never an old one: in an export that shows each case once, `issued` after `suspended` is a new fact.
pub(super) fn recognise<'r>(state: Option<&CaseState>, rows: impl Iterator<Item = &'r MappedRow>) -> Known {
    let rows: Vec<&MappedRow> = rows.collect();
    let mut known = Known { of_entries: vec![None; rows.len()], counts: BTreeMap::new() };
    let Some(state) = state else { return known };
    let mut free: Vec<bool> = vec![true; state.rows.len()];
    for published in &state.rows {
        if let Some((status, number)) = published.row_identity.rsplit_once('#') {
            let count = known.counts.entry(status.to_owned()).or_default();
            *count = (*count).max(number.parse().unwrap_or(0));
        }
    }
    for by_content in [true, false] {
        for (entry, row) in rows.iter().enumerate() {
            if known.of_entries[entry].is_some() || !row.is_sound() {
                continue;
            }
            let found = (0..state.rows.len()).find(|&index| {
                free[index]
                    && match &row.row_key {
                        Some(key) => identity_key(&state.rows[index].row_identity) == Some(key.as_str()),
                        None => {
                            identity_key(&state.rows[index].row_identity).is_none()
                                && Some(identity_status(&state.rows[index].row_identity)) == row.status.as_deref()
                                && if by_content {
                                    state.rows[index].content_hash == row.content_hash
                                } else {
                                    !is_newer(state, row)
                                }
                        }
                    }
            });
            if let Some(found) = found {
                free[found] = false;
                known.of_entries[entry] = Some(found);
            }
        }
    }
    known
}

fn is_newer(state: &CaseState, row: &MappedRow) -> bool {
    let newer = match row.moment {
        Moment::At(timestamp) => timestamp.at > state.last_occurred_at,
        Moment::Observed | Moment::Unknown => false,
    };
    newer && row.status.as_deref() != Some(&state.last_status)
}

/// Whether a published row is the one that the case's last status comes from.
pub(super) fn is_last(state: &CaseState, known: usize) -> bool {
    let of_last_status = |row: &usize| identity_status(&state.rows[*row].row_identity) == state.last_status;
    let rows = (0..state.rows.len()).filter(of_last_status);
    rows.max_by_key(|&row| (history::time_of(state, row), row)) == Some(known)
}

/// The status in an identity.
pub(super) fn identity_status(identity: &str) -> &str {
    // Status codes hold neither sign; a row key may hold both, so the first sign counts.
    identity.split(['#', '@']).next().unwrap_or(identity)
}

fn identity_key(identity: &str) -> Option<&str> {
    let status = identity_status(identity);
    identity[status.len()..].strip_prefix('@')
}

/// The identity of a corrected row: the same, but with a `row_key` the status may have changed.
pub(super) fn corrected(identity: &str, row: &MappedRow) -> String {
    match (identity_key(identity), &row.status) {
        (Some(key), Some(status)) => format!("{status}@{key}"),
        _ => identity.to_owned(),
    }
}

/// Tells a row in quarantine apart from the others of its case: by its columns, whatever their spelling.
pub(super) fn of_columns(row: &MappedRow) -> String {
    format!("row:{:032x}", hash_of(&row.source, row.columns.iter()))
}

pub(super) fn hash_of<'c>(source: &str, columns: impl Iterator<Item = (&'c str, &'c str)>) -> u128 {
    let mut content = source.to_owned();
    for (column, cell) in columns {
        content.push('\n');
        content.push_str(column);
        content.push('=');
        text::push_key(&mut content, cell);
    }
    xxh3_128(content.as_bytes())
}
