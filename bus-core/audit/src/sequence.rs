//! `ce_sequence`: gapless for each publisher, growing in each partition. One bit for each event.

use std::collections::HashMap;

/// A number far beyond what was counted is a fault of its own, not a reason to take memory for all between.
const MOST_AHEAD: u64 = 1 << 32;

/// The numbers of one publisher that have been seen.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    seen: Vec<u64>,
    highest: u64,
    last_in_partition: HashMap<i32, u64>,
    first_in_partition: HashMap<i32, u64>,
}

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoNumber,
    Doubled,
    Unordered,
}

impl Sequence {
    /// Takes the number of the next record of a partition.
    pub(crate) fn take(&mut self, partition: i32, header: Option<&[u8]>) -> Option<Fault> {
        let text = header.and_then(|value| std::str::from_utf8(value).ok());
        let number = text.and_then(|text| text.parse::<u64>().ok()).filter(|number| (1..MOST_AHEAD).contains(number));
        let Some(number) = number else { return Some(Fault::NoNumber) };
        self.first_in_partition.entry(partition).or_insert(number);
        let last = self.last_in_partition.insert(partition, number);
        let (word, bit) = ((number / 64) as usize, 1_u64 << (number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        self.highest = self.highest.max(number);
        if self.seen[word] & bit != 0 {
            return Some(Fault::Doubled);
        }
        self.seen[word] |= bit;
        last.is_some_and(|last| last > number).then_some(Fault::Unordered)
    }

    /// The gaps up to `at_least`, or the highest number: first and last that are missing. `truncated` are the partitions whose
    /// beginning was deleted: what is missing below the first number that is left in one of them may have stood there.
    pub(crate) fn gaps(&self, at_least: u64, truncated: &[i32]) -> (Vec<(u64, u64)>, u64) {
        let last = self.highest.max(at_least);
        let excused = truncated
            .iter()
            .map(|partition| self.first_in_partition.get(partition).map_or(last, |first| first - 1))
            .max()
            .unwrap_or(0);
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        let mut unknown = 0;
        for number in (1..=last).filter(|number| !self.has(*number)) {
            match gaps.last_mut() {
                _ if number <= excused => unknown += 1,
                Some((_, end)) if *end + 1 == number => *end = number,
                _ => gaps.push((number, number)),
            }
        }
        (gaps, unknown)
    }

    fn has(&self, number: u64) -> bool {
        self.seen.get((number / 64) as usize).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.seen.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(numbers: &[(i32, u64)]) -> (Sequence, Vec<Fault>) {
        let mut sequence = Sequence::default();
        let take = |(partition, number): &(i32, u64)| sequence.take(*partition, Some(number.to_string().as_bytes()));
        let faults = numbers.iter().filter_map(take).collect();
        (sequence, faults)
    }

    #[test]
    fn numbers_without_a_gap_over_several_partitions_have_no_fault() {
        let (sequence, faults) = sequence(&[(0, 1), (0, 4), (1, 2), (1, 3)]);
        assert_eq!((faults, sequence.gaps(4, &[])), (vec![], (vec![], 0)));
    }

    #[test]
    fn gaps_doubles_and_disorder_are_found() {
        let (sequence, faults) = sequence(&[(0, 2), (0, 6), (0, 5), (1, 2)]);
        assert_eq!(faults, [Fault::Unordered, Fault::Doubled]);
        assert_eq!(sequence.gaps(8, &[]).0, [(1, 1), (3, 4), (7, 8)]);
    }

    #[test]
    fn what_may_have_been_deleted_is_no_gap() {
        let (sequence, _) = sequence(&[(0, 3), (0, 7), (1, 5)]);
        assert_eq!(sequence.gaps(7, &[1]), (vec![(6, 6)], 3));
        assert_eq!(sequence.gaps(7, &[2]), (vec![], 4));
    }

    #[test]
    fn a_number_that_is_none_is_a_fault() {
        let mut sequence = Sequence::default();
        for header in [None, Some(&b"x"[..]), Some(b"0"), Some(b"-1"), Some(b"18446744073709551615")] {
            assert_eq!(sequence.take(0, header), Some(Fault::NoNumber));
        }
    }
}
