//! Which of two processes with one name is to stay: the younger one.
//!
//! Two that take the name from each other again and again must not both give up, nor both go on. So each tells the group when it was born, as part of its client id, and
//! who has lost the name asks the group who has it now. Clocks need not be right for that: all that matters is that both compare the same two times.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Processor;
use super::slot::{GroupConsumer, Slot};
use crate::limits;
use crate::membership::{Member, members};

/// Between the client id of the settings and the time.
const MARK: char = '~';

/// When a process began to use its names, by its own clock; and a number by chance, so that no two are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Born(String);

impl Born {
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let chance = RandomState::new().build_hasher().finish();
        // Of one width, so that texts compare as times do.
        Self(format!("{:016x}{chance:016x}", u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(super) fn in_client_id(&self, client_id: &str) -> String {
        format!("{client_id}{MARK}{}", self.0)
    }

    fn from_client_id(client_id: &str) -> Option<Self> {
        client_id.rsplit_once(MARK).map(|(_, born)| Self(born.to_owned()))
    }
}

/// What a slot is called in its group. A broker takes neither slash nor most other signs in it.
pub(super) fn instance_id(transactional_id: &str) -> String {
    transactional_id.replace('/', ".")
}

impl<P: Processor> Slot<'_, P> {
    /// Whether another process has the name of this slot in the group, and whether it is older or younger. `None`: nobody has it but this one, or it cannot be found out.
    pub(super) fn rival(&self, consumer: &GroupConsumer) -> Option<Ordering> {
        let (client, group_id) = (Arc::clone(consumer), self.settings.group_id.clone());
        let asking = move || members(&client, &group_id, limits::METADATA);
        let members = self.stop.waiting_at_most(limits::METADATA, Duration::ZERO, asking)?;
        let members = members.inspect_err(|error| tracing::debug!(%error, "who has the name cannot be said")).ok()?;
        compared(&members, &instance_id(&self.settings.transactional_id), &self.settings.born)
    }
}

fn compared(members: &[Member], instance_id: &str, own: &Born) -> Option<Ordering> {
    let named = members.iter().find(|member| member.instance_id.as_deref() == Some(instance_id))?;
    let other = Born::from_client_id(&named.client_id)?;
    Some(other.cmp(own)).filter(|order| order.is_ne())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn member(instance_id: &str, client_id: String) -> Member {
        Member { instance_id: Some(instance_id.to_owned()), client_id, subscribed: BTreeSet::new(), assigned: None }
    }

    #[test]
    fn of_two_that_have_a_name_each_knows_which_is_the_younger() {
        let (older, younger) = (Born(format!("{:032x}", 9)), Born(format!("{:032x}", 16)));
        let group = |born: &Born| {
            [member("d.r.1", younger.in_client_id("barid~router")), member("d.r.0", born.in_client_id("barid~router"))]
        };
        assert_eq!(compared(&group(&younger), "d.r.0", &older), Some(Ordering::Greater));
        assert_eq!(compared(&group(&older), "d.r.0", &younger), Some(Ordering::Less));
        assert_eq!(compared(&group(&older), "d.r.0", &older), None, "it is itself");
        assert_eq!(compared(&group(&older), "d.r.2", &older), None, "nobody has it");
        assert_eq!(compared(&[member("d.r.0", "of-another-program".to_owned())], "d.r.0", &older), None);
    }

    #[test]
    fn no_two_are_born_at_the_same_time() {
        assert_ne!(Born::now(), Born::now());
    }
}
