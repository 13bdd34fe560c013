//! Folders, files, and the documents that name them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tree::{self, expect_none, join, members, paths, production_text, read, root, rust_files};

/// No file of production code is longer.
const MOST_LINES: usize = 600;

/// Longer files, each with the reason. Keep it empty.
const LONGER_FILES: [(&str, &str); 0] = [];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["mod", "utils", "util", "common", "helpers", "helper", "misc"];

#[test]
fn every_member_of_the_workspace_is_named_in_the_architecture_page_and_the_reverse() {
    let page = read("ARCHITECTURE.md");
    let mut faults = Vec::new();
    for member in members() {
        let folder = if member.folder.is_empty() { "src/".to_owned() } else { format!("{}/", member.folder) };
        for name in [&member.name, &folder] {
            if !page.contains(&format!("`{name}`")) {
                faults.push(format!("`{name}` is not named"));
            }
        }
    }
    let known: BTreeSet<String> = members().into_iter().map(|member| member.name).collect();
    for word in in_back_quotes(&page) {
        let is_crate = word.starts_with("barid-") || word.starts_with("connector-");
        let is_path = word.contains('/') && word.split('/').next().is_some_and(|first| root().join(first).is_dir());
        if is_crate && !word.contains('.') && !known.contains(word) {
            faults.push(format!("`{word}` is no member"));
        }
        if is_path && !word.contains(['<', '*', ' ']) && !root().join(word).exists() {
            faults.push(format!("`{word}` does not exist"));
        }
    }
    expect_none("ARCHITECTURE.md must name what is there:", &faults);
}

#[test]
fn every_crate_root_says_what_it_is() {
    let mut faults = Vec::new();
    for member in members() {
        for file in tree::rust_files(&join(&member.folder, "src")) {
            let is_root =
                file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs") || file.path.contains("/bin/");
            if is_root && !file.text.starts_with("//! ") {
                faults.push(file.path);
            }
        }
    }
    expect_none("begin with a `//!` that says what it is, how data flows through it and what it does not do:", &faults);
}

#[test]
fn no_file_of_production_code_is_too_long() {
    let mut faults = Vec::new();
    for member in members() {
        for file in member.production_files() {
            let lines = production_text(&file.text).lines().count();
            let listed = LONGER_FILES.iter().any(|(path, _)| *path == file.path);
            if lines > MOST_LINES && !listed {
                faults
                    .push(format!("{}: {lines} lines; split it, or list it in LONGER_FILES with a reason", file.path));
            }
            if lines <= MOST_LINES && listed {
                faults.push(format!("{}: no longer too long; take it off LONGER_FILES", file.path));
            }
        }
    }
    expect_none(&format!("one concept a file, at most {MOST_LINES} lines:"), &faults);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let mut faults: Vec<String> = Vec::new();
    for path in paths("") {
        let stem = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy();
        if path.ends_with(".rs") && EMPTY_NAMES.iter().any(|name| *name == stem) {
            faults.push(path);
        }
    }
    expect_none("name the file for the one thing that it holds (`foo.rs` beside `foo/`, no `mod.rs`):", &faults);
}

#[test]
fn every_folder_of_an_agency_has_the_same_files() {
    let agencies: Vec<String> = members()
        .into_iter()
        .filter(|member| member.folder.starts_with("connectors/") && member.folder != "connectors/runtime")
        .map(|member| member.folder)
        .collect();
    assert!(agencies.len() >= 8, "the eight agencies: {agencies:?}");
    // The export keeps the name under which the agency sends it.
    let names = |folder: &str| -> BTreeSet<String> {
        paths(folder)
            .iter()
            .map(|path| if path.starts_with("sample/") { "sample/*".into() } else { path.clone() })
            .collect()
    };
    let first = names(&agencies[0]);
    let mut faults = Vec::new();
    for folder in &agencies[1..] {
        for name in names(folder).symmetric_difference(&first) {
            faults.push(format!("{folder} and {} differ in `{name}`", agencies[0]));
        }
    }
    expect_none("who has read one agency's folder knows all of them:", &faults);
}

#[test]
fn every_setting_is_in_the_reference_page() {
    let page = read("docs/settings.md");
    let mut faults = Vec::new();
    for line in read("bus-core/config/src/table.rs").lines() {
        let Some(key) = line.trim().strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
        let Some((section, name)) = key.split_once('.') else { continue };
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        if !is_word(section) || !is_word(name) {
            continue;
        }
        let part = page.split("\n## ").find(|part| part.starts_with(&format!("`[{section}]`")));
        if !part.is_some_and(|part| part.contains(&format!("\n### `{name}`\n"))) {
            faults.push(key.to_owned());
        }
    }
    expect_none("docs/settings.md must name every setting:", &faults);
}

#[test]
fn the_change_log_has_a_part_for_what_is_not_released() {
    assert!(read("CHANGELOG.md").contains("Unreleased"), "every change that a user sees is listed there");
}

#[test]
fn every_exception_for_a_dependency_and_every_recipe_has_a_sentence() {
    let mut faults = Vec::new();
    let deny = read("deny.toml");
    for (line, text) in lines_below(&deny, "exceptions = [").chain(lines_below(&deny, "deny = [")) {
        let before = deny.lines().nth(line - 1).unwrap_or_default().trim_start();
        if text.trim_start().starts_with("{ crate") && !before.starts_with('#') && !before.starts_with("{ crate") {
            faults.push(format!("deny.toml:{}", line + 1));
        }
    }
    let recipes = read("justfile");
    for (index, text) in recipes.lines().enumerate() {
        let is_recipe = text.contains(':') && !text.contains(":=") && !text.starts_with([' ', '#']);
        if is_recipe && !recipes.lines().nth(index - 1).unwrap_or_default().starts_with("# ") {
            faults.push(format!("justfile:{}", index + 1));
        }
    }
    expect_none("say in a comment above what it is for:", &faults);
}

#[test]
fn every_member_takes_version_licence_and_lints_from_the_workspace() {
    let mut faults = Vec::new();
    for member in members() {
        let inherits = |table: &str, key: &str| {
            let found = member.manifest.get(table).and_then(|table| table.get(key));
            found.is_some_and(|value| value.get("workspace").and_then(toml::Value::as_bool) == Some(true))
        };
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !inherits("package", key) {
                faults.push(format!("{}: {key}.workspace = true", member.name));
            }
        }
        if member.manifest.get("lints").and_then(|lints| lints["workspace"].as_bool()) != Some(true) {
            faults.push(format!("{}: [lints] workspace = true", member.name));
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for name in
                member.manifest.get(table).and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys())
            {
                if !inherits(table, name) {
                    faults.push(format!("{}: {name}.workspace = true", member.name));
                }
            }
        }
    }
    expect_none("one place for versions and lints, the root Cargo.toml:", &faults);
}

/// A test that is switched off says why: `#[ignore = "..."]`.
#[test]
fn nothing_is_left_unfinished_or_switched_off_without_a_reason() {
    let mut faults = Vec::new();
    for file in rust_files("").into_iter().filter(|file| !file.path.starts_with("tests/tidy/")) {
        for (line, text) in tree::code_lines(&file.text) {
            for word in ["todo!(", "unimplemented!(", "#[ignore]"] {
                if text.contains(word) {
                    faults.push(format!("{}:{line}: `{word}`", file.path));
                }
            }
        }
    }
    expect_none("finish it or take it out:", &faults);
}

fn in_back_quotes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| !word.contains('\n'))
}

/// The lines after `start` until the list closes, with their numbers from 0.
fn lines_below<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    let lines = text.lines().enumerate();
    lines.skip_while(move |(_, line)| *line != start).skip(1).take_while(|(_, line)| *line != "]")
}
