//! Whether the state machine allows a row where it stands.

use barid_schemas::case_event::Transition;
use barid_schemas::catalogue::{Reach, Service};
use barid_schemas::records::{CaseState, Problem};

use crate::mapping::{ConnectorConfig, MachineRule, MappedRow, machine_problem};

/// What the machine says about a row.
pub(super) enum Verdict {
    Allowed { transition: Transition, from: Option<String> },
    Refused(Problem),
}

/// Judges a row between the state before it and, for a row that comes late, the state after it.
pub(super) fn judge(
    config: &ConnectorConfig,
    state: Option<&CaseState>,
    row: &MappedRow,
    before: Option<String>,
    after: Option<&str>,
) -> Verdict {
    let service_code = row.service.as_deref().unwrap_or_default();
    let status = row.status.as_deref().unwrap_or_default();
    let refuse = |rule: &MachineRule<'_>| {
        let column =
            config.sources.iter().find(|source| *source.name == *row.source).map(|source| &source.status.column);
        let column = column.map_or("", String::as_str);
        let value = row.columns.get(column).unwrap_or_default();
        Verdict::Refused(machine_problem(column, value, service_code, rule))
    };
    let Some(state) = state else { return Verdict::Allowed { transition: Transition::First, from: None } };
    if state.service_code != service_code {
        return refuse(&MachineRule::OtherService { known: &state.service_code });
    }
    let Some(service) = config.services.get(service_code) else {
        return refuse(&MachineRule::OtherService { known: &state.service_code });
    };
    if let Some(next) = after.filter(|next| path(service, status, next).is_none()) {
        return refuse(&MachineRule::TooLate { status, next });
    }
    match before {
        // Late, and nothing before it is known: the states before were never shown.
        None => Verdict::Allowed { transition: Transition::Skip, from: None },
        Some(from) => match path(service, &from, status) {
            Some(transition) => Verdict::Allowed { transition, from: Some(from) },
            None if from == status => refuse(&MachineRule::Repeated { status }),
            None => refuse(&MachineRule::Unreachable { from: &from, to: status }),
        },
    }
}

/// Whether the machine has a way from one row to the next.
pub(super) fn is_way(config: &ConnectorConfig, from: &MappedRow, to: &MappedRow) -> bool {
    let service = from.service.as_ref().filter(|service| to.service.as_ref() == Some(service));
    let service = service.and_then(|service| config.services.get(service));
    match (service, &from.status, &to.status) {
        (Some(service), Some(from), Some(to)) => path(service, from, to).is_some(),
        _ => false,
    }
}

/// How a status follows another one; `None` if the machine has no way. A status follows itself by a way around.
fn path(service: &Service, from: &str, to: &str) -> Option<Transition> {
    match service.reach(from, to) {
        Reach::Step => Some(Transition::Step),
        Reach::Skip => Some(Transition::Skip),
        Reach::Unreachable => None,
        Reach::Same => {
            let around = service.edges.iter().filter(|edge| edge.from == from);
            if around.clone().any(|edge| edge.to == to) {
                return Some(Transition::Step);
            }
            around
                .map(|edge| service.reach(&edge.to, to))
                .any(|reach| matches!(reach, Reach::Step | Reach::Skip))
                .then_some(Transition::Skip)
        }
    }
}
