//! The records of every topic but `events.*` and `inbox.*`.
//!
//! Each type has its Avro schema beside [`crate::case_event::AVSC`]; a test proves that type and schema say the same. The
//! keys of the topics are text and are built by `barid-event::topics`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Millis;

/// A record type with a schema of its own.
pub trait Schema {
    /// The full Avro name, which is also the subject in the registry.
    const FULL_NAME: &'static str;
    /// The Avro schema, as JSON.
    const AVSC: &'static str;
}

macro_rules! schema {
    ($type:ty, $name:literal, $file:literal) => {
        impl Schema for $type {
            const FULL_NAME: &'static str = concat!("ir.barid.", $name);
            const AVSC: &'static str = include_str!(concat!("../avro/", $file, ".avsc"));
        }
    };
}

schema!(crate::CaseEvent, "CaseEvent", "case_event");
schema!(QuarantinedRow, "QuarantinedRow", "quarantined_row");
schema!(DeadLetter, "DeadLetter", "dead_letter");
schema!(PolicyRecord, "PolicyRecord", "policy_record");
schema!(PolicyApplied, "PolicyApplied", "policy_applied");
schema!(WatchEntry, "WatchEntry", "watch_entry");
schema!(Command, "Command", "command");
schema!(SourcePosition, "SourcePosition", "source_position");
schema!(CaseState, "CaseState", "case_state");
schema!(Heartbeat, "Heartbeat", "heartbeat");
schema!(Notice, "Notice", "notice");

/// Every subject with its schema: what `barid schemas register` registers.
#[must_use]
pub fn all() -> [(&'static str, &'static str); 11] {
    fn entry<T: Schema>() -> (&'static str, &'static str) {
        (T::FULL_NAME, T::AVSC)
    }
    [
        entry::<crate::CaseEvent>(),
        entry::<QuarantinedRow>(),
        entry::<DeadLetter>(),
        entry::<PolicyRecord>(),
        entry::<PolicyApplied>(),
        entry::<WatchEntry>(),
        entry::<Command>(),
        entry::<SourcePosition>(),
        entry::<CaseState>(),
        entry::<Heartbeat>(),
        entry::<Notice>(),
    ]
}

/// A row that could not become an event, or that waits behind such a row of its case (`quarantine.<agency>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedRow {
    pub agency: String,
    /// The name of the source in the connector's configuration.
    pub source: String,
    pub file: String,
    /// Data rows count from 1.
    pub row: i64,
    /// The case in the form of the `cases` key; empty if the row does not tell its case.
    pub case_key: String,
    /// Tells the rows of one case apart.
    pub row_identity: String,
    pub state: QuarantineState,
    /// Empty for a waiting row.
    pub problems: Vec<Problem>,
    /// Mapped columns only, by column name, as the source wrote them.
    pub columns: BTreeMap<String, String>,
    /// The date of the status if the row tells it, for the order among the rows of the case.
    pub occurred_at: Option<Millis>,
    /// When the row was first put here.
    pub since: Millis,
    /// What an operator has decided about it.
    pub decision: Option<OperatorDecision>,
}

impl QuarantinedRow {
    /// Whether the row has left the quarantine and is only remembered, so that no export brings it back.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.settled)
    }
}

/// A command about one row, as it was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorDecision {
    /// `fix` or `drop`.
    pub action: String,
    /// What to read in the place of the source's cells, by column name.
    pub changes: BTreeMap<String, String>,
    /// Whether the row has left the quarantine and is only remembered.
    pub settled: bool,
    pub asked_by: String,
    pub reason: Option<String>,
    pub command_id: Uuid,
    pub decided_at: Millis,
}

/// Why a row is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineState {
    /// The row itself is at fault.
    Faulty,
    /// The row is sound and waits behind a faulty row of its case.
    Waiting,
}

/// One fault of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A reason code of the connector, such as `unknown_status`.
    pub reason: String,
    /// The column at fault, if one is.
    pub column: Option<String>,
    /// The value as the source wrote it.
    pub value: Option<String>,
    pub message_en: String,
    pub message_fa: String,
}

/// An event that could not be routed (`deadletter.<agency>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// A reason code of the router, such as `undecodable_datum`.
    pub reason: String,
    /// For people: where in the record it went wrong; no value of the record.
    pub detail: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Millis,
    pub key: Option<Bytes>,
    /// The original value; `None` if it is too large to be kept here: topic, partition and offset name it.
    pub value: Option<Bytes>,
    pub value_bytes: i64,
    pub headers: Vec<HeaderEntry>,
}

/// One header of the original record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderEntry {
    pub name: String,
    pub value: Option<Bytes>,
}

/// Avro `bytes`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bytes({} bytes)", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// One record of the `policy` topic. A version is its files, then its manifest, all in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub version: i64,
    /// `file` or `manifest`.
    pub kind: PolicyRecordKind,
    /// The file's path below the policy folder; empty for the manifest.
    pub path: String,
    /// The file's whole text; for the manifest the list of paths with their SHA-256, one a line.
    pub text: String,
    pub applied_at: Millis,
    pub applied_by: String,
}

/// What a record of the `policy` topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyRecordKind {
    File,
    Manifest,
}

/// From which offset of an input partition on a policy version was in force (`policy-applied`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyApplied {
    pub router: String,
    pub slot: i32,
    pub version: i64,
    pub topic: String,
    pub partition: i32,
    /// The first offset that this version decided about.
    pub from_offset: i64,
    pub at: Millis,
}

/// A watch key that a subscriber registered (`watch`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchEntry {
    pub subscriber: String,
    pub kind: WatchKind,
    /// The keyed hash, as lower-case hexadecimal digits.
    pub key: String,
    /// The subscriber's own name for the matter, such as a loan file.
    pub handle: String,
    pub since: Millis,
}

/// What a watch key is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchKind {
    Parcel,
    Person,
}

/// What an operator asks of a connector (`commands.<agency>`) or a router (`commands`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub command_id: Uuid,
    /// An agency for a connector, a router's name for a router.
    pub target: String,
    /// `pause`, `resume`, `fix`, `drop`, `redrive` or `dead_letter_unknown_schema`.
    pub action: String,
    pub arguments: BTreeMap<String, String>,
    pub asked_by: String,
    pub reason: Option<String>,
    pub asked_at: Millis,
}

/// Where a source stands (`positions`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePosition {
    pub agency: String,
    pub source: String,
    /// The last `ce_sequence` of the agency; the first event has 1.
    pub last_sequence: i64,
    /// One entry for each file that was read to its end.
    pub files: Vec<FilePosition>,
    pub at: Millis,
    /// How far the commands have been carried out: in a record of its own, whose source is empty.
    pub commands: Option<CommandsPosition>,
}

/// How far the commands of an agency have been carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsPosition {
    /// The offset in `commands.<agency>` from which on nothing has been looked at.
    pub next_offset: i64,
    /// The last commands, oldest first.
    pub done: Vec<CommandDone>,
}

/// What came of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandDone {
    pub command_id: Uuid,
    /// Rows that it named and that were there.
    pub rows: i64,
    /// Events that came of it, those of rows that had waited included.
    pub published: i64,
    /// Rows that left the quarantine.
    pub left: i64,
    pub done_at: Millis,
}

/// The last whole reading of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePosition {
    pub file: String,
    /// Keyed hash of the SHA-256 of the file's bytes, as lower-case hexadecimal digits: other agencies read this topic, and
    /// must not be able to test whether an agency has a file that they hold.
    pub sha256: String,
    /// SHA-256 of the configuration that read it, so that a mended mapping reads the same file again.
    pub config_sha256: String,
    pub rows: i64,
    pub published: i64,
    pub unchanged: i64,
    pub quarantined: i64,
    pub waiting: i64,
    pub read_at: Millis,
}

/// What a connector knows about a case (`cases.<agency>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseState {
    pub case_key: String,
    pub service_code: String,
    pub corr_id: Uuid,
    pub last_status: String,
    pub last_occurred_at: Millis,
    /// The rows that have become events.
    pub rows: Vec<PublishedRow>,
    /// Set while rows of the case are in quarantine.
    pub parked_since: Option<Millis>,
    /// The reason code of the row that the case waits for.
    pub parked_reason: Option<String>,
    /// When the status of each of `rows` came about; `None` in a record of version 1.
    pub row_times: Option<Vec<Millis>>,
    /// What rows said before they were corrected, oldest first; `None` while none has been.
    pub former_contents: Option<Vec<FormerContent>>,
}

/// One row that has become an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRow {
    /// Tells the rows of one case apart.
    pub row_identity: String,
    /// Hash of the mapped values.
    pub content_hash: i64,
    /// The last event made from the row.
    pub event_id: Uuid,
}

/// What a row said before it was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerContent {
    /// The place of the row in [`CaseState::rows`].
    pub row: i32,
    /// Hash of the mapped values that it had.
    pub content_hash: i64,
}

/// That a process lives, and its counters (`heartbeats`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub process: String,
    /// `connector`, `router` or `deliverer`.
    pub role: String,
    pub version: String,
    pub started_at: Millis,
    pub at: Millis,
    pub counters: BTreeMap<String, i64>,
}

/// What the bus itself says (`notices`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `overdue`, `silent`, `gap`, `conflict`, `unknown_schema` or `policy_refused`.
    pub kind: String,
    /// A corr_id or the name of a process.
    pub subject: String,
    /// Places and reason codes, never a value of a row.
    pub message: String,
    pub at: Millis,
}
