//! What was found: counts, the first offenders of each kind with their places, and what could not be proved.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// A copy that a permit gives is not in the inbox.
    MissingCopy,
    /// A copy is there more often than its event.
    DoubledCopy,
    /// A copy that no permit gives.
    UnpermittedCopy,
    /// A copy whose value, key or headers are not what the permit's view gives.
    ChangedCopy,
    /// A copy in another partition than its key belongs to.
    MisplacedCopy,
    /// A copy that stands before the copy of an earlier event of its input partition.
    UnorderedCopy,
    /// A copy of an event that nobody published.
    CopyWithoutEvent,
    /// A record in an inbox that is no case event.
    UnreadableCopy,
    /// An event was published twice.
    DoubledEvent,
    /// An event whose schema the registry does not know.
    UnreadableEvent,
    /// An event was routed, and no router has told under which version of the policy.
    NoPolicyVersion,
    /// Numbers are missing in `ce_sequence`.
    SequenceGap,
    /// A number stands twice in `ce_sequence`.
    SequenceDoubled,
    /// `ce_sequence` goes back within a partition.
    SequenceUnordered,
    /// An event without a `ce_sequence` that is a number from 1 on.
    NoSequence,
    /// An event that cannot be routed is not in the dead letters.
    MissingDeadLetter,
    /// An event stands twice in the dead letters.
    DoubledDeadLetter,
    /// An event in the dead letters that could have been routed.
    UnfoundedDeadLetter,
    /// A dead letter whose reason, origin or content is not that of its event.
    ChangedDeadLetter,
    /// The counters of a reading do not add up to its rows.
    RowsUnaccounted,
    /// A row is said to be published, and its event is not there.
    RowWithoutEvent,
    /// A row waits behind a row at fault that is not in the quarantine.
    WaitsBehindNothing,
    /// The quarantine holds fewer rows of a file than its last reading put there, and nothing happened since.
    RowLost,
}

impl Defect {
    /// In words, for a line with a count before it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::MissingCopy => "copies are missing",
            Self::DoubledCopy => "copies are there twice",
            Self::UnpermittedCopy => "copies that no permit gives",
            Self::ChangedCopy => "copies are not what their permit gives",
            Self::MisplacedCopy => "copies stand in a wrong partition",
            Self::UnorderedCopy => "copies are out of order",
            Self::CopyWithoutEvent => "copies of no event",
            Self::UnreadableCopy => "records in an inbox that cannot be read",
            Self::DoubledEvent => "events were published twice",
            Self::UnreadableEvent => "events whose schema the registry does not know",
            Self::NoPolicyVersion => "events without a policy version that decided",
            Self::SequenceGap => "gaps in ce_sequence",
            Self::SequenceDoubled => "doubled numbers in ce_sequence",
            Self::SequenceUnordered => "numbers of ce_sequence out of order",
            Self::NoSequence => "events without ce_sequence",
            Self::MissingDeadLetter => "dead letters are missing",
            Self::DoubledDeadLetter => "dead letters are there twice",
            Self::UnfoundedDeadLetter => "dead letters of events that could be routed",
            Self::ChangedDeadLetter => "dead letters are not what their event gives",
            Self::RowsUnaccounted => "readings whose counters do not add up",
            Self::RowWithoutEvent => "published rows without their event",
            Self::WaitsBehindNothing => "rows wait behind nothing",
            Self::RowLost => "files with rows that are nowhere",
        }
    }
}

/// Where a record stands; for what is missing, where its event stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// One of the first records with a defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offender {
    pub defect: Defect,
    /// `None` for what stands at no one place, such as a gap.
    pub place: Option<Place>,
    /// Places, names of parts and reason codes; never a value.
    pub detail: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// No defect was found.
    pub well: bool,
    pub counts: Counts,
    /// How many of each; none that is not there.
    pub defects: BTreeMap<Defect, u64>,
    pub offenders: Vec<Offender>,
    pub unproved: Unproved,
    /// What the tables of the audit took, bytes.
    pub memory_bytes: usize,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events of the time range.
    pub events: u64,
    /// Events that no router has decided about yet.
    pub not_yet_routed: u64,
    /// Copies that permits give of the events.
    pub expected_copies: u64,
    /// Records of the inboxes.
    pub copies: u64,
    pub dead_letters: u64,
    pub publishers: u64,
    pub policy_versions: u64,
    pub watch_keys: u64,
    /// Files whose last reading is known.
    pub files: u64,
    /// Rows of these readings.
    pub rows: u64,
    /// Rows in quarantine, waiting ones included.
    pub quarantined_rows: u64,
    /// Rows that have left the quarantine by an operator's decision, and are remembered.
    pub settled_rows: u64,
    /// Published rows that were looked up among the events.
    pub published_rows: u64,
}

/// What cannot be told from the topics; no defect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unproved {
    /// Copies of events that are outside of the time range or were deleted by retention.
    pub copies_of_unread_events: u64,
    /// Copies that may have been deleted by retention.
    pub deleted_copies: u64,
    /// Copies for a watcher whose registration changed about the time of the event.
    pub doubtful_matches: u64,
    /// Copies for a watcher whose registration of that time may be gone from the topic.
    pub forgotten_matches: u64,
    /// Events so large that a router may have copied them or dead-lettered them.
    pub large_events: u64,
    /// Dead letters of events that are outside of the time range or were deleted.
    pub dead_letters_of_unread_events: u64,
    /// Dead letters that may have been deleted.
    pub deleted_dead_letters: u64,
    /// Numbers of `ce_sequence` that may have been deleted.
    pub deleted_numbers: u64,
    /// Published rows whose events are outside of the time range or were deleted.
    pub rows_of_unread_events: u64,
    /// Files whose rows in quarantine changed after the last reading.
    pub files_settled_since: u64,
}

/// Collects.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) defects: BTreeMap<Defect, u64>,
    offenders: BTreeMap<Defect, Vec<Offender>>,
    most_offenders: usize,
}

impl Findings {
    pub(crate) fn new(most_offenders: usize) -> Self {
        Self { defects: BTreeMap::new(), offenders: BTreeMap::new(), most_offenders }
    }

    pub(crate) fn add(&mut self, defect: Defect, place: Option<Place>, detail: impl FnOnce() -> String) {
        *self.defects.entry(defect).or_default() += 1;
        let offenders = self.offenders.entry(defect).or_default();
        if offenders.len() < self.most_offenders {
            offenders.push(Offender { defect, place, detail: detail() });
        }
    }

    pub(crate) fn offenders(self) -> Vec<Offender> {
        self.offenders.into_values().flatten().collect()
    }
}
