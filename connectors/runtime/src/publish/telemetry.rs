//! What a connector tells about itself: metrics and trace contexts.

use barid_event::TraceParent;
use barid_telemetry::{Buckets, Counter, CounterFamily, Gauge, GaugeFamily, Histogram, Metrics, traces};

use crate::ConnectorError;
use crate::reading::FileReport;

/// The metrics of one agency's connector.
#[derive(Debug)]
pub(super) struct Counters {
    agency: String,
    rows: CounterFamily<3>,
    pub(super) events: Counter,
    pub(super) file_faults: CounterFamily<2>,
    pub(super) commit_seconds: Histogram,
    quarantine: GaugeFamily<1>,
    pub(super) last_reading: Gauge,
}

impl Counters {
    pub(super) fn new(metrics: &Metrics, agency: &str) -> Self {
        Self {
            agency: agency.to_owned(),
            rows: metrics.counters("rows", "Rows of files by what became of them", ["agency", "source", "outcome"]),
            events: metrics.counters("events", "Events published", ["agency"]).at([agency]),
            file_faults: metrics.counters("file_faults", "Files that could not be read", ["agency", "reason"]),
            commit_seconds: metrics
                .histograms("commit_seconds", "How long a commit took", ["agency"], Buckets::Seconds)
                .at([agency]),
            quarantine: metrics.gauges("quarantined_rows", "Rows in quarantine, waiting ones included", ["agency"]),
            last_reading: metrics
                .gauges("last_reading_timestamp_seconds", "When a file was last read to its end", ["agency"])
                .at([agency]),
        }
    }

    pub(super) fn count(&self, report: &FileReport) {
        let outcomes = [
            ("published", report.published),
            ("unchanged", report.unchanged),
            ("quarantined", report.quarantined),
            ("waiting", report.waiting),
            ("released", report.released),
        ];
        for (outcome, rows) in outcomes {
            self.rows.at([&self.agency, &report.source, outcome]).add(rows);
        }
    }

    pub(super) fn file_fault(&self, reason: &str) {
        self.file_faults.at([&self.agency, reason]).add(1);
    }

    pub(super) fn quarantine(&self, rows: usize) {
        self.quarantine.at([&self.agency]).set(i64::try_from(rows).unwrap_or(i64::MAX));
    }
}

/// The trace that begins with an event: of a span if traces are exported, else of random ids that later hands may record.
pub(super) fn traceparent(agency: &str, file: &str, row: u64) -> Result<String, ConnectorError> {
    let span = tracing::info_span!(parent: None, "publish_event", agency, file, row);
    if let Some(header) = traces::traceparent_of(&span) {
        return Ok(header);
    }
    // One question to the system for both.
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(ConnectorError::Random)?;
    let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
    trace_id.copy_from_slice(&random[..16]);
    span_id.copy_from_slice(&random[16..]);
    // All zeros mean "no id".
    trace_id[0] |= 1;
    span_id[0] |= 1;
    Ok(TraceParent { trace_id, span_id, sampled: false }.format())
}
