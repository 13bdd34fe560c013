//! `barid router`.

use barid_router::{MAX_RECORD_BYTES, Router, RouterSettings};
use barid_schemas::Catalogue;

use super::Outcome;
use crate::deployment::{Deployment, stop_on_signals};
use crate::exit::Exit;

pub(crate) fn run(deployment: &Deployment) -> Outcome {
    let stop = stop_on_signals()?;
    let settings = deployment.part(deployment.resolved.router())?;
    let (cluster, registry) = (deployment.cluster("barid-router")?, deployment.registry_until(&stop)?);
    let telemetry = deployment.telemetry("router")?;
    let router = Router::new(RouterSettings {
        deployment: deployment.name()?,
        name: settings.name,
        slots: u16::try_from(settings.slots).unwrap_or(u16::MAX),
        producers: settings.producers,
        commit_interval: settings.commit_interval,
        commit_records: settings.commit_records,
        max_record_bytes: MAX_RECORD_BYTES,
        cluster,
        registry,
        topics: deployment.topics()?,
        shared_catalogue: Catalogue::shared(),
        metrics: telemetry.metrics.clone(),
        readiness: telemetry.readiness.clone(),
    });
    router.run(&stop)?;
    Ok(Exit::Done)
}
