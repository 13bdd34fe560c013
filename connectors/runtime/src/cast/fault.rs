//! Why a cell cannot be read as what its column is declared to hold.

use std::fmt;

/// A refused cell. The texts hold the value: they are for the owner of the row only, never for a log, a metric or a
/// span. [`CastReason::code`] is what may be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastFault {
    pub reason: CastReason,
    pub message_en: String,
    pub message_fa: String,
    pub cure_en: String,
    pub cure_fa: String,
}

impl CastFault {
    pub(super) fn new(
        reason: CastReason,
        message_en: impl Into<String>,
        message_fa: impl Into<String>,
        cure_en: impl Into<String>,
        cure_fa: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            message_en: message_en.into(),
            message_fa: message_fa.into(),
            cure_en: cure_en.into(),
            cure_fa: cure_fa.into(),
        }
    }
}

impl fmt::Display for CastFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.message_en, self.cure_en)
    }
}

impl std::error::Error for CastFault {}

/// Why a cell is refused. The codes are stable: they stand in quarantine records, metrics and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CastReason {
    /// `4.8714E+09`: the spreadsheet has thrown digits away.
    ScientificNotation,
    /// `#N/A`, `#REF!` and the like.
    SpreadsheetError,
    NotADate,
    /// The 31st of Mehr, the 30th of Esfand of a common year, month 13.
    ImpossibleDate,
    TwoDigitYear,
    /// A Gregorian date in a Jalali column or the reverse.
    WrongCalendar,
    /// A bare number in a date column that looks like a day number of Excel.
    ExcelSerial,
    /// A date typed with a two-digit Jalali year that Excel has taken for a Gregorian one.
    ExcelTookIt,
    ImpossibleTime,
    /// A wall time that the clocks skipped when summer time began.
    SkippedTime,
    NotDigits,
    WrongLength,
    WrongCheckDigit,
    /// Digits that pass the sum but are no number of anybody: ten equal digits, prefix 000.
    ReservedNumber,
    WrongPattern,
    NotANumber,
    NotAWholeNumber,
    NegativeNumber,
    OutOfRange,
    /// Toman in a column of rial or the reverse.
    WrongUnit,
    /// X and Y of a coordinate have changed places.
    SwappedCoordinates,
    UnknownWord,
}

impl CastReason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ScientificNotation => "scientific_notation",
            Self::SpreadsheetError => "spreadsheet_error",
            Self::NotADate => "not_a_date",
            Self::ImpossibleDate => "impossible_date",
            Self::TwoDigitYear => "two_digit_year",
            Self::WrongCalendar => "wrong_calendar",
            Self::ExcelSerial => "excel_serial",
            Self::ExcelTookIt => "excel_took_the_date",
            Self::ImpossibleTime => "impossible_time",
            Self::SkippedTime => "skipped_time",
            Self::NotDigits => "not_digits",
            Self::WrongLength => "wrong_length",
            Self::WrongCheckDigit => "wrong_check_digit",
            Self::ReservedNumber => "reserved_number",
            Self::WrongPattern => "wrong_pattern",
            Self::NotANumber => "not_a_number",
            Self::NotAWholeNumber => "not_a_whole_number",
            Self::NegativeNumber => "negative_number",
            Self::OutOfRange => "out_of_range",
            Self::WrongUnit => "wrong_unit",
            Self::SwappedCoordinates => "swapped_coordinates",
            Self::UnknownWord => "unknown_word",
        }
    }
}
