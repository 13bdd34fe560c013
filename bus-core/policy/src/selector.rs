//! All subscriptions of one subscriber, compiled for one permit: does a copy pass any of them?
//!
//! What a subscription says about publisher, service, source and type is decided when the selector is made. What is left are
//! alternatives, found by the county of the event and, where a filter names the case, by its `corr_id`: a subscriber may
//! follow ten thousand single cases. Other filters (`prefix`, `suffix`, `not`; on `id` and `time`) are tried one by one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::attributes::{Attribute, Static, dynamic};
use crate::event::EventFacts;
use crate::filter::{Comparison, Filter, Test};
use crate::permit::Permit;
use crate::simplify::{Simplified, simplify_all};
use crate::subscription::Subscription;

/// What a permit's subscriptions let through.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    Everything,
    Nothing,
    Some(Box<Selector>),
}

/// The alternatives by county.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    /// Of subscriptions that list no county.
    any_county: Alternatives,
    by_county: HashMap<Box<str>, Alternatives>,
    /// Of all subscriptions: an event without a county passes every list of counties.
    without_county: Alternatives,
}

/// Filters of which one must pass.
#[derive(Debug, Clone, Default)]
struct Alternatives {
    everything: bool,
    /// Filters that ask for one `subject`, by it; the rest of the filter is `None` if nothing else is asked.
    by_subject: HashMap<Box<str>, Vec<Option<Arc<Filter>>>>,
    others: Vec<Arc<Filter>>,
}

impl Selection {
    /// Compiles the subscriptions of the permit's subscriber; without any, everything passes.
    pub(crate) fn new(subscriptions: &[&Subscription], permit: &Permit, known: &Static) -> Self {
        if subscriptions.is_empty() {
            return Self::Everything;
        }
        let mut selector = Selector::default();
        for subscription in subscriptions.iter().filter(|subscription| subscription.narrows_to(permit)) {
            match simplify_all(&subscription.filters, known) {
                Simplified::Never => {}
                Simplified::Always => selector.add(&subscription.counties, None),
                Simplified::Sometimes(Filter::Any(branches)) => {
                    for branch in branches {
                        selector.add(&subscription.counties, Some(branch));
                    }
                }
                Simplified::Sometimes(filter) => selector.add(&subscription.counties, Some(filter)),
            }
        }
        if selector.without_county.is_empty() {
            Self::Nothing
        } else if selector.any_county.everything {
            Self::Everything
        } else {
            Self::Some(Box::new(selector))
        }
    }
}

impl Selector {
    fn add(&mut self, counties: &BTreeSet<String>, filter: Option<Filter>) {
        let alternative = Alternative::new(filter);
        self.without_county.add(&alternative);
        if counties.is_empty() {
            self.any_county.add(&alternative);
        }
        for county in counties {
            self.by_county.entry(county.as_str().into()).or_default().add(&alternative);
        }
    }

    /// The only counties of which anything passes; `None` if a subscription lists none.
    pub(crate) fn counties(&self) -> Option<impl Iterator<Item = &str>> {
        self.any_county.is_empty().then(|| self.by_county.keys().map(|county| &**county))
    }

    /// Whether a copy of the event passes.
    pub(crate) fn passes(&self, facts: &EventFacts<'_>) -> bool {
        match facts.county {
            None => self.without_county.passes(facts),
            Some(county) => {
                self.any_county.passes(facts) || self.by_county.get(county).is_some_and(|found| found.passes(facts))
            }
        }
    }
}

/// One filter, split at the case that it asks for.
struct Alternative {
    subject: Option<String>,
    rest: Option<Arc<Filter>>,
}

impl Alternative {
    fn new(filter: Option<Filter>) -> Self {
        match filter {
            None => Self { subject: None, rest: None },
            Some(Filter::Test(test)) if asks_for_subject(&test) => Self { subject: Some(test.text), rest: None },
            Some(Filter::All(mut filters)) => {
                let is_subject = |filter: &Filter| matches!(filter, Filter::Test(test) if asks_for_subject(test));
                let subject = filters.iter().position(is_subject).map(|position| filters.remove(position));
                let subject = subject.and_then(|filter| match filter {
                    Filter::Test(test) => Some(test.text),
                    _ => None,
                });
                Self { subject, rest: (!filters.is_empty()).then(|| Arc::new(Filter::All(filters))) }
            }
            Some(filter) => Self { subject: None, rest: Some(Arc::new(filter)) },
        }
    }
}

fn asks_for_subject(test: &Test) -> bool {
    test.attribute == Attribute::Subject && test.comparison == Comparison::Exact
}

impl Alternatives {
    fn add(&mut self, alternative: &Alternative) {
        match (&alternative.subject, &alternative.rest) {
            (Some(subject), rest) => {
                self.by_subject.entry(subject.as_str().into()).or_default().push(rest.clone());
            }
            (None, Some(rest)) => self.others.push(Arc::clone(rest)),
            (None, None) => self.everything = true,
        }
    }

    fn is_empty(&self) -> bool {
        !self.everything && self.by_subject.is_empty() && self.others.is_empty()
    }

    fn passes(&self, facts: &EventFacts<'_>) -> bool {
        if self.everything {
            return true;
        }
        let subject_passes = !self.by_subject.is_empty()
            && dynamic(facts, Attribute::Subject)
                .and_then(|subject| self.by_subject.get(&*subject))
                .is_some_and(|rests| rests.iter().any(|rest| rest.as_ref().is_none_or(|filter| passes(filter, facts))));
        subject_passes || self.others.iter().any(|filter| passes(filter, facts))
    }
}

/// Whether a filter that [`simplify_all`] has left passes.
fn passes(filter: &Filter, facts: &EventFacts<'_>) -> bool {
    match filter {
        Filter::Test(test) => dynamic(facts, test.attribute).is_some_and(|value| test.passes(&value)),
        Filter::All(filters) => filters.iter().all(|filter| passes(filter, facts)),
        Filter::Any(filters) => filters.iter().any(|filter| passes(filter, facts)),
        Filter::Not(filter) => !passes(filter, facts),
    }
}
