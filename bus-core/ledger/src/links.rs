//! Which cases are one matter: they share a corr_id, a tracking code, a parcel or a person.
//!
//! The links of millions of events must fit in memory, so each key is kept as a 64-bit hash and each corr_id once. A case is
//! found by any number that is written on the paper; what it links to is followed until nothing new is found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use barid_schemas::CaseEvent;
use uuid::Uuid;

/// The links among all events that were read.
#[derive(Debug, Default)]
pub struct Links {
    hasher: RandomState,
    /// Linking key → the corr_ids that carry it.
    by_key: HashMap<u64, Vec<Uuid>>,
    /// corr_id → its linking keys.
    keys: HashMap<Uuid, HashSet<u64>>,
    /// What a person may type → the corr_ids that it stands for.
    by_name: HashMap<u64, Vec<Uuid>>,
}

/// What is written on the paper, and what links cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    TrackingCode,
    Parcel,
    Person,
    CaseNumber,
    Event,
}

impl Links {
    /// Takes in one event.
    pub fn add(&mut self, event: &CaseEvent) {
        let corr_id = event.corr_id;
        self.keys.entry(corr_id).or_default();
        for key in linking_keys(event) {
            let hash = self.hasher.hash_one(&key);
            if self.keys.entry(corr_id).or_default().insert(hash) {
                self.by_key.entry(hash).or_default().push(corr_id);
            }
            if key.0 == Kind::TrackingCode {
                self.name(Kind::TrackingCode, &key.1, corr_id);
            }
        }
        if let Some(case_no) = &event.case_no {
            self.name(Kind::CaseNumber, case_no, corr_id);
        }
        self.name(Kind::Event, &event.event_id.to_string(), corr_id);
    }

    fn name(&mut self, kind: Kind, text: &str, corr_id: Uuid) {
        let corr_ids = self.by_name.entry(self.hasher.hash_one((kind, text))).or_default();
        if !corr_ids.contains(&corr_id) {
            corr_ids.push(corr_id);
        }
    }

    /// The corr_ids of the matter that `key` belongs to: a corr_id, a tracking code, a case number or an event id. Empty if
    /// no event carries it.
    #[must_use]
    pub fn matter(&self, key: &str) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Uuid> = [Kind::TrackingCode, Kind::CaseNumber, Kind::Event]
            .into_iter()
            .filter_map(|kind| self.by_name.get(&self.hasher.hash_one((kind, key))))
            .flatten()
            .copied()
            .collect();
        open.extend(Uuid::try_parse(key).ok().filter(|corr_id| self.keys.contains_key(corr_id)));
        while let Some(corr_id) = open.pop() {
            if found.insert(corr_id) {
                let keys = self.keys.get(&corr_id).into_iter().flatten();
                open.extend(keys.filter_map(|key| self.by_key.get(key)).flatten().filter(|next| !found.contains(next)));
            }
        }
        found
    }
}

fn linking_keys(event: &CaseEvent) -> impl Iterator<Item = (Kind, String)> {
    let tracking_code = event
        .identity
        .as_ref()
        .and_then(|identity| identity.idv_tracking_code.clone())
        .map(|code| (Kind::TrackingCode, code));
    // Without section and district a plate is no key: 12/345 stands in many of them.
    let parcel = event.parcel.as_ref().and_then(|parcel| {
        let parts = [&parcel.plate_main, &parcel.plate_sub, &parcel.plate_section, &parcel.plate_district];
        let parts: Option<Vec<String>> = parts.into_iter().map(|part| part.as_deref().map(letters)).collect();
        parts.map(|parts| (Kind::Parcel, parts.join("\u{1f}")))
    });
    let person = event.number.as_ref().and_then(|number| {
        number.national_id.clone().or_else(|| number.legal_id.clone()).map(|number| (Kind::Person, number))
    });
    [tracking_code, parcel, person].into_iter().flatten()
}

/// Letters and digits alone: one agency writes the name of a district with a blank, another with a half-space.
fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}
