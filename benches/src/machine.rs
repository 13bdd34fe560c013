//! On what it was measured: machine, versions, load.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::Scale;
use crate::report::Facts;

/// The head of every output.
pub(crate) fn describe(scale: Scale) -> Facts {
    vec![
        ("date", json!(jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string())),
        ("processor", json!(processor())),
        ("cores", json!(std::thread::available_parallelism().map_or(0, std::num::NonZero::get))),
        ("memory GiB", json!(memory_gib())),
        ("system", json!(format!("{} {}", std::env::consts::OS, first_line("uname", &["-r"])))),
        ("load before", json!(load())),
        ("rustc", json!(first_line("rustc", &["--version"]))),
        ("java", json!(java())),
        ("librdkafka", json!(rdkafka::util::get_rdkafka_version().1)),
        ("barid", json!(env!("CARGO_PKG_VERSION"))),
        ("commit", json!(first_line("git", &["describe", "--always", "--dirty"]))),
        ("build", json!(if cfg!(debug_assertions) { "debug: the figures mean nothing" } else { "release" })),
        ("scale", json!(scale.pick("full", "smoke: the figures mean nothing"))),
    ]
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

fn memory_gib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    total.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) >> 20
}

/// What else the machine does: the average of the last minute.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

fn java() -> String {
    let Ok(java) = barid_harness::cache::java(17) else { return "none".to_owned() };
    first_line(&java.display().to_string(), &["--version"])
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(barid_harness::cache::checkout()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}
