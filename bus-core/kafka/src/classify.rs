//! What an error code of the client makes us do: one table, a reason for each row.
//!
//! The client's own flags (fatal, retriable, requires abort) are looked at by the caller; this table decides what they do not say: whether somebody else has
//! taken over, whether an operator has to act, whether a try again can help. A code that is not in the table counts as [`Class::Indefinite`], the most
//! careful answer inside a transaction.

use rdkafka::types::RDKafkaErrorCode as Code;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The broker or the network: the same call again, later.
    Retry,
    /// The open transaction is lost, the producer is good.
    Abort,
    /// Nobody knows what the broker did: all producers are made new.
    Indefinite,
    /// Another producer has the same transactional id.
    Fenced,
    /// This record can never be written.
    TooLarge,
    /// Looks as if an operator had to act, but a broker that goes down in the middle of a handshake looks the same: said, and tried again.
    Credentials,
    /// Only an operator can mend it.
    Fatal,
}

use Class::{Abort, Credentials, Fatal, Fenced, Indefinite, Retry, TooLarge};

/// Code, class, reason.
pub(crate) const TABLE: &[(Code, Class, &str)] = &[
    (Code::BrokerTransportFailure, Retry, "the connection broke; the client connects again"),
    (Code::AllBrokersDown, Retry, "no broker can be reached at present"),
    (Code::Resolve, Retry, "a name server may be away as a broker may"),
    (Code::OperationTimedOut, Retry, "no answer came within the limit of the call"),
    (Code::TimedOutQueue, Retry, "the request was never sent"),
    (Code::WaitingForCoordinator, Retry, "the coordinator is being looked for"),
    (Code::InProgress, Retry, "the same call is still running in the background"),
    (Code::PreviousInProgress, Retry, "the call before is still running in the background"),
    (Code::WaitCache, Retry, "metadata is being fetched"),
    (Code::Retry, Retry, "the client asks for it"),
    (Code::QueueFull, Retry, "the client's queue empties by itself"),
    (Code::LeaderNotAvailable, Retry, "an election is going on"),
    (Code::NotLeaderForPartition, Retry, "the leader has moved; metadata is being refreshed"),
    (Code::RequestTimedOut, Retry, "the broker gave up waiting for its replicas"),
    (Code::BrokerNotAvailable, Retry, "the broker is starting or stopping"),
    (Code::ReplicaNotAvailable, Retry, "a replica is starting"),
    (Code::NetworkException, Retry, "the broker lost a connection inside the cluster"),
    (Code::CoordinatorLoadInProgress, Retry, "the coordinator is reading its log"),
    (Code::CoordinatorNotAvailable, Retry, "the coordinator is moving"),
    (Code::NotCoordinator, Retry, "the coordinator has moved"),
    (Code::NotEnoughReplicas, Retry, "replicas are away; they come back"),
    (Code::NotEnoughReplicasAfterAppend, Retry, "replicas went away; they come back"),
    (Code::ConcurrentTransactions, Retry, "the markers of the transaction before are still being written"),
    (Code::UnstableOffsetCommit, Retry, "an unfinished transaction holds the offset; it ends by itself"),
    (Code::KafkaStorageError, Retry, "a disk failed; the leader moves"),
    (Code::FencedLeaderEpoch, Retry, "metadata is old; it is being refreshed"),
    (Code::UnknownLeaderEpoch, Retry, "the broker's metadata is old"),
    (Code::ThrottlingQuotaExceeded, Retry, "the broker asks for patience"),
    (Code::OffsetNotAvailable, Retry, "a new leader has not caught up"),
    (Code::UnknownTopicOrPartition, Retry, "a topic that was just created is not known everywhere"),
    (Code::UnknownTopic, Retry, "as above, found by the client"),
    (Code::UnknownPartition, Retry, "as above, found by the client"),
    (Code::IllegalGeneration, Abort, "the group has rebalanced; somebody else may have the partitions"),
    (Code::UnknownMemberId, Abort, "the group has put this member out"),
    (Code::RebalanceInProgress, Abort, "the group is rebalancing; the offsets were not taken"),
    (Code::AssignmentLost, Abort, "the partitions are somebody else's"),
    (Code::MessageTimedOut, Abort, "a record was not delivered in time"),
    (Code::PurgeQueue, Abort, "a record was purged before it was sent"),
    (Code::PurgeInflight, Abort, "a record was purged while it was sent"),
    (Code::InvalidMessage, Abort, "a record was damaged on its way"),
    (Code::InvalidRecord, Abort, "the broker refused a record (a compacted topic takes none without a key)"),
    (Code::OutOfOrderSequenceNumber, Abort, "a batch before was lost; the client begins a new epoch"),
    (Code::UnknownProducerId, Abort, "the broker has forgotten the producer's state; the client begins a new epoch"),
    (Code::OperationNotAttempted, Abort, "another partition of the same request failed"),
    (Code::State, Abort, "the transaction is in a state that takes no more"),
    (Code::Inconsistent, Indefinite, "client and broker do not agree about what happened"),
    (Code::InvalidTransactionalState, Indefinite, "client and coordinator do not agree about the transaction"),
    (
        Code::InvalidProducerIdMapping,
        Indefinite,
        "the coordinator has forgotten the transactional id (unused for days); a new producer registers it",
    ),
    (Code::Fatal, Indefinite, "the client cannot be used any more; the reason is looked up"),
    (Code::FencedInstanceId, Fenced, "a younger process has the name in the group"),
    (Code::Fenced, Fenced, "a newer producer has the transactional id"),
    (Code::ProducerFenced, Fenced, "a newer producer has the transactional id"),
    (
        Code::InvalidProducerEpoch,
        Fenced,
        "a newer producer has the transactional id, or the broker timed the transaction out",
    ),
    (Code::MessageSizeTooLarge, TooLarge, "above the limit of the client or of the topic"),
    (Code::MessageBatchTooLarge, TooLarge, "above the limit of the topic"),
    (Code::InvalidMessageSize, TooLarge, "above the limit of the broker"),
    (Code::TopicAuthorizationFailed, Fatal, "an ACL is missing"),
    (Code::GroupAuthorizationFailed, Fatal, "an ACL is missing"),
    (Code::ClusterAuthorizationFailed, Fatal, "an ACL is missing"),
    (Code::TransactionalIdAuthorizationFailed, Fatal, "an ACL is missing"),
    (Code::SaslAuthenticationFailed, Credentials, "wrong credentials"),
    (Code::Authentication, Credentials, "wrong credentials or a broken security setting"),
    (Code::UnsupportedSASLMechanism, Credentials, "the broker does not offer this mechanism"),
    (Code::SSL, Credentials, "TLS is not set up as the broker expects"),
    (Code::InvalidTransactionTimeout, Fatal, "the broker's `transaction.max.timeout.ms` is below ours"),
    (Code::UnsupportedVersion, Fatal, "the broker is too old"),
    (Code::UnsupportedFeature, Fatal, "the broker is too old"),
    (Code::InvalidArgument, Fatal, "a defect in this program"),
    (Code::NotConfigured, Fatal, "a defect in this program"),
    (Code::InvalidTopic, Fatal, "a topic name that Kafka does not take"),
    (Code::InvalidGroupId, Fatal, "a group name that Kafka does not take"),
    (Code::PolicyViolation, Fatal, "a rule of the broker forbids it"),
];

/// The class of a code, and why.
pub(crate) fn classify(code: Code) -> (Class, &'static str) {
    TABLE
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or((Indefinite, "an error that is not in the table: the most careful answer"), |(_, class, reason)| {
            (*class, *reason)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_has_one_row_and_a_reason() {
        for (index, (code, class, reason)) in TABLE.iter().enumerate() {
            assert!(TABLE[index + 1..].iter().all(|(other, ..)| other != code), "`{code:?}` stands twice");
            assert_eq!(classify(*code), (*class, *reason));
            assert!(reason.len() > 8, "`{code:?}` has no reason");
        }
    }

    #[test]
    fn what_happened_to_the_broker_is_never_blamed_on_the_transaction_or_the_operator() {
        for code in [
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::OperationTimedOut,
            Code::NotCoordinator,
            Code::UnstableOffsetCommit,
        ] {
            assert_eq!(classify(code).0, Class::Retry, "{code:?}");
        }
    }

    #[test]
    fn all_three_words_for_fencing_are_known() {
        for code in [Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch] {
            assert_eq!(classify(code).0, Class::Fenced, "{code:?}");
        }
    }

    #[test]
    fn an_unknown_code_is_treated_as_an_unknown_outcome() {
        assert_eq!(classify(Code::LogTruncation).0, Class::Indefinite);
    }
}
