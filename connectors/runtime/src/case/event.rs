//! From a planned row to the event.

use barid_event::{WatchKey, ids};
use barid_schemas::case_event::{Precision, Transition, View};
use barid_schemas::{CaseEvent, Millis};
use uuid::Uuid;

use super::{Context, PlannedEvent};
use crate::mapping::{MappedRow, Moment};
use crate::watch;

/// Everything that an event is made from.
pub(super) struct Draft<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) case_key: &'a str,
    pub(super) corr_id: Uuid,
    pub(super) row: &'a MappedRow,
    pub(super) status_from: Option<&'a str>,
    pub(super) transition: Transition,
    pub(super) row_identity: &'a str,
    pub(super) correction_of: Option<Uuid>,
}

/// The `corr_id` of a case, fixed by its first published row.
pub(super) fn corr_id(context: &Context<'_>, case_key: &str, row: &MappedRow) -> Uuid {
    let code = row.facts.identity.as_ref().and_then(|identity| identity.idv_tracking_code.as_deref());
    match code {
        Some(code) => ids::corr_id_of_tracking_code(&context.keys.correlation, code),
        None => ids::corr_id_of_case(&context.keys.connector, &context.config.agency, case_key),
    }
}

impl Draft<'_> {
    pub(super) fn event(self) -> PlannedEvent {
        let Self { context, row, .. } = self;
        let facts = (*row.facts).clone();
        let service_code = row.service.clone().unwrap_or_default();
        let national_service_id =
            context.config.services.get(&service_code).and_then(|service| service.national_service_id.clone());
        let (occurred_at, utc_offset_minutes, precision) = match row.moment {
            Moment::At(timestamp) => (timestamp.at, timestamp.utc_offset_minutes, timestamp.precision),
            Moment::Observed | Moment::Unknown => (context.now, local_offset_minutes(context.now), Precision::Observed),
        };
        let event = CaseEvent {
            event_id: self.event_id(),
            corr_id: self.corr_id,
            publisher: context.config.agency.clone(),
            county: facts.county,
            service_code,
            national_service_id,
            case_no: facts.case_no,
            status_from: self.status_from.map(str::to_owned),
            status_to: row.status.clone().unwrap_or_default(),
            transition: Some(self.transition),
            occurred_at,
            utc_offset_minutes,
            precision,
            deadline_at: facts.deadline_at,
            letter_no: facts.letter_no,
            letter_date: facts.letter_date,
            correction_of: self.correction_of,
            view: View::Exact,
            identity: facts.identity,
            number: facts.number,
            person: facts.person,
            contact: facts.contact,
            parcel: facts.parcel,
            decision: facts.decision,
            money: facts.money,
            violation: facts.violation,
            business: facts.business,
            resolution: facts.resolution,
            attachments: None,
        };
        let watch_keys = watch_keys(context, &event);
        PlannedEvent { event, watch_keys, file: row.file.clone(), row: row.row }
    }

    /// A correction is named by what it corrects too: a row that is corrected and then set back has the content of its first
    /// event, but is another event.
    fn event_id(&self) -> Uuid {
        let Context { keys, config, .. } = self.context;
        let identity = match self.correction_of {
            Some(former) => format!("{}<{former}", self.row_identity),
            None => self.row_identity.to_owned(),
        };
        ids::event_id(&keys.connector, &config.agency, self.case_key, &identity, self.row.content_hash)
    }
}

/// The watch keys of the event's person and parcel.
fn watch_keys(context: &Context<'_>, event: &CaseEvent) -> Vec<WatchKey> {
    let secret = &context.keys.watch;
    let number = event.number.as_ref();
    let person = number.and_then(|number| number.national_id.as_deref().or(number.legal_id.as_deref()));
    let person = person.map(|number| watch::person_key(secret, number));
    let parcel = event.parcel.as_ref().and_then(|parcel| {
        let main = parcel.plate_main.as_deref()?;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (sub, section, district) = (&parcel.plate_sub, &parcel.plate_section, &parcel.plate_district);
        Some(watch::parcel_key(secret, main, &part(sub), &part(section), &part(district)))
    });
    person.into_iter().chain(parcel).collect()
}

/// The offset of Iran's clocks at an instant.
fn local_offset_minutes(instant: Millis) -> i32 {
    /// In force since 1402, and what is taken if the instant cannot be looked up.
    const STANDARD_MINUTES: i32 = 210;
    let zone = jiff::tz::TimeZone::get("Asia/Tehran");
    let instant = jiff::Timestamp::from_millisecond(instant.0);
    match (zone, instant) {
        (Ok(zone), Ok(instant)) => zone.to_offset(instant).seconds() / 60,
        _ => STANDARD_MINUTES,
    }
}
