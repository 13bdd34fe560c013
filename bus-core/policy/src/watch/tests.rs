use std::collections::BTreeSet;

use barid_schemas::Millis;
use proptest::prelude::*;

use super::*;

fn key(number: u64) -> WatchKey {
    let mut hash = [0; 16];
    // Spread over the hash as a keyed hash would be.
    hash[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    hash[8..].copy_from_slice(&number.to_be_bytes());
    WatchKey { kind: WatchKind::Parcel, hash }
}

fn entry(subscriber: &str, key: WatchKey, handle: &str) -> WatchEntry {
    WatchEntry {
        subscriber: subscriber.to_owned(),
        kind: key.kind,
        key: key.to_string().split_off("parcel:".len()),
        handle: handle.to_owned(),
        since: Millis(0),
    }
}

fn watchers(table: &WatchTable, key: WatchKey) -> Vec<(&str, &str)> {
    let mut found: Vec<_> = table.watchers(key).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_key_is_found_with_all_its_watchers_until_it_is_removed() {
    let mut table = WatchTable::new();
    for (subscriber, handle) in [("bank", "loan 1"), ("water", "meter 9")] {
        assert_eq!(table.apply(&entry(subscriber, key(1), handle)), Ok(()));
    }
    assert_eq!(watchers(&table, key(1)), [("bank", "loan 1"), ("water", "meter 9")]);
    assert!(watchers(&table, key(2)).is_empty());
    assert_eq!(table.remove(&record_key("bank", key(1), "loan 2")), Ok(false));
    assert_eq!(table.remove(&record_key("bank", key(1), "loan 1")), Ok(true));
    assert_eq!(table.remove(&record_key("bank", key(1), "loan 1")), Ok(false));
    assert_eq!(watchers(&table, key(1)), [("water", "meter 9")]);
}

#[test]
fn two_loans_of_one_person_are_two_handles_and_each_goes_by_itself() {
    let mut table = WatchTable::new();
    for handle in ["loan 1", "loan/2", "loan/2"] {
        let entry = entry("bank", key(1), handle);
        assert_eq!(table.apply_record(&record_key("bank", key(1), handle), &entry), Ok(()));
    }
    assert_eq!(watchers(&table, key(1)), [("bank", "loan 1"), ("bank", "loan/2")]);
    assert_eq!(table.len(), 2);
    assert_eq!(table.remove(&record_key("bank", key(1), "loan 1")), Ok(true));
    assert_eq!(watchers(&table, key(1)), [("bank", "loan/2")]);
}

#[test]
fn a_record_key_without_a_handle_stands_for_all_handles_of_the_key() {
    let mut table = WatchTable::new();
    for (subscriber, number, handle) in [("bank", 1, "a"), ("bank", 1, "b"), ("bank", 2, "c"), ("water", 1, "d")] {
        assert_eq!(table.apply(&entry(subscriber, key(number), handle)), Ok(()));
    }
    let of_key = format!("bank/{}", key(1));
    assert_eq!(table.apply_record(&of_key, &entry("bank", key(1), "e")), Ok(()));
    assert_eq!(watchers(&table, key(1)), [("bank", "e"), ("water", "d")]);
    assert_eq!(table.remove(&of_key), Ok(true));
    assert_eq!(table.remove(&of_key), Ok(false));
    assert_eq!(watchers(&table, key(1)), [("water", "d")]);
    assert_eq!(watchers(&table, key(2)), [("bank", "c")]);
}

#[test]
fn a_record_under_the_key_of_another_is_refused_for_no_tombstone_would_remove_it() {
    let mut table = WatchTable::new();
    let sound = entry("bank", key(1), "loan 1");
    for other in [
        record_key("water", key(1), "loan 1"),
        record_key("bank", key(2), "loan 1"),
        record_key("bank", key(1), "loan 2"),
        format!("water/{}", key(1)),
    ] {
        assert_eq!(table.apply_record(&other, &sound), Err(WatchError::OtherRecordKey), "{other}");
    }
    assert!(table.is_empty());
}

#[test]
fn a_malformed_entry_is_refused_and_changes_nothing() {
    let mut table = WatchTable::new();
    let sound = entry("bank", key(1), "loan 1");
    let refused = [
        (WatchEntry { handle: String::new(), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { handle: "x".repeat(257), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { handle: "a\nb".to_owned(), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { handle: " a".to_owned(), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { subscriber: String::new(), ..sound.clone() }, WatchError::NoSubscriber),
        (WatchEntry { subscriber: "a/b".to_owned(), ..sound.clone() }, WatchError::NoSubscriber),
        (WatchEntry { key: "ABC".to_owned(), ..sound.clone() }, WatchError::BadWatchKey(WatchKeyError::BadHash)),
    ];
    for (entry, error) in refused {
        assert_eq!(table.apply(&entry), Err(error));
    }
    assert!(table.is_empty());
    assert_eq!(table.remove("bank"), Err(WatchError::BadRecordKey));
}

#[test]
fn a_million_keys_take_less_than_a_hundred_bytes_each() {
    const KEYS: u64 = 1_000_000;
    let mut table = WatchTable::new();
    for number in 0..KEYS {
        let entry = entry("bank", key(number), &format!("loan-6104-1401-{number:06}"));
        assert_eq!(table.apply(&entry), Ok(()));
    }
    assert_eq!(watchers(&table, key(KEYS - 1)), [("bank", "loan-6104-1401-999999")]);
    assert!(table.memory_bytes() < 100 * KEYS as usize, "{}", table.memory_bytes());
}

#[test]
fn a_table_that_changes_for_years_does_not_grow() {
    let mut table = WatchTable::new();
    for number in 0..20_000_u64 {
        let (key, handle) = (key(number % 10), format!("loan {number}"));
        assert_eq!(table.apply_record(&format!("bank/{key}"), &entry("bank", key, &handle)), Ok(()));
    }
    assert!(table.memory_bytes() < 10_000, "{}", table.memory_bytes());
}

proptest! {
    #[test]
    fn the_table_holds_what_a_plain_map_holds(
        steps in prop::collection::vec((0..3_usize, 0..8_u64, "[a-d]{1,2}", 0..4_u8), 0..200),
    ) {
        let subscribers = ["bank", "court", "water"];
        let mut table = WatchTable::new();
        let mut model: BTreeSet<(u64, &str, String)> = BTreeSet::new();
        for (subscriber, number, handle, what) in steps {
            let subscriber = subscribers[subscriber];
            let one = (number, subscriber, handle.clone());
            match what {
                0 => {
                    let removed = table.remove(&record_key(subscriber, key(number), &handle));
                    prop_assert_eq!(removed, Ok(model.remove(&one)));
                }
                1 => {
                    let before = model.len();
                    model.retain(|(of, by, _)| (*of, *by) != (number, subscriber));
                    let removed = table.remove(&format!("{subscriber}/{}", key(number)));
                    prop_assert_eq!(removed, Ok(model.len() < before));
                }
                _ => {
                    prop_assert_eq!(table.apply(&entry(subscriber, key(number), &handle)), Ok(()));
                    model.insert(one);
                }
            }
            prop_assert_eq!(table.len(), model.len());
            for number in 0..8 {
                let expected: Vec<_> = model
                    .iter()
                    .filter(|(of, ..)| *of == number)
                    .map(|(_, subscriber, handle)| (*subscriber, handle.as_str()))
                    .collect();
                prop_assert_eq!(watchers(&table, key(number)), expected);
            }
        }
    }
}
