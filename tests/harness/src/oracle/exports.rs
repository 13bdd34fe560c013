//! What the sample exports are known to say: `connectors/<agency>/expected.json`, one entry for each data row.
//!
//! From it alone the number of copies in each inbox is worked out ([`expected_counts`]), and events are held against it
//! field by field ([`compare_with_exports`]), with no look at how a connector reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::Value as Json;

use super::event::{Event, local_time};
use super::{Oracle, Watched};

/// One data row of one export.
#[derive(Debug, Clone)]
pub struct ExpectedRow {
    pub publisher: String,
    /// As in `expected.json`.
    pub says: Json,
}

impl ExpectedRow {
    fn text(&self, name: &str) -> &str {
        self.says[name].as_str().unwrap_or_default()
    }

    fn place(&self) -> String {
        format!("{} row {}", self.text("file"), self.says["row"])
    }
}

/// Every data row of the exports of all agencies.
pub fn expected_rows(checkout: &Path) -> Result<Vec<ExpectedRow>> {
    let mut rows = Vec::new();
    let mut folders: Vec<_> =
        fs::read_dir(checkout.join("connectors"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    for folder in folders {
        let file = folder.join("expected.json");
        if !file.exists() {
            continue;
        }
        let publisher = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let list: Vec<Json> =
            serde_json::from_str(&fs::read_to_string(&file)?).with_context(|| file.display().to_string())?;
        rows.extend(list.into_iter().map(|says| ExpectedRow { publisher: publisher.clone(), says }));
    }
    Ok(rows)
}

/// How many copies each inbox must hold, from rows, permits and watches alone. Agencies without a copy are left out.
///
/// The exports' rows are all sound, and no two of them are the same status of the same case, so each row is one event. Watches
/// of parcels are not counted: no export tells a plate in parts.
#[must_use]
pub fn expected_counts(oracle: &Oracle, rows: &[ExpectedRow]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        for grant in &oracle.policy.grants {
            let is_granted = grant.publisher == row.publisher
                && grant.service == row.text("service")
                && grant.status == row.text("status");
            let is_met = match grant.requires.as_deref() {
                None => true,
                Some("addressee") => row.text("relying_agency") == grant.subscriber,
                Some("watch:person") => oracle.watches.iter().any(|watch| {
                    watch.subscriber == grant.subscriber
                        && matches!(&watch.what, Watched::Person(number) if number == row.text("id"))
                }),
                Some(_) => false,
            };
            if is_granted && is_met {
                *counts.entry(grant.subscriber.clone()).or_default() += 1;
            }
        }
    }
    counts
}

/// Every difference between the rows and the events: each row must be one event with the values that it is known to say.
pub fn compare_with_exports(rows: &[ExpectedRow], events: &[Event]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    let mut left: Vec<&Event> = events.iter().collect();
    for row in rows {
        // An event does not name its row, so it is found by all that the row says.
        let mut found = None;
        let mut nearest: Option<Vec<String>> = None;
        for (index, event) in left.iter().enumerate() {
            let is_of = |row_field: &str, event_field: &str| event.fields[event_field] == row.says[row_field];
            if event.text("publisher")? != row.publisher
                || !is_of("service", "service_code")
                || !is_of("status", "status_to")
            {
                continue;
            }
            let unlike = differences_of(row, event)?;
            if unlike.is_empty() {
                found = Some(index);
                break;
            }
            if nearest.as_ref().is_none_or(|nearest| unlike.len() < nearest.len()) {
                nearest = Some(unlike);
            }
        }
        match (found, nearest) {
            (Some(index), _) => {
                left.remove(index);
            }
            (None, Some(unlike)) => differences.push(format!("{}: {}", row.place(), unlike.join(", "))),
            (None, None) => differences.push(format!("{}: there is no event of it", row.place())),
        }
    }
    differences.extend(left.iter().map(|event| format!("{}: no row of an export says so", event.record.place())));
    Ok(differences)
}

fn differences_of(row: &ExpectedRow, event: &Event) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let field = |group: &str, name: &str| event.fields[group].get(name).cloned().unwrap_or(Json::Null);
    let text = |group: &str, name: &str| field(group, name).as_str().unwrap_or_default().to_owned();
    let mut compare = |name: &str, got: Json| {
        let wanted = &row.says[name];
        // `640` in the list is `640.0` in the event.
        let is_equal = match (wanted.as_f64(), got.as_f64()) {
            (Some(wanted), Some(got)) => (wanted - got).abs() < 1e-9,
            _ => *wanted == got,
        };
        if row.says.get(name).is_some() && !is_equal {
            found.push(format!("`{name}` is {got}, not {wanted}"));
        }
    };
    compare("area_m2", field("parcel", "area_m2"));
    compare("zone", field("parcel", "utm_zone"));
    compare("postal", field("parcel", "postal_code"));
    compare("tracking", field("identity", "idv_tracking_code"));
    compare("relying_agency", field("identity", "relying_agency"));
    compare("amount_rial", field("money", "amount_rial"));
    compare("id", Json::String(text("number", "national_id") + &text("number", "legal_id")));
    compare("person_key", Json::String(folded(&(text("person", "full_name") + &text("person", "company_name")))));
    let [main, sub, section, district] =
        ["plate_main", "plate_sub", "plate_section", "plate_district"].map(|name| text("parcel", name));
    compare("plate_key", Json::String(folded(&format!("{main}{sub}بخش{section}{district}"))));
    compare("precision", event.fields["precision"].clone());
    let occurred_at = event.fields["occurred_at"].as_i64().context("`occurred_at` is no number")?;
    let offset = event.fields["utc_offset_minutes"].as_i64().and_then(|minutes| i32::try_from(minutes).ok());
    let local = local_time(occurred_at, offset.context("`utc_offset_minutes` is no number")?)?;
    if let Some(wanted) = row.says["status_date"].as_str()
        && local.date() != gregorian(wanted)?
    {
        found.push(format!("the date is {}, not {wanted}", local.date()));
    }
    if let Some(wanted) = row.says["status_ts"].as_str() {
        let minutes = offset.unwrap_or_default();
        let got = format!("{local}+{:02}:{:02}", minutes / 60, minutes % 60);
        if got != wanted {
            found.push(format!("the time is {got}, not {wanted}"));
        }
    }
    Ok(found)
}

/// The 1st of Farvardin of the years in the exports, from a printed calendar.
fn new_year(year: i16) -> Result<Date> {
    Ok(match year {
        1398 => date(2019, 3, 21),
        1399 => date(2020, 3, 20),
        1400 => date(2021, 3, 21),
        1401 => date(2022, 3, 21),
        1402 => date(2023, 3, 21),
        1403 => date(2024, 3, 20),
        1404 => date(2025, 3, 21),
        1405 => date(2026, 3, 21),
        _ => anyhow::bail!("no calendar for the year {year}"),
    })
}

/// `1401-07-12` as a Gregorian date: six months of 31 days, then months of 30.
fn gregorian(jalali: &str) -> Result<Date> {
    let parts: Vec<i16> = jalali.split('-').map(str::parse).collect::<Result<_, _>>()?;
    let [year, month, day] = parts[..] else { anyhow::bail!("`{jalali}` is no date") };
    let long_months = (month - 1).min(6);
    let days = i64::from((month - 1) * 30 + long_months + day - 1);
    Ok(new_year(year)?.checked_add(days.days())?)
}

/// A name as the lists of expected values write it: unified letters, no blanks, no half-spaces, no vowel marks.
fn folded(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_alphanumeric() && !matches!(letter, '\u{64b}'..='\u{65f}' | '\u{640}'))
        .map(|letter| match letter {
            'آ' | 'أ' | 'إ' => 'ا',
            'ي' | 'ى' | 'ئ' => 'ی',
            'ك' => 'ک',
            'ؤ' => 'و',
            'ة' | 'ۀ' => 'ه',
            '۰'..='۹' => ascii_digit(letter, '۰'),
            '٠'..='٩' => ascii_digit(letter, '٠'),
            other => other,
        })
        .collect()
}

fn ascii_digit(letter: char, zero: char) -> char {
    char::from_digit(u32::from(letter) - u32::from(zero), 10).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_exports_are_those_of_a_printed_calendar() {
        for (jalali, wanted) in [
            ("1401-07-12", "2022-10-04"),
            ("1401-12-29", "2023-03-20"),
            ("1403-02-17", "2024-05-06"),
            ("1399-12-30", "2021-03-20"),
        ] {
            assert_eq!(gregorian(jalali).unwrap().to_string(), wanted, "{jalali}");
        }
    }

    #[test]
    fn names_fold_to_what_the_lists_write() {
        assert_eq!(folded("هاجر کیان‌مهر"), "هاجرکیانمهر");
        assert_eq!(folded("۷۸۱۱۰۲ بخش ۹ آمل"), "781102بخش9امل");
        assert_eq!(folded("قائم‌شهر"), "قایمشهر");
    }
}
