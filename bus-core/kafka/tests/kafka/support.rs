//! What the tests of this crate share: names that nobody else uses, a processor that copies, waiting for a condition.

#![allow(dead_code, reason = "each program uses a part of it")]
#![allow(unreachable_pub, reason = "a module of two programs")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barid_kafka::{
    Begin, Cluster, Input, Outbox, Outgoing, ProcessName, Processor, Record, RecordRef, StopSignal,
    TransactionalProducer, TransactionalWorker, Verdict, WorkerError, WorkerEvent, WorkerSettings,
    read_to_high_watermark,
};

/// A name that no other test and no other run uses.
pub fn unique(name: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{}-{}-{}", std::process::id(), nanoseconds % 1_000_000_000, NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Waits for the condition; after the limit the test fails with these words.
#[track_caller]
pub fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "waited {} s for: {what}", limit.as_secs());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Everything committed in the topic, in the order of partitions and offsets.
pub fn committed(cluster: &Cluster, topic: &str) -> Vec<Record> {
    let mut records = Vec::new();
    read_to_high_watermark(cluster, topic, &StopSignal::new(), |record| records.push(record.to_record())).unwrap();
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

pub fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap_or_default()).unwrap()).collect()
}

pub fn sorted_values(records: &[Record]) -> Vec<String> {
    let mut values = values(records);
    values.sort();
    values
}

pub fn outgoing<'a>(topic: &'a str, key: &'a str, value: &'a str) -> Outgoing<'a> {
    Outgoing { topic, key: Some(key.as_bytes()), value: Some(value.as_bytes()), ..Outgoing::default() }
}

/// Writes `count` records `<first>..` with seven keys, in transactions of 100.
pub fn produce(cluster: &Cluster, topic: &str, first: usize, count: usize) {
    let mut producer = TransactionalProducer::connect(cluster, &unique("source"), &StopSignal::new()).unwrap();
    let numbers: Vec<usize> = (first..first + count).collect();
    for batch in numbers.chunks(100) {
        producer.begin().unwrap();
        for number in batch {
            producer.send(&outgoing(topic, &format!("key-{}", number % 7), &format!("{number:06}"))).unwrap();
        }
        producer.commit().unwrap();
    }
}

/// What the copying processor was told, shared with the test.
#[derive(Clone, Default)]
pub struct Log {
    pub events: Arc<Mutex<Vec<WorkerEvent>>>,
    pub begins: Arc<Mutex<Vec<(usize, bool)>>>,
    pub processed: Arc<AtomicUsize>,
}

impl Log {
    pub fn saw(&self, wanted: impl Fn(&WorkerEvent) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }

    pub fn committed(&self) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| if let WorkerEvent::Committed { records, .. } = event { *records } else { 0 }).sum()
    }

    pub fn partitions(&self) -> usize {
        let events = self.events.lock().unwrap();
        let mut held = 0;
        for event in events.iter() {
            match event {
                WorkerEvent::Assigned { partitions } => held = partitions.len(),
                WorkerEvent::Revoked { partitions, .. } => held -= partitions.len(),
                _ => {}
            }
        }
        held
    }
}

type Decide = Box<dyn FnMut(&RecordRef<'_>) -> Verdict + Send>;

/// Copies each record to another topic, key and value.
pub struct Copying {
    pub to: String,
    pub log: Log,
    pub decide: Decide,
}

impl Processor for Copying {
    fn begin(&mut self, begin: &Begin<'_>, _out: &mut Outbox) {
        self.log.begins.lock().unwrap().push((begin.assigned.len(), begin.first_after_assignment));
    }

    fn process(&mut self, record: &RecordRef<'_>, out: &mut Outbox) -> Verdict {
        let verdict = (self.decide)(record);
        if verdict == Verdict::Done {
            self.log.processed.fetch_add(1, Ordering::SeqCst);
            let _ = out.send(&Outgoing {
                topic: &self.to,
                key: record.key,
                value: record.value,
                headers: &[("from", b"copy")],
                ..Outgoing::default()
            });
        }
        verdict
    }

    fn event(&mut self, event: &WorkerEvent) {
        self.log.events.lock().unwrap().push(event.clone());
    }
}

/// A worker on its own thread.
pub struct Running {
    pub log: Log,
    pub stop: StopSignal,
    thread: Option<JoinHandle<Result<(), WorkerError>>>,
}

impl Running {
    pub fn start(cluster: &Cluster, from: &str, to: &str, group: &str, name: &str) -> Self {
        Self::start_with(cluster, Input::Topics(vec![from.to_owned()]), to, group, name, Box::new(|_| Verdict::Done))
    }

    pub fn start_with(cluster: &Cluster, input: Input, to: &str, group: &str, name: &str, decide: Decide) -> Self {
        let stop = StopSignal::new();
        let process = Arc::new(ProcessName::new(cluster, &format!("{name}/name"), to, &stop));
        let mut settings = WorkerSettings::new(&process, input, group, name);
        settings.pause_first = Duration::from_millis(100);
        let log = Log::default();
        let processor = Copying { to: to.to_owned(), log: log.clone(), decide };
        let (cluster, signal) = (cluster.clone(), stop.clone());
        let thread = std::thread::spawn(move || TransactionalWorker::new(&cluster, settings, processor)?.run(&signal));
        Self { log, stop, thread: Some(thread) }
    }

    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks for the end and gives how long it took.
    pub fn stop(mut self) -> (Result<(), WorkerError>, Duration) {
        let started = Instant::now();
        self.stop.stop();
        let ended = self.thread.take().unwrap().join().unwrap();
        (ended, started.elapsed())
    }

    pub fn join(mut self) -> Result<(), WorkerError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
