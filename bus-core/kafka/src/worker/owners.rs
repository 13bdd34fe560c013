//! Looks whether every partition of the group has an owner, and has the group divide them again if not.
//!
//! A slot that is started again under its name gets at once what the group has meant for its predecessor. If that one died after a new division was made and before it
//! had given back what it was to give back, then those partitions have no owner: the slot does not know of them, and nobody asks for another division. (Seen with
//! Apache Kafka 4.3.1 and `cooperative-sticky`, when a router was replaced while another one joined.) So a slot that was given partitions looks a moment later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError as ClientError;

use super::Processor;
use super::slot::{GroupConsumer, Slot, Trouble, is_expelled};
use crate::limits;
use crate::membership::{Member, members};

/// Topic and partition.
type Orphans = BTreeSet<(String, i32)>;

/// What one look has found. `None`: it cannot be said now, for the group is dividing or does not answer.
type Found = Option<Orphans>;

/// When a slot looks next, and what it has seen.
pub(super) struct Owners {
    due: Option<Instant>,
    looking: Option<Receiver<Found>>,
    /// What had no owner in each of the last `looks`.
    seen: Orphans,
    looks: u32,
    /// Until the next look. It doubles when a look says nothing and when the group was made to divide, and is short again when all have an owner.
    wait: Duration,
}

impl Default for Owners {
    fn default() -> Self {
        Self { due: None, looking: None, seen: Orphans::new(), looks: 0, wait: limits::ORPHANED }
    }
}

impl Owners {
    /// The group has given the slot its share.
    pub(super) fn changed(&mut self) {
        *self = Self { due: Some(Instant::now() + self.wait), wait: self.wait, ..Self::default() };
    }

    /// Takes what a look has found. True: so many looks in a row have found the same partitions without an owner that nobody is about to take them.
    fn found(&mut self, found: Found) -> bool {
        match found {
            Some(orphans) if orphans.is_empty() => {
                *self = Self::default();
                return false;
            }
            Some(orphans) => {
                let still: Orphans = self.seen.intersection(&orphans).cloned().collect();
                let goes_on = !still.is_empty();
                self.looks = if goes_on { self.looks + 1 } else { 1 };
                self.seen = if goes_on { still } else { orphans };
            }
            None => {
                self.looks = 0;
                self.seen.clear();
                self.wait_longer();
            }
        }
        self.due = Some(Instant::now() + self.wait);
        self.looks >= limits::ORPHANED_LOOKS
    }

    fn wait_longer(&mut self) {
        self.wait = (self.wait * 2).min(limits::ORPHANED_LONGEST);
    }
}

impl<P: Processor> Slot<'_, P> {
    /// A look takes a round trip or two and happens on a thread of its own; nothing waits for it.
    pub(super) fn look_for_owners(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        if let Some(looking) = &self.owners.looking {
            let found = match looking.try_recv() {
                Ok(found) => found,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => None,
            };
            self.owners.looking = None;
            if self.owners.found(found) {
                return self.rejoin(consumer);
            }
        }
        if self.owners.due.is_some_and(|due| due <= Instant::now()) {
            self.owners.due = None;
            let (sender, looking) = sync_channel(1);
            let (client, group_id) = (Arc::clone(consumer), self.settings.group_id.clone());
            let look = move || drop(sender.send(orphans(&client, &group_id)));
            // Without a thread the sender is gone, which reads as a look that has found nothing out.
            if let Err(error) = std::thread::Builder::new().name("kafka owners".to_owned()).spawn(look) {
                tracing::error!(%error, "no thread can be started for a call to kafka");
            }
            self.owners.looking = Some(looking);
        }
        Ok(())
    }

    /// Gives back what the slot has and joins anew: that makes the group divide.
    pub(super) fn rejoin(&mut self, consumer: &GroupConsumer) -> Result<(), Trouble> {
        let orphans = self.owners.seen.len();
        tracing::info!(partitions = orphans, "partitions of the group have no owner, it divides them again");
        self.owners.wait_longer();
        self.owners.changed();
        self.commit(consumer)?;
        if is_expelled(consumer) {
            self.expelled = true;
            return Ok(());
        }
        // The revocation of what the slot has comes as any other; joining waits until it is carried out.
        consumer.unsubscribe();
        self.subscribe_to_input(consumer).map_err(Trouble::End)
    }
}

fn orphans(client: &GroupConsumer, group_id: &str) -> Found {
    let asked = || -> Result<Found, ClientError> {
        let members = members(&**client, group_id, limits::METADATA)?;
        let metadata = client.fetch_metadata(None, limits::METADATA)?;
        let partitions = metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len()));
        Ok(without_owner(&members, partitions))
    };
    asked().unwrap_or_else(|error| {
        tracing::debug!(%error, "whether all partitions have an owner cannot be said");
        None
    })
}

/// Of all topics that a member subscribes to, the partitions that no member has.
fn without_owner<'m>(members: &[Member], partitions: impl Iterator<Item = (&'m str, usize)>) -> Found {
    let assigned = members.iter().map(|member| member.assigned.as_ref()).collect::<Option<Vec<_>>>()?;
    if assigned.is_empty() {
        return None;
    }
    let of_interest = |topic: &str| members.iter().any(|member| member.subscribed.contains(topic));
    let is_owned = |topic: &str, partition: i32| {
        assigned.iter().any(|own| own.get(topic).is_some_and(|partitions| partitions.contains(&partition)))
    };
    let mut orphans = Orphans::new();
    for (topic, count) in partitions.filter(|(topic, _)| of_interest(topic)) {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let free = (0..count).filter(|partition| !is_owned(topic, *partition));
        orphans.extend(free.map(|partition| (topic.to_owned(), partition)));
    }
    Some(orphans)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(topic: &str, assigned: Option<&[i32]>) -> Member {
        Member {
            client_id: String::new(),
            subscribed: BTreeSet::from([topic.to_owned()]),
            assigned: assigned.map(|partitions| BTreeMap::from([(topic.to_owned(), partitions.to_vec())])),
        }
    }

    fn orphans<const N: usize>(partitions: [i32; N]) -> Orphans {
        partitions.map(|partition| ("a".to_owned(), partition)).into()
    }

    #[test]
    fn what_no_member_has_is_found_and_a_group_that_divides_says_nothing() {
        let topics = || [("a", 4), ("other", 2)].into_iter();
        let two = [member("a", Some(&[0, 3])), member("a", Some(&[1]))];
        assert_eq!(without_owner(&two, topics()), Some(orphans([2])));
        assert_eq!(without_owner(&[member("a", Some(&[0, 1, 2, 3]))], topics()), Some(orphans([])));
        assert_eq!(without_owner(&[member("a", Some(&[0])), member("a", None)], topics()), None);
        assert_eq!(without_owner(&[], topics()), None);
    }

    #[test]
    fn only_what_several_looks_in_a_row_have_found_makes_the_group_divide_again() {
        let mut owners = Owners::default();
        owners.changed();
        assert!(owners.due.is_some());
        assert!(!owners.found(Some(orphans([1, 2]))) && owners.due.is_some());
        assert!(!owners.found(Some(orphans([2, 3]))));
        assert!(!owners.found(Some(orphans([3]))), "not the one that was there before");
        assert!(!owners.found(None), "nobody knows");
        assert!(!owners.found(Some(orphans([3]))), "the first look after that");
        assert!(!owners.found(Some(orphans([3, 4]))));
        assert!(owners.found(Some(orphans([3, 4]))));
        assert_eq!(owners.seen, orphans([3]));
        assert!(!owners.found(Some(orphans([]))));
        assert!(owners.due.is_none(), "all have an owner: no more looks");
    }

    #[test]
    fn looks_become_rarer_while_nothing_helps_and_often_again_when_all_is_well() {
        let mut owners = Owners::default();
        assert!(!owners.found(None));
        owners.wait_longer();
        owners.changed();
        assert_eq!(owners.wait, limits::ORPHANED * 4);
        assert!((0..9).all(|_| !owners.found(None)));
        assert_eq!(owners.wait, limits::ORPHANED_LONGEST);
        assert!(!owners.found(Some(orphans([]))));
        assert_eq!(owners.wait, limits::ORPHANED);
    }
}
