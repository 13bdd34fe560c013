//! The one event record of all agencies, as a Rust type.
//!
//! [`AVSC`] is the source of truth; a test proves that these types and the schema say the same. Every view of an event
//! has this same type: a withheld group is `None`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::{Date, Millis};

/// The Avro schema of [`CaseEvent`].
pub const AVSC: &str = include_str!("../avro/case_event.avsc");

/// The full name of the record, which is also its subject in the schema registry.
pub const FULL_NAME: &str = "ir.barid.CaseEvent";

/// The service code of every coarse view.
pub const RESTRICTION: &str = "restriction";

/// How a status followed the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The case was seen for the first time.
    First,
    /// One edge of the state machine.
    Step,
    /// Several edges: the export did not show the states between.
    Skip,
    /// The fact replaces an earlier one, named by `correction_of`.
    Correction,
    /// The state machine does not allow it; published all the same because the connector was told to be lenient.
    Illegal,
}

/// How exactly the source tells the time of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The source gives a date; `occurred_at` is the first instant of that day in local time.
    Day,
    /// The source gives a time of day.
    Second,
    /// The source gives no time; `occurred_at` is when the connector first read the row.
    Observed,
}

/// Whether a record is the event in full detail or a coarse view of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Service and status as the publisher gave them.
    Exact,
    /// Service `restriction`, statuses cut to their phase.
    Coarse,
}

/// One change of status of one case: the envelope, then the field groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseEvent {
    pub event_id: Uuid,
    pub corr_id: Uuid,
    pub publisher: String,
    pub county: Option<String>,
    pub service_code: String,
    pub national_service_id: Option<String>,
    pub case_no: Option<String>,
    pub status_from: Option<String>,
    pub status_to: String,
    pub transition: Option<Transition>,
    pub occurred_at: Millis,
    pub utc_offset_minutes: i32,
    pub precision: Precision,
    pub deadline_at: Option<Millis>,
    pub letter_no: Option<String>,
    pub letter_date: Option<Date>,
    pub correction_of: Option<Uuid>,
    pub view: View,
    pub identity: Option<Identity>,
    pub number: Option<Number>,
    pub person: Option<Person>,
    pub contact: Option<Contact>,
    pub parcel: Option<Parcel>,
    pub decision: Option<Decision>,
    pub money: Option<Money>,
    pub violation: Option<Violation>,
    pub business: Option<Business>,
    pub resolution: Option<Resolution>,
    pub attachments: Option<Attachments>,
}

/// Group T: the identity token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Pairwise pseudonym, 32 bytes; `None` until per-subscriber pseudonyms exist.
    pub subject_ref: Option<SubjectRef>,
    pub idv_tracking_code: Option<String>,
    pub idv_status: Option<IdvStatus>,
    pub idv_level: Option<i32>,
    pub relying_agency: Option<String>,
    pub purpose: Option<String>,
    pub idv_expires_at: Option<Millis>,
}

/// Avro `fixed`, 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectRef(pub [u8; 32]);

impl Serialize for SubjectRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubjectRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SubjectRef;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("32 bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<SubjectRef, E> {
                <[u8; 32]>::try_from(bytes).map(SubjectRef).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// What the verifier found about a tracking code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdvStatus {
    Verified,
    Mismatched,
    Revoked,
    Expired,
    Consumed,
}

/// Group N: the number of the person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Number {
    pub national_id: Option<String>,
    pub legal_id: Option<String>,
}

/// Group P: the name, for service of notice or for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub full_name: Option<String>,
    pub company_name: Option<String>,
    pub capacity: Option<PersonCapacity>,
}

/// In which capacity a person acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonCapacity {
    Owner,
    Heir,
    Attorney,
}

/// Group C: contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub mobile_masked: Option<String>,
    pub notify_channel: Option<String>,
}

/// Group L: the parcel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    pub plate_main: Option<String>,
    pub plate_sub: Option<String>,
    pub plate_section: Option<String>,
    pub plate_district: Option<String>,
    pub registry_unique_id: Option<String>,
    pub renovation_code: Option<String>,
    pub postal_code: Option<String>,
    pub utm_zone: Option<i32>,
    pub utm_e: Option<f64>,
    pub utm_n: Option<f64>,
    pub area_m2: Option<f64>,
    pub village: Option<String>,
    pub village_code: Option<String>,
}

/// Group D: the decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub decision: Option<String>,
    pub decision_no: Option<String>,
    pub decision_date: Option<Date>,
    pub conditions: Option<Vec<String>>,
    pub valid_until: Option<Date>,
}

/// Group M: money.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Money {
    pub amount_rial: Option<i64>,
    pub payment_id: Option<String>,
    pub due_date: Option<Date>,
    pub paid_at: Option<Date>,
    pub receipt_no: Option<String>,
}

/// Group V: the violation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    pub violation_type: Option<String>,
    pub built_area_m2: Option<f64>,
    pub ruling_kind: Option<RulingKind>,
    pub stage: Option<String>,
}

/// What a ruling orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulingKind {
    Fine,
    Demolition,
    Seal,
    None,
}

/// Group B: the business.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Business {
    pub activity_code: Option<String>,
    pub capacity: Option<String>,
    pub licence_no: Option<String>,
    pub employees_band: Option<String>,
}

/// Group R: the resolution of a council.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    pub subject: Option<String>,
    pub owner: Option<String>,
    pub progress_percent: Option<i32>,
    pub session_no: Option<String>,
    pub deadline: Option<Date>,
}

/// Group A: attachments by fingerprint, never by content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attachments {
    pub attachments: Option<Vec<Attachment>>,
}

/// One attachment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    pub sha256: String,
    pub kind: String,
    /// Where a permitted agency may fetch the content from the publisher.
    pub fetch_ref: String,
}
