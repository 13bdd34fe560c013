//! What the registry knows: subjects, versions, ids, levels and modes, as the entries of its log have made it.
//!
//! The log is the truth and this is what comes of reading it: [`Content::apply`] takes one entry after the other, and nothing else changes anything. Where the
//! entries come from, a topic or the memory of the demo, makes no difference. What may be written next is decided in [`crate::operation`].
//!
//! A schema has one id, whatever subjects it is registered under. Two schemas are the same when apache-avro reads the same out of them:
//! white space, the order of attributes and the way in which a namespace is written make no difference; a default, an alias or a doc
//! does. (Avro's Parsing Canonical Form would drop those too, and with it a new default would never reach a reader.)

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use serde_json::{Map, Value};

use crate::compatibility::{Level, differences};
use crate::entry::{Entry, SchemaValue};
use crate::error_code::Refusal;
use crate::mode::Mode;

/// What Confluent begins with.
const DEFAULT_LEVEL: Level = Level::Backward;

/// What a `SCHEMA` record says beyond what this registry understands.
pub(crate) type Rest = Arc<Map<String, Value>>;

/// A version as a path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Number(u32),
    Latest,
}

/// Whether soft-deleted versions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    Hidden,
    Shown,
    /// Only those.
    Only,
}

/// A version of a subject with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registered {
    pub(crate) subject: String,
    pub(crate) version: u32,
    pub(crate) id: u32,
    pub(crate) schema: Arc<str>,
    pub(crate) rest: Rest,
}

/// A schema that was read and found sound.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) text: Arc<str>,
    avro: Avro,
}

/// What apache-avro read out of a schema.
#[derive(Debug)]
struct Avro {
    schema: Schema,
    canonical: String,
}

impl Candidate {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        Ok(Self { text: text.into(), avro: Avro::read(text).map_err(Refusal::InvalidSchema)? })
    }
}

impl Avro {
    fn read(text: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
        // A name that is defined twice, or never, is found only here.
        ResolvedSchema::new(&schema).map_err(|error| error.to_string())?;
        let canonical = serde_json::to_value(&schema).map_err(|error| error.to_string())?;
        Ok(Self { canonical: canonical.to_string(), schema })
    }
}

/// Why an entry was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("id {id} is that of another schema already")]
pub(crate) struct IdTaken {
    id: u32,
}

/// Everything the registry knows.
#[derive(Debug, Default)]
pub(crate) struct Content {
    highest_id: u32,
    schemas: BTreeMap<u32, Stored>,
    /// The id of each schema that a client can register, by what apache-avro reads out of it.
    ids: BTreeMap<String, u32>,
    subjects: BTreeMap<String, BTreeMap<u32, Held>>,
    /// Settings by subject; without one: for all.
    levels: BTreeMap<Option<String>, Level>,
    modes: BTreeMap<Option<String>, Mode>,
}

#[derive(Debug)]
struct Stored {
    text: Arc<str>,
    rest: Rest,
    /// None: another kind of schema, or one that refers to others. It is shown and nothing is compared with it.
    avro: Option<Avro>,
}

/// A version of a subject.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: u32,
    pub(crate) deleted: bool,
    rest: Rest,
}

impl Deleted {
    fn counts(self, held: &Held) -> bool {
        match self {
            Self::Hidden => !held.deleted,
            Self::Shown => true,
            Self::Only => held.deleted,
        }
    }
}

// What changes it.

impl Content {
    /// Takes the next entry of the log.
    pub(crate) fn apply(&mut self, entry: Entry) -> Result<(), IdTaken> {
        match entry {
            Entry::Schema { subject, version, value: Some(value) } => return self.hold(subject, version, value),
            Entry::Schema { subject, version, value: None } => {
                let removed = self.subjects.get_mut(&subject).and_then(|versions| versions.remove(&version));
                if self.subjects.get(&subject).is_some_and(BTreeMap::is_empty) {
                    self.subjects.remove(&subject);
                }
                self.forget_unused(removed);
            }
            Entry::Level { subject, level } => set(&mut self.levels, subject, level),
            Entry::Mode { subject, mode } => set(&mut self.modes, subject, mode),
            Entry::DeleteSubject { subject, version } => {
                for (_, held) in self.subjects.get_mut(&subject).into_iter().flat_map(|held| held.range_mut(..=version))
                {
                    held.deleted = true;
                }
            }
            Entry::ClearSubject { subject } => {
                let removed = self.subjects.remove(&subject).unwrap_or_default();
                self.levels.remove(&Some(subject.clone()));
                self.modes.remove(&Some(subject));
                self.forget_unused(removed.into_values());
            }
            Entry::Noop { highest_id } => self.highest_id = self.highest_id.max(highest_id.unwrap_or(0)),
        }
        Ok(())
    }

    fn hold(&mut self, subject: String, version: u32, value: SchemaValue) -> Result<(), IdTaken> {
        self.highest_id = self.highest_id.max(value.id);
        let rest = Arc::new(value.rest);
        match self.schemas.get(&value.id) {
            Some(stored) if *stored.text != *value.schema => return Err(IdTaken { id: value.id }),
            Some(_) => {}
            None => {
                let avro = if is_plain(&rest) { Avro::read(&value.schema).ok() } else { None };
                if let Some(avro) = &avro {
                    self.ids.entry(avro.canonical.clone()).or_insert(value.id);
                }
                self.schemas.insert(value.id, Stored { text: value.schema.into(), rest: Arc::clone(&rest), avro });
            }
        }
        let held = Held { id: value.id, deleted: value.deleted, rest };
        let before = self.subjects.entry(subject).or_default().insert(version, held);
        self.forget_unused(before.filter(|before| before.id != value.id));
        Ok(())
    }

    /// Ids that no version has any more are forgotten, but never given again.
    fn forget_unused(&mut self, removed: impl IntoIterator<Item = Held>) {
        for Held { id, .. } in removed {
            if self.subjects.values().flat_map(BTreeMap::values).any(|held| held.id == id) {
                continue;
            }
            if let Some(Stored { avro: Some(avro), .. }) = self.schemas.remove(&id)
                && self.ids.get(&avro.canonical) == Some(&id)
            {
                self.ids.remove(&avro.canonical);
            }
        }
    }
}

/// A schema that a client of this registry could have registered: Avro, in no need of others, without data or rules of its own.
fn is_plain(rest: &Map<String, Value>) -> bool {
    rest.iter().all(|(name, value)| match name.as_str() {
        "schemaType" => value == "AVRO",
        "references" => value.as_array().is_none_or(Vec::is_empty),
        "metadata" | "ruleSet" => value.is_null(),
        _ => true,
    })
}

fn set<T>(settings: &mut BTreeMap<Option<String>, T>, subject: Option<String>, value: Option<T>) {
    match value {
        Some(value) => _ = settings.insert(subject, value),
        None => _ = settings.remove(&subject),
    }
}

// What it is asked.

impl Content {
    /// The highest id that was ever given.
    pub(crate) fn highest_id(&self) -> u32 {
        self.highest_id
    }

    /// Number of ids.
    pub(crate) fn len(&self) -> usize {
        self.schemas.len()
    }

    pub(crate) fn subjects(&self, deleted: Deleted, prefix: &str) -> Vec<String> {
        let names = self.subjects.iter().filter(|(name, versions)| {
            // A subject is deleted when nothing of it is left, not when something of it is gone.
            let gone = versions.values().all(|held| held.deleted);
            name.starts_with(prefix) && (deleted == Deleted::Shown || (deleted == Deleted::Only) == gone)
        });
        names.map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn versions(&self, subject: &str, deleted: Deleted) -> Result<Vec<u32>, Refusal> {
        let versions: Vec<u32> = self.held(subject, deleted).map(|(version, _)| version).collect();
        if versions.is_empty() { Err(Refusal::SubjectNotFound(subject.to_owned())) } else { Ok(versions) }
    }

    pub(crate) fn version(&self, subject: &str, version: Version, deleted: Deleted) -> Result<Registered, Refusal> {
        let (number, held) = self.find(subject, version, deleted)?;
        self.registered(subject, number, held)
    }

    /// The version under which the subject has this schema.
    pub(crate) fn lookup(&self, subject: &str, candidate: &Candidate, deleted: Deleted) -> Result<Registered, Refusal> {
        let mut held = self.held(subject, deleted).peekable();
        if held.peek().is_none() {
            return Err(Refusal::SubjectNotFound(subject.to_owned()));
        }
        let id = self.id_of(candidate).ok_or(Refusal::SchemaNotFound)?;
        let (number, held) = held.filter(|(_, held)| held.id == id).last().ok_or(Refusal::SchemaNotFound)?;
        self.registered(subject, number, held)
    }

    /// What keeps the schema from following a version, or all (none); empty when nothing does.
    pub(crate) fn compatibility(
        &self,
        subject: &str,
        version: Option<Version>,
        candidate: &Candidate,
    ) -> Result<Vec<String>, Refusal> {
        let number = match version {
            // The latest of nothing: any schema may be the first.
            Some(Version::Latest) | None if self.held(subject, Deleted::Hidden).next().is_none() => None,
            Some(Version::Number(number)) if self.held(subject, Deleted::Hidden).next().is_none() => {
                return Err(Refusal::VersionNotFound(number));
            }
            Some(version) => Some(self.find(subject, version, Deleted::Hidden)?.0),
            None => None,
        };
        Ok(self.differences(subject, candidate, number))
    }

    pub(crate) fn schema(&self, id: u32) -> Result<(Arc<str>, Rest), Refusal> {
        let stored = self.schemas.get(&id).ok_or(Refusal::IdNotFound(id))?;
        Ok((Arc::clone(&stored.text), Arc::clone(&stored.rest)))
    }

    /// Subjects and versions that have this id.
    pub(crate) fn uses(&self, id: u32, deleted: Deleted) -> Result<Vec<(String, u32)>, Refusal> {
        if !self.schemas.contains_key(&id) {
            return Err(Refusal::IdNotFound(id));
        }
        let of_subject = |(name, versions): (&String, &BTreeMap<u32, Held>)| {
            let used = versions.iter().filter(|(_, held)| held.id == id && deleted.counts(held));
            used.map(|(version, _)| (name.clone(), *version)).collect::<Vec<_>>()
        };
        Ok(self.subjects.iter().flat_map(of_subject).collect())
    }

    /// The level that holds for all.
    pub(crate) fn level(&self) -> Level {
        self.levels.get(&None).copied().unwrap_or(DEFAULT_LEVEL)
    }

    /// The level that was set for the subject, or for all.
    pub(crate) fn level_set(&self, subject: Option<&str>) -> Option<Level> {
        self.levels.get(&subject.map(str::to_owned)).copied()
    }

    pub(crate) fn mode(&self) -> Mode {
        self.modes.get(&None).copied().unwrap_or_default()
    }

    pub(crate) fn mode_set(&self, subject: Option<&str>) -> Option<Mode> {
        self.modes.get(&subject.map(str::to_owned)).copied()
    }

    /// Refuses what a mode forbids.
    pub(crate) fn writable(&self, subject: &str) -> Result<(), Refusal> {
        let mode = match self.mode() {
            Mode::ReadOnlyOverride => Mode::ReadOnlyOverride,
            mode => self.mode_set(Some(subject)).unwrap_or(mode),
        };
        match mode {
            Mode::ReadWrite => Ok(()),
            Mode::ReadOnly | Mode::ReadOnlyOverride => Err(Refusal::ReadOnly(subject.to_owned())),
            Mode::Import | Mode::Forward => Err(Refusal::NotReadWrite(subject.to_owned())),
        }
    }

    /// The id that a schema has already.
    pub(crate) fn id_of(&self, candidate: &Candidate) -> Option<u32> {
        self.ids.get(&candidate.avro.canonical).copied()
    }

    /// The text that this id stands for. Who registers the same in other letters gets this one.
    pub(crate) fn text_of(&self, id: u32) -> Option<Arc<str>> {
        self.schemas.get(&id).map(|stored| Arc::clone(&stored.text))
    }

    pub(crate) fn held(&self, subject: &str, deleted: Deleted) -> impl Iterator<Item = (u32, &Held)> {
        let versions = self.subjects.get(subject).into_iter().flatten();
        versions.filter(move |(_, held)| deleted.counts(held)).map(|(version, held)| (*version, held))
    }

    pub(crate) fn find(&self, subject: &str, version: Version, deleted: Deleted) -> Result<(u32, &Held), Refusal> {
        let not_found = || Refusal::SubjectNotFound(subject.to_owned());
        let mut held = self.held(subject, deleted).peekable();
        held.peek().ok_or_else(not_found)?;
        match version {
            Version::Latest => held.last().ok_or_else(not_found),
            Version::Number(number) => held.find(|(found, _)| *found == number).ok_or(Refusal::VersionNotFound(number)),
        }
    }

    /// The record of a version, as it stands in the log.
    pub(crate) fn value_of(&self, subject: &str, version: u32, held: &Held) -> Result<SchemaValue, Refusal> {
        let schema = self.text_of(held.id).ok_or(Refusal::IdNotFound(held.id))?.to_string();
        let rest = (*held.rest).clone();
        Ok(SchemaValue { subject: subject.to_owned(), version, id: held.id, rest, schema, deleted: held.deleted })
    }

    fn registered(&self, subject: &str, version: u32, held: &Held) -> Result<Registered, Refusal> {
        let schema = self.text_of(held.id).ok_or(Refusal::IdNotFound(held.id))?;
        Ok(Registered { subject: subject.to_owned(), version, id: held.id, schema, rest: Arc::clone(&held.rest) })
    }

    /// Compares with one version, or with those that the level asks for.
    pub(crate) fn differences(&self, subject: &str, candidate: &Candidate, version: Option<u32>) -> Vec<String> {
        let level = self.level_set(Some(subject)).unwrap_or_else(|| self.level());
        let earlier: Vec<(u32, Option<&Schema>)> = self
            .held(subject, Deleted::Hidden)
            .filter(|(number, _)| version.is_none_or(|version| version == *number))
            .filter_map(|(number, held)| Some((number, self.schemas.get(&held.id)?)))
            .map(|(number, stored)| (number, stored.avro.as_ref().map(|avro| &avro.schema)))
            .collect();
        differences(level, &candidate.avro.schema, &earlier)
    }
}
