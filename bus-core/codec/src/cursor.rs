//! Reading a datum from front to back, each byte checked.
//!
//! Numbers may be longer than they need to be, up to 5 bytes for an int and 10 for a long, and arrays may come in blocks
//! with or without their size: other encoders write that. A size that does not agree with its block is an error, for a
//! reader that skips by size would see another event than one that reads the items.

use crate::plan::{Node, NodeId, Plan};
use crate::{WalkError, WalkFault};

/// A fault with its place, on its way up. Boxed, so that the good case moves one word.
#[derive(Debug)]
pub(crate) struct Fault {
    offset: usize,
    fault: WalkFault,
    /// Names and `[n]`, the innermost first.
    path: Vec<String>,
}

impl Fault {
    #[cold]
    pub(crate) fn at<T>(offset: usize, fault: WalkFault) -> Result<T, Box<Self>> {
        Err(Box::new(Self { offset, fault, path: Vec::new() }))
    }

    #[cold]
    pub(crate) fn within(mut self: Box<Self>, name: &str) -> Box<Self> {
        self.path.push(name.to_owned());
        self
    }

    #[cold]
    fn within_item(mut self: Box<Self>, index: u64) -> Box<Self> {
        self.path.push(format!("[{index}]"));
        self
    }

    #[cold]
    pub(crate) fn into_error(self) -> WalkError {
        let mut field = String::new();
        for segment in self.path.iter().rev() {
            if !field.is_empty() && !segment.starts_with('[') {
                field.push('.');
            }
            field.push_str(segment);
        }
        WalkError { field, offset: self.offset, fault: self.fault }
    }
}

/// What reading gives.
pub(crate) type Read<T> = Result<T, Box<Fault>>;

/// A place in a datum.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'d> {
    datum: &'d [u8],
    at: usize,
    /// How many items without a byte the lists so far have stated.
    stated: u64,
}

impl<'d> Cursor<'d> {
    pub(crate) fn new(datum: &'d [u8]) -> Self {
        Self { datum, at: 0, stated: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn expect_end(&self) -> Read<()> {
        if self.at == self.datum.len() { Ok(()) } else { Fault::at(self.at, WalkFault::TrailingBytes) }
    }

    pub(crate) fn long(&mut self) -> Read<i64> {
        // A tenth byte holds the 64th bit and nothing else.
        self.number::<10>(0x01).map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(crate) fn int(&mut self) -> Read<i32> {
        // A fifth byte holds the last four of 32 bits.
        self.number::<5>(0x0f).map(|number| (number as u32 >> 1) as i32 ^ -((number & 1) as i32))
    }

    /// A variable-length number of at most `BYTES` bytes, whose last may have the bits of `last` only.
    #[inline]
    fn number<const BYTES: usize>(&mut self, last: u8) -> Read<u64> {
        let rest = &self.datum[self.at..];
        if let [byte @ ..0x80, ..] = rest {
            self.at += 1;
            return Ok(u64::from(*byte));
        }
        let mut number = 0;
        for (index, byte) in rest.iter().take(BYTES).enumerate() {
            if index == BYTES - 1 && *byte > last {
                return Fault::at(self.at, WalkFault::NumberTooWide);
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(number);
            }
        }
        Fault::at(self.at, WalkFault::Truncated)
    }

    pub(crate) fn bytes(&mut self) -> Read<&'d [u8]> {
        let start = self.at;
        let Ok(length) = u64::try_from(self.long()?) else {
            return Fault::at(start, WalkFault::NegativeLength);
        };
        match usize::try_from(length) {
            Ok(length) => self.take(length, start),
            Err(_) => Fault::at(start, WalkFault::Truncated),
        }
    }

    pub(crate) fn text(&mut self) -> Read<&'d str> {
        let start = self.at;
        let bytes = self.bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => Fault::at(start, WalkFault::NotUtf8),
        }
    }

    pub(crate) fn symbol(&mut self, symbols: u32) -> Read<i32> {
        let start = self.at;
        let index = self.int()?;
        match u32::try_from(index) {
            Ok(unsigned) if unsigned < symbols => Ok(index),
            _ => Fault::at(start, WalkFault::NoSuchSymbol),
        }
    }

    pub(crate) fn branch(&mut self, branches: u32) -> Read<u32> {
        let start = self.at;
        match u32::try_from(self.long()?) {
            Ok(branch) if branch < branches => Ok(branch),
            _ => Fault::at(start, WalkFault::NoSuchBranch),
        }
    }

    /// Reads a value of the type `id` and checks it.
    pub(crate) fn value(&mut self, plan: &Plan, id: NodeId) -> Read<()> {
        match plan.node(id) {
            Node::Nothing => {}
            Node::Boolean => match self.take(1, self.at)? {
                [0 | 1] => {}
                _ => return Fault::at(self.at - 1, WalkFault::NotBoolean),
            },
            Node::Int => {
                self.int()?;
            }
            Node::Long => {
                self.long()?;
            }
            Node::Raw(size) => {
                self.take(size as usize, self.at)?;
            }
            Node::Bytes => {
                self.bytes()?;
            }
            Node::Text => {
                self.text()?;
            }
            Node::Enum { symbols } => {
                self.symbol(symbols)?;
            }
            Node::Union(branches) => {
                let branch = self.branch(branches.count)?;
                self.value(plan, plan.parts(branches)[branch as usize].node)?;
            }
            Node::Array { item, least } => self.blocks(least, |cursor| cursor.value(plan, item))?,
            Node::Map { value, least } => self.blocks(least, |cursor| {
                cursor.text()?;
                cursor.value(plan, value)
            })?,
            Node::Record(fields) => {
                for field in plan.parts(fields) {
                    self.value(plan, field.node).map_err(|fault| fault.within(&field.name))?;
                }
            }
        }
        Ok(())
    }

    /// Reads the blocks of an array or map whose items take at least `least` bytes each.
    fn blocks(&mut self, least: u32, mut item: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        let mut index = 0;
        loop {
            let start = self.at;
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            let end = if count < 0 { Some(self.block_end()?) } else { None };
            let count = count.unsigned_abs();
            // Items that take no byte cannot be counted by what is left. As many as the datum has bytes are believed, in all
            // its lists together, so that no reader is made to build long lists out of nothing.
            let possible = match u64::from(least) {
                0 => self.datum.len() as u64 - self.stated,
                least => self.left() as u64 / least,
            };
            if count > possible {
                return Fault::at(start, WalkFault::BlockTooLong);
            }
            if least == 0 {
                self.stated += count;
            } else {
                for _ in 0..count {
                    item(self).map_err(|fault| fault.within_item(index))?;
                    index += 1;
                }
            }
            if end.is_some_and(|end| end != self.at) {
                return Fault::at(start, WalkFault::BlockSize);
            }
        }
    }

    /// Reads the size of a block and tells where the block ends.
    fn block_end(&mut self) -> Read<usize> {
        let start = self.at;
        let Ok(size) = u64::try_from(self.long()?) else {
            return Fault::at(start, WalkFault::NegativeLength);
        };
        match usize::try_from(size) {
            Ok(size) if size <= self.left() => Ok(self.at + size),
            _ => Fault::at(start, WalkFault::Truncated),
        }
    }

    fn left(&self) -> usize {
        self.datum.len() - self.at
    }

    /// The next `length` bytes; `start` is where the value begins that they belong to.
    fn take(&mut self, length: usize, start: usize) -> Read<&'d [u8]> {
        match self.datum[self.at..].get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Fault::at(start, WalkFault::Truncated),
        }
    }
}
