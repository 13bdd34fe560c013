//! Reading a whole policy, or refusing it with every mistake in it.
//!
//! Catalogue files come first, for they say what the words in permits mean; permits come before subscriptions, for a
//! subscription can only be judged by what the permits give. What depends on a part that is itself at fault is not judged,
//! so that one wrong word is one mistake.

mod permits;
mod reader;
mod subscriptions;

use std::collections::BTreeSet;

use barid_mistake::{Mistake, Mistakes, Place};
use barid_schemas::Catalogue;

use crate::permit::Permit;
use crate::subscription::Subscription;

/// One file of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Below the policy folder, with `/`: `catalogue/*.toml`, `permits/<publisher>.toml` or `subscriptions/*.toml`. A
    /// `README.md` is for people and is not read.
    pub path: String,
    pub text: String,
}

/// A policy without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub catalogue: Catalogue,
    /// At most one for each publisher, service, status and subscriber; in the order of files and lines.
    pub permits: Vec<Permit>,
    /// In the order of files and lines.
    pub subscriptions: Vec<Subscription>,
}

/// Reads a policy on top of the shared catalogue. The order of the files does not matter.
///
/// # Errors
///
/// Every mistake in it, in the order of files and lines.
pub fn load(shared: &Catalogue, files: &[PolicyFile]) -> Result<Policy, Mistakes> {
    let mut mistakes = Mistakes::new();
    let sorted = Sorted::new(files, &mut mistakes);
    let mut catalogue = shared.clone();
    for file in sorted.catalogue {
        let added = catalogue.add(&file.path, &file.text);
        mistakes.absorb(added);
    }
    let mut given = permits::Given::default();
    for (publisher, file) in sorted.permits {
        permits::read(publisher, file, &catalogue, &mut given, &mut mistakes);
    }
    let mut named = subscriptions::Named::default();
    for file in sorted.subscriptions {
        subscriptions::read(file, &catalogue, &given, &mut named, &mut mistakes);
    }
    mistakes.sort();
    mistakes.into_result(Policy { catalogue, permits: given.permits, subscriptions: named.subscriptions })
}

/// The files by what they hold, each kind by path.
#[derive(Default)]
struct Sorted<'f> {
    catalogue: Vec<&'f PolicyFile>,
    permits: Vec<(&'f str, &'f PolicyFile)>,
    subscriptions: Vec<&'f PolicyFile>,
}

impl<'f> Sorted<'f> {
    fn new(files: &'f [PolicyFile], mistakes: &mut Mistakes) -> Self {
        let mut files: Vec<&PolicyFile> = files.iter().collect();
        files.sort_by_key(|file| &file.path);
        let mut sorted = Self::default();
        let mut seen = BTreeSet::new();
        for file in files {
            let name = |folder: &str| {
                let name = file.path.strip_prefix(folder)?.strip_suffix(".toml")?;
                (!name.is_empty() && !name.contains('/')).then_some(name)
            };
            if file.path == "README.md" {
                // For people.
            } else if !seen.insert(&file.path) {
                mistakes.add(Place::file(&file.path), "the file is given twice");
            } else if name("catalogue/").is_some() {
                sorted.catalogue.push(file);
            } else if let Some(publisher) = name("permits/") {
                sorted.permits.push((publisher, file));
            } else if name("subscriptions/").is_some() {
                sorted.subscriptions.push(file);
            } else {
                let mistake = Mistake::new(Place::file(&file.path), "a policy has no place for this file");
                let cure = "a policy is `catalogue/*.toml`, `permits/<publisher>.toml` and `subscriptions/*.toml`";
                mistakes.push(mistake.with_cure(cure));
            }
        }
        sorted
    }
}

#[cfg(test)]
mod tests;
