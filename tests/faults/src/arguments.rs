//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::fault::Fault;

/// Breaks a cluster, the bus on it and the network between them, and proves that nothing is lost, doubled or out of order
#[derive(Debug, Clone, Parser)]
#[command(name = "barid-faults", version)]
pub(crate) struct Arguments {
    /// Decides exports, faults and whom they hit [default: by chance, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// How many events are published at least
    #[arg(long, default_value_t = 50_000)]
    pub(crate) events: u64,

    /// How many faults there are; of 18 every kind comes once
    #[arg(long, default_value_t = 18)]
    pub(crate) faults: usize,

    /// Faults of these kinds only; may be given several times
    #[arg(long, value_name = "KIND", value_parser = Fault::named)]
    pub(crate) only: Vec<Fault>,

    /// Leave slots and routers as they are between the faults, so that a wait is the fault's alone
    #[arg(long)]
    pub(crate) steady: bool,

    /// Write a report
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Arguments that every connector and router gets besides its own, such as `--log-level=debug`
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) role_argument: Vec<String>,

    /// Keep the folder with what each process has said
    #[arg(long)]
    pub(crate) keep: bool,
}
