//! Which files a source has.
//!
//! A path is a file, a folder, or a pattern such as `exports/*.csv`. Only the listing is done here; which file is new is
//! for the role to know. Nothing here depends on the operating system: a folder is looked through, never watched.

use std::path::{Path, PathBuf};

use crate::mapping::SourceConfig;
use crate::source::SourceFault;
use crate::text;

/// What Excel and copying programs leave beside the files that they work on.
const PASSING_PREFIXES: &[&str] = &[".", "~$"];
const PASSING_SUFFIXES: &[&str] = &[".tmp", ".part", ".partial", ".crdownload"];

/// The files of a source in the order of their names, in which numbers count as numbers: the tenth export comes after the
/// ninth.
///
/// # Errors
///
/// If there is no file, which is none where the first export may come tomorrow; or if the folder cannot be listed.
pub(crate) fn files(source: &SourceConfig) -> Result<Vec<PathBuf>, SourceFault> {
    let path = &source.path;
    let mut files = if path.is_dir() {
        in_folder(path).map_err(|error| SourceFault::closed_folder(path, &error))?
    } else if path.is_file() {
        return Ok(vec![path.clone()]);
    } else {
        matching(path)
    };
    let listed = files.len();
    files.retain(|file| !is_passing(file));
    if files.is_empty() {
        let is_folder = path.is_dir();
        return Err(if is_folder || listed > 0 {
            SourceFault::no_export(path, listed)
        } else {
            SourceFault::absent(path)
        });
    }
    files.sort_by_cached_key(|file| (pieces(&file.to_string_lossy()), file.clone()));
    Ok(files)
}

/// A part of a name: digits, or what stands between them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Without leading zeros, the length first: so numbers of any length are compared as numbers.
    Number(usize, String),
    Other(String),
}

fn pieces(name: &str) -> Vec<Piece> {
    let digits: Vec<char> = text::ascii_digits(name).chars().collect();
    let runs = digits.chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit());
    runs.map(|run| {
        let piece: String = run.iter().collect();
        if !piece.starts_with(|first: char| first.is_ascii_digit()) {
            return Piece::Other(piece);
        }
        let number = piece.trim_start_matches('0');
        Piece::Number(number.len(), number.to_owned())
    })
    .collect()
}

/// The file's name without its folder.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn in_folder(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn matching(pattern: &Path) -> Vec<PathBuf> {
    let paths = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok());
    // A folder that cannot be listed is like one that is not there yet.
    paths.into_iter().flatten().filter_map(Result::ok).filter(|path| path.is_file()).collect()
}

fn is_passing(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    PASSING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || PASSING_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn numbers_in_names_are_compared_as_numbers_whatever_their_digits() {
        let sorted = ["export", "export-2", "export-09", "export-۱۰", "export-10-b", "exports"];
        assert!(sorted.iter().map(|name| pieces(name)).is_sorted());
        assert!(pieces("1401-9-30.csv") < pieces("1401-10-1.csv"));
    }
}
