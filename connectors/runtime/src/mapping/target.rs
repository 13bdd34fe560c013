//! The fields of an event that a mapping may fill, by the path that people write.
//!
//! A path is `field` for the envelope and `group.field` for a group, with the Avro names. Some paths stand for several
//! fields at once, because one column tells them all: `parcel.plate`, `number`, `person.name`. A test proves that every
//! path that names a single field names one that the event really has.

use barid_schemas::case_event::{
    Business, Contact, Decision, Identity, IdvStatus, Money, Number, Parcel, Person, PersonCapacity, Resolution,
    RulingKind, Violation,
};
use barid_schemas::{Date, Millis};

use crate::cast::{Cast, Plate};

/// What a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Decimal,
    Date,
    /// A point in time without an offset of its own.
    Instant,
    /// The time of the status: instant, offset and precision.
    Moment,
    /// Main, sub, section and district of a registry plate.
    Plate,
    /// A national id or a legal id, by its length.
    PersonNumber,
    /// A full name or a company's name, by the number of the same row.
    PersonName,
    /// One of these codes.
    Code(&'static [&'static str]),
    /// The code of a county, or its name in Persian or English.
    County,
    /// The code of an agency.
    Agency,
}

impl Kind {
    /// What a person must give, for messages.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Date => "a date",
            Self::Instant => "a date or a time",
            Self::Moment => "the date or the time of the status",
            Self::Plate => "a registry plate",
            Self::PersonNumber => "a national id or a legal id",
            Self::PersonName => "a name",
            Self::Code(_) => "one of its codes",
            Self::County => "a county",
            Self::Agency => "the code of an agency",
        }
    }

    /// The casts that give such a value, where the target itself does not say.
    const fn casts(self) -> &'static [Cast] {
        match self {
            Self::Text | Self::PersonName => &[Cast::Text],
            Self::Integer => &[Cast::Integer],
            Self::Decimal => &[Cast::Decimal],
            Self::Date | Self::Instant | Self::Moment => &[
                Cast::JalaliDate,
                Cast::JalaliTimestamp,
                Cast::GregorianDate,
                Cast::GregorianTimestamp,
                Cast::ExcelDate,
            ],
            Self::Plate => &[Cast::Plate],
            Self::PersonNumber => &[Cast::PersonNumber],
            Self::Code(_) => &[Cast::Words],
            Self::County | Self::Agency => &[Cast::Text, Cast::Words],
        }
    }

    /// Whether a table of words may give such a value.
    pub(crate) const fn takes_words(self) -> bool {
        matches!(self, Self::Text | Self::Code(_) | Self::County | Self::Agency)
    }
}

/// A value of the right kind for its target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Text(String),
    Integer(i64),
    Decimal(f64),
    Date(Date),
    Instant(Millis),
    Plate(Plate),
    NationalId(String),
    LegalId(String),
}

/// What a row says about its event, apart from case, service, status and time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) case_no: Option<String>,
    pub(crate) county: Option<String>,
    pub(crate) deadline_at: Option<Millis>,
    pub(crate) letter_no: Option<String>,
    pub(crate) letter_date: Option<Date>,
    pub(crate) identity: Option<Identity>,
    pub(crate) number: Option<Number>,
    pub(crate) person: Option<Person>,
    pub(crate) contact: Option<Contact>,
    pub(crate) parcel: Option<Parcel>,
    pub(crate) decision: Option<Decision>,
    pub(crate) money: Option<Money>,
    pub(crate) violation: Option<Violation>,
    pub(crate) business: Option<Business>,
    pub(crate) resolution: Option<Resolution>,
}

/// A field, or several at once, that a mapping may fill.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// The casts that may be written; empty: those of the kind.
    casts: &'static [Cast],
    /// Numbers in a text: Persian digits become ASCII digits, so that programs can compare them.
    pub(crate) ascii_digits: bool,
    /// Puts a fact of `kind` in its place; a fact of another kind is never given and would be ignored.
    pub(crate) put: fn(&mut Facts, Fact),
}

impl Target {
    /// The target with this path.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.path == path)
    }

    /// The casts that give a value for the target.
    pub(crate) const fn casts(&self) -> &'static [Cast] {
        if self.casts.is_empty() { self.kind.casts() } else { self.casts }
    }

    /// The cast that is meant when none is written: the only one there is, or `text`. Where calendars or units of money
    /// differ, the cast must be written.
    pub(crate) fn default_cast(&self) -> Option<Cast> {
        match self.casts() {
            [only] => Some(*only),
            [Cast::Text, ..] => Some(Cast::Text),
            _ => None,
        }
    }
}

const IDV_STATUSES: &[&str] = &["verified", "mismatched", "revoked", "expired", "consumed"];
const CAPACITIES: &[&str] = &["owner", "heir", "attorney"];
const RULINGS: &[&str] = &["fine", "demolition", "seal", "none"];

macro_rules! field {
    ($path:literal, $kind:expr, $variant:ident, $group:ident . $field:ident, $casts:expr, $ascii:literal) => {
        Target {
            path: $path,
            kind: $kind,
            casts: $casts,
            ascii_digits: $ascii,
            put: |facts, fact| {
                if let Fact::$variant(value) = fact {
                    facts.$group.get_or_insert_default().$field = Some(value);
                }
            },
        }
    };
    ($path:literal, $kind:expr, $variant:ident, $group:ident . $field:ident) => {
        field!($path, $kind, $variant, $group.$field, &[], false)
    };
    ($path:literal, $kind:expr, $variant:ident, $group:ident . $field:ident, $casts:expr) => {
        field!($path, $kind, $variant, $group.$field, $casts, false)
    };
}

/// A text as written.
macro_rules! text {
    ($path:literal, $group:ident . $field:ident) => {
        field!($path, Kind::Text, Text, $group.$field, &[], false)
    };
    ($path:literal, $group:ident . $field:ident, $cast:ident) => {
        field!($path, Kind::Text, Text, $group.$field, &[Cast::$cast], false)
    };
}

/// A text that is or holds a number.
macro_rules! digits {
    ($path:literal, $group:ident . $field:ident) => {
        field!($path, Kind::Text, Text, $group.$field, &[], true)
    };
}

macro_rules! small {
    ($path:literal, $group:ident . $field:ident, $cast:ident) => {
        Target {
            path: $path,
            kind: Kind::Integer,
            casts: &[Cast::$cast],
            ascii_digits: false,
            put: |facts, fact| {
                if let Fact::Integer(value) = fact {
                    facts.$group.get_or_insert_default().$field = i32::try_from(value).ok();
                }
            },
        }
    };
}

/// A target that needs more than its kind says.
const fn special(path: &'static str, kind: Kind, put: fn(&mut Facts, Fact)) -> Target {
    Target { path, kind, casts: &[], ascii_digits: false, put }
}

/// Every target, in the order of the schema.
pub(crate) const TARGETS: &[Target] = &[
    // The moment is kept beside the facts, for order and identity of rows depend on it.
    special("occurred_at", Kind::Moment, |_, _| {}),
    Target { ascii_digits: true, ..special("case_no", Kind::Text, |facts, fact| facts.case_no = text_of(fact)) },
    special("county", Kind::County, |facts, fact| facts.county = text_of(fact)),
    special("deadline_at", Kind::Instant, |facts, fact| {
        if let Fact::Instant(instant) = fact {
            facts.deadline_at = Some(instant);
        }
    }),
    Target { ascii_digits: true, ..special("letter_no", Kind::Text, |facts, fact| facts.letter_no = text_of(fact)) },
    special("letter_date", Kind::Date, |facts, fact| {
        if let Fact::Date(date) = fact {
            facts.letter_date = Some(date);
        }
    }),
    text!("identity.idv_tracking_code", identity.idv_tracking_code, TrackingCode),
    special("identity.idv_status", Kind::Code(IDV_STATUSES), |facts, fact| {
        let Some(code) = text_of(fact) else { return };
        facts.identity.get_or_insert_default().idv_status = match code.as_str() {
            "verified" => Some(IdvStatus::Verified),
            "mismatched" => Some(IdvStatus::Mismatched),
            "revoked" => Some(IdvStatus::Revoked),
            "expired" => Some(IdvStatus::Expired),
            "consumed" => Some(IdvStatus::Consumed),
            _ => None,
        };
    }),
    small!("identity.idv_level", identity.idv_level, Integer),
    field!("identity.relying_agency", Kind::Agency, Text, identity.relying_agency),
    text!("identity.purpose", identity.purpose),
    field!("identity.idv_expires_at", Kind::Instant, Instant, identity.idv_expires_at),
    special("number", Kind::PersonNumber, |facts, fact| {
        let number = facts.number.get_or_insert_default();
        match fact {
            Fact::NationalId(digits) => number.national_id = Some(digits),
            Fact::LegalId(digits) => number.legal_id = Some(digits),
            _ => {}
        }
    }),
    text!("number.national_id", number.national_id, NationalId),
    text!("number.legal_id", number.legal_id, LegalId),
    // Targets are filled in the order of this table, so the number is known by now.
    special("person.name", Kind::PersonName, |facts, fact| {
        let company = facts.number.as_ref().is_some_and(|number| number.legal_id.is_some());
        let person = facts.person.get_or_insert_default();
        if company {
            person.company_name = text_of(fact);
        } else {
            person.full_name = text_of(fact);
        }
    }),
    text!("person.full_name", person.full_name),
    text!("person.company_name", person.company_name),
    special("person.capacity", Kind::Code(CAPACITIES), |facts, fact| {
        let Some(code) = text_of(fact) else { return };
        facts.person.get_or_insert_default().capacity = match code.as_str() {
            "owner" => Some(PersonCapacity::Owner),
            "heir" => Some(PersonCapacity::Heir),
            "attorney" => Some(PersonCapacity::Attorney),
            _ => None,
        };
    }),
    digits!("contact.mobile_masked", contact.mobile_masked),
    text!("contact.notify_channel", contact.notify_channel),
    special("parcel.plate", Kind::Plate, |facts, fact| {
        if let Fact::Plate(plate) = fact {
            let parcel = facts.parcel.get_or_insert_default();
            parcel.plate_main = Some(plate.main);
            parcel.plate_sub = plate.sub;
            parcel.plate_section = plate.section;
            parcel.plate_district = plate.district;
        }
    }),
    digits!("parcel.plate_main", parcel.plate_main),
    digits!("parcel.plate_sub", parcel.plate_sub),
    digits!("parcel.plate_section", parcel.plate_section),
    text!("parcel.plate_district", parcel.plate_district),
    digits!("parcel.registry_unique_id", parcel.registry_unique_id),
    text!("parcel.renovation_code", parcel.renovation_code, RenovationCode),
    text!("parcel.postal_code", parcel.postal_code, PostalCode),
    small!("parcel.utm_zone", parcel.utm_zone, UtmZone),
    field!("parcel.utm_e", Kind::Decimal, Decimal, parcel.utm_e, &[Cast::UtmE]),
    field!("parcel.utm_n", Kind::Decimal, Decimal, parcel.utm_n, &[Cast::UtmN]),
    field!("parcel.area_m2", Kind::Decimal, Decimal, parcel.area_m2),
    text!("parcel.village", parcel.village),
    digits!("parcel.village_code", parcel.village_code),
    text!("decision.decision", decision.decision),
    digits!("decision.decision_no", decision.decision_no),
    field!("decision.decision_date", Kind::Date, Date, decision.decision_date),
    special("decision.conditions", Kind::Text, |facts, fact| {
        facts.decision.get_or_insert_default().conditions = text_of(fact).map(|text| vec![text]);
    }),
    field!("decision.valid_until", Kind::Date, Date, decision.valid_until),
    // Rial or toman: never a default, a wrong guess is wrong by a factor of ten.
    field!("money.amount_rial", Kind::Integer, Integer, money.amount_rial, &[Cast::Rial, Cast::Toman]),
    digits!("money.payment_id", money.payment_id),
    field!("money.due_date", Kind::Date, Date, money.due_date),
    field!("money.paid_at", Kind::Date, Date, money.paid_at),
    digits!("money.receipt_no", money.receipt_no),
    text!("violation.violation_type", violation.violation_type),
    field!("violation.built_area_m2", Kind::Decimal, Decimal, violation.built_area_m2),
    special("violation.ruling_kind", Kind::Code(RULINGS), |facts, fact| {
        let Some(code) = text_of(fact) else { return };
        facts.violation.get_or_insert_default().ruling_kind = match code.as_str() {
            "fine" => Some(RulingKind::Fine),
            "demolition" => Some(RulingKind::Demolition),
            "seal" => Some(RulingKind::Seal),
            "none" => Some(RulingKind::None),
            _ => None,
        };
    }),
    text!("violation.stage", violation.stage),
    text!("business.activity_code", business.activity_code, Isic),
    text!("business.capacity", business.capacity),
    digits!("business.licence_no", business.licence_no),
    digits!("business.employees_band", business.employees_band),
    text!("resolution.subject", resolution.subject),
    text!("resolution.owner", resolution.owner),
    small!("resolution.progress_percent", resolution.progress_percent, Percent),
    digits!("resolution.session_no", resolution.session_no),
    field!("resolution.deadline", Kind::Date, Date, resolution.deadline),
];

fn text_of(fact: Fact) -> Option<String> {
    match fact {
        Fact::Text(text) => Some(text),
        _ => None,
    }
}
