//! Secrets that cannot print themselves, and where they are kept.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A secret as text. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that hands it to a client or a hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Where a secret is to be taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that holds the secret and nothing else; a line end after it is not part of it.
    File(PathBuf),
    /// The secret itself, out of the environment.
    Inline(SecretText),
}

impl SecretSource {
    /// The secret. The caller says how a file is read, for this crate touches none; it is asked only when there is a file.
    ///
    /// # Errors
    ///
    /// What the reading of the file gave.
    pub fn read_with(&self, read: impl FnOnce(&Path) -> io::Result<String>) -> io::Result<SecretText> {
        match self {
            SecretSource::File(path) => read(path).map(|text| SecretText::new(text.trim_end_matches(['\r', '\n']))),
            SecretSource::Inline(secret) => Ok(secret.clone()),
        }
    }
}
