//! The name of a process, which all its slots share.
//!
//! A process takes its name at its start, by initialising a transactional id that serves for nothing else. A slot whose producers or whose place in the group were
//! taken from it cannot tell who has done it: another process of the same name, a broker that ended what stood still for too long, or an older request of the slot
//! itself that arrived late. Here it can: the broker takes a record under the id of the name from the process that took it last, and from no other. So of two
//! processes with one name the older one ends, whatever their slots do to each other meanwhile.
//!
//! Only if the broker gives no clear answer is the name taken once more: then the producer that asked is of no use any more, and there is no way to a new one but this.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::transaction::{TransactionError, TransactionalProducer, Waiting};
use crate::{Cluster, Outgoing, StopSignal, limits};

/// Hears that the broker is waited for.
type Tell<'t> = dyn FnMut(Waiting<'_>) + 't;

/// The name of one process. The slots of a process must have the same one.
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
    /// When the broker was last asked.
    asked_at: Instant,
    /// How many questions in a row had no clear answer.
    doubts: usize,
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
            holding: Mutex::new(Holding { producer, state: State::NotTaken, asked_at: Instant::now(), doubts: 0 }),
        }
    }

    /// Takes the name if no slot of this process has done it, waiting for the broker. False: stopped meanwhile.
    pub(crate) fn take(&self, tell: &mut Tell<'_>) -> Result<bool, TransactionError> {
        let mut holding = self.holding();
        if self.stop.is_stopped() {
            return Ok(false);
        }
        match holding.state {
            State::Taken => return Ok(true),
            State::Lost => return Err(TransactionError::Fenced { transactional_id: self.transactional_id.clone() }),
            State::NotTaken => {}
        }
        match initialise_contested(&mut holding.producer, &self.stop, tell, |_| Ok(false)) {
            Ok(()) => {
                (holding.state, holding.asked_at) = (State::Taken, Instant::now());
                Ok(true)
            }
            Err(TransactionError::Stopped) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether another process has taken the name after this one. Asks the broker, and waits for it if it is away. `Fatal`: there is no finding out.
    pub(crate) fn is_lost(&self, tell: &mut Tell<'_>) -> Result<bool, TransactionError> {
        self.ask(&mut self.holding(), tell)
    }

    /// The same without an occasion, but only now and then: a broker forgets an id under which nothing happens for days, and with it who has it.
    pub(crate) fn is_lost_meanwhile(&self, tell: &mut Tell<'_>) -> Result<bool, TransactionError> {
        let mut holding = match self.holding.try_lock() {
            Ok(holding) => holding,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another slot is asking.
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        if holding.asked_at.elapsed() < limits::NAME_KNOWN { Ok(false) } else { self.ask(&mut holding, tell) }
    }

    fn ask(&self, holding: &mut Holding, tell: &mut Tell<'_>) -> Result<bool, TransactionError> {
        if holding.state != State::Taken || self.stop.is_stopped() {
            return Ok(holding.state == State::Lost);
        }
        let began = Instant::now();
        let key = self.transactional_id.as_bytes();
        let record = Outgoing { topic: &self.topic, key: Some(key), value: Some(b""), ..Outgoing::default() };
        let answer = holding.producer.try_out(&record);
        holding.asked_at = Instant::now();
        match answer {
            Ok(()) => holding.doubts = 0,
            Err(TransactionError::Stopped) => {}
            Err(TransactionError::Fenced { .. }) if !may_have_timed_out(began.elapsed()) => holding.state = State::Lost,
            Err(doubt) => self.take_again(holding, tell, &doubt)?,
        }
        Ok(holding.state == State::Lost)
    }

    fn take_again(
        &self,
        holding: &mut Holding,
        tell: &mut Tell<'_>,
        doubt: &TransactionError,
    ) -> Result<(), TransactionError> {
        let id = &self.transactional_id;
        holding.doubts += 1;
        if holding.doubts > limits::NAME_DOUBTS {
            let reason = format!("there is no finding out whether another process is running as `{id}`: {doubt}");
            return Err(TransactionError::Fatal { reason });
        }
        tracing::info!(id, %doubt, "the broker does not say who has the name of this process, it is taken once more");
        match initialise_contested(&mut holding.producer, &self.stop, tell, |_| Ok(false)) {
            Err(TransactionError::Fenced { .. }) => {
                holding.state = State::Lost;
                Ok(())
            }
            Ok(()) | Err(TransactionError::Stopped) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
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
    tell: &mut Tell<'_>,
    is_lost: impl Fn(&mut Tell<'_>) -> Result<bool, TransactionError>,
) -> Result<(), TransactionError> {
    for _ in 1..limits::INIT_FENCED_TRIES {
        match producer.initialise(tell) {
            Err(error @ TransactionError::Fenced { .. }) => {
                if is_lost(tell)? {
                    return Err(error);
                }
                wait_by_chance(stop);
            }
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

#[cfg(test)]
mod tests {
    use barid_harness::HANGS_AFTER;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    fn taken() -> (MockCluster<'static, DefaultProducerContext>, ProcessName, StopSignal) {
        let broker = MockCluster::new(1).unwrap();
        broker.create_topic("a", 1, 1).unwrap();
        let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
        let stop = StopSignal::new();
        let name = ProcessName::new(&cluster, "deployment/router/name", "a", &stop);
        assert_eq!(name.take(&mut |_| {}), Ok(true));
        (broker, name, stop)
    }

    fn doubts(name: &ProcessName) -> usize {
        name.holding().doubts
    }

    #[test]
    fn a_process_that_has_its_name_finds_so_without_taking_it_again() {
        let (_broker, name, _stop) = taken();
        for _ in 0..3 {
            assert_eq!(name.is_lost(&mut |_| {}), Ok(false));
        }
        assert_eq!(doubts(&name), 0);
    }

    #[test]
    fn a_name_that_another_process_has_taken_is_lost_for_good_and_for_every_slot() {
        let (broker, name, _stop) = taken();
        broker.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
        assert_eq!(name.is_lost(&mut |_| {}), Ok(true));
        assert_eq!(name.is_lost(&mut |_| {}), Ok(true));
        assert!(matches!(name.take(&mut |_| {}), Err(TransactionError::Fenced { .. })));
    }

    #[test]
    fn without_a_clear_answer_the_name_is_taken_again_but_not_for_ever() {
        let (broker, name, _stop) = taken();
        let refuse = || {
            broker.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD]);
            name.is_lost(&mut |_| {})
        };
        assert_eq!(refuse(), Ok(false));
        assert_eq!(doubts(&name), 1);
        assert_eq!(name.is_lost(&mut |_| {}), Ok(false));
        assert_eq!(doubts(&name), 0, "a clear answer ends the doubts");
        for _ in 0..limits::NAME_DOUBTS {
            assert_eq!(refuse(), Ok(false));
        }
        assert!(matches!(refuse(), Err(TransactionError::Fatal { .. })));
    }

    /// Lets so many slots wait, stops them, and looks what they say.
    fn stopped(stop: &StopSignal, slots: usize, wait: impl Fn() -> Result<bool, TransactionError> + Sync) {
        std::thread::scope(|scope| {
            let slots: Vec<_> = (0..slots).map(|_| scope.spawn(&wait)).collect();
            stop.wait(Duration::from_millis(100));
            stop.stop();
            let began = Instant::now();
            for slot in slots {
                assert_eq!(slot.join().unwrap(), Ok(false));
            }
            assert!(began.elapsed() < HANGS_AFTER);
        });
    }

    #[test]
    fn a_stop_ends_the_wait_for_a_broker_that_is_away_for_all_slots() {
        let cluster = Cluster::at("127.0.0.1:1", "test").unwrap();
        let stop = StopSignal::new();
        let name = ProcessName::new(&cluster, "deployment/router/name", "a", &stop);
        stopped(&stop, 3, || name.take(&mut |_| {}));
    }

    #[test]
    fn a_stop_ends_the_questions_of_all_slots_though_the_broker_is_away() {
        let (broker, name, stop) = taken();
        drop(broker);
        stopped(&stop, limits::NAME_DOUBTS + 2, || name.is_lost(&mut |_| {}));
    }

    #[test]
    fn a_transaction_that_was_open_for_long_may_have_been_ended_by_the_broker() {
        assert!(!may_have_timed_out(Duration::from_millis(20)));
        assert!(may_have_timed_out(limits::TRANSACTION));
    }
}
