//! What a slot does when something has failed: abort, rebuild, join again, or end. [`super::slot`] says when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::Offset;

use super::lanes::{Lanes, list};
use super::owners::Owners;
use super::slot::{GroupConsumer, Positions, Slot, Trouble, is_expelled};
use super::{Processor, WorkerError, WorkerEvent};
use crate::classify::{Class, classify};
use crate::limits;
use crate::outage::Away;
use crate::process_name::{initialise_contested, wait_by_chance};
use crate::transaction::{TransactionError, Waiting};

impl<P: Processor> Slot<'_, P> {
    /// What follows trouble. `Err` ends the worker.
    pub(super) fn mend(&mut self, consumer: &GroupConsumer, trouble: Trouble) -> Result<(), WorkerError> {
        let mended = match trouble {
            Trouble::Abort(reason) => self.abort(consumer, reason),
            Trouble::Rebuild(reason) => self.rebuild(consumer, reason),
            Trouble::Fenced => self.fenced(consumer),
            Trouble::End(error) => Err(error),
        };
        self.expelled |= is_expelled(consumer);
        mended
    }

    /// Somebody has taken the names of this slot from its producers.
    fn fenced(&mut self, consumer: &GroupConsumer) -> Result<(), WorkerError> {
        // Its place in the group is gone too: then there is more to be made new than producers.
        if is_expelled(consumer) {
            return Ok(());
        }
        let reason = self.still_named()?;
        wait_by_chance(self.stop);
        self.rebuild(consumer, reason)
    }

    /// In which words the slot takes its names back; it does not if the process has lost its own. Otherwise it was a broker that ended what stood still for too long, an
    /// older request of this slot that arrived after a newer one, or an older process that does not know yet that it is the older one.
    fn still_named(&mut self) -> Result<String, WorkerError> {
        let lost = self.settings.process.is_lost(&mut waiting_told_to(self.processor));
        self.must_be_held(lost)?;
        Ok(format!("`{}` was taken, and the process still has its name", self.settings.transactional_id))
    }

    /// Asks now and then whether the process has its name, though nothing was taken from this slot.
    pub(super) fn keep_name(&mut self) -> Result<(), WorkerError> {
        let lost = self.settings.process.is_lost_meanwhile(&mut waiting_told_to(self.processor));
        self.must_be_held(lost)
    }

    fn must_be_held(&self, lost: Result<bool, TransactionError>) -> Result<(), WorkerError> {
        match lost {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.name_lost()),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// The group has given the name of this slot to another consumer, and this one takes no more calls: makes consumer and producers new. Nobody knows what became of the
    /// open transaction, and the partitions are lost: whoever has them next asks for their committed offsets.
    pub(super) fn join_again(&mut self, consumer: &mut GroupConsumer) -> Result<(), WorkerError> {
        let reason = self.still_named()?;
        wait_by_chance(self.stop);
        if self.open.take().is_some() {
            self.tell(WorkerEvent::Aborted { reason: reason.clone() });
        }
        let partitions: Vec<_> = self.lanes.assigned().into_iter().map(|lane| (lane.topic, lane.partition)).collect();
        self.lanes = Lanes::default();
        self.owners = Owners::default();
        if !partitions.is_empty() {
            self.tell(WorkerEvent::Revoked { partitions, lost: true });
        }
        // Stopped: whoever has the name keeps it.
        if !self.initialise_producers()? {
            return Ok(());
        }
        let expelled = std::mem::replace(consumer, self.subscribe()?);
        self.leave(expelled);
        self.turn = 0;
        self.tell(WorkerEvent::Rebuilt { reason });
        Ok(())
    }

    pub(super) fn abort(&mut self, consumer: &GroupConsumer, reason: String) -> Result<(), WorkerError> {
        if self.open.is_none() && !self.producers[self.turn].is_open() {
            return Ok(());
        }
        if self.producers[self.turn].has_failed_deliveries() {
            return self.rebuild(consumer, reason);
        }
        tracing::debug!(reason, "transaction is aborted");
        if let Err(error) = self.producers[self.turn].abort() {
            // What is open is told of by the rebuild.
            return match Trouble::from(error) {
                Trouble::Abort(reason) => self.rebuild(consumer, reason),
                trouble => self.mend(consumer, trouble),
            };
        }
        let back = self.lanes.roll_back();
        self.put_back(consumer, back)?;
        self.open = None;
        self.turn = (self.turn + 1) % self.producers.len();
        self.tell(WorkerEvent::Aborted { reason });
        self.wait_after_abort();
        Ok(())
    }

    /// What made one transaction fail may make the next one fail too.
    pub(super) fn wait_after_abort(&mut self) {
        self.stop.wait(self.abort_wait);
        self.abort_wait = (self.abort_wait * 2).min(limits::ABORTED_LONGEST);
    }

    /// Drops all producers, makes them new, and asks the broker what became of the transaction.
    pub(super) fn rebuild(&mut self, consumer: &GroupConsumer, reason: String) -> Result<(), WorkerError> {
        tracing::debug!(reason, "all producers are made new");
        let open = self.open.take().map(|open| (open.records, open.outbox.sent()));
        if !self.initialise_producers()? {
            // Stopped while waiting. The next start initialises the same names and so decides the transaction.
            self.lanes.roll_back();
            if open.is_some() {
                self.tell(WorkerEvent::Aborted { reason });
            }
            return Ok(());
        }
        let Some(committed) = self.wait_for_stable_offsets(consumer)? else {
            self.lanes.roll_back();
            if open.is_some() {
                self.tell(WorkerEvent::Aborted { reason });
            }
            return Ok(());
        };
        let mut moved = 0;
        let mut went_through = 0;
        for (topic, partition, next) in &committed {
            if let Some(lane) = self.lanes.get_mut(topic, *partition) {
                if lane.next != lane.committed {
                    moved += 1;
                    went_through += usize::from(lane.next == *next);
                }
                lane.committed = *next;
            }
        }
        match open {
            // Offsets and outputs went together, so the offsets tell about both.
            Some((records, sent)) if moved > 0 && moved == went_through => {
                self.committed(records, sent, Instant::now())
            }
            Some(_) => {
                self.tell(WorkerEvent::Aborted { reason: reason.clone() });
                self.wait_after_abort();
            }
            None => {}
        }
        self.lanes.roll_back();
        // Every position, not only those that moved: the rest costs little and nothing can be missed.
        let positions: Vec<_> = self.lanes.assigned();
        let back = list(positions.iter().map(|lane| (lane.topic.as_str(), lane.partition, lane.next_offset)));
        self.put_back(consumer, back)?;
        self.turn = 0;
        self.tell(WorkerEvent::Rebuilt { reason });
        Ok(())
    }

    /// `None`: stopped, or the partitions were lost meanwhile (their revocation is on its way, or the group has another consumer of this name).
    pub(super) fn wait_for_stable_offsets(
        &mut self,
        consumer: &GroupConsumer,
    ) -> Result<Option<Positions>, WorkerError> {
        if self.lanes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut away = Away::new(self.cluster.outage());
        loop {
            if self.stop.is_stopped() || is_expelled(consumer) {
                return Ok(None);
            }
            match self.committed_or_known(consumer) {
                None => return Ok(None),
                Some(Ok(positions)) => {
                    away.back();
                    return Ok(Some(positions));
                }
                Some(Err(error)) => {
                    let code = error.rdkafka_error_code();
                    if code.is_some_and(|code| classify(code).0 == Class::Fatal) {
                        return Err(WorkerError::Fatal { reason: error.to_string() });
                    }
                    let unstable = code == Some(Code::UnstableOffsetCommit);
                    let wait = if unstable {
                        limits::UNSTABLE_RETRY
                    } else {
                        away.again(&self.cluster.why_away(consumer.context().trouble()))
                    };
                    self.stop.wait(wait);
                }
            }
        }
    }

    /// Committed offsets of all lanes; for a partition that never had one, the position where it began. `None`: stopped meanwhile.
    pub(super) fn committed_or_known(&mut self, consumer: &GroupConsumer) -> Option<Result<Positions, ClientError>> {
        let (client, all) = (Arc::clone(consumer), self.lanes.all());
        let asking = move || client.committed_offsets(all, limits::COMMITTED);
        let committed = match self.stop.waiting_for(Duration::ZERO, asking)? {
            Ok(committed) => committed,
            Err(error) => return Some(Err(error)),
        };
        let mut positions = Vec::new();
        for element in committed.elements() {
            if let Err(error) = element.error() {
                return Some(Err(error));
            }
            let known = self.lanes.get_mut(element.topic(), element.partition()).map_or(0, |lane| lane.committed);
            let next = if let Offset::Offset(offset) = element.offset() { offset } else { known };
            positions.push((element.topic().to_owned(), element.partition(), next));
        }
        Some(Ok(positions))
    }

    /// Takes the name of the process, unless another slot has done it. False: stopped while the broker was away.
    pub(super) fn take_name(&mut self) -> Result<bool, WorkerError> {
        let taken = self.settings.process.take(&mut waiting_told_to(self.processor));
        taken.map_err(|error| self.refused(error))
    }

    /// False: stopped while the broker was away.
    pub(super) fn initialise_producers(&mut self) -> Result<bool, WorkerError> {
        for producer in &mut self.producers {
            producer.discard();
        }
        for producer in &mut self.producers {
            let initialised = initialise_contested(producer, self.stop, &mut waiting_told_to(self.processor), |tell| {
                self.settings.process.is_lost(tell)
            });
            match initialised {
                Ok(()) => {}
                Err(TransactionError::Stopped) => return Ok(false),
                Err(error) => return Err(self.refused(error)),
            }
        }
        Ok(true)
    }

    /// A producer, of this slot or of the name, cannot be made.
    fn refused(&self, error: TransactionError) -> WorkerError {
        match error {
            TransactionError::Fenced { .. } => self.name_lost(),
            error => WorkerError::Fatal { reason: error.to_string() },
        }
    }

    fn name_lost(&self) -> WorkerError {
        WorkerError::Fenced { transactional_id: self.settings.transactional_id.clone() }
    }
}

/// Tells a processor that the broker is waited for, once, and that it is back.
fn waiting_told_to<P: Processor>(processor: &mut P) -> impl FnMut(Waiting<'_>) {
    let mut told = false;
    move |waiting| match waiting {
        Waiting::Away(reason) if !told => {
            told = true;
            processor.event(&WorkerEvent::BrokerAway { reason: reason.to_owned() });
        }
        Waiting::Away(_) => {}
        Waiting::Back => processor.event(&WorkerEvent::BrokerBack),
    }
}
