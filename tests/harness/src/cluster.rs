//! Three nodes of Apache Kafka that form one cluster, and a network of its own for each client process.
//!
//! Everything is replicated three times, and two copies must be there. Each client process has a *seat*: every node has a
//! listener for it, advertised at the port of a [`Proxy`]; so all traffic between that process and that node, and nothing
//! else, goes through this proxy, whatever broker the client is sent to.
//!
//! ```text
//! router-1 ──► proxy (router-1, node 1) ──► listener SEAT0 of node 1
//!         └──► proxy (router-1, node 2) ──► listener SEAT0 of node 2
//! harness ───────────────────────────────► listener INSIDE of each node, which the nodes use among themselves
//! ```

use std::path::Path as File;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::node::{Node, common_properties, random_cluster_id};
use crate::proxy::{Path, Proxy};
use crate::{ports, records};

const NODES: usize = 3;

/// Another process may take a port between the look and the start.
const ATTEMPTS: usize = 3;

/// The cluster; it ends with this value.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    seats: Vec<Seat>,
}

/// The network of one client process.
#[derive(Debug)]
struct Seat {
    name: String,
    bootstrap_servers: String,
    /// One for each node.
    proxies: Vec<Proxy>,
}

/// The ports of one node.
struct Ports {
    inside: u16,
    controller: u16,
    /// By seat: listener and proxy.
    seats: Vec<(u16, u16)>,
}

impl Cluster {
    /// Starts the nodes, with a seat for each name; returns when all nodes answer.
    pub fn start(seats: &[&str]) -> Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::start_once(seats) {
                Ok(cluster) => return Ok(cluster),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt")?)
    }

    fn start_once(names: &[&str]) -> Result<Self> {
        let ports = ports_of_nodes(names.len())?;
        let mut seats = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let pairs: Vec<(u16, u16)> = ports.iter().map(|node| node.seats[index]).collect();
            let bootstrap_servers: Vec<String> = pairs.iter().map(|(_, proxy)| format!("127.0.0.1:{proxy}")).collect();
            let proxies =
                pairs.iter().map(|(listener, proxy)| Proxy::start(*proxy, *listener)).collect::<Result<_>>()?;
            seats.push(Seat { name: (*name).to_owned(), bootstrap_servers: bootstrap_servers.join(","), proxies });
        }
        let nodes = (0..NODES).map(|index| {
            let address = format!("127.0.0.1:{}", ports[index].inside);
            Node::new(address, "-Xmx384m", |folder| properties(folder, index, &ports))
        });
        let mut cluster = Self { nodes: nodes.collect::<Result<_>>()?, seats };
        let id = random_cluster_id();
        thread::scope(|scope| {
            let formats: Vec<_> = cluster.nodes.iter().map(|node| scope.spawn(|| node.format(&id))).collect();
            formats.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| bail!("formatting panicked")))
        })?;
        for node in &mut cluster.nodes {
            node.launch()?;
        }
        for node in &mut cluster.nodes {
            node.wait_until_it_answers()?;
        }
        Ok(cluster)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes, past every proxy: for the harness itself.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.nodes.iter().map(Node::address).collect::<Vec<_>>().join(",")
    }

    /// What the process with this seat must be given as its bootstrap servers.
    pub fn seat(&self, name: &str) -> Result<&str> {
        Ok(&self.seat_named(name)?.bootstrap_servers)
    }

    /// Changes the network between one process and one node.
    pub fn set_path(&self, seat: &str, node: usize, path: Path) -> Result<()> {
        let seat = self.seat_named(seat)?;
        seat.proxies.get(node).with_context(|| format!("there is no node {node}"))?.set(path);
        Ok(())
    }

    /// Ends a node without a word (SIGKILL); its storage stays.
    pub fn kill(&mut self, node: usize) -> Result<()> {
        self.node(node)?.end(Signal::KILL)
    }

    /// Asks a node to stop (SIGTERM) and waits until it has: it gives its leaderships away first.
    pub fn stop(&mut self, node: usize) -> Result<()> {
        self.node(node)?.end(Signal::TERM)
    }

    /// Starts a node that has ended again, on its ports and its storage; does not wait for it.
    pub fn launch(&mut self, node: usize) -> Result<()> {
        self.node(node)?.launch()
    }

    /// Waits until a node answers.
    pub fn wait_until_it_answers(&mut self, node: usize) -> Result<()> {
        self.node(node)?.wait_until_it_answers()
    }

    /// Stops a node in the middle of what it does (SIGSTOP).
    pub fn freeze(&mut self, node: usize) -> Result<()> {
        self.node(node)?.signal(Signal::STOP)
    }

    /// Lets a frozen node go on (SIGCONT).
    pub fn thaw(&mut self, node: usize) -> Result<()> {
        self.node(node)?.signal(Signal::CONT)
    }

    /// Makes every further write of a node fail as on a full disk, and waits until the node has ended over it; its exit
    /// code.
    ///
    /// It is the limit of the size of files (`RLIMIT_FSIZE`), which a process may lower for its own children: the JVM gets
    /// an error from `write` and hands it on as the same `IOException` that a full disk gives.
    pub fn fill_disk(&mut self, node: usize) -> Result<i32> {
        let node = self.node(node)?;
        node.running()?.limit_file_size(1)?;
        node.wait_until_it_ends()
    }

    /// Partitions that have fewer copies in step than they should have.
    pub fn lagging_partitions(&self) -> Result<usize> {
        records::lagging_partitions(&self.bootstrap_servers())
    }

    /// The node that coordinates the transactions of this id.
    pub fn transaction_coordinator(&self, transactional_id: &str) -> Result<usize> {
        self.leader_of("__transaction_state", transactional_id)
    }

    /// The node that coordinates this group.
    pub fn group_coordinator(&self, group: &str) -> Result<usize> {
        self.leader_of("__consumer_offsets", group)
    }

    fn leader_of(&self, topic: &str, key: &str) -> Result<usize> {
        let leaders = records::leaders(&self.bootstrap_servers(), topic)?;
        ensure!(!leaders.is_empty(), "there is no topic `{topic}` yet");
        // As `Utils.abs` does it.
        let hash = usize::try_from(java_hash(key).checked_abs().unwrap_or(0))?;
        let leader = leaders[hash % leaders.len()];
        usize::try_from(leader - 1)
            .ok()
            .filter(|node| *node < NODES)
            .with_context(|| format!("`{topic}` has no leader"))
    }

    fn node(&mut self, node: usize) -> Result<&mut Node> {
        self.nodes.get_mut(node).with_context(|| format!("there is no node {node}"))
    }

    fn seat_named(&self, name: &str) -> Result<&Seat> {
        self.seats.iter().find(|seat| seat.name == name).with_context(|| format!("there is no seat `{name}`"))
    }
}

/// `String.hashCode` of Java, by which Kafka chooses the coordinator of a name.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn ports_of_nodes(seats: usize) -> Result<Vec<Ports>> {
    let mut free = ports::several(NODES * (2 + 2 * seats))?.into_iter();
    let mut next = || free.next().context("too few ports");
    (0..NODES)
        .map(|_| {
            let (inside, controller) = (next()?, next()?);
            let seats = (0..seats).map(|_| Ok((next()?, next()?))).collect::<Result<_>>()?;
            Ok(Ports { inside, controller, seats })
        })
        .collect()
}

fn properties(folder: &File, index: usize, ports: &[Ports]) -> String {
    let own = &ports[index];
    let mut voters = Vec::new();
    for (index, node) in ports.iter().enumerate() {
        voters.push(format!("{}@127.0.0.1:{}", index + 1, node.controller));
    }
    let mut listeners = vec![format!("INSIDE://127.0.0.1:{}", own.inside)];
    let mut protocols = vec!["INSIDE:PLAINTEXT".to_owned(), "CONTROLLER:PLAINTEXT".to_owned()];
    let mut advertised = listeners.clone();
    for (seat, (listener, proxy)) in own.seats.iter().enumerate() {
        listeners.push(format!("SEAT{seat}://127.0.0.1:{listener}"));
        advertised.push(format!("SEAT{seat}://127.0.0.1:{proxy}"));
        protocols.push(format!("SEAT{seat}:PLAINTEXT"));
    }
    listeners.push(format!("CONTROLLER://127.0.0.1:{}", own.controller));
    format!(
        "node.id={}\n\
         controller.quorum.voters={}\n\
         listeners={}\n\
         advertised.listeners={}\n\
         listener.security.protocol.map={}\n\
         inter.broker.listener.name=INSIDE\n\
         # For each listener, and there are many.\n\
         num.network.threads=1\n\
         # A copy that falls behind is left out after this time: 30 s by default.\n\
         replica.lag.time.max.ms=8000\n\
         {}",
        index + 1,
        voters.join(","),
        listeners.join(","),
        advertised.join(","),
        protocols.join(","),
        common_properties(folder, NODES)
    )
}

#[cfg(test)]
mod tests {
    use super::java_hash;

    #[test]
    fn hashes_names_as_java_does() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("abc"), 96_354);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }
}
