//! The cases that a file tells of, in the order in which they appear.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What the first look notes of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaseLook {
    /// Where the key ends among all keys.
    key_end: usize,
    pub(super) first_row: u64,
    pub(super) rows: u64,
    /// From which of its rows on the case has something to plan.
    touched_from: Option<std::num::NonZeroU64>,
    /// Where its rows are put aside.
    pub(super) bin: usize,
    /// How many of its rows have been put aside.
    pub(super) aside: u64,
}

impl CaseLook {
    /// Whether there is anything to plan.
    pub(super) fn is_touched(&self) -> bool {
        self.touched_from.is_some()
    }

    /// Notes that from this row on there is something to plan.
    pub(super) fn touch(&mut self, row: u64) {
        if self.touched_from.is_none() {
            self.touched_from = std::num::NonZeroU64::new(row.max(1));
        }
    }

    /// Whether the case was touched when this row was read.
    pub(super) fn was_touched_at(&self, row: u64) -> bool {
        self.touched_from.is_some_and(|from| from.get() <= row)
    }

    /// Whether rows are missing that were read before the case was known to be touched.
    pub(super) fn lacks_rows(&self) -> bool {
        self.is_touched() && self.aside < self.rows
    }
}

/// All of them. Their keys are one text: a file has as many as half its rows.
#[derive(Debug)]
pub(super) struct Cases {
    table: HashTable<u32>,
    looks: Vec<CaseLook>,
    keys: String,
    seed: u64,
}

impl Cases {
    pub(super) fn new() -> Self {
        // Nobody who writes an export can know which keys collide.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Self { table: HashTable::new(), looks: Vec::new(), keys: String::new(), seed }
    }

    /// The place of a case.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let hash = xxh3_64_with_seed(key.as_bytes(), self.seed);
        let place = self.table.find(hash, |place| self.key(*place as usize) == key)?;
        Some(*place as usize)
    }

    /// The place of a case, which gets one if it appears for the first time; `bin` is asked for then.
    pub(super) fn place_of(&mut self, key: &str, row: u64, bin: impl FnOnce() -> usize) -> usize {
        if let Some(place) = self.find(key) {
            return place;
        }
        let place = self.looks.len();
        self.keys.push_str(key);
        let key_end = self.keys.len();
        self.looks.push(CaseLook { key_end, first_row: row, rows: 0, touched_from: None, bin: bin(), aside: 0 });
        let (looks, keys, seed) = (&self.looks, &self.keys, self.seed);
        let hash_of = |place: &u32| xxh3_64_with_seed(key_of(looks, keys, *place as usize).as_bytes(), seed);
        let number = u32::try_from(place).expect("a file of less than four thousand million cases");
        self.table.insert_unique(xxh3_64_with_seed(key.as_bytes(), seed), number, hash_of);
        place
    }

    pub(super) fn key(&self, place: usize) -> &str {
        key_of(&self.looks, &self.keys, place)
    }

    pub(super) fn look(&self, place: usize) -> &CaseLook {
        &self.looks[place]
    }

    pub(super) fn look_mut(&mut self, place: usize) -> &mut CaseLook {
        &mut self.looks[place]
    }

    pub(super) fn looks(&self) -> &[CaseLook] {
        &self.looks
    }
}

fn key_of<'k>(looks: &[CaseLook], keys: &'k str, place: usize) -> &'k str {
    let begin = if place == 0 { 0 } else { looks[place - 1].key_end };
    &keys[begin..looks[place].key_end]
}

#[cfg(test)]
mod tests {
    use super::Cases;

    #[test]
    fn cases_keep_their_places_in_the_order_in_which_they_appear() {
        let mut cases = Cases::new();
        let keys: Vec<String> =
            (0..1_000).map(|number| format!("case-{}", number * 7)).chain([String::new()]).collect();
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(cases.find(key), None);
            assert_eq!(cases.place_of(key, place as u64, || place), place);
        }
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(cases.place_of(key, 0, || panic!("it is known")), place);
            assert_eq!((cases.key(place), cases.look(place).first_row), (key.as_str(), place as u64));
        }
    }

    #[test]
    fn a_case_lacks_what_was_read_before_it_was_touched() {
        let mut cases = Cases::new();
        let place = cases.place_of("1", 3, || 0);
        let look = cases.look_mut(place);
        (look.rows, look.aside) = (2, 1);
        assert!(!look.lacks_rows());
        look.touch(5);
        look.touch(9);
        assert!(look.lacks_rows() && look.was_touched_at(5) && !look.was_touched_at(4));
    }
}
