//! Excel workbooks: typed cells become the text that the user sees, without loss.
//!
//! A number prints without an exponent and without `.0`; from 10^15 on a spreadsheet has lost digits already, so such a
//! number prints in scientific notation, which every cast refuses. A date prints as [`EXCEL_DATE`] and its ISO form, a
//! percentage with its `%`. The sheet is held in memory; that is how the format works.

use std::io::Cursor;

use calamine::{Cell, Data, DataRef, ExcelDateTime, Range, Reader, SheetType, SheetVisible, Sheets, StyleRange};
use csv::StringRecord;

use super::EXCEL_DATE;
use super::extent::{self, Extent};
use super::fault::{SourceFault, SourceReason, Words};
use super::header::header;
use super::old_workbook::{self, Unsafe};

/// Where a spreadsheet begins to lose digits: it keeps 15.
const EXACT_BELOW: f64 = 1e15;

/// Whether the bytes begin as a workbook does: a ZIP archive or an OLE compound file.
pub(super) fn is_workbook(head: &[u8]) -> bool {
    is_zip(head) || head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1])
}

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The rows of one sheet.
pub(super) struct Rows {
    rows: Vec<(u64, Vec<String>)>,
    next: usize,
}

/// A sheet that has been read: its name, its header, its rows.
pub(super) fn read(
    file: &str,
    bytes: Vec<u8>,
    pinned: Option<&str>,
) -> Result<(String, Vec<String>, Rows), SourceFault> {
    if is_zip(&bytes) && !has_directory(&bytes) {
        return Err(SourceFault::half_written(file));
    }
    // The parser meets bytes of strangers; a bug of its own must stop this file and not the connector.
    std::panic::catch_unwind(move || parse(file, bytes, pinned)).unwrap_or_else(|_| Err(unreadable(file, "")))
}

/// A ZIP archive ends with its directory: without it the end of the file is missing.
fn has_directory(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(22 + 65_535)..];
    tail.windows(4).any(|window| window == b"PK\x05\x06")
}

fn parse(file: &str, bytes: Vec<u8>, pinned: Option<&str>) -> Result<(String, Vec<String>, Rows), SourceFault> {
    let bytes = if is_zip(&bytes) {
        bytes
    } else {
        old_workbook::checked(&bytes).map_err(|reason| match reason {
            Unsafe::Locked => protected(file),
            Unsafe::FarApart { row, column } => far_away(file, None, row, column),
            reason => unreadable(file, &format!(": {reason}")),
        })?
    };
    let mut workbook =
        calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|error| refused(file, &error))?;
    let (name, range) = match pinned {
        Some(name) if workbook.sheet_names().iter().any(|sheet| sheet == name) => {
            (name.to_owned(), cells(file, &mut workbook, name)?)
        }
        Some(name) => return Err(missing_sheet(file, name, &workbook.sheet_names())),
        None => first_sheet(file, &mut workbook)?,
    };
    // Styles of the old formats cannot be read; a fraction in a column of percentages is then refused by its cast.
    let styles = workbook.worksheet_style(&name).unwrap_or_else(|_| StyleRange::empty());
    let (top, left) = range.start().unwrap_or_default();
    let mut rows = range
        .rows()
        .zip(top..)
        .map(|(cells, row)| {
            let cells = cells
                .iter()
                .zip(left..)
                .map(|(cell, column)| text(cell, || is_percentage(&styles, row, column)))
                .collect::<Vec<_>>();
            (u64::from(row), cells)
        })
        .filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    let Some((header_row, header_cells)) = rows.next() else { return Err(SourceFault::empty(file)) };
    let header = header(file, header_cells)?;
    let rows = rows.map(|(row, cells)| (row - header_row, cells)).collect();
    Ok((name, header, Rows { rows, next: 0 }))
}

impl Rows {
    /// Begins again.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Takes the next row; gives its number.
    pub(super) fn next(&mut self, cells: &mut StringRecord) -> Option<u64> {
        let (row, held) = self.rows.get(self.next)?;
        self.next += 1;
        cells.clear();
        cells.extend(held);
        Some(*row)
    }
}

/// The first sheet that a user sees and that holds something, and its cells.
fn first_sheet(file: &str, workbook: &mut Sheets<Cursor<Vec<u8>>>) -> Result<(String, Range<Data>), SourceFault> {
    let sheets: Vec<String> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    for name in sheets {
        let range = cells(file, workbook, &name)?;
        if range.used_cells().next().is_some() {
            return Ok((name, range));
        }
    }
    Err(SourceFault::empty(file))
}

/// The cells of a sheet as a table.
fn cells(file: &str, workbook: &mut Sheets<Cursor<Vec<u8>>>, sheet: &str) -> Result<Range<Data>, SourceFault> {
    let mut held = Vec::new();
    match workbook {
        Sheets::Xlsx(workbook) => {
            let refused = |error: calamine::XlsxError| refused(file, &error.into());
            let mut reader = match workbook.worksheet_cells_reader(sheet) {
                // A chart, for instance.
                Err(calamine::XlsxError::NotAWorksheet(_)) => return Ok(Range::empty()),
                reader => reader.map_err(refused)?,
            };
            while let Some(cell) = reader.next_cell().map_err(refused)? {
                hold(&mut held, &cell);
            }
        }
        Sheets::Xlsb(workbook) => {
            let refused = |error: calamine::XlsbError| refused(file, &error.into());
            let mut reader = workbook.worksheet_cells_reader(sheet).map_err(refused)?;
            while let Some(cell) = reader.next_cell().map_err(refused)? {
                hold(&mut held, &cell);
            }
        }
        // These are tables already. The old one has been looked at; of the other one the parser takes no more than 100 million.
        Sheets::Xls(_) | Sheets::Ods(_) => {
            return workbook.worksheet_range(sheet).map_err(|error| refused(file, &error));
        }
    }
    let mut extent = Extent::default();
    held.iter().map(Cell::get_position).for_each(|(row, column)| extent.include(row, column));
    match extent::too_large(&[extent]) {
        Some((row, column)) => Err(far_away(file, Some(sheet), row, column)),
        None => Ok(Range::from_sparse(held)),
    }
}

/// Keeps a cell that shows something: formats and formulas without a text can reach far beyond the table.
fn hold(held: &mut Vec<Cell<Data>>, cell: &Cell<DataRef<'_>>) {
    let shows_nothing = match cell.get_value() {
        DataRef::Empty => true,
        DataRef::String(text) => text.is_empty(),
        DataRef::SharedString(text) => text.is_empty(),
        _ => false,
    };
    if !shows_nothing {
        held.push(Cell::new(cell.get_position(), cell.get_value().clone().into()));
    }
}

/// Whether the number of a cell is shown as a percentage: the file holds 0.6 where the user sees 60%.
fn is_percentage(styles: &StyleRange, row: u32, column: u32) -> bool {
    let style = styles.get((row, column));
    style.and_then(|style| style.number_format.as_ref()).is_some_and(|format| format.format_code.contains('%'))
}

fn text(cell: &Data, is_percentage: impl Fn() -> bool) -> String {
    let shown = |float: f64| match float * 100.0 {
        hundredfold if hundredfold.abs() < EXACT_BELOW && is_percentage() => format!("{}%", number(hundredfold)),
        _ => number(float),
    };
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.clone(),
        Data::Int(integer) => shown(*integer as f64),
        Data::Float(float) => shown(*float),
        Data::Bool(flag) => flag.to_string(),
        Data::DateTime(date) => date_text(date),
        Data::DateTimeIso(iso) => {
            let iso = iso.trim_end_matches('Z');
            format!("{EXCEL_DATE}{}", iso.strip_suffix("T00:00:00").unwrap_or(iso))
        }
        Data::DurationIso(iso) => iso.clone(),
        Data::Error(error) => error.to_string(),
    }
}

/// A float as a spreadsheet shows it at full width: at most 15 digits, no exponent, no `.0`.
pub(super) fn number(float: f64) -> String {
    if float.abs() >= EXACT_BELOW || !float.is_finite() {
        return format!("{float:E}").replacen('E', "E+", 1);
    }
    // 0.1 + 0.2 is shown as 0.3: the sixteenth digit is noise of the binary form.
    let rounded: f64 = format!("{float:.14e}").parse().unwrap_or(float);
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

fn date_text(date: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, millisecond) = date.to_ymd_hms_milli();
    let clock = if millisecond == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{millisecond:03}")
    };
    if date.is_duration() || date.as_f64() < 1.0 {
        clock
    } else if (hour, minute, second, millisecond) == (0, 0, 0, 0) {
        format!("{EXCEL_DATE}{year:04}-{month:02}-{day:02}")
    } else {
        format!("{EXCEL_DATE}{year:04}-{month:02}-{day:02}T{clock}")
    }
}

fn refused(file: &str, error: &calamine::Error) -> SourceFault {
    unreadable(file, &format!(": {error}"))
}

fn protected(file: &str) -> SourceFault {
    SourceFault::new(
        file,
        SourceReason::ProtectedWorkbook,
        Words(
            "the workbook is protected with a password",
            "فایل اکسل رمز دارد",
            "save it without a password",
            "فایل را بدون رمز ذخیره کنید",
        ),
    )
}

fn unreadable(file: &str, detail: &str) -> SourceFault {
    SourceFault::new(
        file,
        SourceReason::UnreadableWorkbook,
        Words(
            &format!("the workbook cannot be read{detail}"),
            "فایل اکسل خوانده نمی‌شود",
            "open it in Excel and save it as an Excel workbook (.xlsx) again, or as CSV UTF-8",
            "فایل را در اکسل باز کنید و دوباره با قالب ‎.xlsx‎ یا CSV UTF-8 ذخیره کنید",
        ),
    )
}

/// Row and column count from 0.
fn far_away(file: &str, sheet: Option<&str>, row: u32, column: u32) -> SourceFault {
    let (row, column) = (u64::from(row) + 1, u64::from(column) + 1);
    let (sheet_en, sheet_fa) = sheet.map_or_else(
        || ("a sheet".to_owned(), "یک برگه".to_owned()),
        |sheet| (format!("the sheet `{sheet}`"), format!("برگه «{sheet}»")),
    );
    SourceFault::new(
        file,
        SourceReason::UnreadableWorkbook,
        Words(
            &format!("{sheet_en} reaches to row {row} and column {column}, but almost all of it is empty"),
            &format!("{sheet_fa} تا ردیف {row} و ستون {column} ادامه دارد ولی تقریباً همه آن خالی است"),
            "delete the rows below the table and the columns beside it, and save the workbook",
            "ردیف‌های زیر جدول و ستون‌های کنار آن را حذف و فایل را ذخیره کنید",
        ),
    )
}

fn missing_sheet(file: &str, name: &str, sheets: &[String]) -> SourceFault {
    let known = sheets.iter().map(|sheet| format!("`{sheet}`")).collect::<Vec<_>>().join(", ");
    SourceFault::new(
        file,
        SourceReason::MissingSheet,
        Words(
            &format!("the workbook has no sheet `{name}`; it has {known}"),
            &format!("فایل اکسل برگه «{name}» ندارد؛ برگه‌های آن: {known}"),
            "name the sheet as before, or set `sheet` for this source",
            "نام برگه را به همان نام پیشین برگردانید یا برای این منبع `sheet` را بنویسید",
        ),
    )
}
