//! Which subscriber watches which parcel or person, under which handle of its own.
//!
//! Made for a million keys in one process: rows lie in one vector, handles in one text, and a hash table of row numbers
//! finds the rows of a key. A test holds a million keys with handles of 21 bytes below 100 bytes each.

use std::hash::{BuildHasher, RandomState};

use barid_event::watch::{WatchKey, WatchKeyError, WatchKind};
use barid_schemas::records::WatchEntry;
use hashbrown::HashTable;

/// A handle goes into a header of every matched copy.
const MOST_HANDLE_BYTES: usize = 256;

/// Why a record of the watch topic cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    #[error("the key of a watch record is `<subscriber>/<watch key>/<handle>`")]
    BadRecordKey,
    #[error("the key of a watch record names another subscriber, watch key or handle than the record itself")]
    OtherRecordKey,
    #[error(transparent)]
    BadWatchKey(#[from] WatchKeyError),
    #[error("a watch record names its subscriber, without a slash")]
    NoSubscriber,
    #[error("a handle has 1 to 256 bytes, no blank at either end and no control characters")]
    BadHandle,
    #[error("no more than 65,536 subscribers and 4 GiB of handles fit into one watch table")]
    Full,
}

/// The key of a record in the watch topic: `<subscriber>/<watch key>/<handle>`. A subscriber may have several handles for one watch key: two loans of one
/// person. A record whose key ends before the handle stands for all handles that the subscriber has for the watch key.
#[must_use]
pub fn record_key(subscriber: &str, key: WatchKey, handle: &str) -> String {
    format!("{subscriber}/{key}/{handle}")
}

/// Whether a handle can be registered. Each one is a header of its own on a matched copy, so nothing else is asked of it than to be readable there.
///
/// # Errors
///
/// [`WatchError::BadHandle`].
pub fn check_handle(handle: &str) -> Result<(), WatchError> {
    let sound = !handle.is_empty()
        && handle.len() <= MOST_HANDLE_BYTES
        && handle.trim() == handle
        && !handle.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(WatchError::BadHandle) }
}

/// What the key of a record in the watch topic says; the handle may be missing.
fn parse_record_key(record_key: &str) -> Result<(&str, WatchKey, Option<&str>), WatchError> {
    let (subscriber, rest) = record_key.split_once('/').ok_or(WatchError::BadRecordKey)?;
    let (key, handle) = match rest.split_once('/') {
        Some((key, handle)) => (key, Some(handle)),
        None => (rest, None),
    };
    Ok((subscriber, key.parse()?, handle))
}

/// The watch key of an entry.
///
/// # Errors
///
/// If its key is not 32 lower-case hexadecimal digits.
pub fn key_of(entry: &WatchEntry) -> Result<WatchKey, WatchError> {
    let kind = match entry.kind {
        WatchKind::Parcel => "parcel",
        WatchKind::Person => "person",
    };
    Ok(format!("{kind}:{}", entry.key).parse()?)
}

/// The watch keys of all subscribers.
#[derive(Debug, Clone, Default)]
pub struct WatchTable {
    hasher: RandomState,
    /// Numbers of rows; the rows of one key have the same hash.
    by_key: HashTable<u32>,
    rows: Vec<Row>,
    subscribers: Vec<Box<str>>,
    handles: String,
    /// Bytes of `handles` that no row uses any more.
    unused_handle_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    hash: [u8; 16],
    handle_start: u32,
    handle_bytes: u16,
    subscriber: u16,
    kind: WatchKind,
}

impl Row {
    fn key(&self) -> WatchKey {
        WatchKey { kind: self.kind, hash: self.hash }
    }

    fn handle_range(&self) -> std::ops::Range<usize> {
        let start = self.handle_start as usize;
        start..start + usize::from(self.handle_bytes)
    }
}

impl WatchTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many handles are registered, over all subscribers and keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no key is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How much memory the table has taken, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.by_key.allocation_size() + self.rows.capacity() * size_of::<Row>() + self.handles.capacity()
    }

    /// Takes a record of the watch topic: its handle beside those that the subscriber has for the watch key, or in their place if the record's key names none.
    ///
    /// # Errors
    ///
    /// If record key or entry are malformed or do not belong together, or the table is full; the table is unchanged then.
    pub fn apply_record(&mut self, record_key: &str, entry: &WatchEntry) -> Result<(), WatchError> {
        let (subscriber, key, handle) = parse_record_key(record_key)?;
        if subscriber != entry.subscriber
            || key != key_of(entry)?
            || handle.is_some_and(|handle| handle != entry.handle)
        {
            return Err(WatchError::OtherRecordKey);
        }
        if handle.is_none() {
            check_handle(&entry.handle)?;
            self.remove(record_key)?;
        }
        self.apply(entry)
    }

    /// Registers a key under a handle, beside the other handles that the subscriber has for it.
    ///
    /// # Errors
    ///
    /// If the entry is malformed or the table is full; the table is unchanged then.
    pub fn apply(&mut self, entry: &WatchEntry) -> Result<(), WatchError> {
        let key = key_of(entry)?;
        if entry.subscriber.is_empty() || entry.subscriber.contains('/') {
            return Err(WatchError::NoSubscriber);
        }
        let handle = entry.handle.as_str();
        check_handle(handle)?;
        let subscriber = self.subscriber_number(&entry.subscriber)?;
        let hash = self.hasher.hash_one(key);
        if self.by_key.find(hash, |&row| self.is(row, key, subscriber, Some(handle))).is_some() {
            return Ok(());
        }
        let handle_start = u32::try_from(self.handles.len()).map_err(|_| WatchError::Full)?;
        let row = u32::try_from(self.rows.len()).map_err(|_| WatchError::Full)?;
        self.handles.push_str(handle);
        let handle_bytes = handle.len() as u16;
        self.rows.push(Row { hash: key.hash, handle_start, handle_bytes, subscriber, kind: key.kind });
        let Self { hasher, by_key, rows, .. } = self;
        by_key.insert_unique(hash, row, |&row| hasher.hash_one(rows[row as usize].key()));
        Ok(())
    }

    /// Removes what the record with this key registered: what a tombstone of the watch topic asks for. Whether it was
    /// registered.
    ///
    /// # Errors
    ///
    /// If `record_key` was not made by [`record_key`], nor names all handles of a watch key.
    pub fn remove(&mut self, record_key: &str) -> Result<bool, WatchError> {
        let (subscriber, key, handle) = parse_record_key(record_key)?;
        let known = self.subscribers.iter().position(|known| **known == *subscriber);
        let Some(subscriber) = known.and_then(|number| u16::try_from(number).ok()) else {
            return Ok(false);
        };
        let hash = self.hasher.hash_one(key);
        let mut removed = false;
        while let Some(row) = self.by_key.find(hash, |&row| self.is(row, key, subscriber, handle)).copied() {
            if let Ok(found) = self.by_key.find_entry(hash, |&number| number == row) {
                found.remove();
            }
            self.unused_handle_bytes += usize::from(self.rows[row as usize].handle_bytes);
            self.rows.swap_remove(row as usize);
            self.renumber(self.rows.len(), row);
            removed = true;
        }
        self.reclaim_handles();
        Ok(removed)
    }

    /// The subscribers that watch `key`, once for each of their handles, in no order.
    pub fn watchers(&self, key: WatchKey) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.by_key.iter_hash(self.hasher.hash_one(key)).map(|&row| &self.rows[row as usize]);
        rows.filter(move |row| row.key() == key)
            .map(|row| (&*self.subscribers[usize::from(row.subscriber)], &self.handles[row.handle_range()]))
    }

    /// All entries: subscriber, key, handle, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, WatchKey, &str)> {
        self.rows
            .iter()
            .map(|row| (&*self.subscribers[usize::from(row.subscriber)], row.key(), &self.handles[row.handle_range()]))
    }

    /// Whether a row is this subscriber's for this key, and for this handle if one is given.
    fn is(&self, row: u32, key: WatchKey, subscriber: u16, handle: Option<&str>) -> bool {
        let row = &self.rows[row as usize];
        row.key() == key
            && row.subscriber == subscriber
            && handle.is_none_or(|handle| &self.handles[row.handle_range()] == handle)
    }

    /// There are some dozens of subscribers: a search from the front is quick enough.
    fn subscriber_number(&mut self, subscriber: &str) -> Result<u16, WatchError> {
        if let Some(known) = self.subscribers.iter().position(|known| **known == *subscriber) {
            return u16::try_from(known).map_err(|_| WatchError::Full);
        }
        let number = u16::try_from(self.subscribers.len()).map_err(|_| WatchError::Full)?;
        self.subscribers.push(subscriber.into());
        Ok(number)
    }

    /// The row that was the last, `old`, now stands at `new`.
    fn renumber(&mut self, old: usize, new: u32) {
        let Some(moved) = self.rows.get(new as usize) else { return };
        let hash = self.hasher.hash_one(moved.key());
        if let Some(number) = self.by_key.find_mut(hash, |&row| row as usize == old) {
            *number = new;
        }
    }

    /// Writes the handles anew once more than half of them are unused, so that a table that changes for years does not grow.
    fn reclaim_handles(&mut self) {
        if self.unused_handle_bytes * 2 <= self.handles.len() {
            return;
        }
        let mut handles = String::with_capacity(self.handles.len() - self.unused_handle_bytes);
        for row in &mut self.rows {
            let start = handles.len();
            handles.push_str(&self.handles[row.handle_range()]);
            row.handle_start = start as u32;
        }
        self.handles = handles;
        self.unused_handle_bytes = 0;
    }
}

#[cfg(test)]
mod tests;
