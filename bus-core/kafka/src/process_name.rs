//! The name of a process, which all its slots share.
//!
//! A process takes its name once, at its start, by initialising a transactional id that it writes nothing under. A slot whose producers or whose place in the group
//! were taken from it cannot tell who has done it: another process of the same name, a broker that ended what stood still for too long, or an older request of the
//! slot itself that arrived late. Here it can: the broker takes a record under the id of the name from the process that took it last, and from no other. So
//! of two processes with one name exactly one ends, whatever their slots do to each other meanwhile.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::transaction::{TransactionError, TransactionalProducer, Waiting};
use crate::{Cluster, Outgoing, StopSignal, limits};

/// The name of one process. Cheap to share; the slots of a process must have the same one.
#[derive(Debug)]
pub struct ProcessName {
    transactional_id: String,
    topic: String,
    stop: StopSignal,
    holding: Mutex<Holding>,
}

struct Holding {
    producer: TransactionalProducer,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    NotTaken,
    Taken,
    Lost,
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

impl ProcessName {
    /// Connects to nothing. `topic`: one that exists and that the process may write; whether it has the name is found out by writing a record to it and aborting.
    /// `stop`: the one of the slots.
    pub fn new(cluster: &Cluster, transactional_id: &str, topic: &str, stop: &StopSignal) -> Self {
        let producer = TransactionalProducer::unconnected(cluster, transactional_id, stop, &Arc::default());
        Self {
            transactional_id: transactional_id.to_owned(),
            topic: topic.to_owned(),
            stop: stop.clone(),
            holding: Mutex::new(Holding { producer, state: State::NotTaken }),
        }
    }

    /// Takes the name if no slot of this process has done it, waiting for the broker. False: stopped meanwhile.
    pub(crate) fn take(&self, tell: &mut dyn FnMut(Waiting<'_>)) -> Result<bool, TransactionError> {
        let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        if holding.state != State::NotTaken {
            return Ok(true);
        }
        match initialise_contested(&mut holding.producer, &self.stop, tell, || false) {
            Ok(()) => {
                holding.state = State::Taken;
                Ok(true)
            }
            Err(TransactionError::Stopped) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether another process has taken the name after this one. Asks the broker, and waits for it if it is away.
    pub(crate) fn is_lost(&self) -> bool {
        let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        if holding.state != State::Taken {
            return holding.state == State::Lost;
        }
        let began = Instant::now();
        let record = Outgoing { topic: &self.topic, value: Some(b""), ..Outgoing::default() };
        let lost = match holding.producer.try_out(&record) {
            Ok(()) | Err(TransactionError::Stopped) => false,
            Err(TransactionError::Fenced { .. }) if !may_have_timed_out(began.elapsed()) => true,
            // No answer, or the broker's own doing: the producer is of no use any more, and a new one takes the name once more.
            Err(error) => {
                tracing::debug!(id = self.transactional_id, %error, "the name of this process is taken anew");
                let initialised = initialise_contested(&mut holding.producer, &self.stop, &mut |_| {}, || false);
                matches!(initialised, Err(TransactionError::Fenced { .. }))
            }
        };
        if lost {
            holding.state = State::Lost;
        }
        lost
    }
}

/// Whether a transaction that was open for so long may have been ended by the broker: then the broker fences its producer too.
fn may_have_timed_out(open: Duration) -> bool {
    open >= limits::TRANSACTION.saturating_sub(limits::COMMIT_SLICE)
}

/// Initialises a producer whose id others may be taking. Two that do it at the same moment fence each other, and so does a broker that ends an old transaction of the
/// id at that moment; then it is tried again, unless `is_lost` says that it would be in vain.
pub(crate) fn initialise_contested(
    producer: &mut TransactionalProducer,
    stop: &StopSignal,
    tell: &mut dyn FnMut(Waiting<'_>),
    is_lost: impl Fn() -> bool,
) -> Result<(), TransactionError> {
    for _ in 1..limits::INIT_FENCED_TRIES {
        match producer.initialise(tell) {
            Err(TransactionError::Fenced { .. }) if !is_lost() => wait_by_chance(stop),
            initialised => return initialised,
        }
    }
    producer.initialise(tell)
}

/// Lets another one that is taking the same ids finish.
pub(crate) fn wait_by_chance(stop: &StopSignal) {
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    stop.wait(limits::FENCED_WAIT + limits::FENCED_WAIT * 2 * chance as u32 / 1_000);
}
