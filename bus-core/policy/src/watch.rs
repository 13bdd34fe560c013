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
    #[error("the key of a watch record is `<subscriber>/<watch key>`")]
    BadRecordKey,
    #[error(transparent)]
    BadWatchKey(#[from] WatchKeyError),
    #[error("a watch record names its subscriber, without a slash")]
    NoSubscriber,
    #[error("a handle has 1 to 256 bytes and no control characters")]
    BadHandle,
    #[error("no more than 65,536 subscribers and 4 GiB of handles fit into one watch table")]
    Full,
}

/// The key of a record in the watch topic: `<subscriber>/<watch key>`. One subscriber has one handle for one watch key.
#[must_use]
pub fn record_key(subscriber: &str, key: WatchKey) -> String {
    format!("{subscriber}/{key}")
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

    /// How many keys are registered, over all subscribers.
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

    /// Registers a key, or gives a registered one a new handle.
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
        if handle.is_empty() || handle.len() > MOST_HANDLE_BYTES || handle.chars().any(char::is_control) {
            return Err(WatchError::BadHandle);
        }
        let subscriber = self.subscriber_number(&entry.subscriber)?;
        let hash = self.hasher.hash_one(key);
        let known = self.find(hash, key, subscriber);
        if known.is_some_and(|row| &self.handles[self.rows[row].handle_range()] == handle) {
            return Ok(());
        }
        let handle_start = u32::try_from(self.handles.len()).map_err(|_| WatchError::Full)?;
        let row = u32::try_from(self.rows.len()).map_err(|_| WatchError::Full)?;
        self.handles.push_str(handle);
        let handle_bytes = handle.len() as u16;
        if let Some(known) = known {
            self.unused_handle_bytes += usize::from(self.rows[known].handle_bytes);
            self.rows[known].handle_start = handle_start;
            self.rows[known].handle_bytes = handle_bytes;
            self.reclaim_handles();
        } else {
            self.rows.push(Row { hash: key.hash, handle_start, handle_bytes, subscriber, kind: key.kind });
            let Self { hasher, by_key, rows, .. } = self;
            by_key.insert_unique(hash, row, |&row| hasher.hash_one(rows[row as usize].key()));
        }
        Ok(())
    }

    /// Removes the key that the record with this key registered: what a tombstone of the watch topic asks for. Whether it
    /// was registered.
    ///
    /// # Errors
    ///
    /// If `record_key` was not made by [`record_key`].
    pub fn remove(&mut self, record_key: &str) -> Result<bool, WatchError> {
        let (subscriber, key) = record_key.split_once('/').ok_or(WatchError::BadRecordKey)?;
        let key: WatchKey = key.parse()?;
        let Some(subscriber) = self.subscribers.iter().position(|known| **known == *subscriber) else {
            return Ok(false);
        };
        let hash = self.hasher.hash_one(key);
        let Self { by_key, rows, .. } = self;
        let is_row =
            |&row: &u32| rows[row as usize].key() == key && usize::from(rows[row as usize].subscriber) == subscriber;
        let Ok(found) = by_key.find_entry(hash, is_row) else {
            return Ok(false);
        };
        let (row, _) = found.remove();
        self.unused_handle_bytes += usize::from(self.rows[row as usize].handle_bytes);
        self.rows.swap_remove(row as usize);
        self.renumber(self.rows.len(), row);
        self.reclaim_handles();
        Ok(true)
    }

    /// The subscribers that watch `key`, with their handles, in no order.
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

    fn find(&self, hash: u64, key: WatchKey, subscriber: u16) -> Option<usize> {
        let is_row =
            |&row: &u32| self.rows[row as usize].key() == key && self.rows[row as usize].subscriber == subscriber;
        self.by_key.find(hash, is_row).map(|&row| row as usize)
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
