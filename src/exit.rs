//! The exit codes of the command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// It did not work; stderr says why.
    Failed,
    /// A configuration file has mistakes; stderr names each place.
    Mistaken,
    /// Kafka or the registry did not answer.
    Unreachable,
    /// A check found something that must be looked at.
    Found,
    /// Another process has taken this name.
    Fenced,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 2 is what clap gives for wrong usage.
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Mistaken => 3,
            Exit::Unreachable => 4,
            Exit::Found => 5,
            Exit::Fenced => 6,
        })
    }
}
