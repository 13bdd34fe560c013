//! An endless source of exports: cases that walk through the state machines of an agency, the same for the same seed.
//!
//! Each file holds the next step of some cases, as an office exports what changed since yesterday; now and then it repeats
//! rows of the file before it, which must give no event. Every step is allowed, and every row can be read but a few: those
//! stand at fault until a later export holds them corrected, and meanwhile nothing of their case may be published. So each
//! new row is one event sooner or later, and what must come of it is known without looking at any event.

use std::fmt::Write;
use std::ops::RangeInclusive;

use anyhow::Result;
use fastrand::Rng;
use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Span};

use crate::machine::{self, Service};

/// Cases that move at the same time.
const OPEN_CASES: usize = 300;

/// The longest way of a case.
const MOST_STEPS: usize = 12;

/// One file in this many repeats rows of the one before.
const REPEATS_ONE_IN: usize = 4;

/// Of a service of which somebody hears there are so many cases for one of a service of which nobody does.
const HEARD_OF_MORE: usize = 6;

/// Of a thousand new rows so many are at fault.
const FAULTY_OF_A_THOUSAND: usize = 4;

/// So many exports later a row at fault is corrected.
const CORRECTED_AFTER: RangeInclusive<usize> = 2..=40;

/// One case in this many is about a person whom somebody watches.
const WATCHED_ONE_IN: usize = 6;

/// How many persons are watched.
const WATCHED_PERSONS: usize = 12;

/// So many rows are repeated at most.
const MOST_REPEATED: usize = 10;

const HEADER: &str = "CASE,ROW,SERVICE,STATUS,AT,NATIONAL_ID,AMOUNT\n";

/// What one agency's office has in its books.
#[derive(Debug)]
pub(crate) struct Generator {
    agency: String,
    services: Vec<Service>,
    /// From which a new case takes its service.
    choice: Vec<usize>,
    random: Rng,
    cases: Vec<Case>,
    open: Vec<usize>,
    /// The rows of the last file.
    last: Vec<String>,
    /// Whom somebody watches, the same for all agencies of a run.
    watched: Vec<String>,
    /// Cases with a row at fault.
    held: Vec<Held>,
    /// How many exports there were.
    exports: usize,
}

/// A case that stands still because one of its rows is at fault.
#[derive(Debug)]
struct Held {
    /// Its place among the cases.
    case: usize,
    /// The row as it should have been.
    row: String,
    /// What is published once it is corrected: that row and what has come behind it.
    due: Vec<Due>,
    /// The number of the export that holds it corrected.
    corrected_in: usize,
}

/// A case with all that was exported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) number: String,
    /// Service and status of each row, in their order.
    pub(crate) steps: Vec<Step>,
    /// Which of the watched persons it is about.
    pub(crate) person: Option<usize>,
    at: DateTime,
    national_id: String,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) service: String,
    pub(crate) status: String,
}

/// An event that must come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) step: Step,
    /// Whether it is about a person whom somebody watches.
    pub(crate) is_watched: bool,
}

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) text: String,
    /// How many rows are new in it.
    pub(crate) rows: usize,
    /// How many of them are at fault.
    pub(crate) faulty: usize,
    /// The events that come of it: of new rows, and of those that a corrected row has held up.
    pub(crate) due: Vec<Due>,
}

impl Generator {
    /// The generator of one agency; each agency of a run has its own random numbers. `is_heard_of` is asked for each
    /// service whether anybody hears of it.
    pub(crate) fn new(agency: &str, seed: u64, is_heard_of: impl Fn(&str) -> bool) -> Result<Self> {
        let own = agency.bytes().fold(seed, |mixed, byte| mixed.rotate_left(7) ^ u64::from(byte));
        let services = machine::services(agency)?;
        let times = |service: &Service| if is_heard_of(&service.code) { HEARD_OF_MORE } else { 1 };
        let choice = services.iter().enumerate().flat_map(|(place, service)| vec![place; times(service)]).collect();
        Ok(Self {
            agency: agency.to_owned(),
            services,
            choice,
            random: Rng::with_seed(own),
            cases: Vec::new(),
            open: Vec::new(),
            last: Vec::new(),
            watched: watched_persons(seed),
            held: Vec::new(),
            exports: 0,
        })
    }

    /// The agency's code.
    pub(crate) fn agency(&self) -> &str {
        &self.agency
    }

    /// All cases so far.
    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// An export with so many new rows.
    pub(crate) fn export(&mut self, rows: usize) -> Export {
        self.exports += 1;
        let mut text = HEADER.to_owned();
        if self.random.usize(..REPEATS_ONE_IN) == 0 {
            let repeated = self.random.usize(..=MOST_REPEATED.min(self.last.len()));
            text.extend(self.last.iter().take(repeated).map(String::as_str));
        }
        self.last.clear();
        let mut export = Export { text, rows, faulty: 0, due: Vec::with_capacity(rows) };
        let now = self.exports;
        self.correct(|held| held.corrected_in <= now, &mut export);
        for _ in 0..rows {
            let row = self.step(&mut export);
            export.text.push_str(&row);
            self.last.push(row);
        }
        export
    }

    /// An export that holds every row that is at fault corrected, if there is any.
    pub(crate) fn corrections(&mut self) -> Option<Export> {
        let mut export = Export { text: HEADER.to_owned(), rows: 0, faulty: 0, due: Vec::new() };
        self.correct(|_| true, &mut export);
        (!export.due.is_empty()).then_some(export)
    }

    fn correct(&mut self, is_corrected: impl Fn(&Held) -> bool, export: &mut Export) {
        for held in self.held.extract_if(.., |held| is_corrected(held)) {
            export.text.push_str(&held.row);
            self.last.push(held.row);
            export.due.extend(held.due);
        }
    }

    /// Moves one case; the row that says so.
    fn step(&mut self, export: &mut Export) -> String {
        if self.open.len() < OPEN_CASES {
            self.open.push(self.cases.len());
            let case = self.new_case();
            self.cases.push(case);
        }
        let place = self.random.usize(..self.open.len());
        let index = self.open[place];
        let case = &mut self.cases[index];
        let step = match case.steps.last() {
            None => {
                let service = &self.services[self.choice[self.random.usize(..self.choice.len())]];
                let status = &service.starts[self.random.usize(..service.starts.len())];
                Step { service: service.code.clone(), status: status.clone() }
            }
            Some(last) => {
                let onward = onward(&self.services, last);
                Step { service: last.service.clone(), status: onward[self.random.usize(..onward.len())].clone() }
            }
        };
        let wait = SignedDuration::from_secs(self.random.i64(60..3 * 86_400));
        case.at = case.at.saturating_add(wait);
        case.steps.push(step.clone());
        let at = case.at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let amount = self.random.u32(1..900_000) * 1_000;
        let row = row(case, &step.status, &at, &case.national_id, amount);
        let due = Due { step: step.clone(), is_watched: case.person.is_some() };
        let is_faulty = self.random.usize(..1_000) < FAULTY_OF_A_THOUSAND;
        let written = match self.held.iter_mut().find(|held| held.case == index) {
            Some(held) => {
                held.due.push(due);
                row
            }
            None if is_faulty => {
                export.faulty += 1;
                let corrected_in = self.exports + self.random.usize(CORRECTED_AFTER);
                let faulty = faulty_row(&mut self.random, case, &step.status, &at, amount);
                self.held.push(Held { case: index, row, due: vec![due], corrected_in });
                faulty
            }
            None => {
                export.due.push(due);
                row
            }
        };
        if case.steps.len() >= MOST_STEPS || onward(&self.services, &step).is_empty() {
            self.open.swap_remove(place);
        }
        written
    }

    fn new_case(&mut self) -> Case {
        let start = date(2023, 1, 1).at(8, 0, 0, 0).saturating_add(Span::new().days(self.random.i32(0..300)));
        let person = (self.random.usize(..WATCHED_ONE_IN) == 0).then(|| self.random.usize(..self.watched.len()));
        Case {
            number: format!("1402-{:07}", self.cases.len()),
            steps: Vec::new(),
            person,
            at: start,
            national_id: person.map_or_else(|| national_id(&mut self.random), |person| self.watched[person].clone()),
        }
    }
}

/// The persons whom somebody watches in a run with this seed.
pub(crate) fn watched_persons(seed: u64) -> Vec<String> {
    let mut random = Rng::with_seed(seed.rotate_left(32));
    (0..WATCHED_PERSONS).map(|_| national_id(&mut random)).collect()
}

/// A line of an export: the last step of a case.
fn row(case: &Case, status: &str, at: &str, national_id: &str, amount: u32) -> String {
    let Case { number, steps, .. } = case;
    let service = steps.last().map_or("", |step| step.service.as_str());
    format!("{number},{number}-{},{service},{status},{at},{national_id},{amount}\n", steps.len())
}

/// The same line, typed wrong in one of three ways: a day that does not exist, a word that nobody knows, a number whose last
/// digit does not check the others.
fn faulty_row(random: &mut Rng, case: &Case, status: &str, at: &str, amount: u32) -> String {
    let id = &case.national_id;
    match random.u8(..3) {
        0 => row(case, status, "2023-02-30 10:00:00", id, amount),
        1 => row(case, &format!("{status}?"), at, id, amount),
        _ => {
            let (digits, check) = id.split_at(9);
            let wrong = if check == "9" { "0" } else { "9" };
            row(case, status, at, &format!("{digits}{wrong}"), amount)
        }
    }
}

/// Where a case may go.
fn onward<'s>(services: &'s [Service], step: &Step) -> &'s [String] {
    let service = services.iter().find(|service| service.code == step.service);
    service.and_then(|service| service.edges.get(&step.status)).map_or(&[], Vec::as_slice)
}

/// Ten digits of which the last one checks the others.
fn national_id(random: &mut Rng) -> String {
    let number = random.u32(100_000_000..999_999_999);
    let digits = number.to_string();
    let sum: u32 = digits.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = if sum % 11 < 2 { sum % 11 } else { 11 - sum % 11 };
    format!("{digits}{check}")
}

/// The `connector.toml` that reads the exports: every service and every status of the catalogue, under their own codes.
pub(crate) fn connector_toml(generator: &Generator, folder: &str) -> String {
    let mut text = format!(
        "version = 1\n\n[connector]\nagency = \"{}\"\n\n[[source]]\nname = \"generated\"\nkind = \"files\"\n\
         path = \"{folder}\"\nformat = \"delimited\"\nencoding = \"utf-8\"\nseparator = \"comma\"\nrow_key = \"ROW\"\n\n\
         [source.case]\ncolumns = [\"CASE\"]\n\n[source.service]\ncolumn = \"SERVICE\"\n\n[source.service.words]\n",
        generator.agency
    );
    for service in &generator.services {
        let _ = writeln!(text, "{0} = \"{0}\"", service.code);
    }
    text.push_str("\n[source.status]\ncolumn = \"STATUS\"\n");
    for service in &generator.services {
        let _ = writeln!(text, "\n[source.status.words.{}]", service.code);
        for status in service.statuses() {
            let _ = writeln!(text, "{status} = \"{status}\"");
        }
    }
    text.push_str(
        "\n[source.fields]\noccurred_at = { column = \"AT\", cast = \"gregorian_timestamp\" }\n\
         case_no = { column = \"CASE\" }\n\
         \"number.national_id\" = { column = \"NATIONAL_ID\", cast = \"national_id\" }\n\
         \"money.amount_rial\" = { column = \"AMOUNT\", cast = \"rial\" }\n\
         \"decision.decision\" = { from = \"status\" }\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENCY: &str = "samt";

    #[test]
    fn the_same_seed_gives_the_same_exports_and_another_seed_others() {
        let export = |seed| {
            let mut generator = Generator::new(AGENCY, seed, |_| true).unwrap();
            (0..5).map(|_| generator.export(100)).collect::<Vec<_>>()
        };
        assert_eq!(export(1), export(1));
        assert_ne!(export(1), export(2));
    }

    #[test]
    fn every_case_walks_along_the_arrows_and_its_rows_move_on_in_time() {
        let mut generator = Generator::new(AGENCY, 7, |_| true).unwrap();
        let (mut rows, mut due, mut faulty) = (0, 0, 0);
        for _ in 0..20 {
            let export = generator.export(250);
            (rows, due, faulty) = (rows + export.rows, due + export.due.len(), faulty + export.faulty);
        }
        assert_eq!(rows, 5_000);
        assert!((5..100).contains(&faulty) && due < rows, "{faulty} faulty, {due} due");
        // What was held up is due in the end, and nothing twice.
        due += generator.corrections().unwrap().due.len();
        assert_eq!(due, rows);
        assert_eq!(generator.corrections(), None);
        let steps = generator.cases().iter().map(|case| case.steps.len()).sum::<usize>();
        assert_eq!(steps, rows);
        for case in generator.cases() {
            for pair in case.steps.windows(2) {
                assert!(onward(&generator.services, &pair[0]).contains(&pair[1].status));
            }
        }
    }

    #[test]
    fn a_row_at_fault_stands_corrected_in_a_later_export_and_holds_its_case_up_until_then() {
        let mut generator = Generator::new(AGENCY, 11, |_| true).unwrap();
        let mut held = Vec::new();
        while held.is_empty() {
            let export = generator.export(50);
            held = generator.held.iter().map(|held| (held.case, held.row.clone())).collect();
            assert!(held.iter().all(|(_, row)| !export.text.contains(row)), "the row at fault says what it should");
        }
        let (case, row) = held.swap_remove(0);
        for _ in 0..=*CORRECTED_AFTER.end() {
            let export = generator.export(50);
            if export.text.contains(&row) {
                assert!(export.due.contains(&Due {
                    step: generator.cases()[case].steps[0].clone(),
                    is_watched: generator.cases()[case].person.is_some(),
                }));
                return;
            }
        }
        panic!("never corrected");
    }

    #[test]
    fn a_national_id_has_the_check_digit_that_offices_compute() {
        let mut random = Rng::with_seed(3);
        for _ in 0..100 {
            let id = national_id(&mut random);
            let digits: Vec<u32> = id.bytes().map(|digit| u32::from(digit - b'0')).collect();
            let sum: u32 = (0..9).map(|place| digits[place] * (10 - u32::try_from(place).unwrap())).sum();
            assert_eq!(digits[9], if sum % 11 < 2 { sum % 11 } else { 11 - sum % 11 }, "{id}");
        }
    }
}
