//! Choosing one of several processes by a consumer group, without consuming anything.
//!
//! Every process that may lead is a member of one group that subscribes to a topic with a single partition. The group gives the partition to one of them, and
//! that one leads; when it ends or falls silent the group gives the partition to another. So Kafka alone decides, in the time of a session (6 s) after a kill and
//! at once after an orderly end.
//!
//! Who leads is asked from the group as well ([`Candidate::leader`]): the coordinator knows the client id of the member that has the partition, and the client id
//! can carry an address. Nothing has to be written anywhere for it.
//!
//! A group decides who *should* lead. A process that sleeps does not notice that it was replaced, so this is never what keeps two leaders apart: whatever
//! a leader writes goes through a transactional producer whose id is the same for all candidates, and the broker refuses the one that was replaced.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::burial::bury;
use crate::client::{Context, Reach, Rebalance, carry_out_assign, carry_out_revoke, carry_out_what_is_left};
use crate::membership::members;
use crate::outage::Sight;
use crate::reader::asked;
use crate::{Cluster, KafkaError, limits};

/// What happens to a candidate, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateEvent {
    /// This process should lead.
    Elected,
    /// Another process should, or nobody knows.
    Deposed,
    BrokerAway {
        reason: String,
    },
    BrokerBack,
}

/// A member of the group. Dropping it leaves the group, so that another is chosen at once.
pub struct Candidate {
    cluster: Cluster,
    group_id: String,
    consumer: Option<Arc<BaseConsumer<Context>>>,
    reach: Arc<Reach>,
    elected: bool,
    sight: Sight,
}

impl Candidate {
    /// Joins the group; the answer comes through [`Self::poll`]. `client_id` is what [`Self::leader`] tells the others of this process. The topic must have one
    /// partition.
    pub fn join(cluster: &Cluster, client_id: &str, group_id: &str, topic: &str) -> Result<Self, KafkaError> {
        let setting = |error: rdkafka::error::KafkaError| KafkaError::Setting { reason: error.to_string() };
        let reach = Arc::<Reach>::default();
        let context = Context::with_deferred_rebalances(&reach);
        let config = cluster.with_client_id(client_id).group_consumer(group_id, None);
        let consumer = BaseConsumer::from_config_and_context(&config, context).map_err(setting)?;
        consumer.subscribe(&[topic]).map_err(setting)?;
        Ok(Self {
            cluster: cluster.clone(),
            group_id: group_id.to_owned(),
            consumer: Some(Arc::new(consumer)),
            reach,
            elected: false,
            sight: Sight::new(cluster.outage()),
        })
    }

    /// Serves the group for at most `limit`, and gives what has changed. Call it again and again: who does not is put out of the group after some minutes.
    pub fn poll(&mut self, limit: Duration) -> Option<CandidateEvent> {
        let consumer = Arc::clone(self.consumer.as_ref()?);
        if let Some(event) = self.look_for_broker(&consumer) {
            return Some(event);
        }
        // Nothing is read: a partition is paused as soon as it is ours. A record that came before that is dropped, nobody commits an offset.
        let _ = consumer.poll(limit);
        while let Some(rebalance) = consumer.context().next_rebalance() {
            match rebalance {
                Rebalance::Assign(partitions) => {
                    carry_out_assign(&consumer, &partitions);
                    pause(&consumer, &partitions);
                }
                Rebalance::Revoke { partitions, .. } => carry_out_revoke(&consumer, &partitions),
            }
        }
        // An assignment that was lost is still there until its revocation is carried out, which is what the next poll brings.
        let elected =
            !consumer.assignment_lost() && consumer.assignment().is_ok_and(|assignment| assignment.count() > 0);
        if elected == self.elected {
            return None;
        }
        self.elected = elected;
        Some(if elected { CandidateEvent::Elected } else { CandidateEvent::Deposed })
    }

    /// The client id of the member that has the partition. `None`: nobody has it, or the group is just choosing.
    pub fn leader(&self) -> Result<Option<String>, KafkaError> {
        let Some(consumer) = &self.consumer else { return Ok(None) };
        let members = members(consumer, &self.group_id, limits::METADATA)
            .map_err(|error| asked(consumer, "ask who leads", limits::METADATA, &error))?;
        let mut leaders = members.into_iter().filter(|member| {
            member.assigned.as_ref().is_some_and(|topics| topics.values().any(|partitions| !partitions.is_empty()))
        });
        Ok(leaders.next().map(|member| member.client_id))
    }

    /// A client has said that no broker can be reached: asks one, and tells what came out if it is news.
    fn look_for_broker(&mut self, consumer: &BaseConsumer<Context>) -> Option<CandidateEvent> {
        let suspected = self.reach.take_suspicion();
        if !self.sight.due(suspected) {
            return None;
        }
        if consumer.fetch_metadata(None, limits::PROBE).is_ok() {
            return self.sight.answered().then_some(CandidateEvent::BrokerBack);
        }
        let reason = self.cluster.why_away(consumer.context().trouble());
        self.sight.silent(&reason).then_some(CandidateEvent::BrokerAway { reason })
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        consumer.context().close();
        carry_out_what_is_left(&consumer);
        bury("candidate", consumer, limits::STOP_CONSUMER);
    }
}

/// A refusal costs some records that are fetched for nothing.
fn pause(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) {
    if let Err(error) = consumer.pause(partitions) {
        tracing::debug!(error = %error, "the partition of the candidates could not be paused");
    }
}
