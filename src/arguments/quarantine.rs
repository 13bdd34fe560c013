//! `barid quarantine`: what is there, and what an operator does about it.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// One line for each row: place, reason, since when
    List {
        /// The code of the agency
        agency: String,
        /// The rows that were fixed or dropped, with who asked for it and why
        #[arg(long, conflicts_with = "csv")]
        settled: bool,
        /// Print a table for a spreadsheet
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// The rows of one case with their columns and what to do, in Persian and English
    Show {
        /// The code of the agency
        agency: String,
        /// A case number as the export or `list` writes it, or a row's identity
        key: String,
    },
    /// Read other values in the place of cells that are at fault
    #[command(
        override_usage = "barid quarantine fix <AGENCY> <CASE...|--all|--reason-code CODE|--file FILE> --set COLUMN=VALUE [--config FILE] [--yes]",
        after_help = "\
Examples:
  barid quarantine fix samt 99-1401-0101 --set 'کد ملی=9901001171' --config samt/connector.toml
  barid quarantine fix samt --file permits.csv --row 17 --set 'تاریخ=1401/07/30' --yes
  barid quarantine fix samt --reason-code unknown_status --set 'وضعیت=بررسی' --yes

The export stays as it is. The row becomes an event with its own file and number, what waited
behind it goes on, and later exports that hold the row as it was are read as it was fixed.
Where the mapping is at fault, mend connector.toml and start the connector again: the rows go on
by themselves, and `barid quarantine resume` shows beforehand which."
    )]
    Fix(FixArguments),
    /// Try rows again with the mapping of the day, or take a decision back
    #[command(
        override_usage = "barid quarantine resume <AGENCY> <CASE...|--all|--reason-code CODE|--file FILE> [--settled] [--config FILE] [--yes]",
        after_help = "\
Examples:
  barid quarantine resume samt --all --config connector.toml   what a mended mapping would release
  barid quarantine resume samt --all --yes
  barid quarantine resume samt 99-1401-0101 --settled --yes    a dropped row comes back as it was

A connector tries all rows again when it starts and with each file that it reads."
    )]
    Resume(ResumeArguments),
    /// Take rows for settled without an event; what waited behind them goes on
    #[command(
        override_usage = "barid quarantine drop <AGENCY> <CASE...|--all|--reason-code CODE|--file FILE> --reason REASON [--config FILE] [--yes]",
        after_help = "\
Examples:
  barid quarantine drop samt 99-1401-0101 --reason 'typed twice'
  barid quarantine drop samt --file test.csv --reason 'a test of ours' --yes
  barid quarantine drop samt --reason-code wrong_cell_count --reason 'lines of a footer' --yes

A dropped row does not come back with the next export as long as none of its cells changes. Who
asked and why stands in `barid quarantine list AGENCY --settled`; `resume --settled` takes it back."
    )]
    Drop(DropArguments),
    /// Everything that was asked, by whom, why, and what came of it
    History {
        /// The code of the agency
        agency: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which rows. Several of these narrow the choice.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["keys", "all", "reason_code", "file"]))]
pub(crate) struct RowsArguments {
    /// The code of the agency
    pub agency: String,
    /// Case numbers as the export or `list` writes them, or identities of rows
    #[arg(value_name = "CASE")]
    pub keys: Vec<String>,
    /// All rows at fault
    #[arg(long, conflicts_with = "keys")]
    pub all: bool,
    /// Rows at fault for this reason, as `list` writes it
    #[arg(long, value_name = "CODE")]
    pub reason_code: Option<String>,
    /// Rows of this file
    #[arg(long, value_name = "FILE")]
    pub file: Option<String>,
    /// The row with this number, whether it is at fault or waits
    #[arg(long, value_name = "N", requires = "file")]
    pub row: Option<i64>,
    /// The connector's configuration: with it the preview says what would come of it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The agency's catalogue [default: `catalogue.toml` beside the configuration, if it is there]
    #[arg(long, value_name = "FILE", requires = "config")]
    pub catalogue: Option<PathBuf>,
    /// Who asks, for the record [default: the name of the user]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Do it; without this it is only shown what would happen
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FixArguments {
    #[command(flatten)]
    pub rows: RowsArguments,
    /// The value to read in a column; may be given several times
    #[arg(long = "set", value_name = "COLUMN=VALUE", required = true, value_parser = column_and_value)]
    pub set: Vec<(String, String)>,
    /// Why, for the record
    #[arg(long)]
    pub reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    pub rows: RowsArguments,
    /// Of the rows that were fixed or dropped: as if nobody had decided about them
    #[arg(long)]
    pub settled: bool,
    /// Why, for the record
    #[arg(long)]
    pub reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DropArguments {
    #[command(flatten)]
    pub rows: RowsArguments,
    /// Why, for the record
    #[arg(long, required = true)]
    pub reason: String,
}

fn column_and_value(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("write COLUMN=VALUE")?;
    Ok((column.trim().to_owned(), value.to_owned()))
}
