//! Watch keys: keyed hashes of the parcels and persons that concern a subscriber.
//!
//! A subscriber registers the keys of its own matters with a handle; a connector writes the keys of each event into the
//! header [`crate::header::WATCH`] of `events.*`; the router compares the two and drops the header. So a bank learns of a
//! ruling on a plate that it holds a mortgage on, and of no other. Who holds the secret can test numbers and plates, as
//! the documentation of the crate says.
//!
//! Callers normalise before they hash: ASCII digits, no blanks, unified letters, or the same plate has two keys.

use std::fmt;
use std::str::FromStr;

pub use barid_schemas::records::WatchKind;

use crate::Secret;
use crate::keyed_hash::keyed_hash;

/// The keyed hash of a parcel or a person; 128 bits, so that no two of them meet by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchKey {
    pub kind: WatchKind,
    pub hash: [u8; 16],
}

/// Why text is no [`WatchKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchKeyError {
    #[error("a watch key begins with `parcel:` or `person:`")]
    UnknownKind,
    #[error("a watch key ends with 32 lower-case hexadecimal digits")]
    BadHash,
    #[error("a list of watch keys is UTF-8 text")]
    NotText,
}

/// The key of a person or company: the national id (10 digits) or legal id (11 digits).
#[must_use]
pub fn person_key(secret: &Secret, number: &str) -> WatchKey {
    key(WatchKind::Person, keyed_hash(secret, "barid watch person 1", &[number.as_bytes()]))
}

/// The key of a parcel, from main and sub number, section and district of its registry plate together.
///
/// All four are needed: main and sub number alone would make 12/345 of one section equal to that of another. A part that
/// the source does not give is the empty text, on both sides.
#[must_use]
pub fn parcel_key(secret: &Secret, main: &str, sub: &str, section: &str, district: &str) -> WatchKey {
    let parts = [main.as_bytes(), sub.as_bytes(), section.as_bytes(), district.as_bytes()];
    key(WatchKind::Parcel, keyed_hash(secret, "barid watch parcel 1", &parts))
}

fn key(kind: WatchKind, long: [u8; 32]) -> WatchKey {
    let mut hash = [0; 16];
    hash.copy_from_slice(&long[..16]);
    WatchKey { kind, hash }
}

/// The value of the watch header: the keys, separated by `,`.
#[must_use]
pub fn encode_list(keys: &[WatchKey]) -> Vec<u8> {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",").into_bytes()
}

/// Reads the value of the watch header; an empty value is an empty list.
///
/// # Errors
///
/// If a part of the list is not a watch key.
pub fn decode_list(value: &[u8]) -> Result<Vec<WatchKey>, WatchKeyError> {
    let text = std::str::from_utf8(value).map_err(|_| WatchKeyError::NotText)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(str::parse).collect()
}

const fn kind_prefix(kind: WatchKind) -> &'static str {
    match kind {
        WatchKind::Parcel => "parcel:",
        WatchKind::Person => "person:",
    }
}

impl fmt::Display for WatchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(kind_prefix(self.kind))?;
        self.hash.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for WatchKey {
    type Err = WatchKeyError;

    fn from_str(text: &str) -> Result<Self, WatchKeyError> {
        let (kind, digits) = [WatchKind::Parcel, WatchKind::Person]
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind_prefix(kind)).map(|digits| (kind, digits)))
            .ok_or(WatchKeyError::UnknownKind)?;
        let mut hash = [0; 16];
        // One spelling only: a key is also compared as text.
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(WatchKeyError::BadHash);
        }
        hex::decode_to_slice(digits, &mut hash).map_err(|_| WatchKeyError::BadHash)?;
        Ok(Self { kind, hash })
    }
}
