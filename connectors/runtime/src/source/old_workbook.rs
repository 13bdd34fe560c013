//! The old binary workbook (`.xls`, MS-XLS in a compound file), looked at before its parser.
//!
//! The parser takes memory for what a record promises and follows chains of sectors without an end: with one damaged byte it
//! asks for 500 GB, and the process ends. So the container is read within bounds and written anew, the records that promise a
//! size are emptied, and sheets are refused whose cells lie too far apart or outside of the format's 256 columns, or that overlap.

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
const FORMULA: u16 = 0x0006;
/// The text of the formula before it.
const FORMULA_TEXT: u16 = 0x0207;
/// Formula, number, label, truth value or error, rich label, short number, many short numbers, shared label: each begins with a
/// row and a column.
const CELLS: [u16; 8] = [FORMULA, 0x0203, 0x0204, 0x0205, 0x00D6, 0x027E, MANY_NUMBERS, 0x00FD];

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
    /// Two sheets are said to be at one place.
    Overlap,
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
            Self::Overlap => f.write_str("two sheets of it are in one place"),
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
    let Some(name) = STREAMS.into_iter().find(|name| container.has(name)) else {
        return Err(if container.has(LOCKED_STREAM) { Unsafe::Locked } else { Unsafe::NoSheets });
    };
    let mut stream = container.stream(name)?;
    let (mut end, mut extents) = (0, Vec::new());
    for begin in sheets(&stream)? {
        if begin < end {
            return Err(Unsafe::Overlap);
        }
        let (sheet_end, extent) = check_sheet(&mut stream, begin)?;
        end = sheet_end;
        extents.push(extent);
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

/// Where the sheets begin, in the order of their places.
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
    sheets.sort_unstable();
    Ok(sheets)
}

/// Empties what promises a size; gives where the sheet ends and how large it is. What lies in between for charts is passed over,
/// as the parser does.
fn check_sheet(stream: &mut [u8], begin: usize) -> Result<(usize, Extent), Unsafe> {
    if begin >= stream.len() {
        return Err(Unsafe::TornSheet);
    }
    let (mut place, mut depth, mut extent, mut has_formula) = (begin, 0_usize, Extent::default(), false);
    while let Some((kind, data)) = record(stream, place)? {
        place = data.end;
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            DIMENSIONS => stream[data].fill(0),
            // Without a formula the parser puts it into the first cell.
            FORMULA_TEXT if !has_formula => extent.include(0, 0),
            kind if CELLS.contains(&kind) => {
                has_formula |= kind == FORMULA;
                check_cells(kind, &stream[data], &mut extent)?;
            }
            _ => {}
        }
    }
    Ok((place, extent))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn push(stream: &mut Vec<u8>, kind: u16, data: &[u8]) {
        stream.extend(kind.to_le_bytes());
        stream.extend((data.len() as u16).to_le_bytes());
        stream.extend(data);
    }

    /// A workbook of these sheets, each with its records; `place` changes where a sheet is said to be.
    fn workbook(sheets: &[&[(u16, &[u8])]], place: impl Fn(usize, usize) -> usize) -> Vec<u8> {
        // A record of four bytes for each sheet, between the first and the last one of the workbook.
        let mut begin = 4 + 8 * sheets.len() + 4;
        let (mut stream, mut bodies) = (Vec::new(), Vec::new());
        push(&mut stream, BEGIN, &[]);
        for (index, records) in sheets.iter().enumerate() {
            let place = place(index, begin) as u32;
            push(&mut stream, SHEET, &place.to_le_bytes());
            let mut body = Vec::new();
            push(&mut body, BEGIN, &[]);
            for (kind, data) in *records {
                push(&mut body, *kind, data);
            }
            push(&mut body, END, &[]);
            begin += body.len();
            bodies.extend(body);
        }
        push(&mut stream, END, &[]);
        in_container("Book", &[stream, bodies].concat()).expect("a container")
    }

    fn as_it_is(_: usize, place: usize) -> usize {
        place
    }

    /// Row and column, and a style and a value that do not matter.
    fn cell(row: u16, column: u16) -> Vec<u8> {
        [row.to_le_bytes(), column.to_le_bytes(), [0; 2], [0; 2], [0; 2]].concat()
    }

    #[test]
    fn several_sheets_are_checked_and_lose_their_sizes() {
        let (dimensions, near) = ([0xFE; 14], cell(2, 3));
        let sheet: &[(u16, &[u8])] = &[(DIMENSIONS, &dimensions), (0x027E, &near)];
        let bytes = checked(&workbook(&[sheet, sheet], as_it_is)).expect("a sound workbook");
        let stream = Compound::open(&bytes).and_then(|container| container.stream("Book")).expect("the stream");
        assert!(!stream.contains(&0xFE));
        assert_eq!(stream.windows(near.len()).filter(|window| *window == near).count(), 2);
    }

    #[test]
    fn two_sheets_in_one_place_are_refused() {
        let near = cell(2, 3);
        let sheet: &[(u16, &[u8])] = &[(0x027E, &near)];
        let same = workbook(&[sheet, sheet], |_, _| 4 + 8 * 2 + 4);
        assert!(matches!(checked(&same), Err(Unsafe::Overlap)));
        let outside = workbook(&[sheet], |_, place| place + 10_000);
        assert!(matches!(checked(&outside), Err(Unsafe::TornSheet)));
    }

    #[test]
    fn cells_that_lie_far_apart_are_refused_in_all_sheets_together() {
        let (first, last) = (cell(0, 0), cell(u16::MAX, COLUMNS - 1));
        let far: &[(u16, &[u8])] = &[(0x027E, &first), (0x027E, &last)];
        assert!(checked(&workbook(&[far], as_it_is)).is_ok());
        let refused = checked(&workbook(&[far, far], as_it_is));
        assert!(matches!(refused, Err(Unsafe::FarApart { row: 65_535, column: 255 })), "{refused:?}");
        // A formula's text stands where the formula stands, and in the first cell if there is none.
        let text: &[(u16, &[u8])] = &[(FORMULA_TEXT, &[]), (0x027E, &last)];
        assert!(checked(&workbook(&[text, text], as_it_is)).is_err());
        let text: &[(u16, &[u8])] = &[(FORMULA, &last), (FORMULA_TEXT, &[]), (0x027E, &last)];
        assert!(checked(&workbook(&[text, text], as_it_is)).is_ok());
    }

    #[test]
    fn a_chart_between_the_cells_is_passed_over() {
        let wide = cell(0, COLUMNS);
        let refused = checked(&workbook(&[&[(0x027E, &wide)]], as_it_is));
        assert!(matches!(refused, Err(Unsafe::Column { row: 0, column: COLUMNS })), "{refused:?}");
        let chart: &[(u16, &[u8])] = &[(BEGIN, &[]), (0x027E, &wide), (END, &[])];
        assert!(checked(&workbook(&[chart], as_it_is)).is_ok());
    }
}
