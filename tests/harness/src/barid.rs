//! The `barid` binary as a process of its own: run to its end, or started, watched and ended.

use std::cell::Cell;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value as Json;

use crate::supervised::{Start, Supervised};
use crate::wait::{self, HANGS_AFTER};

/// Runs `barid` in one folder with one environment.
#[derive(Debug)]
pub struct Barid {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// Numbers the captured outputs.
    count: Cell<u32>,
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    pub command: String,
    pub code: i32,
    /// Standard output: data.
    pub output: String,
    /// Standard error: words.
    pub words: String,
}

/// A role that runs.
#[derive(Debug)]
pub struct Running {
    command: String,
    process: Supervised,
}

impl Barid {
    /// `program` is `env!("CARGO_BIN_EXE_barid")` of the test; `folder` is where it runs and must exist.
    #[must_use]
    pub fn new(program: &str, folder: &Path) -> Self {
        Self { program: program.into(), folder: folder.to_owned(), environment: Vec::new(), count: Cell::default() }
    }

    /// Adds a variable to the environment of everything that is run from now on.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs a command to its end, whatever its exit code.
    pub fn try_run(&self, arguments: &[&str]) -> Result<Finished> {
        let mut running = self.start(arguments)?;
        let code = running.process.wait(HANGS_AFTER).with_context(|| running.command.clone())?;
        running.finished(code)
    }

    /// Runs a command that must succeed; its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        Ok(self.try_run(arguments)?.succeeded()?.output)
    }

    /// Runs a command that must succeed and prints one JSON value.
    pub fn json(&self, arguments: &[&str]) -> Result<Json> {
        let output = self.run(arguments)?;
        serde_json::from_str(&output).with_context(|| format!("`barid {}` printed:\n{output}", arguments.join(" ")))
    }

    /// Runs a command that must succeed and prints one JSON value a line.
    pub fn json_lines(&self, arguments: &[&str]) -> Result<Vec<Json>> {
        let output = self.run(arguments)?;
        let lines: Result<Vec<Json>, _> = output.lines().map(serde_json::from_str).collect();
        lines.with_context(|| format!("`barid {}` printed:\n{output}", arguments.join(" ")))
    }

    /// Starts a command and lets it run.
    pub fn start(&self, arguments: &[&str]) -> Result<Running> {
        let number = self.count.get() + 1;
        self.count.set(number);
        let captured = self.folder.join("captured");
        fs::create_dir_all(&captured)?;
        let first = arguments.first().unwrap_or(&"barid");
        let process = Supervised::start(&Start {
            program: &self.program,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: self.environment.clone(),
            // What the person at the terminal has set for a deployment of their own.
            without: env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .filter(|name| name.starts_with("BARID_"))
                .collect(),
            working_folder: &self.folder,
            capture: captured.join(format!("{number:03}-{first}")),
            remove: None,
        })?;
        Ok(Running { command: format!("barid {}", arguments.join(" ")), process })
    }
}

impl Finished {
    /// Itself, if the exit code is 0.
    pub fn succeeded(self) -> Result<Self> {
        if self.code != 0 {
            bail!("`{}` ended with code {}:\n{}{}", self.command, self.code, self.output, self.words);
        }
        Ok(self)
    }

    /// Itself, if the exit code is not 0.
    pub fn failed(self) -> Result<Self> {
        if self.code == 0 {
            bail!("`{}` did not fail:\n{}{}", self.command, self.output, self.words);
        }
        Ok(self)
    }

    /// Itself, if all of these stand in what it said, on either stream.
    pub fn saying(self, words: &[&str]) -> Result<Self> {
        for word in words {
            if !self.output.contains(word) && !self.words.contains(word) {
                bail!("`{}` did not say `{word}`:\n{}{}", self.command, self.output, self.words);
            }
        }
        Ok(self)
    }
}

impl Running {
    /// Waits until `text` stands in what it has said, on either stream.
    pub fn wait_for_text(&mut self, text: &str, limit: Duration) -> Result<()> {
        let found = wait::wait_until(&format!("`{}` to say `{text}`", self.command), limit, || {
            // Asked before the look, so that the last words of a process that ends are not missed.
            let running = self.process.is_running()?;
            if self.said()?.contains(text) {
                return Ok(true);
            }
            if !running {
                bail!("`{}` has ended without saying `{text}`", self.command);
            }
            Ok(false)
        });
        found.with_context(|| format!("it has said:\n{}", self.process.tail()))
    }

    /// Everything it has said so far, words first.
    pub fn said(&self) -> Result<String> {
        Ok(self.process.words()? + &self.process.output()?)
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> Result<bool> {
        self.process.is_running()
    }

    /// Waits until one of two processes with one name has ended: how it ended, and the other one. An error if both have.
    pub fn first_to_end(mut self, mut other: Self) -> Result<(Finished, Self)> {
        let mut running = (true, true);
        wait::wait_until("one of two processes with one name to end", HANGS_AFTER, || {
            running = (self.is_running()?, other.is_running()?);
            Ok(running != (true, true))
        })?;
        let (ended, left) = if running.0 { (other, self) } else { (self, other) };
        let ended = ended.wait(HANGS_AFTER)?;
        if running == (false, false) {
            bail!("both have ended:\n{}\n{}", ended.words, left.wait(HANGS_AFTER)?.words);
        }
        Ok((ended, left))
    }

    /// Stops it in the middle of what it does (SIGSTOP).
    pub fn freeze(&mut self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on after [`Running::freeze`] (SIGCONT).
    pub fn thaw(&mut self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Ends it without a word (SIGKILL).
    pub fn kill(mut self) -> Result<Finished> {
        self.process.signal(Signal::KILL)?;
        self.wait(HANGS_AFTER)
    }

    /// Asks it to end (SIGTERM) and waits until it has, no longer than `limit`.
    pub fn terminate(mut self, limit: Duration) -> Result<Finished> {
        self.process.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self, limit: Duration) -> Result<Finished> {
        let code = self.process.wait(limit).with_context(|| self.command.clone())?;
        self.finished(code)
    }

    fn finished(&self, code: i32) -> Result<Finished> {
        Ok(Finished {
            command: self.command.clone(),
            code,
            output: self.process.output()?,
            words: self.process.words()?,
        })
    }
}
