//! Which encoding a file is in, and its text as UTF-8.
//!
//! The evidence is taken over the whole file, not over its first lines: a file whose Persian begins on page ten is told
//! as surely as any other. Windows-1256 gives every byte a meaning, so a wrong guess would show nowhere; therefore it is
//! taken only when the bytes are not UTF-8 and its reading is mostly Arabic letters.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1256};
use sha2::{Digest, Sha256};

use super::fault::{SourceFault, SourceReason, Words};
use super::format::Encoding;

/// How much of the file is kept to look at more closely.
const HEAD_BYTES: usize = 64 * 1024;

/// What the bytes of a file say about its encoding.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) head: Vec<u8>,
    size: u64,
    nul_at_even: u64,
    nul_at_odd: u64,
    /// UTF-8 sequences of more than one byte.
    sequences: u64,
    /// Bytes that are no UTF-8.
    broken: u64,
    /// Where the first of them is: byte, and line breaks before it.
    first_broken: Option<(u64, u64)>,
    line_breaks: u64,
    /// The start of a sequence at the end of what was fed.
    pending: Vec<u8>,
}

impl Evidence {
    /// Takes the next bytes of the file.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == 0) {
            if (self.size + index as u64).is_multiple_of(2) { self.nul_at_even += 1 } else { self.nul_at_odd += 1 }
        }
        let mut offset = self.size - self.pending.len() as u64;
        self.size += bytes.len() as u64;
        let mut joined = std::mem::take(&mut self.pending);
        joined.extend_from_slice(bytes);
        let mut rest: &[u8] = &joined;
        while !rest.is_empty() {
            let (valid, error) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), None),
                Err(error) => (error.valid_up_to(), Some(error.error_len())),
            };
            self.sequences += rest[..valid].iter().filter(|byte| **byte >= 0xC0).count() as u64;
            self.line_breaks += rest[..valid].iter().filter(|byte| **byte == b'\n').count() as u64;
            offset += valid as u64;
            rest = &rest[valid..];
            match error {
                None => {}
                Some(Some(length)) => {
                    self.broken += 1;
                    self.first_broken.get_or_insert((offset, self.line_breaks));
                    offset += length as u64;
                    rest = &rest[length..];
                }
                Some(None) => {
                    self.pending = rest.to_vec();
                    break;
                }
            }
        }
    }

    /// The mark at the start, and how long it is.
    fn mark(&self) -> Option<(Encoding, usize)> {
        match self.head[..] {
            [0xEF, 0xBB, 0xBF, ..] => Some((Encoding::Utf8, 3)),
            [0xFF, 0xFE, ..] => Some((Encoding::Utf16Le, 2)),
            [0xFE, 0xFF, ..] => Some((Encoding::Utf16Be, 2)),
            _ => None,
        }
    }

    /// How many bytes at the start are a mark and no text.
    pub(super) fn mark_bytes(&self) -> u64 {
        self.mark().map_or(0, |(_, length)| length as u64)
    }

    /// Whether the file ends in the middle of a character.
    pub(super) fn is_cut(&self, encoding: Encoding) -> bool {
        match encoding {
            // A lone byte may also be damage; a cut sequence at the very end of sound UTF-8 is a cut file.
            Encoding::Utf8 => !self.pending.is_empty() && self.broken == 0,
            Encoding::Utf16Le | Encoding::Utf16Be => !self.size.is_multiple_of(2),
            Encoding::Windows1256 => false,
        }
    }

    /// UTF-16 without a mark: separators, digits and line breaks leave a zero in every second place.
    fn utf16(&self) -> Option<Encoding> {
        let zeros = self.nul_at_even + self.nul_at_odd;
        if zeros == 0 || zeros.saturating_mul(50) < self.size {
            None
        } else if self.nul_at_odd > self.nul_at_even.saturating_mul(8) {
            Some(Encoding::Utf16Le)
        } else if self.nul_at_even > self.nul_at_odd.saturating_mul(8) {
            Some(Encoding::Utf16Be)
        } else {
            None
        }
    }

    fn is_utf8(&self) -> bool {
        self.broken == 0 && self.pending.len() < 4
    }

    /// The encoding of the file: the pinned one if it fits, else what the bytes say.
    pub(super) fn settle(&self, file: &str, pinned: Option<Encoding>) -> Result<Encoding, SourceFault> {
        let seen = self.mark().map(|(encoding, _)| encoding).or_else(|| self.utf16());
        match pinned {
            Some(pinned) => match self.against(pinned, seen) {
                None => Ok(pinned),
                Some(actual) => Err(self.wrong(file, pinned, actual)),
            },
            None => match seen {
                Some(encoding) => Ok(encoding),
                None if self.is_utf8() || self.sequences > self.broken => Ok(Encoding::Utf8),
                None if self.reads_as_1256() => Ok(Encoding::Windows1256),
                None => Err(self.unknown(file)),
            },
        }
    }

    /// `Some` if the bytes do not fit the pinned encoding, with what they are instead if that is known.
    fn against(&self, pinned: Encoding, seen: Option<Encoding>) -> Option<Option<Encoding>> {
        if let Some(seen) = seen {
            return (seen != pinned).then_some(Some(seen));
        }
        let other = || if self.reads_as_1256() { Some(Encoding::Windows1256) } else { None };
        match pinned {
            // One broken byte spoils its row, as `undecodable_text`; mostly broken bytes mean another encoding.
            Encoding::Utf8 => (self.broken > self.sequences).then(other),
            Encoding::Windows1256 => (self.is_utf8() && self.sequences > 0).then_some(Some(Encoding::Utf8)),
            Encoding::Utf16Le | Encoding::Utf16Be => Some(if self.is_utf8() { Some(Encoding::Utf8) } else { other() }),
        }
    }

    fn reads_as_1256(&self) -> bool {
        let (text, ..) = WINDOWS_1256.decode(&self.head);
        let (mut letters, mut others) = (0_u32, 0_u32);
        for character in text.chars().filter(|character| !character.is_ascii()) {
            let expected = matches!(character, '\u{0600}'..='\u{06FF}' | '\u{200C}'..='\u{200F}' | '\u{A0}' | '\u{AC}' | '\u{AB}' | '\u{BB}');
            if expected { letters += 1 } else { others += 1 }
        }
        letters > others.saturating_mul(3)
    }

    fn wrong(&self, file: &str, pinned: Encoding, actual: Option<Encoding>) -> SourceFault {
        let name = pinned.name();
        let (cure_en, cure_fa) = match actual.map(Encoding::name) {
            Some(actual) => (
                format!(
                    "the bytes are `{actual}`: export as `{name}` again, or set `encoding = \"{actual}\"` for this source"
                ),
                format!(
                    "بایت‌ها `{actual}` است: دوباره با `{name}` خروجی بگیرید یا برای این منبع `encoding = \"{actual}\"` بنویسید"
                ),
            ),
            None => (format!("export the file as `{name}` again"), format!("دوباره با کدگذاری `{name}` خروجی بگیرید")),
        };
        let fault = SourceFault::new(
            file,
            SourceReason::WrongEncoding,
            Words(
                &format!("the file is not `{name}`, the encoding that is pinned for this source"),
                &format!("فایل با کدگذاری `{name}` که برای این منبع تعیین شده نیست"),
                &cure_en,
                &cure_fa,
            ),
        );
        match self.first_broken {
            Some((byte, row)) if pinned == Encoding::Utf8 => fault.at_byte(byte).at_row(row),
            _ => fault.at_byte(0),
        }
    }

    fn unknown(&self, file: &str) -> SourceFault {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&self.head, true);
        let guess = detector.guess(Some(b"ir"), Utf8Detection::Allow).name().to_ascii_lowercase();
        let fault = SourceFault::new(
            file,
            SourceReason::UnknownEncoding,
            Words(
                &format!("the text of the file is in none of the encodings that are read here; it may be `{guess}`"),
                &format!("کدگذاری فایل هیچ‌یک از کدگذاری‌های پشتیبانی‌شده نیست؛ شاید `{guess}` باشد"),
                "export the file as UTF-8",
                "با کدگذاری UTF-8 خروجی بگیرید",
            ),
        );
        match self.first_broken {
            Some((byte, row)) => fault.at_byte(byte).at_row(row),
            None => fault,
        }
    }
}

/// The text of a file as UTF-8. Bytes that mean nothing become U+FFFD; the reader of rows finds those and names the cell.
pub(super) struct Decoded {
    file: File,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_start: usize,
    text: Vec<u8>,
    text_start: usize,
    at_end: bool,
    /// Of the bytes that have been read, if that is asked for.
    hasher: Option<Sha256>,
    sha256: Option<[u8; 32]>,
}

impl Decoded {
    /// Reads the file behind its byte order mark.
    pub(super) fn new(mut file: File, encoding: Encoding, mark_bytes: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(mark_bytes))?;
        Ok(Self::of(file, encoding))
    }

    /// The same, and tells at the end which bytes it were that have been read.
    pub(super) fn hashing(mut file: File, encoding: Encoding, mark_bytes: u64) -> io::Result<Self> {
        file.rewind()?;
        let mut mark = vec![0; usize::try_from(mark_bytes).unwrap_or(0)];
        file.read_exact(&mut mark)?;
        Ok(Self { hasher: Some(Sha256::new_with_prefix(mark)), ..Self::of(file, encoding) })
    }

    fn of(file: File, encoding: Encoding) -> Self {
        let encoding = match encoding {
            Encoding::Utf8 => UTF_8,
            Encoding::Utf16Le => UTF_16LE,
            Encoding::Utf16Be => UTF_16BE,
            Encoding::Windows1256 => WINDOWS_1256,
        };
        Self {
            file,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            raw_start: 0,
            text: vec![0; HEAD_BYTES],
            text_start: HEAD_BYTES,
            at_end: false,
            hasher: None,
            sha256: None,
        }
    }

    /// The SHA-256 of the whole file as it was read, once it has been read to its end.
    pub(super) fn read_sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }

    /// Fills `text`; empty at the end of the file.
    fn refill(&mut self) -> io::Result<()> {
        self.text.resize(HEAD_BYTES, 0);
        self.text_start = 0;
        loop {
            if self.raw_start == self.raw.len() && !self.at_end {
                self.raw.resize(HEAD_BYTES, 0);
                let length = self.file.read(&mut self.raw)?;
                self.raw.truncate(length);
                self.raw_start = 0;
                self.at_end = length == 0;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(&self.raw);
                    self.sha256 = self.at_end.then(|| hasher.finalize_reset().into());
                }
            }
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(&self.raw[self.raw_start..], &mut self.text, self.at_end);
            self.raw_start += read;
            if written > 0 || (self.at_end && result == CoderResult::InputEmpty) {
                self.text.truncate(written);
                return Ok(());
            }
        }
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text_start == self.text.len() {
            // A decoder must not be used again after its last call.
            if self.at_end && self.raw_start == self.raw.len() && self.raw.is_empty() {
                return Ok(0);
            }
            self.refill()?;
        }
        let rest = &self.text[self.text_start..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.text_start += length;
        Ok(length)
    }
}
