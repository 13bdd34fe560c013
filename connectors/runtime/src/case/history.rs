//! When the published rows of a case came about, and what they said before they were corrected.

use barid_schemas::Millis;
use barid_schemas::records::{CaseState, FormerContent};

/// How many former contents of one row are kept. A column that changes with every export, such as a count of days, would
/// make the state of its case grow without end; what is older is published once more if its file is read again.
const MOST_FORMER: usize = 32;

/// When a row came about; `None` if the state is of a version that did not keep it.
pub(super) fn time_of(state: &CaseState, row: usize) -> Option<Millis> {
    state.row_times.as_ref()?.get(row).copied()
}

/// Notes the time of the row that has just been added.
pub(super) fn note_published(state: &mut CaseState, at: Millis) {
    if let Some(times) = &mut state.row_times {
        times.push(at);
    }
}

/// Notes that a row, which has its new content already, had another one before.
pub(super) fn note_corrected(state: &mut CaseState, row: usize, at: Millis, former: i64) {
    if let Some(time) = state.row_times.as_mut().and_then(|times| times.get_mut(row)) {
        *time = at;
    }
    let now = state.rows[row].content_hash;
    let Ok(row) = i32::try_from(row) else { return };
    let contents = state.former_contents.get_or_insert_default();
    contents.retain(|content| content.row != row || ![former, now].contains(&content.content_hash));
    contents.push(FormerContent { row, content_hash: former });
    let mut left = contents.iter().filter(|content| content.row == row).count();
    contents.retain(|content| {
        let is_too_old = content.row == row && left > MOST_FORMER;
        left -= usize::from(is_too_old);
        !is_too_old
    });
}

/// Whether a row has had this content before the one that it has now.
pub(super) fn was(state: &CaseState, row: usize, content_hash: i64) -> bool {
    let mut contents = state.former_contents.iter().flatten();
    i32::try_from(row).is_ok_and(|row| contents.any(|content| *content == FormerContent { row, content_hash }))
}
