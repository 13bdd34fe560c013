//! The peer: a Kafka Streams program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use barid_harness::cache;

use crate::process::Program;
use crate::router::COMMIT_INTERVAL_MS;
use crate::stage::Stage;

/// Beside the checkout's root.
const SOURCE: &str = "benches/peers/FanOut.java";

/// Compiles it into the stage's folder; where its classes are.
pub(crate) fn compile(stage: &Stage) -> Result<PathBuf> {
    let classes = stage.folder().join("classes");
    let source = cache::checkout().join(SOURCE);
    let compiler = cache::java(17)?.with_file_name("javac");
    let output = Command::new(compiler).args(["-cp", &jars()?]).arg("-d").arg(&classes).arg(source).output()?;
    if !output.status.success() {
        bail!("cannot compile `{SOURCE}`:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(classes)
}

/// The program with these settings.
pub(crate) fn program(
    stage: &Stage,
    classes: &Path,
    name: &str,
    threads: usize,
    destinations: &Path,
) -> Result<Program> {
    let class_path = format!("{}:{}", classes.display(), jars()?);
    let (threads, interval) = (threads.to_string(), COMMIT_INTERVAL_MS.to_string());
    let destinations = destinations.display().to_string();
    let pattern = stage.topics().events_pattern();
    let arguments = ["-Xmx512m", "-cp", &class_path, "FanOut", stage.bootstrap_servers(), name];
    Ok(Program::new(cache::java(17)?, &[&arguments[..], &[&threads, &interval, &pattern, &destinations]].concat()))
}

fn jars() -> Result<String> {
    Ok(format!("{}/*", cache::fetched("kafka")?.display()))
}
