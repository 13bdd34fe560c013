//! A cell of text becomes a value with a type.
//!
//! (skeleton)

mod fault;

use std::collections::BTreeMap;

use barid_schemas::case_event::Precision;
use barid_schemas::{Date, Millis};

pub use fault::{CastFault, CastReason};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cast {
    Text,
    /// One of the words of [`CastOptions::words`].
    Words,
    YesNo,
    JalaliDate,
    JalaliTimestamp,
    GregorianDate,
    GregorianTimestamp,
    /// The day number of a spreadsheet whose cell has lost its date format.
    ExcelDate,
    NationalId,
    LegalId,
    /// A national id or a legal id, told by its length.
    PersonNumber,
    TrackingCode,
    PostalCode,
    Plate,
    RenovationCode,
    Isic,
    Rial,
    Toman,
    Integer,
    Decimal,
    Percent,
    UtmZone,
    UtmE,
    UtmN,
}

impl Cast {
    /// All casts, in the order of the documentation.
    pub const ALL: [Self; 24] = [
        Self::Text,
        Self::Words,
        Self::YesNo,
        Self::JalaliDate,
        Self::JalaliTimestamp,
        Self::GregorianDate,
        Self::GregorianTimestamp,
        Self::ExcelDate,
        Self::NationalId,
        Self::LegalId,
        Self::PersonNumber,
        Self::TrackingCode,
        Self::PostalCode,
        Self::Plate,
        Self::RenovationCode,
        Self::Isic,
        Self::Rial,
        Self::Toman,
        Self::Integer,
        Self::Decimal,
        Self::Percent,
        Self::UtmZone,
        Self::UtmE,
        Self::UtmN,
    ];

    /// The name that a mapping uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Words => "words",
            Self::YesNo => "yes_no",
            Self::JalaliDate => "jalali_date",
            Self::JalaliTimestamp => "jalali_timestamp",
            Self::GregorianDate => "gregorian_date",
            Self::GregorianTimestamp => "gregorian_timestamp",
            Self::ExcelDate => "excel_date",
            Self::NationalId => "national_id",
            Self::LegalId => "legal_id",
            Self::PersonNumber => "person_number",
            Self::TrackingCode => "tracking_code",
            Self::PostalCode => "postal_code",
            Self::Plate => "plate",
            Self::RenovationCode => "renovation_code",
            Self::Isic => "isic",
            Self::Rial => "rial",
            Self::Toman => "toman",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Percent => "percent",
            Self::UtmZone => "utm_zone",
            Self::UtmE => "utm_e",
            Self::UtmN => "utm_n",
        }
    }

    /// The cast with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cast| cast.name() == name)
    }

    /// Reads a cell. `Ok(None)` for an empty cell and for `NULL` written as text.
    pub fn apply(self, cell: &str, options: &CastOptions) -> Result<Option<Value>, CastFault> {
        let _ = (cell, options);
        unimplemented!()
    }
}

/// What a mapping may say about a column beside its cast.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CastOptions {
    /// For Jalali dates with two-digit years: the year that `00` stands for, `1300` or `1400`. Without it such a year is
    /// refused.
    pub century: Option<u16>,
    /// The column has lost leading zeros in a spreadsheet: national ids of 8 or 9 digits are padded and marked.
    pub padded: bool,
    /// For `utm_e`: the zone that the coordinates of the column are in, 39 if not said.
    pub utm_zone: Option<i32>,
    /// For `words`: matching key -> code. See [`CastOptions::with_words`].
    pub words: BTreeMap<String, String>,
}

impl CastOptions {
    /// The options with a table of words; the words are folded into their matching keys.
    #[must_use]
    pub fn with_words<'a>(mut self, words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.words.extend(words.into_iter().map(|(word, code)| (crate::text::key(word), code.to_owned())));
        self
    }
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    /// The code of a word.
    Word(String),
    Flag(bool),
    /// Also rial, percent and the UTM zone.
    Integer(i64),
    Decimal(f64),
    Date(Date),
    Timestamp(Timestamp),
    NationalId {
        digits: String,
        /// Leading zeros were put back: the number is likely, not certain.
        padded: bool,
    },
    LegalId(String),
    /// 14 digits without dashes.
    TrackingCode(String),
    /// 10 digits without a dash.
    PostalCode(String),
    Plate(Plate),
}

/// An instant with the offset that was in force where it was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    pub at: Millis,
    pub utc_offset_minutes: i32,
    pub precision: Precision,
}

/// A registry plate. All parts are ASCII digits but the district.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plate {
    pub main: String,
    pub sub: Option<String>,
    pub section: Option<String>,
    pub district: Option<String>,
}

/// The first instant of a local day in Iran, with precision `day`. It is 01:00 where summer time began at midnight.
#[must_use]
pub fn start_of_day(date: Date) -> Timestamp {
    let _ = date;
    unimplemented!()
}
