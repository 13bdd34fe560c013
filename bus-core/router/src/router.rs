//! Starting and stopping the threads of a router.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use barid_codec::{RecordError, Schemas};
use barid_kafka::{
    BestEffortProducer, Input, KafkaError, StopSignal, TransactionalWorker, WorkerError, WorkerSettings,
};

use crate::bulletin::Bulletin;
use crate::codecs::Codecs;
use crate::counters::Counters;
use crate::feed::{Feed, FeedParts};
use crate::routing::Routing;
use crate::rules::RulesInForce;
use crate::settings::RouterSettings;
use crate::slot::{Slot, SlotMemory};
use crate::walks::Walks;

/// How often a router says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The time that notices and the last heartbeat get at the end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why a router ended other than by its stop signal.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// Another process runs under this router's name, or the broker refuses.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The settings of the Kafka clients do not do.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The registry refuses the router's own schemas.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A thread could not be started or ended with a panic.
    #[error("a thread of the router failed: {reason}")]
    Thread { reason: String },
}

impl RouterError {
    /// Whether another process has this router's name.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Worker(WorkerError::Fenced { .. }))
    }
}

/// What a router has done so far; only committed work counts.
#[derive(Clone)]
pub struct Progress(Arc<Counters>);

impl Progress {
    /// Events that were routed or dead-lettered.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.events.get()
    }

    /// Copies that were written to inboxes.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.0.copies.get()
    }

    /// Events that could not be routed.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.0.dead_letters_in_all.get()
    }
}

/// A router that is not running yet.
pub struct Router {
    settings: RouterSettings,
    counters: Arc<Counters>,
}

impl Router {
    /// Takes the settings; connects to nothing.
    #[must_use]
    pub fn new(settings: RouterSettings) -> Self {
        let counters = Arc::new(Counters::new(&settings.metrics));
        Self { settings, counters }
    }

    /// A handle on what the router has done, for while it runs.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.counters))
    }

    /// Runs until `stop`. Broker or registry away is waited for.
    ///
    /// # Errors
    ///
    /// Another process has the name, the settings do not do, or Kafka or the registry refuses for good.
    pub fn run(&self, stop: &StopSignal) -> Result<(), RouterError> {
        let settings = &self.settings;
        for condition in ["broker", "registry"] {
            settings.readiness.not_ready(condition, "not checked yet");
        }
        let Some(codecs) = Codecs::register(&settings.registry, &settings.readiness, stop)? else { return Ok(()) };
        let codecs = Arc::new(codecs);
        let client_id = format!("barid-router-{}", settings.name);
        let cluster = settings.cluster.with_client_id(&client_id);
        let producer = BestEffortProducer::new(&cluster)?;
        let bulletin =
            Arc::new(Bulletin::new(producer, Arc::clone(&codecs), settings.topics.clone(), settings.name.clone()));
        let rules = RulesInForce::default();
        let mut feed = Feed::open(FeedParts {
            cluster: &cluster,
            topics: &settings.topics,
            schemas: Arc::clone(&settings.registry) as Arc<dyn Schemas>,
            shared_catalogue: settings.shared_catalogue.clone(),
            rules: rules.clone(),
            readiness: settings.readiness.clone(),
            bulletin: Arc::clone(&bulletin),
            metrics: &settings.metrics,
        })?;
        let mut workers = Vec::new();
        for number in 0..settings.slots {
            let slot = self.slot(number, &rules, &codecs, &bulletin);
            workers.push(TransactionalWorker::new(&cluster, self.worker_settings(number), slot)?);
        }
        tracing::info!(router = settings.name, slots = settings.slots, "router starts");

        // One slot that fails ends the router: its partitions would wait behind a process that looks alive.
        let failed = StopSignal::new();
        let everything = Everything { asked: stop.clone(), failed: failed.clone() };
        let result = thread::scope(|scope| {
            scope.spawn(|| everything.relay(&bulletin, &self.counters));
            scope.spawn(|| feed.run(&failed));
            let slots: Vec<_> = workers
                .iter_mut()
                .map(|worker| {
                    let failed = failed.clone();
                    scope.spawn(move || {
                        let result = worker.run(&failed);
                        failed.stop();
                        result
                    })
                })
                .collect();
            let mut result = Ok(());
            for slot in slots {
                let ended =
                    slot.join().unwrap_or_else(|_| Err(WorkerError::Fatal { reason: "a slot panicked".into() }));
                result = result.and(ended);
            }
            failed.stop();
            result
        });
        bulletin.flush(LAST_WORDS);
        tracing::info!(router = settings.name, "router has stopped");
        result.map_err(RouterError::from)
    }

    fn slot(&self, number: u16, rules: &RulesInForce, codecs: &Arc<Codecs>, bulletin: &Arc<Bulletin>) -> Slot {
        let settings = &self.settings;
        let walks = Walks::new(Arc::clone(&settings.registry) as Arc<dyn Schemas>);
        let routing = Routing::new(settings.topics.clone(), walks, settings.registry.url(), settings.max_record_bytes);
        Slot {
            router: settings.name.clone(),
            number,
            topics: settings.topics.clone(),
            routing,
            rules: rules.clone(),
            codecs: Arc::clone(codecs),
            bulletin: Arc::clone(bulletin),
            readiness: settings.readiness.clone(),
            counters: Arc::clone(&self.counters),
            max_record_bytes: settings.max_record_bytes,
            memory: SlotMemory::default(),
        }
    }

    fn worker_settings(&self, number: u16) -> WorkerSettings {
        let settings = &self.settings;
        // The group is the deployment's: all its routers share the partitions.
        let group_id = format!("{}.router", settings.deployment);
        let transactional_id = format!("{}/{}/{number}", settings.deployment, settings.name);
        WorkerSettings {
            producers: settings.producers,
            commit_interval: settings.commit_interval,
            commit_records: settings.commit_records,
            ..WorkerSettings::new(Input::Pattern(settings.topics.events_pattern()), &group_id, &transactional_id)
        }
    }
}

/// The two reasons to end: somebody asked for it, or a slot failed.
struct Everything {
    asked: StopSignal,
    failed: StopSignal,
}

impl Everything {
    /// Says every ten seconds that the router lives, and passes a stop that was asked for on to all threads.
    fn relay(&self, bulletin: &Bulletin, counters: &Counters) {
        const STEP: Duration = Duration::from_millis(100);
        let mut since = HEARTBEAT;
        loop {
            if since >= HEARTBEAT {
                bulletin.heartbeat(BTreeMap::from([
                    ("events".to_owned(), as_i64(counters.events.get())),
                    ("copies".to_owned(), as_i64(counters.copies.get())),
                    ("dead_letters".to_owned(), as_i64(counters.dead_letters_in_all.get())),
                ]));
                since = Duration::ZERO;
            }
            if self.failed.is_stopped() {
                return;
            }
            if self.asked.wait(STEP) {
                self.failed.stop();
                return;
            }
            since += STEP;
        }
    }
}

fn as_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
