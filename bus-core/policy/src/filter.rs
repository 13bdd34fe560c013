//! The filter dialects of the CloudEvents Subscriptions API: `exact`, `prefix`, `suffix`, `all`, `any`, `not`.

use std::fmt;

pub use crate::attributes::Attribute;

/// How a test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    Exact,
    Prefix,
    Suffix,
}

impl Comparison {
    /// All comparisons.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Prefix, Self::Suffix];

    /// The name of the dialect.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
        }
    }
}

/// One comparison of one attribute with a text; case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Test {
    pub attribute: Attribute,
    pub comparison: Comparison,
    pub text: String,
}

impl Test {
    /// Whether `value` passes.
    #[must_use]
    pub fn passes(&self, value: &str) -> bool {
        match self.comparison {
            Comparison::Exact => value == self.text,
            Comparison::Prefix => value.starts_with(&self.text),
            Comparison::Suffix => value.ends_with(&self.text),
        }
    }
}

/// A filter expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// A comparison. A dialect with several attributes is an [`Filter::All`] of their tests.
    Test(Test),
    /// Every one passes.
    All(Vec<Filter>),
    /// At least one passes.
    Any(Vec<Filter>),
    /// It does not pass.
    Not(Box<Filter>),
}

/// In the words of the file: `any(prefix type "ir.barid.", not(exact source "/agencies/x"))`.
impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |formatter: &mut fmt::Formatter<'_>, name: &str, filters: &[Self]| {
            write!(formatter, "{name}(")?;
            for (position, filter) in filters.iter().enumerate() {
                let separator = if position == 0 { "" } else { ", " };
                write!(formatter, "{separator}{filter}")?;
            }
            formatter.write_str(")")
        };
        match self {
            Self::Test(Test { attribute, comparison, text }) => {
                write!(formatter, "{} {attribute} \"{text}\"", comparison.name())
            }
            Self::All(filters) => list(formatter, "all", filters),
            Self::Any(filters) => list(formatter, "any", filters),
            Self::Not(filter) => write!(formatter, "not({filter})"),
        }
    }
}
