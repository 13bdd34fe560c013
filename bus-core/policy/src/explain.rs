//! Why a subscriber gets an event, or why not: the slow and obvious way to decide.
//!
//! It goes through the policy rule by rule, as a person with the files would, and says what it finds. It shares no code with
//! [`crate::index`], neither for filters nor for days, so that a property test can hold the two against each other.

use std::fmt;

use barid_event::header;
use barid_event::watch::{WatchKey, WatchKind};
use barid_schemas::Group;
use barid_schemas::case_event::{RESTRICTION, View};
use serde::Serialize;

use crate::event::EventFacts;
use crate::filter::{Attribute, Comparison, Filter};
use crate::load::Policy;
use crate::permit::{Permit, Requirement, view_code};
use crate::subscription::Subscription;
use crate::validity::{date_at, iso};
use crate::watch::WatchTable;

/// How many permits are shown that are like the one that is missing.
const MOST_NEAR_PERMITS: usize = 5;

/// Which rule let an event through to a subscriber, or stopped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub subscriber: String,
    /// Every rule that was looked at, in the order in which they were.
    pub findings: Vec<Finding>,
    pub verdict: Verdict,
}

/// One rule and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where the rule is written; `None` for the rule that everything is denied which no permit gives.
    pub place: Option<String>,
    pub passed: bool,
    /// For people.
    pub text: String,
}

/// What the subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Verdict {
    /// A copy.
    Copy { permit: String, view: &'static str, groups: Vec<&'static str>, handles: Vec<String> },
    /// Nothing.
    Nothing { reason: Reason },
}

/// Why a subscriber gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoPermit,
    NotYetValid,
    NoLongerValid,
    NotWatched,
    NotAddressee,
    NoSubscriptionPasses,
}

/// Explains what `subscriber` gets of an event.
#[must_use]
pub fn explain(policy: &Policy, watch: &WatchTable, facts: &EventFacts<'_>, subscriber: &str) -> Explanation {
    let mut findings = Vec::new();
    let verdict = match judge(policy, watch, facts, subscriber, &mut findings) {
        Ok((permit, handles)) => Verdict::Copy {
            permit: permit.number.clone(),
            view: view_code(permit.view),
            groups: permit.groups.iter().map(Group::field_name).collect(),
            handles,
        },
        Err(reason) => Verdict::Nothing { reason },
    };
    Explanation { subscriber: subscriber.to_owned(), findings, verdict }
}

fn judge<'p>(
    policy: &'p Policy,
    watch: &WatchTable,
    facts: &EventFacts<'_>,
    subscriber: &str,
    findings: &mut Vec<Finding>,
) -> Result<(&'p Permit, Vec<String>), Reason> {
    let permit = find_permit(policy, facts, subscriber, findings)?;
    check_validity(permit, facts, findings)?;
    let handles = check_requirement(permit, watch, facts, findings)?;
    check_subscriptions(policy, permit, facts, findings)?;
    Ok((permit, handles))
}

fn find_permit<'p>(
    policy: &'p Policy,
    facts: &EventFacts<'_>,
    subscriber: &str,
    findings: &mut Vec<Finding>,
) -> Result<&'p Permit, Reason> {
    let found = policy.permits.iter().find(|permit| {
        permit.publisher == facts.publisher
            && permit.service == facts.service
            && permit.status == facts.status
            && permit.subscriber == subscriber
    });
    if let Some(permit) = found {
        findings.push(Finding {
            place: Some(permit.place.to_string()),
            passed: true,
            text: format!("permit {permit}"),
        });
        return Ok(permit);
    }
    let text = format!(
        "denied by default: no permit gives `{}.{}` of `{}` to `{subscriber}`",
        facts.service, facts.status, facts.publisher
    );
    findings.push(Finding { place: None, passed: false, text });
    let mut near: Vec<&Permit> = policy
        .permits
        .iter()
        .filter(|permit| permit.publisher == facts.publisher && permit.subscriber == subscriber)
        .collect();
    near.sort_by_key(|permit| permit.service != facts.service);
    for permit in near.into_iter().take(MOST_NEAR_PERMITS) {
        let text = format!("not for this event: {permit}");
        findings.push(Finding { place: Some(permit.place.to_string()), passed: false, text });
    }
    Err(Reason::NoPermit)
}

fn check_validity(permit: &Permit, facts: &EventFacts<'_>, findings: &mut Vec<Finding>) -> Result<(), Reason> {
    let day = date_at(facts.at);
    let (result, text) = if day < permit.valid_from {
        (Err(Reason::NotYetValid), format!("valid from {} on, the event came on {}", iso(permit.valid_from), iso(day)))
    } else if permit.valid_until < day {
        (Err(Reason::NoLongerValid), format!("ran out on {}, the event came on {}", iso(permit.valid_until), iso(day)))
    } else {
        (Ok(()), format!("valid on {}, when the event came", iso(day)))
    };
    findings.push(Finding { place: Some(permit.place.to_string()), passed: result.is_ok(), text });
    result
}

fn check_requirement(
    permit: &Permit,
    watch: &WatchTable,
    facts: &EventFacts<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<String>, Reason> {
    let subscriber = &permit.subscriber;
    let (result, text) = match permit.requires {
        None => return Ok(Vec::new()),
        Some(Requirement::Addressee) => match facts.relying_agency {
            Some(agency) if agency == subscriber => (Ok(Vec::new()), "the event is addressed to it".to_owned()),
            Some(agency) => (Err(Reason::NotAddressee), format!("requires addressee: addressed to `{agency}`")),
            None => (Err(Reason::NotAddressee), "requires addressee: addressed to nobody".to_owned()),
        },
        Some(Requirement::WatchParcel) => watched(WatchKind::Parcel, "parcel", watch, facts, subscriber),
        Some(Requirement::WatchPerson) => watched(WatchKind::Person, "person", watch, facts, subscriber),
    };
    findings.push(Finding { place: Some(permit.place.to_string()), passed: result.is_ok(), text });
    result
}

fn watched(
    kind: WatchKind,
    what: &str,
    watch: &WatchTable,
    facts: &EventFacts<'_>,
    subscriber: &str,
) -> (Result<Vec<String>, Reason>, String) {
    let keys: Vec<WatchKey> = facts.watch_keys.iter().copied().filter(|key| key.kind == kind).collect();
    let mut handles: Vec<String> = Vec::new();
    for key in &keys {
        let registered = watch.iter().filter(|(watcher, registered, _)| *watcher == subscriber && registered == key);
        let mut of_key: Vec<&str> = registered.map(|(_, _, handle)| handle).collect();
        of_key.sort_unstable();
        for handle in of_key {
            if !handles.iter().any(|known| known == handle) {
                handles.push(handle.to_owned());
            }
        }
    }
    if !handles.is_empty() {
        let text = format!("it watches the {what} as {}", handles.join(", "));
        (Ok(handles), text)
    } else if keys.is_empty() {
        (Err(Reason::NotWatched), format!("requires watch:{what}: the event names no {what}"))
    } else {
        (Err(Reason::NotWatched), format!("requires watch:{what}: `{subscriber}` has not registered it"))
    }
}

fn check_subscriptions(
    policy: &Policy,
    permit: &Permit,
    facts: &EventFacts<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), Reason> {
    let copy = SeenCopy::new(policy, permit, facts);
    let mut own = policy.subscriptions.iter().filter(|one| one.subscriber == permit.subscriber).peekable();
    if own.peek().is_none() {
        let text = "no subscription: all that is permitted".to_owned();
        findings.push(Finding { place: None, passed: true, text });
        return Ok(());
    }
    let mut any_passes = false;
    for subscription in own {
        let stopped = copy.stopped_by(subscription);
        any_passes |= stopped.is_none();
        let passed = stopped.is_none();
        let text = match stopped {
            None => format!("subscription `{}` lets it pass", subscription.name),
            Some(why) => format!("subscription `{}` {why}", subscription.name),
        };
        findings.push(Finding { place: Some(subscription.place.to_string()), passed, text });
    }
    if any_passes { Ok(()) } else { Err(Reason::NoSubscriptionPasses) }
}

/// The copy as its subscriber sees it.
struct SeenCopy<'a> {
    publisher: &'a str,
    service: &'a str,
    county: Option<&'a str>,
    id: String,
    source: String,
    r#type: String,
    subject: String,
    time: String,
}

impl<'a> SeenCopy<'a> {
    fn new(policy: &Policy, permit: &Permit, facts: &EventFacts<'a>) -> Self {
        let (service, status) = match permit.view {
            View::Exact => (facts.service, facts.status),
            View::Coarse => (RESTRICTION, policy.catalogue.phase(facts.status).map_or("", |phase| phase.code())),
        };
        Self {
            publisher: facts.publisher,
            service,
            county: facts.county,
            id: facts.event_id.to_lowercase(),
            source: header::source(facts.publisher),
            r#type: header::event_type(service, status),
            subject: facts.corr_id.to_lowercase(),
            time: header::time(facts.occurred_at),
        }
    }

    /// Why the subscription does not let the copy pass; `None` if it does.
    fn stopped_by(&self, subscription: &Subscription) -> Option<String> {
        if let Some(publisher) = &subscription.publisher
            && publisher != self.publisher
        {
            return Some(format!("asks for publisher `{publisher}`"));
        }
        if let Some(service) = &subscription.service
            && service != self.service
        {
            return Some(format!("asks for service `{service}`, the copy shows `{}`", self.service));
        }
        if let Some(county) = self.county
            && !subscription.counties.is_empty()
            && !subscription.counties.contains(county)
        {
            let asked = subscription.counties.iter().cloned().collect::<Vec<_>>().join(", ");
            return Some(format!("asks for counties {asked}, the event is of `{county}`"));
        }
        let stopping = subscription.filters.iter().find(|filter| !self.matches(filter))?;
        Some(format!("asks for {stopping}, the copy has type \"{}\" and subject \"{}\"", self.r#type, self.subject))
    }

    fn matches(&self, filter: &Filter) -> bool {
        match filter {
            Filter::Test(test) => {
                let value = match test.attribute {
                    Attribute::Id => &self.id,
                    Attribute::Source => &self.source,
                    Attribute::Type => &self.r#type,
                    Attribute::Subject => &self.subject,
                    Attribute::Time => &self.time,
                };
                match test.comparison {
                    Comparison::Exact => *value == test.text,
                    Comparison::Prefix => value.starts_with(&test.text),
                    Comparison::Suffix => value.ends_with(&test.text),
                }
            }
            Filter::All(filters) => filters.iter().all(|filter| self.matches(filter)),
            Filter::Any(filters) => filters.iter().any(|filter| self.matches(filter)),
            Filter::Not(filter) => !self.matches(filter),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoPermit => "no permit gives it",
            Self::NotYetValid => "its permit is not yet valid",
            Self::NoLongerValid => "its permit has run out",
            Self::NotWatched => "it has not registered the parcel or person",
            Self::NotAddressee => "the event is not addressed to it",
            Self::NoSubscriptionPasses => "none of its subscriptions lets the event pass",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { permit, view, groups, handles } => {
                let groups = if groups.is_empty() { "no group".to_owned() } else { groups.join("+") };
                write!(formatter, "gets a copy under {permit}: {view} view, envelope and {groups}")?;
                if handles.is_empty() { Ok(()) } else { write!(formatter, ", matched as {}", handles.join(", ")) }
            }
            Self::Nothing { reason } => write!(formatter, "gets nothing: {reason}"),
        }
    }
}

/// The verdict, then a line for each rule: `+` if it passed, `-` if it did not.
impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.subscriber, self.verdict)?;
        for finding in &self.findings {
            let sign = if finding.passed { '+' } else { '-' };
            write!(formatter, "\n  {sign} {}", finding.text)?;
            if let Some(place) = &finding.place {
                write!(formatter, "  ({place})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
