//! An instance of the registry in this process, on a topic of the test's own.

use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use barid_harness::{HANGS_AFTER, SchemaRegistry, admin, ports, shared_kafka, unique_prefix, wait_until};
use barid_kafka::{Cluster, Outgoing, Record, StopSignal, TransactionalProducer, read_to_high_watermark};
use barid_registry::{RegistryError, TopicRegistry, TopicRegistrySettings};
use barid_telemetry::{Metrics, Readiness};
use serde_json::{Value, json};

pub(crate) const V1: &str =
    r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"}]}"#;
/// One more field, with a default.
pub(crate) const V2: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"},{"name":"note","type":["null","string"],"default":null}]}"#;
/// One more field, without one.
pub(crate) const NO_DEFAULT: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"},{"name":"note","type":"string"}]}"#;

/// A record schema that no other number gives.
pub(crate) fn numbered(number: usize) -> String {
    format!(r#"{{"type":"record","name":"N{number}","fields":[]}}"#)
}

pub(crate) fn cluster() -> Result<Cluster> {
    Ok(Cluster::at(shared_kafka()?, "registry-test")?)
}

/// A topic that is the test's own; an instance makes it.
pub(crate) fn topic(name: &str) -> String {
    format!("{}_schemas", unique_prefix(name))
}

/// One instance with a client.
pub(crate) struct Instance {
    pub(crate) client: SchemaRegistry,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    stop: StopSignal,
    thread: Option<JoinHandle<Result<(), RegistryError>>>,
}

impl Instance {
    /// Returns when it answers and some instance can make changes.
    pub(crate) fn start(topic: &str) -> Result<Self> {
        let instance = Self::begin(topic)?;
        wait_until("the instance to be ready", HANGS_AFTER, || Ok(instance.readiness.is_ready()))?;
        Ok(instance)
    }

    pub(crate) fn begin(topic: &str) -> Result<Self> {
        let [port] = ports::free()?;
        let listen = format!("127.0.0.1:{port}");
        let (metrics, readiness) = (Metrics::new("registry"), Readiness::with_conditions(["broker", "schemas"]));
        let registry = TopicRegistry::new(TopicRegistrySettings {
            cluster: cluster()?,
            topic: topic.to_owned(),
            listen: listen.clone(),
            advertised_url: None,
            metrics: metrics.clone(),
            readiness: readiness.clone(),
        });
        let stop = StopSignal::new();
        let until = stop.clone();
        let thread = std::thread::spawn(move || registry.run(&until));
        let client = SchemaRegistry::new(&format!("http://{listen}"))?;
        Ok(Self { client, metrics, readiness, stop, thread: Some(thread) })
    }

    pub(crate) fn leads(&self) -> bool {
        self.metrics.text().lines().any(|line| line == "barid_registry_leads 1")
    }

    /// Stops it in an orderly way; how it ended.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.stop.stop();
        self.end()
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self) -> Result<()> {
        let thread = self.thread.take().context("it has ended")?;
        Ok(thread.join().map_err(|_| anyhow!("it panicked"))??)
    }

    pub(crate) fn id(&self, subject: &str, schema: &str) -> Result<u32> {
        self.client.register(subject, schema)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.client.get(path)?;
        ensure!(status == 200, "`{path}` gives {status}: {body}");
        Ok(body)
    }

    pub(crate) fn done(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, body) = self.client.request(method, path, body.as_ref())?;
        ensure!(status == 200, "{method} `{path}` gives {status}: {body}");
        Ok(body)
    }

    /// Everything that a client can see, for comparing two instances or one before and after.
    pub(crate) fn picture(&self) -> Result<Value> {
        let mut subjects = serde_json::Map::new();
        for subject in self.get("/subjects?deleted=true")?.as_array().context("no list")? {
            let subject = subject.as_str().context("no text")?;
            let mut versions = Vec::new();
            for version in
                self.get(&format!("/subjects/{subject}/versions?deleted=true"))?.as_array().context("no list")?
            {
                versions.push(self.get(&format!("/subjects/{subject}/versions/{version}?deleted=true"))?);
            }
            let settings = [format!("/config/{subject}"), format!("/mode/{subject}")];
            let settings: Vec<(u16, Value)> =
                settings.iter().map(|path| self.client.get(path)).collect::<Result<_>>()?;
            let alive = self.client.versions(subject)?;
            subjects.insert(subject.to_owned(), json!({ "versions": versions, "alive": alive, "settings": settings }));
        }
        Ok(json!({ "subjects": subjects, "config": self.get("/config")?, "mode": self.get("/mode")? }))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes records as another registry would: keys and values as they are, no headers.
pub(crate) fn write(topic: &str, records: &[(&str, Option<&str>)]) -> Result<()> {
    let mut producer = TransactionalProducer::connect(&cluster()?, &unique_prefix("other"), &StopSignal::new())?;
    producer.begin()?;
    for (key, value) in records {
        producer.send(&Outgoing {
            topic,
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            ..Outgoing::default()
        })?;
    }
    Ok(producer.commit()?)
}

pub(crate) fn read(topic: &str) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    read_to_high_watermark(&cluster()?, topic, &StopSignal::new(), |record| records.push(record.to_record()))?;
    Ok(records)
}

/// Makes the topic, with segments that compaction looks at soon.
pub(crate) fn make(topic: &str, config: &[(&str, &str)]) -> Result<()> {
    admin::create_topic(shared_kafka()?, topic, 1, config)
}
