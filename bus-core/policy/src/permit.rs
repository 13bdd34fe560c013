//! One grant of one permit.

use std::fmt;

use barid_mistake::Place;
use barid_schemas::case_event::View;
use barid_schemas::{Date, GroupSet};

use crate::validity::iso;

/// What one publisher's events of one service and status give to one subscriber.
///
/// In the files a permit (one number for each pair of publisher and subscriber) has several grants, each with several
/// statuses; here each stands alone. There is at most one for each publisher, service, status and subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    pub publisher: String,
    pub service: String,
    pub status: String,
    pub subscriber: String,
    /// The envelope is always given and is no group.
    pub groups: GroupSet,
    pub view: View,
    pub number: String,
    /// The first day.
    pub valid_from: Date,
    /// The last day, still valid.
    pub valid_until: Date,
    pub requires: Option<Requirement>,
    /// Where the grant is written.
    pub place: Place,
}

/// A condition beyond publisher, service and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// The subscriber has registered the parcel of the event.
    WatchParcel,
    /// The subscriber has registered a person of the event.
    WatchPerson,
    /// The event's identity group names the subscriber as relying agency.
    Addressee,
}

impl Requirement {
    /// All requirements.
    pub const ALL: [Self; 3] = [Self::WatchParcel, Self::WatchPerson, Self::Addressee];

    /// The word for it in a permit file.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WatchParcel => "watch:parcel",
            Self::WatchPerson => "watch:person",
            Self::Addressee => "addressee",
        }
    }

    /// The requirement with this word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|requirement| requirement.code() == code)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl Permit {
    /// Whether the permit is in force on `date`.
    #[must_use]
    pub fn is_valid_on(&self, date: Date) -> bool {
        self.valid_from <= date && date <= self.valid_until
    }
}

/// The word for a view in a permit file.
pub(crate) const fn view_code(view: View) -> &'static str {
    match view {
        View::Exact => "exact",
        View::Coarse => "coarse",
    }
}

/// The groups by their field names, or `envelope` if there is none.
pub(crate) fn groups_in_words(groups: GroupSet) -> String {
    if groups.is_empty() {
        return "envelope".to_owned();
    }
    groups.iter().map(barid_schemas::Group::field_name).collect::<Vec<_>>().join("+")
}

/// `NUMBER  publisher service.status -> subscriber  view groups  [requires ...]  from .. until`: one line for `policy show`.
impl fmt::Display for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, publisher, service, status, subscriber, .. } = self;
        write!(formatter, "{number}  {publisher} {service}.{status} -> {subscriber}  ")?;
        write!(formatter, "{} {}", view_code(self.view), groups_in_words(self.groups))?;
        if let Some(requirement) = self.requires {
            write!(formatter, "  requires {requirement}")?;
        }
        write!(formatter, "  {}..{}", iso(self.valid_from), iso(self.valid_until))
    }
}
