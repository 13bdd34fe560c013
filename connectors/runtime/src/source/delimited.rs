//! CSV and its relatives.

use std::io::{self, Read};

use csv::StringRecord;

use super::encoding::Decoded;
use super::fault::{SourceFault, SourceReason, Words};
use super::format::Separator;
use super::header::header;
use super::shape::{End, Shape};

/// How much text decides about the separator.
const SAMPLE_BYTES: u64 = 256 * 1024;

/// The separator of the text: the pinned one if it fits, else the one that cuts most records into as many cells as the
/// header.
pub(super) fn separator(file: &str, text: Decoded, pinned: Option<Separator>) -> Result<Separator, SourceFault> {
    let mut sample = Vec::new();
    text.take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|error| SourceFault::unreadable(file, &error))?;
    let shapes = Separator::ALL.map(|separator| {
        let mut shape = Shape::new(separator.byte());
        shape.feed(&sample);
        // A sample that was cut off ends in the middle of a record, which must not count.
        if (sample.len() as u64) < SAMPLE_BYTES || shape.records == 0 {
            shape.end();
        }
        (separator, shape)
    });
    // A header of one cell is no table.
    let best = shapes
        .iter()
        .rev()
        .filter(|(_, shape)| shape.header_cells.unwrap_or(0) > 1)
        .max_by_key(|(_, shape)| (shape.consistent, shape.header_cells))
        .map(|(separator, _)| *separator);
    match (pinned, best) {
        (Some(pinned), Some(best)) => {
            let of = |wanted| shapes.iter().find(|(separator, _)| *separator == wanted).map(|(_, shape)| shape);
            let splits = of(pinned).and_then(|shape| shape.header_cells).unwrap_or(0) > 1;
            if splits { Ok(pinned) } else { Err(wrong(file, pinned, best)) }
        }
        (Some(pinned), None) => Ok(pinned),
        (None, Some(best)) => Ok(best),
        (None, None) => Err(SourceFault::new(
            file,
            SourceReason::UnknownSeparator,
            Words(
                "the first line is not cut into columns by a comma, a semicolon, a tab or a bar",
                "سطر نخست با ویرگول، نقطه‌ویرگول، تب یا خط عمودی به ستون تقسیم نمی‌شود",
                "export as CSV, or set `separator` for this source if the table has one column",
                "به‌صورت CSV خروجی بگیرید یا اگر جدول یک ستون دارد برای این منبع `separator` را بنویسید",
            ),
        )),
    }
}

fn wrong(file: &str, pinned: Separator, actual: Separator) -> SourceFault {
    let (pinned, name) = (pinned.name(), actual.name());
    SourceFault::new(
        file,
        SourceReason::WrongSeparator,
        Words(
            &format!("the header is not cut into columns by the pinned {pinned}; a {name} does it"),
            &format!("جداکننده تعیین‌شده ({pinned}) سطر عنوان را تقسیم نمی‌کند؛ جداکننده فایل {name} است"),
            &format!("export with the {pinned} again, or set `separator = \"{name}\"` for this source"),
            &format!("دوباره با {pinned} خروجی بگیرید یا برای این منبع `separator = \"{name}\"` بنویسید"),
        ),
    )
}

/// Looks through the whole text for what would be found too late while rows are read: a torn end, an open quote.
pub(super) fn check(file: &str, mut text: Decoded, separator: Separator) -> Result<(), SourceFault> {
    let mut shape = Shape::new(separator.byte());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match text.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => shape.feed(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SourceFault::unreadable(file, &error)),
        }
    }
    match shape.end() {
        End::InQuotes { record } => Err(SourceFault::new(
            file,
            SourceReason::UnclosedQuote,
            Words(
                "a quote that begins a cell is never closed, so all that follows would belong to this cell",
                "گیومه‌ای که در آغاز یک خانه آمده بسته نشده است و همه متن پس از آن جزو همان خانه می‌شود",
                "if the file is complete, close the quote or double it (`\"\"`); else export again",
                "اگر فایل کامل است گیومه را ببندید یا دوتایی بنویسید (`\"\"`)؛ وگرنه دوباره خروجی بگیرید",
            ),
        )
        .at_row(record)),
        End::NoLineBreak { cells } if shape.records > 1 && Some(cells) < shape.header_cells => {
            Err(SourceFault::half_written(file).at_row(shape.records - 1))
        }
        End::Whole | End::NoLineBreak { .. } if shape.records == 0 => Err(SourceFault::empty(file)),
        End::Whole | End::NoLineBreak { .. } => Ok(()),
    }
}

/// The rows of delimited text, one after another.
pub(super) struct Rows {
    reader: csv::Reader<Decoded>,
    row: u64,
}

impl Rows {
    /// Reads the header.
    pub(super) fn begin(file: &str, text: Decoded, separator: Separator) -> Result<(Vec<String>, Self), SourceFault> {
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator.byte())
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(text);
        let mut rows = Self { reader, row: 0 };
        let mut first = StringRecord::new();
        if !rows.read(file, &mut first)? {
            return Err(SourceFault::empty(file));
        }
        Ok((header(file, first.iter().map(str::to_owned).collect())?, rows))
    }

    /// Cuts the next record; gives its number.
    pub(super) fn next(&mut self, file: &str, cells: &mut StringRecord) -> Option<Result<u64, SourceFault>> {
        match self.read(file, cells) {
            Ok(true) => {
                self.row += 1;
                Some(Ok(self.row))
            }
            Ok(false) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The hash of the bytes that the rows came from, once all have been read.
    pub(super) fn read_sha256(&self) -> Option<[u8; 32]> {
        self.reader.get_ref().read_sha256()
    }

    /// Whether there was a record.
    fn read(&mut self, file: &str, cells: &mut StringRecord) -> Result<bool, SourceFault> {
        match self.reader.read_record(cells) {
            Ok(is_there) => Ok(is_there),
            Err(error) => {
                let error = match error.into_kind() {
                    csv::ErrorKind::Io(error) => error,
                    // The text is UTF-8 and rows may have any length, so nothing else is left.
                    other => io::Error::other(format!("{other:?}")),
                };
                Err(SourceFault::unreadable(file, &error).at_row(self.row + 1))
            }
        }
    }
}
