//! A whole bus in the test's process: broker, registry, and a router on a thread.

#![allow(dead_code, reason = "it is a test program of its own too")]
#![allow(unreachable_pub, reason = "a module of a test program")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barid_codec::{RecordCodec, RecordReader, Registry, RegistrySettings, Schemas};
use barid_event::topics::Topics;
use barid_event::watch::WatchKey;
use barid_harness::HANGS_AFTER;
use barid_kafka::{
    Admin, Cluster, InProcessBroker, NewTopic, Outgoing, Record, StopSignal, TransactionalProducer,
    read_to_high_watermark,
};
use barid_policy::PolicyFile;
use barid_policy::versions::{PolicyVersion, version_records};
use barid_registry::{EmbeddedRegistry, Running};
use barid_router::{MAX_RECORD_BYTES, Progress, Router, RouterError, RouterSettings};
use barid_schemas::case_event::{CaseEvent, Decision, Parcel, Precision, View};
use barid_schemas::records::{self, PolicyApplied, PolicyRecord, Schema, WatchEntry, WatchKind};
use barid_schemas::{Catalogue, Millis};
use barid_telemetry::{Metrics, Readiness};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub const PUBLISHER: &str = "art100_commission";

/// Waits for the condition; after the limit the test fails with these words.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < HANGS_AFTER, "waited {} s for: {what}", HANGS_AFTER.as_secs());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub struct Bus {
    broker: Option<InProcessBroker>,
    pub cluster: Cluster,
    pub topics: Topics,
}

impl Bus {
    pub fn start() -> Self {
        let broker = InProcessBroker::start().unwrap();
        let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
        let topics = Topics::default();
        for (topic, partitions) in topics_of(&topics) {
            broker.create_topic(&topic, partitions).unwrap();
        }
        Self { broker: Some(broker), cluster, topics }
    }

    /// On a broker that runs already, under a prefix that nobody else has.
    pub fn at(bootstrap_servers: &str) -> Self {
        let cluster = Cluster::at(bootstrap_servers, "test").unwrap();
        let topics = Topics::new(format!("router-{}.", Uuid::new_v4()));
        let new = |(name, partitions)| NewTopic { name, partitions, replication: Some(1), config: BTreeMap::new() };
        let new: Vec<_> = topics_of(&topics).into_iter().map(new).collect();
        for created in Admin::new(&cluster).unwrap().create(&new).unwrap() {
            created.unwrap();
        }
        Self { broker: None, cluster, topics }
    }

    pub fn write(&self, records: &[Record]) {
        // Tests that share a broker run side by side, and one name would fence the other.
        let name = format!("{}writer", self.topics.prefix());
        let mut producer = TransactionalProducer::connect(&self.cluster, &name, &StopSignal::new()).unwrap();
        producer.begin().unwrap();
        for record in records {
            let headers: Vec<_> = record.headers.iter().map(|(n, value)| (n.as_str(), value.as_slice())).collect();
            let outgoing = Outgoing {
                topic: &record.topic,
                partition: Some(record.partition),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
                timestamp_ms: None,
            };
            producer.send(&outgoing).unwrap();
        }
        producer.commit().unwrap();
    }

    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        read_to_high_watermark(&self.cluster, topic, &StopSignal::new(), |record| records.push(record.to_record()))
            .unwrap();
        records
    }

    pub fn inbox(&self, agency: &str) -> Vec<Record> {
        self.read(&self.topics.inbox(agency))
    }
}

fn topics_of(topics: &Topics) -> Vec<(String, i32)> {
    let inboxes = ["tax", "samt", "bank_facilities"].map(|agency| (topics.inbox(agency), 3));
    let others = [topics.policy(), topics.watch(), topics.policy_applied(), topics.notices(), topics.heartbeats()];
    let mut all = vec![(topics.events(PUBLISHER), 2), (topics.deadletter(PUBLISHER), 1)];
    all.extend(inboxes);
    all.extend(others.map(|topic| (topic, 1)));
    all
}

/// The registry at an address, and what writes with its ids.
pub struct Desk {
    pub registry: Arc<Registry>,
    pub embedded: Running,
    topics: Topics,
}

impl Desk {
    /// With the schemas of all topics.
    pub fn at(address: &str) -> Self {
        Self::for_topics(address, &Topics::default())
    }

    pub fn for_topics(address: &str, topics: &Topics) -> Self {
        let embedded = EmbeddedRegistry::start(address).unwrap();
        let desk = Self { registry: client(&embedded.url()), embedded, topics: topics.clone() };
        desk.register_all();
        desk
    }

    pub fn register_all(&self) {
        for (subject, schema) in records::all() {
            self.registry.register(subject, schema).unwrap();
        }
    }

    pub fn codec<T: Schema + serde::Serialize>(&self) -> RecordCodec<T> {
        RecordCodec::new(self.registry.register(T::FULL_NAME, T::AVSC).unwrap()).unwrap()
    }

    pub fn decode<T: Schema + DeserializeOwned>(&self, records: &[Record]) -> Vec<T> {
        let reader = RecordReader::new(Arc::clone(&self.registry) as Arc<dyn Schemas>);
        records.iter().map(|record| reader.decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// The records of a policy version that grants `permits`.
    pub fn policy(&self, version: i64, permits: &str) -> Vec<Record> {
        let file = PolicyFile { path: format!("permits/{PUBLISHER}.toml"), text: permits.to_owned() };
        let version =
            PolicyVersion { version, files: vec![file], applied_by: "a test".to_owned(), applied_at: Millis(0) };
        let codec = self.codec::<PolicyRecord>();
        let encode = |record: &PolicyRecord| Record {
            topic: self.topics.policy(),
            key: Some(version.version.to_string().into_bytes()),
            value: Some(codec.to_vec(record).unwrap()),
            ..Record::default()
        };
        version_records(&version).iter().map(encode).collect()
    }

    pub fn watch(&self, subscriber: &str, key: WatchKey, handle: &str) -> Record {
        let text = key.to_string();
        let entry = WatchEntry {
            subscriber: subscriber.to_owned(),
            kind: key.kind,
            key: text.split_once(':').unwrap().1.to_owned(),
            handle: handle.to_owned(),
            since: Millis(0),
        };
        Record {
            topic: self.topics.watch(),
            key: Some(barid_policy::watch::record_key(subscriber, key, handle).into_bytes()),
            value: Some(self.codec().to_vec(&entry).unwrap()),
            ..Record::default()
        }
    }

    /// The record of the `number`-th event of a case; it goes to partition 0 or 1.
    pub fn event(&self, case: u128, number: u128, watched: Option<WatchKey>) -> Record {
        let event = event(case, number);
        let watched = watched.map(|key| ("barid-watch".to_owned(), key.to_string().into_bytes()));
        Record {
            topic: self.topics.events(PUBLISHER),
            partition: (case % 2) as i32,
            key: Some(event.corr_id.to_string().into_bytes()),
            value: Some(self.codec().to_vec(&event).unwrap()),
            headers: watched.into_iter().collect(),
            ..Record::default()
        }
    }
}

pub fn client(url: &str) -> Arc<Registry> {
    Arc::new(Registry::new(RegistrySettings { url: url.to_owned(), basic_auth: None }).unwrap())
}

pub fn event(case: u128, number: u128) -> CaseEvent {
    CaseEvent {
        event_id: Uuid::from_u128(0x8000_8000_0000_0000_0000 + case * 1_000 + number),
        corr_id: Uuid::from_u128(0x8000_8000_0000_0000_0000 + case),
        publisher: PUBLISHER.to_owned(),
        county: None,
        service_code: "municipal_building_permit".to_owned(),
        national_service_id: None,
        case_no: None,
        status_from: None,
        status_to: "issued".to_owned(),
        transition: None,
        occurred_at: Millis(1_700_000_000_000),
        utc_offset_minutes: 210,
        precision: Precision::Second,
        deadline_at: None,
        letter_no: None,
        letter_date: None,
        correction_of: None,
        view: View::Exact,
        identity: None,
        number: None,
        person: None,
        contact: None,
        parcel: Some(Parcel { plate_main: Some("plate-77".to_owned()), ..Parcel::default() }),
        decision: Some(Decision { decision_no: Some(format!("{case}-{number}")), ..Decision::default() }),
        money: None,
        violation: None,
        business: None,
        resolution: None,
        attachments: None,
    }
}

pub fn parcel() -> WatchKey {
    WatchKey { kind: WatchKind::Parcel, hash: [7; 16] }
}

/// A permit for building permits that were issued.
pub fn permit(number: &str, subscriber: &str, groups: &str, more: &str) -> String {
    format!(
        "[[permit]]\nnumber = \"{number}\"\nsubscriber = \"{subscriber}\"\nvalid_from = 2022-03-21\n\
         valid_until = 2032-03-19\n[[permit.grant]]\nservice = \"municipal_building_permit\"\n\
         statuses = [\"issued\"]\ngroups = [{groups}]\nview = \"exact\"\n{more}\n"
    )
}

/// What `tax` hears always and `bank_facilities` if it watches the parcel.
pub fn first_policy() -> String {
    let watching = permit("T-2", "bank_facilities", "\"decision\"", "requires = \"watch:parcel\"");
    permit("T-1", "tax", "\"parcel\", \"decision\"", "") + &watching
}

/// The partitions for which the version was told.
pub fn told(bus: &Bus, desk: &Desk, version: i64) -> BTreeSet<i32> {
    let applied: Vec<PolicyApplied> = desk.decode(&bus.read(&bus.topics.policy_applied()));
    applied.iter().filter(|applied| applied.version == version).map(|applied| applied.partition).collect()
}

/// A router on a thread of its own.
pub struct RunningRouter {
    pub progress: Progress,
    pub readiness: Readiness,
    pub metrics: Metrics,
    stop: StopSignal,
    thread: JoinHandle<Result<(), RouterError>>,
}

impl RunningRouter {
    pub fn start(bus: &Bus, desk: &Desk) -> Self {
        Self::with_slots(2, &bus.cluster, &desk.registry, &bus.topics)
    }

    pub fn with_slots(slots: u16, cluster: &Cluster, registry: &Arc<Registry>, topics: &Topics) -> Self {
        let (readiness, metrics, stop) = (Readiness::default(), Metrics::new("router"), StopSignal::new());
        let router = Router::new(RouterSettings {
            deployment: topics.prefix().to_owned(),
            name: "main".to_owned(),
            slots,
            producers: 2,
            commit_interval: Duration::from_millis(20),
            commit_records: 100,
            max_record_bytes: MAX_RECORD_BYTES,
            cluster: cluster.clone(),
            registry: Arc::clone(registry),
            topics: topics.clone(),
            shared_catalogue: Catalogue::shared(),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
        });
        let progress = router.progress();
        let signal = stop.clone();
        let thread = std::thread::spawn(move || router.run(&signal));
        Self { progress, readiness, metrics, stop, thread }
    }

    pub fn fails(&self, condition: &str) -> bool {
        self.readiness.failing().iter().any(|(name, _)| name == condition)
    }

    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn result(self) -> Result<(), RouterError> {
        self.thread.join().unwrap()
    }

    /// Asks it to end and sees that it does so in time.
    #[track_caller]
    pub fn end(self) {
        let asked = Instant::now();
        self.stop.stop();
        self.thread.join().unwrap().unwrap();
        let took = asked.elapsed();
        assert!(took < HANGS_AFTER, "it took {took:?} to end");
    }
}
