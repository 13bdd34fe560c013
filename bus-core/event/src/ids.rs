//! `event_id` and `corr_id`, and the hash of a file.
//!
//! Both ids are UUIDs of version 8 (RFC 9562: bits of one's own making) from HMAC-SHA256. They are deterministic, so that a
//! row that is read again after a crash gets the same id, and they tell nothing to whoever does not hold the secret. What
//! holders of each secret can do stands in the documentation of the crate.

use uuid::{Builder, Uuid};

use crate::Secret;
use crate::keyed_hash::keyed_hash;

/// The id of the event that a connector makes from one row in one content.
///
/// `secret` is the connector's own, `case_key` names the case inside the agency, `row_identity` the row inside the case,
/// `content_hash` the mapped values: a corrected row has another hash and so becomes another event.
#[must_use]
pub fn event_id(secret: &Secret, agency: &str, case_key: &str, row_identity: &str, content_hash: i64) -> Uuid {
    let content = content_hash.to_be_bytes();
    let parts = [agency.as_bytes(), case_key.as_bytes(), row_identity.as_bytes(), &content];
    uuid(keyed_hash(secret, "barid event_id 1", &parts))
}

/// The `corr_id` of a case that knows no tracking code. `secret` is the connector's own, `case_no` the matching key of
/// the case number.
#[must_use]
pub fn corr_id_of_case(secret: &Secret, agency: &str, case_no: &str) -> Uuid {
    uuid(keyed_hash(secret, "barid corr_id case 1", &[agency.as_bytes(), case_no.as_bytes()]))
}

/// The `corr_id` of a case whose first row has an identity tracking code, as fourteen ASCII digits.
///
/// `correlation_key` is the one that all connectors share: every agency that knows the code arrives at the same id.
#[must_use]
pub fn corr_id_of_tracking_code(correlation_key: &Secret, code: &str) -> Uuid {
    uuid(keyed_hash(correlation_key, "barid corr_id tracking_code 1", &[code.as_bytes()]))
}

/// What `positions` shows of a file, made from the SHA-256 of its bytes. `secret` is the connector's own: whoever holds the
/// same file, or guesses it, cannot tell that the agency has it.
#[must_use]
pub fn file_hash(secret: &Secret, agency: &str, sha256: &[u8; 32]) -> [u8; 32] {
    keyed_hash(secret, "barid file 1", &[agency.as_bytes(), sha256])
}

fn uuid(hash: [u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
