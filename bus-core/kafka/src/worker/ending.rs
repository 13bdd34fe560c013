//! How a slot ends: it settles what is open, leaves its group and drops its clients.

use std::time::Instant;

use rdkafka::consumer::Consumer;

use super::slot::{GroupConsumer, Slot, Trouble, is_expelled};
use super::{Processor, WorkerError, WorkerEvent};
use crate::burial::bury_by;
use crate::client::{carry_out_assign, carry_out_what_is_left};
use crate::limits;

impl<P: Processor> Slot<'_, P> {
    /// Settles what is open, leaves the group, drops everything, each within its limit.
    pub(super) fn finish(
        &mut self,
        consumer: GroupConsumer,
        ended: Result<(), WorkerError>,
    ) -> Result<(), WorkerError> {
        if self.open.is_some() {
            let settled =
                if ended.is_ok() { self.commit(&consumer) } else { Err(Trouble::Abort("the worker ends".to_owned())) };
            if let Err(trouble) = settled {
                // No waiting and no new producers any more: an abort is tried, else the next start of the same name decides. A producer that was fenced, or
                // one that an abort would make anew, is left alone: made anew it would take the name back from whoever has it now.
                let fenced = matches!(ended, Err(WorkerError::Fenced { .. })) || matches!(trouble, Trouble::Fenced);
                let producer = &mut self.producers[self.turn];
                let aborted = !fenced && !producer.has_failed_deliveries() && producer.abort().is_ok();
                self.open = None;
                self.lanes.roll_back();
                let reason = match trouble {
                    Trouble::Abort(reason) | Trouble::Rebuild(reason) => reason,
                    Trouble::Fenced => "fenced".to_owned(),
                    Trouble::End(error) => error.to_string(),
                };
                tracing::debug!(reason, aborted, "the last transaction was not committed");
                self.tell(WorkerEvent::Aborted { reason });
            }
        }
        self.leave(consumer);
        for producer in &mut self.producers {
            producer.discard();
        }
        self.tell(WorkerEvent::Stopped);
        ended
    }

    /// Leaves the group and closes the consumer. The client itself does not leave with a name: then the others would miss this slot for the rest of its session.
    pub(super) fn leave(&mut self, consumer: GroupConsumer) {
        consumer.context().close();
        if let Some(arriving) = self.arriving.take() {
            carry_out_assign(&consumer, &arriving.partitions);
        }
        carry_out_what_is_left(&consumer);
        if !is_expelled(&consumer) {
            consumer.unsubscribe();
            let (began, limit) = (Instant::now(), self.stop.at_most(limits::STOP_LEAVE, limits::STOP_ALL));
            while began.elapsed() < limit && consumer.assignment().is_ok_and(|held| held.count() > 0) {
                let _ = consumer.poll(limits::STOP_LOOK);
            }
            // What it held it has given back, and says now that it goes.
            let _ = consumer.poll(limits::STOP_LEFT);
        }
        bury_by("consumer", consumer, limits::STOP_CONSUMER, self.stop);
    }
}
