//! Mistakes in written configuration: all of them at once, each with its place and its cure.
//!
//! Everything that people write for Barid (deployment settings, connector files, catalogues, policy) is read twice: once
//! as TOML by [`parse_toml`], then by the crate that knows what the words mean. Both put what they find into one
//! [`Mistakes`], so that somebody who edits a file sees every mistake in it after one run, with the line, and where a
//! word is nearly right, with the word that was probably meant ([`nearest`]).
//!
//! A mistake is about a *file*. What goes wrong at run time (a broker that is away, a row that cannot be read) is an
//! error of the crate that meets it and does not belong here. Nothing here reads a file: callers hand over name and text.

mod toml_file;
mod words;

use std::fmt;

pub use toml_file::{line_of, parse_toml, parse_toml_noting};
pub use words::nearest;

/// Where a mistake stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file as the user named it, or another origin such as the name of an environment variable.
    pub file: String,
    /// Lines count from 1; `None` if the mistake is about the whole file.
    pub line: Option<u32>,
}

impl Place {
    /// A whole file.
    #[must_use]
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None }
    }

    /// One line of a file; lines count from 1.
    #[must_use]
    pub fn line(file: impl Into<String>, line: u32) -> Self {
        Self { file: file.into(), line: Some(line) }
    }

    /// The line of `text` in which the byte at offset `byte` stands.
    #[must_use]
    pub fn at(file: impl Into<String>, text: &str, byte: usize) -> Self {
        Self::line(file, line_of(text, byte))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        match self.line {
            Some(line) => write!(formatter, ":{line}"),
            None => Ok(()),
        }
    }
}

/// One mistake: what is wrong, where, and if known how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    /// Lower case, no period, values in back-quotes.
    pub message: String,
    /// What to write or run instead.
    pub cure: Option<String>,
}

impl Mistake {
    /// A mistake without a known cure.
    #[must_use]
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), cure: None }
    }

    /// The same mistake with its cure.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// The same mistake, with ``did you mean `…`?`` as its cure if `word` is nearly one of `known`.
    #[must_use]
    pub fn with_nearest<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(found) = nearest(word, known) {
            self.cure = Some(format!("did you mean `{found}`?"));
        }
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        match &self.cure {
            Some(cure) => write!(formatter, "\n  cure: {cure}"),
            None => Ok(()),
        }
    }
}

/// All mistakes of one reading. Used as an error, it holds at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// No mistakes yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes a mistake.
    pub fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Notes a mistake without a known cure.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.0.push(Mistake::new(place, message));
    }

    /// Takes over the mistakes of a part. Gives the value if the part had none.
    pub fn absorb<T>(&mut self, part: Result<T, Self>) -> Option<T> {
        match part {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.0.extend(mistakes.0);
                None
            }
        }
    }

    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many mistakes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The mistakes in the order in which they were noted.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    /// Puts the mistakes into the order of files and lines; those of one line keep their order.
    pub fn sort(&mut self) {
        self.0.sort_by(|one, other| one.place.cmp(&other.place));
    }

    /// `value`, if nothing was wrong.
    ///
    /// # Errors
    ///
    /// The mistakes, if there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl FromIterator<Mistake> for Mistakes {
    fn from_iter<I: IntoIterator<Item = Mistake>>(mistakes: I) -> Self {
        Self(mistakes.into_iter().collect())
    }
}

impl Extend<Mistake> for Mistakes {
    fn extend<I: IntoIterator<Item = Mistake>>(&mut self, mistakes: I) {
        self.0.extend(mistakes);
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(formatter, "{mistake}")?;
        }
        match self.0.len() {
            1 => formatter.write_str("1 mistake"),
            count => write!(formatter, "{count} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests;
