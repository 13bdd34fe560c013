//! `barid registry`.

use barid_config::Flags;
use barid_registry::{TopicRegistry, TopicRegistrySettings};

use super::Outcome;
use crate::arguments::RegistryArguments;
use crate::deployment::{Deployment, stop_on_signals};
use crate::exit::Exit;

impl RegistryArguments {
    /// Lays the flags over the settings.
    pub(crate) fn set(&self, flags: &mut Flags) {
        flags
            .set("embedded_registry.listen", self.listen.as_ref())
            .set("embedded_registry.advertised_url", self.advertised_url.as_ref())
            .set("embedded_registry.topic", self.topic.as_ref());
    }
}

pub(crate) fn run(deployment: &Deployment) -> Outcome {
    let stop = stop_on_signals()?;
    let settings = deployment.part(deployment.resolved.embedded_registry())?;
    let cluster = deployment.cluster("barid-registry")?;
    let telemetry = deployment.telemetry("registry")?;
    let registry = TopicRegistry::new(TopicRegistrySettings {
        cluster,
        topic: settings.topic,
        listen: settings.listen,
        advertised_url: settings.advertised_url,
        metrics: telemetry.metrics.clone(),
        readiness: telemetry.readiness.clone(),
    });
    registry.run(&stop)?;
    Ok(Exit::Done)
}
