//! What a bench found: settings, figures, goals; as a table and as JSON.

use std::fmt;

use anyhow::Result;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value, json};

/// Names and values in the order in which they are shown.
pub(crate) type Facts = Vec<(&'static str, Value)>;

/// The outcome of one bench.
#[derive(Debug)]
pub(crate) struct Report {
    bench: &'static str,
    settings: Facts,
    figures: Vec<Facts>,
    goals: Vec<Goal>,
}

/// What was wanted beside what was measured.
#[derive(Debug)]
struct Goal {
    words: String,
    measured: String,
    /// `None`: reported, not wanted.
    met: Option<bool>,
}

impl Report {
    pub(crate) fn new(bench: &'static str, settings: Facts) -> Self {
        Self { bench, settings, figures: Vec::new(), goals: Vec::new() }
    }

    /// Adds settings that are known only later.
    pub(crate) fn settings(&mut self, more: Facts) {
        self.settings.extend(more);
    }

    /// Adds a line of the table. Lines may have different columns.
    pub(crate) fn figures(&mut self, figures: Facts) {
        self.figures.push(figures);
    }

    /// `measured` is to be at least `wanted`.
    pub(crate) fn at_least(&mut self, words: &str, wanted: f64, measured: f64, unit: &str) {
        self.goal(words, "≥", wanted, measured, unit, Some(measured >= wanted));
    }

    /// `measured` is to be at most `wanted`.
    pub(crate) fn at_most(&mut self, words: &str, wanted: f64, measured: f64, unit: &str) {
        self.goal(words, "≤", wanted, measured, unit, Some(measured <= wanted));
    }

    /// A ratio that nobody has set a goal for.
    pub(crate) fn note(&mut self, words: &str, measured: f64, unit: &str) {
        self.goals.push(Goal { words: words.to_owned(), measured: format!("{}{unit}", number(measured)), met: None });
    }

    fn goal(&mut self, words: &str, sign: &str, wanted: f64, measured: f64, unit: &str, met: Option<bool>) {
        let words = format!("{words} {sign} {}{unit}", number(wanted));
        self.goals.push(Goal { words, measured: format!("{}{unit}", number(measured)), met });
    }

    fn to_json(&self) -> Value {
        let goals =
            self.goals.iter().map(|goal| json!({"goal": goal.words, "measured": goal.measured, "met": goal.met}));
        json!({
            "bench": self.bench,
            "settings": object(&self.settings),
            "figures": self.figures.iter().map(object).collect::<Vec<_>>(),
            "goals": goals.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.bench)?;
        for (name, value) in &self.settings {
            writeln!(f, "  {name}: {}", text(value))?;
        }
        writeln!(f, "{}", figures_table(&self.figures))?;
        for goal in &self.goals {
            let verdict = match goal.met {
                Some(true) => "met   ",
                Some(false) => "MISSED",
                None => "      ",
            };
            writeln!(f, "  {verdict}  {}: {}", goal.words, goal.measured)?;
        }
        Ok(())
    }
}

/// Everything as one JSON object.
pub(crate) fn json(machine: &Facts, reports: &[Report]) -> Result<String> {
    let all = json!({"machine": object(machine), "benches": reports.iter().map(Report::to_json).collect::<Vec<_>>()});
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

/// The machine and the versions, for the head of the output.
pub(crate) fn machine_table(machine: &Facts) -> String {
    machine.iter().map(|(name, value)| format!("{name}: {}\n", text(value))).collect()
}

fn figures_table(figures: &[Facts]) -> Table {
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in figures.iter().flatten() {
        if !columns.contains(name) {
            columns.push(name);
        }
    }
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(&columns);
    for line in figures {
        table.add_row(columns.iter().map(|column| {
            line.iter().find(|(name, _)| name == column).map_or_else(String::new, |(_, value)| text(value))
        }));
    }
    for (index, name) in columns.iter().enumerate() {
        let is_number = figures.iter().flatten().any(|(other, value)| other == name && value.is_number());
        if let (true, Some(column)) = (is_number, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn object(facts: &Facts) -> Value {
    Value::Object(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(found) => found.as_f64().map_or_else(|| found.to_string(), number),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Three digits that mean something, thousands apart.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size < 10.0 && value.fract() != 0.0 => 2,
        size if size < 100.0 && value.fract() != 0.0 => 1,
        _ => 0,
    };
    let plain = format!("{value:.digits$}");
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && digit.is_ascii_digit() && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
}
