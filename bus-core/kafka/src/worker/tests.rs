//! The steps of a slot that the group does not take in an ordinary run.

use std::time::Instant;

use barid_harness::HANGS_AFTER;
use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::lanes::list;
use super::slot::{GroupConsumer, is_expelled};
use super::*;
use crate::InProcessBroker;
use crate::client::Rebalance;

#[derive(Default)]
struct Idle {
    revoked: Vec<(String, i32)>,
}

impl Processor for Idle {
    fn begin(&mut self, _begin: &Begin<'_>, _out: &mut Outbox) {}

    fn process(&mut self, _record: &RecordRef<'_>, _out: &mut Outbox) -> Verdict {
        Verdict::Done
    }

    fn event(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Revoked { partitions, .. } = event {
            self.revoked.extend_from_slice(partitions);
        }
    }
}

fn settings(cluster: &Cluster, stop: &StopSignal) -> WorkerSettings {
    let process = Arc::new(ProcessName::new(cluster, "w/name", "a", stop));
    WorkerSettings::new(&process, Input::Topics(vec!["a".to_owned()]), "g", "w")
}

/// Serves the group until the slot has so many partitions.
#[track_caller]
fn until_assigned(slot: &mut Slot<'_, Idle>, consumer: &GroupConsumer, partitions: usize) {
    let started = Instant::now();
    while slot.lanes.assigned().len() != partitions {
        assert!(started.elapsed() < HANGS_AFTER, "it has {:?}", slot.lanes.assigned());
        assert!(consumer.poll(Duration::from_millis(10)).is_none_or(|polled| polled.is_err()));
        while let Some(rebalance) = consumer.context().next_rebalance() {
            assert!(slot.rebalance(consumer, rebalance).is_ok());
        }
        assert!(slot.take_arriving(consumer).is_ok());
    }
}

#[test]
fn a_slot_that_has_its_group_divide_again_gives_back_what_it_has_and_is_given_partitions_again() {
    let broker = InProcessBroker::start().unwrap();
    broker.create_topic("a", 2).unwrap();
    let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
    let (stop, mut processor) = (StopSignal::new(), Idle::default());
    let settings = settings(&cluster, &stop);
    let mut slot = Slot::new(&cluster, &settings, &mut processor, &stop);
    let consumer = slot.subscribe().unwrap();
    until_assigned(&mut slot, &consumer, 2);
    let rejoined = slot.rejoin(&consumer).is_ok();
    until_assigned(&mut slot, &consumer, 0);
    until_assigned(&mut slot, &consumer, 2);
    assert!(slot.finish(consumer, Ok(())).is_ok());
    assert!(rejoined);
    assert_eq!(processor.revoked, [("a".to_owned(), 0), ("a".to_owned(), 1)]);
}

/// What the group says to a member whose name it has given to another one.
fn expel(group: &MockCluster<'_, DefaultProducerContext>, slot: &mut Slot<'_, Idle>, consumer: &GroupConsumer) {
    group.request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID]);
    let started = Instant::now();
    while !std::mem::take(&mut slot.expelled) {
        assert!(started.elapsed() < HANGS_AFTER, "it was not expelled");
        let _ = slot.step(consumer);
    }
}

#[test]
fn a_slot_that_its_group_has_expelled_joins_again_while_its_process_has_its_name_and_is_not_to_stop() {
    let group = MockCluster::new(1).unwrap();
    group.create_topic("a", 2, 1).unwrap();
    let cluster = Cluster::at(&group.bootstrap_servers(), "test").unwrap();
    let (stop, mut processor) = (StopSignal::new(), Idle::default());
    let settings = settings(&cluster, &stop);
    let mut slot = Slot::new(&cluster, &settings, &mut processor, &stop);
    assert_eq!(slot.take_name(), Ok(true));
    let mut consumer = slot.subscribe().unwrap();
    until_assigned(&mut slot, &consumer, 2);

    let mut joined = Vec::new();
    for _ in 0..2 {
        expel(&group, &mut slot, &consumer);
        joined.push(slot.join_again(&mut consumer));
        until_assigned(&mut slot, &consumer, 2);
    }
    expel(&group, &mut slot, &consumer);
    // A stopped slot leaves the name to whoever has it.
    stop.stop();
    joined.push(slot.join_again(&mut consumer));
    let has_another = !is_expelled(&consumer);
    assert!(slot.finish(consumer, Ok(())).is_ok());
    assert_eq!(joined, [Ok(()), Ok(()), Ok(())]);
    assert!(!has_another);
    assert_eq!(processor.revoked.len(), 6);
}

#[test]
fn a_slot_that_its_group_has_expelled_ends_if_its_process_has_lost_its_name() {
    let group = MockCluster::new(1).unwrap();
    group.create_topic("a", 2, 1).unwrap();
    let cluster = Cluster::at(&group.bootstrap_servers(), "test").unwrap();
    let (stop, mut processor) = (StopSignal::new(), Idle::default());
    let settings = settings(&cluster, &stop);
    let mut slot = Slot::new(&cluster, &settings, &mut processor, &stop);
    assert_eq!(slot.take_name(), Ok(true));
    let mut consumer = slot.subscribe().unwrap();
    until_assigned(&mut slot, &consumer, 2);

    expel(&group, &mut slot, &consumer);
    group.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let ended = slot.join_again(&mut consumer);
    assert!(slot.finish(consumer, Ok(())).is_ok());
    assert_eq!(ended, Err(WorkerError::Fenced { transactional_id: "w".to_owned() }));
}

/// A member that did not poll for minutes, because it waited for the broker, is taken everything at once.
#[test]
fn partitions_that_are_revoked_before_they_were_taken_up_are_forgotten_and_the_others_given_back() {
    let broker = InProcessBroker::start().unwrap();
    broker.create_topic("a", 2).unwrap();
    broker.create_topic("b", 1).unwrap();
    let cluster = Cluster::at(&broker.bootstrap_servers(), "test").unwrap();
    let (stop, mut processor) = (StopSignal::new(), Idle::default());
    let settings = settings(&cluster, &stop);
    let mut slot = Slot::new(&cluster, &settings, &mut processor, &stop);
    let consumer = slot.subscribe().unwrap();
    let started = Instant::now();
    until_assigned(&mut slot, &consumer, 2);
    assert!(matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative));

    let arriving = list([("b", 0, 0)].into_iter());
    let assigned = slot.rebalance(&consumer, Rebalance::Assign(arriving)).is_ok();
    let all = list([("a", 0, 0), ("a", 1, 0), ("b", 0, 0)].into_iter());
    let revoked = slot.rebalance(&consumer, Rebalance::Revoke { partitions: all, lost: true }).is_ok();
    let forgotten = slot.arriving.is_none() && slot.lanes.is_empty();
    let taken = slot.take_arriving(&consumer).is_ok();
    let held = consumer.assignment().unwrap().count();

    // Of those that arrive, the ones that are not revoked are still taken up.
    let arriving = list([("a", 0, 0), ("a", 1, 0)].into_iter());
    let assigned_again = slot.rebalance(&consumer, Rebalance::Assign(arriving)).is_ok();
    let one = list([("a", 0, 0)].into_iter());
    let revoked_again = slot.rebalance(&consumer, Rebalance::Revoke { partitions: one, lost: false }).is_ok();
    while slot.lanes.is_empty() && started.elapsed() < HANGS_AFTER {
        let _ = slot.take_arriving(&consumer);
    }
    let lanes = slot.lanes.assigned();
    // It ends before anything is asserted: a consumer that is dropped with a rebalance unanswered never ends.
    assert!(slot.finish(consumer, Ok(())).is_ok());
    assert!(assigned && revoked && taken && assigned_again && revoked_again);
    assert!(forgotten);
    assert_eq!(held, 0);
    assert_eq!(lanes, [AssignedPartition { topic: "a".to_owned(), partition: 1, next_offset: 0 }]);
    assert_eq!(processor.revoked, [("a".to_owned(), 0), ("a".to_owned(), 1)]);
}
