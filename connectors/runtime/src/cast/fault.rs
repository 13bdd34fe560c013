//! Why a cell cannot be read as what its column is declared to hold.

use std::fmt;

use crate::reason::reasons;

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

reasons! {
    /// Why a cell is refused. The codes are stable: they stand in quarantine records, metrics and documents.
    pub enum CastReason {
        /// `4.8714E+09`: the spreadsheet has thrown digits away.
        ScientificNotation = "scientific_notation",
        /// `#N/A`, `#REF!` and the like.
        SpreadsheetError = "spreadsheet_error",
        NotADate = "not_a_date",
        /// The 31st of Mehr, the 30th of Esfand of a common year, month 13.
        ImpossibleDate = "impossible_date",
        TwoDigitYear = "two_digit_year",
        /// A Gregorian date in a Jalali column or the reverse.
        WrongCalendar = "wrong_calendar",
        /// A bare number in a date column that looks like a day number of Excel.
        ExcelSerial = "excel_serial",
        /// A date typed with a two-digit Jalali year that Excel has taken for a Gregorian one.
        ExcelTookIt = "excel_took_the_date",
        ImpossibleTime = "impossible_time",
        /// A wall time that the clocks skipped when summer time began.
        SkippedTime = "skipped_time",
        NotDigits = "not_digits",
        WrongLength = "wrong_length",
        WrongCheckDigit = "wrong_check_digit",
        /// Digits that pass the sum but are no number of anybody: ten equal digits, prefix 000.
        ReservedNumber = "reserved_number",
        WrongPattern = "wrong_pattern",
        NotANumber = "not_a_number",
        NotAWholeNumber = "not_a_whole_number",
        NegativeNumber = "negative_number",
        OutOfRange = "out_of_range",
        /// Toman in a column of rial or the reverse.
        WrongUnit = "wrong_unit",
        /// X and Y of a coordinate have changed places.
        SwappedCoordinates = "swapped_coordinates",
        UnknownWord = "unknown_word",
    }
}
