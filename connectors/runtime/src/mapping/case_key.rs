//! The key of a case: what stays when the same number is written by another hand.

use crate::text;

/// Between the columns of a case that several columns name.
const BETWEEN_COLUMNS: &str = ":";
/// Between the parts of one number.
const BETWEEN_PARTS: &str = "-";

/// The key of a case from its cells, in the order of the configuration.
///
/// Letters and digits are folded as in every matching key, and any sign between the parts of a number becomes one dash:
/// `۱۴۰۱/تك/۰۰۴۱` and `1401-تک-0041` are the same case. The signs are not simply removed, or `1401-1/2` and `1401-12`
/// would be the same too.
pub(super) fn case_key<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut key = String::with_capacity(24);
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            key.push_str(BETWEEN_COLUMNS);
        }
        push_cell(&mut key, cell);
    }
    key
}

fn push_cell(key: &mut String, cell: &str) {
    let first_part = key.len();
    for part in text::cleaned(cell).split(is_sign) {
        let end = key.len();
        if end > first_part {
            key.push_str(BETWEEN_PARTS);
        }
        let begin = key.len();
        text::push_key(key, part);
        if key.len() == begin {
            key.truncate(end);
        }
    }
}

/// Blanks and half-spaces come and go with the hand that types; they do not part a number.
fn is_sign(letter: char) -> bool {
    !letter.is_alphanumeric() && !letter.is_whitespace() && !matches!(letter, '\u{200c}' | '\u{ac}')
}

#[cfg(test)]
mod tests {
    use super::case_key;

    #[test]
    fn letters_digits_and_signs_of_another_hand_give_the_same_key() {
        assert_eq!(case_key(["۱۴۰۱/تك/۰۰۴۱"]), case_key([" 1401-تک-0041 "]));
        assert_eq!(case_key(["بگ/۱۴۰۱/۰۰۱"]), "بگ-1401-001");
    }

    #[test]
    fn parts_of_different_length_give_different_keys() {
        assert_ne!(case_key(["1401-1/2"]), case_key(["1401-12"]));
        assert_ne!(case_key(["جواز", "12"]), case_key(["جواز1", "2"]));
    }
}
