//! `subscriptions/*.toml`.

use std::collections::{BTreeMap, BTreeSet};

use barid_mistake::{Mistakes, Place, nearest, parse_toml_noting};
use barid_schemas::Catalogue;
use barid_schemas::case_event::RESTRICTION;
use toml::Spanned;

use super::PolicyFile;
use super::permits::Given;
use super::reader::{Reader, in_quotes};
use crate::attributes::{Attribute, Static, seen_service};
use crate::filter::{Comparison, Filter, Test};
use crate::permit::Permit;
use crate::simplify::can_never_pass;
use crate::subscription::Subscription;
use crate::written::{SubscriptionFile, WrittenFilter, WrittenSubscription, WrittenTests};

/// All subscriptions read so far.
#[derive(Default)]
pub(super) struct Named {
    pub(super) subscriptions: Vec<Subscription>,
    /// Where each (subscriber, name) stands.
    names: BTreeMap<(String, String), Place>,
}

pub(super) fn read(
    file: &PolicyFile,
    catalogue: &Catalogue,
    given: &Given,
    named: &mut Named,
    mistakes: &mut Mistakes,
) {
    let Some(written) = parse_toml_noting::<SubscriptionFile>(&file.path, &file.text, mistakes) else { return };
    for subscription in &written.subscription {
        Reader { file, catalogue, mistakes }.subscription(subscription, given, named);
    }
}

impl Reader<'_> {
    fn subscription(&mut self, table: &Spanned<WrittenSubscription>, given: &Given, named: &mut Named) {
        let before = self.mistakes.len();
        let written = table.get_ref();
        let subscriber = self.required(&written.subscriber, "subscriber", table, "subscription");
        let subscriber = subscriber.filter(|word| self.agency(word).is_some());
        if let Some(subscriber) = subscriber
            && !given.named.contains(subscriber.get_ref())
            && !given.unreadable
        {
            let message = format!("a subscription of `{}`, which has no permit", subscriber.get_ref());
            self.refuse_with_cure(subscriber, message, "a subscription only narrows what a permit gives");
        }
        let name = self.required(&written.name, "name", table, "subscription");
        if let (Some(subscriber), Some(name)) = (subscriber, name) {
            self.name(subscriber.get_ref(), name, named);
        }
        let publisher = written.publisher.as_ref().filter(|word| self.agency(word).is_some());
        let service = written.service.as_ref().filter(|word| self.seen_service_is_known(word));
        let counties = self.counties(&written.counties);
        let filters: Vec<Filter> = written.filters.iter().filter_map(|filter| self.filter(filter)).collect();
        let (Some(subscriber), Some(name), true) = (subscriber, name, self.mistakes.len() == before) else { return };
        let subscription = Subscription {
            subscriber: subscriber.get_ref().clone(),
            name: name.get_ref().clone(),
            publisher: publisher.map(|word| word.get_ref().clone()),
            service: service.map(|word| word.get_ref().clone()),
            counties,
            filters,
            place: self.place(table),
        };
        if !given.unreadable && !given.in_doubt.contains(&subscription.subscriber) {
            self.something_can_pass(table, &subscription, given);
        }
        if self.mistakes.len() == before {
            named.subscriptions.push(subscription);
        }
    }

    fn name(&mut self, subscriber: &str, name: &Spanned<String>, named: &mut Named) {
        if name.get_ref().trim().is_empty() {
            self.refuse(name, "a subscription with an empty `name`");
            return;
        }
        let key = (subscriber.to_owned(), name.get_ref().clone());
        if let Some(first) = named.names.get(&key) {
            self.refuse(name, format!("`{subscriber}` already has a subscription `{}` ({first})", name.get_ref()));
        } else {
            named.names.insert(key, self.place(name));
        }
    }

    fn seen_service_is_known(&mut self, word: &Spanned<String>) -> bool {
        let catalogue = self.catalogue;
        let known = word.get_ref() == RESTRICTION || catalogue.services.contains_key(word.get_ref());
        if !known {
            self.refuse_word(word, "service", catalogue.services.keys().map(String::as_str).chain([RESTRICTION]));
        }
        known
    }

    fn counties(&mut self, words: &[Spanned<String>]) -> BTreeSet<String> {
        let catalogue = self.catalogue;
        let mut counties = BTreeSet::new();
        for word in words {
            if !catalogue.counties.contains_key(word.get_ref()) {
                self.refuse_word(word, "county", catalogue.counties.keys().map(String::as_str));
            } else if !counties.insert(word.get_ref().clone()) {
                self.refuse(word, format!("county `{}` is named twice", word.get_ref()));
            }
        }
        counties
    }

    fn filter(&mut self, table: &Spanned<WrittenFilter>) -> Option<Filter> {
        let WrittenFilter { exact, prefix, suffix, all, any, not } = table.get_ref();
        let mut found = Vec::new();
        let mut dialects = 0;
        for (tests, comparison) in
            [(exact, Comparison::Exact), (prefix, Comparison::Prefix), (suffix, Comparison::Suffix)]
        {
            if let Some(tests) = tests {
                dialects += 1;
                found.extend(self.tests(table, tests, comparison));
            }
        }
        for (filters, join, name) in [
            (all, Filter::All as fn(Vec<Filter>) -> Filter, "all"),
            (any, Filter::Any as fn(Vec<Filter>) -> Filter, "any"),
        ] {
            if let Some(filters) = filters {
                dialects += 1;
                if filters.is_empty() {
                    self.refuse(table, format!("`{name}` of no filters"));
                }
                found.push(join(filters.iter().filter_map(|filter| self.filter(filter)).collect()));
            }
        }
        if let Some(filter) = not {
            dialects += 1;
            found.extend(self.filter(filter).map(|filter| Filter::Not(Box::new(filter))));
        }
        if dialects != 1 {
            let cure = "write each in braces of its own; all filters of a subscription must pass";
            self.refuse_with_cure(table, format!("a filter has one dialect, this has {dialects}"), cure);
        }
        found.pop()
    }

    fn tests<T>(&mut self, table: &Spanned<T>, tests: &WrittenTests, comparison: Comparison) -> Option<Filter> {
        if tests.is_empty() {
            self.refuse(table, format!("`{}` of no attributes", comparison.name()));
        }
        let mut found = Vec::new();
        for (name, text) in tests {
            let Some(attribute) = Attribute::from_name(name.get_ref()) else {
                let known = Attribute::ALL.map(Attribute::name);
                let cure = match nearest(name.get_ref(), known) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("filters may use {}", in_quotes(known)),
                };
                self.refuse_with_cure(name, format!("unknown attribute `{}`", name.get_ref()), cure);
                continue;
            };
            if text.get_ref().is_empty() {
                self.refuse(text, format!("`{}` of an empty text", comparison.name()));
                continue;
            }
            found.push(Filter::Test(Test { attribute, comparison, text: text.get_ref().clone() }));
        }
        if found.len() > 1 { Some(Filter::All(found)) } else { found.pop() }
    }

    fn something_can_pass(&mut self, table: &Spanned<WrittenSubscription>, subscription: &Subscription, given: &Given) {
        let subscriber = &subscription.subscriber;
        let own: Vec<&Permit> = given.permits.iter().filter(|permit| permit.subscriber == *subscriber).collect();
        let narrowed: Vec<&Permit> = own.iter().copied().filter(|permit| subscription.narrows_to(permit)).collect();
        if narrowed.is_empty() {
            self.narrowed_to_nothing(table, subscription, &own);
            return;
        }
        let seen: BTreeSet<Static> = narrowed.iter().map(|permit| Static::of(permit, self.catalogue)).collect();
        let never = |filters: &[Filter]| seen.iter().all(|known| can_never_pass(filters, known));
        let written = &table.get_ref().filters;
        let mut alone = false;
        for (filter, written) in subscription.filters.iter().zip(written) {
            if never(std::slice::from_ref(filter)) {
                alone = true;
                self.refuse_with_cure(
                    written,
                    format!("the filter can never match: {filter}"),
                    what_is_seen(filter, &seen),
                );
            }
        }
        if !alone && never(&subscription.filters) {
            let together = subscription.filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let place = written.first().map_or_else(|| self.place(table), |first| self.place(first));
            let mistake =
                barid_mistake::Mistake::new(place, format!("the filters can never match together: {together}"));
            self.mistakes.push(mistake.with_cure("write another `[[subscription]]`: any of them may pass"));
        }
    }

    fn narrowed_to_nothing(
        &mut self,
        table: &Spanned<WrittenSubscription>,
        subscription: &Subscription,
        own: &[&Permit],
    ) {
        let subscriber = &subscription.subscriber;
        let service = table.get_ref().service.as_ref();
        let publisher = table.get_ref().publisher.as_ref();
        let hidden = own.iter().any(|permit| {
            Some(&permit.service) == subscription.service.as_ref() && seen_service(permit) == RESTRICTION
        });
        match (service, publisher) {
            (Some(service), _) if hidden => {
                let message = format!(
                    "the subscription can never match: `{subscriber}` sees `{}` in the coarse view only",
                    service.get_ref()
                );
                self.refuse_with_cure(service, message, format!("write service = \"{RESTRICTION}\""));
            }
            (Some(service), _) => {
                let message = format!(
                    "the subscription can never match: no permit shows `{}` to `{subscriber}`",
                    service.get_ref()
                );
                let seen: BTreeSet<&str> = own.iter().map(|permit| seen_service(permit)).collect();
                self.refuse_with_cure(service, message, format!("it may see {}", in_quotes(seen)));
            }
            (None, Some(publisher)) => {
                let message = format!(
                    "the subscription can never match: no permit gives `{subscriber}` an event of `{}`",
                    publisher.get_ref()
                );
                let seen: BTreeSet<&str> = own.iter().map(|permit| permit.publisher.as_str()).collect();
                self.refuse_with_cure(publisher, message, format!("it may hear of {}", in_quotes(seen)));
            }
            // No permit at all: said before.
            (None, None) => {}
        }
    }
}

/// What could be written instead of a filter that never matches.
fn what_is_seen(filter: &Filter, seen: &BTreeSet<Static>) -> String {
    const MOST: usize = 6;
    let mut tests = Vec::new();
    collect_tests(filter, &mut tests);
    let about = |attribute| tests.iter().find(|test| test.attribute == attribute);
    let (test, values): (_, BTreeSet<&str>) = match (about(Attribute::Type), about(Attribute::Source)) {
        (Some(test), _) => (test, seen.iter().map(|known| known.r#type.as_str()).collect()),
        (None, Some(test)) => (test, seen.iter().map(|known| known.source.as_str()).collect()),
        (None, None) if tests.iter().all(|test| seen.iter().any(|known| is_possible_alone(test, known))) => {
            return "its parts contradict each other: write `any`, or another `[[subscription]]`".to_owned();
        }
        (None, None) => {
            return "`id` and `subject` are UUIDs in lower case, `time` is like `2022-10-04T00:00:00Z`, in UTC"
                .to_owned();
        }
    };
    if test.attribute == Attribute::Type
        && let Some(near) = nearest(&test.text, values.iter().copied())
    {
        return format!("did you mean `{near}`?");
    }
    let more = if values.len() > MOST { ", ..." } else { "" };
    format!("its copies have the {} {}{more}", test.attribute, in_quotes(values.into_iter().take(MOST)))
}

fn is_possible_alone(test: &Test, known: &Static) -> bool {
    !can_never_pass(&[Filter::Test(test.clone())], known)
}

fn collect_tests<'f>(filter: &'f Filter, tests: &mut Vec<&'f Test>) {
    match filter {
        Filter::Test(test) => tests.push(test),
        Filter::All(filters) | Filter::Any(filters) => {
            for filter in filters {
                collect_tests(filter, tests);
            }
        }
        Filter::Not(filter) => collect_tests(filter, tests),
    }
}
