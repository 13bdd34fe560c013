//! The catalogue: agencies, statuses, counties, field groups and services with their state machines.
//!
//! The shared part is compiled in ([`Catalogue::shared`]); each connector folder adds its own `catalogue.toml` with
//! [`Catalogue::add`]. A catalogue is looked at, never changed, once it is complete.

mod files;

use std::collections::{BTreeMap, BTreeSet};

use barid_mistake::Mistakes;

use crate::groups::{Group, GroupSet};

/// A name in the two languages of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub fa: String,
    pub en: String,
}

/// An agency that publishes or subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    pub code: String,
    pub label: Label,
    /// The first two digits of the tracking codes that it issues.
    pub number: u8,
}

/// The coarse phase behind a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    Opened,
    InProgress,
    Blocked,
    Cleared,
    Ended,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 5] = [Self::Opened, Self::InProgress, Self::Blocked, Self::Cleared, Self::Ended];

    /// The code that stands in `status_*` of a coarse view.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Cleared => "cleared",
            Self::Ended => "ended",
        }
    }

    /// The phase with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.code() == code)
    }
}

/// A status, shared by all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub code: String,
    pub label: Label,
    pub phase: Phase,
}

/// A county of the province.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct County {
    pub code: String,
    pub label: Label,
}

/// Who may publish the events of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This agency alone.
    Agency(String),
    /// Every agency (`*`).
    Any,
}

/// A service of an agency with its state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub code: String,
    pub owner: Owner,
    pub label: Label,
    pub national_service_id: Option<String>,
    /// The identifiers that cases of the service carry.
    pub ids: Vec<String>,
    /// The papers that an applicant carries today.
    pub documents: Vec<String>,
    pub note: Option<String>,
    pub edges: Vec<Edge>,
}

/// One allowed transition of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub from: String,
    pub to: String,
    /// A role, never a named official.
    pub actor: String,
    pub limit: Option<TimeLimit>,
    /// Where the limit comes from: a source mark, `gk` (general knowledge) or `as` (assumption).
    pub basis: String,
}

/// How long a step may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeLimit {
    /// Calendar days, from the state before or from an earlier state.
    Days { days: u32, from_state: Option<String> },
    /// Working days, from the state before or from an earlier state.
    WorkingDays { days: u32, from_state: Option<String> },
    /// In words: no clock can run on it.
    Words(String),
}

/// Everything that agencies, policy and console must agree about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    pub agencies: BTreeMap<String, Agency>,
    pub statuses: BTreeMap<String, Status>,
    pub counties: BTreeMap<String, County>,
    pub services: BTreeMap<String, Service>,
    /// What the field groups are called.
    pub group_labels: BTreeMap<Group, Label>,
    /// For a group that not everybody may receive: who may. A group that is not named here is open.
    pub whitelist: BTreeMap<Group, BTreeSet<String>>,
    /// Services whose very status tells what groups withhold.
    pub sensitive_services: BTreeSet<String>,
    /// Agencies that may see the exact status of every sensitive service.
    pub exact_status_agencies: BTreeSet<String>,
    /// Pairs of sensitive service and agency that may see the exact status all the same.
    pub exact_status_pairs: BTreeSet<(String, String)>,
    /// What the marks in [`Edge::basis`] stand for.
    pub sources: BTreeMap<String, String>,
}

impl Catalogue {
    /// What all agencies share: agencies, statuses, counties, field groups and the services that belong to no connector
    /// folder. Compiled in.
    #[must_use]
    pub fn shared() -> Self {
        files::shared()
    }

    /// Adds an agency's catalogue: its services and, for an agency or statuses that are not shared, these too.
    ///
    /// `file` is the name that mistakes carry, `text` the content of a `catalogue.toml`. If there is a mistake, nothing is
    /// added.
    ///
    /// # Errors
    ///
    /// All mistakes of the file at once, each with its line and, where a word is nearly right, the right one.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Mistakes> {
        files::add(self, file, text)
    }

    /// Whether `agency` may receive every group of `groups`; the groups that it may not.
    #[must_use]
    pub fn withheld_by_whitelist(&self, agency: &str, groups: GroupSet) -> GroupSet {
        groups
            .iter()
            .filter(|group| self.whitelist.get(group).is_some_and(|allowed| !allowed.contains(agency)))
            .collect()
    }

    /// Whether `agency` may see the exact service and status of `service`.
    #[must_use]
    pub fn may_see_exact_status(&self, service: &str, agency: &str) -> bool {
        !self.sensitive_services.contains(service)
            || self.exact_status_agencies.contains(agency)
            || self.exact_status_pairs.contains(&(service.to_owned(), agency.to_owned()))
            || self.services.get(service).is_some_and(|found| found.owner == Owner::Agency(agency.to_owned()))
    }

    /// The coarse phase of a status.
    #[must_use]
    pub fn phase(&self, status: &str) -> Option<Phase> {
        self.statuses.get(status).map(|found| found.phase)
    }
}

/// How a status lies behind another in the state machine of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// It is the same status.
    Same,
    /// One edge leads there.
    Step,
    /// Several edges lead there.
    Skip,
    /// No edges lead there: the machine does not allow it.
    Unreachable,
}

impl Service {
    /// How `to` can be reached from `from`. An unknown state reaches nothing but itself.
    ///
    /// A status that follows itself is [`Reach::Same`] even where the machine has a way around back to it: the caller
    /// knows whether the row is a new occurrence.
    #[must_use]
    pub fn reach(&self, from: &str, to: &str) -> Reach {
        if from == to {
            return Reach::Same;
        }
        if self.edges.iter().any(|edge| edge.from == from && edge.to == to) {
            return Reach::Step;
        }
        // Machines have a dozen edges: a search each time is cheaper to read than a table to keep.
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(state) = open.pop() {
            for edge in self.edges.iter().filter(|edge| edge.from == state) {
                if edge.to == to {
                    return Reach::Skip;
                }
                if seen.insert(&edge.to) {
                    open.push(&edge.to);
                }
            }
        }
        Reach::Unreachable
    }

    /// All states of the machine.
    #[must_use]
    pub fn states(&self) -> BTreeSet<&str> {
        self.edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]).collect()
    }

    /// Whether `agency` may publish events of the service.
    #[must_use]
    pub fn may_be_published_by(&self, agency: &str) -> bool {
        match &self.owner {
            Owner::Any => true,
            Owner::Agency(owner) => owner == agency,
        }
    }
}

#[cfg(test)]
mod tests;
