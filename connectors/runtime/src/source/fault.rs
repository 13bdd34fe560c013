//! What can be wrong with a file or with one row of it.

use std::fmt;
use std::ops::Deref;
use std::path::Path;

use crate::reason::reasons;

/// A fault of a file or of one row, for the office that owns the file. Its parts are those of [`Fault`].
///
/// Boxed, because it is far larger than what a sound row returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFault(Box<Fault>);

/// The parts of a [`SourceFault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
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

impl Deref for SourceFault {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        &self.0
    }
}

/// Message and cure of a fault, each in English and in Persian.
pub(super) struct Words<'w>(pub &'w str, pub &'w str, pub &'w str, pub &'w str);

impl SourceFault {
    pub(super) fn new(file: &str, reason: SourceReason, words: Words<'_>) -> Self {
        Self(Box::new(Fault {
            reason,
            file: file.to_owned(),
            row: None,
            column: None,
            byte: None,
            message_en: words.0.to_owned(),
            message_fa: words.1.to_owned(),
            cure_en: words.2.to_owned(),
            cure_fa: words.3.to_owned(),
            cells: Vec::new(),
        }))
    }

    pub(super) fn at_row(mut self, row: u64) -> Self {
        // Row 0 is the header: a place of the file, not of a data row.
        self.0.row = (row > 0).then_some(row);
        self
    }

    pub(super) fn at_column(mut self, column: &str) -> Self {
        self.0.column = Some(column.to_owned());
        self
    }

    pub(super) fn at_byte(mut self, byte: u64) -> Self {
        self.0.byte = Some(byte);
        self
    }

    pub(super) fn with_cells(mut self, cells: Vec<String>) -> Self {
        self.0.cells = cells;
        self
    }

    /// The operating system does not give the file.
    pub(super) fn unreadable(file: &str, error: &std::io::Error) -> Self {
        Self::new(
            file,
            SourceReason::Unreadable,
            Words(
                &format!("the file cannot be read: {error}"),
                &format!("فایل خوانده نمی‌شود: {error}"),
                "check that the file is there, that no program holds it and that this account may read it",
                "بررسی کنید که فایل موجود باشد، برنامه‌ای آن را قفل نکرده باشد و این کاربر اجازه خواندن آن را داشته باشد",
            ),
        )
    }

    /// There is no room for the temporary file of a large export. It is tried again, as a file is that cannot be read yet.
    pub(crate) fn not_put_aside(file: &str, error: &std::io::Error) -> Self {
        Self::new(
            file,
            SourceReason::Unreadable,
            Words(
                &format!("the rows of this large file cannot be kept in a temporary file: {error}"),
                &format!("ردیف‌های این فایل بزرگ در فایل موقت نگه داشته نمی‌شود: {error}"),
                "make room in the folder for temporary files, or name one that has room and may be written in TMPDIR",
                "در پوشه فایل‌های موقت جا باز کنید یا پوشه‌ای قابل نوشتن و دارای جا را در TMPDIR بنویسید",
            ),
        )
    }

    /// The path of a source names no file.
    pub(crate) fn absent(path: &Path) -> Self {
        let name = path.display().to_string();
        Self::new(
            &name,
            SourceReason::NoFile,
            Words(
                "there is no such file",
                "چنین فایلی نیست",
                "put the export there, or correct `path` of the source in connector.toml",
                "خروجی را آنجا بگذارید یا `path` منبع را در connector.toml درست کنید",
            ),
        )
    }

    /// The folder of a source holds no export: nothing, or only what programs leave beside the files that they work on.
    pub(crate) fn no_export(path: &Path, passed_over: usize) -> Self {
        let name = path.display().to_string();
        Self::new(
            &name,
            SourceReason::NoFile,
            Words(
                &format!("there is no export; unfinished and hidden files passed over: {passed_over}"),
                &format!("خروجی‌ای در آن نیست؛ فایل‌های ناتمام و پنهانِ کنار گذاشته: {passed_over}"),
                "put the export there under its final name, not ending in .part, .partial, .tmp or .crdownload, nor beginning with `.` or `~$`",
                "خروجی را با نام نهایی آنجا بگذارید، نامی که به .part، .partial، .tmp یا .crdownload ختم نشود و با «.» یا «~$» آغاز نشود",
            ),
        )
    }

    /// The folder of a source cannot be listed.
    pub(crate) fn closed_folder(folder: &Path, error: &std::io::Error) -> Self {
        let name = folder.display().to_string();
        Self::new(
            &name,
            SourceReason::Unreadable,
            Words(
                &format!("the folder cannot be listed: {error}"),
                &format!("فهرست پوشه خوانده نمی‌شود: {error}"),
                "check that the folder is there and that this account may read it",
                "بررسی کنید که پوشه موجود باشد و این کاربر اجازه خواندن آن را داشته باشد",
            ),
        )
    }

    /// Somebody writes the file while it is read.
    pub(crate) fn changed(file: &str) -> Self {
        Self::new(
            file,
            SourceReason::Changed,
            Words(
                "the file changed while it was read",
                "فایل هنگام خواندن تغییر کرد",
                "try again when it is complete",
                "پس از کامل شدن فایل دوباره تلاش کنید",
            ),
        )
    }

    pub(super) fn empty(file: &str) -> Self {
        Self::new(
            file,
            SourceReason::EmptyFile,
            Words(
                "the file is empty",
                "فایل خالی است",
                "export again; if there are no cases, export the header alone",
                "دوباره خروجی بگیرید؛ اگر پرونده‌ای نیست فقط سطر عنوان را بفرستید",
            ),
        )
    }

    pub(super) fn half_written(file: &str) -> Self {
        Self::new(
            file,
            SourceReason::HalfWritten,
            Words(
                "the file ends in the middle of a record: it was not written to its end",
                "فایل در میانه یک رکورد تمام شده است: تا پایان نوشته نشده است",
                "wait until the export is done, or export again; write under another name and rename at the end",
                "تا پایان خروجی صبر کنید یا دوباره خروجی بگیرید؛ با نام دیگری بنویسید و در پایان تغییر نام دهید",
            ),
        )
    }
}

impl SourceFault {
    /// Whether only this row is at fault and the rows after it can be read.
    #[must_use]
    pub fn is_of_one_row(&self) -> bool {
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

reasons! {
    /// Why a file or a row cannot be read. The codes are stable: they stand in quarantine records, metrics and documents.
    pub enum SourceReason {
        Unreadable = "file_unreadable",
        /// The path of a source names no file.
        NoFile = "no_file",
        /// Somebody writes the file while it is read.
        Changed = "file_changed",
        EmptyFile = "empty_file",
        MissingHeader = "missing_header",
        MissingColumn = "missing_column",
        DoubledColumn = "doubled_column",
        HalfWritten = "half_written_file",
        UnclosedQuote = "unclosed_quote",
        WrongEncoding = "wrong_encoding",
        UnknownEncoding = "unknown_encoding",
        WrongKind = "wrong_kind_of_file",
        UnknownSeparator = "unknown_separator",
        WrongSeparator = "wrong_separator",
        UnreadableWorkbook = "unreadable_workbook",
        ProtectedWorkbook = "protected_workbook",
        MissingSheet = "missing_sheet",
        TooManyColumns = "too_many_columns",
        /// Of one row.
        WrongCellCount = "wrong_cell_count",
        /// Of one row.
        UndecodableText = "undecodable_text",
        /// Of one row.
        BrokenJson = "broken_json",
    }
}

impl SourceReason {
    /// Whether the fault is of one row only.
    #[must_use]
    pub const fn is_of_one_row(self) -> bool {
        matches!(self, Self::WrongCellCount | Self::UndecodableText | Self::BrokenJson)
    }
}
