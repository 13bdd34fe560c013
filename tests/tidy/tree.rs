//! The source tree as the checks read it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Folders that are built, fetched or kept by other tools.
const NOT_OURS: [&str; 6] = ["target", ".git", ".cache", "__pycache__", "node_modules", "corpus"];

/// One crate of the workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    /// From the root of the checkout; empty for the root package.
    pub(crate) folder: String,
    pub(crate) manifest: Table,
}

/// A file of text.
pub(crate) struct File {
    /// From the root of the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}` is missing: {error}"))
}

pub(crate) fn members() -> Vec<Member> {
    let workspace: Table = read("Cargo.toml").parse().unwrap();
    let folders = workspace["workspace"]["members"].as_array().unwrap();
    folders
        .iter()
        .map(|folder| {
            let folder = folder.as_str().unwrap().trim_matches('.');
            let manifest: Table = read(&join(folder, "Cargo.toml")).parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            Member { name, folder: folder.to_owned(), manifest }
        })
        .collect()
}

impl Member {
    /// The names of the crates that the library or binary is built with; not those of its tests.
    pub(crate) fn dependencies(&self) -> Vec<&str> {
        let tables = [self.manifest.get("dependencies"), self.manifest.get("build-dependencies")];
        tables
            .into_iter()
            .flatten()
            .filter_map(Value::as_table)
            .flat_map(|table| table.keys().map(String::as_str))
            .collect()
    }

    /// The files below `src`, without those that only tests are made of.
    pub(crate) fn production_files(&self) -> Vec<File> {
        let mut files = rust_files(&join(&self.folder, "src"));
        files.retain(|file| !is_test(&file.path));
        files
    }
}

/// Every text file of the checkout whose name ends with one of `endings`, below `folder`.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        if endings.iter().any(|ending| name.ends_with(ending)) {
            // A file that is no text, such as an export in an old encoding, is no concern of the checks.
            if let Ok(text) = fs::read_to_string(&path) {
                files.insert(name, text);
            }
        }
    }
    files.into_iter().map(|(path, text)| File { path, text }).collect()
}

pub(crate) fn rust_files(folder: &str) -> Vec<File> {
    files(folder, &[".rs"])
}

/// The paths of all files below `folder`, from there.
pub(crate) fn paths(folder: &str) -> Vec<String> {
    let start = root().join(folder);
    let mut found = Vec::new();
    walk(&start, &mut found);
    found.iter().map(|path| path.strip_prefix(&start).unwrap().to_string_lossy().replace('\\', "/")).collect()
}

pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.contains("/examples/")
        || path.starts_with("tests/")
        || path.ends_with("_tests.rs")
}

/// The text without the unit tests at its end.
pub(crate) fn production_text(text: &str) -> &str {
    let end = text.match_indices("#[cfg(test)]\nmod ").find(|(at, _)| {
        let item = &text[*at..];
        item.find('{').is_some_and(|brace| item.find(';').is_none_or(|semicolon| brace < semicolon))
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The lines with their numbers, from 1, without comments.
pub(crate) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Fails with all of `faults`, if there are any.
#[track_caller]
pub(crate) fn expect_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}\n  {}\n", faults.join("\n  "));
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
}

pub(crate) fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
