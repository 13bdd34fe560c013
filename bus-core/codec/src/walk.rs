//! The walk over a datum.

use barid_schemas::case_event::View;
use barid_schemas::{GroupSet, Millis};

use crate::{CompileError, WalkError};

/// The most fields that a writer schema may have at its top level.
pub const MAX_FIELDS: usize = 64;

/// A writer schema of the case event, compiled: how to walk over a datum and where its groups are.
#[derive(Debug)]
pub struct Walk {}

impl Walk {
    /// Compiles a writer schema.
    ///
    /// # Errors
    /// The schema cannot be read, is not a case event, or cannot be routed by splicing.
    pub fn compile(avsc: &str) -> Result<Self, CompileError> {
        Err(CompileError::Schema(format!("unfinished: {}", avsc.len())))
    }

    /// Validates a whole datum and notes where its parts are. Allocates nothing unless it fails.
    ///
    /// # Errors
    /// The datum is not what the writer schema says.
    pub fn run<'d>(&self, datum: &'d [u8]) -> Result<Spans<'d>, WalkError> {
        Err(WalkError { field: String::new(), offset: datum.len(), fault: crate::WalkFault::Truncated })
    }
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
}
