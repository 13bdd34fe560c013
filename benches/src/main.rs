//! How fast the bus is, as ratios from one run.
//!
//! Each bench measures the bus beside something that does the same work: the router beside a bare loop and beside Kafka
//! Streams, the codec beside two Avro libraries, the largest policy beside the smallest. What a machine does in absolute
//! figures says little; what stands side by side in one run says what the bus costs.
//!
//! ```text
//! sample   the events of the real exports, with the copies that the real policy gives them
//! stage    a broker, a registry, a deployment of the bus; loads events into its topics
//! codec, router, latency, policy_size, connector, start, audit    one bench each: figures and goals
//! report   a table for people on stdout, JSON for programs in a file
//! ```
//!
//! The roles run as the `barid` binary that stands beside this one, in processes of their own. What is measured here is never
//! asserted: a bench that misses a goal says so and ends well.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that talks to the person who measures")]

mod audit;
mod codec;
mod connector;
mod latency;
mod machine;
mod policy_size;
mod process;
mod report;
mod router;
mod sample;
mod stage;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::report::Report;
use crate::router::limit::{self, LimitArguments};

/// Measures the bus and prints ratios from one run.
#[derive(Debug, Parser)]
#[command(name = "barid-bench", version)]
struct Arguments {
    /// Which benches; all if none is named
    #[arg(value_enum)]
    benches: Vec<Bench>,
    /// A run of seconds that measures nothing worth reading, to see that every bench still works
    #[arg(long)]
    smoke: bool,
    /// Also write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rows of the connector's export, a million if not said
    #[arg(long, value_name = "ROWS")]
    rows: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Span walk and view beside two Avro libraries
    Codec,
    /// The router beside a bare loop and Kafka Streams
    Router,
    /// From a connector's send to a subscriber, at 100, 1,000 and 5,000 events/s
    Latency,
    /// The largest policy beside the smallest
    PolicySize,
    /// A million rows, and again with 1 % of them changed
    Connector,
    /// Until the demo is done, until a router has written its first copy
    Start,
    /// The auditor, over a million events and over a tenth of them
    Audit,
}

/// How long and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What the figures in docs/performance.md come from.
    Full,
    /// Seconds.
    Smoke,
}

impl Scale {
    /// One of the two.
    pub(crate) fn pick<T>(self, full: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Smoke => smoke,
        }
    }
}

fn main() -> ExitCode {
    // The loop of the router bench runs as a process of its own, to be measured like the others.
    let is_loop = std::env::args().nth(1).is_some_and(|first| first == limit::COMMAND);
    let outcome = if is_loop {
        limit::run(&LimitArguments::parse_from(std::env::args().skip(1)))
    } else {
        run(&Arguments::parse())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let scale = if arguments.smoke { Scale::Smoke } else { Scale::Full };
    let benches = if arguments.benches.is_empty() { Bench::value_variants() } else { &arguments.benches };
    let machine = machine::describe(scale);
    println!("{}", report::machine_table(&machine));
    let mut reports: Vec<Report> = Vec::new();
    for bench in benches {
        let report = match bench {
            Bench::Codec => codec::run(scale)?,
            Bench::Router => router::run(scale)?,
            Bench::Latency => latency::run(scale)?,
            Bench::PolicySize => policy_size::run(scale)?,
            Bench::Connector => connector::run(scale, arguments.rows)?,
            Bench::Start => start::run(scale)?,
            Bench::Audit => audit::run(scale)?,
        };
        println!("{report}");
        reports.push(report);
        // After each bench, so that a run that is broken off leaves what it has measured.
        if let Some(file) = &arguments.json {
            std::fs::write(file, report::json(&machine, &reports)?)?;
        }
    }
    Ok(())
}
