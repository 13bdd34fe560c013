use std::collections::BTreeMap;

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
    assert_eq!(table.remove(&record_key("bank", key(1))), Ok(true));
    assert_eq!(table.remove(&record_key("bank", key(1))), Ok(false));
    assert_eq!(watchers(&table, key(1)), [("water", "meter 9")]);
}

#[test]
fn the_same_key_registered_again_has_the_new_handle_alone() {
    let mut table = WatchTable::new();
    for handle in ["loan 1", "loan 2", "loan 2"] {
        assert_eq!(table.apply(&entry("bank", key(1), handle)), Ok(()));
    }
    assert_eq!(watchers(&table, key(1)), [("bank", "loan 2")]);
    assert_eq!(table.len(), 1);
}

#[test]
fn a_malformed_entry_is_refused_and_changes_nothing() {
    let mut table = WatchTable::new();
    let sound = entry("bank", key(1), "loan 1");
    let refused = [
        (WatchEntry { handle: String::new(), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { handle: "x".repeat(257), ..sound.clone() }, WatchError::BadHandle),
        (WatchEntry { handle: "a\nb".to_owned(), ..sound.clone() }, WatchError::BadHandle),
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
        assert_eq!(table.apply(&entry("bank", key(number % 10), &format!("loan {number}"))), Ok(()));
    }
    assert!(table.memory_bytes() < 10_000, "{}", table.memory_bytes());
}

proptest! {
    #[test]
    fn the_table_holds_what_a_plain_map_holds(
        steps in prop::collection::vec((0..3_usize, 0..8_u64, prop::option::of("[a-z]{1,9}")), 0..200),
    ) {
        let subscribers = ["bank", "court", "water"];
        let mut table = WatchTable::new();
        let mut model: BTreeMap<(u64, &str), String> = BTreeMap::new();
        for (subscriber, number, handle) in steps {
            let subscriber = subscribers[subscriber];
            match handle {
                Some(handle) => {
                    prop_assert_eq!(table.apply(&entry(subscriber, key(number), &handle)), Ok(()));
                    model.insert((number, subscriber), handle);
                }
                None => {
                    let removed = table.remove(&record_key(subscriber, key(number)));
                    prop_assert_eq!(removed, Ok(model.remove(&(number, subscriber)).is_some()));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            for number in 0..8 {
                let expected: Vec<_> = model
                    .iter()
                    .filter(|((of, _), _)| *of == number)
                    .map(|((_, subscriber), handle)| (*subscriber, handle.as_str()))
                    .collect();
                prop_assert_eq!(watchers(&table, key(number)), expected);
            }
        }
    }
}
