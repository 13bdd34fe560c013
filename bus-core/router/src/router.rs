//! Starting and stopping the threads of a router.

use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use barid_codec::{RecordError, Schemas};
use barid_event::topics::router_group;
use barid_kafka::{
    BestEffortProducer, Input, KafkaError, ProcessName, StopSignal, TransactionalWorker, WorkerError, WorkerSettings,
};

use crate::bulletin::Bulletin;
use crate::codecs::Codecs;
use crate::counters::Counters;
use crate::feed::{Feed, FeedParts};
use crate::holds::Holds;
use crate::routing::Routing;
use crate::rules::RulesInForce;
use crate::settings::{MAX_RECORD_BYTES, RouterSettings};
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
            settings.readiness.expect(condition);
        }
        let Some(codecs) = Codecs::register(&settings.registry, &settings.readiness, stop)? else { return Ok(()) };
        let codecs = Arc::new(codecs);
        let client_id = format!("barid-router-{}", settings.name);
        let cluster = settings.cluster.with_client_id(&client_id);
        let board = Box::new(BestEffortProducer::new(&cluster)?);
        let bulletin =
            Arc::new(Bulletin::new(board, Arc::clone(&codecs), settings.topics.clone(), settings.name.clone()));
        let rules = RulesInForce::default();
        // One thread that fails ends the router: its partitions would wait behind a process that looks alive.
        let ending = StopSignal::new();
        let mut feed = Feed::open(FeedParts {
            cluster: &cluster,
            stop: &ending,
            topics: &settings.topics,
            schemas: Arc::clone(&settings.registry) as Arc<dyn Schemas>,
            shared_catalogue: settings.shared_catalogue.clone(),
            rules: rules.clone(),
            readiness: settings.readiness.clone(),
            bulletin: Arc::clone(&bulletin),
            metrics: &settings.metrics,
        })?;
        let holds = Holds::new(settings.readiness.clone(), self.counters.waiting_partitions.clone());
        let name_id = format!("{}/{}/name", settings.deployment, settings.name);
        let process = Arc::new(ProcessName::new(&cluster, &name_id, &settings.topics.heartbeats(), &ending));
        let mut workers = Vec::new();
        for number in 0..settings.slots {
            let slot = self.slot(number, &rules, &codecs, &bulletin, &holds);
            workers.push(TransactionalWorker::new(&cluster, self.worker_settings(&process, number), slot)?);
        }
        tracing::info!(router = settings.name, slots = settings.slots, "router starts");

        let result = thread::scope(|scope| {
            let mut threads = Vec::new();
            let relay = Relay { asked: stop, ending: &ending };
            let (news, counters) = (&bulletin, &*self.counters);
            threads.push(start(scope, &ending, "router heartbeat".to_owned(), move || {
                relay.run(news, counters);
                // While the slots end: there is no time for one after the other if the broker is away.
                news.flush(LAST_WORDS);
                Ok(())
            }));
            // The feed's clients are dropped on its own thread, while the slots drop theirs.
            let until = &ending;
            threads.push(start(scope, &ending, "router policy".to_owned(), move || {
                feed.run(until);
                Ok(())
            }));
            for (number, mut worker) in workers.into_iter().enumerate() {
                let name = format!("router slot {number}");
                threads.push(start(scope, &ending, name, move || worker.run(until).map_err(RouterError::from)));
            }
            let mut result = Ok(());
            for thread in threads {
                let ended = thread.and_then(|thread| thread.join().unwrap_or_else(|_| Err(panicked())));
                result = result.and(ended);
            }
            result
        });
        tracing::info!(router = settings.name, "router has stopped");
        result
    }

    fn slot(
        &self,
        number: u16,
        rules: &RulesInForce,
        codecs: &Arc<Codecs>,
        bulletin: &Arc<Bulletin>,
        holds: &Holds,
    ) -> Slot {
        let settings = &self.settings;
        let walks = Walks::new(Arc::clone(&settings.registry) as Arc<dyn Schemas>);
        // The client takes no larger ones.
        let max_record_bytes = settings.max_record_bytes.min(MAX_RECORD_BYTES);
        let routing = Routing::new(settings.topics.clone(), walks, settings.registry.url(), max_record_bytes);
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
            holds: holds.of_slot(),
            max_record_bytes,
            memory: SlotMemory::default(),
        }
    }

    fn worker_settings(&self, process: &Arc<ProcessName>, number: u16) -> WorkerSettings {
        let settings = &self.settings;
        // The group is the deployment's: all its routers share the partitions.
        let group_id = router_group(&settings.deployment);
        let transactional_id = format!("{}/{}/{number}", settings.deployment, settings.name);
        WorkerSettings {
            producers: settings.producers,
            commit_interval: settings.commit_interval,
            commit_records: settings.commit_records,
            ..WorkerSettings::new(
                process,
                Input::Pattern(settings.topics.events_pattern()),
                &group_id,
                &transactional_id,
            )
        }
    }
}

/// Starts a thread of the router. However it ends, all others end too: the guard stops them even while it panics.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    ending: &'scope StopSignal,
    name: String,
    work: impl FnOnce() -> Result<(), RouterError> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<(), RouterError>>, RouterError> {
    let started = thread::Builder::new().name(name).spawn_scoped(scope, move || {
        let _guard = EndAll(ending);
        work()
    });
    started.map_err(|error| {
        ending.stop();
        RouterError::Thread { reason: error.to_string() }
    })
}

struct EndAll<'s>(&'s StopSignal);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn panicked() -> RouterError {
    RouterError::Thread { reason: "it panicked".to_owned() }
}

/// The two reasons to end: somebody asked for it, or a thread of the router ended.
struct Relay<'s> {
    asked: &'s StopSignal,
    ending: &'s StopSignal,
}

impl Relay<'_> {
    /// Says every ten seconds that the router lives, until there is a reason to end.
    fn run(&self, bulletin: &Bulletin, counters: &Counters) {
        const STEP: Duration = Duration::from_millis(100);
        let mut since = HEARTBEAT;
        loop {
            if since >= HEARTBEAT {
                bulletin.heartbeat(counters.of_heartbeat());
                since = Duration::ZERO;
            }
            if self.ending.is_stopped() {
                return;
            }
            if self.asked.wait(STEP) {
                return;
            }
            since += STEP;
        }
    }
}
