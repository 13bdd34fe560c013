//! What a run was and what came of it, for people: lines while it runs, and a page for the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::check::Verdict;
use crate::fault::Fault;

/// A fault of a run, when all was well again.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    pub(crate) whom: String,
    /// How the group changed meanwhile.
    pub(crate) rescaled: String,
    /// From the cure to the moment when everything that had been written before it had reached everybody.
    pub(crate) back_after: Duration,
    /// The longest time that any event has waited for its last copy.
    pub(crate) longest: Duration,
}

/// A whole run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) command: String,
    pub(crate) began: String,
    pub(crate) took: Duration,
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) faults: Vec<Told>,
    pub(crate) rescaled: usize,
    /// Roles that have ended though nobody asked them to.
    pub(crate) ended: Vec<String>,
    pub(crate) verdict: Verdict,
    /// Whether `barid audit` was content, and what it printed.
    pub(crate) audit: (bool, String),
}

impl Run {
    /// Whether all was as it must be.
    pub(crate) fn is_good(&self) -> bool {
        self.verdict.is_good() && self.ended.is_empty() && self.audit.0
    }

    fn by_kind(&self) -> BTreeMap<Fault, Vec<&Told>> {
        let mut kinds: BTreeMap<Fault, Vec<&Told>> = BTreeMap::new();
        for told in &self.faults {
            kinds.entry(told.fault).or_default().push(told);
        }
        kinds
    }

    /// The figures at the end of a run.
    pub(crate) fn summary(&self) -> String {
        let Verdict { rows, events, copies, copies_due, matches, faulty, quarantined, .. } = &self.verdict;
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:>10}  faults of {} kinds, {} times other slots or routers",
            self.faults.len(),
            self.by_kind().len(),
            self.rescaled
        );
        let _ = writeln!(text, "{rows:>10}  rows laid down, {faulty} of them at fault at first");
        let _ = writeln!(text, "{quarantined:>10}  times a row was put into quarantine");
        let _ = writeln!(text, "{events:>10}  events");
        let _ =
            writeln!(text, "{copies:>10}  copies of {copies_due} that permits give, {matches} of them to who watches");
        for (name, offences) in self.verdict.offences() {
            let _ = writeln!(text, "{:>10}  {name}", offences.count);
            for first in &offences.first {
                let _ = writeln!(text, "            {first}");
            }
        }
        for ended in &self.ended {
            let _ = writeln!(text, "            {ended}");
        }
        match &self.audit {
            (true, _) => text.push_str("            the auditor agrees\n"),
            (false, said) => {
                let _ = writeln!(text, "            the auditor does not agree:\n{said}");
            }
        }
        let _ = writeln!(text, "{:>10}  s in all", self.took.as_secs());
        text
    }

    /// The page for the repository.
    pub(crate) fn page(&self) -> String {
        let mut text = String::new();
        let verdict = if self.is_good() { "all as it must be" } else { "NOT as it must be" };
        let _ = write!(
            text,
            "# Soak report\n\n<!-- Written by `{}`; nothing in it is typed by hand. -->\n\n\
             Begun {}, {} minutes; seed {}: {verdict}.\n\n",
            self.command,
            self.began,
            self.took.as_secs().div_ceil(60),
            self.seed,
        );
        text.push_str("| what | version or size |\n|---|---|\n");
        for (what, version) in &self.versions {
            let _ = writeln!(text, "| {what} | {version} |");
        }
        let Verdict { rows, events, copies, copies_due, matches, faulty, quarantined, .. } = &self.verdict;
        text.push_str("\n| count | |\n|---|---:|\n");
        let _ = write!(text, "| rows laid down | {rows} |\n| of them at fault at first | {faulty} |\n");
        let _ = write!(text, "| times a row was put into quarantine | {quarantined} |\n| events | {events} |\n");
        let _ = write!(text, "| copies that permits give | {copies_due} |\n| of them to who watches | {matches} |\n");
        let _ = writeln!(text, "| copies | {copies} |");
        for (name, offences) in self.verdict.offences() {
            let _ = writeln!(text, "| {name} | {} |", offences.count);
        }
        let _ = writeln!(text, "| changes of slots and routers | {} |", self.rescaled);
        let _ = writeln!(text, "| processes that ended by themselves | {} |", self.ended.len());
        text.push_str(
            "\n*Back after*: from the cure (the process started, the broker answering, the network whole) until everything \
             written before\nit had reached everybody. *Longest wait*: of any event for its last copy, the fault itself \
             included.\n\n\
             | fault | times | back after, longest | longest wait |\n|---|---:|---:|---:|\n",
        );
        for (fault, told) in self.by_kind() {
            let most = |time: fn(&Told) -> Duration| told.iter().map(|one| time(one)).max().unwrap_or_default();
            let (back, longest) = (most(|one| one.back_after), most(|one| one.longest));
            let (back, longest) = (back.as_secs_f64(), longest.as_secs_f64());
            let _ = writeln!(text, "| {} | {} | {back:.1} s | {longest:.1} s |", fault.words(), told.len());
        }
        for (name, offences) in self.verdict.offences() {
            for first in &offences.first {
                let _ = writeln!(text, "\n{name}: {first}");
            }
        }
        for ended in &self.ended {
            let _ = writeln!(text, "\n{ended}");
        }
        let _ = write!(text, "\nWhat `barid audit --json` says:\n\n```json\n{}\n```\n", self.audit.1.trim());
        text.push_str("\n<details><summary>Every fault</summary>\n\n| at | fault | whom | meanwhile | back after | longest wait |\n|---:|---|---|---|---:|---:|\n");
        for Told { at, fault, whom, rescaled, back_after, longest } in &self.faults {
            let _ = writeln!(
                text,
                "| {:.0} s | {fault} | {whom} | {rescaled} | {:.1} s | {:.1} s |",
                at.as_secs_f64(),
                back_after.as_secs_f64(),
                longest.as_secs_f64()
            );
        }
        text.push_str("\n</details>\n");
        text
    }
}
