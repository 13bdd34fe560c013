//! A process that cannot outlive the test that started it.
//!
//! Between the test and the process stands a small shell script, the supervisor. It holds the reading end of a pipe whose
//! writing end only the test process has. When the pipe closes, because the test dropped the process, panicked, was
//! interrupted or was killed, the supervisor kills the process and removes its folder. Nothing has to run in the test
//! process for that, so a `static` that is never dropped is covered as well.
//!
//! The supervisor has a process group of its own: an interrupt at the terminal reaches the test process alone, and the
//! supervisor does its work after it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::wait::{HANGS_AFTER, wait_for};

/// `$1` the file for the output, `$2` the file for the words, `$3` a folder to remove or nothing, then the command.
///
/// The watcher ignores TERM from the moment that the pipe has closed, so that its exit code tells the two endings apart:
/// killed by the line below it (143), the process ended by itself; 0, the test is gone and the folder goes too. The shell's
/// own remarks on killed children are not wanted, so its standard error goes nowhere once the process is started.
const SUPERVISOR: &str = r#"
output=$1 words=$2 folder=$3
shift 3
exec 3<&0
"$@" </dev/null 3<&- >"$output" 2>"$words" &
child=$!
echo "$child"
exec 2>/dev/null
( read -r _; trap '' TERM; kill -KILL "$child"; exit 0 ) <&3 &
watcher=$!
wait "$child"
code=$?
kill "$watcher"
if wait "$watcher" && [ -n "$folder" ]; then rm -rf "$folder"; fi
exit "$code"
"#;

/// What a process needs to start.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    pub program: &'a Path,
    pub arguments: Vec<String>,
    /// Added to the environment of the test process, after what is in `without` has been taken away.
    pub environment: Vec<(String, String)>,
    /// The names of variables that the process must not see.
    pub without: Vec<String>,
    pub working_folder: &'a Path,
    /// Where the captured output goes: `<capture>.out` and `<capture>.err`.
    pub capture: PathBuf,
    /// Removed when the test process is gone.
    pub remove: Option<PathBuf>,
}

/// A running process, or one that has ended and was not asked yet.
#[derive(Debug)]
pub struct Supervised {
    supervisor: Child,
    /// Dropping it makes the supervisor kill the process.
    lifeline: Option<ChildStdin>,
    pid: Pid,
    output: PathBuf,
    words: PathBuf,
    code: Option<i32>,
}

impl Supervised {
    /// Starts the process.
    pub fn start(start: &Start<'_>) -> Result<Self> {
        let output = start.capture.with_extension("out");
        let words = start.capture.with_extension("err");
        File::create(&output).with_context(|| format!("cannot write `{}`", output.display()))?;
        File::create(&words)?;
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "supervisor"]).arg(&output).arg(&words);
        command.arg(start.remove.as_deref().unwrap_or(Path::new("")));
        command.arg(start.program).args(&start.arguments);
        for name in &start.without {
            command.env_remove(name);
        }
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(start.working_folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut supervisor = command.spawn().context("cannot start `sh`")?;
        let lifeline = supervisor.stdin.take();
        let mut line = String::new();
        let stdout = supervisor.stdout.take().context("the supervisor has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let pid = line
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .with_context(|| format!("`{}` did not start", start.program.display()))?;
        Ok(Self { supervisor, lifeline, pid, output, words, code: None })
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> Result<bool> {
        if self.code.is_none()
            && let Some(status) = self.supervisor.try_wait()?
        {
            self.code = Some(status.code().unwrap_or(-1));
        }
        Ok(self.code.is_none())
    }

    /// The number of the process, to look at it in `/proc`.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if !self.is_running()? {
            bail!("the process has already ended with code {}", self.code.unwrap_or(-1));
        }
        kill_process(self.pid, signal).with_context(|| format!("cannot send {signal:?}"))
    }

    /// Makes every write that would let a file grow beyond `bytes` fail. Takes effect at once, in the running process.
    pub fn limit_file_size(&mut self, bytes: u64) -> Result<()> {
        if !self.is_running()? {
            bail!("the process has already ended with code {}", self.code.unwrap_or(-1));
        }
        // Only the soft limit is lowered, which everybody may do for processes of their own.
        let maximum = getrlimit(Resource::Fsize).maximum;
        prlimit(Some(self.pid), Resource::Fsize, Rlimit { current: Some(bytes), maximum })
            .context("cannot limit the size of files")?;
        Ok(())
    }

    /// Waits for the end; the exit code, 128 and the signal if one ended it.
    pub fn wait(&mut self, limit: Duration) -> Result<i32> {
        let ended = wait_for("the process to end", limit, || Ok((!self.is_running()?).then_some(())));
        ended.with_context(|| format!("it has said:\n{}", self.tail()))?;
        Ok(self.code.unwrap_or(-1))
    }

    /// What it has written to standard output so far.
    pub fn output(&self) -> Result<String> {
        read_lossy(&self.output)
    }

    /// What it has written to standard error so far.
    pub fn words(&self) -> Result<String> {
        read_lossy(&self.words)
    }

    /// The last lines of both, for messages of failed tests.
    #[must_use]
    pub fn tail(&self) -> String {
        let mut text = self.output().unwrap_or_default();
        text.push_str(&self.words().unwrap_or_default());
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let start = Instant::now();
        while start.elapsed() < HANGS_AFTER {
            match self.supervisor.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }
}

/// The process writes while this reads, so the end may be half a character.
fn read_lossy(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(folder: &Path, script: &str, remove: Option<PathBuf>) -> Supervised {
        Supervised::start(&Start {
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("GREETING".into(), "salaam".into())],
            without: vec!["HOME".into()],
            working_folder: folder,
            capture: folder.join("process"),
            remove,
        })
        .unwrap()
    }

    #[test]
    fn captures_output_words_and_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell(folder.path(), "echo $GREETING; echo \"no home: $HOME\" >&2; exit 7", None);
        assert_eq!(process.wait(HANGS_AFTER).unwrap(), 7);
        assert_eq!(process.output().unwrap(), "salaam\n");
        assert_eq!(process.words().unwrap(), "no home: \n");
    }

    #[test]
    fn a_killed_process_is_told_from_one_that_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell(folder.path(), "exec sleep 60", None);
        assert!(process.is_running().unwrap());
        process.signal(Signal::KILL).unwrap();
        assert_eq!(process.wait(HANGS_AFTER).unwrap(), 128 + 9);
        assert!(process.signal(Signal::TERM).is_err());
    }

    #[test]
    fn a_process_that_ended_by_itself_keeps_its_folder_and_a_dropped_one_loses_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).unwrap();
        let mut process = shell(folder.path(), "true", Some(storage.clone()));
        process.wait(HANGS_AFTER).unwrap();
        drop(process);
        assert!(storage.exists());
        let process = shell(folder.path(), "exec sleep 60", Some(storage.clone()));
        let pid = process.pid;
        drop(process);
        assert!(!storage.exists());
        assert!(kill_process(pid, Signal::TERM).is_err(), "the process still runs");
    }

    /// The test process is played by a shell that holds the writing end of a supervisor's pipe and is then killed.
    #[test]
    fn nothing_outlives_a_test_process_that_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).unwrap();
        fs::write(folder.path().join("supervisor.sh"), SUPERVISOR).unwrap();
        let script = "mkfifo pipe; sh supervisor.sh inner.out inner.err \"$PWD/storage\" sleep 60 <pipe >pid & \
                      exec 9>pipe; while [ ! -s pid ]; do :; done; echo ready; sleep 60 9>&-";
        let mut player = shell(folder.path(), script, None);
        wait_for("the inner process", HANGS_AFTER, || Ok(player.output()?.contains("ready").then_some(()))).unwrap();
        let inner = fs::read_to_string(folder.path().join("pid")).unwrap().trim().parse().unwrap();
        let inner = Pid::from_raw(inner).unwrap();
        assert!(rustix::process::test_kill_process(inner).is_ok());
        player.signal(Signal::KILL).unwrap();
        wait_for("the storage to go", HANGS_AFTER, || Ok((!storage.exists()).then_some(()))).unwrap();
        assert!(rustix::process::test_kill_process(inner).is_err(), "the inner process still runs");
    }
}
