//! What stands in a file or in the environment, as flat entries: key, value, origin.

use std::collections::BTreeMap;

use barid_mistake::{Mistake, Mistakes, Place, nearest};
use toml::de::{DeTable, DeValue};

use crate::kind::{Kind, Raw};
use crate::origin::Origin;
use crate::table::{SETTINGS, is_secret_property, setting, table_entry};

/// The version of the file's form that this code reads.
const VERSION: i64 = 1;

/// Variables of this project that are no settings.
const OTHER_VARIABLES: &[&str] = &["BARID_CONFIG"];

/// One value that somebody wrote.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key of a setting, or of a member of a table setting.
    pub(crate) key: String,
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}

/// Reads a file. Entries of the wrong kind are left to the check; here unknown keys, misplaced secrets and the version are found.
pub(crate) fn read_file(file: &str, text: &str, mistakes: &mut Mistakes) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().map_or_else(|| Place::file(file), |span| Place::at(file, text, span.start));
        mistakes.add(place, error.message().trim_end_matches('.').replace('\n', ", "));
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let mut walk = Walk { file, text, entries: Vec::new(), mistakes };
    walk.version(table.get_ref());
    walk.table("", table.get_ref());
    walk.entries
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    entries: Vec<Entry>,
    mistakes: &'a mut Mistakes,
}

impl Walk<'_> {
    fn version(&mut self, table: &DeTable<'_>) {
        let Some((key, value)) = table.get_key_value("version") else {
            let mistake = Mistake::new(Place::file(self.file), "`version` is missing");
            self.mistakes.push(mistake.with_cure(format!("write `version = {VERSION}` as the first line")));
            return;
        };
        let version = value.get_ref().as_integer().and_then(|number| number.to_string().parse::<i64>().ok());
        if version != Some(VERSION) {
            let place = Place::at(self.file, self.text, key.span().start);
            let message = format!("`version` must be `{VERSION}`, the only form of this file that this program reads");
            self.mistakes.add(place, message);
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            if prefix.is_empty() && name.get_ref() == "version" {
                continue;
            }
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let place = Place::at(self.file, self.text, name.span().start);
            self.value(&key, value.get_ref(), place);
        }
    }

    fn value(&mut self, key: &str, value: &DeValue<'_>, place: Place) {
        let known = setting(key);
        match value {
            // Sections, table settings, and what a dotted property such as `security.protocol` becomes in TOML.
            DeValue::Table(table)
                if is_section(key)
                    || known.is_some_and(|setting| setting.kind.is_table())
                    || table_entry(key).is_some() =>
            {
                self.table(key, table);
            }
            _ if table_entry(key).is_some() || known.is_some_and(|setting| !setting.kind.is_table()) => {
                if let Some(mistake) = secret_in_file(key, &place) {
                    self.mistakes.push(mistake);
                } else {
                    self.entries.push(Entry { key: key.to_owned(), raw: raw(value), origin: Origin::File(place) });
                }
            }
            _ if known.is_some() || is_section(key) => {
                self.mistakes.add(place, format!("`{key}` is {}, but must be a table", raw(value).name()));
            }
            _ => self.mistakes.push(unknown_key(key, place)),
        }
    }
}

fn is_section(key: &str) -> bool {
    sections().any(|section| section == key)
}

/// The sections, each once, in the order of the table.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    let all = SETTINGS.iter().filter_map(|setting| setting.key.split_once('.').map(|(section, _)| section));
    let mut last = "";
    all.filter(move |section| std::mem::replace(&mut last, section) != *section)
}

fn secret_in_file(key: &str, place: &Place) -> Option<Mistake> {
    if let Some((table, name)) = table_entry(key) {
        let secret = table.kind == Kind::Properties && is_secret_property(name);
        let variable = property_variable(table.variable().as_str(), name);
        return secret.then(|| {
            Mistake::new(place.clone(), format!("`{name}` is a secret and does not belong in this file")).with_cure(format!(
                "name a file that holds it: `\"{name}\" = \"/path\"` under `[kafka.secret_files]`, or set {variable}"
            ))
        });
    }
    let secret = setting(key).filter(|setting| setting.is_secret())?;
    Some(
        Mistake::new(place.clone(), format!("`{key}` is a secret and does not belong in this file"))
            .with_cure(format!("name a file that holds it as `{key}_file`, or set {}", secret.variable())),
    )
}

fn unknown_key(key: &str, place: Place) -> Mistake {
    let mistake = Mistake::new(place, format!("unknown key `{key}`"));
    match key.split_once('.') {
        Some((section, name)) => {
            let own =
                SETTINGS.iter().map(|setting| setting.key).filter(|known| known.starts_with(&format!("{section}.")));
            let mistake = mistake.with_nearest(key, own);
            let elsewhere =
                SETTINGS.iter().find(|setting| setting.key.split_once('.').is_some_and(|(_, own)| own == name));
            match elsewhere {
                Some(right) => mistake.with_cure(format!("did you mean `{}`?", right.key)),
                None => mistake,
            }
        }
        None => {
            let names: Vec<_> = sections().map(|section| format!("`[{section}]`")).collect();
            mistake
                .with_cure(format!("known here: `version`, {}", names.join(", ")))
                .with_nearest(key, std::iter::once("version").chain(sections()))
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        // A number that does not fit is told as a number out of range by its text.
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
            parsed.map_or_else(|_| Raw::Text(number.to_string()), Raw::Whole)
        }
        DeValue::Float(number) => number.as_str().replace('_', "").parse().map_or(Raw::Other("a number"), Raw::Number),
        DeValue::Boolean(truth) => Raw::Truth(*truth),
        DeValue::Array(array) => {
            let texts: Option<Vec<_>> =
                array.iter().map(|element| element.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Raw::Other("a list of other things than text"), Raw::List)
        }
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

/// The variable of one property: `sasl.username` becomes `BARID_KAFKA__PROPERTIES__SASL_USERNAME`.
pub(crate) fn property_variable(table_variable: &str, name: &str) -> String {
    format!("{table_variable}__{}", name.replace('.', "_").to_uppercase())
}

/// Reads the environment: variables whose names begin with `BARID_`. Others are none of our business.
pub(crate) fn read_environment(environment: &BTreeMap<String, String>, mistakes: &mut Mistakes) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (variable, value) in environment.iter().filter(|(variable, _)| variable.starts_with("BARID_")) {
        match key_of_variable(variable) {
            Some(key) => entries.push(Entry {
                key,
                raw: Raw::Text(value.clone()),
                origin: Origin::Environment(variable.clone()),
            }),
            None => mistakes.extend(unknown_variable(variable)),
        }
    }
    entries
}

fn key_of_variable(variable: &str) -> Option<String> {
    SETTINGS.iter().find_map(|setting| {
        let own = setting.variable();
        if !setting.kind.is_table() {
            return (own == variable).then(|| setting.key.to_owned());
        }
        let name = variable.strip_prefix(&own)?.strip_prefix("__").filter(|name| !name.is_empty())?;
        Some(format!("{}.{}", setting.key, name.to_lowercase().replace('_', ".")))
    })
}

/// A variable with two underscores is meant as a setting. One without may belong to something else with our prefix, and is a mistake
/// only when it is a setting but for its underscores.
fn unknown_variable(variable: &str) -> Option<Mistake> {
    if OTHER_VARIABLES.contains(&variable) {
        return None;
    }
    let variables: Vec<String> = SETTINGS.iter().map(crate::Setting::variable).collect();
    let mistake = Mistake::new(Place::file(variable), "no setting has this variable");
    let single = |name: &str| name.replace("__", "_");
    if let Some(meant) = variables.iter().find(|known| single(known) == single(variable)) {
        return Some(mistake.with_cure(format!("did you mean `{meant}`?")));
    }
    if !variable.contains("__") {
        return None;
    }
    let mistake = mistake.with_cure("`barid config show` lists all settings");
    Some(match nearest(variable, variables.iter().map(String::as_str)) {
        Some(meant) => mistake.with_cure(format!("did you mean `{meant}`?")),
        None => mistake,
    })
}
