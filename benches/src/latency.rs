//! From a connector's send to a `read_committed` consumer of an inbox, at a steady rate.
//!
//! The generator stands in for a connector. It is an open loop: event `n` is due at `start + n / rate`, whatever became of those
//! before, and its latency counts from when it was due, not from when the generator came to send it. So a stall is paid by every
//! event that would have been sent in it (no coordinated omission). It commits every 10 ms, with producers in turn.
//!
//! Every copy counts, and it tells by its `ce_id` which event it is of. Generator and consumer are this process, so there is one
//! clock; the router is a process of its own with the settings that it has by default.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use barid_event::header;
use barid_harness::{HANGS_AFTER, records};
use barid_kafka::{StopSignal, TransactionalProducer};
use hdrhistogram::Histogram;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Scale;
use crate::report::{Facts, Report};
use crate::sample::{Sample, SampleEvent};
use crate::stage::{Stage, end_of, number_of};

const COMMIT_EVERY: Duration = Duration::from_millis(10);

/// So many producers take turns, for a commit takes nearly as long as there is between two.
const PRODUCERS: usize = 3;

/// The first seconds of each rate are not counted.
const WARMED_UP_AFTER: Duration = Duration::from_secs(3);

/// For the last copies to arrive.
const ARRIVES_WITHIN: Duration = HANGS_AFTER;

/// Numbers of the events of one rate begin here times the rate's own number.
const NUMBERS_OF_A_RATE: u64 = 1 << 32;

/// What is measured beyond any doubt, microseconds.
const LONGEST_US: u64 = 120_000_000;

/// From this rate on there are enough events to speak of one in a thousand.
const TAIL_FROM: u64 = 1_000;

pub(crate) fn run(scale: Scale) -> Result<Report> {
    let mut sample = Sample::read()?;
    sample.events.retain(|event| !event.copies.is_empty());
    let seconds = scale.pick(20, 2);
    let mut report = Report::new(
        "latency",
        vec![
            ("from", json!("when an event is due at the generator, which commits every 10 ms")),
            ("to", json!("a read_committed consumer of the inboxes has it")),
            ("copies of an event", json!(sample.fan_out())),
            ("router", json!("one process, one slot, default settings")),
            (
                "seconds of each rate",
                json!(format!("{seconds}, of which the first {} warm up", warm_up(scale).as_secs())),
            ),
        ],
    );
    measure(&Stage::new("latency", scale)?, "one", &sample, scale, &mut report)?;
    if scale == Scale::Full {
        measure(&Stage::on_three("latency-3")?, "three", &sample, scale, &mut report)?;
    }
    Ok(report)
}

fn warm_up(scale: Scale) -> Duration {
    scale.pick(WARMED_UP_AFTER, Duration::ZERO)
}

fn measure(stage: &Stage, brokers: &str, sample: &Sample, scale: Scale, report: &mut Report) -> Result<()> {
    stage.deployment.barid.run(&["policy", "apply"])?;
    let mut router = stage.barid(&["router", "--name", "bench"]).start(stage.folder())?;
    let mut bench = Latency::new(stage, sample)?;
    let rates: &[u64] = scale.pick(&[100, 1_000, 5_000], &[100, 500]);
    // The first copy: from then on the router has its partitions and its policy.
    bench.run(0, 100, Duration::from_secs(1), Duration::ZERO)?;
    for (index, &rate) in rates.iter().enumerate() {
        let seconds = Duration::from_secs(scale.pick(20, 2));
        let histogram = bench.run(index as u64 + 1, rate, seconds, warm_up(scale))?;
        router.expect_running()?;
        report.figures(figures(brokers, rate, &histogram));
        if (brokers, rate) == ("one", 1_000) {
            report.at_most("p99 at 1,000 events/s on one broker", 100.0, ms(histogram.value_at_quantile(0.99)), " ms");
        }
    }
    router.stop()
}

fn figures(brokers: &str, rate: u64, histogram: &Histogram<u64>) -> Facts {
    let quantile = |quantile| json!(ms(histogram.value_at_quantile(quantile)));
    vec![
        ("brokers", json!(brokers)),
        ("events/s", json!(rate)),
        ("copies", json!(histogram.len())),
        ("p50 ms", quantile(0.5)),
        ("p99 ms", quantile(0.99)),
        ("p99.9 ms", if rate >= TAIL_FROM { quantile(0.999) } else { Value::Null }),
        ("max ms", json!(ms(histogram.max()))),
    ]
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

struct Latency<'s> {
    stage: &'s Stage,
    sample: &'s Sample,
    producers: Vec<TransactionalProducer>,
}

impl<'s> Latency<'s> {
    fn new(stage: &'s Stage, sample: &'s Sample) -> Result<Self> {
        let cluster = stage.cluster("bench-latency")?;
        let mut producers = Vec::new();
        for index in 0..PRODUCERS {
            let id = format!("{}latency/{index}", stage.deployment.topic(""));
            producers.push(TransactionalProducer::connect(&cluster, &id, &StopSignal::new())?);
        }
        Ok(Self { stage, sample, producers })
    }

    /// Sends at one rate and gives the latencies of all copies.
    fn run(&mut self, number: u64, rate: u64, length: Duration, warm_up: Duration) -> Result<Histogram<u64>> {
        let events = rate * length.as_secs();
        let base = number * NUMBERS_OF_A_RATE;
        let copies = |event: u64| self.event_of(base + event).copies.len() as u64;
        let wanted: u64 = (0..events).map(copies).sum();
        // Soon, so that everything is ready when the first event is due.
        let start = Instant::now() + Duration::from_millis(300);
        let pace = Pace { start, rate, base };
        let seen = Arc::new(AtomicU64::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let inboxes = Inboxes::open(self.stage)?;
        let receiving = {
            let (seen, ended) = (Arc::clone(&seen), Arc::clone(&ended));
            thread::spawn(move || inboxes.receive(pace, wanted, warm_up, &seen, &ended))
        };
        let sent = self.generate(pace, events);
        let deadline = Instant::now() + ARRIVES_WITHIN;
        while sent.is_ok() && seen.load(Ordering::Relaxed) < wanted && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        ended.store(true, Ordering::Relaxed);
        let histogram = receiving.join().map_err(|_| anyhow!("the consumer panicked"))??;
        sent?;
        let seen = seen.load(Ordering::Relaxed);
        ensure!(seen >= wanted, "{seen} of {wanted} copies have arrived");
        Ok(histogram)
    }

    /// Sends each event when it is due, and commits every 10 ms.
    fn generate(&mut self, pace: Pace, events: u64) -> Result<()> {
        let mut encoder = self.stage.encoder()?;
        let (mut next, mut turn, mut tick) = (0, 0, pace.start);
        while next < events {
            tick = (tick + COMMIT_EVERY).max(Instant::now());
            let producer = &mut self.producers[turn];
            let mut open = false;
            while next < events && pace.due(next) < tick {
                thread::sleep(pace.due(next).saturating_duration_since(Instant::now()));
                if !open {
                    producer.begin()?;
                    open = true;
                }
                let number = pace.base + next;
                let event = &self.sample.events[(number % self.sample.events.len() as u64) as usize];
                encoder.send(event, number, |record| Ok(producer.send(record)?))?;
                next += 1;
            }
            thread::sleep(tick.saturating_duration_since(Instant::now()));
            if open {
                producer.commit()?;
                turn = (turn + 1) % PRODUCERS;
            }
        }
        Ok(())
    }

    fn event_of(&self, number: u64) -> &SampleEvent {
        &self.sample.events[(number % self.sample.events.len() as u64) as usize]
    }
}

/// When which event is due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    start: Instant,
    rate: u64,
    base: u64,
}

impl Pace {
    fn due(&self, event: u64) -> Instant {
        self.start + Duration::from_nanos(event * 1_000_000_000 / self.rate)
    }
}

/// A consumer of all inboxes, from now on.
struct Inboxes(BaseConsumer);

impl Inboxes {
    fn open(stage: &Stage) -> Result<Self> {
        // What a subscriber's client sets: all else is as librdkafka has it.
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", stage.bootstrap_servers())
            .set("group.id", "bench-latency")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for (topic, count) in records::topics(stage.bootstrap_servers(), &stage.topics().inbox(""))? {
            for partition in 0..count {
                let end = end_of(&consumer, &topic, partition)?;
                partitions.add_partition_offset(&topic, partition, Offset::Offset(end))?;
            }
        }
        consumer.assign(&partitions)?;
        Ok(Self(consumer))
    }

    fn receive(
        &self,
        pace: Pace,
        wanted: u64,
        warm_up: Duration,
        seen: &AtomicU64,
        ended: &AtomicBool,
    ) -> Result<Histogram<u64>> {
        let mut histogram = Histogram::new_with_max(LONGEST_US, 3)?;
        while !ended.load(Ordering::Relaxed) && seen.load(Ordering::Relaxed) < wanted {
            let Some(message) = self.0.poll(Duration::from_millis(50)) else { continue };
            let (message, now) = (message?, Instant::now());
            let number = number(&message)?;
            let Some(event) = number.checked_sub(pace.base).filter(|event| *event < NUMBERS_OF_A_RATE) else {
                continue;
            };
            let due = pace.due(event);
            if due >= pace.start + warm_up {
                histogram.record(now.saturating_duration_since(due).as_micros().try_into()?)?;
            }
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Ok(histogram)
    }
}

/// Which event a copy is of.
fn number(message: &impl Message) -> Result<u64> {
    let headers = message.headers().context("a copy has headers")?;
    let Some(id) = headers.iter().find(|one| one.key == header::CE_ID) else { bail!("a copy without `ce_id`") };
    let id = std::str::from_utf8(id.value.unwrap_or_default())?;
    Ok(number_of(Uuid::try_parse(id)?))
}
