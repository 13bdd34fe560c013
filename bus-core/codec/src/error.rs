//! Why bytes, schemas or the registry did not do.
//!
//! No error of this crate holds a value of an event: field names of the schema, byte offsets and counts of the schema
//! only. So every one of them may stand in a log line or a dead letter.

/// A record's value has no Confluent framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("the value has {length} bytes, the framing alone takes 5")]
    TooShort { length: usize },
    #[error("the value begins with byte {byte:#04x} where the framing has 0x00")]
    Magic { byte: u8 },
}

/// A writer schema cannot be routed by splicing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("the schema cannot be read: {0}")]
    Schema(String),
    #[error("the schema is not a record `ir.barid.CaseEvent`")]
    NotCaseEvent,
    #[error("the schema has no field `{field}`")]
    MissingField { field: &'static str },
    #[error("field `{field}` must be {expected}")]
    WrongType { field: String, expected: &'static str },
    #[error("type `{name}` contains itself")]
    Recursive { name: String },
    #[error("types are nested deeper than {limit} levels at `{field}`")]
    TooDeep { field: String, limit: usize },
    #[error("the record has {count} fields, at most {limit} can be walked")]
    TooManyFields { count: usize, limit: usize },
    #[error("field `{field}` can neither be null nor has it a default, so it cannot be withheld")]
    CannotWithhold { field: String },
}

/// A datum is not what its writer schema says: where and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} in {} at byte {offset}", place(field))]
pub struct WalkError {
    /// Names of the schema joined by dots, `[n]` for the n-th item of an array or map; empty for the datum as a whole.
    pub field: String,
    /// Where in the datum (without framing) the faulty part begins.
    pub offset: usize,
    pub fault: WalkFault,
}

fn place(field: &str) -> String {
    if field.is_empty() { "the datum".to_owned() } else { format!("field `{field}`") }
}

/// What is wrong with a datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalkFault {
    #[error("the datum ends too early")]
    Truncated,
    #[error("bytes are left over")]
    TrailingBytes,
    #[error("a number is wider than its type")]
    NumberTooWide,
    #[error("a length is negative")]
    NegativeLength,
    #[error("a text is not UTF-8")]
    NotUtf8,
    #[error("a boolean is neither 0 nor 1")]
    NotBoolean,
    #[error("a union has no such branch")]
    NoSuchBranch,
    #[error("an enum has no such symbol")]
    NoSuchSymbol,
    #[error("the view is neither `exact` nor `coarse`")]
    UnknownView,
    #[error("an offset from UTC is beyond 18 hours")]
    OffsetTooFar,
    #[error("a block has more items than can be in the datum")]
    BlockTooLong,
    #[error("a block does not have the size that it states")]
    BlockSize,
    #[error("the datum is larger than 4 GiB")]
    TooLarge,
}

/// A record could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the schema of `{name}` cannot be read: {reason}")]
    Schema { name: &'static str, reason: String },
    #[error("schema {id} is of `{found}`, wanted is `{name}`")]
    OtherRecord { name: &'static str, id: u32, found: String },
    #[error("a `{name}` cannot be encoded beyond byte {offset}: type and schema differ")]
    Encode { name: &'static str, offset: usize },
    #[error("a `{name}` of schema {id} cannot be decoded at byte {offset}")]
    Decode { name: &'static str, id: u32, offset: usize },
}

/// The registry could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No answer in time, or an answer that says to try later. Trying again may help.
    #[error("the schema registry at `{url}` is not available: {reason}")]
    Unavailable { url: String, reason: String },
    /// The registry answers and does not know the id. A registry that lost its memory says the same, so trying again
    /// may help.
    #[error("the schema registry does not know schema {0}")]
    UnknownId(u32),
    #[error("the schema for `{subject}` is not compatible with the registered ones: {reason}")]
    Incompatible { subject: String, reason: String },
    /// The registry answers and says no: credentials, a broken schema, a setting that it does not allow.
    #[error("the schema registry at `{url}` refused `{asked}`: {reason}")]
    Refused { url: String, asked: String, reason: String },
}

impl RegistryError {
    /// Whether the same question may be answered otherwise later without anybody changing the question.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::UnknownId(_) => true,
            Self::Incompatible { .. } | Self::Refused { .. } => false,
        }
    }
}

/// The settings of the registry client do not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the registry's address is not an http or https URL: {reason}")]
    Url { reason: String },
    #[error("the registry's address must not hold a user name or password, set basic authentication instead")]
    CredentialsInUrl,
    #[error("the registry client could not be built: {reason}")]
    Client { reason: String },
}
