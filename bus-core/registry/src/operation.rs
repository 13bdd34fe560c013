//! What a client may ask to be changed, and which entries that makes.
//!
//! [`decide`] looks at the content and says what has to be written; it changes nothing. Whoever has the log writes the entries, all or none, and applies them.
//! Nobody but the one who leads may decide: two that decide from the same content would give one id twice.
//!
//! The entries are those that Confluent's registry would write. In particular: a schema that comes back to a subject gets a new version and its soft-deleted one is
//! taken away; a subject that is deleted loses its level and its mode.

use std::sync::Arc;

use serde_json::Map;

use crate::compatibility::Level;
use crate::content::{Candidate, Content, Deleted, Version};
use crate::entry::{Entry, SchemaValue};
use crate::error_code::Refusal;
use crate::mode::Mode;

/// How to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Soft,
    /// After a soft one only.
    Permanent,
}

/// What a client asks. Without a subject a setting is meant for all.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Register { subject: String, candidate: Arc<Candidate> },
    DeleteSubject { subject: String, deletion: Deletion },
    DeleteVersion { subject: String, version: Version, deletion: Deletion },
    SetLevel { subject: Option<String>, level: Level },
    UnsetLevel { subject: Option<String> },
    SetMode { subject: Option<String>, mode: Mode },
    UnsetMode { subject: String },
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Id(u32),
    Version(u32),
    Versions(Vec<u32>),
    /// The level that was set.
    LevelSet(Level),
    /// The level that was in force before.
    LevelUnset(Level),
    Mode(Mode),
}

/// The entries that an operation makes; none if everything is as it asks already.
pub(crate) fn decide(content: &Content, operation: &Operation) -> Result<(Vec<Entry>, Outcome), Refusal> {
    match operation {
        Operation::Register { subject, candidate } => register(content, subject, candidate),
        Operation::DeleteSubject { subject, deletion } => delete_subject(content, subject, *deletion),
        Operation::DeleteVersion { subject, version, deletion } => {
            delete_version(content, subject, *version, *deletion)
        }
        Operation::SetLevel { subject, level } => {
            Ok((vec![Entry::Level { subject: subject.clone(), level: Some(*level) }], Outcome::LevelSet(*level)))
        }
        Operation::UnsetLevel { subject } => {
            let before = match subject {
                Some(name) => content.level_set(Some(name)).ok_or_else(|| Refusal::SubjectNotFound(name.clone()))?,
                None => content.level(),
            };
            Ok((vec![Entry::Level { subject: subject.clone(), level: None }], Outcome::LevelUnset(before)))
        }
        Operation::SetMode { subject, mode } => {
            Ok((vec![Entry::Mode { subject: subject.clone(), mode: Some(*mode) }], Outcome::Mode(*mode)))
        }
        Operation::UnsetMode { subject } => {
            let before = content.mode_set(Some(subject)).ok_or_else(|| Refusal::SubjectNotFound(subject.clone()))?;
            Ok((vec![Entry::Mode { subject: Some(subject.clone()), mode: None }], Outcome::Mode(before)))
        }
    }
}

/// Registers a schema and gives its id. A schema that the subject has already keeps its version.
fn register(content: &Content, subject: &str, candidate: &Candidate) -> Result<(Vec<Entry>, Outcome), Refusal> {
    content.writable(subject)?;
    let known = content.id_of(candidate);
    if let Some(id) = known
        && content.held(subject, Deleted::Hidden).any(|(_, held)| held.id == id)
    {
        return Ok((Vec::new(), Outcome::Id(id)));
    }
    let details = content.differences(subject, candidate, None);
    if !details.is_empty() {
        return Err(Refusal::Incompatible { subject: subject.to_owned(), details });
    }
    let id = known.unwrap_or(content.highest_id() + 1);
    let schema = known.and_then(|id| content.text_of(id)).unwrap_or_else(|| Arc::clone(&candidate.text));
    let version = content.held(subject, Deleted::Shown).last().map_or(1, |(last, _)| last + 1);
    let value = SchemaValue {
        subject: subject.to_owned(),
        version,
        id,
        rest: Map::new(),
        schema: schema.to_string(),
        deleted: false,
    };
    let mut entries = vec![Entry::Schema { subject: subject.to_owned(), version, value: Some(value) }];
    let replaced = content.held(subject, Deleted::Only).filter(|(_, held)| held.id == id);
    entries.extend(replaced.map(|(version, _)| gone(subject, version)));
    Ok((entries, Outcome::Id(id)))
}

fn delete_subject(content: &Content, subject: &str, deletion: Deletion) -> Result<(Vec<Entry>, Outcome), Refusal> {
    content.writable(subject)?;
    let numbers = |deleted| content.held(subject, deleted).map(|(version, _)| version).collect::<Vec<_>>();
    let (all, alive) = (numbers(Deleted::Shown), numbers(Deleted::Hidden));
    if all.is_empty() {
        return Err(Refusal::SubjectNotFound(subject.to_owned()));
    }
    match (deletion, alive.last()) {
        (Deletion::Soft, None) => Err(Refusal::SubjectSoftDeleted(subject.to_owned())),
        (Deletion::Soft, Some(last)) => {
            let mut entries = vec![Entry::DeleteSubject { subject: subject.to_owned(), version: *last }];
            entries.extend(unset(content, subject));
            Ok((entries, Outcome::Versions(alive)))
        }
        (Deletion::Permanent, Some(_)) => Err(Refusal::SubjectNotSoftDeleted(subject.to_owned())),
        (Deletion::Permanent, None) => {
            let mut entries: Vec<Entry> = all.iter().map(|version| gone(subject, *version)).collect();
            entries.push(remember(content));
            Ok((entries, Outcome::Versions(all)))
        }
    }
}

fn delete_version(
    content: &Content,
    subject: &str,
    version: Version,
    deletion: Deletion,
) -> Result<(Vec<Entry>, Outcome), Refusal> {
    content.writable(subject)?;
    let (number, held) = content.find(subject, version, Deleted::Shown)?;
    match deletion {
        Deletion::Soft if held.deleted => Err(Refusal::VersionSoftDeleted(subject.to_owned(), number)),
        Deletion::Permanent if !held.deleted => Err(Refusal::VersionNotSoftDeleted(subject.to_owned(), number)),
        Deletion::Soft => {
            let value = SchemaValue { deleted: true, ..content.value_of(subject, number, held)? };
            let mut entries = vec![Entry::Schema { subject: subject.to_owned(), version: number, value: Some(value) }];
            if content.held(subject, Deleted::Hidden).all(|(other, _)| other == number) {
                entries.extend(unset(content, subject));
            }
            Ok((entries, Outcome::Version(number)))
        }
        Deletion::Permanent => Ok((vec![gone(subject, number), remember(content)], Outcome::Version(number))),
    }
}

fn gone(subject: &str, version: u32) -> Entry {
    Entry::Schema { subject: subject.to_owned(), version, value: None }
}

/// Compaction will remove every trace of a version that is gone, and its id may be the highest.
fn remember(content: &Content) -> Entry {
    Entry::Noop { highest_id: Some(content.highest_id()) }
}

/// A subject that is deleted has no settings.
fn unset(content: &Content, subject: &str) -> Vec<Entry> {
    let mode = content.mode_set(Some(subject)).map(|_| Entry::Mode { subject: Some(subject.to_owned()), mode: None });
    let level =
        content.level_set(Some(subject)).map(|_| Entry::Level { subject: Some(subject.to_owned()), level: None });
    mode.into_iter().chain(level).collect()
}
