//! The files of policy and catalogue, read as the tables that they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use toml::{Table, Value};

use super::ExpectedCopy;

/// One status of one grant of one permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub publisher: String,
    pub service: String,
    pub status: String,
    pub subscriber: String,
    /// Names of group fields.
    pub groups: Vec<String>,
    pub coarse: bool,
    pub number: String,
    pub valid_from: Date,
    pub valid_until: Date,
    pub requires: Option<String>,
}

/// What a subscriber narrows.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    pub subscriber: String,
    table: Table,
}

/// A policy folder and the statuses of the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyFiles {
    pub grants: Vec<Grant>,
    pub subscriptions: Vec<Subscription>,
    /// Status to phase.
    pub phases: BTreeMap<String, String>,
}

impl PolicyFiles {
    /// Reads `permits/*.toml` and `subscriptions/*.toml` below `folder`, and the statuses of the catalogue of `checkout`.
    pub fn read(folder: &Path, checkout: &Path) -> Result<Self> {
        let mut policy = Self { phases: phases(&checkout.join("schemas/catalogue/statuses.toml"))?, ..Self::default() };
        for (name, table) in tables(&folder.join("permits"))? {
            for permit in list(&table, "permit") {
                policy.grants.extend(grants(&name, permit).with_context(|| format!("permits/{name}.toml"))?);
            }
        }
        for (_, table) in tables(&folder.join("subscriptions"))? {
            for one in list(&table, "subscription") {
                policy.subscriptions.push(Subscription { subscriber: text(one, "subscriber")?, table: one.clone() });
            }
        }
        Ok(policy)
    }

    /// Whether the subscriber wants this copy: it has no subscription, or one lets it through.
    #[must_use]
    pub fn wants(&self, copy: &ExpectedCopy) -> bool {
        let mut own = self.subscriptions.iter().filter(|one| one.subscriber == copy.subscriber).peekable();
        own.peek().is_none() || own.any(|one| one.lets_through(copy))
    }
}

impl Subscription {
    /// Judged by the copy as the subscriber sees it.
    fn lets_through(&self, copy: &ExpectedCopy) -> bool {
        let seen = |name: &str| copy.fields[name].as_str().unwrap_or_default();
        for (key, field) in [("publisher", "publisher"), ("service", "service_code")] {
            if self.table.get(key).is_some_and(|wanted| wanted.as_str() != Some(seen(field))) {
                return false;
            }
        }
        let counties: Vec<&str> = self
            .table
            .get("counties")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let county = copy.fields["county"].as_str();
        if !counties.is_empty() && county.is_some_and(|county| !counties.contains(&county)) {
            return false;
        }
        let filters = self.table.get("filters").and_then(Value::as_array);
        filters.into_iter().flatten().all(|filter| passes(filter, copy))
    }
}

/// A filter of the CloudEvents Subscriptions API on the attributes in the copy's headers.
fn passes(filter: &Value, copy: &ExpectedCopy) -> bool {
    let Some((dialect, operand)) = filter.as_table().and_then(|table| table.iter().next()) else { return true };
    let attribute = |name: &str| {
        let header = copy.headers.iter().find(|(found, _)| *found == format!("ce_{name}"));
        header.map_or("", |(_, value)| value.as_str())
    };
    let tests = |compare: fn(&str, &str) -> bool| {
        let pairs = operand.as_table().into_iter().flatten();
        pairs.into_iter().all(|(name, wanted)| compare(attribute(name), wanted.as_str().unwrap_or_default()))
    };
    let mut parts = operand.as_array().into_iter().flatten();
    match dialect.as_str() {
        "exact" => tests(|value, wanted| value == wanted),
        "prefix" => tests(|value, wanted| value.starts_with(wanted)),
        "suffix" => tests(|value, wanted| value.ends_with(wanted)),
        "all" => parts.all(|part| passes(part, copy)),
        "any" => parts.any(|part| passes(part, copy)),
        "not" => !passes(operand, copy),
        _ => false,
    }
}

fn grants(publisher: &str, permit: &Table) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for grant in list(permit, "grant") {
        for status in words(grant, "statuses")? {
            grants.push(Grant {
                publisher: publisher.to_owned(),
                service: text(grant, "service")?,
                status,
                subscriber: text(permit, "subscriber")?,
                groups: words(grant, "groups").unwrap_or_default(),
                coarse: match text(grant, "view")?.as_str() {
                    "exact" => false,
                    "coarse" => true,
                    other => bail!("view `{other}`"),
                },
                number: text(permit, "number")?,
                valid_from: date(permit, "valid_from")?,
                valid_until: date(permit, "valid_until")?,
                requires: grant.get("requires").and_then(Value::as_str).map(str::to_owned),
            });
        }
    }
    Ok(grants)
}

fn phases(path: &Path) -> Result<BTreeMap<String, String>> {
    let table = table(path)?;
    list(&table, "status").into_iter().map(|status| Ok((text(status, "code")?, text(status, "phase")?))).collect()
}

/// Every TOML file of a folder with its name; none if there is no such folder.
fn tables(folder: &Path) -> Result<BTreeMap<String, Table>> {
    let mut found = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.insert(name, table(&path)?);
        }
    }
    Ok(found)
}

fn table(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.parse().with_context(|| format!("`{}`", path.display()))
}

fn list<'t>(table: &'t Table, key: &str) -> Vec<&'t Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect()
}

fn text(table: &Table, key: &str) -> Result<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no `{key}`"))
}

fn words(table: &Table, key: &str) -> Result<Vec<String>> {
    let list = table.get(key).and_then(Value::as_array).with_context(|| format!("no `{key}`"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn date(table: &Table, key: &str) -> Result<Date> {
    let written = table.get(key).with_context(|| format!("no `{key}`"))?;
    written
        .as_datetime()
        .map_or_else(|| written.to_string(), ToString::to_string)
        .parse()
        .with_context(|| key.to_owned())
}
