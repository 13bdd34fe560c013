//! What an operator asks about rows in quarantine, and what comes of it; pure.
//!
//! A command names rows by their keys in `quarantine.<agency>`, as the operator has seen them in the preview: what has come
//! since is not touched, and a row that has left since is passed over. It gives plans as a reading does, and the writer writes
//! them in one transaction with the place in `commands.<agency>`; so a process that is killed carries the whole command out
//! once more or not at all, and a command that is asked for twice does nothing the second time.
//!
//! * `fix` reads other values in the place of the row's cells. What comes of it is an event with the row's own file and
//!   number, or a row that is still at fault.
//! * `drop` takes the row for settled; what waited behind it goes on.
//! * `resume` tries rows again with the mapping of the day. Of a row that was fixed or dropped it takes the decision back.
//!
//! A row that was fixed or dropped stays in the topic with its decision, and `Decided` recognises it in every later export:
//! the one is read as it was fixed, the other is passed over, until a cell of it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use barid_schemas::records::{CaseState, Command, OperatorDecision, QuarantineState, QuarantinedRow};
use barid_schemas::{Millis, records};

use crate::case::{CasePlan, Context, Stored, is_same_row};
use crate::mapping::{Columns, ConnectorConfig, MappedRow, RowMapper};
use crate::reading::{Memory, ROWS_HELD, StoredRows, plan_case};
use crate::{Keys, quarantine};

/// The actions.
pub const FIX: &str = "fix";
pub const DROP: &str = "drop";
pub const RESUME: &str = "resume";

/// The argument that names the rows, one key a line.
pub const ROWS: &str = "rows";
/// What stands before the name of a column in the arguments of a fix.
pub const SET: &str = "set:";

/// What came of a command, or would come of it.
#[derive(Debug, Default)]
pub(crate) struct CarriedOut {
    pub(crate) plans: Vec<CasePlan>,
    /// Rows that it named and that were there.
    pub(crate) rows: u64,
    /// Rows that left the quarantine.
    pub(crate) left: u64,
}

impl CarriedOut {
    pub(crate) fn events(&self) -> u64 {
        self.plans.iter().map(|plan| plan.events.len() as u64).sum()
    }
}

/// What would come of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Rows that it names and that are there.
    pub rows: u64,
    /// Events that would come of it, those of rows that wait included.
    pub events: u64,
    /// Rows that would leave the quarantine.
    pub left: u64,
    /// What is named and would still be at fault, as it would stand there then.
    pub at_fault: Vec<QuarantinedRow>,
}

/// Says what a command would do, from what the topics hold.
#[must_use]
pub fn preview(
    config: &ConnectorConfig,
    keys: &Keys,
    cases: impl IntoIterator<Item = CaseState>,
    rows: &BTreeMap<String, QuarantinedRow>,
    command: &Command,
    now: Millis,
) -> Preview {
    let context = Context { config, keys, now, rows_held: ROWS_HELD, read_before: None };
    let mut memory = Memory { cases: cases.into_iter().collect(), quarantine: rows.clone() };
    let carried_out = carry_out(&context, &memory, command);
    for plan in &carried_out.plans {
        memory.apply(plan);
    }
    let named: BTreeSet<&str> = named(command).filter_map(|key| rows.get(key)).map(|row| &*row.row_identity).collect();
    let open = memory.quarantine.into_values().filter(|row| !row.is_settled() && row.state == QuarantineState::Faulty);
    Preview {
        rows: carried_out.rows,
        events: carried_out.events(),
        left: carried_out.left,
        at_fault: open.filter(|row| named.contains(&*row.row_identity)).collect(),
    }
}

/// The columns that the mapping of a source reads.
pub fn columns(config: &ConnectorConfig, source: &str) -> impl Iterator<Item = String> {
    let sources = config.sources.iter().filter(move |known| known.name == source);
    sources.flat_map(|source| source.columns().map(str::to_owned).collect::<Vec<_>>())
}

/// The keys of the rows that a command names.
fn named(command: &Command) -> impl Iterator<Item = &str> {
    command.arguments.get(ROWS).into_iter().flat_map(|keys| keys.lines())
}

/// Plans what a command asks for.
pub(crate) fn carry_out(context: &Context<'_>, memory: &Memory, command: &Command) -> CarriedOut {
    let mut changed: BTreeMap<&str, QuarantinedRow> = BTreeMap::new();
    for key in named(command) {
        let Some((key, row)) = memory.quarantine.get_key_value(key) else { continue };
        if let Some(row) = decided(context, command, row) {
            changed.insert(key, row);
        }
    }
    let mut affected = BTreeSet::new();
    for (key, row) in &changed {
        affected.insert(Stored::read(context, memory.quarantine[*key].clone()).case_key().to_owned());
        affected.insert(Stored::read(context, row.clone()).case_key().to_owned());
    }
    let records = memory.quarantine.iter().map(|(key, row)| changed.get(key.as_str()).unwrap_or(row));
    let mut stored = StoredRows::of(context, records);
    let mut plans: Vec<CasePlan> =
        affected.into_iter().map(|case_key| plan_case(context, &case_key, &mut stored, Vec::new(), memory)).collect();
    let written: BTreeSet<String> =
        plans.iter().flat_map(|plan| plan.upserts.iter().map(quarantine::key).chain(plan.tombstones.clone())).collect();
    let rest = changed.iter().filter(|(key, row)| !written.contains(**key) && memory.quarantine[**key] != **row);
    let rest = CasePlan { upserts: rest.map(|(_, row)| row.clone()).collect(), ..CasePlan::default() };
    plans.push(rest);
    plans.retain(|plan| !plan.is_empty());
    let is_open = |key: &String| memory.quarantine.get(key).is_some_and(|row| !row.is_settled());
    let left = plans.iter().flat_map(|plan| {
        let settled = plan.upserts.iter().filter(|row| row.is_settled()).map(quarantine::key);
        // A row that goes to another case has another key there.
        let gone = plan.tombstones.iter().filter(|key| {
            let identity = memory.quarantine.get(*key).map(|row| &row.row_identity);
            !plan.upserts.iter().any(|row| Some(&row.row_identity) == identity)
        });
        settled.chain(gone.cloned())
    });
    let left = left.filter(is_open).count() as u64;
    CarriedOut { rows: changed.len() as u64, left, plans }
}

/// The row as the command wants it; `None` if it does not apply to the row.
fn decided(context: &Context<'_>, command: &Command, row: &QuarantinedRow) -> Option<QuarantinedRow> {
    let decision = |changes, settled| {
        Some(OperatorDecision {
            action: command.action.clone(),
            changes,
            settled,
            asked_by: command.asked_by.clone(),
            reason: command.reason.clone(),
            command_id: command.command_id,
            decided_at: context.now,
        })
    };
    let decision = match command.action.as_str() {
        FIX if !row.is_settled() => {
            let mut changes = row.decision.as_ref().map(|decision| decision.changes.clone()).unwrap_or_default();
            let set = command.arguments.iter();
            changes.extend(set.filter_map(|(name, value)| Some((name.strip_prefix(SET)?.to_owned(), value.clone()))));
            decision(changes, false)
        }
        DROP if !row.is_settled() => decision(BTreeMap::new(), true),
        RESUME if row.is_settled() => None,
        RESUME => row.decision.clone(),
        _ => return None,
    };
    Some(QuarantinedRow { decision, ..row.clone() })
}

/// The rows that operators have decided about, as exports show them.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// By the case that the row tells without the decision.
    by_case: HashMap<String, Vec<records::QuarantinedRow>>,
}

impl Decided {
    pub(crate) fn of(context: &Context<'_>, memory: &Memory) -> Self {
        let mut by_case: HashMap<String, Vec<QuarantinedRow>> = HashMap::new();
        for record in memory.quarantine.values().filter(|record| record.decision.is_some()) {
            let undecided = QuarantinedRow { decision: None, ..record.clone() };
            let stored = Stored::read(context, undecided);
            by_case.entry(stored.case_key().to_owned()).or_default().push(record.clone());
        }
        Self { by_case }
    }

    /// Whether there are decisions about rows that tell this case.
    pub(crate) fn concerns(&self, case_key: &str) -> bool {
        self.by_case.contains_key(case_key)
    }

    /// A row of a file as it is to be read; `None` if it was dropped.
    pub(crate) fn read(&self, mapper: &RowMapper<'_>, row: MappedRow) -> Option<MappedRow> {
        // Nearly always there is nothing, and the rows of a file are many.
        let records = self.by_case.get(&row.case_key).map_or(&[][..], Vec::as_slice);
        let Some(record) = records.iter().find(|record| is_same_row(&row, record)) else { return Some(row) };
        match &record.decision {
            Some(decision) if decision.action == FIX => Some(read_fixed(mapper, row.row, &row.columns, decision)),
            Some(_) => None,
            None => Some(row),
        }
    }
}

/// Reads a row with the values that an operator has set. Its columns stay what the source wrote.
pub(crate) fn read_fixed(
    mapper: &RowMapper<'_>,
    number: u64,
    columns: &Columns,
    decision: &OperatorDecision,
) -> MappedRow {
    let changes = decision.changes.iter().map(|(column, cell)| (column.as_str(), cell.as_str()));
    let fixed: Columns = columns.iter().chain(changes).collect();
    MappedRow { columns: columns.clone(), ..mapper.map(number, fixed) }
}
