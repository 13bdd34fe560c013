//! One process of Apache Kafka with its storage, from the jars in the cache. [`crate::Kafka`] is one such node alone,
//! [`crate::Cluster`] three of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::supervised::{Start, Supervised};
use crate::wait::HANGS_AFTER;
use crate::{cache, records, wait};

/// A node; its storage outlives its process and goes with this value.
#[derive(Debug)]
pub(crate) struct Node {
    folder: PathBuf,
    /// Where it answers the harness.
    address: String,
    /// `-Xmx`.
    heap: &'static str,
    process: Option<Supervised>,
}

impl Node {
    /// A folder with the settings that `properties` gives for it; nothing runs yet.
    pub(crate) fn new(address: String, heap: &'static str, properties: impl FnOnce(&Path) -> String) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("barid-kafka-").tempdir()?.keep();
        let node = Self { folder, address, heap, process: None };
        fs::write(node.properties(), properties(&node.folder))?;
        fs::write(node.folder.join("log4j2.properties"), LOGGING)?;
        Ok(node)
    }

    /// Writes the cluster's id into the empty storage.
    pub(crate) fn format(&self, cluster_id: &str) -> Result<()> {
        let output = Command::new(cache::java(17)?)
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", &class_path(&self.folder)?])
            .args(["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"])
            .arg(self.properties())
            .output()?;
        if !output.status.success() {
            bail!("cannot format the storage:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Starts the process on the storage as it is.
    pub(crate) fn launch(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the node runs");
        }
        let java = cache::java(17)?;
        let process = Supervised::start(&Start {
            program: &java,
            arguments: [self.heap, "-XX:+UseSerialGC", "-cp", &class_path(&self.folder)?, "kafka.Kafka"]
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
        self.process = Some(process);
        Ok(())
    }

    /// Waits until it answers.
    pub(crate) fn wait_until_it_answers(&mut self) -> Result<()> {
        let (process, address) = (self.process.as_mut().context("the node does not run")?, &self.address);
        let ready = wait::wait_until("Kafka to answer", HANGS_AFTER, || {
            if !process.is_running()? {
                bail!("Kafka has ended");
            }
            Ok(records::answers(address))
        });
        ready.with_context(|| format!("Kafka has said:\n{}", process.tail()))
    }

    /// Sends a signal that ends it and waits until it has; its storage stays.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        self.wait_until_it_ends().map(drop)
    }

    /// Waits until it has ended, by itself or not; its exit code.
    pub(crate) fn wait_until_it_ends(&mut self) -> Result<i32> {
        let code = self.running()?.wait(HANGS_AFTER)?;
        self.process = None;
        Ok(code)
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.running()?.signal(signal)
    }

    /// The process, which runs or has just ended by itself.
    pub(crate) fn running(&mut self) -> Result<&mut Supervised> {
        self.process.as_mut().context("the node does not run")
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.process.take());
        // The supervisor has removed it if the node ran; if it was killed before, nobody has.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What all nodes have in common: small, quick to start, and with the time limits that the fault tests wait for.
pub(crate) fn common_properties(folder: &Path, replicas: usize) -> String {
    let in_sync = replicas.div_ceil(2).max(1);
    format!(
        "process.roles=broker,controller\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}/data\n\
         # 50 partitions each by default, which are slow to start.\n\
         offsets.topic.num.partitions=6\n\
         transaction.state.log.num.partitions=6\n\
         default.replication.factor={replicas}\n\
         min.insync.replicas={in_sync}\n\
         offsets.topic.replication.factor={replicas}\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr={in_sync}\n\
         share.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr={in_sync}\n\
         # A group is complete as soon as its first member is there.\n\
         group.initial.rebalance.delay.ms=0\n\
         # A name that nobody declared is a mistake of the test.\n\
         auto.create.topics.enable=false\n\
         # A dead router holds readers back until its transaction is found to have timed out: 10 s by default.\n\
         transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n\
         # Below the session of a group's members (6 s): they find the new coordinator before they have to join anew.\n\
         broker.session.timeout.ms=4000\n\
         broker.heartbeat.interval.ms=1000\n\
         # Hundreds of small topics in one test run.\n\
         log.index.size.max.bytes=65536\n\
         log.cleaner.dedupe.buffer.size=2097152\n\
         log.cleaner.threads=1\n",
        folder.display()
    )
}

/// 16 bytes in base64url, as `StorageTool random-uuid` prints; no `-` in front, which would read as an option.
pub(crate) fn random_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let seed = crate::unique_prefix("cluster");
    let mut id: String =
        seed.bytes().rev().cycle().take(21).map(|byte| char::from(ALPHABET[usize::from(byte) % 62])).collect();
    // 22 digits hold 132 bits: of the last digit only the two highest bits may be set.
    id.push('A');
    id
}

/// The cache's jars, with the folder of the logging configuration first.
fn class_path(folder: &Path) -> Result<String> {
    Ok(format!("{}:{}/*", folder.display(), cache::fetched("kafka")?.display()))
}

const LOGGING: &str = "rootLogger.level=warn\n\
                       rootLogger.appenderRef.out.ref=out\n\
                       appender.out.type=Console\n\
                       appender.out.name=out\n\
                       appender.out.layout.type=PatternLayout\n\
                       appender.out.layout.pattern=%d{ISO8601} %p %m (%c)%n\n";
