//! From the file as people write it to the configuration that the program uses; all mistakes at once.

mod field;
mod fill_in;

pub(crate) use fill_in::FILL_IN;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use barid_mistake::{Mistake, Mistakes, Place, parse_toml};
use barid_schemas::Catalogue;
use barid_schemas::catalogue::Service;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::written::{VERSION, WrittenConfig, WrittenService, WrittenSource, WrittenStatus};
use super::{CaseRule, ConnectorConfig, Places, ServiceRule, SourceConfig, StatusRule, StatusWords};
use crate::cast::{Cast, CastOptions};
use crate::source::{Encoding, FileFormat, Kind, Separator};
use crate::text;

/// The only kind of source there is so far.
const FILES: &str = "files";

/// Casts that may give a case number.
const CASE_CASTS: &[Cast] = &[Cast::Text, Cast::TrackingCode, Cast::NationalId, Cast::LegalId, Cast::PersonNumber];

pub(super) fn check(text: &str, path: &Path, catalogue: &Catalogue) -> Result<ConnectorConfig, Mistakes> {
    let file = path.display().to_string();
    let written: WrittenConfig = match parse_toml(&file, text) {
        Ok(written) => written,
        Err(mistakes) => return Err(fill_in::told_first(&file, text, mistakes)),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut checker = Checker { file: &file, text, catalogue, agency: String::new(), mistakes: Mistakes::new() };
    let config = checker.config(&written, path);
    let mistakes = fill_in::told_first(&file, text, checker.mistakes);
    mistakes.into_result(config)
}

struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    catalogue: &'a Catalogue,
    agency: String,
    mistakes: Mistakes,
}

impl Checker<'_> {
    fn mistake<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> Mistake {
        Mistake::new(Place::at(self.file, self.text, at.span().start), message)
    }

    fn add<T>(&mut self, at: &Spanned<T>, message: impl Into<String>, cure: impl Into<String>) {
        let mistake = self.mistake(at, message).with_cure(cure);
        self.mistakes.push(mistake);
    }

    /// An unknown word, with the nearest known one, or all of them if none is near.
    fn unknown<'k, T>(&mut self, at: &Spanned<T>, what: &str, word: &str, known: impl IntoIterator<Item = &'k str>) {
        self.unknown_for(at, what, word, "", known);
    }

    fn unknown_for<'k, T>(
        &mut self,
        at: &Spanned<T>,
        what: &str,
        word: &str,
        whom: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let all = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let mistake = self
            .mistake(at, format!("unknown {what} `{word}`{whom}"))
            .with_cure(format!("known here: {all}"))
            .with_nearest(word, known);
        self.mistakes.push(mistake);
    }

    fn config(&mut self, written: &WrittenConfig, path: &Path) -> ConnectorConfig {
        if *written.version.get_ref() != VERSION {
            let message = format!("version `{}` is not known to this program", written.version.get_ref());
            self.add(&written.version, message, format!("write `version = {VERSION}`"));
        }
        let agency = &written.connector.agency;
        self.agency.clone_from(agency.get_ref());
        if !self.catalogue.agencies.contains_key(agency.get_ref()) {
            let known: Vec<String> = self.catalogue.agencies.keys().cloned().collect();
            self.unknown(agency, "agency", agency.get_ref(), known.iter().map(String::as_str));
            let note = self.mistake(agency, "an agency that is not shared stands in its own catalogue.toml");
            self.mistakes
                .push(note.with_cure("put `[agency]` with code, fa, en and number into the catalogue.toml beside"));
        }
        let services: BTreeMap<String, Service> = self
            .catalogue
            .services
            .iter()
            .filter(|(_, service)| service.may_be_published_by(&self.agency))
            .map(|(code, service)| (code.clone(), service.clone()))
            .collect();
        let places = Arc::new(self.places());
        if written.sources.is_empty() {
            let mistake = self.mistake(agency, "there is no source");
            self.mistakes
                .push(mistake.with_cure("add a `[[source]]`; `barid connect --suggest FILE` writes a first one"));
        }
        let mut names = BTreeSet::new();
        let sources: Vec<SourceConfig> = written
            .sources
            .iter()
            .map(|source| {
                if !names.insert(source.name.get_ref().clone()) {
                    let message = format!("there are two sources with the name `{}`", source.name.get_ref());
                    self.add(&source.name, message, "give each source its own name");
                }
                self.source(source, path, &services, &places)
            })
            .collect();
        self.mixed_cases(written, &sources);
        let connector = &written.connector;
        ConnectorConfig {
            agency: self.agency.clone(),
            lenient: connector.lenient,
            sources,
            sha256: self.fingerprint(&services, connector.lenient),
            services,
        }
    }

    /// Everything that decides how a row is read: a changed mapping, machine or county list reads the same file again.
    fn fingerprint(&self, services: &BTreeMap<String, Service>, lenient: bool) -> String {
        let mut hash = Sha256::new();
        hash.update(self.text);
        hash.update(format!("{services:?}{:?}{lenient}", self.catalogue.counties));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn places(&self) -> Places {
        let counties = &self.catalogue.counties;
        let names = counties.values().flat_map(|county| {
            [&county.code, &county.label.fa, &county.label.en].map(|name| (text::key(name), county.code.clone()))
        });
        Places {
            counties: names.collect(),
            county_names: counties.values().map(|county| county.label.fa.clone()).collect(),
            agencies: self.catalogue.agencies.keys().cloned().collect(),
        }
    }

    fn source(
        &mut self,
        written: &WrittenSource,
        path: &Path,
        services: &BTreeMap<String, Service>,
        places: &Arc<Places>,
    ) -> SourceConfig {
        if written.kind.get_ref() != FILES {
            self.unknown(&written.kind, "kind of source", written.kind.get_ref(), [FILES]);
        }
        if written.path.get_ref().trim().is_empty() {
            self.add(&written.path, "the path is empty", "write a file, a folder or a pattern such as `exports/*.csv`");
        }
        let mut columns = BTreeSet::new();
        let case = self.case(written, &mut columns);
        let service = self.service(&written.service, services, &mut columns);
        let possible = service.codes();
        let status = self.status(&written.status, services, &possible, written);
        columns.insert(status.column.clone());
        let row_key = written.row_key.as_ref().map(|column| column.get_ref().clone());
        columns.extend(row_key.clone());
        let fields = self.fields(written, &possible, services, &mut columns);
        SourceConfig {
            name: written.name.get_ref().clone(),
            path: path.parent().unwrap_or(Path::new("")).join(written.path.get_ref()),
            format: self.format(written),
            row_key,
            case,
            service,
            status,
            fields,
            columns,
            places: Arc::clone(places),
        }
    }

    fn format(&mut self, written: &WrittenSource) -> FileFormat {
        FileFormat {
            kind: self.word::<Kind>(written.format.as_ref(), "format", &["delimited", "workbook", "json_lines"]),
            encoding: self.word::<Encoding>(
                written.encoding.as_ref(),
                "encoding",
                &["utf-8", "utf-16le", "utf-16be", "windows-1256"],
            ),
            separator: self.word::<Separator>(
                written.separator.as_ref(),
                "separator",
                &[",", ";", "tab", "|", "comma", "semicolon", "pipe"],
            ),
            sheet: written.sheet.as_ref().map(|sheet| sheet.get_ref().clone()),
        }
    }

    fn word<T: for<'de> Deserialize<'de>>(
        &mut self,
        written: Option<&Spanned<String>>,
        what: &str,
        known: &[&'static str],
    ) -> Option<T> {
        let written = written?;
        let read: Result<T, ValueError> = T::deserialize(written.get_ref().as_str().into_deserializer());
        if read.is_err() {
            self.unknown(written, what, written.get_ref(), known.iter().copied());
        }
        read.ok()
    }

    fn case(&mut self, written: &WrittenSource, columns: &mut BTreeSet<String>) -> CaseRule {
        let case = &written.case;
        if case.columns.is_empty() {
            let message = "`case.columns` is empty: no row would tell its case";
            self.add(&written.name, message, "write the column of the case number");
        }
        let cast = case.cast.as_ref().and_then(|written| self.cast(written)).unwrap_or(Cast::Text);
        if let Some(written) = case.cast.as_ref().filter(|_| !CASE_CASTS.contains(&cast)) {
            self.unknown(written, "cast of a case number", cast.name(), CASE_CASTS.iter().map(|cast| cast.name()));
        }
        let names: Vec<String> = case.columns.iter().map(|column| column.get_ref().clone()).collect();
        columns.extend(names.iter().cloned());
        let prefix = case.prefix.as_ref().map_or_else(String::new, |prefix| prefix.get_ref().trim().to_owned());
        let names_nothing = !prefix.is_empty() && !prefix.chars().any(char::is_alphanumeric);
        if let Some(written) = case.prefix.as_ref().filter(|_| names_nothing) {
            self.add(written, format!("the prefix `{prefix}` has no letter and no digit"), "write a word");
        }
        CaseRule { columns: names, cast, prefix }
    }

    /// Two sources for other services: the number 12 of one is hardly the case 12 of the other. Who says so with a prefix, an
    /// empty one too, knows about it.
    fn mixed_cases(&mut self, written: &WrittenConfig, sources: &[SourceConfig]) {
        for (index, (written, source)) in written.sources.iter().zip(sources).enumerate() {
            if written.case.prefix.is_some() {
                continue;
            }
            let services = source.service.codes();
            let mixed = |other: &&SourceConfig| other.case.prefix.is_empty() && other.service.codes() != services;
            if let Some(other) = sources[..index].iter().find(mixed) {
                let message = format!(
                    "the sources `{}` and `{}` are for other services, and a case of one could have the number of a \
                     case of the other",
                    other.name, source.name
                );
                let cure = "add `prefix = \"…\"` to the `[source.case]` of the one that has not been published yet (a \
                            prefix that comes later makes all cases of its source new ones); `prefix = \"\"` if no number \
                            is in both, or if it means the same case";
                self.add(&written.name, message, cure);
            }
        }
    }

    fn cast(&mut self, written: &Spanned<String>) -> Option<Cast> {
        let cast = Cast::parse(written.get_ref());
        if cast.is_none() {
            self.unknown(written, "cast", written.get_ref(), Cast::ALL.iter().map(|cast| cast.name()));
        }
        cast
    }

    fn service(
        &mut self,
        written: &WrittenService,
        services: &BTreeMap<String, Service>,
        columns: &mut BTreeSet<String>,
    ) -> ServiceRule {
        match (&written.fixed, &written.column) {
            (Some(fixed), None) => {
                self.known_service(fixed, services);
                if let Some((word, _)) = written.words.first_key_value() {
                    self.add(word, "`words` has no meaning beside `fixed`", "remove one of them");
                }
                ServiceRule::Fixed(fixed.get_ref().clone())
            }
            (None, Some(column)) => {
                if written.words.is_empty() {
                    self.add(
                        column,
                        "the column of the service has no words",
                        "add `words = { \"…\" = \"service_code\" }`",
                    );
                }
                for code in written.words.values() {
                    self.known_service(code, services);
                }
                self.doubled(written.words.iter().map(|(word, code)| (word, code.get_ref().as_str())));
                columns.insert(column.get_ref().clone());
                let pairs = written.words.iter().map(|(word, code)| (word.get_ref().as_str(), code.get_ref().as_str()));
                ServiceRule::Words {
                    column: column.get_ref().clone(),
                    options: CastOptions::default().with_words(pairs),
                    words: written.words.keys().map(|word| word.get_ref().clone()).collect(),
                }
            }
            (fixed, _) => {
                let place = match fixed {
                    Some(fixed) => Place::at(self.file, self.text, fixed.span().start),
                    None => Place::file(self.file),
                };
                let mistake = Mistake::new(place, "`[source.service]` needs either `fixed` or `column` with `words`");
                self.mistakes
                    .push(mistake.with_cure("write `fixed = \"service_code\"` if all rows are of one service"));
                ServiceRule::Fixed(String::new())
            }
        }
    }

    fn known_service(&mut self, code: &Spanned<String>, services: &BTreeMap<String, Service>) {
        let word = code.get_ref();
        if services.contains_key(word) {
            return;
        }
        if self.catalogue.services.contains_key(word) {
            let message = format!("service `{word}` does not belong to agency `{}`", self.agency);
            let known = services.keys().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
            self.add(code, message, format!("an agency publishes its own services: {known}"));
            return;
        }
        let known: Vec<String> = services.keys().cloned().collect();
        self.unknown(code, "service", word, known.iter().map(String::as_str));
    }

    /// Two words that the program cannot tell apart must not mean two things.
    fn doubled<'w>(&mut self, words: impl Iterator<Item = (&'w Spanned<String>, &'w str)>) {
        let mut seen: BTreeMap<String, (&str, &str)> = BTreeMap::new();
        for (word, code) in words {
            let key = text::key(word.get_ref());
            if let Some((other, other_code)) = seen.get(&key).filter(|(_, other)| *other != code) {
                let message = format!(
                    "`{}` and `{other}` are the same word to the program, but mean `{code}` and `{other_code}`",
                    word.get_ref()
                );
                self.add(word, message, "remove one of them");
            }
            seen.insert(key, (word.get_ref(), code));
        }
    }

    fn status(
        &mut self,
        written: &WrittenStatus,
        services: &BTreeMap<String, Service>,
        possible: &BTreeSet<String>,
        source: &WrittenSource,
    ) -> StatusRule {
        let mut tables = BTreeMap::new();
        for (code, words) in &written.words {
            if !possible.contains(code.get_ref()) {
                let known: Vec<&str> = possible.iter().map(String::as_str).collect();
                self.unknown(code, "service", code.get_ref(), known);
                continue;
            }
            if let Some(service) = services.get(code.get_ref()) {
                let states = service.states();
                for status in words.values().filter(|status| !states.contains(status.get_ref().as_str())) {
                    self.unknown(status, "status", status.get_ref(), states.iter().copied());
                }
            }
            self.doubled(words.iter().map(|(word, status)| (word, status.get_ref().as_str())));
            let codes = words.iter().map(|(word, status)| (text::key(word.get_ref()), status.get_ref().clone()));
            let table = StatusWords {
                codes: codes.collect(),
                words: words.keys().map(|word| word.get_ref().clone()).collect(),
            };
            tables.insert(code.get_ref().clone(), table);
        }
        for code in possible.iter().filter(|code| services.contains_key(*code) && !tables.contains_key(*code)) {
            let message = format!("source `{}` has no status words for service `{code}`", source.name.get_ref());
            self.add(&written.column, message, format!("add `[source.status.words.{code}]`"));
        }
        StatusRule { column: written.column.get_ref().clone(), words: tables }
    }
}
