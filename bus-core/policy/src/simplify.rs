//! What is left of a filter once the source and type of a permit's copies are known, and whether anything can pass it.

use crate::attributes::{Attribute, Static};
use crate::filter::{Comparison, Filter, Test};

/// Beyond this many combinations a filter is believed to match something: to refuse it must be certain.
const MOST_COMBINATIONS: usize = 4_096;

/// A filter with the known attributes filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Simplified {
    Always,
    Never,
    /// A filter on what differs from event to event.
    Sometimes(Filter),
}

/// Fills `known` into the conjunction of `filters`.
pub(crate) fn simplify_all(filters: &[Filter], known: &Static) -> Simplified {
    let mut rest = Vec::new();
    for filter in filters {
        match simplify(filter, known) {
            Simplified::Always => {}
            Simplified::Never => return Simplified::Never,
            Simplified::Sometimes(Filter::All(inner)) => rest.extend(inner),
            Simplified::Sometimes(filter) => rest.push(filter),
        }
    }
    collect(rest, Filter::All, Simplified::Always)
}

fn simplify_any(filters: &[Filter], known: &Static) -> Simplified {
    let mut rest = Vec::new();
    for filter in filters {
        match simplify(filter, known) {
            Simplified::Always => return Simplified::Always,
            Simplified::Never => {}
            Simplified::Sometimes(Filter::Any(inner)) => rest.extend(inner),
            Simplified::Sometimes(filter) => rest.push(filter),
        }
    }
    collect(rest, Filter::Any, Simplified::Never)
}

fn collect(mut rest: Vec<Filter>, join: impl FnOnce(Vec<Filter>) -> Filter, none: Simplified) -> Simplified {
    match rest.len() {
        0 => none,
        1 => rest.pop().map_or(none, Simplified::Sometimes),
        _ => Simplified::Sometimes(join(rest)),
    }
}

fn simplify(filter: &Filter, known: &Static) -> Simplified {
    let decided = |passes| if passes { Simplified::Always } else { Simplified::Never };
    match filter {
        Filter::Test(test) => match test.attribute {
            Attribute::Source => decided(test.passes(&known.source)),
            Attribute::Type => decided(test.passes(&known.r#type)),
            Attribute::Id | Attribute::Subject | Attribute::Time => Simplified::Sometimes(filter.clone()),
        },
        Filter::All(filters) => simplify_all(filters, known),
        Filter::Any(filters) => simplify_any(filters, known),
        Filter::Not(inner) => match simplify(inner, known) {
            Simplified::Always => Simplified::Never,
            Simplified::Never => Simplified::Always,
            Simplified::Sometimes(Filter::Not(twice)) => Simplified::Sometimes(*twice),
            Simplified::Sometimes(rest) => Simplified::Sometimes(Filter::Not(Box::new(rest))),
        },
    }
}

/// Whether no event can pass all of `filters` in a copy with the known attributes. `false` if it is not certain.
pub(crate) fn can_never_pass(filters: &[Filter], known: &Static) -> bool {
    match simplify_all(filters, known) {
        Simplified::Always => false,
        Simplified::Never => true,
        Simplified::Sometimes(filter) => {
            combinations(&filter, true).is_some_and(|all| !all.iter().any(|tests| is_possible(tests)))
        }
    }
}

/// A test and whether it must pass.
type Wanted<'f> = (&'f Test, bool);

/// The disjunctive normal form of a filter, or of its negation; `None` if it is too large.
fn combinations(filter: &Filter, passes: bool) -> Option<Vec<Vec<Wanted<'_>>>> {
    match (filter, passes) {
        (Filter::Test(test), _) => Some(vec![vec![(test, passes)]]),
        (Filter::Not(inner), _) => combinations(inner, !passes),
        (Filter::All(filters), true) | (Filter::Any(filters), false) => {
            let mut all = vec![Vec::new()];
            for filter in filters {
                let further = combinations(filter, passes)?;
                if all.len() * further.len() > MOST_COMBINATIONS {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|one| further.iter().map(move |other| [one.as_slice(), other.as_slice()].concat()))
                    .collect();
            }
            Some(all)
        }
        (Filter::Any(filters), true) | (Filter::All(filters), false) => {
            let mut all = Vec::new();
            for filter in filters {
                all.extend(combinations(filter, passes)?);
                if all.len() > MOST_COMBINATIONS {
                    return None;
                }
            }
            Some(all)
        }
    }
}

fn is_possible(tests: &[Wanted<'_>]) -> bool {
    Attribute::ALL.into_iter().all(|attribute| {
        let of_attribute: Vec<Wanted<'_>> =
            tests.iter().copied().filter(|(test, _)| test.attribute == attribute).collect();
        of_attribute.is_empty() || shapes(attribute).iter().any(|shape| some_text_passes(shape, &of_attribute))
    })
}

/// The forms that an attribute's text can have: `h` a lower-case hexadecimal digit, `d` a decimal digit, all else itself.
const fn shapes(attribute: Attribute) -> &'static [&'static str] {
    const UUID: &str = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    match attribute {
        Attribute::Id | Attribute::Subject => &[UUID],
        // With as many decimals as the milliseconds need.
        Attribute::Time => {
            &["dddd-dd-ddTdd:dd:ddZ", "dddd-dd-ddTdd:dd:dd.dZ", "dddd-dd-ddTdd:dd:dd.ddZ", "dddd-dd-ddTdd:dd:dd.dddZ"]
        }
        // Filled in by `simplify_all`.
        Attribute::Source | Attribute::Type => &[],
    }
}

/// Whether a text of this shape passes what must pass and not what must not. All texts of a shape have the same length, so
/// each test is about certain places; `true` if it is not certain.
fn some_text_passes(shape: &str, tests: &[Wanted<'_>]) -> bool {
    let shape = shape.as_bytes();
    let mut places: Vec<Option<u8>> =
        shape.iter().map(|&form| (!matches!(form, b'h' | b'd')).then_some(form)).collect();
    for (test, _) in tests.iter().filter(|(_, passes)| *passes) {
        let Some(start) = start_of(test, shape.len()) else { return false };
        for (offset, byte) in test.text.bytes().enumerate() {
            let place = start + offset;
            let fits = match shape[place] {
                b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
                b'd' => byte.is_ascii_digit(),
                form => form == byte,
            };
            if !fits || places[place].is_some_and(|known| known != byte) {
                return false;
            }
            places[place] = Some(byte);
        }
    }
    let surely_passes = |test: &Test| {
        start_of(test, shape.len()).is_some_and(|start| {
            test.text.bytes().enumerate().all(|(offset, byte)| places[start + offset] == Some(byte))
        })
    };
    !tests.iter().any(|(test, passes)| !passes && surely_passes(test))
}

/// Where the test's text begins in a text of `length` bytes; `None` if it cannot be there.
fn start_of(test: &Test, length: usize) -> Option<usize> {
    match test.comparison {
        Comparison::Exact => (test.text.len() == length).then_some(0),
        Comparison::Prefix => (test.text.len() <= length).then_some(0),
        Comparison::Suffix => length.checked_sub(test.text.len()),
    }
}

#[cfg(test)]
mod tests;
