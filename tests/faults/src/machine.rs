//! The state machines of an agency, from its catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use barid_harness::cache;
use toml::{Table, Value};

/// How the cases of one service move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) code: String,
    /// Where a case may go from each status; nothing stands for an end.
    pub(crate) edges: BTreeMap<String, Vec<String>>,
    /// Statuses that a case can begin in.
    pub(crate) starts: Vec<String>,
}

impl Service {
    /// All statuses.
    pub(crate) fn statuses(&self) -> BTreeSet<&str> {
        self.edges.iter().flat_map(|(from, to)| to.iter().chain([from])).map(String::as_str).collect()
    }
}

/// The services of an agency of this checkout.
pub(crate) fn services(agency: &str) -> Result<Vec<Service>> {
    let path = cache::checkout().join("connectors").join(agency).join("catalogue.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let services = parse(&text).with_context(|| path.display().to_string())?;
    ensure!(!services.is_empty(), "`{agency}` has no services");
    Ok(services)
}

fn parse(text: &str) -> Result<Vec<Service>> {
    let catalogue: Table = text.parse()?;
    list(&catalogue, "service").map(service).collect()
}

fn service(table: &Table) -> Result<Service> {
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reached = BTreeSet::new();
    for transition in list(table, "transitions") {
        let (from, to) = (word(transition, "from")?, word(transition, "to")?);
        reached.insert(to.clone());
        edges.entry(from).or_default().push(to);
    }
    let first: Vec<String> = edges.keys().filter(|status| !reached.contains(*status)).cloned().collect();
    // Where everything can be come back to, a case may begin anywhere.
    let starts = if first.is_empty() { edges.keys().cloned().collect() } else { first };
    Ok(Service { code: word(table, "code")?, edges, starts })
}

fn list<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t Table> {
    table.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn word(table: &Table, name: &str) -> Result<String> {
    table.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_begin_where_no_arrow_ends() {
        let text = "[[service]]\ncode = \"fine\"\ntransitions = [\n\
                    { from = \"written\", to = \"paid\" }, { from = \"paid\", to = \"closed\" },\n\
                    { from = \"written\", to = \"closed\" } ]";
        let services = parse(text).unwrap();
        assert_eq!(services[0].starts, ["written"]);
        assert_eq!(services[0].edges["written"], ["paid", "closed"]);
        assert_eq!(services[0].statuses(), BTreeSet::from(["closed", "paid", "written"]));
    }
}
