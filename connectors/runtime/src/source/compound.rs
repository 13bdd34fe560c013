//! The container of the old office formats (compound file, MS-CFB): a file system in a file, of which one stream is wanted.
//!
//! Only what leads to a stream is looked at, for old programs leave small disorders elsewhere (names that are out of order,
//! garbage in entries without use, a stream whose last sector names a next one) that stricter readers refuse; and no chain of
//! sectors may be longer than the file has sectors, where the parser of workbooks would follow it for ever.

use std::fmt;

/// From this on a number is no sector.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const ENTRY_BYTES: usize = 128;
/// What is said of an entry that is a stream, and no folder.
const STREAM: u8 = 2;
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
    is_stream: bool,
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
        let most = bytes.len().div_ceil(size);
        for _ in 0..=most {
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
            if next.len() < most {
                next.extend(numbers(sectors.get(list).ok_or(Damage::Chain)?));
            }
        }
        next.truncate(most);
        let mut compound = Self { sectors, next, small_next: number(header, 60), entries: Vec::new() };
        let entries = compound.chain(number(header, 48), usize::MAX)?;
        compound.entries = entries.chunks_exact(ENTRY_BYTES).map(|entry| Entry::read(entry, size)).collect();
        Ok(compound)
    }

    pub(super) fn has(&self, stream: &str) -> bool {
        self.entry(stream).is_some()
    }

    /// The bytes of a stream; empty if there is none of this name.
    pub(super) fn stream(&self, name: &str) -> Result<Vec<u8>, Damage> {
        let Some(entry) = self.entry(name) else { return Ok(Vec::new()) };
        let size = usize::try_from(entry.size).map_err(|_| Damage::Short)?;
        let mut stream = match self.entries.first() {
            Some(root) if entry.size < SMALL_BELOW => self.small_stream(root, entry.start, size)?,
            _ => self.chain(entry.start, size)?,
        };
        if stream.len() < size {
            return Err(Damage::Short);
        }
        stream.truncate(size);
        Ok(stream)
    }

    /// Upper and lower case are the same. A folder, or what was deleted, may have the name of a stream.
    fn entry(&self, name: &str) -> Option<&Entry> {
        let named = || self.entries.iter().filter(|entry| entry.name.eq_ignore_ascii_case(name));
        named().find(|entry| entry.is_stream).or_else(|| named().next())
    }

    fn small_stream(&self, root: &Entry, start: u32, size: usize) -> Result<Vec<u8>, Damage> {
        let small = self.chain(root.start, usize::try_from(root.size).unwrap_or(usize::MAX))?;
        let next: Vec<u32> = numbers(&self.chain(self.small_next, usize::MAX)?).collect();
        follow(start, size, &next, |sector| small.chunks(SMALL_SECTOR_BYTES).nth(sector as usize))
    }

    fn chain(&self, start: u32, size: usize) -> Result<Vec<u8>, Damage> {
        follow(start, size, &self.next, |sector| self.sectors.get(sector))
    }
}

/// The sectors of a chain one after the other, until they hold `size` bytes or the chain ends.
fn follow<'s>(start: u32, size: usize, next: &[u32], get: impl Fn(u32) -> Option<&'s [u8]>) -> Result<Vec<u8>, Damage> {
    let (mut sector, mut bytes) = (start, Vec::new());
    for _ in 0..=next.len() {
        if sector == END_OF_CHAIN || bytes.len() >= size {
            return Ok(bytes);
        }
        bytes.extend_from_slice(get(sector).ok_or(Damage::Chain)?);
        sector = next.get(sector as usize).copied().unwrap_or(u32::MAX);
    }
    Err(Damage::Chain)
}

impl Entry {
    fn read(entry: &[u8], sector_bytes: usize) -> Self {
        let units = entry[..64].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let name = char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|letter| letter.unwrap_or('\u{FFFD}'));
        // Files with small sectors have garbage in the upper half.
        let high = if sector_bytes == 512 { 0 } else { u64::from(number(entry, 124)) };
        Self {
            name: name.collect(),
            is_stream: entry[66] == STREAM,
            start: number(entry, 116),
            size: high << 32 | u64::from(number(entry, 120)),
        }
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// The number at a place that is there.
fn number(bytes: &[u8], place: usize) -> u32 {
    numbers(&bytes[place..]).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use cfb::Version;

    use super::*;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|index| (index / 7 % 251) as u8).collect()
    }

    fn container(version: Version, sizes: &[usize]) -> Vec<u8> {
        let mut container = cfb::CompoundFile::create_with_version(version, Cursor::new(Vec::new())).unwrap();
        container.create_storage("/Folder").unwrap();
        for size in sizes {
            container.create_stream(format!("/S{size}")).unwrap().write_all(&content(*size)).unwrap();
        }
        container.flush().unwrap();
        container.into_inner().into_inner()
    }

    #[test]
    fn streams_of_every_size_come_out_as_they_went_in() {
        // Small ones, those at the border to the others, and one that needs lists of lists of sectors.
        let sizes = [0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 70_000, 8_000_000];
        for version in [Version::V3, Version::V4] {
            let bytes = container(version, &sizes);
            let container = Compound::open(&bytes).unwrap();
            for size in sizes {
                assert_eq!(container.stream(&format!("s{size}")), Ok(content(size)), "{version:?} {size}");
            }
            assert!(!container.has("S2"));
            assert_eq!(container.stream("S2"), Ok(Vec::new()));
        }
    }

    #[test]
    fn chains_that_lead_round_and_round_end() {
        let sound = container(Version::V3, &[100, 10_000]);
        let list_of_sectors = (number(&sound, 76) as usize + 1) * 512;
        let small_list = (number(&sound, 60) as usize + 1) * 512;
        for list in [list_of_sectors, small_list] {
            let mut damaged = sound.clone();
            // Each sector is followed by the one before it, or by itself.
            for (index, four) in damaged[list..list + 512].chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&(index as u32).saturating_sub(1).to_le_bytes());
            }
            let read = Compound::open(&damaged).and_then(|container| {
                container.stream("S100")?;
                container.stream("S10000")
            });
            assert!(read.is_err() || read.is_ok_and(|read| read.len() == 10_000));
        }
        let mut damaged = sound.clone();
        // The list of lists goes on in a sector that is followed by itself.
        damaged[68..72].copy_from_slice(&0_u32.to_le_bytes());
        damaged[512..1024].fill(0);
        assert_eq!(Compound::open(&damaged).err(), Some(Damage::Chain));
    }

    #[test]
    fn no_damage_of_one_byte_makes_more_of_a_file_than_it_holds() {
        let sound = container(Version::V3, &[100, 5_000]);
        for place in 0..sound.len() {
            for byte in [0, 1, 0x7F, 0xFE, 0xFF] {
                let mut damaged = sound.clone();
                damaged[place] = byte;
                if let Ok(container) = Compound::open(&damaged) {
                    for name in ["S100", "S5000"] {
                        let read = container.stream(name).map(|read| read.len());
                        assert!(read.is_err() || read.is_ok_and(|read| read <= damaged.len()), "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_container_is_told_by_its_first_bytes() {
        for bytes in [&b""[..], &[0xD0; 511], &[0xD0; 4096]] {
            assert_eq!(Compound::open(bytes).err(), Some(Damage::Header));
        }
    }
}
