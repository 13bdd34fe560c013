//! Who must hear of a row, by the permit files of the checkout alone.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use barid_harness::cache;
use barid_harness::oracle::PolicyFiles;

/// A set of subscribers, one bit for each.
pub(crate) type Subscribers = u64;

/// From publisher, service and status to subscribers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// In the order of the bits.
    pub(crate) subscribers: Vec<String>,
    who: BTreeMap<(String, String, String), Subscribers>,
    /// Who must hear if the row is about a watched person.
    watching: BTreeMap<(String, String, String), Subscribers>,
}

impl Rules {
    /// The first policy. Whoever is permitted to watch persons watches all that are watched. Grants that ask for a parcel or an
    /// addressee never apply here: no row names any.
    pub(crate) fn read() -> Result<Self> {
        let policy = PolicyFiles::read(&cache::checkout().join("policy"), cache::checkout())?;
        ensure!(policy.subscriptions.is_empty(), "these rules know permits only");
        let mut rules = Self::default();
        let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        for grant in &policy.grants {
            if today < grant.valid_from || grant.valid_until < today {
                continue;
            }
            let watches = match grant.requires.as_deref() {
                None => false,
                Some("watch:person") => true,
                Some(_) => continue,
            };
            let bit = rules.bit(&grant.subscriber);
            let key = (grant.publisher.clone(), grant.service.clone(), grant.status.clone());
            let rule = if watches { &mut rules.watching } else { &mut rules.who };
            *rule.entry(key).or_default() |= bit;
        }
        ensure!(rules.subscribers.len() <= 64, "there are more subscribers than bits");
        Ok(rules)
    }

    /// Who must hear, whomever it is about.
    pub(crate) fn who(&self, publisher: &str, service: &str, status: &str) -> Subscribers {
        self.who.get(&(publisher.to_owned(), service.to_owned(), status.to_owned())).copied().unwrap_or(0)
    }

    /// Who must hear if it is about a watched person.
    pub(crate) fn watching(&self, publisher: &str, service: &str, status: &str) -> Subscribers {
        self.watching.get(&(publisher.to_owned(), service.to_owned(), status.to_owned())).copied().unwrap_or(0)
    }

    /// Who watches these publishers' cases.
    pub(crate) fn watchers(&self, publishers: &[&str]) -> Vec<&str> {
        let of_them = self.watching.iter().filter(|((publisher, ..), _)| publishers.contains(&publisher.as_str()));
        self.names(of_them.fold(0, |all, (_, who)| all | who))
    }

    /// Whether anybody hears anything of a service.
    pub(crate) fn are_about(&self, publisher: &str, service: &str) -> bool {
        self.who.keys().chain(self.watching.keys()).any(|(by, of, _)| by == publisher && of == service)
    }

    /// The subscribers' names.
    pub(crate) fn names(&self, subscribers: Subscribers) -> Vec<&str> {
        let set = |index: &usize| subscribers >> index & 1 == 1;
        (0..self.subscribers.len()).filter(set).map(|index| self.subscribers[index].as_str()).collect()
    }

    /// The bit of a subscriber that any permit names.
    pub(crate) fn known(&self, subscriber: &str) -> Option<Subscribers> {
        self.subscribers.iter().position(|known| known == subscriber).map(|index| 1 << index)
    }

    fn bit(&mut self, subscriber: &str) -> Subscribers {
        let known = self.subscribers.iter().position(|known| known == subscriber);
        let index = known.unwrap_or_else(|| {
            self.subscribers.push(subscriber.to_owned());
            self.subscribers.len() - 1
        });
        1 << index
    }
}

/// Service and status of a `ce_type`.
pub(crate) fn service_and_status(ce_type: &str) -> Option<(&str, &str)> {
    ce_type.strip_prefix("ir.barid.")?.split_once('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_policy_tells_many_subscribers_of_many_things() {
        let rules = Rules::read().unwrap();
        let who = rules.who("bank_facilities", "bank_rural_housing_loan", "disbursed");
        assert_eq!(rules.names(who).len() as u32, who.count_ones());
        assert!(rules.names(who).contains(&"housing_foundation"));
        assert_eq!(rules.who("bank_facilities", "bank_rural_housing_loan", "unheard_of"), 0);
        let (who, watching) = ("tourism_heritage", "tourism_ecolodge_approval");
        assert_eq!(rules.names(rules.watching(who, watching, "principle_approved")), ["bank_facilities"]);
        assert_eq!(rules.watchers(&[who]), ["bank_facilities"]);
    }

    #[test]
    fn a_type_tells_service_and_status() {
        assert_eq!(service_and_status("ir.barid.harbour_fine.paid"), Some(("harbour_fine", "paid")));
        assert_eq!(service_and_status("com.example.paid"), None);
    }
}
