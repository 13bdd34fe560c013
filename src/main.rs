//! `barid`: the one binary.
//!
//! Arguments come in, roles are started, exit codes go out. This folder is the only place that reads the environment, prints, and
//! knows all the agencies that are built in.

// Printing is what this folder is for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod builtin;
mod commands;
mod deployment;
mod exit;
mod failure;
mod show;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    commands::run(arguments).into()
}
