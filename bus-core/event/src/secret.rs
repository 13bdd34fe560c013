//! A secret that cannot print itself.

use std::fmt;

/// The key of a keyed hash.
///
/// It has no `Display`, its `Debug` tells nothing, and it is compared nowhere. Memory is not wiped on drop: who can read
/// the memory of a connector reads the rows themselves.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why bytes or text are no [`Secret`]. Never names the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a secret needs at least `{least}` bytes, but has `{found}`", least = Secret::LEAST_BYTES)]
    TooShort { found: usize },
    #[error("a secret is written as an even number of hexadecimal digits")]
    NotHexadecimal,
}

impl Secret {
    /// 128 bits: below that, guessing the secret becomes cheaper than guessing what it protects.
    pub const LEAST_BYTES: usize = 16;

    /// The secret with these bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer than [`Secret::LEAST_BYTES`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = bytes.into();
        if bytes.len() < Self::LEAST_BYTES {
            return Err(SecretError::TooShort { found: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The secret written in hexadecimal digits; white space around it (the line break of a file) is ignored.
    ///
    /// # Errors
    ///
    /// If the text is not hexadecimal or the secret too short.
    pub fn from_hex(text: &str) -> Result<Self, SecretError> {
        let bytes = hex::decode(text.trim()).map_err(|_| SecretError::NotHexadecimal)?;
        Self::from_bytes(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}
