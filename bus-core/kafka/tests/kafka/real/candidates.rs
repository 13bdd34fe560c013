//! One of several candidates leads, each knows who, and another follows.

use barid_harness::HANGS_AFTER;
use barid_kafka::{Candidate, CandidateEvent};

use super::{cluster, topic};
use crate::support::{unique, wait_for};

const POLL: std::time::Duration = std::time::Duration::from_millis(50);

#[test]
fn one_candidate_leads_the_other_knows_it_and_leads_when_it_is_gone() {
    let cluster = cluster();
    let (topic, group) = (topic(&cluster, "candidates", 1), unique("candidates"));
    let mut first = Candidate::join(&cluster, "first@http://10.0.0.1:8081", &group, &topic).unwrap();
    wait_for("the first to lead", HANGS_AFTER, || first.poll(POLL) == Some(CandidateEvent::Elected));
    let mut second = Candidate::join(&cluster, "second@http://10.0.0.2:8081", &group, &topic).unwrap();
    let mut events = Vec::new();
    wait_for("the second to know who leads", HANGS_AFTER, || {
        events.extend([first.poll(POLL), second.poll(POLL)].into_iter().flatten());
        let members = second.leader().unwrap_or_default();
        members.as_deref() == Some("first@http://10.0.0.1:8081")
    });
    assert_eq!(events, [], "whoever leads goes on leading when another comes");
    drop(first);
    wait_for("the second to lead", HANGS_AFTER, || second.poll(POLL) == Some(CandidateEvent::Elected));
    wait_for("the group to know it", HANGS_AFTER, || {
        let _ = second.poll(POLL);
        second.leader().unwrap_or_default().as_deref() == Some("second@http://10.0.0.2:8081")
    });
}
