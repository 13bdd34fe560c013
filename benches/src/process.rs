//! A process that is measured: what it costs, read from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use barid_harness::HANGS_AFTER;
use barid_harness::supervised::{Start, Supervised};
use rustix::process::Signal;

/// For a role or a peer to end after it was asked to.
const ENDS_WITHIN: Duration = HANGS_AFTER;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system, all threads.
    pub(crate) cpu: Duration,
    /// The most memory that it has had.
    pub(crate) peak_bytes: u64,
}

/// What is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Program {
    pub(crate) fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self { program: program.into(), arguments: owned(arguments), environment: Vec::new() }
    }

    pub(crate) fn with_variable(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts it in `folder`; what it says goes to files there.
    pub(crate) fn start(&self, folder: &Path) -> Result<Measured> {
        let captured = folder.join("captured");
        fs::create_dir_all(&captured)?;
        let number = fs::read_dir(&captured)?.count();
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let process = Supervised::start(&Start {
            program: &self.program,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            // What the person at the terminal has set for a deployment of their own.
            without: own_variables(),
            working_folder: folder,
            capture: captured.join(format!("bench-{number:03}-{name}")),
            remove: None,
        })?;
        Ok(Measured { process, started: Instant::now() })
    }

    /// Runs it to its end, which must be a good one; what it has used.
    pub(crate) fn run(&self, folder: &Path, limit: Duration) -> Result<Ended> {
        self.start(folder)?.wait(limit)
    }
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Measured {
    process: Supervised,
    started: Instant,
}

/// One that has ended well.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) took: Duration,
    pub(crate) usage: Usage,
    /// What it has said on both streams.
    pub(crate) said: String,
}

impl Measured {
    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage(self.process.pid())
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// An error with its last words if it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        if !self.process.is_running()? {
            bail!("a process has ended before its time; it has said:\n{}", self.process.tail());
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<Ended> {
        let mut last = Usage::default();
        loop {
            if let Ok(usage) = self.usage() {
                last = usage;
            }
            if !self.process.is_running()? {
                break;
            }
            if self.started.elapsed() > limit {
                bail!("a process has not ended within {} s; it has said:\n{}", limit.as_secs(), self.process.tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = self.started.elapsed();
        let code = self.process.wait(ENDS_WITHIN)?;
        let said = self.process.output()? + &self.process.words()?;
        if code != 0 {
            bail!("a process has ended with code {code}; it has said:\n{said}");
        }
        Ok(Ended { took, usage: last, said })
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait(ENDS_WITHIN)?;
        Ok(())
    }
}

/// What the process with this number has used so far.
fn usage(pid: i32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold blanks; behind it come the state and then, as fields 14 and 15, the times.
    let fields: Vec<&str> = stat.rsplit_once(')').context("no name in /proc/stat")?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11..13).context("a short /proc/stat")?.iter().map(|f| f.parse().unwrap_or(0)).sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    Ok(Usage {
        cpu: Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64),
        // A process that is just ending has no memory any more.
        peak_bytes: kib.map(|kib: u64| kib * 1024).context("no memory")?,
    })
}

/// The binary that stands beside this one, such as `barid`.
pub(crate) fn beside_this(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.with_file_name(name);
    if !found.is_file() {
        bail!(
            "`{}` is not there\n  cure: just bench, or build both: cargo build --release -p barid -p barid-benches",
            found.display()
        );
    }
    Ok(found)
}

fn own_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("BARID_")).collect()
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}
