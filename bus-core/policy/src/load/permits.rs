//! `permits/<publisher>.toml`.

use std::collections::{BTreeMap, BTreeSet};

use barid_mistake::{Mistake, Mistakes, Place, nearest, parse_toml_noting};
use barid_schemas::case_event::View;
use barid_schemas::catalogue::{Owner, Service};
use barid_schemas::{Catalogue, Date, Group, GroupSet};
use toml::Spanned;
use toml::value::Datetime;

use super::PolicyFile;
use super::reader::{Reader, in_quotes};
use crate::permit::{Permit, Requirement};
use crate::validity::{from_civil, iso};
use crate::written::{PermitFile, WrittenGrant, WrittenPermit};

/// The longest permit number; it goes into a header of every copy.
const MOST_NUMBER_BYTES: usize = 64;

/// All permits read so far.
#[derive(Default)]
pub(super) struct Given {
    pub(super) permits: Vec<Permit>,
    /// Where each (publisher, service, status, subscriber) is given.
    grants: BTreeMap<[String; 4], Place>,
    /// The pair of publisher and subscriber of each number.
    pairs: BTreeMap<String, (String, String, Place)>,
    /// The number of each pair.
    numbers: BTreeMap<(String, String), (String, Place)>,
    /// Subscribers that are named in a permit, right or not.
    pub(super) named: BTreeSet<String>,
    /// Subscribers with a permit at fault: what they may hear is not certain.
    pub(super) in_doubt: BTreeSet<String>,
    /// Whether a file could not be read at all, so that anybody may lack a permit.
    pub(super) unreadable: bool,
}

/// What all grants of one permit share.
struct Head {
    publisher: Option<String>,
    subscriber: String,
    number: String,
    valid_from: Date,
    valid_until: Date,
}

pub(super) fn read(
    publisher: &str,
    file: &PolicyFile,
    catalogue: &Catalogue,
    given: &mut Given,
    mistakes: &mut Mistakes,
) {
    let mut publisher = Some(publisher);
    if let Some(unknown) = publisher.filter(|publisher| !catalogue.agencies.contains_key(*publisher)) {
        let mistake = Mistake::new(Place::file(&file.path), format!("unknown agency `{unknown}`, the publisher"));
        let known = || catalogue.agencies.keys().map(String::as_str);
        let mistake = mistake.with_cure("a permit file has the code of its publisher as its name");
        mistakes.push(mistake.with_nearest(unknown, known()));
        // The other mistakes of the file are looked for as if it had the name that was meant.
        publisher = nearest(unknown, known());
        given.unreadable = true;
    }
    let before = mistakes.len();
    let Some(written) = parse_toml_noting::<PermitFile>(&file.path, &file.text, mistakes) else {
        given.unreadable = true;
        return;
    };
    // A key that was not understood may be the one that would have made a permit.
    given.unreadable |= mistakes.len() > before;
    for permit in &written.permit {
        let before = mistakes.len();
        Reader { file, catalogue, mistakes }.permit(publisher, permit, given);
        if let Some(subscriber) = &permit.get_ref().subscriber {
            given.named.insert(subscriber.get_ref().clone());
            if mistakes.len() > before {
                given.in_doubt.insert(subscriber.get_ref().clone());
            }
        }
    }
}

impl Reader<'_> {
    /// Without a publisher nothing is judged that depends on it.
    fn permit(&mut self, publisher: Option<&str>, table: &Spanned<WrittenPermit>, given: &mut Given) {
        let written = table.get_ref();
        let number = self.required(&written.number, "number", table, "permit");
        let number = number.filter(|number| self.number_is_sound(number));
        let subscriber = self.required(&written.subscriber, "subscriber", table, "permit");
        let subscriber = subscriber.filter(|subscriber| self.subscriber_is_sound(publisher, subscriber));
        if let (Some(publisher), Some(number), Some(subscriber)) = (publisher, number, subscriber) {
            self.pair(publisher, number, subscriber, given);
        }
        let from = self.required(&written.valid_from, "valid_from", table, "permit");
        let from = from.and_then(|date| self.date(date, "valid_from"));
        let until = self.required(&written.valid_until, "valid_until", table, "permit");
        let until_place = until.map(|date| self.place(date));
        let until = until.and_then(|date| self.date(date, "valid_until"));
        if let (Some(from), Some(until), Some(place)) = (from, until, until_place)
            && until < from
        {
            let message = format!("the permit has run out before it begins: {} is before {}", iso(until), iso(from));
            self.mistakes.push(Mistake::new(place, message).with_cure("`valid_until` is the last valid day"));
        }
        if written.grant.is_empty() {
            self.refuse_with_cure(
                table,
                "a permit that grants nothing",
                "add a `[[permit.grant]]` or remove the permit",
            );
        }
        let head = Head {
            publisher: publisher.map(str::to_owned),
            subscriber: subscriber.map(|subscriber| subscriber.get_ref().clone()).unwrap_or_default(),
            number: number.map(|number| number.get_ref().clone()).unwrap_or_default(),
            valid_from: from.unwrap_or(Date(0)),
            valid_until: until.unwrap_or(Date(0)),
        };
        for grant in &written.grant {
            self.grant(&head, grant, given);
        }
    }

    fn number_is_sound(&mut self, number: &Spanned<String>) -> bool {
        let text = number.get_ref();
        let sound = !text.trim().is_empty()
            && text.trim() == text
            && text.len() <= MOST_NUMBER_BYTES
            && !text.chars().any(char::is_control);
        if !sound {
            let cure = "1 to 64 bytes, no blank at either end, no control character: it is a header of every copy";
            self.refuse_with_cure(number, format!("`{}` is no permit number", text.escape_debug()), cure);
        }
        sound
    }

    fn subscriber_is_sound(&mut self, publisher: Option<&str>, subscriber: &Spanned<String>) -> bool {
        if self.agency(subscriber).is_none() {
            return false;
        }
        if publisher == Some(subscriber.get_ref()) {
            self.refuse(subscriber, format!("`{}` cannot be its own subscriber", subscriber.get_ref()));
            return false;
        }
        true
    }

    /// One number for each pair, for the number is a header of the copy: two numbers of one pair would tell apart what a
    /// coarse view makes equal, and one number of two pairs would say nothing.
    fn pair(&mut self, publisher: &str, number: &Spanned<String>, subscriber: &Spanned<String>, given: &mut Given) {
        let pair = (publisher.to_owned(), subscriber.get_ref().clone());
        let place = self.place(number);
        match given.pairs.get(number.get_ref()) {
            Some((other, to, first)) if (other, to) != (&pair.0, &pair.1) => {
                let message = format!(
                    "number `{}` already stands for `{other}` to `{to}` ({first}): one number for each pair",
                    number.get_ref()
                );
                self.refuse(number, message);
            }
            Some(_) => {}
            None => {
                let entry = (pair.0.clone(), pair.1.clone(), place.clone());
                given.pairs.insert(number.get_ref().clone(), entry);
            }
        }
        match given.numbers.get(&pair) {
            Some((other, first)) if other != number.get_ref() => {
                let message = format!(
                    "`{}` to `{}` already has number `{other}` ({first}): one number for each pair",
                    pair.0, pair.1
                );
                self.refuse_with_cure(number, message, format!("write `{other}` here too"));
            }
            Some(_) => {}
            None => drop(given.numbers.insert(pair, (number.get_ref().clone(), place))),
        }
    }

    fn date(&mut self, value: &Spanned<Datetime>, key: &str) -> Option<Date> {
        let written = value.get_ref();
        let date = match (written.date, written.time, written.offset) {
            (Some(date), None, None) => i16::try_from(date.year)
                .ok()
                .and_then(|year| jiff::civil::Date::new(year, date.month as i8, date.day as i8).ok()),
            _ => None,
        };
        if date.is_none() {
            self.refuse_with_cure(value, format!("`{key}` is no date: `{written}`"), "write it like 2022-03-21");
        }
        date.map(from_civil)
    }

    fn grant(&mut self, head: &Head, table: &Spanned<WrittenGrant>, given: &mut Given) {
        let before = self.mistakes.len();
        let written = table.get_ref();
        let service = self.required(&written.service, "service", table, "grant");
        let service = service.and_then(|word| self.service(head.publisher.as_deref(), word));
        let statuses = self.required(&written.statuses, "statuses", table, "grant");
        let statuses: Vec<_> = statuses
            .into_iter()
            .flat_map(|list| {
                if list.get_ref().is_empty() {
                    self.refuse(list, "a grant for no status");
                }
                list.get_ref()
            })
            .collect();
        for status in &statuses {
            self.status(service, status);
        }
        let groups = self.groups(&head.subscriber, written.groups.as_ref());
        let view = self.required(&written.view, "view", table, "grant");
        let view = view.and_then(|word| self.view(service, &head.subscriber, word));
        let requires = written.requires.as_ref().and_then(|word| self.requirement(word));
        let (Some(publisher), Some(service), Some(view), false) =
            (&head.publisher, service, view, head.subscriber.is_empty())
        else {
            return;
        };
        for status in statuses {
            let permit = Permit {
                publisher: publisher.clone(),
                service: service.code.clone(),
                status: status.get_ref().clone(),
                subscriber: head.subscriber.clone(),
                groups,
                view,
                number: head.number.clone(),
                valid_from: head.valid_from,
                valid_until: head.valid_until,
                requires,
                place: self.place(status),
            };
            self.once(&permit, status, given);
            if self.mistakes.len() == before {
                given.permits.push(permit);
            }
        }
    }

    fn once(&mut self, permit: &Permit, status: &Spanned<String>, given: &mut Given) {
        let key = [&permit.publisher, &permit.service, &permit.status, &permit.subscriber].map(String::clone);
        if let Some(first) = given.grants.get(&key) {
            let message = format!(
                "doubled permit: `{}.{}` is already given to `{}` ({first})",
                permit.service, permit.status, permit.subscriber
            );
            self.refuse(status, message);
        } else {
            given.grants.insert(key, permit.place.clone());
        }
    }

    fn status(&mut self, service: Option<&Service>, status: &Spanned<String>) {
        let catalogue = self.catalogue;
        let word = status.get_ref();
        if !catalogue.statuses.contains_key(word) {
            self.refuse_word(status, "status", catalogue.statuses.keys().map(String::as_str));
        } else if let Some(service) = service
            && !service.states().contains(word.as_str())
        {
            let cure = format!("its statuses: {}", in_quotes(service.states()));
            self.refuse_with_cure(status, format!("service `{}` has no status `{word}`", service.code), cure);
        }
    }

    fn groups(&mut self, subscriber: &str, list: Option<&Spanned<Vec<Spanned<String>>>>) -> GroupSet {
        let mut groups = GroupSet::EMPTY;
        for word in list.into_iter().flat_map(Spanned::get_ref) {
            let Some(group) = self.group(word) else { continue };
            if groups.contains(group) {
                self.refuse(word, format!("group `{group}` is named twice"));
            }
            groups = groups.with(group);
            let alone = GroupSet::EMPTY.with(group);
            if !subscriber.is_empty() && !self.catalogue.withheld_by_whitelist(subscriber, alone).is_empty() {
                let allowed = self.catalogue.whitelist.get(&group);
                let allowed = in_quotes(allowed.into_iter().flatten().map(String::as_str));
                let message = format!("group `{group}` is outside of the whitelist for `{subscriber}`");
                self.refuse_with_cure(word, message, format!("only these may ever receive it: {allowed}"));
            }
        }
        groups
    }

    fn group(&mut self, word: &Spanned<String>) -> Option<Group> {
        let text = word.get_ref();
        let mut letters = text.chars();
        let letter = letters.next().filter(|_| letters.next().is_none());
        if matches!(text.as_str(), "E" | "envelope") {
            self.refuse_with_cure(word, format!("`{text}` is no group: the envelope is always given"), "leave it out");
            return None;
        }
        let group = Group::from_field_name(text).or_else(|| letter.and_then(Group::from_letter));
        if group.is_none() {
            self.refuse_word(word, "group", Group::ALL.map(Group::field_name));
        }
        group
    }

    fn view(&mut self, service: Option<&Service>, subscriber: &str, word: &Spanned<String>) -> Option<View> {
        match word.get_ref().as_str() {
            "coarse" => Some(View::Coarse),
            "exact" => {
                if let Some(service) = service
                    && !subscriber.is_empty()
                    && !self.catalogue.may_see_exact_status(&service.code, subscriber)
                {
                    let message = format!(
                        "exact view of the sensitive service `{}` for the outsider `{subscriber}`: its status tells what groups withhold",
                        service.code
                    );
                    self.refuse_with_cure(word, message, "write view = \"coarse\"");
                }
                Some(View::Exact)
            }
            _ => {
                self.refuse_word(word, "view", ["exact", "coarse"]);
                None
            }
        }
    }

    fn requirement(&mut self, word: &Spanned<String>) -> Option<Requirement> {
        let requirement = Requirement::from_code(word.get_ref());
        if requirement.is_none() {
            self.refuse_word(word, "requirement", Requirement::ALL.map(Requirement::code));
        }
        requirement
    }
}

impl<'r> Reader<'r> {
    fn service(&mut self, publisher: Option<&str>, word: &Spanned<String>) -> Option<&'r Service> {
        let catalogue: &'r Catalogue = self.catalogue;
        let Some(service) = catalogue.services.get(word.get_ref()) else {
            self.refuse_word(word, "service", catalogue.services.keys().map(String::as_str));
            return None;
        };
        if let (Owner::Agency(owner), Some(publisher)) = (&service.owner, publisher)
            && owner != publisher
        {
            let message = format!("`{publisher}` is not the owner of service `{}`", service.code);
            self.refuse_with_cure(word, message, format!("its permits belong into permits/{owner}.toml"));
        }
        Some(service)
    }
}
