//! The nearest right word for a wrong one.

/// The word of `known` that was probably meant by `word`, if one is near enough.
///
/// Near enough is a Damerau-Levenshtein distance of at most a third of the longer word, at least 1: `publishr` finds
/// `publisher`, but `tax` does not find `samt`. Of equally near words the first in `known` wins. A word that is in
/// `known` finds itself.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = fold(candidate);
            let longer = folded.chars().count().max(other.chars().count());
            let distance = strsim::damerau_levenshtein(&folded, &other);
            (distance <= (longer / 3).max(1) && distance < longer).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and the choice between `-` and `_` are not what makes words differ.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}
