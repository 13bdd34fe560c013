//! Why an event could not be routed.

use std::fmt;

/// A deterministic failure: the same record fails in the same way however often it is tried, so it goes to the dead
/// letters and the partition moves on. An unknown schema id is *not* one of them: a registry that lost its memory must
/// not send a day's events there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The record has no value.
    NoValue,
    /// The value does not begin with the Confluent framing.
    BadFraming,
    /// The schema with the record's id is not a case event.
    ForeignSchema,
    /// The datum is not what its schema says.
    UndecodableDatum,
    /// `event_id` or `corr_id` is not a UUID in lower-case digits and hyphens: free text there would go to every subscriber.
    BadId,
    /// The record says that it is a coarse view; the publisher's own events are exact.
    NotExact,
    /// The envelope names another publisher than the topic does.
    PublisherMismatch,
    /// No catalogue knows the service.
    UnknownService,
    /// The service belongs to another agency.
    NotTheOwner,
    /// The service does not have one of the two statuses, so no permit can name it.
    UnknownStatus,
    /// No catalogue knows the county: free text there would go to every subscriber, coarse views included.
    UnknownCounty,
    /// The record has no timestamp, by which the validity of permits is judged.
    NoTimestamp,
    /// The header of watch keys cannot be read.
    BadWatchKeys,
    /// A copy, with its headers, is larger than the broker takes.
    CopyTooLarge,
}

impl Reason {
    /// All reasons: one counter each.
    pub const ALL: [Self; 14] = [
        Self::NoValue,
        Self::BadFraming,
        Self::ForeignSchema,
        Self::UndecodableDatum,
        Self::BadId,
        Self::NotExact,
        Self::PublisherMismatch,
        Self::UnknownService,
        Self::NotTheOwner,
        Self::UnknownStatus,
        Self::UnknownCounty,
        Self::NoTimestamp,
        Self::BadWatchKeys,
        Self::CopyTooLarge,
    ];

    /// The code that stands in the dead letter.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoValue => "no_value",
            Self::BadFraming => "bad_framing",
            Self::ForeignSchema => "foreign_schema",
            Self::UndecodableDatum => "undecodable_datum",
            Self::BadId => "bad_id",
            Self::NotExact => "not_exact",
            Self::PublisherMismatch => "publisher_mismatch",
            Self::UnknownService => "unknown_service",
            Self::NotTheOwner => "not_the_owner",
            Self::UnknownStatus => "unknown_status",
            Self::UnknownCounty => "unknown_county",
            Self::NoTimestamp => "no_timestamp",
            Self::BadWatchKeys => "bad_watch_keys",
            Self::CopyTooLarge => "copy_too_large",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}
