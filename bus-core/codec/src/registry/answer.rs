//! What a registry's answer means: one classifier for both ways of asking.

use std::error::Error;

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;
use serde::Deserialize;

use crate::RegistryError;
use crate::registry::TIME_LIMIT;

/// What was asked, for the error.
pub(super) enum Asked<'a> {
    Id(u32),
    /// Something about a schema of this subject.
    Schema(&'a str),
    /// The compatibility setting of this subject.
    Setting(&'a str),
}

/// An answer that is not the one that was hoped for.
#[derive(Debug)]
pub(super) enum Answer {
    /// None, or one that says nothing about the question.
    None { reason: String },
    /// An HTTP status with the registry's words.
    Status { status: u16, message: String },
}

impl Answer {
    pub(super) fn late() -> Self {
        Self::None { reason: format!("no answer within {} s", TIME_LIMIT.as_secs()) }
    }

    pub(super) fn broken(what: &str) -> Self {
        Self::None { reason: format!("the answer cannot be read: {what}") }
    }

    /// A schema that is there and of no use here.
    pub(super) fn unusable(what: &str) -> Self {
        Self::Status { status: 422, message: what.to_owned() }
    }

    /// An HTTP answer that is no success.
    pub(super) fn refusal(status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Words {
            message: String,
        }
        let message = match serde_json::from_slice(body) {
            Ok(Words { message }) => message,
            Err(_) => format!("HTTP status {status}"),
        };
        Self::Status { status, message }
    }

    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// What the caller is told.
    pub(super) fn into_error(self, url: &str, asked: Asked<'_>) -> RegistryError {
        let url = url.to_owned();
        let (status, message) = match self {
            Self::None { reason } => return RegistryError::Unavailable { url, reason },
            Self::Status { status, message } => (status, message),
        };
        match (status, asked) {
            (404, Asked::Id(id)) => RegistryError::UnknownId(id),
            (409, Asked::Schema(subject)) => {
                RegistryError::Incompatible { subject: subject.to_owned(), reason: message }
            }
            // Too slow, too many at once, and whatever goes wrong on the other side.
            (408 | 425 | 429 | 500.., _) => RegistryError::Unavailable { url, reason: message },
            (_, Asked::Id(id)) => RegistryError::Refused { url, asked: format!("schema {id}"), reason: message },
            (_, Asked::Schema(subject)) => {
                RegistryError::Refused { url, asked: format!("schema of {subject}"), reason: message }
            }
            (_, Asked::Setting(subject)) => {
                RegistryError::Refused { url, asked: format!("compatibility of {subject}"), reason: message }
            }
        }
    }
}

impl From<SRCError> for Answer {
    fn from(error: SRCError) -> Self {
        let source = error.source();
        if let Some(raw) = source.and_then(|source| source.downcast_ref::<RawError>()) {
            // The status is in the text alone; the registry's own code is 0 if a proxy answered in its place.
            let status = error.error.rsplit("status ").next().and_then(|text| text.get(..3)?.parse().ok());
            let code = u16::try_from(raw.error_code / if raw.error_code > 999 { 100 } else { 1 }).unwrap_or(0);
            return Self::Status { status: status.unwrap_or(code), message: raw.message.clone() };
        }
        if let Some(http) = source.and_then(|source| source.downcast_ref::<reqwest::Error>()) {
            return Self::from_http(http);
        }
        Self::broken(&error.error)
    }
}

impl From<reqwest::Error> for Answer {
    fn from(error: reqwest::Error) -> Self {
        Self::from_http(&error)
    }
}

impl Answer {
    fn from_http(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::late();
        }
        if error.is_decode() {
            return Self::broken("it is not the JSON that was asked for");
        }
        // The outer layers repeat the address; the innermost says what happened.
        let mut cause: &dyn Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self::None { reason: cause.to_string() }
    }
}
