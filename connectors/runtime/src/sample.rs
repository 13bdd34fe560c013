//! The test that every agency's folder has: its sample export gives what `expected.json` says.

use std::path::Path;

use barid_event::Secret;
use barid_schemas::{CaseEvent, Catalogue, Millis};
use serde_json::{Map, Value};

use crate::cast::{Cast, CastOptions, Value as Cell, start_of_day};
use crate::{AgencyFolder, DryRunLine, Keys, dry_run, load_config, text};

/// Reads the sample of the agency whose folder is `folder` with its own configuration, and compares every row with what
/// is expected. `root` is where the folder lies.
///
/// # Errors
///
/// All differences, one a line.
pub fn sample_check(folder: &AgencyFolder, root: &Path) -> Result<(), String> {
    let mut catalogue = Catalogue::shared();
    catalogue.add("catalogue.toml", folder.catalogue).map_err(|mistakes| mistakes.to_string())?;
    let config = load_config(folder.connector, &root.join("connector.toml"), &catalogue);
    let config = config.map_err(|mistakes| mistakes.to_string())?;
    let mut lines = Vec::new();
    let run = dry_run(&config, &sample_keys()?, Millis(0), |line| {
        lines.push(line);
        Ok::<(), String>(())
    })?;
    let mut differences = Vec::new();
    for fault in run.faults.iter().flat_map(|fault| &fault.faults) {
        differences.push(fault.to_string());
    }
    let mut rows = std::collections::BTreeMap::new();
    for line in lines {
        match line {
            DryRunLine::Quarantined(value) => differences.push(format!("quarantined: {value}")),
            DryRunLine::Event(value) => {
                rows.insert(value["source"]["row"].as_u64().unwrap_or(0), value);
            }
        }
    }
    let expected: Vec<Map<String, Value>> =
        serde_json::from_str(folder.expected).map_err(|error| format!("expected.json: {error}"))?;
    for row in &expected {
        let number = row.get("row").and_then(Value::as_u64).unwrap_or(0);
        match rows.get(&number).map(|value| serde_json::from_value::<CaseEvent>(value.clone())) {
            None => differences.push(format!("row {number}: no event")),
            Some(Err(error)) => differences.push(format!("row {number}: {error}")),
            Some(Ok(event)) => compare(number, row, &event, folder.export_name, &mut differences),
        }
    }
    if rows.len() != expected.len() {
        differences.push(format!("{} events, but {} expected rows", rows.len(), expected.len()));
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

/// Keys for a sample: anybody may know them.
fn sample_keys() -> Result<Keys, String> {
    let secret = |name: &str| Secret::from_bytes(format!("sample key: {name}")).map_err(|error| error.to_string());
    Ok(Keys { connector: secret("connector")?, correlation: secret("correlation")?, watch: secret("watch keys")? })
}

fn compare(number: u64, row: &Map<String, Value>, event: &CaseEvent, file: &str, differences: &mut Vec<String>) {
    for (name, expected) in row {
        let found = match name.as_str() {
            "row" => continue,
            "file" => Value::from(file),
            "status_date" => {
                // What the date in the expectation would have given.
                let expected = match expected.as_str().map(|date| Cast::JalaliDate.apply(date, &CastOptions::default()))
                {
                    Some(Ok(Some(Cell::Date(date)))) => Some(start_of_day(date).at),
                    _ => None,
                };
                if expected != Some(event.occurred_at) {
                    differences.push(format!("row {number}: `{name}` is not {}", event.occurred_at.0));
                }
                continue;
            }
            "status_ts" => Value::from(local_time(event)),
            _ => match field(name, event) {
                Some(found) => found,
                None => {
                    differences.push(format!("expected.json: `{name}` is nothing that can be compared"));
                    continue;
                }
            },
        };
        let same = match (expected.as_f64(), found.as_f64()) {
            (Some(expected), Some(found)) => (expected - found).abs() < 1e-9,
            _ => *expected == found,
        };
        if !same {
            differences.push(format!("row {number}: `{name}` should be {expected}, is {found}"));
        }
    }
}

fn field(name: &str, event: &CaseEvent) -> Option<Value> {
    let number = event.number.clone().unwrap_or_default();
    let person = event.person.clone().unwrap_or_default();
    let parcel = event.parcel.clone().unwrap_or_default();
    let identity = event.identity.clone().unwrap_or_default();
    Some(match name {
        "service" => Value::from(event.service_code.clone()),
        "status" => Value::from(event.status_to.clone()),
        "precision" => serde_json::to_value(event.precision).unwrap_or_default(),
        "person_key" => Value::from(person.full_name.or(person.company_name).map(|name| text::key(&name))),
        "id" => Value::from(number.national_id.or(number.legal_id)),
        "area_m2" => Value::from(parcel.area_m2),
        "zone" => Value::from(parcel.utm_zone),
        "plate_key" => {
            let section = parcel.plate_section.map(|section| format!("بخش {section}"));
            let parts = [parcel.plate_main, parcel.plate_sub, section, parcel.plate_district];
            Value::from(text::key(&parts.into_iter().flatten().collect::<Vec<_>>().join(" ")))
        }
        "postal" => Value::from(parcel.postal_code),
        "tracking" => Value::from(identity.idv_tracking_code),
        "relying_agency" => Value::from(identity.relying_agency),
        "amount_rial" => Value::from(event.money.as_ref().and_then(|money| money.amount_rial)),
        _ => return None,
    })
}

/// The local time of the event as `2022-10-26T09:12:44+03:30`.
fn local_time(event: &CaseEvent) -> String {
    let minutes = event.utc_offset_minutes;
    let local = jiff::Timestamp::from_millisecond(event.occurred_at.0 + i64::from(minutes) * 60_000);
    let local = local.map_or_else(|_| String::new(), |local| local.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    format!("{local}{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60)
}
