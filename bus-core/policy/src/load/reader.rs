//! One file while it is read: where its values stand, and what the catalogue says about its words.

use barid_mistake::{Mistake, Mistakes, Place};
use barid_schemas::Catalogue;
use toml::Spanned;

use super::PolicyFile;

pub(super) struct Reader<'r> {
    pub(super) file: &'r PolicyFile,
    pub(super) catalogue: &'r Catalogue,
    pub(super) mistakes: &'r mut Mistakes,
}

impl Reader<'_> {
    pub(super) fn place<T>(&self, value: &Spanned<T>) -> Place {
        Place::at(&self.file.path, &self.file.text, value.span().start)
    }

    pub(super) fn refuse<T>(&mut self, value: &Spanned<T>, message: impl Into<String>) {
        let place = self.place(value);
        self.mistakes.add(place, message);
    }

    pub(super) fn refuse_with_cure<T>(
        &mut self,
        value: &Spanned<T>,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        let place = self.place(value);
        self.mistakes.push(Mistake::new(place, message).with_cure(cure));
    }

    /// Refuses a word of a kind of which `known` are all; the nearest is the cure.
    pub(super) fn refuse_word<'k>(
        &mut self,
        word: &Spanned<String>,
        kind: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let place = self.place(word);
        let mistake = Mistake::new(place, format!("unknown {kind} `{}`", word.get_ref()));
        self.mistakes.push(mistake.with_nearest(word.get_ref(), known));
    }

    /// The value of a key that must be there.
    pub(super) fn required<'v, T, U>(
        &mut self,
        value: &'v Option<Spanned<T>>,
        key: &str,
        table: &Spanned<U>,
        kind: &str,
    ) -> Option<&'v Spanned<T>> {
        if value.is_none() {
            self.refuse(table, format!("a {kind} without `{key}`"));
        }
        value.as_ref()
    }

    /// The code of an agency that there is.
    pub(super) fn agency<'v>(&mut self, word: &'v Spanned<String>) -> Option<&'v str> {
        let catalogue = self.catalogue;
        if catalogue.agencies.contains_key(word.get_ref()) {
            return Some(word.get_ref());
        }
        self.refuse_word(word, "agency", catalogue.agencies.keys().map(String::as_str));
        None
    }
}

/// `` `a`, `b` ``, in the order given.
pub(super) fn in_quotes<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
