//! Reading TOML so that every mistake has a line, and an unknown key the key that was meant.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use crate::{Mistake, Mistakes, Place, nearest};

/// A file with more unknown keys than this is another kind of file: what follows would only be noise.
const MOST_UNKNOWN_KEYS: usize = 20;

/// The line, counted from 1, in which the byte at offset `byte` of `text` stands. An offset behind the end is in the last line.
#[must_use]
pub fn line_of(text: &str, byte: usize) -> u32 {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let breaks = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

/// Reads `text`, the content of `file`, as a `T`.
///
/// All errors of syntax are found at once, and so are all unknown keys of types with `deny_unknown_fields`; of wrong
/// types and missing keys serde tells only the first. An unknown key whose meaning can be guessed is read on as that key,
/// so that its value is checked too and the right key is not reported as missing.
///
/// # Errors
///
/// The mistakes, with `file` and line.
pub fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Mistakes> {
    let mut mistakes = Mistakes::new();
    match parse_toml_noting(file, text, &mut mistakes) {
        Some(value) => mistakes.into_result(value),
        None => Err(mistakes),
    }
}

/// As [`parse_toml`], but notes the mistakes and gives what can be read all the same, so that the caller can look for mistakes in what the values mean too. A
/// value that comes with mistakes is good for nothing else.
pub fn parse_toml_noting<T: DeserializeOwned>(file: &str, text: &str, mistakes: &mut Mistakes) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        mistakes.extend(errors.iter().map(|error| mistake(file, text, error)));
        return None;
    }
    let mut found = Mistakes::new();
    let value = read_mending(file, text, table, &mut found);
    found.sort();
    mistakes.extend(found);
    value
}

/// Reads the table again and again, each time with the unknown key mended that serde stumbled over.
fn read_mending<T: DeserializeOwned>(
    file: &str,
    text: &str,
    mut table: Spanned<DeTable<'_>>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        mistakes.push(mistake(file, text, &error));
        let Some(Expectation { what: "field", known, .. }) = Expectation::read(error.message()) else { return None };
        let mended = error.span().is_some_and(|span| mend(table.get_mut(), span.start, &known));
        if !mended || mistakes.len() >= MOST_UNKNOWN_KEYS {
            return None;
        }
    }
}

fn mistake(file: &str, text: &str, error: &Error) -> Mistake {
    let place = match error.span() {
        Some(span) => Place::at(file, text, span.start),
        None => Place::file(file),
    };
    match Expectation::read(error.message()) {
        Some(expectation) => expectation.into_mistake(place),
        None => Mistake::new(place, error.message().trim_end_matches('.').replace('\n', ", ")),
    }
}

/// Renames the key that begins at `start` to the key that was meant, or removes it. Whether it was found.
fn mend(table: &mut DeTable<'_>, start: usize, known: &[&str]) -> bool {
    if let Some(key) = table.keys().find(|key| key.span().start == start).cloned() {
        let value = table.remove(&key);
        let meant = nearest(key.get_ref(), known.iter().copied()).filter(|meant| !table.contains_key(*meant));
        if let (Some(meant), Some(value)) = (meant, value) {
            table.insert(Spanned::new(key.span(), meant.to_owned().into()), value);
        }
        return true;
    }
    table.iter_mut().any(|(_, value)| mend_value(value.get_mut(), start, known))
}

fn mend_value(value: &mut DeValue<'_>, start: usize, known: &[&str]) -> bool {
    match value {
        DeValue::Table(table) => mend(table, start, known),
        DeValue::Array(array) => array.iter_mut().any(|element| mend_value(element.get_mut(), start, known)),
        _ => false,
    }
}

/// What serde says about an unknown field or variant. Serde hands it over as text only; a test holds the forms.
struct Expectation<'a> {
    /// `field` or `variant`.
    what: &'a str,
    word: &'a str,
    known: Vec<&'a str>,
}

impl<'a> Expectation<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let rest = message.strip_prefix("unknown ")?;
        let (what, rest) = rest.split_once(" `")?;
        let (word, rest) = rest.split_once("`, ")?;
        if !matches!(what, "field" | "variant") {
            return None;
        }
        // The known words stand between back-quotes: every second piece.
        let known = rest.split('`').skip(1).step_by(2).collect();
        Some(Self { what, word, known })
    }

    fn into_mistake(self, place: Place) -> Mistake {
        let message = match self.what {
            "field" => format!("unknown key `{}`", self.word),
            _ => format!("unknown value `{}`", self.word),
        };
        let mistake = Mistake::new(place, message);
        let mistake = match self.known.as_slice() {
            [] => mistake.with_cure("no keys belong here"),
            known => {
                let words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
                mistake.with_cure(format!("known here: {}", words.join(", ")))
            }
        };
        mistake.with_nearest(self.word, self.known)
    }
}
