//! Counters, gauges and histograms of the roles, for Prometheus.
//!
//! A role gets a [`Metrics`] handle for its own name and makes its metrics once at start, keeps them, and counts on plain
//! atomics. The full name is `barid_<role>_<what>_<unit>`; a counter's `_total` is added by the exposition and is not part of
//! the name here. Label *names* are fixed when a family is made, label *values* when a member is first asked for: take the
//! member once (`family.at(["inbox"])`) and keep it, asking again takes a lock.
//!
//! Several slots of one process may ask for the same metric: they get the same one. Asking for the same name with another kind
//! or other labels is a mistake in the program and panics at start, where a test sees it.
//!
//! Label values are names of agencies, topics, partitions and reason codes: a small closed set, and never a value of a row.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter as RawCounter;
use prometheus_client::metrics::family::{Family as RawFamily, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge as RawGauge;
use prometheus_client::metrics::histogram::{Histogram as RawHistogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

/// Label names with their values, in the order in which the family names them.
type Labels = Vec<(&'static str, String)>;

/// All metrics of one process, seen by one role.
#[derive(Clone)]
pub struct Metrics {
    role: Arc<str>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    registry: Registry,
    /// What has been made already: full name to (kind and labels, the metric).
    made: BTreeMap<String, (String, Box<dyn Any + Send>)>,
}

impl Metrics {
    /// A new, empty set of metrics, for the role of this name.
    pub fn new(role: &str) -> Self {
        Self { role: role.into(), inner: Arc::default() }
    }

    /// The same set of metrics, for another role in the same process.
    pub fn role(&self, role: &str) -> Self {
        Self { role: role.into(), inner: Arc::clone(&self.inner) }
    }

    /// A number that only grows. Prometheus sees it as `barid_<role>_<name>_total`.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.make(name, help, "counter", RawCounter::default).into()
    }

    /// A number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.make(name, help, "gauge", RawGauge::default).into()
    }

    /// A distribution. The name ends with the unit of what is observed (`_seconds`, `_bytes`, `_events`).
    pub fn histogram(&self, name: &str, help: &str, buckets: Buckets) -> Histogram {
        self.make(name, help, "histogram", || buckets.histogram()).into()
    }

    /// Counters that differ by labels.
    pub fn counters<const N: usize>(&self, name: &str, help: &str, labels: [&'static str; N]) -> CounterFamily<N> {
        let raw = self.make(name, help, &format!("counter by {labels:?}"), RawFamily::default);
        CounterFamily { labels, raw }
    }

    /// Gauges that differ by labels.
    pub fn gauges<const N: usize>(&self, name: &str, help: &str, labels: [&'static str; N]) -> GaugeFamily<N> {
        let raw = self.make(name, help, &format!("gauge by {labels:?}"), RawFamily::default);
        GaugeFamily { labels, raw }
    }

    /// Histograms that differ by labels.
    pub fn histograms<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        buckets: Buckets,
    ) -> HistogramFamily<N> {
        let kind = format!("histogram by {labels:?}");
        let raw = self.make(name, help, &kind, || RawFamily::new_with_constructor(buckets));
        HistogramFamily { labels, raw }
    }

    /// All metrics in the text format that Prometheus reads.
    pub fn text(&self) -> String {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode(&mut text, &inner.registry);
        text
    }

    fn make<M: Metric + Clone>(&self, name: &str, help: &str, kind: &str, new: impl FnOnce() -> M) -> M {
        let full = format!("barid_{}_{name}", self.role);
        assert!(
            is_metric_name(&full),
            "`{full}` is not a name of a metric: lower case letters, digits and single underscores"
        );
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_kind, metric)) = inner.made.get(&full) {
            let same = metric.downcast_ref::<M>().filter(|_| made_kind == kind);
            return same.unwrap_or_else(|| panic!("metric `{full}` is a {made_kind} already, not a {kind}")).clone();
        }
        let metric = new();
        // The exposition ends each help text with a period of its own.
        inner.registry.register(full.clone(), help.trim_end_matches('.'), metric.clone());
        inner.made.insert(full, (kind.to_owned(), Box::new(metric.clone())));
        metric
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("role", &self.role).finish_non_exhaustive()
    }
}

fn is_metric_name(name: &str) -> bool {
    !name.ends_with('_')
        && !name.ends_with("_total")
        && !name.contains("__")
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Upper bounds of a histogram.
#[derive(Clone, Copy, Debug)]
pub enum Buckets {
    /// Times in seconds: 0.5 ms to 16 s, doubling.
    Seconds,
    /// Sizes in bytes: 64 bytes to 4 MiB, times four.
    Bytes,
    /// Numbers of things: 1 to 65,536, times four.
    Count,
}

impl Buckets {
    fn histogram(self) -> RawHistogram {
        RawHistogram::new(match self {
            Buckets::Seconds => exponential_buckets(0.0005, 2.0, 16),
            Buckets::Bytes => exponential_buckets(64.0, 4.0, 9),
            Buckets::Count => exponential_buckets(1.0, 4.0, 9),
        })
    }
}

impl MetricConstructor<RawHistogram> for Buckets {
    fn new_metric(&self) -> RawHistogram {
        self.histogram()
    }
}

/// A number that only grows.
#[derive(Clone, Debug)]
pub struct Counter(RawCounter);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.inc_by(count);
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl From<RawCounter> for Counter {
    fn from(raw: RawCounter) -> Self {
        Self(raw)
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug)]
pub struct Gauge(RawGauge);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.set(value);
    }

    /// Adds, or subtracts when the change is negative.
    pub fn add(&self, change: i64) {
        self.0.inc_by(change);
    }

    pub fn get(&self) -> i64 {
        self.0.get()
    }
}

impl From<RawGauge> for Gauge {
    fn from(raw: RawGauge) -> Self {
        Self(raw)
    }
}

/// A distribution.
#[derive(Clone, Debug)]
pub struct Histogram(RawHistogram);

impl Histogram {
    /// Observes a value in the unit that the name ends with.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Observes a time, for a histogram in seconds.
    pub fn observe_time(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }
}

impl From<RawHistogram> for Histogram {
    fn from(raw: RawHistogram) -> Self {
        Self(raw)
    }
}

/// Counters that differ by `N` labels.
#[derive(Clone, Debug)]
pub struct CounterFamily<const N: usize> {
    labels: [&'static str; N],
    raw: RawFamily<Labels, RawCounter>,
}

impl<const N: usize> CounterFamily<N> {
    /// The counter with these label values, in the order of the labels.
    pub fn at(&self, values: [&str; N]) -> Counter {
        self.raw.get_or_create_owned(&label(self.labels, values)).into()
    }
}

/// Gauges that differ by `N` labels.
#[derive(Clone, Debug)]
pub struct GaugeFamily<const N: usize> {
    labels: [&'static str; N],
    raw: RawFamily<Labels, RawGauge>,
}

impl<const N: usize> GaugeFamily<N> {
    /// The gauge with these label values, in the order of the labels.
    pub fn at(&self, values: [&str; N]) -> Gauge {
        self.raw.get_or_create_owned(&label(self.labels, values)).into()
    }

    /// The gauge with these label values is shown no more, for a partition that another process has now.
    pub fn remove(&self, values: [&str; N]) {
        self.raw.remove(&label(self.labels, values));
    }
}

/// Histograms that differ by `N` labels.
#[derive(Clone, Debug)]
pub struct HistogramFamily<const N: usize> {
    labels: [&'static str; N],
    raw: RawFamily<Labels, RawHistogram, Buckets>,
}

impl<const N: usize> HistogramFamily<N> {
    /// The histogram with these label values, in the order of the labels.
    pub fn at(&self, values: [&str; N]) -> Histogram {
        self.raw.get_or_create_owned(&label(self.labels, values)).into()
    }
}

fn label<const N: usize>(names: [&'static str; N], values: [&str; N]) -> Labels {
    names.into_iter().zip(values.map(str::to_owned)).collect()
}
