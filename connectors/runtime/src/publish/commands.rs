//! What operators ask of the connector, read from `commands.<agency>`.
//!
//! The place up to which commands have been carried out stands in `positions`, in the record of the agency that belongs to no
//! source, and with it the ids of the last ones. Both are written in the transaction of what a command did. So a command is
//! carried out once, wherever the process is killed, and one that is written twice, by an operator who did not know whether
//! the first had arrived, does nothing the second time.

use std::sync::Arc;
use std::time::Duration;

use barid_codec::{RecordError, RecordReader, Schemas};
use barid_kafka::{Admin, Follower, Record, StopSignal};
use barid_schemas::records::{Command, CommandDone, CommandsPosition};

use super::{ConnectorSettings, Interruption, now};
use crate::command::CarriedOut;

/// Of so many commands the id is kept. They are some forty bytes each, and written with each command.
const MOST_DONE: usize = 200;

/// For a look at what has come; records that are there already are in memory.
const LOOK: Duration = Duration::from_millis(1);
/// For an answer while there is more to come.
const WAIT: Duration = Duration::from_millis(100);

/// Reads the commands of one agency in their order.
pub(super) struct Commands {
    follower: Option<Follower>,
    reader: RecordReader<Command>,
}

impl Commands {
    /// Finds the topic. A deployment from before there were commands may have none: that is said, and nothing is asked.
    pub(super) fn open(settings: &ConnectorSettings, agency: &str, stop: &StopSignal) -> Result<Self, Interruption> {
        let topic = settings.topics.commands_of(agency);
        let follower = match Admin::new(&settings.cluster)?.partitions(&topic)? {
            Some(_) => Some(Follower::open(&settings.cluster, std::slice::from_ref(&topic), stop)?),
            None => {
                tracing::warn!(agency, topic, "there is no topic for commands; to create it: barid topics apply");
                None
            }
        };
        Ok(Self { follower, reader: RecordReader::new(Arc::clone(&settings.registry) as Arc<dyn Schemas>) })
    }

    /// Everything that was there when the topic was opened, from an offset on.
    pub(super) fn read_on(
        &mut self,
        from: i64,
        stop: &StopSignal,
    ) -> Result<Vec<(i64, Option<Command>)>, Interruption> {
        let mut commands = Vec::new();
        while let Some(follower) = &mut self.follower {
            let record = follower.poll(WAIT);
            let caught_up = follower.caught_up();
            match record {
                Some(record) => commands.extend(self.command(&record, from)?),
                None if caught_up => break,
                None if stop.is_stopped() => return Err(Interruption::Stopped),
                None => {}
            }
        }
        Ok(commands)
    }

    /// The next one that has come, from an offset on.
    pub(super) fn next(&mut self, from: i64) -> Result<Option<(i64, Option<Command>)>, Interruption> {
        while let Some(record) = self.follower.as_mut().and_then(|follower| follower.poll(LOOK)) {
            if let Some(command) = self.command(&record, from)? {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    /// The offset of a record and the command in it; no command if it cannot be read, and nothing if it is an old one.
    fn command(&self, record: &Record, from: i64) -> Result<Option<(i64, Option<Command>)>, Interruption> {
        if record.offset < from {
            return Ok(None);
        }
        match record.value.as_deref().map(|value| self.reader.decode(value)).transpose() {
            Ok(command) => Ok(Some((record.offset, command))),
            Err(error @ (RecordError::Registry(_) | RecordError::OtherRecord { .. })) => Err(error.into()),
            Err(error) => {
                tracing::warn!(offset = record.offset, error = %error, "a command cannot be read and is passed over");
                Ok(Some((record.offset, None)))
            }
        }
    }
}

/// The position after a command.
pub(super) fn after(before: CommandsPosition, offset: i64, done: Option<CommandDone>) -> CommandsPosition {
    let mut position = before;
    position.next_offset = offset + 1;
    position.done.extend(done);
    let too_many = position.done.len().saturating_sub(MOST_DONE);
    position.done.drain(..too_many);
    position
}

pub(super) fn done(command: &Command, carried_out: &CarriedOut) -> CommandDone {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    CommandDone {
        command_id: command.command_id,
        rows: count(carried_out.rows),
        published: count(carried_out.events()),
        left: count(carried_out.left),
        done_at: now(),
    }
}
