//! What the group coordinator tells of a group: who its members are, what each subscribes to and has.
//!
//! Subscriptions and assignments come as the members wrote them, in the format of the classic group protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError as ClientError;

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) client_id: String,
    /// Topics.
    pub(crate) subscribed: BTreeSet<String>,
    /// By topic. `None`: the group is just dividing its partitions.
    pub(crate) assigned: Option<BTreeMap<String, Vec<i32>>>,
}

/// All members of a group; an unknown group has none.
pub(crate) fn members<C: ClientContext + ConsumerContext>(
    client: &BaseConsumer<C>,
    group_id: &str,
    limit: Duration,
) -> Result<Vec<Member>, ClientError> {
    let groups = client.fetch_group_list(Some(group_id), limit)?;
    let members = groups.groups().iter().filter(|group| group.name() == group_id).flat_map(|group| group.members());
    Ok(members
        .map(|member| Member {
            client_id: member.client_id().to_owned(),
            subscribed: member.metadata().and_then(topics).unwrap_or_default(),
            assigned: member.assignment().and_then(partitions),
        })
        .collect())
}

/// A subscription: version (16 bits), number of topics (32), then the name of each (16 bits of length, bytes). What follows is not looked at.
fn topics(mut subscription: &[u8]) -> Option<BTreeSet<String>> {
    let bytes = &mut subscription;
    take(bytes, 2)?;
    let count = number(bytes)?;
    (0..count).map(|_| name(bytes)).collect()
}

/// An assignment: version (16 bits), number of topics (32), then for each its name (16 bits of length, bytes) and its partitions (32 bits of count, 32 each).
fn partitions(mut assignment: &[u8]) -> Option<BTreeMap<String, Vec<i32>>> {
    let bytes = &mut assignment;
    take(bytes, 2)?;
    let mut assigned = BTreeMap::<String, Vec<i32>>::new();
    for _ in 0..number(bytes)? {
        let topic = name(bytes)?;
        let length = number(bytes)?.checked_mul(4)?;
        let numbers = take(bytes, length)?.chunks_exact(4);
        let numbers = numbers.filter_map(|chunk| chunk.try_into().ok()).map(i32::from_be_bytes);
        assigned.entry(topic).or_default().extend(numbers);
    }
    Some(assigned)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    take(bytes, 4)?.try_into().ok().map(u32::from_be_bytes).and_then(|number| usize::try_from(number).ok())
}

fn name(bytes: &mut &[u8]) -> Option<String> {
    let length = take(bytes, 2)?.try_into().ok().map(u16::from_be_bytes)?;
    take(bytes, length.into()).map(|name| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_half_of_one_is_none() {
        let with =
            b"\x00\x01\x00\x00\x00\x01\x00\x02_s\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x07\xff\xff\xff\xff";
        assert_eq!(partitions(with), Some(BTreeMap::from([("_s".to_owned(), vec![0, 7])])));
        for length in 0..22 {
            assert_eq!(partitions(&with[..length]), None, "{length} bytes");
        }
        assert_eq!(partitions(b"\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff"), Some(BTreeMap::new()), "no topic");
        assert_eq!(partitions(b"\x00\x01\xff\xff\xff\xff"), None, "more topics than bytes");
    }

    #[test]
    fn a_subscription_is_read_and_half_of_one_is_none() {
        let with = b"\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff";
        assert_eq!(topics(with), Some(BTreeSet::from(["a".to_owned(), "bc".to_owned()])));
        for length in 0..13 {
            assert_eq!(topics(&with[..length]), None, "{length} bytes");
        }
    }
}
