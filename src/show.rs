//! How results look: tables, colours, dates.
//!
//! Colour is never the only carrier, and there is none unless stdout is a terminal. Persian text is printed as it is; the
//! terminal orders it.

pub(crate) mod fields;
pub(crate) mod timeline;

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use barid_schemas::Millis;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const ACCENT: Style = AnsiColor::Cyan.on_default();

/// One line of data.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(anstream::stdout().lock(), "{text}")
}

/// One line of words beside the data.
pub(crate) fn say(text: impl Display) {
    anstream::eprintln!("{text}");
}

/// `text` in a style that a terminal shows.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A table without lines, columns two blanks apart.
pub(crate) fn table<R: IntoIterator<Item = String>>(header: &[&str], rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header.to_vec());
    for row in rows {
        table.add_row(row.into_iter().collect::<Vec<_>>());
    }
    table.trim_fmt()
}

/// A number with its noun: `1 case`, `2 cases`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A day that is counted from 1970-01-01, as Avro does.
pub(crate) fn day(days: i64) -> Option<String> {
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok().map(|day| day.to_string())
}

/// An instant at the offset of its place, to the minute.
pub(crate) fn instant(at: Millis, utc_offset_minutes: i32) -> String {
    let offset = jiff::tz::Offset::from_seconds(utc_offset_minutes.saturating_mul(60)).unwrap_or(jiff::tz::Offset::UTC);
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| offset.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_else(|_| at.0.to_string())
}

/// The time of the wall clock.
pub(crate) fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}
