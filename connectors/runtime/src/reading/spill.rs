//! Rows of a large file, put aside until it has been looked through.
//!
//! Which rows of a file are new is known row by row; in which order its cases are planned, and whether an old row belongs to
//! a case with something new, only at its end. So rows are put aside as they were written, each into the *bin* of its case.
//! A bin holds the rows of some thousand cases that appear in the file one after another: to plan these cases, one bin is
//! read and no other. Bins are kept in memory as long as they are small together; beyond that, what they hold is appended
//! to one temporary file, which has no name where the operating system allows it and goes with the process in any case.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use barid_schemas::records::Problem;

use crate::mapping::Columns;

/// How much is kept in memory.
const MOST_BUFFERED_BYTES: usize = 32 * 1024 * 1024;

/// When the cases that appear next get a bin of their own. Small enough that a bin fits into memory with room to spare, large
/// enough that a file of millions of rows makes hundreds of bins and not thousands.
const CASES_OF_A_BIN: usize = 8_192;
const BYTES_OF_A_BIN: usize = 8 * 1024 * 1024;

/// One row as it is put aside.
pub(super) struct Aside {
    /// The place of its case in the file.
    pub(super) case: usize,
    pub(super) row: u64,
    pub(super) columns: Columns,
    /// What was wrong with the row before it was mapped.
    pub(super) problems: Vec<Problem>,
}

/// The rows that have been put aside.
pub(super) struct Spill {
    /// The columns of a row that has all of them.
    names: Arc<[String]>,
    bins: Vec<Bin>,
    buffered_bytes: usize,
    most_buffered_bytes: usize,
    /// With the length of what was written to it.
    file: Option<(File, u64)>,
}

#[derive(Default)]
struct Bin {
    cases: usize,
    /// All that was put into it.
    bytes: usize,
    buffer: Vec<u8>,
    /// Where in the file the earlier parts stand: offset and length.
    parts: Vec<(u64, usize)>,
}

impl Spill {
    /// `names` are the columns that a sound row has.
    pub(super) fn new(names: Arc<[String]>) -> Self {
        Self { names, bins: Vec::new(), buffered_bytes: 0, most_buffered_bytes: MOST_BUFFERED_BYTES, file: None }
    }

    /// The bin of a case that appears now.
    pub(super) fn bin_of_next_case(&mut self) -> usize {
        let has_room = |bin: &Bin| bin.cases < CASES_OF_A_BIN && bin.bytes < BYTES_OF_A_BIN;
        if !self.bins.last().is_some_and(has_room) {
            self.bins.push(Bin::default());
        }
        let last = self.bins.len() - 1;
        self.bins[last].cases += 1;
        last
    }

    /// Puts a row aside.
    pub(super) fn put(
        &mut self,
        bin: usize,
        case: usize,
        row: u64,
        columns: &Columns,
        problems: &[Problem],
    ) -> io::Result<()> {
        let bin = &mut self.bins[bin];
        let before = bin.buffer.len();
        encode(&mut bin.buffer, &self.names, case, row, columns, problems)?;
        let added = bin.buffer.len() - before;
        bin.bytes += added;
        self.buffered_bytes += added;
        if self.buffered_bytes > self.most_buffered_bytes { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let (file, length) = match &mut self.file {
            Some(file) => file,
            None => self.file.insert((tempfile::tempfile()?, 0)),
        };
        for bin in self.bins.iter_mut().filter(|bin| !bin.buffer.is_empty()) {
            let buffer = std::mem::take(&mut bin.buffer);
            file.write_all(&buffer)?;
            bin.parts.push((*length, buffer.len()));
            *length += buffer.len() as u64;
        }
        self.buffered_bytes = 0;
        Ok(())
    }

    /// Gives the rows of a bin that belong to cases that are wanted, in the order in which they were put aside.
    pub(super) fn each(
        &mut self,
        bin: usize,
        wants: impl Fn(usize) -> bool,
        mut take: impl FnMut(Aside),
    ) -> io::Result<()> {
        let bin = &self.bins[bin];
        for (offset, length) in &bin.parts {
            let Some((file, _)) = &mut self.file else { break };
            let mut part = vec![0; *length];
            file.seek(SeekFrom::Start(*offset))?;
            file.read_exact(&mut part)?;
            each_of(&part, &self.names, &wants, &mut take)?;
        }
        if let Some((file, length)) = &mut self.file {
            file.seek(SeekFrom::Start(*length))?;
        }
        each_of(&bin.buffer, &self.names, &wants, &mut take)
    }
}

/// A row is its length, then case, number, problems (as JSON; nearly always none), the columns that it has, its cells.
fn encode(
    out: &mut Vec<u8>,
    names: &Arc<[String]>,
    case: usize,
    row: u64,
    columns: &Columns,
    problems: &[Problem],
) -> io::Result<()> {
    let begin = out.len();
    out.extend([0; 4]);
    out.extend((case as u64).to_le_bytes());
    out.extend(row.to_le_bytes());
    let problems = if problems.is_empty() { Vec::new() } else { serde_json::to_vec(problems)? };
    put_length(out, problems.len())?;
    out.extend(problems);
    for name in names.iter() {
        match columns.get(name) {
            Some(cell) => {
                put_length(out, cell.len() + 1)?;
                out.extend(cell.as_bytes());
            }
            None => put_length(out, 0)?,
        }
    }
    let length = u32::try_from(out.len() - begin - 4).map_err(|_| damaged())?;
    out[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn put_length(out: &mut Vec<u8>, length: usize) -> io::Result<()> {
    out.extend(u32::try_from(length).map_err(|_| damaged())?.to_le_bytes());
    Ok(())
}

fn each_of(
    mut part: &[u8],
    names: &Arc<[String]>,
    wants: &impl Fn(usize) -> bool,
    take: &mut impl FnMut(Aside),
) -> io::Result<()> {
    while !part.is_empty() {
        let length = length(&mut part)?;
        let mut row = bytes(&mut part, length)?;
        let case = usize::try_from(number(&mut row)?).map_err(|_| damaged())?;
        if wants(case) {
            take(decode(case, row, names)?);
        }
    }
    Ok(())
}

fn decode(case: usize, mut rest: &[u8], names: &Arc<[String]>) -> io::Result<Aside> {
    let row = number(&mut rest)?;
    let problems = match length(&mut rest)? {
        0 => Vec::new(),
        length => serde_json::from_slice(bytes(&mut rest, length)?)?,
    };
    let mut cells: Vec<Option<&str>> = Vec::with_capacity(names.len());
    for _ in names.iter() {
        let cell = match length(&mut rest)?.checked_sub(1) {
            Some(length) => Some(std::str::from_utf8(bytes(&mut rest, length)?).map_err(|_| damaged())?),
            None => None,
        };
        cells.push(cell);
    }
    let present = || names.iter().zip(&cells).filter_map(|(name, cell)| Some((name.as_str(), (*cell)?)));
    let columns = Columns::new(names, cells.iter().flatten().copied()).unwrap_or_else(|| present().collect());
    Ok(Aside { case, row, columns, problems })
}

fn bytes<'r>(rest: &mut &'r [u8], length: usize) -> io::Result<&'r [u8]> {
    let (bytes, after) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *rest = after;
    Ok(bytes)
}

fn length(rest: &mut &[u8]) -> io::Result<usize> {
    let (bytes, after) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| damaged())
}

fn number(rest: &mut &[u8]) -> io::Result<u64> {
    let (bytes, after) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = after;
    Ok(u64::from_le_bytes(*bytes))
}

/// Somebody has written into the temporary file, or a row is larger than any row is let through.
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a row cannot be kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Arc<[String]> {
        ["a", "b", "c"].map(str::to_owned).into()
    }

    fn problem(reason: &str) -> Problem {
        Problem {
            reason: reason.to_owned(),
            column: None,
            value: None,
            message_en: "a row in pieces".to_owned(),
            message_fa: "ردیف ناقص".to_owned(),
        }
    }

    /// What comes back of the cases that are wanted: case, row, cells, reasons.
    fn read(spill: &mut Spill, bin: usize, wants: impl Fn(usize) -> bool) -> Vec<(usize, u64, String, usize)> {
        let mut rows = Vec::new();
        let take = |aside: Aside| {
            rows.push((aside.case, aside.row, format!("{:?}", aside.columns), aside.problems.len()));
        };
        spill.each(bin, wants, take).unwrap();
        rows
    }

    fn check(most_buffered_bytes: usize) {
        let mut spill = Spill { most_buffered_bytes, ..Spill::new(names()) };
        let bins = [spill.bin_of_next_case(), spill.bin_of_next_case()];
        assert_eq!(bins, [0, 0]);
        let whole = Columns::new(&names(), ["یک", "", "3"].into_iter()).unwrap();
        let short: Columns = [("a", "1"), ("c", "")].into_iter().collect();
        let empty: Columns = std::iter::empty().collect();
        spill.put(0, 0, 1, &whole, &[]).unwrap();
        spill.put(0, 1, 2, &short, &[problem("wrong_cell_count")]).unwrap();
        spill.put(0, 0, 3, &empty, &[problem("row_too_large"), problem("wrong_cell_count")]).unwrap();
        let first = (0, 1, r#"{"a": "یک", "b": "", "c": "3"}"#.to_owned(), 0);
        let second = (1, 2, r#"{"a": "1", "c": ""}"#.to_owned(), 1);
        let third = (0, 3, "{}".to_owned(), 2);
        assert_eq!(read(&mut spill, 0, |_| true), [first.clone(), second.clone(), third.clone()]);
        assert_eq!(read(&mut spill, 0, |case| case == 1), std::slice::from_ref(&second));
        // What comes after a look is put behind what was there.
        spill.put(0, 1, 4, &whole, &[]).unwrap();
        let fourth = (1, 4, first.2.clone(), 0);
        assert_eq!(read(&mut spill, 0, |_| true), [first, second, third, fourth]);
    }

    #[test]
    fn rows_come_back_as_they_were_put_aside() {
        check(MOST_BUFFERED_BYTES);
    }

    #[test]
    fn rows_come_back_from_a_file_as_from_memory() {
        check(0);
        check(120);
    }

    #[test]
    fn a_bin_holds_some_cases_and_the_next_ones_have_another() {
        let mut spill = Spill::new(names());
        let bins: Vec<usize> = (0..=CASES_OF_A_BIN).map(|_| spill.bin_of_next_case()).collect();
        assert_eq!((bins[CASES_OF_A_BIN - 1], bins[CASES_OF_A_BIN]), (0, 1));
    }

    #[test]
    fn a_part_that_was_cut_off_is_an_error() {
        let mut part = Vec::new();
        let whole = Columns::new(&names(), ["1", "2", "3"].into_iter()).unwrap();
        encode(&mut part, &names(), 0, 1, &whole, &[]).unwrap();
        for length in 1..part.len() {
            assert!(each_of(&part[..length], &names(), &|_| true, &mut |_| {}).is_err(), "{length}");
        }
    }
}
