//! What a new policy changes, in words that a person can say yes or no to: `barid policy apply` prints it first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use barid_schemas::case_event::View;
use barid_schemas::catalogue::{Catalogue, Service};
use barid_schemas::{Group, GroupSet};
use serde::Serialize;

use crate::load::Policy;
use crate::permit::{Permit, groups_in_words, view_code};
use crate::subscription::Subscription;
use crate::validity::iso;

/// All that a new policy changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Permits, then subscriptions, then the catalogue.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// `permit`, `subscription`, or a part of the catalogue such as `service`.
    pub what: &'static str,
    /// Which one.
    pub subject: String,
    /// What changes in it.
    pub details: Vec<String>,
    /// Whether somebody may see something that was withheld before.
    pub gives_more: bool,
}

/// How it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

impl Difference {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether somebody may see something that was withheld before.
    #[must_use]
    pub fn gives_more(&self) -> bool {
        self.changes.iter().any(|change| change.gives_more)
    }

    fn add(&mut self, what: &'static str, subject: &str, one: Compared<'_>) {
        let (kind, details, gives_more) = match one {
            Compared::Same => return,
            Compared::Added { gives_more } => (ChangeKind::Added, Vec::new(), gives_more),
            Compared::Removed => (ChangeKind::Removed, Vec::new(), false),
            Compared::Changed(changed) => (ChangeKind::Changed, changed.details, changed.gives_more),
            Compared::Words(kind, word) => (kind, vec![word.to_owned()], false),
        };
        self.changes.push(Change { kind, what, subject: subject.to_owned(), details, gives_more });
    }
}

/// What became of one thing.
enum Compared<'w> {
    Same,
    Added { gives_more: bool },
    Removed,
    Changed(Changed),
    Words(ChangeKind, &'w str),
}

#[derive(Default)]
struct Changed {
    details: Vec<String>,
    gives_more: bool,
}

impl Changed {
    fn note(&mut self, detail: String, gives_more: bool) {
        self.details.push(detail);
        self.gives_more |= gives_more;
    }

    fn into_compared<'w>(self) -> Compared<'w> {
        if self.details.is_empty() { Compared::Same } else { Compared::Changed(self) }
    }
}

/// `+`, `-` or `~`, and `!` where somebody may see more than before; a count last.
impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("nothing changes");
        }
        for change in &self.changes {
            writeln!(formatter, "{change}")?;
        }
        let count = |kind| self.changes.iter().filter(|change| change.kind == kind).count();
        let more = self.changes.iter().filter(|change| change.gives_more).count();
        write!(
            formatter,
            "{} added, {} removed, {} changed; {more} give more than before (!)",
            count(ChangeKind::Added),
            count(ChangeKind::Removed),
            count(ChangeKind::Changed)
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
        };
        let more = if self.gives_more { '!' } else { ' ' };
        write!(formatter, "{sign}{more} {} {}", self.what, self.subject)?;
        self.details.iter().try_for_each(|detail| write!(formatter, "\n       {detail}"))
    }
}

/// What `new` changes of `old`. Where the rules are written does not matter.
#[must_use]
pub fn difference(old: &Policy, new: &Policy) -> Difference {
    let mut difference = Difference::default();
    permits(old, new, &mut difference);
    subscriptions(old, new, &mut difference);
    catalogue(&old.catalogue, &new.catalogue, &mut difference);
    difference
}

fn permits(old: &Policy, new: &Policy, difference: &mut Difference) {
    let by_key = |policy: &'_ Policy| -> BTreeMap<[String; 4], Permit> {
        let key = |permit: &Permit| {
            [&permit.publisher, &permit.subscriber, &permit.service, &permit.status].map(String::clone)
        };
        policy.permits.iter().map(|permit| (key(permit), permit.clone())).collect()
    };
    for (before, after) in pairs(&by_key(old), &by_key(new)) {
        match (before, after) {
            (None, Some(after)) => {
                difference.add("permit", &after.to_string(), Compared::Added { gives_more: true });
            }
            (Some(before), None) => difference.add("permit", &before.to_string(), Compared::Removed),
            (Some(before), Some(after)) => {
                difference.add("permit", &after.to_string(), permit_changes(before, after).into_compared());
            }
            (None, None) => {}
        }
    }
}

fn permit_changes(before: &Permit, after: &Permit) -> Changed {
    let mut changed = Changed::default();
    let without = |all: GroupSet, other: GroupSet| -> GroupSet {
        all.iter().filter(|group: &Group| !other.contains(*group)).collect()
    };
    let wider = without(after.groups, before.groups);
    let narrower = without(before.groups, after.groups);
    if !wider.is_empty() {
        changed.note(format!("wider: gives {}", groups_in_words(wider)), true);
    }
    if !narrower.is_empty() {
        changed.note(format!("narrower: no longer gives {}", groups_in_words(narrower)), false);
    }
    if before.view != after.view {
        let detail = format!("view {} -> {}", view_code(before.view), view_code(after.view));
        changed.note(detail, after.view == View::Exact);
    }
    if before.requires != after.requires {
        let word = |permit: &Permit| permit.requires.map_or("nothing", crate::permit::Requirement::code);
        // From one condition to another: other events come through.
        changed.note(format!("requires {} -> {}", word(before), word(after)), before.requires.is_some());
    }
    if before.number != after.number {
        changed.note(format!("number {} -> {}", before.number, after.number), false);
    }
    if (before.valid_from, before.valid_until) != (after.valid_from, after.valid_until) {
        let longer = after.valid_from < before.valid_from || before.valid_until < after.valid_until;
        let days = |permit: &Permit| format!("{}..{}", iso(permit.valid_from), iso(permit.valid_until));
        changed.note(format!("valid {} -> {}", days(before), days(after)), longer);
    }
    changed
}

/// Subscriptions never give more than permits do.
fn subscriptions(old: &Policy, new: &Policy, difference: &mut Difference) {
    let by_name = |policy: &Policy| -> BTreeMap<String, Subscription> {
        let named = policy.subscriptions.iter();
        named.map(|one| (format!("{} `{}`", one.subscriber, one.name), one.clone())).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    for name in names(&old, &new) {
        let compared = match (old.get(name), new.get(name)) {
            (None, Some(_)) => Compared::Added { gives_more: false },
            (Some(_), None) => Compared::Removed,
            (Some(before), Some(after)) => subscription_changes(before, after).into_compared(),
            (None, None) => Compared::Same,
        };
        difference.add("subscription", name, compared);
    }
}

fn subscription_changes(before: &Subscription, after: &Subscription) -> Changed {
    let mut changed = Changed::default();
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "any".to_owned());
    let counties = |one: &Subscription| {
        let all = one.counties.iter().cloned().collect::<Vec<_>>().join(", ");
        if all.is_empty() { "any".to_owned() } else { all }
    };
    let filters = |one: &Subscription| {
        let all = one.filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if all.is_empty() { "none".to_owned() } else { all }
    };
    let parts = [
        ("publisher", word(&before.publisher), word(&after.publisher)),
        ("service", word(&before.service), word(&after.service)),
        ("counties", counties(before), counties(after)),
        ("filters", filters(before), filters(after)),
    ];
    for (part, before, after) in parts.into_iter().filter(|(_, before, after)| before != after) {
        changed.note(format!("{part} {before} -> {after}"), false);
    }
    changed
}

/// The catalogue gives nothing by itself, but it says what permits may give and what a coarse view shows.
fn catalogue(old: &Catalogue, new: &Catalogue, difference: &mut Difference) {
    for name in names(&old.agencies, &new.agencies) {
        difference.add("agency", name, plain(old.agencies.get(name), new.agencies.get(name)));
    }
    for name in names(&old.statuses, &new.statuses) {
        let (before, after) = (old.statuses.get(name), new.statuses.get(name));
        let compared = match (before, after) {
            (Some(before), Some(after)) if before.phase != after.phase => {
                let detail = format!("coarse phase {} -> {}", before.phase.code(), after.phase.code());
                Compared::Changed(Changed { details: vec![detail], gives_more: false })
            }
            _ => plain(before, after),
        };
        difference.add("status", name, compared);
    }
    for name in names(&old.counties, &new.counties) {
        difference.add("county", name, plain(old.counties.get(name), new.counties.get(name)));
    }
    for name in names(&old.services, &new.services) {
        let compared = match (old.services.get(name), new.services.get(name)) {
            (Some(before), Some(after)) if before.edges != after.edges => edge_changes(before, after),
            (before, after) => plain(before, after),
        };
        difference.add("service", name, compared);
    }
    whitelists(old, new, difference);
    words("sensitive service", &old.sensitive_services, &new.sensitive_services, difference);
    words("agency with exact status", &old.exact_status_agencies, &new.exact_status_agencies, difference);
    let pairs = |catalogue: &Catalogue| -> BTreeSet<String> {
        catalogue.exact_status_pairs.iter().map(|(service, agency)| format!("{service} to {agency}")).collect()
    };
    words("pair with exact status", &pairs(old), &pairs(new), difference);
}

fn whitelists(old: &Catalogue, new: &Catalogue, difference: &mut Difference) {
    for group in Group::ALL {
        match (old.whitelist.get(&group), new.whitelist.get(&group)) {
            (Some(before), Some(after)) => {
                for agency in before.symmetric_difference(after) {
                    let kind = if after.contains(agency) { ChangeKind::Added } else { ChangeKind::Removed };
                    difference.add("whitelist of group", group.field_name(), Compared::Words(kind, agency));
                }
            }
            (None, Some(_)) => {
                difference.add("whitelist of group", group.field_name(), Compared::Added { gives_more: false });
            }
            (Some(_), None) => difference.add("whitelist of group", group.field_name(), Compared::Removed),
            (None, None) => {}
        }
    }
}

fn words(what: &'static str, old: &BTreeSet<String>, new: &BTreeSet<String>, difference: &mut Difference) {
    for word in old.symmetric_difference(new) {
        let compared = if new.contains(word) { Compared::Added { gives_more: false } } else { Compared::Removed };
        difference.add(what, word, compared);
    }
}

fn plain<'w, T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Compared<'w> {
    match (before, after) {
        (None, Some(_)) => Compared::Added { gives_more: false },
        (Some(_), None) => Compared::Removed,
        (Some(before), Some(after)) if before != after => {
            Compared::Changed(Changed { details: vec!["described otherwise".to_owned()], gives_more: false })
        }
        _ => Compared::Same,
    }
}

fn edge_changes<'w>(before: &Service, after: &Service) -> Compared<'w> {
    let edges = |service: &Service| -> BTreeMap<String, String> {
        let name = |edge: &barid_schemas::catalogue::Edge| format!("{} -> {}", edge.from, edge.to);
        service.edges.iter().map(|edge| (name(edge), format!("{edge:?}"))).collect()
    };
    let (old, new) = (edges(before), edges(after));
    let mut changed = Changed::default();
    for name in names(&old, &new) {
        let detail = match (old.get(name), new.get(name)) {
            (None, Some(_)) => format!("new transition {name}"),
            (Some(_), None) => format!("no more transition {name}"),
            (Some(before), Some(after)) if before != after => format!("transition {name} has another actor or limit"),
            _ => continue,
        };
        changed.note(detail, false);
    }
    if changed.details.is_empty() {
        changed.note("transitions in another order".to_owned(), false);
    }
    changed.into_compared()
}

/// The keys of both, in order.
fn names<'m, K: Ord, A, B>(old: &'m BTreeMap<K, A>, new: &'m BTreeMap<K, B>) -> BTreeSet<&'m K> {
    old.keys().chain(new.keys()).collect()
}

/// The values of both, by key.
fn pairs<'m, K: Ord, V>(
    old: &'m BTreeMap<K, V>,
    new: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (Option<&'m V>, Option<&'m V>)> {
    names(old, new).into_iter().map(|key| (old.get(key), new.get(key)))
}

#[cfg(test)]
mod tests;
