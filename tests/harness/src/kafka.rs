//! One node of Apache Kafka (KRaft, broker and controller in one).

use std::env;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::node::{Node, common_properties, random_cluster_id};
use crate::ports;

/// Names the broker of the whole test run; `tests/run.sh` sets it.
pub const BOOTSTRAP_VARIABLE: &str = "BARID_TEST_BOOTSTRAP";

/// Another process may take a port between the look and the start.
const ATTEMPTS: usize = 3;

/// A broker of its own, for tests that kill it. All others share [`shared_kafka`].
#[derive(Debug)]
pub struct Kafka {
    node: Node,
}

impl Kafka {
    /// Formats a new storage folder and starts a node on it; returns when the node answers.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with lines of `server.properties` that go before those of the harness.
    pub fn start_with(settings: &str) -> Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::start_once(settings) {
                Ok(kafka) => return Ok(kafka),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt")?)
    }

    fn start_once(settings: &str) -> Result<Self> {
        let [port, controller_port] = ports::free()?;
        let address = format!("127.0.0.1:{port}");
        let mut node = Node::new(address, "-Xmx512m", |folder| {
            // Of two lines for one setting the later one holds.
            properties(folder, port, controller_port) + settings
        })?;
        node.format(&random_cluster_id())?;
        node.launch()?;
        node.wait_until_it_answers()?;
        Ok(Self { node })
    }

    /// `host:port`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.node.address().to_owned()
    }

    /// Ends the node without a word (SIGKILL); its storage stays.
    pub fn kill(&mut self) -> Result<()> {
        self.node.end(Signal::KILL)
    }

    /// Asks the node to stop (SIGTERM) and waits until it has; its storage stays.
    pub fn stop(&mut self) -> Result<()> {
        self.node.end(Signal::TERM)
    }

    /// Starts the node again, on the same port and the same storage.
    pub fn restart(&mut self) -> Result<()> {
        self.node.launch()?;
        self.node.wait_until_it_answers()
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

fn properties(folder: &Path, port: u16, controller_port: u16) -> String {
    format!(
        "node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         {}",
        common_properties(folder, 1)
    )
}
