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
    cells.into_iter().map(part_key).collect::<Vec<_>>().join(BETWEEN_COLUMNS)
}

fn part_key(cell: &str) -> String {
    let clean = text::clean(cell);
    clean.split(is_sign).map(text::key).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(BETWEEN_PARTS)
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
