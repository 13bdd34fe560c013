//! The codecs of the records that a router writes beside the copies.

use std::time::Duration;

use barid_codec::{RecordCodec, RecordError, Registry, RegistryError};
use barid_kafka::StopSignal;
use barid_schemas::records::{DeadLetter, Heartbeat, Notice, PolicyApplied, Schema};
use barid_telemetry::Readiness;
use serde::Serialize;

/// How long to wait before the registry is asked again, first and longest.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// One codec for each record type.
pub(crate) struct Codecs {
    pub(crate) dead_letter: RecordCodec<DeadLetter>,
    pub(crate) policy_applied: RecordCodec<PolicyApplied>,
    pub(crate) notice: RecordCodec<Notice>,
    pub(crate) heartbeat: RecordCodec<Heartbeat>,
}

impl Codecs {
    /// Registers the schemas; waits with back-off while the registry is away. `None` if stopped meanwhile.
    pub(crate) fn register(
        registry: &Registry,
        readiness: &Readiness,
        stop: &StopSignal,
    ) -> Result<Option<Self>, RecordError> {
        // All of them in the common order: into a registry that lost its memory they go under the ids that they had.
        let all = || registry.register_records();
        let Some(()) = waiting_for(registry, readiness, stop, all)? else { return Ok(None) };
        let Some(dead_letter) = codec(registry, readiness, stop)? else { return Ok(None) };
        let Some(policy_applied) = codec(registry, readiness, stop)? else { return Ok(None) };
        let Some(notice) = codec(registry, readiness, stop)? else { return Ok(None) };
        let Some(heartbeat) = codec(registry, readiness, stop)? else { return Ok(None) };
        if readiness.ready("registry") {
            tracing::info!(registry = registry.url(), "the schema registry answers");
        }
        Ok(Some(Self { dead_letter, policy_applied, notice, heartbeat }))
    }
}

fn codec<T: Schema + Serialize>(
    registry: &Registry,
    readiness: &Readiness,
    stop: &StopSignal,
) -> Result<Option<RecordCodec<T>>, RecordError> {
    let id = waiting_for(registry, readiness, stop, || registry.register(T::FULL_NAME, T::AVSC))?;
    id.map(RecordCodec::new).transpose()
}

/// Asks until the registry answers; `None` if stopped meanwhile.
fn waiting_for<A>(
    registry: &Registry,
    readiness: &Readiness,
    stop: &StopSignal,
    ask: impl Fn() -> Result<A, RegistryError>,
) -> Result<Option<A>, RecordError> {
    let mut wait = RETRY_FIRST;
    loop {
        match ask() {
            Ok(answer) => return Ok(Some(answer)),
            Err(RegistryError::Unavailable { reason, .. }) => {
                if readiness.not_ready("registry", "does not answer") {
                    tracing::warn!(
                        registry = registry.url(),
                        reason,
                        "the schema registry does not answer, waiting for it"
                    );
                }
                if stop.wait(wait) {
                    return Ok(None);
                }
                wait = (wait * 2).min(RETRY_LONGEST);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
