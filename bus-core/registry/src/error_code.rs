//! Confluent's error codes, with the words that its clients and their users know.

use axum::http::StatusCode;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    #[error("Version {0} not found.")]
    VersionNotFound(u32),
    #[error("Schema {0} not found")]
    IdNotFound(u32),
    #[error("Schema not found")]
    SchemaNotFound,
    #[error("Subject '{0}' was soft deleted. Set permanent=true to delete permanently")]
    SubjectSoftDeleted(String),
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotSoftDeleted(String),
    #[error("Subject '{0}' Version {1} was soft deleted. Set permanent=true to delete permanently")]
    VersionSoftDeleted(String, u32),
    #[error("Subject '{0}' Version {1} was not deleted first before being permanently deleted")]
    VersionNotSoftDeleted(String, u32),
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    NoSubjectLevel(String),
    #[error("Subject '{0}' does not have subject-level mode configured")]
    NoSubjectMode(String),
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
        .details.join(", ")
    )]
    Incompatible { subject: String, details: Vec<String> },
    #[error("Invalid schema: {0}")]
    InvalidSchema(String),
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    )]
    InvalidVersion(String),
    #[error(
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"
    )]
    InvalidLevel,
    #[error("Invalid mode. Valid values are READWRITE and READONLY; this registry knows no IMPORT mode")]
    InvalidMode,
    #[error("Subject {0} is in read-only mode")]
    ReadOnly(String),
    #[error("Subject {0} is not in read-write mode")]
    NotReadWrite(String),
    #[error("Schema is too large: {0}")]
    SchemaTooLarge(String),
    #[error("Error in the backend data store: {0}")]
    Store(String),
    #[error("Operation timed out: {0}")]
    TimedOut(String),
    #[error("Error while forwarding the request to the leader: {0}")]
    Forwarding(String),
    #[error("Leader not known")]
    NoLeader,
    #[error("The request body is not what it should be: {0}")]
    InvalidBody(String),
    #[error("HTTP 404 Not Found")]
    NoSuchPath,
    #[error("HTTP 405 Method Not Allowed")]
    NoSuchMethod,
    #[error("The request body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("HTTP 415 Unsupported Media Type; send application/vnd.schemaregistry.v1+json or application/json")]
    MediaType,
}

impl Refusal {
    /// The code that stands in the body.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Refusal::SubjectNotFound(_) => 40401,
            Refusal::VersionNotFound(_) => 40402,
            Refusal::IdNotFound(_) | Refusal::SchemaNotFound => 40403,
            Refusal::SubjectSoftDeleted(_) => 40404,
            Refusal::SubjectNotSoftDeleted(_) => 40405,
            Refusal::VersionSoftDeleted(..) => 40406,
            Refusal::VersionNotSoftDeleted(..) => 40407,
            Refusal::NoSubjectLevel(_) => 40408,
            Refusal::NoSubjectMode(_) => 40409,
            Refusal::Incompatible { .. } => 409,
            Refusal::InvalidSchema(_) => 42201,
            Refusal::InvalidVersion(_) => 42202,
            Refusal::InvalidLevel => 42203,
            Refusal::InvalidMode => 42204,
            Refusal::ReadOnly(_) | Refusal::NotReadWrite(_) => 42205,
            Refusal::SchemaTooLarge(_) => 42209,
            Refusal::Store(_) => 50001,
            Refusal::TimedOut(_) => 50002,
            Refusal::Forwarding(_) => 50003,
            Refusal::NoLeader => 50004,
            Refusal::InvalidBody(_) => 422,
            Refusal::NoSuchPath => 404,
            Refusal::NoSuchMethod => 405,
            Refusal::TooLarge(_) => 413,
            Refusal::MediaType => 415,
        }
    }

    /// The status is the first three digits of the code, as it is with Confluent.
    pub(crate) fn status(&self) -> StatusCode {
        let code = self.code();
        let status = if code > 999 { code / 100 } else { code };
        u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
