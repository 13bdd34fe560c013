//! The rules that a schema has to keep beyond what a registry checks.
//!
//! The router makes views by splicing: it copies spans of the datum and writes one zero byte in the place of a withheld
//! group. That works for every version of the schema only if more holds than FULL_TRANSITIVE asks for:
//!
//! * every union is `["null", X]`, so that one zero byte is always null;
//! * the fields of every released version stand at the beginning, in their order: nothing is inserted, moved, removed or
//!   renamed, and there are no aliases;
//! * groups are closed: the type of a released field never changes. New data of the case event is a new group at the end,
//!   which a router that does not know it withholds; other records get a new nullable field at the end;
//! * every field has a doc.
//!
//! FULL_TRANSITIVE is checked here too, against every released version, so that no registry is needed to know it. All
//! mistakes come at once. The checks read the JSON of the schema, for docs, aliases and the order of keys are gone once it
//! is parsed.

mod history;
mod shape;

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use barid_mistake::{Mistake, Mistakes, Place};
use serde_json::Value;

use crate::records;
use crate::released::{Released, file_name, released};

/// Checks every schema of the project against its released versions: what `barid schemas check` does.
///
/// # Errors
///
/// All mistakes of all schemas, with file and line.
pub fn check_all() -> Result<(), Mistakes> {
    let mut mistakes = Mistakes::new();
    for (full_name, avsc) in records::all() {
        let file = format!("schemas/avro/{}.avsc", file_name(full_name));
        mistakes.absorb(check(full_name, &file, avsc, released(full_name)));
    }
    mistakes.into_result(())
}

/// Checks one schema, the text of `file`, against the released versions of the record `full_name`.
///
/// # Errors
///
/// All mistakes, with file and line.
pub fn check(full_name: &str, file: &str, avsc: &str, released: &[Released]) -> Result<(), Mistakes> {
    let json: Value = serde_json::from_str(avsc).map_err(|error| {
        let line = u32::try_from(error.line()).ok();
        Mistake::new(Place { file: file.to_owned(), line }, format!("not JSON: {error}"))
    })?;
    let mut report = Report { file, text: avsc, cursor: 0, lines: BTreeMap::new(), mistakes: Mistakes::new() };
    shape::check(&mut report, full_name, &json);
    match Schema::parse_str(avsc) {
        Ok(schema) => {
            for version in released {
                check_compatible(&mut report, &schema, version);
                history::check(&mut report, full_name, &json, version);
            }
        }
        Err(error) => report.add("", format!("not an Avro schema: {error}")),
    }
    report.mistakes.sort();
    report.mistakes.into_result(())
}

fn check_compatible(report: &mut Report<'_>, schema: &Schema, released: &Released) {
    let version = released.version;
    let old = match Schema::parse_str(released.avsc) {
        Ok(old) => old,
        Err(error) => return report.add("", format!("released version {version} is not an Avro schema: {error}")),
    };
    for (writer, reader, message) in [
        (&old, schema, format!("it cannot read what version {version} wrote")),
        (schema, &old, format!("version {version} cannot read what it writes")),
    ] {
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => {}
            // A registry takes compatibility that depends on the data for none, and so does a reader that meets the data.
            Ok(Compatibility::Partial) => report.add("", format!("{message}: some values have no place")),
            Err(error) => report.add("", format!("{message}: {error}")),
        }
    }
}

/// Mistakes of one file, with the lines of its fields.
struct Report<'a> {
    file: &'a str,
    text: &'a str,
    /// Fields are met in the order of the text, so each is searched for behind the one before.
    cursor: usize,
    /// Line by path, such as `money.amount_rial`; the record itself has the empty path.
    lines: BTreeMap<String, u32>,
    mistakes: Mistakes,
}

impl Report<'_> {
    /// Notes where the field with this name stands, which is the next one with that name in the text.
    fn locate(&mut self, path: &str, name: &str) {
        let Some(offset) = self.find(name) else { return };
        self.cursor = offset + 1;
        self.lines.insert(path.to_owned(), barid_mistake::line_of(self.text, offset));
    }

    fn find(&self, name: &str) -> Option<usize> {
        let key = "\"name\"";
        let value = format!("\"{name}\"");
        let rest = &self.text[self.cursor..];
        rest.match_indices(key)
            .find(|(offset, _)| {
                let behind = rest[offset + key.len()..].trim_start();
                behind.strip_prefix(':').is_some_and(|behind| behind.trim_start().starts_with(&value))
            })
            .map(|(offset, _)| self.cursor + offset)
    }

    fn add(&mut self, path: &str, message: String) {
        let line = self.lines.get(path).copied();
        self.mistakes.add(Place { file: self.file.to_owned(), line }, message);
    }

    fn cured(&mut self, path: &str, message: String, cure: &str) {
        let line = self.lines.get(path).copied();
        self.mistakes.push(Mistake::new(Place { file: self.file.to_owned(), line }, message).with_cure(cure));
    }
}

#[cfg(test)]
mod tests;
