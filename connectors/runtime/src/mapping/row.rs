//! One row of text becomes a row with meaning, or a row with problems.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use barid_schemas::records::Problem;
use barid_schemas::{Date, Millis};
use xxhash_rust::xxh3::xxh3_64;

use super::case_key::case_key;
use super::columns::Columns;
use super::problem::RowReason;
use super::target::{Fact, Facts, Kind, Target};
use super::{Input, Rule, ServiceRule, SourceConfig, Split, When, problem};
use crate::cast::{Cast, CastOptions, Timestamp, Value, start_of_day};
use crate::text;

/// A row after the mapping. It is sound if it has no problems: then service and status are known and the moment is not
/// [`Moment::Unknown`].
#[derive(Debug, Clone)]
pub(crate) struct MappedRow {
    pub(crate) source: Arc<str>,
    /// The file's name without its folder.
    pub(crate) file: Arc<str>,
    /// Data rows count from 1.
    pub(crate) row: u64,
    /// Empty if the row does not tell its case.
    pub(crate) case_key: String,
    pub(crate) row_key: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) moment: Moment,
    pub(crate) facts: Box<Facts>,
    /// Hash of the mapped values: neither spelling nor the time of reading changes it.
    pub(crate) content_hash: i64,
    /// The mapped columns as the source wrote them, by the names of the configuration.
    pub(crate) columns: Columns,
    pub(crate) problems: Vec<Problem>,
}

impl MappedRow {
    /// A row whose source the configuration no longer has.
    pub(crate) fn unreadable(source: &str, file: &str, row: u64, columns: Columns) -> Self {
        Self {
            source: source.into(),
            file: file.into(),
            row,
            case_key: String::new(),
            row_key: None,
            service: None,
            status: None,
            moment: Moment::Unknown,
            facts: Box::default(),
            content_hash: 0,
            columns,
            problems: Vec::new(),
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// When the status came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    /// The source tells no time: it is the moment of the first reading.
    Observed,
    /// The row should tell its time, but cannot be read.
    Unknown,
}

impl Moment {
    pub(crate) const fn millis(self) -> Option<Millis> {
        match self {
            Self::At(timestamp) => Some(timestamp.at),
            Self::Observed | Self::Unknown => None,
        }
    }
}

/// For casts that stand outside of a rule.
static NO_OPTIONS: CastOptions =
    CastOptions { century: None, padded: false, utm_zone: None, words: std::collections::BTreeMap::new() };

/// Reads rows with the rules of one source.
pub(crate) struct RowMapper<'a> {
    config: &'a SourceConfig,
    source: Arc<str>,
    file: Arc<str>,
}

impl<'a> RowMapper<'a> {
    pub(crate) fn new(config: &'a SourceConfig, file: &str) -> Self {
        Self { config, source: config.name.as_str().into(), file: file.into() }
    }

    /// The same, of a row with problems that are older than the mapping: the reader could not take it apart, or it is too
    /// large. What was read of it still tells its case, as far as it goes.
    pub(crate) fn map_faulty(&self, row: u64, columns: Columns, problems: &[Problem]) -> MappedRow {
        let mut mapped = self.map(row, columns);
        mapped.problems.splice(..0, problems.iter().cloned());
        mapped
    }

    /// The case of a row and nothing else of it.
    pub(crate) fn case_key(&self, columns: &Columns) -> String {
        Reader { config: self.config, columns, problems: Vec::new() }.case_key()
    }

    /// Applies every rule. `columns` holds the mapped columns as the source wrote them.
    pub(crate) fn map(&self, row: u64, columns: Columns) -> MappedRow {
        let mut reader = Reader { config: self.config, columns: &columns, problems: Vec::new() };
        let case_key = reader.case_key();
        let service = reader.service();
        let status = service.as_deref().and_then(|service| reader.status(service));
        let (moment, facts, content_hash) = reader.fields(service.as_deref(), status.as_deref());
        let problems = each_once(reader.problems);
        let row_key = self.config.row_key.as_ref().and_then(|column| columns.get(column)).map(text::key);
        MappedRow {
            source: Arc::clone(&self.source),
            file: Arc::clone(&self.file),
            row,
            case_key,
            row_key: row_key.filter(|key| !key.is_empty()),
            service,
            status,
            moment,
            facts: Box::new(facts),
            content_hash,
            columns,
            problems,
        }
    }
}

/// A column that fills two fields has the same fault twice.
fn each_once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::with_capacity(problems.len());
    for problem in problems {
        if !kept.contains(&problem) {
            kept.push(problem);
        }
    }
    kept
}

struct Reader<'a> {
    config: &'a SourceConfig,
    columns: &'a Columns,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn cell(&self, column: &str) -> &'a str {
        self.columns.get(column).unwrap_or_default()
    }

    fn case_key(&mut self) -> String {
        let rule = &self.config.case;
        let mut parts = Vec::with_capacity(rule.columns.len());
        for column in &rule.columns {
            let cell = self.cell(column);
            match rule.cast.apply(cell, &NO_OPTIONS) {
                Ok(Some(value)) => parts.push(text_of(value).map_or(Cow::Borrowed(cell), Cow::Owned)),
                Ok(None) => self.problems.push(problem::empty(RowReason::MissingCase, column, "the case", "پرونده")),
                Err(fault) => self.problems.push(problem::of_cast(column, cell, fault)),
            }
        }
        if parts.len() < rule.columns.len() {
            return String::new();
        }
        // A case number of signs only, such as `---`, names no case.
        if parts.iter().any(|part| part.chars().any(char::is_alphanumeric)) {
            let prefix = Some(rule.prefix.as_str()).filter(|prefix| !prefix.is_empty());
            return case_key(prefix.into_iter().chain(parts.iter().map(Cow::as_ref)));
        }
        self.problems.push(problem::empty(RowReason::MissingCase, &rule.columns[0], "the case", "پرونده"));
        String::new()
    }

    fn service(&mut self) -> Option<String> {
        match &self.config.service {
            ServiceRule::Fixed(service) => Some(service.clone()),
            ServiceRule::Words { column, options, words } => {
                let cell = self.cell(column);
                match Cast::Words.apply(cell, options) {
                    Ok(Some(value)) => text_of(value),
                    Ok(None) => {
                        self.problems.push(problem::empty(RowReason::MissingService, column, "the service", "خدمت"));
                        None
                    }
                    Err(_) => {
                        let what = ("service", "خدمت");
                        let table = "source.service.words";
                        self.problems.push(problem::unknown_word(
                            RowReason::UnknownService,
                            column,
                            cell,
                            what,
                            table,
                            words,
                        ));
                        None
                    }
                }
            }
        }
    }

    fn status(&mut self, service: &str) -> Option<String> {
        let rule = &self.config.status;
        let column = &rule.column;
        let cell = self.cell(column);
        if Cast::is_empty(cell) {
            self.problems.push(problem::empty(RowReason::MissingStatus, column, "the status", "وضعیت"));
            return None;
        }
        let words = rule.words.get(service);
        let found = words.and_then(|words| words.codes.get(&text::key(cell)));
        if found.is_none() {
            let known = words.map_or(&[][..], |words| &words.words);
            let what = ("status word", "وضعیت");
            let table = format!("source.status.words.{service}");
            self.problems.push(problem::unknown_word(RowReason::UnknownStatus, column, cell, what, &table, known));
        }
        found.cloned()
    }

    fn fields(&mut self, service: Option<&str>, status: Option<&str>) -> (Moment, Facts, i64) {
        let mut facts = Facts::default();
        let mut moment = Moment::Unknown;
        let mut content = String::with_capacity(256);
        for part in [service, status].into_iter().flatten() {
            content.push_str(part);
            content.push('\n');
        }
        for field in &self.config.fields {
            let Some(rule) = field.rules.iter().find(|rule| self.holds(&rule.when, service, status)) else { continue };
            if field.target.kind == Kind::Moment {
                moment = self.moment(rule);
                if let Some(at) = moment.millis() {
                    let _ = writeln!(content, "{}={}", field.target.path, at.0);
                }
                continue;
            }
            if let Some(fact) = self.fact(field.target, rule, status) {
                content.push_str(field.target.path);
                content.push('=');
                push_canonical(&mut content, &fact);
                content.push('\n');
                (field.target.put)(&mut facts, fact);
            }
        }
        #[allow(clippy::cast_possible_wrap)] // The bits are what counts.
        let hash = xxh3_64(content.as_bytes()) as i64;
        (moment, facts, hash)
    }

    /// Whether a rule is for this row. What is not known because the row is at fault holds no condition.
    fn holds(&self, when: &When, service: Option<&str>, status: Option<&str>) -> bool {
        let one_of = |known: &[String], code: Option<&str>| {
            known.is_empty() || code.is_some_and(|code| known.iter().any(|known| known == code))
        };
        let none_of = |known: &[String], code: Option<&str>| {
            known.is_empty() || code.is_some_and(|code| known.iter().all(|known| known != code))
        };
        let column = when.column.as_ref().is_none_or(|condition| {
            let key = text::key(self.cell(&condition.column));
            (condition.is.is_empty() || condition.is.contains(&key)) && !condition.is_not.contains(&key)
        });
        one_of(&when.status, status) && none_of(&when.status_not, status) && one_of(&when.service, service) && column
    }

    fn moment(&mut self, rule: &Rule) -> Moment {
        let Input::Column(column) = &rule.input else { return Moment::Observed };
        match self.value(column, rule) {
            Some(Value::Date(date)) => Moment::At(start_of_day(date)),
            Some(Value::Timestamp(timestamp)) => Moment::At(timestamp),
            _ => {
                // Either empty, or a problem that has been noted.
                if !self.problems.iter().any(|problem| problem.column.as_deref() == Some(column)) {
                    self.problems.push(problem::empty(
                        RowReason::MissingDate,
                        column,
                        "when the status came",
                        "زمان وضعیت",
                    ));
                }
                Moment::Unknown
            }
        }
    }

    fn fact(&mut self, target: &'static Target, rule: &Rule, status: Option<&str>) -> Option<Fact> {
        match &rule.input {
            Input::Constant(fact) => Some(fact.clone()),
            Input::Observed => None,
            Input::Status => {
                let status = status?;
                if rule.options.words.is_empty() {
                    return Some(Fact::Text(status.to_owned()));
                }
                rule.options.words.get(&text::key(status)).cloned().map(Fact::Text)
            }
            Input::Column(column) => {
                let before = self.problems.len();
                let value = self.value(column, rule);
                if value.is_none() && rule.required && self.problems.len() == before {
                    let path = target.path;
                    self.problems.push(problem::empty(
                        RowReason::MissingValue,
                        column,
                        &format!("`{path}`"),
                        &format!("«{path}»"),
                    ));
                }
                self.fact_of(target, column, value?)
            }
        }
    }

    /// The value of a cell; a fault is noted.
    fn value(&mut self, column: &str, rule: &Rule) -> Option<Value> {
        let cell = self.cell(column);
        let part = match &rule.split {
            Some(split) => split.part_of(cell),
            None => cell,
        };
        if rule.other_words_empty && !rule.options.words.contains_key(&text::key(part)) {
            return None;
        }
        match rule.cast.apply(part, &rule.options) {
            Ok(value) => value,
            Err(fault) => {
                self.problems.push(problem::of_cast(column, cell, fault));
                None
            }
        }
    }

    fn fact_of(&mut self, target: &'static Target, column: &str, value: Value) -> Option<Fact> {
        let fact = match (target.kind, value) {
            (Kind::County, value) => {
                let name = text_of(value)?;
                let found = self.config.places.counties.get(&text::key(&name)).cloned();
                if found.is_none() {
                    let known = &self.config.places.county_names;
                    let what = ("county", "شهرستان");
                    let table = "source.fields.county.words";
                    self.problems.push(problem::unknown_word(
                        RowReason::UnknownCounty,
                        column,
                        &name,
                        what,
                        table,
                        known,
                    ));
                }
                Fact::Text(found?)
            }
            (Kind::Agency, value) => {
                let code = text_of(value)?;
                if !self.config.places.agencies.contains(&code) {
                    let known: Vec<_> = self.config.places.agencies.iter().cloned().collect();
                    // A dot in a key of TOML needs quotes.
                    let table = format!("source.fields.\"{}\".words", target.path);
                    let what = ("agency", "دستگاه");
                    self.problems.push(problem::unknown_word(
                        RowReason::UnknownAgency,
                        column,
                        &code,
                        what,
                        &table,
                        &known,
                    ));
                    return None;
                }
                Fact::Text(code)
            }
            (Kind::PersonNumber, Value::NationalId { digits, .. }) => Fact::NationalId(digits),
            (Kind::PersonNumber, Value::LegalId(digits)) => Fact::LegalId(digits),
            (_, Value::Integer(number)) if target.kind == Kind::Decimal => {
                #[allow(clippy::cast_precision_loss)] // Areas and coordinates are far below 2^52.
                let number = number as f64;
                Fact::Decimal(number)
            }
            (_, Value::Integer(number)) => Fact::Integer(number),
            (_, Value::Decimal(number)) => Fact::Decimal(number),
            (Kind::Instant, Value::Date(date)) => Fact::Instant(end_of_day(date)),
            (_, Value::Date(date)) => Fact::Date(date),
            (Kind::Date, Value::Timestamp(timestamp)) => Fact::Date(local_date(timestamp)),
            (_, Value::Timestamp(timestamp)) => Fact::Instant(timestamp.at),
            (_, Value::Plate(plate)) => Fact::Plate(plate),
            (_, value) => {
                let text = text_of(value)?;
                Fact::Text(if target.ascii_digits { text::ascii_digits(&text) } else { text })
            }
        };
        Some(fact)
    }
}

impl Split {
    /// The part, or nothing if the cell has fewer.
    fn part_of<'c>(&self, cell: &'c str) -> &'c str {
        cell.split(self.by.as_str()).nth(self.part - 1).unwrap_or("")
    }
}

/// The last millisecond of a local day: a limit that is given as a day runs until that day is over.
fn end_of_day(date: Date) -> Millis {
    Millis(start_of_day(Date(date.0 + 1)).at.0 - 1)
}

/// The day that the clock on the wall showed.
fn local_date(timestamp: Timestamp) -> Date {
    const DAY_MS: i64 = 86_400_000;
    let local = timestamp.at.0 + i64::from(timestamp.utc_offset_minutes) * 60_000;
    Date(i32::try_from(local.div_euclid(DAY_MS)).unwrap_or_default())
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Word(text) | Value::LegalId(text) => Some(text),
        Value::TrackingCode(digits) | Value::PostalCode(digits) | Value::NationalId { digits, .. } => Some(digits),
        _ => None,
    }
}

/// A value for the content hash: texts by their matching key, so that another spelling is no correction.
fn push_canonical(content: &mut String, fact: &Fact) {
    // Writing into a text does not fail.
    let _ = match fact {
        Fact::Text(text) | Fact::NationalId(text) | Fact::LegalId(text) => {
            text::push_key(content, text);
            Ok(())
        }
        Fact::Integer(number) => write!(content, "{number}"),
        Fact::Decimal(number) => write!(content, "{number}"),
        Fact::Date(date) => write!(content, "{}", date.0),
        Fact::Instant(instant) => write!(content, "{}", instant.0),
        Fact::Plate(plate) => {
            let parts = [Some(&plate.main), plate.sub.as_ref(), plate.section.as_ref(), plate.district.as_ref()];
            for (index, part) in parts.into_iter().enumerate() {
                if index > 0 {
                    content.push('/');
                }
                text::push_key(content, part.map_or("", String::as_str));
            }
            Ok(())
        }
    };
}
