//! A registry whose memory is a topic: its threads, from the start to the stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use barid_http::HttpServer;
use barid_kafka::{Admin, Candidate, CandidateEvent, Cluster, Follower, KafkaError, NewTopic, StopSignal};
use barid_telemetry::{Metrics, Readiness};
use tokio::sync::watch;
use uuid::Uuid;

use crate::RegistryError;
use crate::counters::Counters;
use crate::http::router;
use crate::reader::{self, ReadBack};
use crate::service::{Desk, Message, Service};
use crate::writer::Writer;
use crate::{forward, group_of_topic};

/// Conditions of readiness.
const BROKER: &str = "broker";
pub(crate) const READ: &str = "schemas";

/// What the client id of a candidate begins with; its address follows.
const CLIENT_ID: &str = "barid-registry@";

/// While the broker is away: first and longest wait between two tries, doubling.
const AWAY_FIRST: Duration = Duration::from_millis(250);
const AWAY_LONGEST: Duration = Duration::from_secs(5);

/// The longest wait of the candidate's thread; a stop waits this long.
const POLL: Duration = Duration::from_millis(100);
/// How often an instance that follows asks who leads, when no request waits for the answer.
const LEADER_KNOWN_FOR: Duration = Duration::from_secs(5);
/// Between two such questions when requests wait.
const LEADER_ASKED_EVERY: Duration = Duration::from_millis(200);

/// What a registry on a topic needs.
#[derive(Clone, Debug)]
pub struct TopicRegistrySettings {
    pub cluster: Cluster,
    /// One partition, compacted. It is made if it is not there.
    pub topic: String,
    /// `host:port`
    pub listen: String,
    /// Where the other instances reach this one. None: where it listens.
    pub advertised_url: Option<String>,
    pub metrics: Metrics,
    pub readiness: Readiness,
}

/// A registry on a topic that is not running yet.
#[derive(Debug)]
pub struct TopicRegistry {
    settings: TopicRegistrySettings,
}

impl TopicRegistry {
    /// Takes the settings; connects to nothing.
    #[must_use]
    pub fn new(settings: TopicRegistrySettings) -> Self {
        Self { settings }
    }

    /// Runs until `stop`. A broker that is away is waited for.
    ///
    /// # Errors
    ///
    /// The address is taken, the topic is not one that a registry can live on, or Kafka refuses for good.
    pub fn run(&self, stop: &StopSignal) -> Result<(), RegistryError> {
        let settings = &self.settings;
        for condition in [BROKER, READ] {
            settings.readiness.expect(condition);
        }
        let (writes, messages) = channel();
        let service = Arc::new(Service::on_topic(self.desk(writes.clone())?));
        let server = HttpServer::start("registry", &settings.listen, router(Arc::clone(&service)))?;
        let own_url = self.own_url(&server)?;
        if let Some(desk) = service.desk() {
            let _ = desk.own_url.set(own_url.clone());
        }
        tracing::info!(url = own_url, topic = settings.topic, "schema registry is served");
        if !self.ensure_topic(stop)? {
            return Ok(());
        }
        settings.readiness.ready(BROKER);
        self.serve(&service, &own_url, writes, messages, stop)
    }

    fn desk(&self, writes: Sender<Message>) -> Result<Desk, RegistryError> {
        Ok(Desk {
            writes,
            caught_up: AtomicBool::new(false),
            read: watch::Sender::new(-1),
            leads: watch::Sender::new(false),
            leader: watch::Sender::new(None),
            leader_wanted: AtomicBool::new(false),
            own_url: OnceLock::new(),
            client: forward::client().map_err(|error| RegistryError::Client { reason: error.to_string() })?,
            counters: Counters::new(&self.settings.metrics),
        })
    }

    fn own_url(&self, server: &barid_http::Running) -> Result<String, RegistryError> {
        match &self.settings.advertised_url {
            Some(url) => Ok(url.trim_end_matches('/').to_owned()),
            None if server.address().ip().is_unspecified() => {
                Err(RegistryError::Unreachable { address: self.settings.listen.clone() })
            }
            None => Ok(server.url()),
        }
    }

    /// Makes the topic if it is not there, and looks whether it is one that a registry can live on. False: stopped.
    fn ensure_topic(&self, stop: &StopSignal) -> Result<bool, RegistryError> {
        let TopicRegistrySettings { cluster, topic, readiness, .. } = &self.settings;
        let admin = Admin::new(cluster)?;
        let mut wait = AWAY_FIRST;
        let mut away = false;
        while !stop.is_stopped() {
            match self.look_at_topic(&admin) {
                Ok(true) => {
                    if away {
                        tracing::info!("kafka is back");
                    }
                    return Ok(true);
                }
                Ok(false) => wait = AWAY_FIRST,
                Err(RegistryError::Kafka(KafkaError::Unavailable { reason, .. })) => {
                    away = true;
                    if readiness.not_ready(BROKER, reason.clone()) {
                        tracing::warn!(topic, reason, "kafka is away, waiting for it");
                    }
                }
                Err(error) => return Err(error),
            }
            stop.wait(wait);
            wait = (wait * 2).min(AWAY_LONGEST);
        }
        Ok(false)
    }

    /// False: it was made a moment ago, and should be looked at again.
    fn look_at_topic(&self, admin: &Admin) -> Result<bool, RegistryError> {
        let topic = &self.settings.topic;
        let Some(description) = admin.describe(topic)? else {
            let config = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
            let new = NewTopic { name: topic.clone(), partitions: 1, replication: None, config };
            return match admin.create(&[new])?.pop() {
                Some(Err(KafkaError::TopicExists { .. })) => Ok(false),
                Some(Err(error)) => Err(error.into()),
                Some(Ok(())) => {
                    tracing::info!(topic, "topic was made for the schemas");
                    Ok(false)
                }
                None => Ok(false),
            };
        };
        if description.partitions != 1 {
            return Err(RegistryError::Partitions { topic: topic.clone(), partitions: description.partitions });
        }
        match description.config.get("cleanup.policy") {
            Some(policy) if policy != "compact" => {
                Err(RegistryError::CleanupPolicy { topic: topic.clone(), policy: policy.clone() })
            }
            _ => Ok(true),
        }
    }

    fn serve(
        &self,
        service: &Service,
        own_url: &str,
        writes: Sender<Message>,
        messages: Receiver<Message>,
        stop: &StopSignal,
    ) -> Result<(), RegistryError> {
        let TopicRegistrySettings { cluster, topic, readiness, .. } = &self.settings;
        let Some(desk) = service.desk() else { return Ok(()) };
        let name = group_of_topic(topic);
        // The reader ends last, so that the writer can read back what it has just written.
        let (ending, reading) = (&StopSignal::new(), &StopSignal::new());
        let follower = Follower::open(cluster, std::slice::from_ref(topic), reading)?;
        let candidate = Candidate::join(cluster, &format!("{CLIENT_ID}{own_url}"), &name, topic)?;
        let read_back = ReadBack::default();
        let writer = Writer {
            service,
            desk,
            read_back: &read_back,
            cluster,
            topic,
            transactional_id: &name,
            instance: Uuid::new_v4().to_string(),
            stop: ending,
        };
        thread::scope(|scope| {
            let read_back = &read_back;
            // One thread that fails ends the registry: it would look alive and do half of its work.
            let reader = start(scope, ending, "registry reader", move || {
                reader::run(service, desk, read_back, follower, readiness, reading);
                Ok(())
            });
            let others = [
                start(scope, ending, "registry candidate", move || {
                    stand(candidate, desk, &writes, readiness, ending);
                    Ok(())
                }),
                start(scope, ending, "registry writer", move || {
                    writer.run(&messages).map_err(|reason| RegistryError::Writer { reason })
                }),
            ];
            while !stop.wait(POLL) && !ending.is_stopped() {}
            ending.stop();
            // All are waited for, whatever comes of each; the first failure is the one that is told.
            let others = others.map(end);
            reading.stop();
            others.into_iter().chain([end(reader)]).collect()
        })
    }
}

/// Stands for the lead until the stop, and learns who has it.
fn stand(mut candidate: Candidate, desk: &Desk, writes: &Sender<Message>, readiness: &Readiness, stop: &StopSignal) {
    let mut elected = false;
    let mut asked: Option<Instant> = None;
    while !stop.is_stopped() {
        match candidate.poll(POLL) {
            Some(CandidateEvent::Elected) => {
                elected = true;
                let _ = writes.send(Message::Elected);
            }
            Some(CandidateEvent::Deposed) => {
                elected = false;
                let _ = writes.send(Message::Deposed);
            }
            Some(CandidateEvent::BrokerAway { reason }) => _ = readiness.not_ready(BROKER, reason),
            Some(CandidateEvent::BrokerBack) => _ = readiness.ready(BROKER),
            None => {}
        }
        let every = if desk.leader_wanted.load(Ordering::Acquire) { LEADER_ASKED_EVERY } else { LEADER_KNOWN_FOR };
        if elected || asked.is_some_and(|asked| asked.elapsed() < every) {
            continue;
        }
        asked = Some(Instant::now());
        desk.leader_wanted.store(false, Ordering::Release);
        match candidate.leader() {
            Ok(leader) => {
                let url = leader.and_then(|client_id| Some(client_id.strip_prefix(CLIENT_ID)?.to_owned()));
                if let Some(url) = &url
                    && desk.leader.borrow().as_ref() != Some(url)
                {
                    tracing::info!(leader = url, "changes are handed on to the instance that leads");
                }
                desk.leader.send_replace(url);
            }
            Err(error) => tracing::debug!(%error, "it is not known who leads"),
        }
    }
}

type Thread<'scope> = ScopedJoinHandle<'scope, Result<(), RegistryError>>;

/// Waits for the end of a thread; what came of it.
fn end(thread: Result<Thread<'_>, RegistryError>) -> Result<(), RegistryError> {
    thread?.join().map_err(|_| RegistryError::Thread { reason: "it panicked".to_owned() })?
}

fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    ending: &'scope StopSignal,
    name: &str,
    work: impl FnOnce() -> Result<(), RegistryError> + Send + 'scope,
) -> Result<Thread<'scope>, RegistryError> {
    /// Ends the others, even when the thread panics.
    struct Ends<'a>(&'a StopSignal);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let started = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, move || {
        let _ends = Ends(ending);
        work()
    });
    started.map_err(|error| {
        ending.stop();
        RegistryError::Thread { reason: error.to_string() }
    })
}
