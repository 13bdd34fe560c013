//! Which version of the policy was in force at an offset, and what it gives: written again from the text of the policy.
//!
//! Only the reading of the files is shared with the router. Who gets a copy is decided here rule by rule: the permits of
//! publisher, service and status; the days of Asia/Tehran; the addressee; the subscriptions on what the subscriber sees.
//! Watch keys are another matter, see [`crate::watching`].

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use barid_policy::filter::{Attribute, Comparison};
use barid_policy::{Filter, Permit, Policy, Requirement, Subscription};
use barid_schemas::Catalogue;
use barid_schemas::case_event::View;
use barid_schemas::records::PolicyApplied;
use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// In whose days permits are valid.
static TEHRAN: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZoneDatabase::bundled().get("Asia/Tehran").unwrap_or(TimeZone::UTC));

/// What decides about an event, as the event says it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'e> {
    pub(crate) publisher: &'e str,
    pub(crate) service: &'e str,
    pub(crate) status: &'e str,
    pub(crate) county: Option<&'e str>,
    pub(crate) event_id: &'e str,
    pub(crate) corr_id: &'e str,
    pub(crate) occurred_at: i64,
    pub(crate) relying_agency: Option<&'e str>,
    /// The broker's timestamp of the record, milliseconds.
    pub(crate) at: i64,
}

/// All versions, and from where on each was in force.
#[derive(Default)]
pub(crate) struct Rulebook {
    versions: BTreeMap<i64, Rules>,
    /// By topic and partition, in the order in which routers told: first offset and version.
    applied: HashMap<(String, i32), Vec<(i64, i64)>>,
}

/// One version.
pub(crate) struct Rules {
    policy: Policy,
    /// Places in the policy, by publisher, service and status.
    permits: HashMap<String, Vec<usize>>,
}

impl Rulebook {
    /// Takes a version.
    pub(crate) fn add_version(&mut self, version: i64, policy: Policy) {
        let mut permits: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, permit) in policy.permits.iter().enumerate() {
            permits.entry(cell(&permit.publisher, &permit.service, &permit.status)).or_default().push(place);
        }
        self.versions.insert(version, Rules { policy, permits });
    }

    /// Takes what a router has told, in the order of the topic.
    pub(crate) fn add_applied(&mut self, applied: PolicyApplied) {
        let told = self.applied.entry((applied.topic, applied.partition)).or_default();
        told.push((applied.from_offset, applied.version));
    }

    /// The version that decided about the record at this place. What was told later holds: between two that begin at the
    /// same offset nothing was decided.
    pub(crate) fn version_at(&self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        let told = self.applied.get(&(topic.to_owned(), partition))?;
        told.iter().rev().find(|(from, _)| *from <= offset).map(|(_, version)| *version)
    }

    /// The last offset that a router has told it begins at: everything before it was decided.
    pub(crate) fn decided_before(&self, topic: &str, partition: i32) -> Option<i64> {
        self.applied.get(&(topic.to_owned(), partition))?.iter().map(|(from, _)| *from).max()
    }

    pub(crate) fn rules(&self, version: i64) -> Option<&Rules> {
        self.versions.get(&version)
    }

    pub(crate) fn versions(&self) -> usize {
        self.versions.len()
    }
}

impl Rules {
    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.policy.catalogue
    }

    /// The permits that give a copy, but for watch keys: whether those match is for the caller to find out.
    pub(crate) fn giving<'r>(&'r self, facts: &Facts<'_>) -> Vec<&'r Permit> {
        let places = self.permits.get(&cell(facts.publisher, facts.service, facts.status));
        let permits = places.into_iter().flatten().map(|place| &self.policy.permits[*place]);
        permits.filter(|permit| self.gives(permit, facts)).collect()
    }

    fn gives(&self, permit: &Permit, facts: &Facts<'_>) -> bool {
        let day = days_since_1970(day_in_tehran(facts.at));
        let is_valid = i64::from(permit.valid_from.0) <= day && day <= i64::from(permit.valid_until.0);
        let is_addressed =
            permit.requires != Some(Requirement::Addressee) || facts.relying_agency == Some(&permit.subscriber);
        is_valid && is_addressed && self.is_wanted(permit, facts)
    }

    /// Whether the subscriber has no subscription, or one that lets the copy pass.
    fn is_wanted(&self, permit: &Permit, facts: &Facts<'_>) -> bool {
        let mut own = self.policy.subscriptions.iter().filter(|one| one.subscriber == permit.subscriber).peekable();
        if own.peek().is_none() {
            return true;
        }
        let (service, status) = self.shown(permit, facts);
        own.any(|subscription| passes(subscription, facts, service, status))
    }

    /// Service and status as the copy shows them.
    fn shown<'f>(&'f self, permit: &Permit, facts: &Facts<'f>) -> (&'f str, &'f str) {
        match permit.view {
            View::Exact => (facts.service, facts.status),
            View::Coarse => ("restriction", self.phase(facts.status).unwrap_or_default()),
        }
    }

    /// The phase of a status.
    pub(crate) fn phase(&self, status: &str) -> Option<&'static str> {
        self.policy.catalogue.statuses.get(status).map(|found| found.phase.code())
    }
}

fn cell(publisher: &str, service: &str, status: &str) -> String {
    format!("{publisher}\n{service}\n{status}")
}

fn passes(subscription: &Subscription, facts: &Facts<'_>, service: &str, status: &str) -> bool {
    subscription.publisher.as_deref().is_none_or(|asked| asked == facts.publisher)
        && subscription.service.as_deref().is_none_or(|asked| asked == service)
        && (subscription.counties.is_empty()
            || facts.county.is_none_or(|county| subscription.counties.contains(county)))
        && subscription.filters.iter().all(|filter| matches(filter, facts, service, status))
}

fn matches(filter: &Filter, facts: &Facts<'_>, service: &str, status: &str) -> bool {
    match filter {
        Filter::All(all) => all.iter().all(|one| matches(one, facts, service, status)),
        Filter::Any(any) => any.iter().any(|one| matches(one, facts, service, status)),
        Filter::Not(one) => !matches(one, facts, service, status),
        Filter::Test(test) => {
            let shown = match test.attribute {
                Attribute::Id => facts.event_id.to_owned(),
                Attribute::Subject => facts.corr_id.to_owned(),
                Attribute::Source => format!("/agencies/{}", facts.publisher),
                Attribute::Type => format!("ir.barid.{service}.{status}"),
                Attribute::Time => time(facts.occurred_at),
            };
            match test.comparison {
                Comparison::Exact => shown == test.text,
                Comparison::Prefix => shown.starts_with(&test.text),
                Comparison::Suffix => shown.ends_with(&test.text),
            }
        }
    }
}

/// An instant as `ce_time` writes it: RFC 3339, UTC, within the years that can be written.
pub(crate) fn time(millis: i64) -> String {
    let first = Timestamp::from_second(-62_167_219_200).unwrap_or(Timestamp::MIN);
    Timestamp::from_millisecond(millis)
        .map_or(if millis < 0 { first } else { Timestamp::MAX }, |instant| instant.max(first))
        .to_string()
}

fn day_in_tehran(millis: i64) -> Date {
    let edge = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(millis).unwrap_or(edge).to_zoned_datetime(TEHRAN.clone()).date()
}

fn days_since_1970(day: Date) -> i64 {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    day.duration_since(date(1970, 1, 1)).as_secs() / DAY.as_secs()
}
