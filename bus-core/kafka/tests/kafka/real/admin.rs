//! Topics, settings and brokers as an operator sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use barid_harness::HANGS_AFTER;
use barid_kafka::{Admin, Cluster, KafkaError, NewTopic, StopSignal};

use super::{cluster, topic_with};
use crate::support::wait_for;

#[test]
fn topics_are_created_described_and_changed_one_setting_at_a_time() {
    let cluster = cluster();
    let admin = Admin::new(&cluster).unwrap();
    let name = topic_with(&cluster, "admin", 3, &[("retention.ms", "1000000"), ("cleanup.policy", "compact")]);
    let again = admin
        .create(&[NewTopic { name: name.clone(), partitions: 3, replication: None, config: BTreeMap::new() }])
        .unwrap();
    assert_eq!(again, [Err(KafkaError::TopicExists { topic: name.clone() })]);
    wait_for("the topic to be listed", HANGS_AFTER, || admin.topics().unwrap().contains(&name));
    let described = admin.describe(&name).unwrap().unwrap();
    assert_eq!((described.partitions, described.replication), (3, 1));
    assert_eq!(described.set_here, ["cleanup.policy", "retention.ms"]);
    admin.set_config(&name, &BTreeMap::from([("retention.ms".to_owned(), "2000000".to_owned())])).unwrap();
    wait_for("the new setting", HANGS_AFTER, || {
        admin.describe(&name).unwrap().unwrap().config["retention.ms"] == "2000000"
    });
    assert_eq!(
        admin.describe(&name).unwrap().unwrap().config["cleanup.policy"],
        "compact",
        "other settings stay as they are"
    );
    let ignored = admin.set_config(&name, &BTreeMap::from([("retention.ms".to_owned(), "soon".to_owned())]));
    assert!(matches!(ignored, Err(KafkaError::Refused { .. })), "{ignored:?}");
    assert_eq!(admin.describe("nowhere").unwrap(), None);
    assert!(admin.reachable(Duration::from_secs(5), &StopSignal::new()));
    let brokers = admin.brokers().unwrap();
    assert!(!brokers.is_empty());
    assert!(
        admin
            .broker_config(brokers[0].id)
            .unwrap()
            .contains_key("transaction.abort.timed.out.transaction.cleanup.interval.ms")
    );
    assert!(
        !Admin::new(&Cluster::at("127.0.0.1:1", "test").unwrap())
            .unwrap()
            .reachable(Duration::from_millis(200), &StopSignal::new())
    );
}
