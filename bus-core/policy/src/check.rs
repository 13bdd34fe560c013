//! What a policy may do but probably should not: `barid policy check` lists it, nothing is refused for it.
//!
//! # When a coarse view hides nothing
//!
//! A coarse view shows the publisher, the phase instead of the status, and perhaps groups. Who receives it also knows its own
//! permits, for they are no secret. So a copy tells its service and status as soon as only one of the permitted pairs of
//! service and status can be behind it. What narrows the pairs down, in the worst case:
//!
//! * the phase of the status, and the phase of the status before it: the state machines are no secret either;
//! * the groups that are there: only permits that give them all can be behind the copy (a group that is absent proves nothing,
//!   for the event may not have had it);
//! * a match: a copy with a handle comes from a permit that requires a watch key, a copy without comes from another;
//! * the day: a permit that has run out is behind no copy.
//!
//! What this does not see: that another event of the same case, which the subscriber gets in the exact view, gives the
//! secret away, and what the subscriber knows from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use barid_schemas::case_event::View;
use barid_schemas::catalogue::{Catalogue, Phase, Reach};
use barid_schemas::{Date, GroupSet};
use serde::Serialize;

use crate::attributes::Static;
use crate::load::Policy;
use crate::permit::{Permit, Requirement, groups_in_words};
use crate::simplify::can_never_pass;
use crate::validity::iso;

/// Something that is allowed but probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub kind: WarningKind,
    /// `file:line`.
    pub place: String,
    pub message: String,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A coarse copy tells service and status.
    CoarseHidesNothing,
    /// A coarse copy tells the status, though not the service.
    CoarseTellsStatus,
    /// A coarse copy tells the service, though not the status.
    CoarseTellsService,
    /// The subscriber's own subscriptions never let it through.
    NarrowedToNothing,
    Ended,
    EndsSoon,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// What in the policy is allowed but probably not meant, in the order of the policy.
#[must_use]
pub fn check(policy: &Policy) -> Vec<Warning> {
    let mut warnings = coarse_views(policy);
    warnings.extend(narrowed_to_nothing(policy));
    warnings
}

/// The permits that have ended on `today`, or end within `days` days; one warning for each permit number and last day.
#[must_use]
pub fn expiring(policy: &Policy, today: Date, days: u32) -> Vec<Warning> {
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for permit in &policy.permits {
        let left = i64::from(permit.valid_until.0) - i64::from(today.0);
        if left > i64::from(days) || !seen.insert((&permit.number, permit.valid_until)) {
            continue;
        }
        let Permit { number, publisher, subscriber, .. } = permit;
        let pair = format!("permit {number}, `{publisher}` to `{subscriber}`");
        let last = iso(permit.valid_until);
        let (kind, message) = match left {
            ..0 => (WarningKind::Ended, format!("{pair}, ended on {last}")),
            0 => (WarningKind::EndsSoon, format!("{pair}, ends today, {last}")),
            1 => (WarningKind::EndsSoon, format!("{pair}, ends tomorrow, {last}")),
            _ => (WarningKind::EndsSoon, format!("{pair}, ends in {left} days, on {last}")),
        };
        warnings.push(Warning { kind, place: permit.place.to_string(), message });
    }
    warnings
}

/// What could be behind a coarse copy: one permit, and what its copies show.
struct Candidate<'p> {
    permit: &'p Permit,
    phase: Phase,
    /// The phases that can come before; `None` is a case seen for the first time, which is always possible.
    before: BTreeSet<Option<Phase>>,
}

impl<'p> Candidate<'p> {
    fn new(permit: &'p Permit, catalogue: &Catalogue) -> Option<Self> {
        let phase = catalogue.phase(&permit.status)?;
        let service = catalogue.services.get(&permit.service)?;
        let before =
            service.states().into_iter().filter(|from| service.reach(from, &permit.status) != Reach::Unreachable);
        let before = before.filter_map(|from| catalogue.phase(from)).map(Some).chain([None]).collect();
        Some(Self { permit, phase, before })
    }

    /// Whether a copy of `other`, with all that it can show, could as well be one of these.
    fn could_be_behind(&self, other: &Self) -> bool {
        let matched = |permit: &Permit| permit.requires.filter(|requires| *requires != Requirement::Addressee);
        self.phase == other.phase
            && self.permit.groups.contains_all(other.permit.groups)
            && matched(self.permit) == matched(other.permit)
    }
}

fn coarse_views(policy: &Policy) -> Vec<Warning> {
    let mut by_pair: BTreeMap<(&str, &str), Vec<Candidate<'_>>> = BTreeMap::new();
    for permit in policy.permits.iter().filter(|permit| permit.view == View::Coarse) {
        let pair = (permit.publisher.as_str(), permit.subscriber.as_str());
        by_pair.entry(pair).or_default().extend(Candidate::new(permit, &policy.catalogue));
    }
    by_pair.values().flat_map(|candidates| candidates.iter().flat_map(|one| told_by(one, candidates))).collect()
}

/// What copies of `one` tell: by themselves, and worse, after certain phases.
fn told_by(one: &Candidate<'_>, candidates: &[Candidate<'_>]) -> Vec<Warning> {
    let alike: Vec<&Candidate<'_>> = candidates.iter().filter(|other| other.could_be_behind(one)).collect();
    let always = told_at_worst(one, &alike);
    let mut warnings = Vec::from_iter(always.map(|(kind, since)| coarse_warning(one, kind, since, &[])));
    let mut after: BTreeMap<(WarningKind, Option<Date>), Vec<Phase>> = BTreeMap::new();
    for phase in one.before.iter().flatten() {
        let alike: Vec<&Candidate<'_>> =
            alike.iter().copied().filter(|other| other.before.contains(&Some(*phase))).collect();
        if let Some(told) = told_at_worst(one, &alike)
            && always.is_none_or(|(kind, _)| told.0 < kind)
        {
            after.entry(told).or_default().push(*phase);
        }
    }
    warnings.extend(after.iter().map(|((kind, since), phases)| coarse_warning(one, *kind, *since, phases)));
    warnings
}

/// The most that a copy of `one` tells on any day of its validity if one of `alike` is behind it, and since when, if not from
/// the first day on.
fn told_at_worst(one: &Candidate<'_>, alike: &[&Candidate<'_>]) -> Option<(WarningKind, Option<Date>)> {
    // What can be behind a copy gets less only on the day after a permit's last.
    let ends = alike.iter().map(|other| Date(other.permit.valid_until.0.saturating_add(1)));
    let days: BTreeSet<Date> = ends.chain([one.permit.valid_from]).filter(|day| one.permit.is_valid_on(*day)).collect();
    let told = days.into_iter().filter_map(|day| {
        let valid = alike.iter().filter(|other| other.permit.is_valid_on(day));
        let pairs: BTreeSet<(&str, &str)> =
            valid.map(|other| (other.permit.service.as_str(), other.permit.status.as_str())).collect();
        Some((told(&pairs)?, (day != one.permit.valid_from).then_some(day)))
    });
    told.min()
}

fn told(pairs: &BTreeSet<(&str, &str)>) -> Option<WarningKind> {
    let services: BTreeSet<&str> = pairs.iter().map(|(service, _)| *service).collect();
    let statuses: BTreeSet<&str> = pairs.iter().map(|(_, status)| *status).collect();
    match (services.len(), statuses.len()) {
        (1, 1) => Some(WarningKind::CoarseHidesNothing),
        (_, 1) => Some(WarningKind::CoarseTellsStatus),
        (1, _) => Some(WarningKind::CoarseTellsService),
        _ => None,
    }
}

fn coarse_warning(one: &Candidate<'_>, kind: WarningKind, since: Option<Date>, after: &[Phase]) -> Warning {
    let Permit { publisher, subscriber, service, status, groups, .. } = one.permit;
    let copy = format!("a copy `{}` of `{publisher}` for `{subscriber}`", one.phase.code());
    let with = if *groups == GroupSet::EMPTY { String::new() } else { format!(" with {}", groups_in_words(*groups)) };
    let after = match after {
        [] => String::new(),
        phases => {
            let phases: Vec<String> = phases.iter().map(|phase| format!("`{}`", phase.code())).collect();
            format!(" after {}", phases.join(" or "))
        }
    };
    let since = since.map_or_else(String::new, |day| format!(", from {} on", iso(day)));
    let message = match kind {
        WarningKind::CoarseTellsService => {
            format!("coarse view tells the service: {copy}{with}{after} can only be of `{service}`{since}")
        }
        WarningKind::CoarseTellsStatus => {
            format!("coarse view tells the status: {copy}{with}{after} can only be `{status}`{since}")
        }
        _ => format!("coarse view hides nothing: {copy}{with}{after} can only be `{service}.{status}`{since}"),
    };
    Warning { kind, place: one.permit.place.to_string(), message }
}

fn narrowed_to_nothing(policy: &Policy) -> Vec<Warning> {
    let mut lost: BTreeMap<(&str, &str), Vec<&Permit>> = BTreeMap::new();
    for permit in &policy.permits {
        let own = || policy.subscriptions.iter().filter(|one| one.subscriber == permit.subscriber);
        let known = Static::of(permit, &policy.catalogue);
        let passes = own().any(|one| one.narrows_to(permit) && !can_never_pass(&one.filters, &known));
        if !passes && own().next().is_some() {
            lost.entry((&permit.number, &permit.service)).or_default().push(permit);
        }
    }
    let warning = |((number, service), permits): (&(&str, &str), &Vec<&Permit>)| {
        let first = permits.first()?;
        let statuses: Vec<&str> = permits.iter().map(|permit| permit.status.as_str()).collect();
        let message = format!(
            "no subscription of `{}` ever lets {} of `{service}` pass, which permit {number} gives",
            first.subscriber,
            statuses.iter().map(|status| format!("`{status}`")).collect::<Vec<_>>().join(", ")
        );
        Some(Warning { kind: WarningKind::NarrowedToNothing, place: first.place.to_string(), message })
    };
    lost.iter().filter_map(warning).collect()
}

#[cfg(test)]
mod tests;
