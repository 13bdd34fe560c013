//! HMAC-SHA256 over named parts.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secret;

/// HMAC-SHA256 of `domain` and `parts` under `secret`.
///
/// Each part stands behind its length, so that `("ab", "c")` and `("a", "bc")` differ, and the domain says what the hash
/// is for, so that no two kinds of ids can ever be made from the same input. A change here changes every id: cases would
/// be published anew.
pub(crate) fn keyed_hash(secret: &Secret, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes keys of any length");
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hmac.update(&(part.len() as u64).to_be_bytes());
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}
