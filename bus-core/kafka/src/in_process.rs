//! A broker inside the process, for the demo and fast tests: librdkafka's mock cluster.
//!
//! It speaks the protocol over a local port, so every client of this crate uses it as it uses a cluster. It keeps 5 MB or 100,000 records of a partition in memory and
//! nothing after the process, creates topics only through [`InProcessBroker::create_topic`], does **not** hide aborted transactions, and forgets the offsets that
//! are committed inside them (a worker that is started a second time begins at the beginning): nothing about exactly once is proved on it.
//!
//! The mock cluster may not move between threads, so a thread of its own holds it and takes requests.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rdkafka::mocking::MockCluster;

use crate::KafkaError;

/// It lives as long as this value.
pub struct InProcessBroker {
    bootstrap_servers: String,
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    topic: String,
    partitions: i32,
    answer: Sender<Result<(), KafkaError>>,
}

impl InProcessBroker {
    pub fn start() -> Result<Self, KafkaError> {
        let (started, start) = channel();
        let (requests, incoming) = channel();
        let thread = std::thread::Builder::new()
            .name("in-process broker".to_owned())
            .spawn(move || hold(&started, &incoming))
            .map_err(|error| refused("start a thread", error))?;
        let bootstrap_servers = start.recv().map_err(|error| refused("start the in-process broker", error))??;
        Ok(Self { bootstrap_servers, requests: Some(requests), thread: Some(thread) })
    }

    pub fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers.clone()
    }

    /// Creating a topic that is there already is an error.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        let (answer, answered) = channel();
        let gone = || KafkaError::Refused {
            what: "create a topic".to_owned(),
            reason: "the in-process broker has ended".to_owned(),
        };
        let request = Request { topic: name.to_owned(), partitions, answer };
        self.requests.as_ref().ok_or_else(gone)?.send(request).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}

fn hold(started: &Sender<Result<String, KafkaError>>, requests: &Receiver<Request>) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = started.send(Err(refused("start the in-process broker", error)));
            return;
        }
    };
    if started.send(Ok(cluster.bootstrap_servers())).is_err() {
        return;
    }
    for request in requests {
        let created = cluster.create_topic(&request.topic, request.partitions, 1);
        let _ = request.answer.send(created.map_err(|error| refused("create a topic", error)));
    }
}

fn refused(what: &str, error: impl std::fmt::Display) -> KafkaError {
    KafkaError::Refused { what: what.to_owned(), reason: error.to_string() }
}

impl Drop for InProcessBroker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
