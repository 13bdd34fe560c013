//! The container of the old office formats (compound file, MS-CFB): a file system in a file, of which one stream is wanted.
//!
//! Only what leads to a stream is looked at, for old programs leave small disorders elsewhere (names that are out of order,
//! garbage in entries without use) that stricter readers refuse; and no chain of sectors may be longer than the file has
//! sectors, where the parser of workbooks would follow it for ever.

use std::fmt;

/// Above this a number is no sector.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const ENTRY_BYTES: usize = 128;
/// A stream below this size stands in small sectors, which are pieces of the stream of the root.
const SMALL_BELOW: u64 = 4096;
const SMALL_SECTOR_BYTES: usize = 64;

/// The bytes contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Damage {
    Header,
    /// A chain of sectors leads out of the file or round and round.
    Chain,
    /// A stream is shorter than its entry says.
    Short,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "its first bytes are damaged",
            Self::Chain => "its parts do not follow each other",
            Self::Short => "a part of it is missing",
        })
    }
}

pub(super) struct Compound<'b> {
    sectors: Sectors<'b>,
    /// By sector: the one after it.
    next: Vec<u32>,
    /// The first of the chain that tells the next one of each small sector.
    small_next: u32,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    start: u32,
    size: u64,
}

struct Sectors<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl<'b> Sectors<'b> {
    /// The last one may be shorter.
    fn get(&self, number: u32) -> Option<&'b [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(self.size)?;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..self.size.min(rest.len())])
    }
}

impl<'b> Compound<'b> {
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, Damage> {
        let header = bytes.get(..512).ok_or(Damage::Header)?;
        let size = match number(header, 30) as u16 {
            shift @ (9 | 12) => 1 << shift,
            _ => return Err(Damage::Header),
        };
        let sectors = Sectors { bytes, size };
        let mut lists: Vec<u32> = numbers(&header[76..]).collect();
        let mut list = number(header, 68);
        let most_lists = bytes.len() / size;
        for _ in 0..=most_lists {
            if list >= LAST_SECTOR {
                break;
            }
            lists.extend(numbers(sectors.get(list).ok_or(Damage::Chain)?));
            list = lists.pop().ok_or(Damage::Chain)?;
        }
        if list < LAST_SECTOR {
            return Err(Damage::Chain);
        }
        let mut next = Vec::new();
        for list in lists.into_iter().filter(|list| *list < LAST_SECTOR) {
            next.extend(numbers(sectors.get(list).ok_or(Damage::Chain)?));
        }
        let mut compound = Self { sectors, next, small_next: number(header, 60), entries: Vec::new() };
        let entries = compound.chain(number(header, 48))?;
        compound.entries = entries.chunks_exact(ENTRY_BYTES).map(|entry| Entry::read(entry, size)).collect();
        Ok(compound)
    }

    pub(super) fn has(&self, stream: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == stream)
    }

    /// The bytes of a stream; empty if there is none of this name.
    pub(super) fn stream(&self, name: &str) -> Result<Vec<u8>, Damage> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return Ok(Vec::new()) };
        let mut stream = match self.entries.first() {
            Some(root) if entry.size < SMALL_BELOW => self.small_stream(root, entry)?,
            _ => self.chain(entry.start)?,
        };
        let size = usize::try_from(entry.size).ok().filter(|size| *size <= stream.len()).ok_or(Damage::Short)?;
        stream.truncate(size);
        Ok(stream)
    }

    fn small_stream(&self, root: &Entry, entry: &Entry) -> Result<Vec<u8>, Damage> {
        let (small, next) = (self.chain(root.start)?, self.chain(self.small_next)?);
        let next: Vec<u32> = numbers(&next).collect();
        follow(entry.start, &next, |sector| small.chunks(SMALL_SECTOR_BYTES).nth(sector as usize))
    }

    fn chain(&self, start: u32) -> Result<Vec<u8>, Damage> {
        follow(start, &self.next, |sector| self.sectors.get(sector))
    }
}

/// The sectors of a chain one after the other.
fn follow<'s>(start: u32, next: &[u32], get: impl Fn(u32) -> Option<&'s [u8]>) -> Result<Vec<u8>, Damage> {
    let (mut sector, mut bytes) = (start, Vec::new());
    for _ in 0..=next.len() {
        if sector == END_OF_CHAIN {
            return Ok(bytes);
        }
        bytes.extend_from_slice(get(sector).ok_or(Damage::Chain)?);
        sector = *next.get(sector as usize).ok_or(Damage::Chain)?;
    }
    Err(Damage::Chain)
}

impl Entry {
    fn read(entry: &[u8], sector_bytes: usize) -> Self {
        let units = entry[..64].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let name = char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|letter| letter.unwrap_or('\u{FFFD}'));
        // Files with small sectors have garbage in the upper half.
        let high = if sector_bytes == 512 { 0 } else { u64::from(number(entry, 124)) };
        Self { name: name.collect(), start: number(entry, 116), size: high << 32 | u64::from(number(entry, 120)) }
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// The number at a place that is there.
fn number(bytes: &[u8], place: usize) -> u32 {
    numbers(&bytes[place..]).next().unwrap_or_default()
}
