//! The CloudEvents attributes of a copy, as its subscriber sees them.

use std::borrow::Cow;
use std::fmt;

use barid_event::header;
use barid_schemas::Catalogue;
use barid_schemas::case_event::{RESTRICTION, View};

use crate::event::EventFacts;
use crate::permit::Permit;

/// An attribute that filters may use.
///
/// `specversion` and `datacontenttype` are the same for all events. `dataschema` is not offered: it changes whenever a
/// publisher's software is renewed, and a filter on it would go silent on that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    Id,
    Source,
    Type,
    Subject,
    Time,
}

impl Attribute {
    /// All attributes that filters may use.
    pub const ALL: [Self; 5] = [Self::Id, Self::Source, Self::Type, Self::Subject, Self::Time];

    /// The name that CloudEvents gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::Subject => "subject",
            Self::Time => "time",
        }
    }

    /// The attribute with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.name() == name)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a permit fixes of every copy that is made under it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Static {
    pub(crate) source: String,
    pub(crate) r#type: String,
}

impl Static {
    pub(crate) fn of(permit: &Permit, catalogue: &Catalogue) -> Self {
        let status = seen_status(permit, catalogue);
        Self { source: header::source(&permit.publisher), r#type: header::event_type(seen_service(permit), status) }
    }
}

/// The service in the copy.
pub(crate) fn seen_service(permit: &Permit) -> &str {
    match permit.view {
        View::Exact => &permit.service,
        View::Coarse => RESTRICTION,
    }
}

/// The status in the copy; of a coarse view its phase.
pub(crate) fn seen_status<'p>(permit: &'p Permit, catalogue: &Catalogue) -> &'p str {
    match permit.view {
        View::Exact => &permit.status,
        // Loading refuses a status that the catalogue does not have.
        View::Coarse => catalogue.phase(&permit.status).map_or("", barid_schemas::catalogue::Phase::code),
    }
}

/// What differs from event to event of one permit.
pub(crate) fn dynamic<'a>(facts: &EventFacts<'a>, attribute: Attribute) -> Option<Cow<'a, str>> {
    match attribute {
        Attribute::Id => Some(lower_case(facts.event_id)),
        Attribute::Subject => Some(lower_case(facts.corr_id)),
        Attribute::Time => Some(Cow::Owned(header::time(facts.occurred_at))),
        Attribute::Source | Attribute::Type => None,
    }
}

/// A UUID as headers write it; a payload may hold it in capitals.
fn lower_case(uuid: &str) -> Cow<'_, str> {
    if uuid.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(uuid.to_ascii_lowercase())
    } else {
        Cow::Borrowed(uuid)
    }
}
