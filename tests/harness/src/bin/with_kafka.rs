//! `with_kafka COMMAND ARGUMENT...`: starts one broker, runs the command with its address in `BARID_TEST_BOOTSTRAP`, ends
//! with the command's exit code. So one broker serves all test binaries of a run; `tests/run.sh` and the `justfile` use it.

#![allow(clippy::print_stderr, reason = "a command that talks to the person who runs the tests")]

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};
use barid_harness::Kafka;
use barid_harness::kafka::BOOTSTRAP_VARIABLE;

fn main() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let command = arguments.next().context("no command\n  usage: with_kafka COMMAND ARGUMENT...")?;
    let start = Instant::now();
    let kafka = Kafka::start()?;
    eprintln!("Kafka answers at {} after {:.1} s", kafka.bootstrap_servers(), start.elapsed().as_secs_f32());
    let status = Command::new(&command)
        .args(arguments)
        .env(BOOTSTRAP_VARIABLE, kafka.bootstrap_servers())
        .status()
        .with_context(|| format!("cannot run `{}`", command.display()))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
