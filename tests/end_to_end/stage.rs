//! One deployment with a registry of its own, which can be stopped and started again, empty.

use std::ops::Deref;

use anyhow::{Result, ensure};
use barid_harness::{Deployment, Finished, HANGS_AFTER, Running, ports, shared_kafka};
use barid_registry::EmbeddedRegistry;

/// A deployment whose schemas are in the embedded registry.
pub(crate) struct Stage {
    // Before the registry, so that topics are deleted while everything still stands.
    deployment: Deployment,
    port: u16,
    registry: Option<barid_registry::Running>,
}

impl Stage {
    /// On the broker that all tests share.
    pub(crate) fn new(name: &str) -> Result<Self> {
        Self::on(name, shared_kafka()?)
    }

    /// On a broker of the test's own.
    pub(crate) fn on(name: &str, bootstrap_servers: &str) -> Result<Self> {
        let [port] = ports::free()?;
        let registry = Some(start_registry(port)?);
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { deployment: deployment(name, bootstrap_servers, &url)?, port, registry })
    }

    /// With topics, schemas, policy and the sample's watches.
    pub(crate) fn applied(name: &str) -> Result<Self> {
        let stage = Self::new(name)?;
        stage.apply()?;
        stage.watch()?;
        Ok(stage)
    }

    /// The registry is gone, with all that it knew.
    pub(crate) fn stop_registry(&mut self) {
        if let Some(registry) = self.registry.take() {
            registry.stop();
        }
    }

    /// A new, empty registry at the same address.
    pub(crate) fn start_empty_registry(&mut self) -> Result<()> {
        ensure!(self.registry.is_none(), "the registry runs");
        self.registry = Some(start_registry(self.port)?);
        Ok(())
    }
}

impl Deref for Stage {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

/// A deployment of the binary that this test was built with.
pub(crate) fn deployment(name: &str, bootstrap_servers: &str, registry_url: &str) -> Result<Deployment> {
    Deployment::new(env!("CARGO_BIN_EXE_barid"), name, bootstrap_servers, registry_url)
}

/// Asks a role to end; it must do so and say that it is done. That it needs five seconds at most follows from its own limits, which
/// stand in one table that is tested; here a role that hangs is found.
pub(crate) fn end(role: Running) -> Result<Finished> {
    role.terminate(HANGS_AFTER)?.succeeded()
}

fn start_registry(port: u16) -> Result<barid_registry::Running> {
    Ok(EmbeddedRegistry::start(&format!("127.0.0.1:{port}"))?)
}
