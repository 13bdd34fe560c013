//! The walk over a datum: validates all of it and notes where its parts are.
//!
//! A [`Walk`] is compiled once per writer schema ([`Walk::compile`]) and run once per event ([`Walk::run`]). It goes by the
//! *names* of the writer's fields to find what routing needs and by their *positions* to note spans, so that an older or a
//! newer version of the schema is walked as well as our own. What it meets it sorts into three kinds:
//!
//! * a field that it knows: one of the routing fields, the envelope of coarse views, or one of the eleven groups;
//! * a **group that it does not know**: any other top-level field whose type is made of others (a record, an array or a map, at
//!   whatever depth, or a choice of several). It is withheld from every view, for no permit can name it;
//! * an envelope field that it does not know: one plain value, or none. It is kept in exact views, left out of coarse ones.
//!
//! What it does not do: it resolves nothing to a reader schema, and it does not look whether a UUID looks like one.

use barid_schemas::case_event::View;
use barid_schemas::{Group, GroupSet, Millis};

use crate::cursor::{Cursor, Fault, Read};
use crate::plan::{NodeId, Parts, Plan};
use crate::{CompileError, WalkError, WalkFault};

/// The most fields that a writer schema may have at its top level: each field's end has a place in [`Spans`], which is of
/// fixed size so that nothing is allocated. A case event has 29.
pub const MAX_FIELDS: usize = 64;

/// The farthest that a local time is from UTC: 18 hours, as ISO 8601 libraries take it. Readers that make a local time of it fail beyond.
const MOST_OFFSET_MINUTES: i32 = 18 * 60;

/// A writer schema of the case event, compiled: how to walk over a datum and where its groups are.
#[derive(Debug)]
pub struct Walk {
    pub(crate) plan: Plan,
    pub(crate) fields: Vec<Field>,
    /// The fields of group `decision`, which coarse views encode anew.
    pub(crate) decision: Vec<DecisionField>,
}

/// A top-level field of the writer schema.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) node: NodeId,
    pub(crate) role: Role,
    /// What stands for the field in a view that leaves it out: null, else the encoded default. Empty for what every view
    /// has.
    pub(crate) left_out: Box<[u8]>,
}

/// What a top-level field is to the walk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    EventId,
    CorrId,
    Publisher,
    County(Nullable),
    ServiceCode,
    StatusFrom(Nullable),
    StatusTo,
    OccurredAt,
    UtcOffset,
    Precision {
        symbols: u32,
    },
    View {
        symbols: u32,
        exact: i32,
        coarse: i32,
    },
    Group {
        group: Group,
        branches: Nullable,
        fields: Parts,
        /// Which of `fields` is `relying_agency`.
        relying_agency: Option<(u32, Nullable)>,
    },
    /// A group that the walk does not know; the branch of null if there is one.
    UnknownGroup {
        null: Option<Nulls>,
    },
    /// An envelope field that coarse views leave out.
    Other,
}

/// A union of null and one other type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nullable {
    /// Which branch is null: 0 or 1.
    pub(crate) null: u32,
}

/// A union with a null branch among others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nulls {
    pub(crate) branches: u32,
    pub(crate) null: u32,
}

/// A field of group `decision`.
#[derive(Debug)]
pub(crate) struct DecisionField {
    pub(crate) node: NodeId,
    pub(crate) role: DecisionRole,
    pub(crate) left_out: Box<[u8]>,
}

/// What a coarse view does with a field of group `decision`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DecisionRole {
    /// `decision`: becomes the phase.
    Decision(Nullable),
    /// `decision_date` and `valid_until`: kept.
    Date(Nullable),
    /// Left out.
    Other,
}

/// What routing needs of one datum.
#[derive(Debug, Clone)]
pub struct Spans<'d> {
    pub event_id: &'d str,
    pub corr_id: &'d str,
    pub publisher: &'d str,
    pub county: Option<&'d str>,
    pub service_code: &'d str,
    pub status_from: Option<&'d str>,
    pub status_to: &'d str,
    pub occurred_at: Millis,
    pub view: View,
    /// `relying_agency` of group `identity`.
    pub relying_agency: Option<&'d str>,
    /// The known groups that the event has.
    pub present: GroupSet,
    /// Whether the event has a group that the walk does not know; it is withheld from every view.
    pub unknown_group_present: bool,
    pub(crate) utc_offset_minutes: i32,
    /// The index of the writer's symbol.
    pub(crate) precision: i32,
    /// Where each top-level field ends; a field begins where the one before it ends.
    ends: [u32; MAX_FIELDS],
}

impl Spans<'_> {
    /// Where the `index`-th top-level field begins and ends.
    pub(crate) fn field(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        start..self.ends[index] as usize
    }
}

impl Walk {
    /// Compiles a writer schema.
    ///
    /// # Errors
    /// The schema cannot be read, is not a case event, or cannot be routed by splicing.
    pub fn compile(avsc: &str) -> Result<Self, CompileError> {
        crate::compile::compile(avsc)
    }

    /// Validates a whole datum and notes where its parts are. Allocates nothing unless it fails, and takes time in
    /// proportion to the datum whatever stands in it.
    ///
    /// # Errors
    /// The datum is not what the writer schema says: which field, at which byte, and never which value.
    pub fn run<'d>(&self, datum: &'d [u8]) -> Result<Spans<'d>, WalkError> {
        if u32::try_from(datum.len()).is_err() {
            return Err(WalkError { field: String::new(), offset: 0, fault: WalkFault::TooLarge });
        }
        let mut spans = Spans {
            event_id: "",
            corr_id: "",
            publisher: "",
            county: None,
            service_code: "",
            status_from: None,
            status_to: "",
            occurred_at: Millis(0),
            view: View::Exact,
            relying_agency: None,
            present: GroupSet::EMPTY,
            unknown_group_present: false,
            utc_offset_minutes: 0,
            precision: 0,
            ends: [0; MAX_FIELDS],
        };
        let mut cursor = Cursor::new(datum);
        self.read(&mut cursor, &mut spans).map_err(|fault| fault.into_error())?;
        Ok(spans)
    }

    fn read<'d>(&self, cursor: &mut Cursor<'d>, spans: &mut Spans<'d>) -> Read<()> {
        for (index, field) in self.fields.iter().enumerate() {
            self.read_field(field, cursor, spans).map_err(|fault| fault.within(&field.name))?;
            // The datum is not larger than 4 GiB.
            spans.ends[index] = cursor.at() as u32;
        }
        cursor.expect_end()
    }

    fn read_field<'d>(&self, field: &Field, cursor: &mut Cursor<'d>, spans: &mut Spans<'d>) -> Read<()> {
        match field.role {
            Role::EventId => spans.event_id = cursor.text()?,
            Role::CorrId => spans.corr_id = cursor.text()?,
            Role::Publisher => spans.publisher = cursor.text()?,
            Role::County(branches) => spans.county = nullable_text(cursor, branches)?,
            Role::ServiceCode => spans.service_code = cursor.text()?,
            Role::StatusFrom(branches) => spans.status_from = nullable_text(cursor, branches)?,
            Role::StatusTo => spans.status_to = cursor.text()?,
            Role::OccurredAt => spans.occurred_at = Millis(cursor.long()?),
            Role::UtcOffset => {
                let start = cursor.at();
                let minutes = cursor.int()?;
                if !(-MOST_OFFSET_MINUTES..=MOST_OFFSET_MINUTES).contains(&minutes) {
                    return Fault::at(start, WalkFault::OffsetTooFar);
                }
                spans.utc_offset_minutes = minutes;
            }
            Role::Precision { symbols } => spans.precision = cursor.symbol(symbols)?,
            Role::View { symbols, exact, coarse } => {
                let start = cursor.at();
                let symbol = cursor.symbol(symbols)?;
                spans.view = if symbol == exact {
                    View::Exact
                } else if symbol == coarse {
                    View::Coarse
                } else {
                    return Fault::at(start, WalkFault::UnknownView);
                };
            }
            Role::Group { group, branches, fields, relying_agency } => {
                if branches.read(cursor)? {
                    spans.present = spans.present.with(group);
                    for (index, part) in self.plan.parts(fields).iter().enumerate() {
                        match relying_agency {
                            Some((at, branches)) if at as usize == index => {
                                nullable_text(cursor, branches).map(|agency| spans.relying_agency = agency)
                            }
                            _ => cursor.value(&self.plan, part.node),
                        }
                        .map_err(|fault| fault.within(&part.name))?;
                    }
                }
            }
            Role::UnknownGroup { null } => {
                spans.unknown_group_present |= match null {
                    Some(nulls) => Cursor::clone(cursor).branch(nulls.branches)? != nulls.null,
                    None => true,
                };
                cursor.value(&self.plan, field.node)?;
            }
            Role::Other => cursor.value(&self.plan, field.node)?,
        }
        Ok(())
    }
}

impl Nullable {
    /// Reads the branch; tells whether a value follows.
    pub(crate) fn read(self, cursor: &mut Cursor<'_>) -> Read<bool> {
        cursor.branch(2).map(|branch| branch != self.null)
    }

    /// The branch of the value.
    pub(crate) fn value(self) -> u32 {
        1 - self.null
    }
}

fn nullable_text<'d>(cursor: &mut Cursor<'d>, branches: Nullable) -> Read<Option<&'d str>> {
    if branches.read(cursor)? { cursor.text().map(Some) } else { Ok(None) }
}
