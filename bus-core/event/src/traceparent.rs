//! The W3C trace context header `traceparent`, version 00.

use std::fmt;
use std::str::FromStr;

/// Where a record stands in a trace. The caller supplies the random bytes of new ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub sampled: bool,
}

/// Why text is no [`TraceParent`]. A reader goes on without a trace; it is never a reason to refuse a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceParentError {
    #[error("a traceparent has the form `00-<32 digits>-<16 digits>-<2 digits>` in lower-case hexadecimal")]
    BadForm,
    #[error("a traceparent of version `ff` is forbidden")]
    ForbiddenVersion,
    #[error("an id of zeros only is forbidden in a traceparent")]
    ZeroId,
}

impl TraceParent {
    /// The same trace with another span.
    #[must_use]
    pub const fn child(self, span_id: [u8; 8]) -> Self {
        Self { span_id, ..self }
    }

    /// Reads the bytes of a header.
    ///
    /// # Errors
    ///
    /// If the header is not as W3C Trace Context wants it.
    pub fn parse(value: &[u8]) -> Result<Self, TraceParentError> {
        std::str::from_utf8(value).map_err(|_| TraceParentError::BadForm)?.parse()
    }

    /// The value of the header: the same as `Display`.
    #[must_use]
    pub fn format(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace_id), hex::encode(self.span_id));
        write!(formatter, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let bytes = text.as_bytes();
        if bytes.len() < 55 || !text.is_ascii() || bytes[..55].iter().any(u8::is_ascii_uppercase) {
            return Err(TraceParentError::BadForm);
        }
        if [2, 35, 52].iter().any(|&place| bytes[place] != b'-') {
            return Err(TraceParentError::BadForm);
        }
        let mut version = [0; 1];
        let mut trace_id = [0; 16];
        let mut span_id = [0; 8];
        let mut flags = [0; 1];
        for (digits, into) in [
            (&bytes[..2], &mut version[..]),
            (&bytes[3..35], &mut trace_id[..]),
            (&bytes[36..52], &mut span_id[..]),
            (&bytes[53..55], &mut flags[..]),
        ] {
            hex::decode_to_slice(digits, into).map_err(|_| TraceParentError::BadForm)?;
        }
        match version {
            [0xff] => return Err(TraceParentError::ForbiddenVersion),
            // Later versions may append fields, but only behind a dash; version 00 may not.
            [0] if bytes.len() != 55 => return Err(TraceParentError::BadForm),
            _ if bytes.len() > 55 && bytes[55] != b'-' => return Err(TraceParentError::BadForm),
            _ => {}
        }
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(TraceParentError::ZeroId);
        }
        Ok(Self { trace_id, span_id, sampled: flags[0] & 1 == 1 })
    }
}
