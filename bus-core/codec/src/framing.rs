//! The Confluent wire format: one zero byte, the schema id as a big-endian 32-bit number, the Avro datum.

use crate::FramingError;

/// The length of the framing before the datum, in bytes.
pub const HEADER_BYTES: usize = 5;

const MAGIC: u8 = 0;

/// Splits a record's value into the schema id and the datum.
///
/// # Errors
/// The value is too short for the framing or begins with another byte than zero.
pub fn unframe(value: &[u8]) -> Result<(u32, &[u8]), FramingError> {
    let Some((header, datum)) = value.split_first_chunk::<HEADER_BYTES>() else {
        return Err(FramingError::TooShort { length: value.len() });
    };
    let [magic, id @ ..] = header;
    if *magic != MAGIC {
        return Err(FramingError::Magic { byte: *magic });
    }
    Ok((u32::from_be_bytes(*id), datum))
}

/// Appends the framing; the datum follows.
pub fn frame(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_datum_comes_back_with_its_id() {
        let mut value = Vec::new();
        frame(0x0102_0304, &mut value);
        value.extend_from_slice(b"datum");
        assert_eq!(value[..5], [0, 1, 2, 3, 4]);
        assert_eq!(unframe(&value).unwrap(), (0x0102_0304, &b"datum"[..]));
    }

    #[test]
    fn an_empty_datum_is_framing_enough() {
        assert_eq!(unframe(&[0, 0, 0, 0, 7]).unwrap(), (7, &[][..]));
    }

    #[test]
    fn a_short_value_and_another_first_byte_are_refused() {
        for length in 0..5 {
            assert_eq!(unframe(&vec![0; length]).unwrap_err(), FramingError::TooShort { length });
        }
        assert_eq!(unframe(&[1, 0, 0, 0, 7, 9]).unwrap_err(), FramingError::Magic { byte: 1 });
    }
}
