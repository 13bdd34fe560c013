//! The index: who gets a copy of an event.
//!
//! (publisher, service, status) leads to a cell, which holds what could give a copy of such an event, sorted by how it is
//! reached: permits that always give one, permits whose subscriber asks for certain counties, by county, permits for an
//! addressee and for a watcher, by subscriber. The last two are reached *from* the event: from the agency that it
//! addresses, and from its watch keys through the [`WatchTable`]. So what a decision costs depends on how many copies it makes,
//! not on how many permits, subscriptions, counties or watch keys there are.
//!
//! What the index does not do: look at the view. That a coarse view hides the service does not change who gets a copy.

use std::collections::HashMap;
use std::sync::Arc;

use barid_event::watch::WatchKind;
use barid_schemas::Millis;

use crate::attributes::Static;
use crate::event::EventFacts;
use crate::load::Policy;
use crate::permit::{Permit, Requirement};
use crate::selector::{Selection, Selector};
use crate::subscription::Subscription;
use crate::validity::day_bounds;
use crate::watch::WatchTable;

/// One copy to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'i> {
    pub permit: &'i Permit,
    /// The subscriber's own handles for the watch keys that matched, each once: in the order of the event's keys, those of
    /// one key in the order of their text. Empty for a permit
    /// that requires no watch key, even if the subscriber watches one of the event: a handle tells whose parcel it is, and
    /// only such a permit gives that away.
    pub handles: Vec<&'i str>,
}

/// A policy, compiled.
#[derive(Debug, Clone)]
pub struct Index {
    policy: Arc<Policy>,
    publishers: ByName<ByName<ByName<Cell>>>,
}

/// Nested, so that a cell is found with borrowed text and nothing is allocated to look it up.
type ByName<T> = HashMap<Box<str>, T>;

/// The permits of one publisher, service and status.
#[derive(Debug, Clone, Default)]
struct Cell {
    slots: Vec<Slot>,
    /// Numbers of slots, in the order of the policy.
    of_any_county: Vec<u32>,
    by_county: ByName<Vec<u32>>,
    /// All that stand in `by_county`, for an event without a county.
    of_some_county: Vec<u32>,
    by_addressee: ByName<u32>,
    by_parcel_watcher: ByName<u32>,
    by_person_watcher: ByName<u32>,
}

#[derive(Debug, Clone)]
struct Slot {
    /// Its place in the policy.
    permit: usize,
    valid_from: Millis,
    /// The first instant at which it is no longer valid.
    invalid_from: Millis,
    /// `None` if everything passes.
    selector: Option<Box<Selector>>,
}

impl Index {
    /// Compiles a policy.
    #[must_use]
    pub fn build(policy: Arc<Policy>) -> Self {
        let mut subscriptions: HashMap<&str, Vec<&Subscription>> = HashMap::new();
        for subscription in &policy.subscriptions {
            subscriptions.entry(&subscription.subscriber).or_default().push(subscription);
        }
        let mut publishers: ByName<ByName<ByName<Cell>>> = HashMap::new();
        for (number, permit) in policy.permits.iter().enumerate() {
            let own = subscriptions.get(permit.subscriber.as_str()).map_or(&[][..], Vec::as_slice);
            let known = Static::of(permit, &policy.catalogue);
            let selector = match Selection::new(own, permit, &known) {
                Selection::Nothing => continue,
                Selection::Everything => None,
                Selection::Some(selector) => Some(selector),
            };
            let services = publishers.entry(permit.publisher.as_str().into()).or_default();
            let statuses = services.entry(permit.service.as_str().into()).or_default();
            let cell = statuses.entry(permit.status.as_str().into()).or_default();
            cell.add(number, permit, selector);
        }
        drop(subscriptions);
        Self { policy, publishers }
    }

    /// The policy that was compiled.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Fills `out`, which is emptied first, with one decision for each subscriber that gets a copy, in the same order every
    /// time. Allocates nothing but the room in `out`, the lists of handles and, for a filter on `time`, its text.
    pub fn decide<'i>(&'i self, watch: &'i WatchTable, facts: &EventFacts<'_>, out: &mut Vec<Decision<'i>>) {
        out.clear();
        let Some(cell) = self.cell(facts) else { return };
        for number in cell.reached_without_condition(facts) {
            self.consider(cell, *number, facts, out);
        }
        if let Some(number) = facts.relying_agency.and_then(|agency| cell.by_addressee.get(agency)) {
            self.consider(cell, *number, facts, out);
        }
        let first_matched = out.len();
        for key in facts.watch_keys {
            let permits = match key.kind {
                WatchKind::Parcel => &cell.by_parcel_watcher,
                WatchKind::Person => &cell.by_person_watcher,
            };
            if permits.is_empty() {
                continue;
            }
            // The watch table gives the watchers of a key in no order. Nearly always there is none, and then nothing is allocated.
            let mut watchers: Vec<(&str, &str)> = watch.watchers(*key).collect();
            watchers.sort_unstable();
            for (subscriber, handle) in watchers {
                if let Some(number) = permits.get(subscriber) {
                    self.consider_match(cell, *number, handle, first_matched, facts, out);
                }
            }
        }
        out[first_matched..].sort_unstable_by(|one, other| one.permit.subscriber.cmp(&other.permit.subscriber));
    }

    fn cell(&self, facts: &EventFacts<'_>) -> Option<&Cell> {
        self.publishers.get(facts.publisher)?.get(facts.service)?.get(facts.status)
    }

    fn consider<'i>(&'i self, cell: &Cell, number: u32, facts: &EventFacts<'_>, out: &mut Vec<Decision<'i>>) {
        let slot = &cell.slots[number as usize];
        if slot.passes(facts) {
            out.push(Decision { permit: &self.policy.permits[slot.permit], handles: Vec::new() });
        }
    }

    fn consider_match<'i>(
        &'i self,
        cell: &Cell,
        number: u32,
        handle: &'i str,
        first_matched: usize,
        facts: &EventFacts<'_>,
        out: &mut Vec<Decision<'i>>,
    ) {
        let slot = &cell.slots[number as usize];
        let permit = &self.policy.permits[slot.permit];
        match out[first_matched..].iter_mut().find(|decision| std::ptr::eq(decision.permit, permit)) {
            // Two keys of one event may belong to one matter of the subscriber: an owner and an heir of one loan.
            Some(decision) if decision.handles.contains(&handle) => {}
            Some(decision) => decision.handles.push(handle),
            None if slot.passes(facts) => out.push(Decision { permit, handles: vec![handle] }),
            None => {}
        }
    }
}

impl Cell {
    fn add(&mut self, permit_number: usize, permit: &Permit, selector: Option<Box<Selector>>) {
        let number = self.slots.len() as u32;
        let subscriber = || Box::from(permit.subscriber.as_str());
        match permit.requires {
            Some(Requirement::Addressee) => drop(self.by_addressee.insert(subscriber(), number)),
            Some(Requirement::WatchParcel) => drop(self.by_parcel_watcher.insert(subscriber(), number)),
            Some(Requirement::WatchPerson) => drop(self.by_person_watcher.insert(subscriber(), number)),
            None => match selector.as_ref().and_then(|selector| selector.counties()) {
                None => self.of_any_county.push(number),
                Some(counties) => {
                    for county in counties {
                        self.by_county.entry(county.into()).or_default().push(number);
                    }
                    self.of_some_county.push(number);
                }
            },
        }
        let (valid_from, _) = day_bounds(permit.valid_from);
        let (_, invalid_from) = day_bounds(permit.valid_until);
        self.slots.push(Slot { permit: permit_number, valid_from, invalid_from, selector });
    }

    /// The slots without a condition that an event of this county can pass.
    fn reached_without_condition(&self, facts: &EventFacts<'_>) -> impl Iterator<Item = &u32> {
        let of_county = match facts.county {
            Some(county) => self.by_county.get(county).map_or(&[][..], Vec::as_slice),
            None => &self.of_some_county,
        };
        self.of_any_county.iter().chain(of_county)
    }
}

impl Slot {
    fn passes(&self, facts: &EventFacts<'_>) -> bool {
        self.valid_from <= facts.at
            && facts.at < self.invalid_from
            && self.selector.as_ref().is_none_or(|selector| selector.passes(facts))
    }
}

#[cfg(test)]
mod tests;
