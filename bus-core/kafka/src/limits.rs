//! Every time limit and size limit of this crate, in one table, each with its reason.
//!
//! They stand together because they depend on each other: a drain that may take longer than the transaction may live, or a commit that may take longer than
//! the time a stopping process has, would be a defect that no single place shows. `tests` below hold the relations.

use std::time::Duration;

/// A broker ends a transaction that is open longer than this. A dead router holds readers of its outputs back for this long, plus the broker's own interval
/// of looking.
pub(crate) const TRANSACTION: Duration = Duration::from_secs(10);

/// How long everything that was sent may take to be delivered before a commit. Below [`TRANSACTION`], so that we notice first.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// A commit that takes longer counts as one whose outcome nobody knows: a delayed request of it could tear a later transaction.
pub(crate) const COMMIT: Duration = Duration::from_secs(5);

/// A commit blocks in slices of this length, so that a stop is heard in between.
pub(crate) const COMMIT_SLICE: Duration = Duration::from_millis(500);

/// Handing the offsets to the transaction: two round trips to a coordinator, some milliseconds. Nothing is committed yet, so giving up is cheap, and a dead coordinator is
/// found again only by a new try. The first limit and the longest, doubling from one failed commit to the next: brokers may also just be slow.
pub(crate) const SEND_OFFSETS_FIRST: Duration = Duration::from_secs(1);
pub(crate) const SEND_OFFSETS_LONGEST: Duration = Duration::from_secs(4);

/// A call that hands over offsets and has not come back so long after its limit never will: the client looks at the limit only while it has a request under way. When
/// the group's coordinator dies at the wrong moment it has none, and waits for ever.
pub(crate) const SEND_OFFSETS_LATE: Duration = Duration::from_millis(500);

/// An abort that takes longer is given up: the producer is made new, and initialising it ends the transaction too.
pub(crate) const ABORT: Duration = Duration::from_secs(5);

/// One try at initialising a producer; a try that times out goes on in the background, so the slice only decides how soon a stop is heard.
pub(crate) const INIT_SLICE: Duration = Duration::from_millis(500);

/// Waiting for room in the client's queue. It is as long as a full queue may take to be delivered.
pub(crate) const QUEUE_ROOM: Duration = DRAIN;

/// Looking up committed offsets: one round trip; an unstable answer is asked for again.
pub(crate) const COMMITTED: Duration = Duration::from_secs(2);

/// Between two looks at offsets that another's unfinished transaction makes unstable.
pub(crate) const UNSTABLE_RETRY: Duration = Duration::from_millis(100);

/// One question whether a broker answers at all; a stop waits for its end.
pub(crate) const REACHED: Duration = Duration::from_secs(2);

/// Until what the controller has taken is known to the broker that is asked: well below a second on an idle cluster, several on a busy one.
pub(crate) const CONFIG_KNOWN: Duration = Duration::from_secs(30);

/// Metadata and watermarks: one or two round trips.
pub(crate) const METADATA: Duration = Duration::from_secs(3);

/// A probe whether a broker answers; it blocks the worker, so it is short.
pub(crate) const PROBE: Duration = Duration::from_secs(1);

/// How long a person's command waits for an open transaction: that of a dead process ends within [`TRANSACTION`] and the broker's interval of looking, 10 s unless it
/// is told otherwise.
pub(crate) const TAIL_STABLE: Duration = Duration::from_secs(25);

/// Admin calls wait for all brokers to know.
pub(crate) const ADMIN: Duration = Duration::from_secs(15);

/// Positioning a partition: happens inside the client, no network. A partition that is only just starting takes none; on a machine with a load of thirty that was
/// seen to last longer than two seconds, and giving up ends the process.
pub(crate) const SEEK: Duration = Duration::from_secs(10);

/// The longest block in one poll while nothing is open: a stop and the deferred events wait this long at most.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// While the broker is away: first and longest wait between two tries, doubling. The longest is what an outage lasts longer for us than for the broker, and each try
/// is one small request.
pub(crate) const AWAY_FIRST: Duration = Duration::from_millis(250);
pub(crate) const AWAY_LONGEST: Duration = Duration::from_secs(1);

/// Between two looks for a topic that is missing or may not be read.
pub(crate) const TOPIC_RETRY: Duration = Duration::from_secs(1);

/// After an aborted transaction: first and longest wait, doubling while one abort follows the other. Not longer, for what failed is mostly a broker that died, and it
/// may be replaced at any moment.
pub(crate) const ABORTED_FIRST: Duration = Duration::from_millis(50);
pub(crate) const ABORTED_LONGEST: Duration = Duration::from_secs(1);

/// How often initialising is tried when it is fenced itself.
pub(crate) const INIT_FENCED_TRIES: usize = 5;

/// How often a process makes sure that it has its name, without an occasion. Brokers forget a transactional id under which nothing happens for seven days.
pub(crate) const NAME_KNOWN: Duration = Duration::from_secs(60 * 60);

/// So many questions in a row who has the name may have no clear answer. A broker that dies while it is asked gives none; a topic that may not be written never does.
pub(crate) const NAME_DOUBTS: usize = 4;

/// A fenced worker waits before it takes its names back, so that the other one is done taking them. The wait is between this and three times this, by chance: two
/// that wait equally long would fence each other again.
pub(crate) const FENCED_WAIT: Duration = Duration::from_millis(700);

/// From the stop signal to the moment when the last transaction is given up. A stopping process has 5 seconds altogether.
pub(crate) const STOP_COMMIT: Duration = Duration::from_millis(1_750);

/// From the stop signal to the moment when no client is waited for any more: what is not dropped by then ends with the process. What comes after it is the
/// role's: its last words, and the end of its traces (2 seconds at most).
pub(crate) const STOP_ALL: Duration = Duration::from_millis(2_500);

/// How soon a stop is noticed beside a call that blocks.
pub(crate) const STOP_LOOK: Duration = Duration::from_millis(25);

/// Giving back the partitions of a group before it is left. Beyond a heartbeat: while the group divides, a member cannot leave.
pub(crate) const STOP_LEAVE: Duration = Duration::from_millis(1_200);

/// Until a member that has given back everything has said that it goes.
pub(crate) const STOP_LEFT: Duration = Duration::from_millis(100);

/// Closing a consumer; what takes longer is left to a thread of its own.
pub(crate) const STOP_CONSUMER: Duration = Duration::from_millis(1_500);

/// Dropping a producer when stopping or rebuilding.
pub(crate) const STOP_PRODUCERS: Duration = Duration::from_millis(750);

/// Dropping the producer of what may be lost. It is the last one, after all that [`STOP_ALL`] bounds.
pub(crate) const STOP_BEST_EFFORT: Duration = Duration::from_millis(250);

/// How long a reason that the client has logged explains a call that got no answer.
pub(crate) const TROUBLE_KNOWN: Duration = Duration::from_secs(20);

/// How long initialising may take before it counts as a broker that is away: a busy one takes a second or two for the first of a name.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// How often a worker that is waiting for the broker says so again.
pub(crate) const AWAY_REMINDER: Duration = Duration::from_secs(60);

/// A member that is silent for this long is out of its group: the time until another router takes a dead one's partitions.
pub(crate) const SESSION: Duration = Duration::from_secs(6);

/// Five heartbeats may be missed. By its heartbeat a member hears that the group divides its partitions anew, so this bounds how long each division takes.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Between two looks whether all partitions of a group have an owner. One that changes hands has none until the slot that has it has committed and given it back, a moment
/// as a rule; a slot that hangs in its commit meanwhile makes others give back what they have for nothing.
pub(crate) const ORPHANED: Duration = Duration::from_secs(2);

/// The same while the group does not say it or nothing helps, doubling.
pub(crate) const ORPHANED_LONGEST: Duration = Duration::from_secs(10);

/// So many looks in a row must find a partition without an owner.
pub(crate) const ORPHANED_LOOKS: u32 = 3;

/// How long a broker may collect before it answers a fetch. It is paid by every idle partition's first record.
pub(crate) const FETCH_WAIT: Duration = Duration::from_millis(50);

/// The same for readers that nobody waits for in milliseconds; there may be many.
pub(crate) const FETCH_WAIT_READER: Duration = Duration::from_millis(250);

/// The same for a reader that stops at a mark: behind the last record often stands the marker of its transaction, and the end of the partition is known only
/// after a fetch that finds nothing.
pub(crate) const FETCH_WAIT_SNAPSHOT: Duration = Duration::from_millis(5);

/// A reader that gets nothing of a partition for so long, and does not know of its end, asks for it again: first and longest wait, doubling.
pub(crate) const END_UNKNOWN: Duration = Duration::from_secs(2);
pub(crate) const END_UNKNOWN_LONGEST: Duration = Duration::from_secs(60);

/// After so many records a reader looks for partitions that give nothing, though others do.
pub(crate) const END_UNKNOWN_RECORDS: u32 = 64;

/// Pause of fetching when the local queue is full. The default of a second stops a fast loop dead.
pub(crate) const FETCH_QUEUE_BACKOFF: Duration = Duration::from_millis(10);

/// Paid at every commit, so next to nothing; 1 ms makes batches of what a loop sends.
pub(crate) const LINGER: Duration = Duration::from_millis(1);

/// How soon a topic that comes to match a pattern is seen.
pub(crate) const METADATA_REFRESH: Duration = Duration::from_secs(5);

/// How long a record for a topic that does not exist waits before it fails. Shorter than [`DRAIN`], so that the reason is the real one.
pub(crate) const UNKNOWN_TOPIC: Duration = Duration::from_secs(3);

/// Between two tries to reach a broker, at most. The default of 10 s would be most of an outage's aftermath.
pub(crate) const RECONNECT_LONGEST: Duration = Duration::from_secs(1);

/// TCP, TLS and SASL together.
pub(crate) const CONNECTION_SETUP: Duration = Duration::from_secs(10);

/// A request without an answer is a broken connection.
pub(crate) const SOCKET: Duration = Duration::from_secs(10);

/// A notice or heartbeat that cannot be delivered in this time is dropped.
pub(crate) const BEST_EFFORT: Duration = Duration::from_secs(10);

/// Records that may wait in the queue of the best-effort producer.
pub(crate) const BEST_EFFORT_RECORDS: usize = 10_000;

/// Largest record, as a batch of its own. Brokers and topics take 1,048,588 bytes unless they are told otherwise.
pub(crate) const RECORD_BYTES: usize = 1_000_000;

/// What a reader may keep of one partition in memory beyond what it has given out.
pub(crate) const READER_QUEUE_KBYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_outlives_its_drain_and_its_offsets() {
        assert!(DRAIN < TRANSACTION && UNKNOWN_TOPIC < DRAIN);
        assert!(SEND_OFFSETS_LONGEST + SEND_OFFSETS_LATE < TRANSACTION);
    }

    #[test]
    fn a_stop_fits_into_five_seconds() {
        let traces = Duration::from_secs(2);
        assert!(STOP_COMMIT < STOP_ALL && STOP_ALL + STOP_BEST_EFFORT + traces < Duration::from_secs(5));
    }
}
