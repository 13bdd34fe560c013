//! One node of Apache Kafka (KRaft, broker and controller in one), from the jars in the cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::supervised::{Start, Supervised};
use crate::{cache, ports, records, wait};

/// Names the broker of the whole test run; `tests/run.sh` sets it.
pub const BOOTSTRAP_VARIABLE: &str = "BARID_TEST_BOOTSTRAP";

/// A node answers after 3 s; on a machine that compiles at the same time it was seen to take 15.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// An orderly stop moves leadership and closes segments.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// Another process may take a port between the look and the start.
const ATTEMPTS: usize = 3;

/// A broker of its own, for tests that kill it. All others share [`shared_kafka`].
#[derive(Debug)]
pub struct Kafka {
    folder: PathBuf,
    port: u16,
    process: Option<Supervised>,
}

impl Kafka {
    /// Formats a new storage folder and starts a node on it; returns when the node answers.
    pub fn start() -> Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::start_once() {
                Ok(kafka) => return Ok(kafka),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt")?)
    }

    fn start_once() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("barid-kafka-").tempdir()?.keep();
        let [port, controller_port] = ports::free()?;
        let mut kafka = Self { folder, port, process: None };
        fs::write(kafka.properties(), properties(&kafka.folder, port, controller_port))?;
        fs::write(kafka.folder.join("log4j2.properties"), LOGGING)?;
        kafka.format()?;
        kafka.run()?;
        Ok(kafka)
    }

    /// `host:port`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends the node without a word (SIGKILL); its storage stays.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::KILL)
    }

    /// Asks the node to stop (SIGTERM) and waits until it has; its storage stays.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::TERM)
    }

    /// Starts the node again, on the same port and the same storage.
    pub fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the node runs");
        }
        self.run()
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let mut process = self.process.take().context("the node does not run")?;
        process.signal(signal)?;
        process.wait(STOPS_WITHIN)?;
        Ok(())
    }

    fn format(&self) -> Result<()> {
        let output = Command::new(cache::java(17)?)
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", &class_path(&self.folder)?])
            .args(["kafka.tools.StorageTool", "format", "-t", &random_cluster_id(), "-c"])
            .arg(self.properties())
            .output()?;
        if !output.status.success() {
            bail!("cannot format the storage:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let java = cache::java(17)?;
        let mut process = Supervised::start(&Start {
            program: &java,
            arguments: ["-Xmx512m", "-XX:+UseSerialGC", "-cp", &class_path(&self.folder)?, "kafka.Kafka"]
                .into_iter()
                .map(str::to_owned)
                .chain([self.properties().display().to_string()])
                .collect(),
            environment: Vec::new(),
            without: Vec::new(),
            working_folder: &self.folder,
            capture: self.folder.join("node"),
            remove: Some(self.folder.clone()),
        })?;
        let bootstrap_servers = self.bootstrap_servers();
        let ready = wait::wait_until("Kafka to answer", READY_WITHIN, || {
            if !process.is_running()? {
                bail!("Kafka has ended");
            }
            Ok(records::answers(&bootstrap_servers))
        });
        ready.with_context(|| format!("Kafka has said:\n{}", process.tail()))?;
        self.process = Some(process);
        Ok(())
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        drop(self.process.take());
        // The supervisor has removed it if the node ran; if it was killed before, nobody has.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The broker of this test run: the one that [`BOOTSTRAP_VARIABLE`] names, else one that this process starts once and
/// that ends with it.
pub fn shared_kafka() -> Result<&'static str> {
    static SHARED: OnceLock<Result<(String, Option<Kafka>), String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match env::var(BOOTSTRAP_VARIABLE) {
        Ok(bootstrap_servers) if !bootstrap_servers.is_empty() => Ok((bootstrap_servers, None)),
        _ => match Kafka::start() {
            Ok(kafka) => Ok((kafka.bootstrap_servers(), Some(kafka))),
            Err(error) => Err(format!("{error:#}")),
        },
    });
    match shared {
        Ok((bootstrap_servers, _)) => Ok(bootstrap_servers),
        Err(error) => bail!("there is no broker for the tests: {error}"),
    }
}

/// A prefix for topics, groups and transactional ids that no other test, process or run has: `<name>-<unique>.`.
#[must_use]
pub fn unique_prefix(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{name}-{now:x}-{:x}-{:x}.", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The cache's jars, with the folder of the logging configuration first.
fn class_path(folder: &Path) -> Result<String> {
    Ok(format!("{}:{}/*", folder.display(), cache::fetched("kafka")?.display()))
}

/// 16 bytes in base64url, as `StorageTool random-uuid` prints; no `-` in front, which would read as an option.
fn random_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let seed = unique_prefix("cluster");
    let mut id: String =
        seed.bytes().rev().cycle().take(21).map(|byte| char::from(ALPHABET[usize::from(byte) % 62])).collect();
    // 22 digits hold 132 bits: of the last digit only the two highest bits may be set.
    id.push('A');
    id
}

/// Small, quick to start, and with the time limits that the fault tests wait for.
fn properties(folder: &Path, port: u16, controller_port: u16) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}/data\n\
         # 50 partitions each by default, which are slow to start.\n\
         offsets.topic.num.partitions=6\n\
         transaction.state.log.num.partitions=6\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         # A group is complete as soon as its first member is there.\n\
         group.initial.rebalance.delay.ms=0\n\
         # A name that nobody declared is a mistake of the test.\n\
         auto.create.topics.enable=false\n\
         # A dead router holds readers back until its transaction is found to have timed out: 10 s by default.\n\
         transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n\
         broker.session.timeout.ms=6000\n\
         # Hundreds of small topics in one test run.\n\
         log.index.size.max.bytes=65536\n\
         log.cleaner.dedupe.buffer.size=2097152\n\
         log.cleaner.threads=1\n",
        folder.display()
    )
}

const LOGGING: &str = "rootLogger.level=warn\n\
                       rootLogger.appenderRef.out.ref=out\n\
                       appender.out.type=Console\n\
                       appender.out.name=out\n\
                       appender.out.layout.type=PatternLayout\n\
                       appender.out.layout.pattern=%d{ISO8601} %p %m (%c)%n\n";
