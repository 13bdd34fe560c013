//! The damage that Persian text takes on its way through code pages, spreadsheets and old documents, and its repair.
//!
//! There are two repairs. [`clean`] is for display and for what is published: it undoes what no writer wanted (Arabic
//! letters in Persian words, marks that steer the screen, half-spaces doubled or written as `¬`) and keeps what a reader
//! sees, the half-space and Persian digits included. [`key`] is for comparing: it folds everything that two clerks write
//! differently for the same thing. A key is never shown.
//!
//! Only characters are looked at, one after another; there is no dictionary here and no guess where a lost half-space
//! was. `key` makes `12/345` and `123/45` equal: whoever needs a plate's parts apart uses the cast `plate`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

#[cfg(test)]
mod tests;

/// ZERO WIDTH NON-JOINER, the half-space.
pub const ZWNJ: char = '\u{200C}';

/// The text for display.
///
/// Presentation forms become letters, Arabic yeh and kaf Persian ones; tatweel, vowel marks, direction marks and byte
/// order marks go. A no-break space becomes a space, runs of white space one space, none stays at the ends. `¬` becomes a
/// half-space, several half-spaces one; beside a space it goes, because the space is what a reader sees.
#[must_use]
pub fn clean(text: &str) -> String {
    cleaned(text).into_owned()
}

/// [`clean`], which gives back what is clean already: nearly every cell is.
pub(crate) fn cleaned(text: &str) -> Cow<'_, str> {
    if is_clean(text) { Cow::Borrowed(text) } else { Cow::Owned(mended(text)) }
}

/// Whether nothing in the text is to be mended. It may say no of a clean text, never yes of another.
fn is_clean(text: &str) -> bool {
    let mut after_gap = true;
    for character in text.chars() {
        match character {
            '!'..='~' => after_gap = false,
            ' ' | ZWNJ if after_gap => return false,
            ' ' | ZWNJ => after_gap = true,
            _ if character.is_whitespace()
                || is_presentation_form(character)
                || replace(character) != Some(character) =>
            {
                return false;
            }
            _ => after_gap = false,
        }
    }
    !after_gap || text.is_empty()
}

fn mended(text: &str) -> String {
    let mut letters = String::with_capacity(text.len());
    for character in text.chars() {
        if is_presentation_form(character) {
            let plain: String = std::iter::once(character).nfkc().collect();
            // The form of a lone vowel mark is a space with the mark on it; that space was never written.
            if !plain.chars().all(|part| part == ' ' || is_removed(part)) {
                plain.chars().filter_map(replace).for_each(|part| letters.push(part));
            }
        } else if let Some(replacement) = replace(character) {
            letters.push(replacement);
        }
    }
    settle_gaps(&letters)
}

/// The matching key: two texts that a clerk would call the same have the same key.
///
/// Starts from [`clean`]; then half-spaces, spaces, dashes, slashes and brackets go, forms of alef, vav, yeh and heh that
/// carry a hamza or dots lose them, digits become ASCII, Latin letters small. `key(key(x)) == key(x)`.
#[must_use]
pub fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    push_key(&mut key, text);
    key
}

/// Writes the matching key behind what `out` holds.
pub(crate) fn push_key(out: &mut String, text: &str) {
    out.extend(cleaned(text).chars().filter_map(fold));
}

/// The text with Persian (U+06F0 to U+06F9) and Arabic (U+0660 to U+0669) digits as ASCII digits.
#[must_use]
pub fn ascii_digits(text: &str) -> String {
    with_ascii_digits(text).into_owned()
}

/// [`ascii_digits`], which gives back a text that has no others.
pub(crate) fn with_ascii_digits(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| ascii_digit(character) == character) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(ascii_digit).collect())
    }
}

fn ascii_digit(character: char) -> char {
    let zero = match character {
        '\u{06F0}'..='\u{06F9}' => '\u{06F0}',
        '\u{0660}'..='\u{0669}' => '\u{0660}',
        _ => return character,
    };
    // The range above leaves 0 to 9.
    char::from_digit(u32::from(character) - u32::from(zero), 10).unwrap_or(character)
}

/// Letters in the shape that they have at one place of a word, as text copied out of a PDF has them.
fn is_presentation_form(character: char) -> bool {
    matches!(character, '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

fn is_removed(character: char) -> bool {
    matches!(character,
        '\u{0640}'                    // tatweel
        | '\u{064B}'..='\u{065F}'     // vowel marks, hamza above and below
        | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' // direction
        | '\u{FEFF}'                  // byte order mark
        | '\u{00AD}' | '\u{200B}' | '\u{2060}' // soft hyphen, zero width space, word joiner: nothing to see
    )
}

/// What stands for this character in displayed text; `None` if nothing does.
fn replace(character: char) -> Option<char> {
    match character {
        '\u{064A}' | '\u{0649}' => Some('\u{06CC}'),
        '\u{0643}' => Some('\u{06A9}'),
        '\u{00AC}' => Some(ZWNJ),
        _ if is_removed(character) => None,
        _ => Some(character),
    }
}

/// One space for each run of white space, one half-space for each run of half-spaces, none of either at the ends.
fn settle_gaps(text: &str) -> String {
    let mut settled = String::with_capacity(text.len());
    let mut gap = None;
    for character in text.chars() {
        if character.is_whitespace() {
            gap = Some(' ');
        } else if character == ZWNJ {
            gap = gap.or(Some(ZWNJ));
        } else {
            if let Some(gap) = gap.take().filter(|_| !settled.is_empty()) {
                settled.push(gap);
            }
            settled.push(character);
        }
    }
    settled
}

/// What stands for this character of a clean text in the key; `None` if nothing does.
fn fold(character: char) -> Option<char> {
    match character {
        '0'..='9' | 'a'..='z' => Some(character),
        'A'..='Z' => Some(character.to_ascii_lowercase()),
        'أ' | 'إ' | 'آ' | 'ٱ' => Some('ا'),
        'ؤ' => Some('و'),
        'ئ' | 'ے' => Some('ی'),
        // Teh marbuta, heh with yeh above, and the hehs of neighbouring keyboards.
        'ة' | 'ۀ' | '\u{06D5}' | '\u{06BE}' | '\u{06C1}' | '\u{06C2}' | '\u{06C3}' => Some('ه'),
        'ء' | '\u{0670}' => None,
        ZWNJ | '\u{200D}' => None,
        '(' | ')' | '[' | ']' | '{' | '}' | '\u{FD3E}' | '\u{FD3F}' => None,
        '/' | '\\' | '\u{2044}' | '\u{2215}' => None,
        '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' => None,
        _ if character.is_whitespace() => None,
        _ => Some(ascii_digit(character).to_ascii_lowercase()),
    }
}
