//! A cell of text becomes a value with a type, or is refused with a reason and a cure.
//!
//! The cell is first repaired ([`crate::text::clean`], ASCII digits where digits matter), then read by the one rule that
//! the mapping names for its column. No cast guesses: what has two readings is refused, and the fault says what to write
//! or to declare. Scientific notation is refused by every cast, for its digits are gone.
//!
//! A cast sees one cell. What needs the row (the zone of a coordinate, the order of dates) is not checked here, and a
//! check digit proves no identity.

mod date;
mod fault;
mod identifier;
mod number;
mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barid_schemas::case_event::Precision;
use barid_schemas::{Date, Millis};

use crate::source::EXCEL_DATE;
use crate::text;

pub use date::{gregorian, jalali, start_of_day, to_jalali};
pub use fault::{CastFault, CastReason};
pub use identifier::{check_legal_id, check_national_id, check_postal_code, check_tracking_code};

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
        let displayed = text::cleaned(cell);
        let plain = text::with_ascii_digits(&displayed);
        if is_nothing(&plain) {
            return Ok(None);
        }
        self.refuse_what_a_spreadsheet_broke(&plain)?;
        let value = match self {
            Self::Text => {
                drop(plain);
                Value::Text(displayed.into_owned())
            }
            Self::Words => word(&displayed, options)?,
            Self::YesNo => yes_no(&displayed)?,
            Self::JalaliDate => date::date(&plain, date::Calendar::Jalali, options)?,
            Self::JalaliTimestamp => date::timestamp(&plain, date::Calendar::Jalali, options)?,
            Self::GregorianDate => date::date(&plain, date::Calendar::Gregorian, options)?,
            Self::GregorianTimestamp => date::timestamp(&plain, date::Calendar::Gregorian, options)?,
            Self::ExcelDate => date::excel_date(&plain)?,
            Self::NationalId => identifier::national_id(&plain, options)?,
            Self::LegalId => identifier::legal_id(&plain)?,
            Self::PersonNumber => identifier::person_number(&plain, options)?,
            Self::TrackingCode => identifier::tracking_code(&plain)?,
            Self::PostalCode => identifier::postal_code(&plain)?,
            Self::Plate => place::plate(&plain)?,
            Self::RenovationCode => identifier::renovation_code(&plain)?,
            Self::Isic => identifier::isic(&plain)?,
            Self::Rial => number::money(&plain, number::Unit::Rial)?,
            Self::Toman => number::money(&plain, number::Unit::Toman)?,
            Self::Integer => number::integer(&plain)?,
            Self::Decimal => Value::Decimal(number::decimal(&plain)?),
            Self::Percent => number::percent(&plain)?,
            Self::UtmZone => place::utm_zone(&plain)?,
            Self::UtmE => place::utm_e(&plain, options)?,
            Self::UtmN => place::utm_n(&plain)?,
        };
        Ok(Some(value))
    }

    /// Whether a cell holds nothing for any cast.
    pub(crate) fn is_empty(cell: &str) -> bool {
        is_nothing(&text::cleaned(cell))
    }

    /// Whether the cast reads words rather than digits.
    const fn is_of_words(self) -> bool {
        matches!(self, Self::Text | Self::Words | Self::YesNo)
    }

    const fn is_of_time(self) -> bool {
        matches!(
            self,
            Self::JalaliDate | Self::JalaliTimestamp | Self::GregorianDate | Self::GregorianTimestamp | Self::ExcelDate
        )
    }

    fn refuse_what_a_spreadsheet_broke(self, plain: &str) -> Result<(), CastFault> {
        if number::is_scientific(plain, self.is_of_words()) {
            return Err(CastFault::new(
                CastReason::ScientificNotation,
                format!("`{plain}` is in scientific notation: the spreadsheet has thrown digits away"),
                format!("«{plain}» نماد علمی است: اکسل بخشی از رقم‌ها را دور ریخته است"),
                "format the column as text in the spreadsheet before the numbers are typed or pasted, and export again",
                "پیش از واردکردن عددها قالب ستون را در اکسل «متن» بگذارید و دوباره خروجی بگیرید",
            ));
        }
        if is_spreadsheet_error(plain) {
            return Err(CastFault::new(
                CastReason::SpreadsheetError,
                format!("`{plain}` is an error of the spreadsheet, not a value"),
                format!("«{plain}» خطای اکسل است، نه مقدار"),
                "mend the formula or the width of the column in the spreadsheet and export again",
                "فرمول یا پهنای ستون را در اکسل درست کنید و دوباره خروجی بگیرید",
            ));
        }
        if plain.starts_with(EXCEL_DATE) && !self.is_of_time() {
            return Err(CastFault::new(
                CastReason::ExcelTookIt,
                format!("`{plain}` is held by Excel as a date, but the column does not hold dates"),
                format!("«{plain}» را اکسل تاریخ پنداشته است، ولی این ستون تاریخ نیست"),
                "format the column as text in Excel and type the value again",
                "قالب ستون را در اکسل «متن» بگذارید و مقدار را دوباره وارد کنید",
            ));
        }
        Ok(())
    }
}

/// An empty cell, and what databases write for one.
fn is_nothing(plain: &str) -> bool {
    plain.is_empty() || plain.eq_ignore_ascii_case("null") || plain.eq_ignore_ascii_case("(null)")
}

fn is_spreadsheet_error(plain: &str) -> bool {
    const ERRORS: [&str; 9] =
        ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#GETTING_DATA"];
    ERRORS.contains(&plain) || plain.len() > 2 && plain.bytes().all(|byte| byte == b'#')
}

fn word(displayed: &str, options: &CastOptions) -> Result<Value, CastFault> {
    options.words.get(&text::key(displayed)).cloned().map(Value::Word).ok_or_else(|| {
        CastFault::new(
            CastReason::UnknownWord,
            format!("the mapping does not know the word `{displayed}`"),
            format!("واژه «{displayed}» در نگاشت نیست"),
            "add the word to the words of this column in the mapping, with the code that it means",
            "این واژه را با کد آن به واژه‌های همین ستون در نگاشت بیفزایید",
        )
    })
}

fn yes_no(displayed: &str) -> Result<Value, CastFault> {
    match text::key(displayed).as_str() {
        "بلی" | "بله" | "اری" | "دارد" | "yes" | "y" | "true" | "1" | "درست" | "صحیح" => {
            Ok(Value::Flag(true))
        }
        "خیر" | "نه" | "ندارد" | "no" | "n" | "false" | "0" | "نادرست" => Ok(Value::Flag(false)),
        _ => Err(CastFault::new(
            CastReason::UnknownWord,
            format!("`{displayed}` is neither yes nor no"),
            format!("«{displayed}» نه بلی است و نه خیر"),
            "write `بلی` or `خیر`, or declare the column as `words`",
            "«بلی» یا «خیر» بنویسید یا نوع ستون را در نگاشت `words` بگذارید",
        )),
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
