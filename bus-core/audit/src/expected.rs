//! Every copy that must be there, in as little memory as goes.
//!
//! An event takes 32 bytes and its place in a hash table, a copy 16: a digest of all that it must hold, and how often it was
//! wanted and seen. Topics are read once, events first; a copy is compared by its digest and forgotten.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

/// An event that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventEntry {
    id: u128,
    pub(crate) offset: i64,
    /// The number of its input partition.
    pub(crate) source: u32,
    first_copy: u32,
}

/// A copy that must be there, or may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyEntry {
    /// 0: cannot be told.
    pub(crate) digest: u64,
    pub(crate) subscriber: u16,
    /// Of the inbox.
    pub(crate) partition: u16,
    pub(crate) wanted: u8,
    pub(crate) seen: u8,
    pub(crate) certain: bool,
}

/// The events by id, each with its copies.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    by_id: HashTable<u32>,
    events: Vec<EventEntry>,
    copies: Vec<CopyEntry>,
}

impl Expected {
    /// Room for so many events at once: a table that grows by doubling needs three times its size while it does.
    pub(crate) fn with_room_for(events: usize) -> Self {
        Self { by_id: HashTable::with_capacity(events), events: Vec::with_capacity(events), copies: Vec::new() }
    }

    /// The number of the event with this id.
    pub(crate) fn find(&self, event_id: &str) -> Option<usize> {
        let id = xxh3_128(event_id.as_bytes());
        self.by_id.find(id as u64, |&number| self.events[number as usize].id == id).map(|&number| number as usize)
    }

    /// Adds an event with its copies. Of an event that is there already each copy is wanted once more; its number.
    pub(crate) fn add(
        &mut self,
        event_id: &str,
        source: u32,
        offset: i64,
        copies: impl Iterator<Item = CopyEntry>,
    ) -> Result<(), usize> {
        if let Some(known) = self.find(event_id) {
            let range = self.range(known);
            for copy in copies {
                let same = self.copies[range.clone()].iter_mut().find(|one| one.subscriber == copy.subscriber);
                if let Some(same) = same {
                    same.wanted = same.wanted.saturating_add(1);
                }
            }
            return Err(known);
        }
        let (id, number) = (xxh3_128(event_id.as_bytes()), self.events.len() as u32);
        self.events.push(EventEntry { id, offset, source, first_copy: self.copies.len() as u32 });
        self.copies.extend(copies);
        let events = &self.events;
        self.by_id.insert_unique(id as u64, number, |&number| events[number as usize].id as u64);
        Ok(())
    }

    pub(crate) fn event(&self, number: usize) -> EventEntry {
        self.events[number]
    }

    /// The copy of an event for a subscriber.
    pub(crate) fn copy_mut(&mut self, number: usize, subscriber: u16) -> Option<&mut CopyEntry> {
        let range = self.range(number);
        self.copies[range].iter_mut().find(|copy| copy.subscriber == subscriber)
    }

    /// All events with their copies, in the order in which they were read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (EventEntry, &[CopyEntry])> {
        (0..self.events.len()).map(|number| (self.events[number], &self.copies[self.range(number)]))
    }

    /// What has been taken, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.by_id.allocation_size()
            + self.events.capacity() * size_of::<EventEntry>()
            + self.copies.capacity() * size_of::<CopyEntry>()
    }

    fn range(&self, number: usize) -> std::ops::Range<usize> {
        let end = self.events.get(number + 1).map_or(self.copies.len(), |next| next.first_copy as usize);
        self.events[number].first_copy as usize..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the help text and `docs/guarantees.md` say: at most 180 MB for each million events with five copies each.
    #[test]
    fn a_million_events_with_five_copies_each_take_at_most_180_megabytes() {
        const EVENTS: usize = 1_000_000;
        let copy = |subscriber| CopyEntry { digest: 7, subscriber, partition: 0, wanted: 1, seen: 0, certain: true };
        let mut expected = Expected::default();
        let measured = allocation_counter::measure(|| {
            expected = Expected::with_room_for(EVENTS);
            for number in 0..EVENTS {
                let added = expected.add(&number.to_string(), 0, number as i64, (0..5).map(copy));
                assert_eq!(added, Ok(()));
            }
        });
        assert_eq!(expected.find("77"), Some(77));
        let (kept, peak) = (expected.memory_bytes() / EVENTS, measured.bytes_max as usize / EVENTS);
        assert!(kept <= 130 && peak <= 180, "{kept} bytes an event are kept, {peak} at the peak");
    }
}
