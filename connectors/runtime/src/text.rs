//! The damage that Persian text takes on its way through code pages, spreadsheets and old documents, and its repair.
//!
//! (skeleton)

/// The text for display.
#[must_use]
pub fn clean(text: &str) -> String {
    text.trim().to_owned()
}

/// The matching key: two texts that a clerk would call the same have the same key.
#[must_use]
pub fn key(text: &str) -> String {
    clean(text)
}

/// The text with Persian and Arabic digits as ASCII digits.
#[must_use]
pub fn ascii_digits(text: &str) -> String {
    text.to_owned()
}
