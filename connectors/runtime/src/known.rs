//! The states of all cases, packed.
//!
//! An agency has as many cases as it has ever had, and a connector asks for each row of an export what is known about its
//! case. So the states stand in memory as few bytes as they need: one after another in blocks, with words that come again and
//! again (services, statuses, reasons) as numbers, found by a table of places. A state that changes is written anew; what it
//! leaves behind is cleared away once it is as much as what lives. Nothing here is ever written anywhere: the record of a case
//! in `cases.<agency>` is [`CaseState`] itself.

use std::collections::HashMap;
use std::fmt;

use barid_schemas::Millis;
use barid_schemas::records::{CaseState, FormerContent, PublishedRow};
use hashbrown::HashTable;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A place is a block and an offset in it, in units of [`UNIT`].
const BLOCK_BYTES: usize = 1 << 20;
const UNIT: usize = 4;
const UNITS_OF_A_BLOCK: u32 = (BLOCK_BYTES / UNIT) as u32;

/// The states by the key of their case.
#[derive(Clone)]
pub(crate) struct KnownCases {
    table: HashTable<u32>,
    blocks: Vec<Vec<u8>>,
    words: Words,
    live_bytes: usize,
    dead_bytes: usize,
    seed: u64,
}

impl Default for KnownCases {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            blocks: Vec::new(),
            words: Words::default(),
            live_bytes: 0,
            dead_bytes: 0,
            // Nobody who writes an export can know which keys collide.
            seed: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        }
    }
}

impl KnownCases {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// What is known about a case.
    pub(crate) fn get(&self, case_key: &str) -> Option<CaseState> {
        let place = self.table.find(self.hash(case_key), |place| self.key_at(*place) == case_key.as_bytes())?;
        Some(self.state_at(*place))
    }

    /// Whether a row of the case has this content hash and an identity that is as `is_meant` says. The identity is `None` for a
    /// row that is told apart by counting.
    pub(crate) fn has_row(&self, case_key: &str, content_hash: i64, is_meant: impl Fn(Option<&str>) -> bool) -> bool {
        let key = case_key.as_bytes();
        let Some(place) = self.table.find(self.hash(case_key), |place| self.key_at(*place) == key) else {
            return false;
        };
        let mut rest = Unpacker(self.packed_at(*place));
        rest.text();
        for _ in 0..rest.length() {
            let identity = rest.identity();
            let hash = i64::from_le_bytes(rest.array());
            rest.array::<16>();
            if hash == content_hash && is_meant(identity.written()) {
                return true;
            }
        }
        false
    }

    /// Takes a state in the place of an earlier one.
    pub(crate) fn insert(&mut self, state: &CaseState) {
        let packed = self.pack(state);
        let hash = self.hash(&state.case_key);
        self.live_bytes += packed.len();
        let place = append(&mut self.blocks, &packed);
        let (blocks, seed) = (&self.blocks, self.seed);
        let is_same = |known: &u32| key_of(blocks, *known) == state.case_key.as_bytes();
        let rehash = |known: &u32| xxh3_64_with_seed(key_of(blocks, *known), seed);
        match self.table.entry(hash, is_same, rehash) {
            hashbrown::hash_table::Entry::Occupied(mut known) => {
                let former = std::mem::replace(known.get_mut(), place);
                let former_bytes = record_at(blocks, former).len();
                self.live_bytes -= former_bytes;
                self.dead_bytes += former_bytes;
            }
            hashbrown::hash_table::Entry::Vacant(free) => {
                free.insert(place);
            }
        }
        if self.dead_bytes > self.live_bytes.max(BLOCK_BYTES) {
            self.clear_away();
        }
    }

    /// Forgets a case.
    pub(crate) fn remove(&mut self, case_key: &str) {
        let hash = self.hash(case_key);
        let blocks = &self.blocks;
        if let Ok(known) = self.table.find_entry(hash, |place| key_of(blocks, *place) == case_key.as_bytes()) {
            let former_bytes = record_at(blocks, *known.get()).len();
            known.remove();
            self.live_bytes -= former_bytes;
            self.dead_bytes += former_bytes;
        }
    }

    /// All states, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = CaseState> {
        self.table.iter().map(|place| self.state_at(*place))
    }

    /// Moves what lives together, block by block, so that no more than a block is there twice.
    fn clear_away(&mut self) {
        let mut kept = Vec::new();
        for number in 0..self.blocks.len() {
            let block = std::mem::take(&mut self.blocks[number]);
            let mut offset = 0;
            while offset < block.len() {
                let record = record_in(&block, offset);
                let place = place_of(number, offset);
                let key = Unpacker(&record[4..]).text();
                if let Some(known) = self.table.find_mut(xxh3_64_with_seed(key, self.seed), |known| *known == place) {
                    *known = MOVED | append(&mut kept, record);
                }
                offset += record.len();
            }
        }
        self.blocks = kept;
        self.table.iter_mut().for_each(|place| *place &= !MOVED);
        self.dead_bytes = 0;
    }

    fn hash(&self, case_key: &str) -> u64 {
        xxh3_64_with_seed(case_key.as_bytes(), self.seed)
    }

    fn key_at(&self, place: u32) -> &[u8] {
        key_of(&self.blocks, place)
    }

    fn packed_at(&self, place: u32) -> &[u8] {
        &record_at(&self.blocks, place)[4..]
    }

    /// The key and the rows come first: they are asked for most.
    fn pack(&mut self, state: &CaseState) -> Vec<u8> {
        let mut packed = Packer(vec![0; 4]);
        packed.text(&state.case_key);
        packed.length(state.rows.len());
        for row in &state.rows {
            match counted(&row.row_identity) {
                Some((status, number)) => {
                    packed.length(self.words.number(status) + 1);
                    packed.number(number);
                }
                None => {
                    packed.length(0);
                    packed.text(&row.row_identity);
                }
            }
            packed.0.extend(row.content_hash.to_le_bytes());
            packed.0.extend(row.event_id.as_bytes());
        }
        packed.length(self.words.number(&state.service_code));
        packed.0.extend(state.corr_id.as_bytes());
        packed.length(self.words.number(&state.last_status));
        let last = state.last_occurred_at.0;
        packed.signed(last);
        packed.list(state.row_times.as_deref(), |packed, time| packed.signed(time.0.wrapping_sub(last)));
        packed.list(state.former_contents.as_deref(), |packed, former| {
            packed.signed(former.row.into());
            packed.0.extend(former.content_hash.to_le_bytes());
        });
        packed.list(state.parked_since.as_ref().map(std::slice::from_ref), |packed, since| packed.signed(since.0));
        let reason = state.parked_reason.as_ref().map(std::slice::from_ref);
        packed.list(reason, |packed, reason| packed.length(self.words.number(reason)));
        packed.finish()
    }

    fn state_at(&self, place: u32) -> CaseState {
        let mut rest = Unpacker(self.packed_at(place));
        let case_key = rest.owned();
        let rows = (0..rest.length())
            .map(|_| PublishedRow {
                row_identity: rest.identity().owned(&self.words),
                content_hash: i64::from_le_bytes(rest.array()),
                event_id: Uuid::from_bytes(rest.array()),
            })
            .collect();
        let service_code = self.words.word(rest.length()).to_owned();
        let corr_id = Uuid::from_bytes(rest.array());
        let last_status = self.words.word(rest.length()).to_owned();
        let last = rest.signed();
        let row_times = rest.list(|rest| Millis(rest.signed().wrapping_add(last)));
        let former_contents = rest.list(|rest| FormerContent {
            row: i32::try_from(rest.signed()).unwrap_or_default(),
            content_hash: i64::from_le_bytes(rest.array()),
        });
        let parked_since = rest.list(|rest| Millis(rest.signed())).and_then(|since| since.first().copied());
        let reason = rest.list(Unpacker::length).and_then(|reason| reason.first().copied());
        CaseState {
            case_key,
            service_code,
            corr_id,
            last_status,
            last_occurred_at: Millis(last),
            rows,
            parked_since,
            parked_reason: reason.map(|number| self.words.word(number).to_owned()),
            row_times,
            former_contents,
        }
    }
}

impl FromIterator<CaseState> for KnownCases {
    fn from_iter<I: IntoIterator<Item = CaseState>>(states: I) -> Self {
        let mut known = Self::default();
        states.into_iter().for_each(|state| known.insert(&state));
        known
    }
}

impl PartialEq for KnownCases {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|state| other.get(&state.case_key) == Some(state))
    }
}

impl fmt::Debug for KnownCases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// Words that stand in many states. They come from the catalogue, so they are few.
#[derive(Debug, Clone, Default)]
struct Words {
    words: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Words {
    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.words.len();
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        number
    }

    fn word(&self, number: usize) -> &str {
        &self.words[number]
    }
}

/// The parts of an identity `status#n`, if they make the same identity again.
fn counted(identity: &str) -> Option<(&str, u64)> {
    let (status, digits) = identity.split_once('#')?;
    let number: u64 = digits.parse().ok()?;
    let is_plain = !digits.starts_with(['0', '+']) && !status.contains('@');
    is_plain.then_some((status, number))
}

/// Marks a place in the blocks that are being made, so that it is not taken for one in those that are cleared.
const MOVED: u32 = 1 << 31;

fn place_of(block: usize, offset: usize) -> u32 {
    let block = u32::try_from(block).ok().filter(|block| *block < MOVED / UNITS_OF_A_BLOCK);
    // An offset is below a block's length.
    block.expect("states of less than eight gibibytes") * UNITS_OF_A_BLOCK + (offset / UNIT) as u32
}

/// Writes a packed state behind the others.
fn append(blocks: &mut Vec<Vec<u8>>, record: &[u8]) -> u32 {
    let has_room = blocks.last().is_some_and(|block| block.len() + record.len() <= BLOCK_BYTES);
    if !has_room {
        blocks.push(Vec::with_capacity(BLOCK_BYTES.max(record.len())));
    }
    let last = blocks.len() - 1;
    let block = &mut blocks[last];
    let place = place_of(last, block.len());
    block.extend_from_slice(record);
    place
}

fn record_at(blocks: &[Vec<u8>], place: u32) -> &[u8] {
    let block = &blocks[(place / UNITS_OF_A_BLOCK) as usize];
    record_in(block, (place % UNITS_OF_A_BLOCK) as usize * UNIT)
}

/// A packed state with its length before it.
fn record_in(block: &[u8], offset: usize) -> &[u8] {
    let mut length = [0; 4];
    length.copy_from_slice(&block[offset..offset + 4]);
    &block[offset..offset + u32::from_le_bytes(length) as usize]
}

fn key_of(blocks: &[Vec<u8>], place: u32) -> &[u8] {
    Unpacker(&record_at(blocks, place)[4..]).text()
}

/// Numbers of seven bits a byte, the lowest first.
struct Packer(Vec<u8>);

impl Packer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    fn signed(&mut self, number: i64) {
        self.number((number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// One more than its length, so that nothing differs from an empty list.
    fn list<T>(&mut self, list: Option<&[T]>, mut item: impl FnMut(&mut Self, &T)) {
        self.length(list.map_or(0, |list| list.len() + 1));
        for each in list.into_iter().flatten() {
            item(self, each);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(UNIT), 0);
        let length = u32::try_from(self.0.len()).expect("a state of less than four gibibytes");
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0
    }
}

/// Reads what [`Packer`] has written; nothing else ever comes here.
struct Unpacker<'p>(&'p [u8]);

/// The identity of a published row.
enum Identity<'p> {
    Counted { status: usize, number: u64 },
    Written(&'p str),
}

impl<'p> Identity<'p> {
    const fn written(&self) -> Option<&'p str> {
        match self {
            Self::Counted { .. } => None,
            Self::Written(identity) => Some(identity),
        }
    }

    fn owned(&self, words: &Words) -> String {
        match self {
            Self::Counted { status, number } => format!("{}#{number}", words.word(*status)),
            Self::Written(identity) => (*identity).to_owned(),
        }
    }
}

impl<'p> Unpacker<'p> {
    fn bytes(&mut self, length: usize) -> &'p [u8] {
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N));
        array
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array();
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn length(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX)
    }

    fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn text(&mut self) -> &'p [u8] {
        let length = self.length();
        self.bytes(length)
    }

    fn owned(&mut self) -> String {
        String::from_utf8_lossy(self.text()).into_owned()
    }

    fn identity(&mut self) -> Identity<'p> {
        match self.length().checked_sub(1) {
            Some(status) => Identity::Counted { status, number: self.number() },
            None => Identity::Written(std::str::from_utf8(self.text()).unwrap_or_default()),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Option<Vec<T>> {
        let length = self.length().checked_sub(1)?;
        Some((0..length).map(|_| item(self)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = CaseState> {
        let word = || prop_oneof![Just("issued"), Just("under_review"), Just("وضعیت")].prop_map(str::to_owned);
        let identity = prop_oneof![
            (word(), any::<u64>()).prop_map(|(status, number)| format!("{status}#{number}")),
            "[a-z]{0,4}[#@][#@0-9+]{0,3}",
        ];
        let row = (identity, any::<i64>(), any::<u128>()).prop_map(|(row_identity, content_hash, id)| PublishedRow {
            row_identity,
            content_hash,
            event_id: Uuid::from_u128(id),
        });
        let former = (any::<i32>(), any::<i64>()).prop_map(|(row, content_hash)| FormerContent { row, content_hash });
        let times = prop::option::of(prop::collection::vec(any::<i64>().prop_map(Millis), 0..4));
        let former = prop::option::of(prop::collection::vec(former, 0..3));
        let parked = (prop::option::of(any::<i64>().prop_map(Millis)), prop::option::of(word()));
        let rows = prop::collection::vec(row, 0..4);
        let about = ("[0-9]{1,2}", word(), any::<u128>(), word(), any::<i64>());
        (about, rows, times, former, parked).prop_map(|(about, rows, row_times, former_contents, parked)| CaseState {
            case_key: about.0,
            service_code: about.1,
            corr_id: Uuid::from_u128(about.2),
            last_status: about.3,
            last_occurred_at: Millis(about.4),
            rows,
            parked_since: parked.0,
            parked_reason: parked.1,
            row_times,
            former_contents,
        })
    }

    proptest! {
        /// Whatever is written over or forgotten, and whenever what is left behind is cleared away.
        #[test]
        fn what_is_packed_comes_back(states in prop::collection::vec((state(), 0_u8..8), 0..60)) {
            let (mut known, mut model) = (KnownCases::default(), BTreeMap::new());
            for (state, action) in states {
                known.insert(&state);
                model.insert(state.case_key.clone(), state.clone());
                if action == 0 {
                    known.remove(&state.case_key);
                    model.remove(&state.case_key);
                }
                if action == 1 {
                    known.clear_away();
                }
            }
            prop_assert_eq!(known.len(), model.len());
            let all: BTreeMap<String, CaseState> = known.iter().map(|state| (state.case_key.clone(), state)).collect();
            prop_assert_eq!(&all, &model);
            for (key, state) in &model {
                prop_assert_eq!(known.get(key), Some(state.clone()));
                for row in &state.rows {
                    prop_assert!(known.has_row(key, row.content_hash, |_| true));
                }
            }
            prop_assert_eq!(known.get("100"), None);
            known.clear_away();
            prop_assert_eq!(known.live_bytes, known.blocks.iter().map(Vec::len).sum::<usize>());
        }
    }

    #[test]
    fn states_that_are_written_again_and_again_take_no_more_room() {
        let mut known = KnownCases::default();
        let state = |key: usize, rows: i64| CaseState {
            case_key: key.to_string(),
            service_code: "harbour_permit".to_owned(),
            corr_id: Uuid::nil(),
            last_status: "issued".to_owned(),
            last_occurred_at: Millis(0),
            rows: (0..rows)
                .map(|number| PublishedRow {
                    row_identity: format!("issued#{}", number + 1),
                    content_hash: number,
                    event_id: Uuid::nil(),
                })
                .collect(),
            parked_since: None,
            parked_reason: None,
            row_times: None,
            former_contents: None,
        };
        for round in 0..50 {
            (0..2_000).for_each(|key| known.insert(&state(key, 1 + round % 40)));
        }
        // One that alone is larger than a block.
        known.insert(&state(7, 50_000));
        let bytes: usize = known.blocks.iter().map(Vec::capacity).sum();
        assert!(bytes < 2 * (known.live_bytes + 2 * BLOCK_BYTES), "{bytes} for {}", known.live_bytes);
        assert_eq!(known.get("7").map(|state| state.rows.len()), Some(50_000));
        assert_eq!(known.get("8").map(|state| state.rows.len()), Some(10));
    }
}
