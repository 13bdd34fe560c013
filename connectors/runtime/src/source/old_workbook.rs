//! The old binary workbook (`.xls`, MS-XLS in a compound file), made safe for its parser.
//!
//! The parser takes memory for what a record promises and follows the chain of sectors without an end: with one damaged byte it
//! asks for 500 GB, and the process ends. So the container is read and written anew by a library that checks it, the records
//! that promise a size are emptied, and a cell outside of the format's 256 columns is refused.

use std::fmt;
use std::io::{self, Cursor, Read, Write};

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
    Container(io::Error),
    /// It is another kind of document.
    NoSheets,
    /// The stream is shorter than its entry says.
    Short,
    /// A sheet begins or ends outside of the stream.
    TornSheet,
    Column {
        row: u16,
        column: u16,
    },
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("it is protected with a password"),
            Self::Container(error) => write!(f, "its container is damaged: {error}"),
            Self::NoSheets => f.write_str("it holds no sheets"),
            Self::Short => f.write_str("a part of it is missing"),
            Self::TornSheet => f.write_str("a sheet of it has no end"),
            Self::Column { row, column } => {
                write!(f, "a cell of row {} is said to be in column {}", u32::from(*row) + 1, u32::from(*column) + 1)
            }
        }
    }
}

impl From<io::Error> for Unsafe {
    fn from(error: io::Error) -> Self {
        Self::Container(error)
    }
}

/// The same workbook in a sound container and without records that promise a size.
pub(super) fn checked(bytes: Vec<u8>) -> Result<Vec<u8>, Unsafe> {
    let mut container = cfb::CompoundFile::open(Cursor::new(bytes))?;
    if container.is_stream(LOCKED_STREAM) {
        return Err(Unsafe::Locked);
    }
    let name = STREAMS.into_iter().find(|name| container.is_stream(name)).ok_or(Unsafe::NoSheets)?;
    let mut stream = Vec::new();
    let mut entry = container.open_stream(name)?;
    entry.read_to_end(&mut stream)?;
    if stream.len() as u64 != entry.len() {
        return Err(Unsafe::Short);
    }
    let mut sheets = Vec::new();
    each_record(&mut stream, 0, |kind, data| {
        match (kind, data) {
            (PASSWORD, _) => return Err(Unsafe::Locked),
            (SHEET, [a, b, c, d, ..]) => sheets.push(u32::from_le_bytes([*a, *b, *c, *d])),
            _ => {}
        }
        Ok(())
    })?;
    for sheet in sheets {
        each_record(&mut stream, sheet as usize, |kind, data| match kind {
            DIMENSIONS => {
                data.fill(0);
                Ok(())
            }
            kind if CELLS.contains(&kind) => within_columns(kind, data),
            _ => Ok(()),
        })?;
    }
    let mut sound = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new()))?;
    sound.create_stream(name)?.write_all(&stream)?;
    sound.flush()?;
    Ok(sound.into_inner().into_inner())
}

/// Calls `visit` with type and data of each record from `start` to the end of what begins there. What lies in between for
/// charts is passed over, as the parser does.
fn each_record(
    stream: &mut [u8],
    start: usize,
    mut visit: impl FnMut(u16, &mut [u8]) -> Result<(), Unsafe>,
) -> Result<(), Unsafe> {
    let mut rest = stream.get_mut(start..).ok_or(Unsafe::TornSheet)?;
    let mut depth = 0_usize;
    loop {
        let Some((&mut [a, b, c, d], after)) = rest.split_first_chunk_mut() else { return Err(Unsafe::TornSheet) };
        let (kind, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        let Some((data, after)) = after.split_at_mut_checked(length) else { return Err(Unsafe::TornSheet) };
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => return Ok(()),
            END => depth -= 1,
            _ if depth <= 1 => visit(kind, data)?,
            _ => {}
        }
        rest = after;
    }
}

/// Too short a record is left to the parser, which refuses it.
fn within_columns(kind: u16, data: &[u8]) -> Result<(), Unsafe> {
    let [a, b, c, d, .., y, z] = data else { return Ok(()) };
    let row = u16::from_le_bytes([*a, *b]);
    let last = (kind == MANY_NUMBERS).then_some(u16::from_le_bytes([*y, *z]));
    match [Some(u16::from_le_bytes([*c, *d])), last].into_iter().flatten().find(|column| *column >= COLUMNS) {
        Some(column) => Err(Unsafe::Column { row, column }),
        None => Ok(()),
    }
}
