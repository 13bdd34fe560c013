//! The old binary workbook (`.xls`, MS-XLS in a compound file), made safe for its parser.
//!
//! The parser takes memory for what a record promises and follows chains of sectors without an end: with one damaged byte it
//! asks for 500 GB, and the process ends. So the container is read within bounds and written anew, the records that promise a
//! size are emptied, and sheets whose cells lie too far apart are refused, as is a cell outside of the format's 256 columns.

use std::fmt;
use std::io::{self, Cursor, Write};
use std::ops::Range;

use super::compound::{Compound, Damage};
use super::extent::{self, Extent};

/// The stream with all sheets, by its name of today and of before 1997.
const STREAMS: [&str; 2] = ["Workbook", "Book"];

/// The stream of a newer workbook with a password, which comes in a container of the old kind.
const LOCKED_STREAM: &str = "EncryptedPackage";

// Types of records, MS-XLS 2.3.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const SHEET: u16 = 0x0085;
const PASSWORD: u16 = 0x002F;
const DIMENSIONS: u16 = 0x0200;
const MANY_NUMBERS: u16 = 0x00BD;
/// Formula, number, label, truth value or error, rich label, short number, many short numbers, shared label: each begins with a
/// row and a column.
const CELLS: [u16; 8] = [0x0006, 0x0203, 0x0204, 0x0205, 0x00D6, 0x027E, MANY_NUMBERS, 0x00FD];

/// The format has so many columns.
const COLUMNS: u16 = 256;

/// Why an old workbook is not given to the parser.
#[derive(Debug)]
pub(super) enum Unsafe {
    /// It has a password.
    Locked,
    /// It is another kind of document.
    NoSheets,
    Damaged(Damage),
    /// A sheet begins or ends outside of the stream.
    TornSheet,
    /// Row and column count from 0.
    Column {
        row: u16,
        column: u16,
    },
    /// The sheets are almost empty; the largest ends here, counted from 0.
    FarApart {
        row: u32,
        column: u32,
    },
    Unwritten(io::Error),
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("it is protected with a password"),
            Self::NoSheets => f.write_str("it holds no sheets"),
            Self::Damaged(damage) => damage.fmt(f),
            Self::TornSheet => f.write_str("a sheet of it has no end"),
            Self::Column { row, column } => {
                write!(f, "a cell of row {} is said to be in column {}", u32::from(*row) + 1, u32::from(*column) + 1)
            }
            Self::FarApart { row, column } => write!(f, "a sheet reaches to row {} and column {}", row + 1, column + 1),
            Self::Unwritten(error) => write!(f, "its sheets cannot be taken out: {error}"),
        }
    }
}

impl From<Damage> for Unsafe {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// The same workbook in a sound container and without records that promise a size.
pub(super) fn checked(bytes: &[u8]) -> Result<Vec<u8>, Unsafe> {
    let container = Compound::open(bytes)?;
    if container.has(LOCKED_STREAM) {
        return Err(Unsafe::Locked);
    }
    let name = STREAMS.into_iter().find(|name| container.has(name)).ok_or(Unsafe::NoSheets)?;
    let mut stream = container.stream(name)?;
    let mut extents = Vec::new();
    for sheet in sheets(&stream)? {
        extents.push(check_sheet(&mut stream, sheet)?);
    }
    if let Some((row, column)) = extent::too_large(&extents) {
        return Err(Unsafe::FarApart { row, column });
    }
    in_container(name, &stream).map_err(Unsafe::Unwritten)
}

fn in_container(name: &str, stream: &[u8]) -> io::Result<Vec<u8>> {
    let mut container = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new()))?;
    container.create_stream(name)?.write_all(stream)?;
    container.flush()?;
    Ok(container.into_inner().into_inner())
}

/// Where the sheets begin.
fn sheets(stream: &[u8]) -> Result<Vec<usize>, Unsafe> {
    let (mut place, mut sheets) = (0, Vec::new());
    while let Some((kind, data)) = record(stream, place)? {
        place = data.end;
        match (kind, &stream[data]) {
            (END, _) => break,
            (PASSWORD, _) => return Err(Unsafe::Locked),
            (SHEET, [a, b, c, d, ..]) => sheets.push(u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => {}
        }
    }
    Ok(sheets)
}

/// Empties what promises a size. What lies in between for charts is passed over, as the parser does.
fn check_sheet(stream: &mut [u8], begin: usize) -> Result<Extent, Unsafe> {
    if begin >= stream.len() {
        return Err(Unsafe::TornSheet);
    }
    let (mut place, mut depth, mut extent) = (begin, 0_usize, Extent::default());
    while let Some((kind, data)) = record(stream, place)? {
        place = data.end;
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            DIMENSIONS => stream[data].fill(0),
            kind if CELLS.contains(&kind) => check_cells(kind, &stream[data], &mut extent)?,
            _ => {}
        }
    }
    Ok(extent)
}

/// Type and place of the data of the record that begins here. `None` at the end of the stream.
fn record(stream: &[u8], place: usize) -> Result<Option<(u16, Range<usize>)>, Unsafe> {
    match stream.get(place..) {
        None | Some([]) => Ok(None),
        Some([a, b, c, d, data @ ..]) => {
            let length = usize::from(u16::from_le_bytes([*c, *d]));
            let end = place + 4 + length;
            if length > data.len() {
                Err(Unsafe::TornSheet)
            } else {
                Ok(Some((u16::from_le_bytes([*a, *b]), place + 4..end)))
            }
        }
        Some(_) => Err(Unsafe::TornSheet),
    }
}

/// Too short a record is left to the parser, which refuses it.
fn check_cells(kind: u16, data: &[u8], extent: &mut Extent) -> Result<(), Unsafe> {
    let [a, b, c, d, .., y, z] = data else { return Ok(()) };
    let (row, first) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
    let last = if kind == MANY_NUMBERS { u16::from_le_bytes([*y, *z]) } else { first };
    if let Some(column) = [first, last].into_iter().find(|column| *column >= COLUMNS) {
        return Err(Unsafe::Column { row, column });
    }
    (first..=last).for_each(|column| extent.include(row.into(), column.into()));
    Ok(())
}
