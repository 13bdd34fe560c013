//! Whether schemas may be registered and deleted.

use std::fmt;
use std::str::FromStr;

/// The modes of Confluent's registry. Only the first two can be set here; the others may stand in a topic that Confluent's registry has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    ReadWrite,
    ReadOnly,
    /// Set for all, it overrides the mode of each subject.
    ReadOnlyOverride,
    Import,
    Forward,
}

const MODES: &[(&str, Mode)] = &[
    ("READWRITE", Mode::ReadWrite),
    ("READONLY", Mode::ReadOnly),
    ("READONLY_OVERRIDE", Mode::ReadOnlyOverride),
    ("IMPORT", Mode::Import),
    ("FORWARD", Mode::Forward),
];

impl FromStr for Mode {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        MODES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, mode)| *mode).ok_or(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MODES.iter().find(|(_, mode)| mode == self).map_or("READWRITE", |(name, _)| *name))
    }
}
