//! The shape of delimited text: how many cells each record has, and whether the last quote is closed.
//!
//! It follows the rules of the csv crate, which reads the rows afterwards: a quote counts at the start of a cell only,
//! two quotes inside quotes are one, an empty line is no record. The csv crate itself does not tell whether the end of
//! the file came inside quotes.

/// Where the scan stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    CellStart,
    Cell,
    Quoted,
    QuoteInQuoted,
}

/// A scan over UTF-8 bytes.
pub(super) struct Shape {
    separator: u8,
    state: State,
    cells: usize,
    /// Complete records so far.
    pub(super) records: u64,
    /// The cells of the first record, once it is complete.
    pub(super) header_cells: Option<usize>,
    /// Complete records after the first with as many cells as it.
    pub(super) consistent: u64,
    /// The record in which the open quote began; records count from 0.
    quote_began: u64,
}

/// How the text ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a line break, or with nothing after one.
    Whole,
    /// Without a line break; the last record has this many cells.
    NoLineBreak { cells: usize },
    /// Inside quotes that began in this record; records count from 0.
    InQuotes { record: u64 },
}

impl Shape {
    pub(super) fn new(separator: u8) -> Self {
        Self {
            separator,
            state: State::RecordStart,
            cells: 0,
            records: 0,
            header_cells: None,
            consistent: 0,
            quote_began: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) -> State {
        let is_break = matches!(byte, b'\n' | b'\r');
        match self.state {
            State::RecordStart if is_break => State::RecordStart,
            State::RecordStart | State::CellStart if byte == b'"' => {
                self.quote_began = self.records;
                State::Quoted
            }
            State::Quoted if byte == b'"' => State::QuoteInQuoted,
            State::Quoted => State::Quoted,
            State::QuoteInQuoted if byte == b'"' => State::Quoted,
            _ if byte == self.separator => {
                self.cells += 1;
                State::CellStart
            }
            _ if is_break => {
                self.end_record();
                State::RecordStart
            }
            _ => State::Cell,
        }
    }

    fn end_record(&mut self) {
        let cells = self.cells + 1;
        self.cells = 0;
        self.records += 1;
        match self.header_cells {
            None => self.header_cells = Some(cells),
            Some(header) if header == cells => self.consistent += 1,
            Some(_) => {}
        }
    }

    /// Ends the scan at the end of the file.
    pub(super) fn end(&mut self) -> End {
        match self.state {
            State::RecordStart => End::Whole,
            State::Quoted => End::InQuotes { record: self.quote_began },
            State::CellStart | State::Cell | State::QuoteInQuoted => {
                let cells = self.cells + 1;
                self.end_record();
                self.state = State::RecordStart;
                End::NoLineBreak { cells }
            }
        }
    }
}
