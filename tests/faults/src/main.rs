//! The fault suite: the bus on a cluster that breaks.
//!
//! Three brokers (replication 3, two copies in step), three connectors that read an endless source of exports, two to three
//! routers with several slots, all of them real processes, each with a network of its own. A schedule that depends on the
//! seed alone kills, freezes, replaces, cuts off and fills up one after the other, while slots and routers come and go.
//! Then everything must arrive, and the checks decide.
//!
//! ```text
//! generator ──► feed ──► connectors ──► events.* ──► routers ──► inbox.*
//!     │                      ▲             ▲  │         ▲          │  │
//!     │                      └── inflict ──┴──┼─────────┘          │  │
//!     │            (processes, brokers, network, registry)         │  │
//!     │                                 witness ◄── while it runs ─┘  │
//!     └──► check ◄─────────────────────── after it ──────────────────┘    and `barid audit`
//! ```
//!
//! The exports and the schedule are the same for the same seed; what a fault meets in the middle is not, for processes and
//! networks have a time of their own. It does not test one broker, other clients, or Kafka's own promises with
//! `acks` or `min.insync.replicas` set to less.

#![allow(clippy::print_stdout, reason = "a command that talks to the person who runs it")]
#![allow(clippy::print_stderr, reason = "the same")]

mod arguments;
mod check;
mod fault;
mod feed;
mod generator;
mod inflict;
mod machine;
mod report;
mod rules;
mod run;
mod stage;
mod witness;

use std::env;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use arguments::Arguments;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    // Built by the same command, so it is of the same source and profile.
    let barid = env::current_exe()?.with_file_name("barid");
    let barid = barid
        .to_str()
        .filter(|_| barid.exists())
        .with_context(|| format!("`{}` is not there\n  cure: `cargo build --workspace --bins`", barid.display()))?;
    let run = run::run(&arguments, barid, &|line| println!("{line}"))?;
    print!("\n{}", run.summary());
    if let Some(path) = &arguments.report {
        fs::write(path, run.page()).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if run.is_good() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("\nnot as it must be; the same exports and faults again: {}", run.command);
    Ok(ExitCode::FAILURE)
}
