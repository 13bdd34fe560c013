//! An endless source of exports: cases that walk through the state machines of an agency, the same for the same seed.
//!
//! Each file holds the next step of some cases, as an office exports what changed since yesterday; now and then it repeats
//! rows of the file before it, which must give no event. Every row can be read and every step is allowed, so each new row
//! is one event, and what must come of it is known without looking at any event.

use std::fmt::Write;

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
}

/// A case with all that was exported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) number: String,
    /// Service and status of each row, in their order.
    pub(crate) steps: Vec<Step>,
    at: DateTime,
    national_id: String,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) service: String,
    pub(crate) status: String,
}

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) text: String,
    /// What is new in it.
    pub(crate) steps: Vec<Step>,
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
        let mut text = HEADER.to_owned();
        if self.random.usize(..REPEATS_ONE_IN) == 0 {
            let repeated = self.random.usize(..=MOST_REPEATED.min(self.last.len()));
            text.extend(self.last.iter().take(repeated).map(String::as_str));
        }
        self.last.clear();
        let mut steps = Vec::with_capacity(rows);
        for _ in 0..rows {
            let (row, step) = self.step();
            text.push_str(&row);
            self.last.push(row);
            steps.push(step);
        }
        Export { text, steps }
    }

    /// Moves one case.
    fn step(&mut self) -> (String, Step) {
        if self.open.len() < OPEN_CASES {
            self.open.push(self.cases.len());
            let case = self.new_case();
            self.cases.push(case);
        }
        let place = self.random.usize(..self.open.len());
        let case = &mut self.cases[self.open[place]];
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
        let (at, number) = (case.at.strftime("%Y-%m-%d %H:%M:%S"), case.steps.len());
        let mut row = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            row,
            "{},{}-{number},{},{},{at},{},{}",
            case.number,
            case.number,
            step.service,
            step.status,
            case.national_id,
            self.random.u32(1..900_000) * 1_000,
        );
        if case.steps.len() >= MOST_STEPS || onward(&self.services, &step).is_empty() {
            self.open.swap_remove(place);
        }
        (row, step)
    }

    fn new_case(&mut self) -> Case {
        let start = date(2023, 1, 1).at(8, 0, 0, 0).saturating_add(Span::new().days(self.random.i32(0..300)));
        Case {
            number: format!("1402-{:07}", self.cases.len()),
            steps: Vec::new(),
            at: start,
            national_id: national_id(&mut self.random),
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
        let rows: usize = (0..20).map(|_| generator.export(250).steps.len()).sum();
        assert_eq!(rows, 5_000);
        let steps = generator.cases().iter().map(|case| case.steps.len()).sum::<usize>();
        assert_eq!(steps, rows);
        for case in generator.cases() {
            for pair in case.steps.windows(2) {
                assert!(onward(&generator.services, &pair[0]).contains(&pair[1].status));
            }
        }
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
