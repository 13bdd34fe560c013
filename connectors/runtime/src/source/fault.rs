//! What can be wrong with a file or with one row of it.

use std::fmt;

/// A fault of a file or of one row, for the office that owns the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFault {
    pub reason: SourceReason,
    /// The file's name without its folder.
    pub file: String,
    /// Data rows count from 1; `None` if the fault is about the whole file or its header.
    pub row: Option<u64>,
    pub column: Option<String>,
    /// The offset of the first byte at fault in the file, where it is known.
    pub byte: Option<u64>,
    pub message_en: String,
    pub message_fa: String,
    pub cure_en: String,
    pub cure_fa: String,
    /// The cells that were read, for a fault of one row.
    pub cells: Vec<String>,
}

impl SourceFault {
    /// Whether only this row is at fault and the rows after it can be read.
    #[must_use]
    pub const fn is_of_one_row(&self) -> bool {
        self.reason.is_of_one_row()
    }
}

/// Without any value of the file: place, reason and cure.
impl fmt::Display for SourceFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.file)?;
        if let Some(row) = self.row {
            write!(formatter, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(formatter, ", column `{column}`")?;
        }
        if let Some(byte) = self.byte {
            write!(formatter, ", byte {byte}")?;
        }
        write!(formatter, ": {}; {}", self.message_en, self.cure_en)
    }
}

impl std::error::Error for SourceFault {}

/// Why a file or a row cannot be read. The codes are stable: they stand in quarantine records, metrics and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceReason {
    Unreadable,
    EmptyFile,
    MissingHeader,
    MissingColumn,
    DoubledColumn,
    HalfWritten,
    UnclosedQuote,
    WrongEncoding,
    UnknownEncoding,
    WrongKind,
    UnknownSeparator,
    WrongSeparator,
    UnreadableWorkbook,
    ProtectedWorkbook,
    MissingSheet,
    TooManyColumns,
    /// Of one row.
    WrongCellCount,
    /// Of one row.
    UndecodableText,
    /// Of one row.
    BrokenJson,
}

impl SourceReason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "file_unreadable",
            Self::EmptyFile => "empty_file",
            Self::MissingHeader => "missing_header",
            Self::MissingColumn => "missing_column",
            Self::DoubledColumn => "doubled_column",
            Self::HalfWritten => "half_written_file",
            Self::UnclosedQuote => "unclosed_quote",
            Self::WrongEncoding => "wrong_encoding",
            Self::UnknownEncoding => "unknown_encoding",
            Self::WrongKind => "wrong_kind_of_file",
            Self::UnknownSeparator => "unknown_separator",
            Self::WrongSeparator => "wrong_separator",
            Self::UnreadableWorkbook => "unreadable_workbook",
            Self::ProtectedWorkbook => "protected_workbook",
            Self::MissingSheet => "missing_sheet",
            Self::TooManyColumns => "too_many_columns",
            Self::WrongCellCount => "wrong_cell_count",
            Self::UndecodableText => "undecodable_text",
            Self::BrokenJson => "broken_json",
        }
    }

    /// Whether the fault is of one row only.
    #[must_use]
    pub const fn is_of_one_row(self) -> bool {
        matches!(self, Self::WrongCellCount | Self::UndecodableText | Self::BrokenJson)
    }
}
