//! From what is known about a case and the rows of one reading to a plan; pure.
//!
//! [`plan`] gets the state of one case, the rows of it that lie in quarantine, and the rows of it that a reading of a file
//! has found. It says which events to publish, what the state is afterwards, and what the quarantine holds afterwards.
//! It touches no clock, file or network: the same input gives the same plan, so a process that was killed between two
//! transactions plans again and publishes neither less nor more.
//!
//! ```text
//! rows of the file ─┐                     ┌─ known, same content ─▶ unchanged
//!                   ├─ one row of each ─▶ │  known, other content ─▶ correction ┐  unless a row before it
//! rows in quarantine┘  fact, in order     │  new ─▶ first, step, skip           ┘  is at fault: then it waits
//!  (read again)                           └─ at fault, or not allowed ─▶ quarantine
//! ```
//!
//! **Rows that wait** are kept whole (their mapped columns), for tomorrow's file may not hold them. They are read again
//! with the mapping of the day, so a new word in the table of statuses releases them without a new export. [`settle`]
//! says which of them a row of the file replaces.
//!
//! **Identity** ([`identity`]): a row of a case is its status and the n-th occurrence of that status, counted when the
//! row is first published. A row of the file is recognised by its content first, by counting second: so a shortened
//! export, in which the first of two rows is gone, does not look like a correction of it.
//!
//! **A row that comes late** (older than what is published) is a fact all the same. It is published if the machine allows
//! it between its neighbours; `status_from` is the state before it in time, and the case keeps its last status. If not, it
//! is quarantined like any other impossible transition. Readers see by `occurred_at` that it is late.
//!
//! **What is not done**: nothing is ever taken back because a row has vanished, and a status never follows another one
//! because of the clock.

mod event;
mod history;
mod identity;
mod settle;
mod transition;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use barid_schemas::case_event::Transition;
use barid_schemas::records::{CaseState, OperatorDecision, Problem, PublishedRow, QuarantineState, QuarantinedRow};
use barid_schemas::{CaseEvent, Millis};

use crate::mapping::{ConnectorConfig, MappedRow, Moment};
use crate::{Keys, quarantine};
use identity::{Known, identity_status};
use transition::Verdict;

pub(crate) use identity::is_known;
pub(crate) use settle::{Elsewhere, Stored, is_same_row, replaces};

/// How many rows of one moment are put in order one by one: the time for it grows with the third power.
const MOST_TO_ARRANGE: usize = 64;

/// What a plan depends on besides the rows.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a ConnectorConfig,
    pub(crate) keys: &'a Keys,
    /// The moment of reading.
    pub(crate) now: Millis,
    /// How many rows of a file are held at once.
    pub(crate) rows_held: usize,
    /// The SHA-256 of the file if the same bytes have been read before, and only the mapping is new.
    pub(crate) read_before: Option<[u8; 32]>,
}

/// What to do about one case.
#[derive(Debug, Default)]
pub(crate) struct CasePlan {
    pub(crate) events: Vec<PlannedEvent>,
    /// The new state, if it has changed.
    pub(crate) state: Option<CaseState>,
    /// Rows that enter the quarantine or change in it.
    pub(crate) upserts: Vec<QuarantinedRow>,
    /// Keys of rows that leave it.
    pub(crate) tombstones: Vec<String>,
    /// The fate of the file's rows, by row number.
    pub(crate) outcomes: Vec<(u64, Outcome)>,
    /// Rows of earlier readings that become events now.
    pub(crate) released: u64,
    /// Whether rows of the case are in quarantine afterwards.
    pub(crate) parked: bool,
}

impl CasePlan {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.state.is_none() && self.upserts.is_empty() && self.tombstones.is_empty()
    }
}

/// What becomes of a row of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Published,
    Unchanged,
    Quarantined,
    Waiting,
}

/// An event and the row that it comes from.
#[derive(Debug, Clone)]
pub(crate) struct PlannedEvent {
    pub(crate) event: CaseEvent,
    pub(crate) watch_keys: Vec<barid_event::WatchKey>,
    pub(crate) file: std::sync::Arc<str>,
    pub(crate) row: u64,
}

/// A row of the file, or one from the quarantine that no row of the file replaces.
struct Entry {
    row: MappedRow,
    stored: Option<Stored>,
    /// Since when the row, or the one that it replaces, has been in quarantine.
    since: Option<Millis>,
    /// What an operator has decided about the row.
    decision: Option<OperatorDecision>,
}

impl Entry {
    fn of_file(row: MappedRow) -> Self {
        Self { row, stored: None, since: None, decision: None }
    }
}

/// Plans one case. `rows` are in the order of the file; `stored` are the rows of the case in quarantine.
pub(crate) fn plan(
    context: &Context<'_>,
    case_key: &str,
    state: Option<&CaseState>,
    stored: Vec<Stored>,
    rows: Vec<MappedRow>,
) -> CasePlan {
    let mut plan = CasePlan::default();
    let before: BTreeMap<String, QuarantinedRow> =
        stored.iter().map(|stored| (stored.key.clone(), stored.record.clone())).collect();
    let rows = without_doubles(rows, &mut plan);
    let mut entries = settle::settle(context, state, rows, stored);
    order(&mut entries);
    order_of_one_moment(context, &mut entries);
    let mut planner = Planner::new(context, case_key, state, &entries);
    for index in 0..entries.len() {
        planner.next(&entries, index, &mut plan);
    }
    planner.finish(state, before, &mut plan);
    plan
}

/// Plans the rows that do not tell their case: each for itself, for nobody knows what would wait behind them. `replaced`
/// are those in quarantine that a row of some case replaces.
pub(crate) fn plan_caseless(
    context: &Context<'_>,
    stored: Vec<Stored>,
    replaced: Vec<Stored>,
    rows: Vec<MappedRow>,
) -> CasePlan {
    let mut plan = CasePlan::default();
    let before: BTreeMap<String, QuarantinedRow> =
        stored.iter().chain(&replaced).map(|stored| (stored.key.clone(), stored.record.clone())).collect();
    let mut after = BTreeMap::new();
    for entry in settle::settle(context, None, rows, stored) {
        if entry.stored.is_none() {
            plan.outcomes.push((entry.row.row, Outcome::Quarantined));
        }
        let record = quarantined(context, "", &entry, QuarantineState::Faulty, entry.row.problems.clone());
        after.insert(quarantine::key(&record), record);
    }
    plan.parked = !after.is_empty();
    write_quarantine(before, after, &mut plan);
    plan
}

/// A row that an export holds twice, word for word, is one fact.
fn without_doubles(rows: Vec<MappedRow>, plan: &mut CasePlan) -> Vec<MappedRow> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let double = row.is_sound()
            && !seen.insert((row.status.clone(), row.content_hash, row.row_key.clone(), row.moment.millis()));
        if double {
            plan.outcomes.push((row.row, Outcome::Unchanged));
        } else {
            kept.push(row);
        }
    }
    kept
}

/// By date, then stored rows before those of the file, then in the order in which they stood in their file. Rows whose
/// time nobody knows come last.
fn order(entries: &mut [Entry]) {
    entries.sort_by_key(|entry| {
        let time = match entry.row.moment {
            Moment::At(timestamp) => (0, timestamp.at.0),
            Moment::Observed | Moment::Unknown => (1, 0),
        };
        (time, entry.stored.is_none(), entry.row.row)
    });
}

/// Some exports show the newest row first. Rows of one day are then in the wrong order, which only the machine can tell: if
/// it does not allow the order of the file but the reverse, the reverse is taken, and if neither, the order in which each
/// row can follow the ones before it. A row at fault stands in its place too as far as its status can be read: what follows
/// it has to wait.
fn order_of_one_moment(context: &Context<'_>, entries: &mut [Entry]) {
    for rows in entries.chunk_by_mut(|one, next| one.row.moment == next.row.moment) {
        if rows.len() > 1 && rows[0].row.moment.millis().is_some() {
            let can_follow = |from: &Entry, to: &Entry| transition::is_way(context.config, &from.row, &to.row);
            let allowed = |rows: &mut dyn Iterator<Item = &Entry>| {
                let rows: Vec<&Entry> = rows.filter(|entry| entry.row.status.is_some()).collect();
                rows.windows(2).all(|pair| can_follow(pair[0], pair[1]))
            };
            if allowed(&mut rows.iter()) {
                continue;
            }
            if allowed(&mut rows.iter().rev()) {
                rows.reverse();
            } else if rows.len() <= MOST_TO_ARRANGE {
                for place in 0..rows.len() {
                    let comes_after = |row: &Entry, other: &Entry| can_follow(other, row) && !can_follow(row, other);
                    let next = (place..rows.len())
                        .find(|&row| (place..rows.len()).all(|other| !comes_after(&rows[row], &rows[other])));
                    rows[place..=next.unwrap_or(place)].rotate_right(1);
                }
            }
        }
    }
}

/// On which side of a row the published ones of the same moment stand that the reading does not show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// Those that were published before it.
    Before,
    /// All: it was tried behind them first.
    After,
}

struct Planner<'a> {
    context: &'a Context<'a>,
    case_key: &'a str,
    state: Option<CaseState>,
    known: Known,
    /// The published rows that no entry shows: places in the state.
    unseen: Vec<usize>,
    /// The reason code of the row that the rest waits for.
    hold: Option<String>,
    /// Whether the last published row has no time of its own, so that nothing can be older than it.
    last_is_observed: bool,
    /// The status of each entry that has been published, in the order of the entries.
    published: Vec<Option<String>>,
    after: BTreeMap<String, QuarantinedRow>,
}

impl<'a> Planner<'a> {
    fn new(context: &'a Context<'a>, case_key: &'a str, state: Option<&CaseState>, entries: &[Entry]) -> Self {
        let known = identity::recognise(state, entries.iter().map(|entry| &entry.row));
        // A row at fault without a date may belong anywhere in the case: all that is not published waits.
        let hold = entries
            .iter()
            .find(|entry| !entry.row.is_sound() && entry.row.moment == Moment::Unknown)
            .and_then(|entry| entry.row.problems.first())
            .map(|problem| problem.reason.clone());
        let published: Vec<Option<String>> =
            entries.iter().zip(&known.of_entries).map(|(entry, known)| known.and(entry.row.status.clone())).collect();
        let shown: BTreeSet<usize> = known.of_entries.iter().flatten().copied().collect();
        let rows = state.map_or(0, |state| state.rows.len());
        let unseen = (0..rows).filter(|row| !shown.contains(row)).collect();
        let last_is_observed = state.is_some_and(|state| {
            entries.iter().zip(&known.of_entries).any(|(entry, known)| {
                entry.row.moment == Moment::Observed && known.is_some_and(|known| identity::is_last(state, known))
            })
        });
        Self {
            context,
            case_key,
            state: state.cloned(),
            known,
            unseen,
            hold,
            last_is_observed,
            published,
            after: BTreeMap::new(),
        }
    }

    fn next(&mut self, entries: &[Entry], index: usize, plan: &mut CasePlan) {
        let entry = &entries[index];
        let row = &entry.row;
        if !row.is_sound() {
            self.quarantine(entry, QuarantineState::Faulty, row.problems.clone(), plan);
            return;
        }
        let known = self.known.of_entries[index];
        let same = known
            .zip(self.state.as_ref())
            .is_some_and(|(known, state)| state.rows[known].content_hash == row.content_hash);
        if same || known.is_some_and(|known| self.is_outdated(entry, known)) {
            self.outcome(entry, Outcome::Unchanged, plan);
        } else if self.hold.is_some() {
            self.quarantine(entry, QuarantineState::Waiting, Vec::new(), plan);
        } else if let Some(known) = known {
            self.correct(entries, index, known, plan);
        } else {
            self.publish(entries, index, plan);
        }
    }

    /// Whether the row is what the published one said before it was corrected, in a file that is read again only because the
    /// mapping is new: nobody has set it back since. In a file that is new it is set back, and that is an event.
    fn is_outdated(&self, entry: &Entry, known: usize) -> bool {
        let was = |state| history::was(state, known, entry.row.content_hash);
        self.context.read_before.is_some() && entry.stored.is_none() && self.state.as_ref().is_some_and(was)
    }

    fn correct(&mut self, entries: &[Entry], index: usize, known: usize, plan: &mut CasePlan) {
        let entry = &entries[index];
        let status_from = self.before(entries, index, Tie::Before).or_else(|| self.before_in_state(known));
        let Some(state) = self.state.as_mut() else { return };
        let is_last = identity::is_last(state, known);
        let (former, former_content) = (state.rows[known].event_id, state.rows[known].content_hash);
        let identity = identity::corrected(&state.rows[known].row_identity, &entry.row);
        let event = event::Draft {
            context: self.context,
            case_key: self.case_key,
            corr_id: state.corr_id,
            row: &entry.row,
            status_from: status_from.as_deref(),
            transition: Transition::Correction,
            row_identity: &identity,
            correction_of: Some(former),
        }
        .event();
        state.rows[known] = PublishedRow {
            row_identity: identity,
            content_hash: entry.row.content_hash,
            event_id: event.event.event_id,
        };
        history::note_corrected(state, known, event.event.occurred_at, former_content);
        if is_last {
            state.last_status.clone_from(&event.event.status_to);
            state.last_occurred_at = event.event.occurred_at;
        }
        self.published[index].clone_from(&entry.row.status);
        plan.events.push(event);
        self.outcome(entry, Outcome::Published, plan);
    }

    fn publish(&mut self, entries: &[Entry], index: usize, plan: &mut CasePlan) {
        let entry = &entries[index];
        let mut late = self.is_late(entry);
        let mut verdict = self.verdict(entries, index, late);
        // Of the moment of the last one, and not what followed it: then perhaps what led to it.
        if matches!(verdict, Verdict::Refused(_)) && self.is_of_last_moment(entry) {
            let earlier = self.verdict(entries, index, true);
            if matches!(earlier, Verdict::Allowed { .. }) {
                (late, verdict) = (true, earlier);
            }
        }
        let (transition, status_from) = match verdict {
            Verdict::Allowed { transition, from } => (transition, from),
            Verdict::Refused(problem) if !self.context.config.lenient => {
                self.quarantine(entry, QuarantineState::Faulty, vec![problem], plan);
                return;
            }
            Verdict::Refused(_) => {
                let last_status = || self.state.as_ref().map(|state| state.last_status.clone());
                let from = if late { self.before(entries, index, Tie::After) } else { last_status() };
                (Transition::Illegal, from)
            }
        };
        let identity = self.known.new_identity(&entry.row);
        let corr_id = match &self.state {
            Some(state) => state.corr_id,
            None => event::corr_id(self.context, self.case_key, &entry.row),
        };
        let event = event::Draft {
            context: self.context,
            case_key: self.case_key,
            corr_id,
            row: &entry.row,
            status_from: status_from.as_deref(),
            transition,
            row_identity: &identity,
            correction_of: None,
        }
        .event();
        let published = PublishedRow {
            row_identity: identity,
            content_hash: entry.row.content_hash,
            event_id: event.event.event_id,
        };
        match self.state.as_mut() {
            Some(state) => {
                state.rows.push(published);
                history::note_published(state, event.event.occurred_at);
                if !late {
                    state.last_status.clone_from(&event.event.status_to);
                    state.last_occurred_at = event.event.occurred_at;
                }
            }
            None => {
                self.state = Some(CaseState {
                    case_key: self.case_key.to_owned(),
                    service_code: event.event.service_code.clone(),
                    corr_id,
                    last_status: event.event.status_to.clone(),
                    last_occurred_at: event.event.occurred_at,
                    rows: vec![published],
                    parked_since: None,
                    parked_reason: None,
                    row_times: Some(vec![event.event.occurred_at]),
                    former_contents: None,
                });
            }
        }
        if !late {
            self.last_is_observed = entry.row.moment == Moment::Observed;
        }
        self.published[index].clone_from(&entry.row.status);
        plan.events.push(event);
        self.outcome(entry, Outcome::Published, plan);
    }

    /// Whether the row is older than what is published of its case.
    fn is_late(&self, entry: &Entry) -> bool {
        let last = self.state.as_ref().map(|state| state.last_occurred_at);
        !self.last_is_observed && entry.row.moment.millis().zip(last).is_some_and(|(moment, last)| moment < last)
    }

    /// Whether the row came about at the same moment as the last published one.
    fn is_of_last_moment(&self, entry: &Entry) -> bool {
        let last = self.state.as_ref().map(|state| state.last_occurred_at);
        !self.last_is_observed && entry.row.moment.millis().is_some_and(|moment| Some(moment) == last)
    }

    fn verdict(&self, entries: &[Entry], index: usize, late: bool) -> Verdict {
        let state = self.state.as_ref();
        let last_status = || state.map(|state| state.last_status.clone());
        let (before, after) = if late {
            (self.before(entries, index, Tie::After), self.after(entries, index).or_else(last_status))
        } else {
            (last_status(), None)
        };
        transition::judge(self.context.config, state, &entries[index].row, before, after.as_deref())
    }

    /// The status of the last published row before this one, whether this reading shows it or not.
    fn before(&self, entries: &[Entry], index: usize, tie: Tie) -> Option<String> {
        let shown = (0..index).rev().find(|&index| self.published[index].is_some());
        let at = self.time(entries, index);
        let known = self.known.of_entries[index].unwrap_or(usize::MAX);
        let is_before = |(time, row): &(Millis, usize)| *time < at || *time == at && tie == Tie::Before && *row < known;
        let unseen = self.unseen().filter(is_before).max();
        match (shown, unseen) {
            (Some(shown), Some((time, row))) if time > self.time(entries, shown) => self.status_of(row),
            (Some(shown), _) => self.published[shown].clone(),
            (None, unseen) => unseen.and_then(|(_, row)| self.status_of(row)),
        }
    }

    /// The status of the first published row after this one, which comes late.
    fn after(&self, entries: &[Entry], index: usize) -> Option<String> {
        let shown = (index + 1..entries.len()).find(|&index| self.published[index].is_some());
        let at = self.time(entries, index);
        let unseen = self.unseen().filter(|(time, _)| *time >= at).min();
        match (shown, unseen) {
            (Some(shown), Some((time, row))) if time < self.time(entries, shown) => self.status_of(row),
            (Some(shown), _) => self.published[shown].clone(),
            (None, unseen) => unseen.and_then(|(_, row)| self.status_of(row)),
        }
    }

    /// The published rows that no entry shows, with their times. None if the state is of a version that kept no times.
    fn unseen(&self) -> impl Iterator<Item = (Millis, usize)> {
        let state = self.state.as_ref();
        let rows = self.unseen.iter();
        rows.filter_map(move |&row| state.and_then(|state| history::time_of(state, row)).map(|time| (time, row)))
    }

    /// When an entry came about. One that tells no time did so when it was first read.
    fn time(&self, entries: &[Entry], index: usize) -> Millis {
        let known = || history::time_of(self.state.as_ref()?, self.known.of_entries[index]?);
        entries[index].row.moment.millis().or_else(known).unwrap_or(self.context.now)
    }

    fn status_of(&self, row: usize) -> Option<String> {
        self.state.as_ref().map(|state| identity_status(&state.rows[row].row_identity).to_owned())
    }

    /// The row that was published before another one, for a state that knows no more.
    fn before_in_state(&self, known: usize) -> Option<String> {
        let state = self.state.as_ref().filter(|state| state.row_times.is_none())?;
        known.checked_sub(1).map(|before| identity_status(&state.rows[before].row_identity).to_owned())
    }

    fn outcome(&self, entry: &Entry, outcome: Outcome, plan: &mut CasePlan) {
        match (&entry.stored, outcome) {
            (None, _) => plan.outcomes.push((entry.row.row, outcome)),
            (Some(_), Outcome::Published) => plan.released += 1,
            (Some(_), _) => {}
        }
    }

    fn quarantine(&mut self, entry: &Entry, state: QuarantineState, problems: Vec<Problem>, plan: &mut CasePlan) {
        if let Some(problem) = problems.first() {
            self.hold.get_or_insert_with(|| problem.reason.clone());
        }
        let outcome = match state {
            QuarantineState::Faulty => Outcome::Quarantined,
            QuarantineState::Waiting => Outcome::Waiting,
        };
        self.outcome(entry, outcome, plan);
        let record = quarantined(self.context, self.case_key, entry, state, problems);
        self.after.insert(quarantine::key(&record), record);
    }

    fn finish(mut self, before: Option<&CaseState>, stored: BTreeMap<String, QuarantinedRow>, plan: &mut CasePlan) {
        plan.parked = !self.after.is_empty();
        if let Some(state) = self.state.as_mut() {
            let since = self.after.values().map(|record| record.since).min();
            state.parked_since = since.map(|since| state.parked_since.map_or(since, |known| known.min(since)));
            state.parked_reason = since.and(self.hold);
        }
        plan.state = self.state.filter(|state| before != Some(state));
        write_quarantine(stored, self.after, plan);
    }
}

fn write_quarantine(
    before: BTreeMap<String, QuarantinedRow>,
    after: BTreeMap<String, QuarantinedRow>,
    plan: &mut CasePlan,
) {
    let gone = before.iter().filter(|(key, record)| !after.contains_key(*key) && !record.is_settled());
    for (key, record) in gone {
        let goes_on = after.values().any(|other| other.row_identity == record.row_identity);
        match record.decision.clone() {
            // Remembered, or the next export that holds it would bring it back as it was.
            Some(decision) if !goes_on => {
                let decision = Some(OperatorDecision { settled: true, ..decision });
                plan.upserts.push(QuarantinedRow { decision, ..record.clone() });
            }
            _ => plan.tombstones.push(key.clone()),
        }
    }
    let changed = after.into_iter().filter(|(key, record)| before.get(key) != Some(record));
    plan.upserts.extend(changed.map(|(_, record)| record));
}

/// The record of a row in quarantine. A row that lay there before keeps its place and its name.
fn quarantined(
    context: &Context<'_>,
    case_key: &str,
    entry: &Entry,
    state: QuarantineState,
    problems: Vec<Problem>,
) -> QuarantinedRow {
    let row = &entry.row;
    let (file, number, row_identity) = match &entry.stored {
        Some(stored) => (stored.record.file.clone(), stored.record.row, stored.record.row_identity.clone()),
        None => (row.file.to_string(), i64::try_from(row.row).unwrap_or(i64::MAX), identity::of_columns(row)),
    };
    QuarantinedRow {
        agency: context.config.agency.clone(),
        source: row.source.to_string(),
        file,
        row: number,
        case_key: case_key.to_owned(),
        row_identity,
        state,
        problems,
        columns: (&row.columns).into(),
        occurred_at: row.moment.millis(),
        since: entry.since.unwrap_or(context.now),
        decision: entry.decision.clone().map(|decision| OperatorDecision { settled: false, ..decision }),
    }
}
