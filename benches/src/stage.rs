//! Where the roles are measured: a broker, a registry, a deployment of the bus, and events in its topics.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use barid_codec::RecordCodec;
use barid_event::header::{self, CloudEvent};
use barid_event::topics::Topics;
use barid_harness::{Deployment, HANGS_AFTER, Kafka, ports, shared_kafka, wait_for};
use barid_kafka::{Cluster, Outgoing, StopSignal, TransactionalProducer};
use barid_registry::EmbeddedRegistry;
use barid_schemas::case_event::{self, CaseEvent};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use uuid::Uuid;

use crate::Scale;
use crate::process::{Program, beside_this};
use crate::sample::{Sample, SampleEvent};

/// Events of one transaction when topics are filled.
const LOADED_TOGETHER: usize = 5_000;

/// Events of one case: they have the same key.
const EVENTS_OF_A_CASE: u64 = 4;

/// A deployment on a broker.
pub(crate) struct Stage {
    // Before the broker and the registry, so that its topics are deleted while both stand.
    pub(crate) deployment: Deployment,
    _registry: barid_registry::Running,
    _kafka: Option<Kafka>,
    _cluster: Option<barid_harness::Cluster>,
    barid: PathBuf,
}

impl Stage {
    /// With topics and schemas; on a broker of its own, a smoke run on the one that all tests share.
    pub(crate) fn new(name: &str, scale: Scale) -> Result<Self> {
        let (kafka, bootstrap_servers) = match scale {
            Scale::Full => {
                let kafka = Kafka::start()?;
                let bootstrap_servers = kafka.bootstrap_servers();
                (Some(kafka), bootstrap_servers)
            }
            Scale::Smoke => (None, shared_kafka()?.to_owned()),
        };
        Self::on(name, &bootstrap_servers, kafka)
    }

    /// On three brokers, replication 3.
    pub(crate) fn on_three(name: &str) -> Result<Self> {
        let cluster = barid_harness::Cluster::start(&["bench"])?;
        let bootstrap_servers = cluster.bootstrap_servers();
        Ok(Self { _cluster: Some(cluster), ..Self::on(name, &bootstrap_servers, None)? })
    }

    fn on(name: &str, bootstrap_servers: &str, kafka: Option<Kafka>) -> Result<Self> {
        let barid = beside_this("barid")?;
        let [port] = ports::free()?;
        let registry = EmbeddedRegistry::start(&format!("127.0.0.1:{port}"))?;
        let url = format!("http://127.0.0.1:{port}");
        let deployment = Deployment::new(&barid.display().to_string(), name, bootstrap_servers, &url)?;
        deployment.barid.run(&["topics", "apply"])?;
        deployment.barid.run(&["schemas", "register"])?;
        Ok(Self { deployment, _registry: registry, _kafka: kafka, _cluster: None, barid })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.deployment.folder()
    }

    pub(crate) fn bootstrap_servers(&self) -> &str {
        self.deployment.bootstrap_servers()
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics::new(self.deployment.topic(""))
    }

    pub(crate) fn cluster(&self, client_id: &str) -> Result<Cluster> {
        Ok(Cluster::at(self.bootstrap_servers(), client_id)?)
    }

    /// A `barid` command of this deployment, to be measured.
    pub(crate) fn barid(&self, arguments: &[&str]) -> Program {
        Program::new(&self.barid, arguments)
    }

    /// Writes a file into the deployment's folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Makes events of the sample into records, with ids of their own.
    pub(crate) fn encoder(&self) -> Result<Encoder> {
        let subject = case_event::FULL_NAME;
        let (status, answer) = self.deployment.registry().get(&format!("/subjects/{subject}/versions/latest"))?;
        let id = answer["id"].as_u64().with_context(|| format!("`{subject}` gives {status}"))?;
        let id = u32::try_from(id)?;
        let (_, url) = self.settings_url()?;
        Ok(Encoder {
            codec: RecordCodec::new(id)?,
            dataschema: header::dataschema(&url, id),
            topics: self.topics(),
            sequences: BTreeMap::new(),
        })
    }

    fn settings_url(&self) -> Result<(PathBuf, String)> {
        let file = self.folder().join("barid.toml");
        let text = fs::read_to_string(&file)?;
        let url = text.lines().find_map(|line| line.strip_prefix("url = "));
        let url = url.context("no url in barid.toml")?.trim_matches('"').to_owned();
        Ok((file, url))
    }

    /// Publishes `count` events, those of the sample in turn, as connectors would.
    pub(crate) fn load(&self, sample: &Sample, count: usize) -> Result<()> {
        let mut encoder = self.encoder()?;
        let id = format!("{}load", self.deployment.topic(""));
        let mut producer = TransactionalProducer::connect(&self.cluster("bench-load")?, &id, &StopSignal::new())?;
        let mut loaded = 0;
        while loaded < count {
            producer.begin()?;
            let next = (loaded + LOADED_TOGETHER).min(count);
            for number in loaded..next {
                let event = &sample.events[number % sample.events.len()];
                encoder.send(event, number as u64, |record| Ok(producer.send(record)?))?;
            }
            producer.commit()?;
            loaded = next;
        }
        Ok(())
    }
}

/// Turns events of the sample into records of `events.*`.
pub(crate) struct Encoder {
    codec: RecordCodec<CaseEvent>,
    dataschema: String,
    topics: Topics,
    /// The last number of each publisher.
    sequences: BTreeMap<String, i64>,
}

impl Encoder {
    /// Gives `send` the record of the event with this number, with the headers that a connector writes.
    pub(crate) fn send(
        &mut self,
        sample: &SampleEvent,
        number: u64,
        send: impl FnOnce(&Outgoing<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut event = sample.event.clone();
        (event.event_id, event.corr_id) = (numbered_id(number), case_id(number / EVENTS_OF_A_CASE));
        let value = self.codec.to_vec(&event)?;
        let about = CloudEvent {
            id: event.event_id,
            publisher: &event.publisher,
            service_code: &event.service_code,
            status_to: &event.status_to,
            corr_id: event.corr_id,
            occurred_at: event.occurred_at,
            dataschema: &self.dataschema,
        };
        let traceparent = traceparent(event.event_id);
        let sequence = self.sequences.entry(event.publisher.clone()).or_default();
        *sequence += 1;
        let headers = header::event_headers(&about, *sequence, &traceparent, &sample.watch_keys);
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let (topic, key) = (self.topics.events(&event.publisher), event.corr_id.to_string());
        send(&Outgoing {
            topic: &topic,
            key: Some(key.as_bytes()),
            value: Some(&value),
            headers: &headers,
            ..Outgoing::default()
        })
    }
}

/// An id that tells its number, for [`number_of`].
fn numbered_id(number: u64) -> Uuid {
    let mut bytes = [0xb5; 16];
    bytes[8..].copy_from_slice(&(number & 0x3fff_ffff_ffff_ffff).to_be_bytes());
    Uuid::new_v8(bytes)
}

/// The high watermark of a partition. One that has only just been created has no leader for a moment.
pub(crate) fn end_of(client: &BaseConsumer, topic: &str, partition: i32) -> Result<i64> {
    wait_for("the leader of a partition", HANGS_AFTER, || {
        match client.fetch_watermarks(topic, partition, HANGS_AFTER) {
            Ok((_, end)) => Ok(Some(end)),
            Err(error) => match error.rdkafka_error_code() {
                Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable | Code::UnknownTopicOrPartition) => {
                    Ok(None)
                }
                _ => Err(error.into()),
            },
        }
    })
}

/// The number that was hidden in an event's id.
pub(crate) fn number_of(event_id: Uuid) -> u64 {
    event_id.as_u64_pair().1 & 0x3fff_ffff_ffff_ffff
}

/// Spread evenly over partitions, as ids of cases are.
fn case_id(case: u64) -> Uuid {
    let spread = case.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Uuid::new_v8(((u128::from(spread) << 64) | u128::from(case)).to_be_bytes())
}

fn traceparent(event_id: Uuid) -> String {
    let digits = event_id.simple().to_string();
    format!("00-{digits}-{}-00", &digits[16..])
}
