//! JSON Lines: one object a line, flattened into columns that are named by JSON pointers.
//!
//! Objects differ from line to line, so the columns are those of all lines together, found before the first row is
//! given out. A column that a line lacks, and `null`, are an empty cell. Numbers beyond 64 bits cannot be held exactly;
//! they come out in scientific notation, which every cast refuses: such numbers must be strings.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use csv::StringRecord;
use serde_json::Value;

use super::encoding::Decoded;
use super::fault::{SourceFault, SourceReason, Words};

/// More columns than any export has; a file that uses values as keys would grow without end.
const MAX_COLUMNS: usize = 2000;

/// No row is this long; a file without line breaks must not fill the memory.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// One line that holds something.
struct Line<'l> {
    row: u64,
    json: &'l [u8],
    /// Whether a line break ended it.
    ended: bool,
}

/// The lines of a text that hold something.
struct Lines {
    text: BufReader<Decoded>,
    line: Vec<u8>,
    row: u64,
}

impl Lines {
    fn new(text: Decoded) -> Self {
        Self { text: BufReader::new(text), line: Vec::new(), row: 0 }
    }

    fn next(&mut self, file: &str) -> Result<Option<Line<'_>>, SourceFault> {
        loop {
            self.line.clear();
            let read = (&mut self.text).take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line);
            let length = read.map_err(|error| SourceFault::unreadable(file, &error).at_row(self.row + 1))?;
            if length == 0 {
                return Ok(None);
            }
            if length as u64 == MAX_LINE_BYTES {
                return Err(not_lines(file).at_row(self.row + 1));
            }
            if !self.line.trim_ascii().is_empty() {
                self.row += 1;
                let ended = self.line.ends_with(b"\n");
                return Ok(Some(Line { row: self.row, json: self.line.trim_ascii(), ended }));
            }
        }
    }
}

fn not_lines(file: &str) -> SourceFault {
    SourceFault::new(
        file,
        SourceReason::WrongKind,
        Words(
            "the file is not JSON Lines: no line holds one JSON object",
            "فایل JSON Lines نیست: هیچ سطری یک شیء JSON ندارد",
            "write one object a line, without a list around them",
            "هر شیء را در یک سطر و بدون فهرست دربرگیرنده بنویسید",
        ),
    )
}

/// The columns of all lines. Also finds a torn end.
pub(super) fn columns(file: &str, text: Decoded) -> Result<Vec<String>, SourceFault> {
    let mut lines = Lines::new(text);
    let mut known = BTreeSet::new();
    let mut columns = Vec::new();
    let mut sound = 0_u64;
    while let Some(Line { row, json, ended }) = lines.next(file)? {
        match flatten(json) {
            Some(cells) => {
                sound += 1;
                for (pointer, _) in cells {
                    if known.insert(pointer.clone()) {
                        columns.push(pointer);
                    }
                }
            }
            None if !ended => return Err(SourceFault::half_written(file).at_row(row)),
            None => {}
        }
        if columns.len() > MAX_COLUMNS {
            return Err(SourceFault::new(
                file,
                SourceReason::TooManyColumns,
                Words(
                    &format!("the objects have more than {MAX_COLUMNS} different paths"),
                    &format!("شیءها بیش از {MAX_COLUMNS} مسیر متفاوت دارند"),
                    "write changing values as values and not as keys",
                    "مقدارهای متغیر را به‌جای کلید به‌صورت مقدار بنویسید",
                ),
            )
            .at_row(row));
        }
    }
    match (lines.row, sound) {
        (0, _) => Err(SourceFault::empty(file)),
        (_, 0) => Err(not_lines(file)),
        _ => Ok(columns),
    }
}

/// The rows of JSON Lines, one after another.
pub(super) struct Rows {
    lines: Lines,
}

impl Rows {
    pub(super) fn begin(text: Decoded) -> Self {
        Self { lines: Lines::new(text) }
    }

    /// The hash of the bytes that the rows came from, once all have been read.
    pub(super) fn read_sha256(&self) -> Option<[u8; 32]> {
        self.lines.text.get_ref().read_sha256()
    }

    /// Takes the next line apart; gives its number.
    pub(super) fn next(
        &mut self,
        file: &str,
        header: &[String],
        cells: &mut StringRecord,
    ) -> Option<Result<u64, SourceFault>> {
        let Line { row, json, .. } = match self.lines.next(file) {
            Ok(Some(line)) => line,
            Ok(None) => return None,
            Err(fault) => return Some(Err(fault)),
        };
        let Some(flat) = flatten(json) else { return Some(Err(broken(file, row, json))) };
        let mut values = vec![String::new(); header.len()];
        for (pointer, value) in flat {
            if let Some(index) = header.iter().position(|column| *column == pointer) {
                values[index] = value;
            }
        }
        cells.clear();
        cells.extend(values);
        Some(Ok(row))
    }
}

fn broken(file: &str, row: u64, line: &[u8]) -> SourceFault {
    SourceFault::new(
        file,
        SourceReason::BrokenJson,
        Words(
            "the line is not one JSON object",
            "این سطر یک شیء JSON نیست",
            "write one object a line and export again",
            "هر شیء را در یک سطر بنویسید و دوباره خروجی بگیرید",
        ),
    )
    .at_row(row)
    .with_cells(vec![String::from_utf8_lossy(line).into_owned()])
}

/// The values of an object with their pointers; `None` if the line is not one object.
fn flatten(line: &[u8]) -> Option<Vec<(String, String)>> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let mut cells = Vec::new();
    value.is_object().then(|| walk(&value, &mut String::new(), &mut cells))?;
    Some(cells)
}

fn walk(value: &Value, pointer: &mut String, cells: &mut Vec<(String, String)>) {
    let length = pointer.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                walk(value, pointer, cells);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                walk(value, pointer, cells);
                pointer.truncate(length);
            }
        }
        Value::Null => cells.push((pointer.clone(), String::new())),
        Value::Bool(flag) => cells.push((pointer.clone(), flag.to_string())),
        Value::String(text) => cells.push((pointer.clone(), text.clone())),
        Value::Number(number) => {
            let text = match number.as_f64().filter(|_| number.is_f64()) {
                Some(float) => super::workbook::number(float),
                None => number.to_string(),
            };
            cells.push((pointer.clone(), text));
        }
    }
}
