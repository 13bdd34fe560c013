//! Subjects, versions, ids, levels and modes, in memory, behind one lock.
//!
//! A schema has one id, whatever subjects it is registered under. Two schemas are the same when apache-avro reads the same out of them:
//! white space, the order of attributes and the way in which a namespace is written make no difference; a default, an alias or a doc
//! does. (Avro's Parsing Canonical Form would drop those too, and with it a new default would never reach a reader.)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;

use crate::compatibility::{Level, differences};
use crate::error_code::Refusal;

/// What Confluent begins with.
const DEFAULT_LEVEL: Level = Level::Backward;

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
}

/// How to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Soft,
    /// After a soft one only.
    Permanent,
}

/// Whether schemas may be registered and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    ReadWrite,
    ReadOnly,
}

/// A version of a subject with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) subject: String,
    pub(crate) version: u32,
    pub(crate) id: u32,
    pub(crate) schema: Arc<str>,
}

/// A schema that was read and found sound.
#[derive(Debug)]
pub(crate) struct Candidate {
    text: Arc<str>,
    schema: Schema,
    canonical: String,
}

impl Candidate {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let invalid = |error: apache_avro::Error| Refusal::InvalidSchema(error.to_string());
        let schema = Schema::parse_str(text).map_err(invalid)?;
        // A name that is defined twice, or never, is found only here.
        ResolvedSchema::new(&schema).map_err(invalid)?;
        let canonical = serde_json::to_value(&schema).map_err(|error| Refusal::InvalidSchema(error.to_string()))?;
        Ok(Self { text: text.into(), canonical: canonical.to_string(), schema })
    }
}

/// Everything the registry knows.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Content>);

#[derive(Debug)]
struct Content {
    last_id: u32,
    schemas: BTreeMap<u32, Stored>,
    ids: BTreeMap<String, u32>,
    subjects: BTreeMap<String, BTreeMap<u32, Entry>>,
    level: Level,
    levels: BTreeMap<String, Level>,
    mode: Mode,
    modes: BTreeMap<String, Mode>,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            last_id: 0,
            schemas: BTreeMap::new(),
            ids: BTreeMap::new(),
            subjects: BTreeMap::new(),
            level: DEFAULT_LEVEL,
            levels: BTreeMap::new(),
            mode: Mode::default(),
            modes: BTreeMap::new(),
        }
    }
}

#[derive(Debug)]
struct Stored {
    text: Arc<str>,
    canonical: String,
    schema: Schema,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    deleted: bool,
}

impl Store {
    pub(crate) fn clear(&self) {
        *self.content() = Content::default();
    }

    pub(crate) fn subjects(&self, deleted: Deleted, prefix: &str) -> Vec<String> {
        let content = self.content();
        let names = content.subjects.iter().filter(|(name, versions)| {
            name.starts_with(prefix) && versions.values().any(|entry| deleted.counts(entry))
        });
        names.map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn versions(&self, subject: &str, deleted: Deleted) -> Result<Vec<u32>, Refusal> {
        let content = self.content();
        let versions: Vec<u32> = content.entries(subject, deleted).map(|(version, _)| version).collect();
        if versions.is_empty() { Err(Refusal::SubjectNotFound(subject.to_owned())) } else { Ok(versions) }
    }

    pub(crate) fn version(&self, subject: &str, version: Version, deleted: Deleted) -> Result<Registered, Refusal> {
        let content = self.content();
        let (number, entry) = content.find(subject, version, deleted)?;
        content.registered(subject, number, entry.id)
    }

    /// Registers a schema and gives its id. A schema that the subject has already keeps its version.
    pub(crate) fn register(&self, subject: &str, candidate: Candidate) -> Result<u32, Refusal> {
        let mut content = self.content();
        content.writable(subject)?;
        let known = content.ids.get(&candidate.canonical).copied();
        if let Some(id) = known
            && content.entries(subject, Deleted::Hidden).any(|(_, entry)| entry.id == id)
        {
            return Ok(id);
        }
        let details = content.differences(subject, &candidate, None);
        if !details.is_empty() {
            return Err(Refusal::Incompatible { subject: subject.to_owned(), details });
        }
        let id = known.unwrap_or_else(|| content.add(candidate));
        let versions = content.subjects.entry(subject.to_owned()).or_default();
        let next = versions.keys().next_back().map_or(1, |last| last + 1);
        versions.insert(next, Entry { id, deleted: false });
        Ok(id)
    }

    /// The version under which the subject has this schema.
    pub(crate) fn lookup(&self, subject: &str, candidate: &Candidate, deleted: Deleted) -> Result<Registered, Refusal> {
        let content = self.content();
        let mut entries = content.entries(subject, deleted).peekable();
        if entries.peek().is_none() {
            return Err(Refusal::SubjectNotFound(subject.to_owned()));
        }
        let id = content.ids.get(&candidate.canonical).ok_or(Refusal::SchemaNotFound)?;
        let (number, entry) = entries.filter(|(_, entry)| entry.id == *id).last().ok_or(Refusal::SchemaNotFound)?;
        content.registered(subject, number, entry.id)
    }

    /// What keeps the schema from following a version, or all (none); empty when nothing does.
    pub(crate) fn compatibility(
        &self,
        subject: &str,
        version: Option<Version>,
        candidate: &Candidate,
    ) -> Result<Vec<String>, Refusal> {
        let content = self.content();
        let number = match version {
            // The latest of nothing: any schema may be the first.
            Some(Version::Latest) | None if content.entries(subject, Deleted::Hidden).next().is_none() => None,
            Some(version) => Some(content.find(subject, version, Deleted::Hidden)?.0),
            None => None,
        };
        Ok(content.differences(subject, candidate, number))
    }

    pub(crate) fn delete_subject(&self, subject: &str, deletion: Deletion) -> Result<Vec<u32>, Refusal> {
        let mut content = self.content();
        content.writable(subject)?;
        let Some(versions) = content.subjects.get_mut(subject) else {
            return Err(Refusal::SubjectNotFound(subject.to_owned()));
        };
        let alive = versions.values().any(|entry| !entry.deleted);
        match deletion {
            Deletion::Soft if !alive => Err(Refusal::SubjectSoftDeleted(subject.to_owned())),
            Deletion::Soft => {
                let alive = versions.iter_mut().filter(|(_, entry)| !entry.deleted);
                Ok(alive.map(|(version, entry)| (entry.deleted = true, *version).1).collect())
            }
            Deletion::Permanent if alive => Err(Refusal::SubjectNotSoftDeleted(subject.to_owned())),
            Deletion::Permanent => {
                let numbers = versions.keys().copied().collect();
                content.subjects.remove(subject);
                content.levels.remove(subject);
                content.modes.remove(subject);
                content.forget_unused();
                Ok(numbers)
            }
        }
    }

    pub(crate) fn delete_version(&self, subject: &str, version: Version, deletion: Deletion) -> Result<u32, Refusal> {
        let mut content = self.content();
        content.writable(subject)?;
        let (number, entry) = content.find(subject, version, Deleted::Shown)?;
        match deletion {
            Deletion::Soft if entry.deleted => return Err(Refusal::VersionSoftDeleted(subject.to_owned(), number)),
            Deletion::Permanent if !entry.deleted => {
                return Err(Refusal::VersionNotSoftDeleted(subject.to_owned(), number));
            }
            Deletion::Soft | Deletion::Permanent => {}
        }
        if let Some(versions) = content.subjects.get_mut(subject) {
            match deletion {
                Deletion::Soft => _ = versions.insert(number, Entry { deleted: true, ..entry }),
                Deletion::Permanent => _ = versions.remove(&number),
            }
            if versions.is_empty() {
                content.subjects.remove(subject);
            }
        }
        content.forget_unused();
        Ok(number)
    }

    pub(crate) fn schema(&self, id: u32) -> Result<Arc<str>, Refusal> {
        let content = self.content();
        content.schemas.get(&id).map(|stored| Arc::clone(&stored.text)).ok_or(Refusal::IdNotFound(id))
    }

    /// Subjects and versions that have this id.
    pub(crate) fn uses(&self, id: u32, deleted: Deleted) -> Result<Vec<(String, u32)>, Refusal> {
        let content = self.content();
        if !content.schemas.contains_key(&id) {
            return Err(Refusal::IdNotFound(id));
        }
        let of_subject = |(name, versions): (&String, &BTreeMap<u32, Entry>)| {
            let used = versions.iter().filter(|(_, entry)| entry.id == id && deleted.counts(entry));
            used.map(|(version, _)| (name.clone(), *version)).collect::<Vec<_>>()
        };
        Ok(content.subjects.iter().flat_map(of_subject).collect())
    }

    pub(crate) fn level(&self) -> Level {
        self.content().level
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.content().level = level;
    }

    pub(crate) fn subject_level(&self, subject: &str) -> Result<Level, Refusal> {
        let level = self.content().levels.get(subject).copied();
        level.ok_or_else(|| Refusal::NoSubjectLevel(subject.to_owned()))
    }

    pub(crate) fn set_subject_level(&self, subject: &str, level: Level) {
        self.content().levels.insert(subject.to_owned(), level);
    }

    /// The level that was set before.
    pub(crate) fn unset_level(&self) -> Level {
        std::mem::replace(&mut self.content().level, DEFAULT_LEVEL)
    }

    pub(crate) fn unset_subject_level(&self, subject: &str) -> Result<Level, Refusal> {
        self.content().levels.remove(subject).ok_or_else(|| Refusal::NoSubjectLevel(subject.to_owned()))
    }

    pub(crate) fn mode(&self) -> Mode {
        self.content().mode
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.content().mode = mode;
    }

    pub(crate) fn subject_mode(&self, subject: &str) -> Result<Mode, Refusal> {
        self.content().modes.get(subject).copied().ok_or_else(|| Refusal::NoSubjectMode(subject.to_owned()))
    }

    pub(crate) fn set_subject_mode(&self, subject: &str, mode: Mode) {
        self.content().modes.insert(subject.to_owned(), mode);
    }

    pub(crate) fn unset_subject_mode(&self, subject: &str) -> Result<Mode, Refusal> {
        self.content().modes.remove(subject).ok_or_else(|| Refusal::NoSubjectMode(subject.to_owned()))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deleted {
    fn counts(self, entry: &Entry) -> bool {
        self == Deleted::Shown || !entry.deleted
    }
}

impl Content {
    fn entries(&self, subject: &str, deleted: Deleted) -> impl Iterator<Item = (u32, Entry)> {
        let versions = self.subjects.get(subject).into_iter().flatten();
        versions.filter(move |(_, entry)| deleted.counts(entry)).map(|(version, entry)| (*version, *entry))
    }

    fn find(&self, subject: &str, version: Version, deleted: Deleted) -> Result<(u32, Entry), Refusal> {
        let not_found = || Refusal::SubjectNotFound(subject.to_owned());
        let mut entries = self.entries(subject, deleted).peekable();
        entries.peek().ok_or_else(not_found)?;
        match version {
            Version::Latest => entries.last().ok_or_else(not_found),
            Version::Number(number) => {
                entries.find(|(found, _)| *found == number).ok_or(Refusal::VersionNotFound(number))
            }
        }
    }

    fn registered(&self, subject: &str, version: u32, id: u32) -> Result<Registered, Refusal> {
        let stored = self.schemas.get(&id).ok_or(Refusal::IdNotFound(id))?;
        Ok(Registered { subject: subject.to_owned(), version, id, schema: Arc::clone(&stored.text) })
    }

    /// Compares with one version, or with those that the level asks for.
    fn differences(&self, subject: &str, candidate: &Candidate, version: Option<u32>) -> Vec<String> {
        let level = self.levels.get(subject).copied().unwrap_or(self.level);
        let earlier: Vec<(u32, &Schema)> = self
            .entries(subject, Deleted::Hidden)
            .filter(|(number, _)| version.is_none_or(|version| version == *number))
            .filter_map(|(number, entry)| Some((number, &self.schemas.get(&entry.id)?.schema)))
            .collect();
        differences(level, &candidate.schema, &earlier)
    }

    fn add(&mut self, candidate: Candidate) -> u32 {
        self.last_id += 1;
        let Candidate { text, schema, canonical } = candidate;
        self.ids.insert(canonical.clone(), self.last_id);
        self.schemas.insert(self.last_id, Stored { text, canonical, schema });
        self.last_id
    }

    /// Ids that no version has any more are forgotten, but never given again.
    fn forget_unused(&mut self) {
        let used: Vec<u32> =
            self.subjects.values().flat_map(|versions| versions.values().map(|entry| entry.id)).collect();
        self.schemas.retain(|id, stored| {
            let keep = used.contains(id);
            if !keep {
                self.ids.remove(&stored.canonical);
            }
            keep
        });
    }

    fn writable(&self, subject: &str) -> Result<(), Refusal> {
        match self.modes.get(subject).copied().unwrap_or(self.mode) {
            Mode::ReadWrite => Ok(()),
            Mode::ReadOnly => Err(Refusal::ReadOnly(subject.to_owned())),
        }
    }
}
