//! Rows: each of the last readings is an event, an unchanged row, a quarantined row, or waits behind one.
//!
//! What can be told: the counters of a reading add up to its rows; each row that a case counts as published has its event in
//! `events.*`; each waiting row has a row at fault of its case beside it; and a file whose reading put rows into quarantine
//! still has some there, unless something happened since that settles rows: a later reading, a later write, a command. How
//! many there must be cannot be told: rows that are the same word for word share one place in the quarantine.

use std::collections::{BTreeMap, BTreeSet};

use barid_schemas::records::{Command, QuarantineState, QuarantinedRow, SourcePosition};

use crate::findings::{Counts, Defect, Findings, Place, Unproved};

/// How much later than the reading itself its last write may be stamped.
const SLACK_MS: i64 = 500;

/// Positions, quarantine and commands as they stand.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    positions: BTreeMap<String, SourcePosition>,
    quarantine: BTreeMap<(String, String), Stored>,
    /// When each agency was last asked for something.
    commanded_at: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Stored {
    source: String,
    file: String,
    case_key: String,
    is_waiting: bool,
    /// Dropped, or an event once it was fixed: only remembered.
    is_settled: bool,
    place: Place,
}

impl Rows {
    /// Takes a record of `positions`; `None` is a tombstone.
    pub(crate) fn position(&mut self, key: &str, position: Option<SourcePosition>) {
        match position {
            Some(position) => drop(self.positions.insert(key.to_owned(), position)),
            None => drop(self.positions.remove(key)),
        }
    }

    /// Takes a record of an agency's quarantine; `None` is a tombstone. Of a row that is settled only the decision is
    /// kept: it is counted as such.
    pub(crate) fn quarantined(&mut self, agency: &str, key: &str, row: Option<QuarantinedRow>, place: Place) {
        let key = (agency.to_owned(), key.to_owned());
        let Some(row) = row else { return drop(self.quarantine.remove(&key)) };
        let is_settled = row.is_settled();
        let QuarantinedRow { source, file, case_key, state, .. } = row;
        let is_waiting = state == QuarantineState::Waiting;
        self.quarantine.insert(key, Stored { source, file, case_key, is_waiting, is_settled, place });
    }

    /// Takes a record of `commands`.
    pub(crate) fn command(&mut self, command: &Command, at_ms: i64) {
        let last = self.commanded_at.entry(command.target.clone()).or_insert(at_ms);
        *last = at_ms.max(*last);
    }

    /// The last number that each agency's connector says it has given.
    pub(crate) fn last_sequences(&self) -> BTreeMap<String, i64> {
        let mut last = BTreeMap::new();
        for position in self.positions.values() {
            let known = last.entry(position.agency.clone()).or_insert(position.last_sequence);
            *known = position.last_sequence.max(*known);
        }
        last
    }

    /// Judges all that was taken.
    pub(crate) fn judge(&self, findings: &mut Findings, counts: &mut Counts, unproved: &mut Unproved) {
        let settled = self.quarantine.values().filter(|row| row.is_settled).count();
        counts.settled_rows = settled as u64;
        counts.quarantined_rows = (self.quarantine.len() - settled) as u64;
        for position in self.positions.values() {
            self.judge_readings(position, findings, counts, unproved);
        }
        let faulty: BTreeSet<(&str, &str)> = self
            .quarantine
            .iter()
            .filter(|(_, row)| !row.is_waiting && !row.is_settled)
            .map(|((agency, _), row)| (agency.as_str(), row.case_key.as_str()))
            .collect();
        for ((agency, _), row) in self.quarantine.iter().filter(|(_, row)| row.is_waiting && !row.is_settled) {
            if !faulty.contains(&(agency, &row.case_key)) {
                findings.add(Defect::WaitsBehindNothing, Some(row.place.clone()), || {
                    format!("no row at fault of its case is in quarantine.{agency}")
                });
            }
        }
    }

    fn judge_readings(
        &self,
        position: &SourcePosition,
        findings: &mut Findings,
        counts: &mut Counts,
        unproved: &mut Unproved,
    ) {
        let SourcePosition { agency, source, files, .. } = position;
        // Every write of a connector renews the position of the source that it writes for.
        let of_agency = || self.positions.values().filter(|other| other.agency == *agency);
        let last_write = of_agency().map(|other| other.at.0 - SLACK_MS).max();
        // A file that was read later may have mended what an earlier one had left.
        let last_reading = of_agency().flat_map(|other| &other.files).map(|file| file.read_at.0).max();
        let commanded_at = self.commanded_at.get(agency).copied();
        let last_step = [last_write, last_reading, commanded_at].into_iter().flatten().max();
        for file in files {
            counts.files += 1;
            counts.rows += u64::try_from(file.rows).unwrap_or(0);
            let accounted = file.published + file.unchanged + file.quarantined + file.waiting;
            if accounted != file.rows {
                findings.add(Defect::RowsUnaccounted, None, || {
                    format!("{agency}/{source}/{}: {} rows, {accounted} accounted for", file.file, file.rows)
                });
            }
            let mut stands = self
                .quarantine
                .iter()
                .filter(|((owner, _), row)| owner == agency && row.source == *source && row.file == file.file);
            let put = file.quarantined + file.waiting;
            if put == 0 || stands.next().is_some() {
                continue;
            }
            if last_step.is_some_and(|at| at > file.read_at.0) {
                unproved.files_settled_since += 1;
            } else {
                findings.add(Defect::RowLost, None, || {
                    format!("{agency}/{source}/{}: {put} rows were put into quarantine, none is there", file.file)
                });
            }
        }
    }
}
