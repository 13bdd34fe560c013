//! Everything that runs: three brokers, a registry behind a proxy, connectors and routers, each with its own network.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use barid_harness::proxy::Proxy;
use barid_harness::{Apicurio, Cluster, Deployment, Finished, HANGS_AFTER, Running, SchemaRegistry, ports, wait_until};

use crate::feed;
use crate::generator::Generator;

/// The offices of a run: their catalogues have many services, and permits give their events to many.
pub(crate) const AGENCIES: [&str; 3] = ["agri_jahad", "samt", "tourism_heritage"];

/// The routers that are always there, and the one that comes and goes.
pub(crate) const ROUTERS: [&str; 3] = ["router-1", "router-2", "router-3"];

/// The exit code of a process whose name another one has taken.
pub(crate) const FENCED: i32 = 6;

/// The exit code of a process that has found something that must be looked at.
const FOUND: i32 = 5;

/// A process of the bus.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// `None`: it is meant to be down.
    pub(crate) running: Option<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connector,
    Router { slots: usize },
}

impl Role {
    pub(crate) fn is_router(&self) -> bool {
        matches!(self.kind, Kind::Router { .. })
    }

    /// The process, which must be running.
    pub(crate) fn process(&mut self) -> Result<&mut Running> {
        self.running.as_mut().with_context(|| format!("{} is down", self.name))
    }
}

/// The stage. Fields are dropped from top to bottom: processes first.
pub(crate) struct Stage {
    pub(crate) roles: Vec<Role>,
    pub(crate) cluster: Cluster,
    pub(crate) registry: Proxy,
    apicurio: Apicurio,
    pub(crate) deployment: Deployment,
    /// What every role is given besides its own arguments.
    role_arguments: Vec<String>,
    /// Roles that have ended though nobody asked them to, with their last words.
    pub(crate) ended: Vec<String>,
}

impl Stage {
    /// Cluster, registry, topics, schemas, policy, and of all watchers a watch on each of these persons; no role runs yet.
    pub(crate) fn build(
        barid: &str,
        generators: &[Generator],
        role_arguments: &[String],
        watchers: &[&str],
        persons: &[String],
    ) -> Result<Self> {
        let seats: Vec<&str> = ROUTERS.into_iter().chain(AGENCIES).collect();
        let cluster = Cluster::start(&seats)?;
        let registry = Apicurio::start()?;
        let [port] = ports::free()?;
        let proxy = Proxy::start(port, registry.port())?;
        let url = Apicurio::url_through(port);
        let deployment = Deployment::new(barid, "faults", &cluster.bootstrap_servers(), &url)?;
        feed::lay_down_connectors(deployment.folder(), generators)?;
        deployment.apply()?;
        watch(&deployment, watchers, persons)?;
        let role = |name: &str, kind| Role { name: name.to_owned(), kind, running: None };
        let connectors = AGENCIES.iter().map(|name| role(name, Kind::Connector));
        let routers = ROUTERS.iter().map(|name| role(name, Kind::Router { slots: 2 }));
        let roles = connectors.chain(routers).collect();
        Ok(Self {
            roles,
            cluster,
            registry: proxy,
            apicurio: registry,
            deployment,
            role_arguments: role_arguments.to_vec(),
            ended: Vec::new(),
        })
    }

    /// A client of the registry that no fault of the network reaches.
    pub(crate) fn registry_client(&self) -> Result<SchemaRegistry> {
        SchemaRegistry::new(&self.apicurio.url())
    }

    /// The place of a role.
    pub(crate) fn role(&self, name: &str) -> Result<usize> {
        self.roles.iter().position(|role| role.name == name).with_context(|| format!("there is no `{name}`"))
    }

    /// The places of the roles that are up, of one kind.
    pub(crate) fn up(&self, routers: bool) -> Vec<usize> {
        let fits = |role: &Role| role.is_router() == routers && role.running.is_some();
        (0..self.roles.len()).filter(|place| fits(&self.roles[*place])).collect()
    }

    /// Starts a process of a role, beside one that may be there already.
    pub(crate) fn launch(&self, role: usize) -> Result<Running> {
        let Role { name, kind, .. } = &self.roles[role];
        let mut arguments = vec!["--bootstrap-servers", self.cluster.seat(name)?];
        arguments.extend(self.role_arguments.iter().map(String::as_str));
        match kind {
            Kind::Connector => self.deployment.start_connector(name, &arguments),
            Kind::Router { slots } => {
                let slots = slots.to_string();
                arguments.extend(["--slots", &slots]);
                self.deployment.start_router(name, &arguments)
            }
        }
    }

    /// Starts a role that is down.
    pub(crate) fn start(&mut self, role: usize) -> Result<()> {
        ensure!(self.roles[role].running.is_none(), "{} is up", self.roles[role].name);
        self.roles[role].running = Some(self.launch(role)?);
        Ok(())
    }

    /// Ends a role without a word.
    pub(crate) fn kill(&mut self, role: usize) -> Result<()> {
        let role = &mut self.roles[role];
        role.running.take().with_context(|| format!("{} is down", role.name))?.kill().map(drop)
    }

    /// Asks a role to end; it must say that it is done.
    pub(crate) fn stop(&mut self, role: usize) -> Result<()> {
        let role = &mut self.roles[role];
        let running = role.running.take().with_context(|| format!("{} is down", role.name))?;
        let is_router = role.is_router();
        let finished = running.terminate(HANGS_AFTER)?;
        // A connector says at its end that it has put rows into quarantine, whatever has become of them.
        if !is_router && finished.code == FOUND {
            return Ok(());
        }
        finished.succeeded().map(drop)
    }

    /// Starts those again that have ended by themselves, as a service manager does, and notes it.
    pub(crate) fn look_after(&mut self) -> Result<()> {
        for role in 0..self.roles.len() {
            let Some(running) = self.roles[role].running.as_mut() else { continue };
            if running.is_running()? {
                continue;
            }
            if let Some(ended) = self.roles[role].running.take() {
                let finished = ended.wait(HANGS_AFTER)?;
                self.ended.push(format!("{} ended by itself: {}", self.roles[role].name, last_words(&finished)));
            }
            self.start(role)?;
        }
        Ok(())
    }

    /// Waits for a condition and looks after the roles meanwhile.
    pub(crate) fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        wait_until(what, limit, || {
            self.look_after()?;
            condition(self)
        })
    }

    /// Lets a fault last.
    pub(crate) fn last(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        self.wait("the time of a fault", time * 10, |_| Ok(began.elapsed() >= time))
    }

    /// The transactional id of the first producer of a router's first slot.
    pub(crate) fn transactional_id(&self, router: usize) -> String {
        format!("{}/{}/0/a", self.deployment.name(), self.roles[router].name)
    }
}

/// What subscribers call the watched person with this number.
pub(crate) fn handle(person: usize) -> String {
    format!("person-{person}")
}

fn watch(deployment: &Deployment, watchers: &[&str], persons: &[String]) -> Result<()> {
    let wish = |(number, person)| format!(r#"{{"handle":"{}","person":"{person}"}}"#, handle(number));
    let wishes = persons.iter().enumerate().map(wish).collect::<Vec<_>>().join(",");
    let lists = watchers.iter().map(|watcher| format!(r#""{watcher}":[{wishes}]"#)).collect::<Vec<_>>().join(",");
    let file = deployment.folder().join("watch.json");
    fs::write(&file, format!("{{{lists}}}"))?;
    deployment.barid.run(&["watch", "add", "--file", &file.display().to_string()]).map(drop)
}

/// How a process ended, in one line.
pub(crate) fn last_words(finished: &Finished) -> String {
    let last = finished.words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it has said nothing");
    format!("code {}, {last}", finished.code)
}
