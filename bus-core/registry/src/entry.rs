//! One record of the topic `_schemas`, in the format of Confluent's registry.
//!
//! Key and value are JSON. The key says what kind of record it is (`keytype`) and what it is about; the topic is compacted, so the key is written byte for byte
//! as Confluent's registry writes it, or compaction would keep two records where there should be one. A null value takes back what the key is about.
//!
//! | keytype | key | value |
//! |---|---|---|
//! | `SCHEMA` | subject, version, magic 1 | subject, version, id, schema, deleted; for other kinds of schema also `schemaType`, `references`, … |
//! | `CONFIG` | subject or null (for all), magic 0 | `compatibilityLevel` |
//! | `MODE` | subject or null (for all), magic 0 | `mode` |
//! | `DELETE_SUBJECT` | subject, magic 0 | subject, version: all versions up to this one are deleted, softly |
//! | `CLEAR_SUBJECT` | subject, magic 0 | subject: all that is known of it is forgotten |
//! | `NOOP` | magic 0 | nothing that a reader looks at |
//!
//! Two things stand in record *headers*, which Confluent's registry does not look at: who wrote a record ([`crate::writer`]) and, with a `NOOP`, the highest id
//! that was ever given. The second is why our `NOOP` has the value `{}` and not null: compaction drops a null after a day, and with it the one trace of an id
//! whose schema was deleted for good. A reader of `NOOP` looks at neither.
//!
//! A `SCHEMA` value may hold more than this registry understands. It is kept ([`SchemaValue::rest`]) and written back when the version is deleted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::compatibility::Level;
use crate::mode::Mode;

/// Header of a `NOOP`: the highest id that was ever given, in decimal digits.
pub(crate) const HIGHEST_ID: &str = "barid-highest-id";

/// A record of the topic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Schema { subject: String, version: u32, value: Option<SchemaValue> },
    Level { subject: Option<String>, level: Option<Level> },
    Mode { subject: Option<String>, mode: Option<Mode> },
    DeleteSubject { subject: String, version: u32 },
    ClearSubject { subject: String },
    Noop { highest_id: Option<u32> },
}

/// The value of a `SCHEMA` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SchemaValue {
    pub(crate) subject: String,
    pub(crate) version: u32,
    pub(crate) id: u32,
    /// Whatever else stands in it: `schemaType`, `references`, `metadata`, `ruleSet`, `md5`.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
    pub(crate) schema: String,
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// Why a record is passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("it is not a record of a schema registry: {0}")]
    Malformed(String),
    /// Something that Confluent's registry knows and this one does not. It stays in the topic.
    #[error("{0} is not known to this registry")]
    Foreign(String),
}

#[derive(Deserialize)]
struct AnyKey {
    keytype: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    version: Option<u32>,
}

#[derive(Serialize)]
struct WrittenKey<'a> {
    keytype: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    magic: u8,
}

#[derive(Serialize, Deserialize)]
struct LevelValue {
    #[serde(rename = "compatibilityLevel", default)]
    level: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ModeValue {
    #[serde(default)]
    mode: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct DeleteValue {
    subject: String,
    version: u32,
}

#[derive(Serialize)]
struct ClearValue<'a> {
    subject: &'a str,
}

impl Entry {
    /// Key, value and the highest id, if it goes into a header.
    pub(crate) fn write(&self) -> Result<(Vec<u8>, Option<Vec<u8>>), serde_json::Error> {
        let about = |keytype, subject| WrittenKey { keytype, subject, version: None, magic: 0 };
        let (key, value) = match self {
            Self::Schema { subject, version, value } => (
                WrittenKey { keytype: "SCHEMA", subject: Some(Some(subject)), version: Some(*version), magic: 1 },
                value.as_ref().map(serde_json::to_vec),
            ),
            Self::Level { subject, level } => (
                about("CONFIG", Some(subject.as_deref())),
                level.map(|level| serde_json::to_vec(&LevelValue { level: Some(level.to_string()) })),
            ),
            Self::Mode { subject, mode } => (
                about("MODE", Some(subject.as_deref())),
                mode.map(|mode| serde_json::to_vec(&ModeValue { mode: Some(mode.to_string()) })),
            ),
            Self::DeleteSubject { subject, version } => (
                about("DELETE_SUBJECT", Some(Some(subject))),
                Some(serde_json::to_vec(&DeleteValue { subject: subject.clone(), version: *version })),
            ),
            Self::ClearSubject { subject } => {
                (about("CLEAR_SUBJECT", Some(Some(subject))), Some(serde_json::to_vec(&ClearValue { subject })))
            }
            Self::Noop { .. } => (about("NOOP", None), Some(Ok(b"{}".to_vec()))),
        };
        Ok((serde_json::to_vec(&key)?, value.transpose()?))
    }

    /// Reads a record; `highest_id` is the header of that name.
    pub(crate) fn read(key: Option<&[u8]>, value: Option<&[u8]>, highest_id: Option<&[u8]>) -> Result<Self, Unread> {
        let malformed = |error: serde_json::Error| Unread::Malformed(error.to_string());
        let missing = |what: &str| Unread::Malformed(format!("its key has no `{what}`"));
        let key: AnyKey = serde_json::from_slice(key.unwrap_or_default()).map_err(malformed)?;
        if let Some(subject) = key.subject.as_deref().filter(|subject| is_in_context(subject)) {
            return Err(Unread::Foreign(format!("subject `{subject}` of a context")));
        }
        let subject = || key.subject.clone().ok_or_else(|| missing("subject"));
        // Jackson writes null where a value was taken back by writing the word.
        let value = value.filter(|value| !value.is_empty() && *value != b"null");
        Ok(match key.keytype.as_str() {
            "SCHEMA" => Self::Schema {
                subject: subject()?,
                version: key.version.ok_or_else(|| missing("version"))?,
                value: value.map(serde_json::from_slice).transpose().map_err(malformed)?,
            },
            "CONFIG" => {
                let value: Option<LevelValue> = value.map(serde_json::from_slice).transpose().map_err(malformed)?;
                let unknown = |word: String| Unread::Foreign(format!("compatibility level `{word}`"));
                let level = value.and_then(|value| value.level);
                let level = level.map(|word| word.parse().map_err(|()| unknown(word))).transpose()?;
                Self::Level { subject: key.subject, level }
            }
            "MODE" => {
                let value: Option<ModeValue> = value.map(serde_json::from_slice).transpose().map_err(malformed)?;
                let unknown = |word: String| Unread::Foreign(format!("mode `{word}`"));
                let mode = value.and_then(|value| value.mode);
                let mode = mode.map(|word| word.parse().map_err(|()| unknown(word))).transpose()?;
                Self::Mode { subject: key.subject, mode }
            }
            "DELETE_SUBJECT" => match value {
                Some(value) => {
                    let value: DeleteValue = serde_json::from_slice(value).map_err(malformed)?;
                    Self::DeleteSubject { subject: subject()?, version: value.version }
                }
                None => Self::Noop { highest_id: None },
            },
            "CLEAR_SUBJECT" if value.is_some() => Self::ClearSubject { subject: subject()? },
            "CLEAR_SUBJECT" => Self::Noop { highest_id: None },
            "NOOP" => {
                let digits = highest_id.and_then(|digits| str::from_utf8(digits).ok());
                Self::Noop { highest_id: digits.and_then(|digits| digits.parse().ok()) }
            }
            other => return Err(Unread::Foreign(format!("keytype `{other}`"))),
        })
    }
}

/// Subjects of a context have ids of their own, which would clash with ours. (`:.:` is the context of everything that is in none.)
fn is_in_context(subject: &str) -> bool {
    subject.starts_with(":.") && !subject.starts_with(":.:")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"record","name":"A","fields":[]}"#;

    fn schema(deleted: bool) -> Entry {
        Entry::Schema {
            subject: "a-value".into(),
            version: 2,
            value: Some(SchemaValue {
                subject: "a-value".into(),
                version: 2,
                id: 7,
                rest: Map::new(),
                schema: SCHEMA.into(),
                deleted,
            }),
        }
    }

    fn text(bytes: &[u8]) -> &str {
        str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn records_are_written_byte_for_byte_as_confluents_registry_writes_them() {
        let value = |deleted: bool| {
            format!(
                r#"{{"subject":"a-value","version":2,"id":7,"schema":"{}","deleted":{deleted}}}"#,
                SCHEMA.replace('"', "\\\"")
            )
        };
        let subject = || Some("a-value".to_owned());
        let cases: &[(Entry, &str, Option<String>)] = &[
            (schema(false), r#"{"keytype":"SCHEMA","subject":"a-value","version":2,"magic":1}"#, Some(value(false))),
            (schema(true), r#"{"keytype":"SCHEMA","subject":"a-value","version":2,"magic":1}"#, Some(value(true))),
            (
                Entry::Schema { subject: "a-value".into(), version: 2, value: None },
                r#"{"keytype":"SCHEMA","subject":"a-value","version":2,"magic":1}"#,
                None,
            ),
            (
                Entry::Level { subject: None, level: Some(Level::FullTransitive) },
                r#"{"keytype":"CONFIG","subject":null,"magic":0}"#,
                Some(r#"{"compatibilityLevel":"FULL_TRANSITIVE"}"#.into()),
            ),
            (
                Entry::Level { subject: subject(), level: None },
                r#"{"keytype":"CONFIG","subject":"a-value","magic":0}"#,
                None,
            ),
            (
                Entry::Mode { subject: subject(), mode: Some(Mode::ReadOnly) },
                r#"{"keytype":"MODE","subject":"a-value","magic":0}"#,
                Some(r#"{"mode":"READONLY"}"#.into()),
            ),
            (
                Entry::DeleteSubject { subject: "a-value".into(), version: 2 },
                r#"{"keytype":"DELETE_SUBJECT","subject":"a-value","magic":0}"#,
                Some(r#"{"subject":"a-value","version":2}"#.into()),
            ),
            (
                Entry::ClearSubject { subject: "a-value".into() },
                r#"{"keytype":"CLEAR_SUBJECT","subject":"a-value","magic":0}"#,
                Some(r#"{"subject":"a-value"}"#.into()),
            ),
            (Entry::Noop { highest_id: None }, r#"{"keytype":"NOOP","magic":0}"#, Some("{}".into())),
        ];
        for (entry, key, value) in cases {
            let (written_key, written_value) = entry.write().unwrap();
            assert_eq!(text(&written_key), *key);
            assert_eq!(written_value.as_deref().map(text), value.as_deref(), "{key}");
            assert_eq!(Entry::read(Some(&written_key), written_value.as_deref(), None).as_ref(), Ok(entry), "{key}");
        }
    }

    #[test]
    fn what_this_registry_does_not_understand_of_a_schema_is_kept() {
        let key = br#"{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}"#;
        let value = br#"{"subject":"p","version":1,"id":3,"md5":"AAECAw==","schemaType":"PROTOBUF","references":[{"name":"o.proto","subject":"o","version":1}],"schema":"syntax = \"proto3\";","deleted":false}"#;
        let entry = Entry::read(Some(key), Some(value), None).unwrap();
        let Entry::Schema { value: Some(SchemaValue { rest, .. }), .. } = &entry else { panic!("{entry:?}") };
        assert_eq!(rest["schemaType"], "PROTOBUF");
        assert_eq!(rest["references"][0]["subject"], "o");
        assert_eq!(text(&entry.write().unwrap().1.unwrap()), text(value));
    }

    #[test]
    fn records_of_the_first_format_have_no_deleted_and_records_of_later_ones_say_more() {
        let old = Entry::read(
            Some(br#"{"subject":"a","version":1,"magic":0,"keytype":"SCHEMA"}"#),
            Some(br#"{"subject":"a","version":1,"id":1,"schema":"\"string\""}"#),
            None,
        );
        assert!(
            matches!(old, Ok(Entry::Schema { value: Some(SchemaValue { id: 1, deleted: false, .. }), .. })),
            "{old:?}"
        );
        let new = Entry::read(
            Some(br#"{"keytype":"CONFIG","subject":"a","magic":0}"#),
            Some(br#"{"subject":"a","compatibilityLevel":"FULL","compatibilityGroup":"v"}"#),
            None,
        );
        assert_eq!(new, Ok(Entry::Level { subject: Some("a".into()), level: Some(Level::Full) }));
        let noop = Entry::read(Some(br#"{"keytype":"NOOP","magic":0}"#), None, Some(b"12"));
        assert_eq!(noop, Ok(Entry::Noop { highest_id: Some(12) }));
    }

    #[test]
    fn what_is_none_of_ours_is_passed_over_and_named() {
        let read =
            |key: &str, value: &str| Entry::read(Some(key.as_bytes()), Some(value.as_bytes()), None).unwrap_err();
        assert!(matches!(read("no JSON", "{}"), Unread::Malformed(_)));
        assert!(matches!(
            read(r#"{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}"#, "{"),
            Unread::Malformed(_)
        ));
        assert!(matches!(read(r#"{"keytype":"SCHEMA","version":1,"magic":1}"#, "{}"), Unread::Malformed(_)));
        for (key, part) in [
            (r#"{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}"#, "CONTEXT"),
            (r#"{"keytype":"SCHEMA","subject":":.c:a","version":1,"magic":1}"#, ":.c:a"),
        ] {
            let unread = read(key, "{}");
            assert!(matches!(&unread, Unread::Foreign(what) if what.contains(part)), "{unread}");
        }
        assert!(matches!(Entry::read(None, None, None), Err(Unread::Malformed(_))));
    }
}
