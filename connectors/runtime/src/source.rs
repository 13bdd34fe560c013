//! A file of an office becomes a header and rows of text.
//!
//! [`Opened::open`] looks through the whole file before it gives out the first row: once over its bytes (fingerprint,
//! evidence for the encoding), once over its text (separator, torn end, open quote; for JSON Lines the columns). So a
//! file in the wrong encoding or one that was not written to its end is refused as a whole, and no half of it is ever
//! published. Then the rows stream: a CSV of a million rows needs no more memory than one of ten. Workbooks are the
//! exception, their sheet is held.
//!
//! What was found out (kind, encoding, separator, sheet) comes back in [`Opened::format`] to be pinned; a pinned setting
//! that does not fit is a fault that names the file, the place and the cure.
//!
//! Cells come as they were written; repairing text is [`crate::text`], reading values is [`crate::cast`]. Nothing here
//! watches a folder or a clock: whether a file is still growing is decided by [`settled()`] from what the caller saw.

mod compound;
mod delimited;
mod encoding;
mod extent;
mod fault;
mod format;
mod header;
mod json_lines;
mod old_workbook;
mod settled;
mod shape;
#[cfg(test)]
mod tests;
mod workbook;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};

use encoding::{Decoded, Evidence};
use fault::Words;
use header::fit;

pub use fault::{Fault, SourceFault, SourceReason};
pub use format::{Encoding, FileFormat, Kind, Separator};
pub use settled::{Observation, settled};

/// What stands before the ISO 8601 form of a cell that Excel itself holds as a date: `excel-date:2022-10-04` or
/// `excel-date:2022-10-04T09:12:44`. Excel's dates are Gregorian days whatever calendar the sheet shows; the mark lets
/// the casts tell them from text that somebody typed, also after the cell has been stored in the quarantine.
pub const EXCEL_DATE: &str = "excel-date:";

/// One data row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Data rows count from 1. Rows without any text are counted and not given out.
    pub row: u64,
    /// As many as the header has, each as it was written.
    pub cells: Vec<String>,
}

/// A file that has been looked through and found whole; an iterator over its rows.
///
/// An error for which [`SourceFault::is_of_one_row`] holds leaves the rows after it readable; after any other the
/// iterator ends.
pub struct Opened {
    file: String,
    header: Vec<String>,
    format: FileFormat,
    sha256: [u8; 32],
    size_bytes: u64,
    /// As it looked when it was opened.
    observation: Option<Observation>,
    /// What the rows of a text come from.
    text: Option<Text>,
    rows: Rows,
    /// The cells of the last row that was read.
    cells: csv::StringRecord,
}

/// A text that can be read several times. One handle for all passes: a file that is replaced meanwhile is still the one
/// that was looked through.
struct Text {
    file: File,
    encoding: Encoding,
    mark_bytes: u64,
}

impl Text {
    fn decoded(&self) -> std::io::Result<Decoded> {
        Decoded::new(self.file.try_clone()?, self.encoding, self.mark_bytes)
    }

    fn hashing(&self) -> std::io::Result<Decoded> {
        Decoded::hashing(self.file.try_clone()?, self.encoding, self.mark_bytes)
    }
}

enum Rows {
    Delimited(delimited::Rows),
    Workbook(workbook::Rows),
    JsonLines(json_lines::Rows),
    Ended,
}

impl Opened {
    /// Opens the file, finds out what `format` does not say, and looks through it.
    pub fn open(path: &Path, format: &FileFormat) -> Result<Self, SourceFault> {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        let unreadable = |error: std::io::Error| SourceFault::unreadable(&name, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        let observation = file.metadata().ok().map(|metadata| Observation::of(&metadata));
        let (evidence, sha256, size_bytes) = survey(&mut file).map_err(unreadable)?;
        if evidence.head.trim_ascii().is_empty() && size_bytes <= evidence.head.len() as u64 {
            return Err(SourceFault::empty(&name));
        }
        let opened = |header, format, text, rows| Self {
            file: name.clone(),
            header,
            format,
            sha256,
            size_bytes,
            observation,
            text,
            rows,
            cells: csv::StringRecord::new(),
        };

        if workbook::is_workbook(&evidence.head) {
            if let Some(kind @ (Kind::Delimited | Kind::JsonLines)) = format.kind {
                return Err(wrong_kind(&name, kind));
            }
            file.rewind().map_err(unreadable)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(unreadable)?;
            if Sha256::digest(&bytes)[..] != sha256 {
                return Err(SourceFault::changed(&name));
            }
            let (sheet, header, rows) = workbook::read(&name, bytes, format.sheet.as_deref())?;
            let format = FileFormat { kind: Some(Kind::Workbook), sheet: Some(sheet), ..FileFormat::default() };
            return Ok(opened(header, format, None, Rows::Workbook(rows)));
        }
        if format.kind == Some(Kind::Workbook) {
            // The first bytes of a workbook that was cut off before its signature was complete.
            let torn =
                evidence.head.len() < 8 && (b"PK\x03\x04".starts_with(&evidence.head) || evidence.head[0] == 0xD0);
            return Err(if torn { SourceFault::half_written(&name) } else { wrong_kind(&name, Kind::Workbook) });
        }

        let encoding = evidence.settle(&name, format.encoding)?;
        if evidence.is_cut(encoding) {
            return Err(SourceFault::half_written(&name).at_byte(size_bytes - 1));
        }
        let text = Text { file, encoding, mark_bytes: evidence.mark_bytes() };
        let decoded = || text.decoded().map_err(unreadable);
        let first = first_character(decoded()?).map_err(unreadable)?;
        let kind = match (format.kind, first) {
            (_, None) => return Err(SourceFault::empty(&name)),
            (_, Some('<')) => return Err(web_page(&name)),
            (Some(kind), _) => kind,
            (None, Some('{')) => Kind::JsonLines,
            (None, Some(_)) => Kind::Delimited,
        };
        let encoded = FileFormat { kind: Some(kind), encoding: Some(encoding), ..FileFormat::default() };
        if kind == Kind::JsonLines {
            let header = json_lines::columns(&name, decoded()?)?;
            let rows = json_lines::Rows::begin(text.hashing().map_err(unreadable)?);
            return Ok(opened(header, encoded, Some(text), Rows::JsonLines(rows)));
        }
        let separator = delimited::separator(&name, decoded()?, format.separator)?;
        delimited::check(&name, decoded()?, separator)?;
        let (header, rows) = delimited::Rows::begin(&name, text.hashing().map_err(unreadable)?, separator)?;
        let format = FileFormat { separator: Some(separator), ..encoded };
        Ok(opened(header, format, Some(text), Rows::Delimited(rows)))
    }

    /// Begins again with the first row, without looking through the file once more.
    pub(crate) fn rewind(&mut self) -> Result<(), SourceFault> {
        let text = || match &self.text {
            Some(text) => text.hashing().map_err(|error| SourceFault::unreadable(&self.file, &error)),
            None => Err(SourceFault::changed(&self.file)),
        };
        self.rows = match (std::mem::replace(&mut self.rows, Rows::Ended), self.format.separator) {
            (Rows::Workbook(mut rows), _) => {
                rows.rewind();
                Rows::Workbook(rows)
            }
            (Rows::JsonLines(_), _) => Rows::JsonLines(json_lines::Rows::begin(text()?)),
            (Rows::Delimited(_), Some(separator)) => {
                Rows::Delimited(delimited::Rows::begin(&self.file, text()?, separator)?.1)
            }
            (rows, _) => rows,
        };
        Ok(())
    }

    /// Whether the rows, which have all been read, came from the bytes that were looked through, and the file at `path` has
    /// not been written since.
    pub(crate) fn is_unchanged(&self, path: &Path) -> bool {
        let read = match &self.rows {
            Rows::Delimited(rows) => rows.read_sha256(),
            Rows::JsonLines(rows) => rows.read_sha256(),
            // A sheet was compared before it was taken apart.
            Rows::Workbook(_) => Some(self.sha256),
            Rows::Ended => None,
        };
        let observation = std::fs::metadata(path).ok().map(|metadata| Observation::of(&metadata));
        read == Some(self.sha256) && (observation.is_none() || observation == self.observation)
    }

    /// Reads the next row; gives its number. Its cells are [`Self::cells`] then.
    pub(crate) fn read(&mut self) -> Option<Result<u64, SourceFault>> {
        let (file, header, cells) = (&self.file, &self.header, &mut self.cells);
        let next = loop {
            let cut = match &mut self.rows {
                Rows::Delimited(rows) => rows.next(file, cells),
                Rows::Workbook(rows) => rows.next(cells).map(Ok),
                Rows::JsonLines(rows) => rows.next(file, header, cells),
                Rows::Ended => None,
            };
            let Some(Ok(row)) = cut else { break cut };
            let fitted = fit(file, header, row, cells);
            if fitted.is_some() {
                break fitted;
            }
        };
        if matches!(&next, Some(Err(fault)) if !fault.is_of_one_row()) {
            self.rows = Rows::Ended;
        }
        next
    }

    /// The cells of the sound row that was read last: as many as the header has, each as it was written.
    pub(crate) fn cells(&self) -> &csv::StringRecord {
        &self.cells
    }

    /// The file's name without its folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The names of the columns, cleaned for display; JSON pointers for JSON Lines.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The index of a column: by its exact name, else by its matching key (so that `كد ملي` finds `کد ملی`). JSON
    /// pointers are found by their exact name only.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        let exact = self.header.iter().position(|column| column == name);
        if exact.is_some() || self.format.kind == Some(Kind::JsonLines) {
            return exact;
        }
        let key = crate::text::key(name);
        self.header.iter().position(|column| crate::text::key(column) == key)
    }

    /// A fault for each of these columns that the header does not have.
    pub fn missing_columns<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<SourceFault> {
        names.into_iter().filter(|name| self.column(name).is_none()).map(|name| self.missing(name)).collect()
    }

    fn missing(&self, name: &str) -> SourceFault {
        let near = barid_mistake::nearest(name, self.header.iter().map(String::as_str));
        let (near_en, near_fa) = near
            .map_or_else(Default::default, |near| (format!(" (it has `{near}`)"), format!(" (ستون «{near}» را دارد)")));
        SourceFault::new(
            &self.file,
            SourceReason::MissingColumn,
            Words(
                &format!("the file has no column `{name}`{near_en}"),
                &format!("فایل ستون «{name}» ندارد{near_fa}"),
                "export with all columns as before, or name the column in the mapping as the file does",
                "با همه ستون‌های پیشین خروجی بگیرید یا نام ستون را در نگاشت با فایل یکی کنید",
            ),
        )
        .at_column(name)
    }

    /// What the file is written in, complete, to be pinned in the configuration.
    #[must_use]
    pub fn format(&self) -> &FileFormat {
        &self.format
    }

    /// The SHA-256 of the file's bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The size of the file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Iterator for Opened {
    type Item = Result<Row, SourceFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read()?;
        Some(next.map(|row| Row { row, cells: self.cells.iter().map(str::to_owned).collect() }))
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opened").field("file", &self.file).field("format", &self.format).finish_non_exhaustive()
    }
}

/// The SHA-256 of a file's bytes, for a caller that wants to know whether a file has changed before it opens it.
pub fn fingerprint(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    each_piece(&mut File::open(path)?, |bytes| hasher.update(bytes))?;
    Ok(hasher.finalize().into())
}

/// One pass over the bytes: evidence for the encoding, fingerprint, size.
fn survey(file: &mut File) -> std::io::Result<(Evidence, [u8; 32], u64)> {
    let mut evidence = Evidence::default();
    let mut hasher = Sha256::new();
    let mut size_bytes = 0;
    each_piece(file, |bytes| {
        evidence.feed(bytes);
        hasher.update(bytes);
        size_bytes += bytes.len() as u64;
    })?;
    Ok((evidence, hasher.finalize().into(), size_bytes))
}

fn each_piece(file: &mut File, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first character that is no white space.
fn first_character(text: Decoded) -> std::io::Result<Option<char>> {
    let mut start = Vec::new();
    text.take(64 * 1024).read_to_end(&mut start)?;
    Ok(String::from_utf8_lossy(&start).trim_start_matches(['\u{FEFF}']).trim_start().chars().next())
}

fn wrong_kind(file: &str, pinned: Kind) -> SourceFault {
    let (en, fa) = match pinned {
        Kind::Delimited => ("delimited text", "متن جداشده (CSV)"),
        Kind::Workbook => ("an Excel workbook", "فایل اکسل"),
        Kind::JsonLines => ("JSON Lines", "JSON Lines"),
    };
    SourceFault::new(
        file,
        SourceReason::WrongKind,
        Words(
            &format!("the file is not {en}, as this source is declared"),
            &format!("فایل {fa} نیست، ولی منبع چنین اعلام شده است"),
            "export in the declared form again, or change `kind` for this source; the name of a file decides nothing",
            "دوباره با همان قالب خروجی بگیرید یا `kind` این منبع را عوض کنید؛ پسوند فایل ملاک نیست",
        ),
    )
}

fn web_page(file: &str) -> SourceFault {
    SourceFault::new(
        file,
        SourceReason::WrongKind,
        Words(
            "the file is a web page or XML, whatever its name says",
            "فایل صفحه وب یا XML است، هرچند نام آن چیز دیگری بگوید",
            "open it in Excel and save it as an Excel workbook (.xlsx) or as CSV UTF-8",
            "آن را در اکسل باز کنید و با قالب ‎.xlsx‎ یا CSV UTF-8 ذخیره کنید",
        ),
    )
}
