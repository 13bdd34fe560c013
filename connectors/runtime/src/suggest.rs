//! A first `connector.toml` for an export that nobody has described yet.
//!
//! The file is looked through once; each column is tried with every cast that tells something about its content. What fits
//! and what the header is called give a guess. Guesses that are likely are written as rules, the others as comments; what
//! nobody can guess (agency, service, the meaning of status words) is left to be filled in, and the configuration is
//! refused until it is. So nothing is published on a guess.

mod guess;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::cast::{Cast, CastOptions};
use crate::mapping::FILL_IN;
use crate::source::{FileFormat, Kind, Opened};
use crate::{ConnectorError, text};
use guess::{Guess, Role};

/// More rows say nothing new.
const ROWS: usize = 20_000;
/// A column with more different words than this is not the status.
const WORDS: usize = 40;
/// So many damaged cells are enough to see what is wrong with a column.
const ROWS_TOLD: usize = 3;

/// What was seen of a column.
struct Column {
    name: String,
    /// Cells that are not empty.
    filled: usize,
    /// What each cast makes of them.
    fits: Vec<Fit>,
    /// Different texts as first written, up to [`WORDS`] and one more.
    words: Vec<String>,
    keys: BTreeSet<String>,
    different: BTreeSet<u64>,
}

/// What one cast makes of the cells of a column.
struct Fit {
    cast: Cast,
    /// How many it can read.
    read: usize,
    /// The first data rows that it cannot, up to [`ROWS_TOLD`].
    refused: Vec<u64>,
}

impl Column {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            filled: 0,
            fits: guess::TELLING_CASTS.iter().map(|cast| Fit { cast: *cast, read: 0, refused: Vec::new() }).collect(),
            words: Vec::new(),
            keys: BTreeSet::new(),
            different: BTreeSet::new(),
        }
    }

    fn see(&mut self, row: u64, cell: &str) {
        let options = CastOptions::default();
        if matches!(Cast::Text.apply(cell, &options), Ok(None)) {
            return;
        }
        self.filled += 1;
        for fit in &mut self.fits {
            if fit.cast.apply(cell, &options).is_ok() {
                fit.read += 1;
            } else if fit.refused.len() < ROWS_TOLD {
                fit.refused.push(row);
            }
        }
        let key = text::key(cell);
        self.different.insert(xxhash_rust::xxh3::xxh3_64(key.as_bytes()));
        if self.words.len() <= WORDS && self.keys.insert(key) {
            self.words.push(text::clean(cell));
        }
    }

    /// The cast that reads nearly all cells, the first in the order of how much it tells; else one that hardly fits by chance
    /// and reads most of them. Damaged cells are what the mapping is for.
    fn cast(&self) -> Option<Cast> {
        let nearly_all = self.fits.iter().find(|fit| self.filled > 0 && fit.read * 10 >= self.filled * 9);
        let most = || self.fits.iter().rev().filter(|fit| self.is_read_by(fit.cast)).max_by_key(|fit| fit.read);
        nearly_all.or_else(most).map(|fit| fit.cast)
    }

    /// Whether the content speaks for a cast.
    fn is_read_by(&self, cast: Cast) -> bool {
        let Some(fit) = self.fits.iter().find(|fit| fit.cast == cast) else { return false };
        fit.read * 10 >= self.filled * 9 || guess::is_by_no_chance(cast) && fit.read * 2 > self.filled
    }

    /// What a cast cannot read, for the person who decides.
    fn exceptions(&self, cast: Cast) -> Option<String> {
        let fit = self.fits.iter().find(|fit| fit.cast == cast && fit.read < self.filled)?;
        let rows = fit.refused.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let (refused, more) = (self.filled - fit.read, if self.filled - fit.read > ROWS_TOLD { ", …" } else { "" });
        let noun = if fit.refused.len() == 1 { "row" } else { "rows" };
        Some(format!("# no `{}` in {refused} of {} cells: {noun} {rows}{more}", cast.name(), self.filled))
    }
}

/// Looks through the export and writes a first configuration for it, with comments that say what is left to do.
///
/// # Errors
///
/// If the file cannot be read.
pub fn suggest(path: &Path) -> Result<String, ConnectorError> {
    let opened = Opened::open(path, &FileFormat::default())?;
    let format = opened.format().clone();
    let mut columns: Vec<Column> = opened.header().iter().map(|name| Column::new(name)).collect();
    let mut rows = 0;
    for row in opened.take(ROWS) {
        let row = match row {
            Ok(row) => row,
            Err(fault) if fault.is_of_one_row() => continue,
            Err(fault) => return Err(fault.into()),
        };
        rows += 1;
        for (column, cell) in columns.iter_mut().zip(&row.cells) {
            column.see(row.row, cell);
        }
    }
    let mut guess = Guess::of(&columns, rows);
    guess.settle_roles();
    Ok(write(&path.display().to_string(), &format, &columns, &guess, rows))
}

fn write(file: &str, format: &FileFormat, columns: &[Column], guess: &Guess, rows: usize) -> String {
    let mut out = String::new();
    let name = |index: Option<usize>| quoted(index.map_or(FILL_IN, |index| &columns[index].name));
    let _ =
        writeln!(out, "# A first configuration for `{file}` ({rows} rows looked at). Save it as connector.toml, then:");
    let _ = writeln!(out, "#   1. replace every {FILL_IN}; statuses and services stand in catalogue.toml");
    let _ = writeln!(out, "#   2. read the guesses below and correct them");
    let _ = writeln!(out, "#   3. barid connect --config connector.toml --dry-run");
    let _ = writeln!(out, "version = 1\n\n[connector]\nagency = {}", quoted(FILL_IN));
    let _ = writeln!(out, "\n[[source]]\nname = \"export\"\nkind = \"files\"");
    let _ = writeln!(
        out,
        "# A file, a folder, or a pattern such as \"exports/*.csv\"; relative to the folder of this file.\npath = {}",
        quoted(file)
    );
    write_format(&mut out, format);
    let _ = writeln!(
        out,
        "\n[source.case]\n# The column, or columns, that name a case.\ncolumns = [{}]",
        name(guess.index(Role::Case))
    );
    let _ = writeln!(
        out,
        "\n[source.service]\n# If a column tells the service: column = \"…\", words = {{ \"word\" = \"service_code\" }}"
    );
    let _ = writeln!(out, "fixed = {}", quoted(FILL_IN));
    let status = guess.index(Role::Status);
    let _ = writeln!(out, "\n[source.status]\ncolumn = {}", name(status));
    let _ = writeln!(out, "\n[source.status.words.{FILL_IN}]");
    match status {
        Some(index) => {
            for word in columns[index].words.iter().take(WORDS) {
                let _ = writeln!(out, "{} = {}", quoted(word), quoted(FILL_IN));
            }
            if columns[index].words.len() > WORDS {
                let _ = writeln!(out, "# … and more: is this really the column of the status?");
            }
        }
        None => {
            let _ = writeln!(out, "# \"word\" = \"status_code\"");
        }
    }
    let _ = writeln!(out, "\n[source.fields]");
    for line in guess.fields(columns) {
        let _ = writeln!(out, "{line}");
    }
    out
}

fn write_format(out: &mut String, format: &FileFormat) {
    if let Some(kind) = format.kind.filter(|kind| *kind != Kind::Delimited) {
        let word = if kind == Kind::Workbook { "workbook" } else { "json_lines" };
        let _ = writeln!(out, "format = \"{word}\"");
    }
    if let Some(encoding) = format.encoding {
        let _ = writeln!(out, "encoding = {}", quoted(encoding.name()));
    }
    if let Some(separator) = format.separator {
        let _ = writeln!(out, "separator = {}", quoted(separator.name()));
    }
    if let Some(sheet) = &format.sheet {
        let _ = writeln!(out, "sheet = {}", quoted(sheet));
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests;
