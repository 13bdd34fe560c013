//! What a new policy takes away, in numbers: a folder that is not complete looks like a policy that withdraws most permits.

use std::collections::BTreeSet;
use std::fmt;

use crate::load::Policy;
use crate::permit::Permit;

/// What is withdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withdrawal {
    /// Permits of the old policy.
    pub before: usize,
    /// Those of them that the new one does not have.
    pub permits: usize,
    /// Subscribers that had a permit and have none any more.
    pub subscribers: Vec<String>,
    /// Publishers of which somebody heard and nobody hears any more.
    pub publishers: Vec<String>,
}

/// What of `old` is not in `new`. A permit whose terms have changed is not withdrawn.
#[must_use]
pub fn withdrawal(old: &Policy, new: &Policy) -> Withdrawal {
    let key =
        |permit: &Permit| [&permit.publisher, &permit.service, &permit.status, &permit.subscriber].map(String::clone);
    let kept: BTreeSet<[String; 4]> = new.permits.iter().map(key).collect();
    let gone = |of: fn(&Permit) -> &String| {
        let names = |policy: &Policy| policy.permits.iter().map(|permit| of(permit).clone()).collect::<BTreeSet<_>>();
        names(old).difference(&names(new)).cloned().collect()
    };
    Withdrawal {
        before: old.permits.len(),
        permits: old.permits.iter().filter(|permit| !kept.contains(&key(permit))).count(),
        subscribers: gone(|permit| &permit.subscriber),
        publishers: gone(|permit| &permit.publisher),
    }
}

impl Withdrawal {
    /// Whether nothing is withdrawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permits == 0
    }

    /// Whether it is so much that a person should say that it is meant: half of the permits or more, all that a subscriber had, or all of a publisher.
    #[must_use]
    pub fn is_drastic(&self) -> bool {
        !self.is_empty()
            && (self.permits * 2 >= self.before || !self.subscribers.is_empty() || !self.publishers.is_empty())
    }
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} permits would be withdrawn", self.permits, self.before)?;
        if !self.subscribers.is_empty() {
            write!(formatter, "; nothing left for {}", self.subscribers.join(", "))?;
        }
        if !self.publishers.is_empty() {
            write!(formatter, "; nothing left of {}", self.publishers.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn without(dropped: impl Fn(&Permit) -> bool) -> Withdrawal {
        let old = sample::policy(&[]);
        let mut new = old.clone();
        new.permits.retain(|permit| !dropped(permit));
        withdrawal(&old, &new)
    }

    #[test]
    fn a_policy_that_keeps_or_adds_permits_withdraws_nothing() {
        let same = without(|_| false);
        assert!(same.is_empty() && !same.is_drastic());
        let policy = sample::policy(&[]);
        let none = Policy { permits: Vec::new(), ..policy.clone() };
        assert!(!withdrawal(&none, &policy).is_drastic());
    }

    #[test]
    fn to_drop_all_permits_or_all_of_one_agency_is_drastic_and_told_in_numbers() {
        let all = without(|_| true);
        assert!(all.is_drastic());
        assert_eq!(all.permits, all.before);
        let bank = without(|permit| permit.subscriber == "bank");
        assert!(bank.is_drastic());
        assert_eq!(bank.subscribers, ["bank"]);
        assert!(bank.to_string().contains(&format!("{} of {} permits", bank.permits, bank.before)), "{bank}");
        assert!(bank.to_string().ends_with("; nothing left for bank"), "{bank}");
    }

    #[test]
    fn one_permit_of_a_subscriber_that_keeps_others_is_no_alarm() {
        let dropped = without(|permit| permit.subscriber == "land" && permit.status == "heard");
        assert_eq!(dropped.permits, 1);
        assert!(!dropped.is_drastic(), "{dropped}");
    }
}
