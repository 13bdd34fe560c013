//! The role that writes: one for each agency.
//!
//! A [`Connector`] runs in *sessions*. A session takes over the agency's transactional id, reads back what is known
//! ([`state`]), plans what lies in quarantine, and then looks through the folders again and again. What a reading plans is
//! written by the [`writer`] in transactions of a bounded number of cases, each with its events, states, quarantine rows
//! and the position with the last `ce_sequence`. Whatever goes wrong in between ends the session; the next one takes over
//! again and plans from what is really there:
//!
//! ```text
//! connect (init_transactions) ─▶ schemas ─▶ read state to the high watermark ─▶ quarantine ─▶ folders ─▶ wait ─┐
//!        ▲                                                                                       ▲             │
//!        └── broker or registry away, aborted, outcome unknown: back-off ◀──────────────────────┴─────────────┘
//! ```
//!
//! So there is one way back to a right state, and it is the one that every start takes.
//!
//! **Two processes of one agency**: the second fences the first. The first notices at its next transaction, at the latest
//! with its next heartbeat, which is written with the same producer for this very reason, and ends. A transaction that the
//! broker has timed out looks the same to its producer; therefore a fenced connector that had lost the broker for a while
//! takes over once more before it believes in another process.
//!
//! No value of a row is logged: files, row numbers, columns and reason codes only.

mod commands;
mod outage;
mod session;
mod state;
mod telemetry;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use barid_codec::{Registry, RegistryError};
use barid_event::topics::Topics;
use barid_kafka::{Cluster, KafkaError, StopSignal, TransactionError};
use barid_schemas::Millis;
use barid_telemetry::{Metrics, Readiness};

use crate::reading::{FileFault, FileReport};
use crate::{ConnectorConfig, ConnectorError, Keys};
use outage::Outage;
use session::Session;
use telemetry::Counters;

/// The first wait after something went wrong; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// [`Connector::with_settle_time`], where nobody says otherwise.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// [`Connector::with_commit_records`], where nobody says otherwise: enough to carry the cost of a commit, few enough that
/// the transaction stays far below the broker's time limit.
const COMMIT_RECORDS: usize = 5_000;
/// [`Connector::with_once_patience`], where nobody says otherwise.
const ONCE_PATIENCE: Duration = Duration::from_secs(60);
/// Fenced again within this time: there is another process.
const FENCED_AGAIN: Duration = Duration::from_secs(60);

/// What a connector needs besides its mapping.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    pub cluster: Cluster,
    pub registry: Arc<Registry>,
    pub topics: Topics,
    /// The first part of the transactional id.
    pub deployment: String,
    pub keys: Keys,
    /// Read every file once and end.
    pub once: bool,
    /// How often the folders are looked through.
    pub poll_interval: Duration,
    /// The name of the process in `heartbeats`, such as `connector/samt@host`.
    pub process: String,
    /// The version of the program, for `heartbeats`.
    pub version: String,
}

/// What a connector did from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The last reading of each file.
    pub files: Vec<FileReport>,
    /// Files that could not be read.
    pub faults: Vec<FileFault>,
    /// Events written in all.
    pub events: u64,
}

impl Report {
    /// Takes in the reading of a file, in place of an earlier one.
    fn note(&mut self, report: FileReport) {
        self.forget_fault(&report.source, &report.file);
        let earlier = self.files.iter().position(|known| known.source == report.source && known.file == report.file);
        match earlier {
            Some(index) => self.files[index] = report,
            None => self.files.push(report),
        }
    }

    fn note_fault(&mut self, fault: FileFault) {
        if let Some(first) = fault.faults.first() {
            let file = first.file.clone();
            self.forget_fault(&fault.source, &file);
        }
        self.faults.push(fault);
    }

    fn forget_fault(&mut self, source: &str, file: &str) {
        self.faults.retain(|known| known.source != source || known.faults.iter().all(|fault| fault.file != file));
    }
}

/// The role of one agency.
#[derive(Debug)]
pub struct Connector {
    config: ConnectorConfig,
    settle_time: Duration,
    commit_records: usize,
    once_patience: Duration,
    settings: ConnectorSettings,
    metrics: Metrics,
    readiness: Readiness,
}

impl Connector {
    /// A connector that has not begun.
    #[must_use]
    pub fn new(config: ConnectorConfig, settings: ConnectorSettings, metrics: Metrics, readiness: Readiness) -> Self {
        let (settle_time, commit_records, once_patience) = (SETTLE_TIME, COMMIT_RECORDS, ONCE_PATIENCE);
        Self { config, settle_time, commit_records, once_patience, settings, metrics, readiness }
    }

    /// How long a watched file must have stood unchanged before it is read: a file that is still being copied is half a
    /// file. Whoever reads once has said that the files are complete.
    #[must_use]
    pub fn with_settle_time(self, settle_time: Duration) -> Self {
        Self { settle_time, ..self }
    }

    /// How many records a transaction holds; the records of one case are never torn apart.
    #[must_use]
    pub fn with_commit_records(self, commit_records: usize) -> Self {
        Self { commit_records: commit_records.max(1), ..self }
    }

    /// How long Kafka or the registry may be away at a stretch before a connector that reads once gives up. One that watches
    /// waits for ever.
    #[must_use]
    pub fn with_once_patience(self, once_patience: Duration) -> Self {
        Self { once_patience, ..self }
    }

    /// Reads and publishes until the stop signal, or with `once` until every file has been read.
    ///
    /// Broker or registry away: says so once, waits, goes on by itself; with `once` for a limited time, then `stop` is given.
    ///
    /// # Errors
    ///
    /// If another process has taken over the agency, if Kafka or the registry refuse for good, and with `once` if they are
    /// away for too long.
    pub fn run(self, stop: &StopSignal) -> Result<Report, ConnectorError> {
        if !self.settings.once {
            return self.sessions(stop, &Outage::default());
        }
        let outage = Outage::default();
        let limit = self.once_patience;
        let (servers, readiness) = (self.settings.cluster.bootstrap_servers().to_owned(), self.readiness.clone());
        let (gave_up, report) = outage.guard(limit, stop, || self.sessions(stop, &outage));
        let report = report?;
        if gave_up {
            let what = match readiness.failing().into_iter().find(|(part, _)| part == "registry") {
                Some((_, reason)) => format!("the registry has been away ({reason})"),
                None => format!("no broker has answered at `{servers}`"),
            };
            return Err(ConnectorError::Away { what, waited: limit });
        }
        Ok(report)
    }

    fn sessions(self, stop: &StopSignal, outage: &Outage) -> Result<Report, ConnectorError> {
        let counters = Counters::new(&self.metrics, &self.config.agency);
        let mut report = Report::default();
        let mut wait = FIRST_WAIT;
        let mut fenced: Option<Instant> = None;
        for condition in ["kafka", "registry"] {
            self.readiness.expect(condition);
        }
        while !stop.is_stopped() {
            let began = Instant::now();
            let done = (report.events, report.files.len());
            let interruption = match Session::run(&self, &counters, &mut report, stop, outage) {
                Ok(()) => break,
                Err(interruption) => interruption,
            };
            outage.begins(done != (report.events, report.files.len()));
            match interruption {
                Interruption::Stopped => break,
                Interruption::Failed(error) => return Err(error),
                Interruption::Fenced { certain } => {
                    let again = fenced.replace(Instant::now()).is_some_and(|last| last.elapsed() < FENCED_AGAIN);
                    if certain || again {
                        return Err(ConnectorError::Fenced { agency: self.config.agency });
                    }
                    tracing::warn!(
                        agency = self.config.agency,
                        "fenced after the broker was away, taking over once more"
                    );
                }
                Interruption::Again { part, reason } => {
                    if self.readiness.not_ready(part, reason.clone()) {
                        tracing::warn!(agency = self.config.agency, part, reason, "interrupted, trying again");
                    }
                    // A session that lived for a while starts a new row of waits.
                    if began.elapsed() > LONGEST_WAIT {
                        wait = FIRST_WAIT;
                    }
                    stop.wait(wait);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
        Ok(report)
    }
}

/// Why a session ended before its time.
#[derive(Debug)]
enum Interruption {
    Stopped,
    /// `certain`: nothing but another process can be the cause.
    Fenced {
        certain: bool,
    },
    /// Something is away or the transaction was aborted: try again.
    Again {
        part: &'static str,
        reason: String,
    },
    Failed(ConnectorError),
}

impl From<TransactionError> for Interruption {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Stopped => Self::Stopped,
            TransactionError::Fenced { .. } => Self::Fenced { certain: false },
            // Nothing of it was written, or nobody knows: the next session reads what is there.
            TransactionError::Abortable { .. }
            | TransactionError::Indefinite { .. }
            | TransactionError::Unavailable { .. } => Self::Again { part: "kafka", reason: error.to_string() },
            TransactionError::RecordTooLarge { .. } | TransactionError::Fatal { .. } => {
                Self::Failed(ConnectorError::Transaction(error))
            }
        }
    }
}

impl From<KafkaError> for Interruption {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::Stopped { .. } => Self::Stopped,
            KafkaError::Unavailable { .. } => Self::Again { part: "kafka", reason: error.to_string() },
            error => Self::Failed(error.into()),
        }
    }
}

impl From<RegistryError> for Interruption {
    fn from(error: RegistryError) -> Self {
        if error.may_pass() {
            Self::Again { part: "registry", reason: error.to_string() }
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<barid_codec::RecordError> for Interruption {
    fn from(error: barid_codec::RecordError) -> Self {
        match error {
            barid_codec::RecordError::Registry(error) => error.into(),
            // A registry that lost its memory and gave an id to another schema; it may be given its schemas again.
            error @ barid_codec::RecordError::OtherRecord { .. } => {
                Self::Again { part: "registry", reason: error.to_string() }
            }
            error => Self::Failed(error.into()),
        }
    }
}

impl From<ConnectorError> for Interruption {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

/// The clock of the connector.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
