//! Watch keys as connector and subscriber must make them alike.
//!
//! The hash is of the matching key of the district, not of its spelling: `قائم‌شهر` and `قائمشهر` are one place. Whoever
//! registers a watch key for a subscriber uses these functions too.

use barid_event::{Secret, WatchKey};

use crate::text;

/// The key of a person or a company, by the checked national id or legal id.
#[must_use]
pub fn person_key(secret: &Secret, number: &str) -> WatchKey {
    barid_event::watch::person_key(secret, &text::ascii_digits(number))
}

/// The key of a parcel, by the parts of its registry plate; a part that is not known is empty.
#[must_use]
pub fn parcel_key(secret: &Secret, main: &str, sub: &str, section: &str, district: &str) -> WatchKey {
    barid_event::watch::parcel_key(secret, main, sub, section, &text::key(district))
}
