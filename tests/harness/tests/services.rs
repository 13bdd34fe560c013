//! The harness itself, against a real broker and a real registry.
#![cfg(feature = "kafka-tests")]

use std::collections::BTreeMap;

use barid_harness::proxy::Path;
use barid_harness::wait::HANGS_AFTER;
use barid_harness::{
    Apicurio, Cluster, Kafka, SchemaRegistry, admin, read_topic, records, shared_kafka, unique_prefix, wait_until,
};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

type Plain = ThreadedProducer<rdkafka::producer::DefaultProducerContext>;

fn config(bootstrap_servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    config
}

fn send(bootstrap_servers: &str, topic: &str, texts: &[&str], transaction: Option<(&str, bool)>) {
    let mut config = config(bootstrap_servers);
    if let Some((id, _)) = transaction {
        config.set("transactional.id", id);
    }
    let producer: Plain = config.create().unwrap();
    if transaction.is_some() {
        producer.init_transactions(HANGS_AFTER).unwrap();
        producer.begin_transaction().unwrap();
    }
    for text in texts {
        let headers = OwnedHeaders::new().insert(Header { key: "about", value: Some(*text) });
        producer.send(BaseRecord::to(topic).key("key").payload(*text).headers(headers)).unwrap();
    }
    producer.flush(HANGS_AFTER).unwrap();
    match transaction {
        Some((_, true)) => producer.commit_transaction(HANGS_AFTER).unwrap(),
        Some((_, false)) => producer.abort_transaction(HANGS_AFTER).unwrap(),
        None => {}
    }
}

fn expect_an_answer(bootstrap_servers: &str) {
    wait_until("the broker to answer", HANGS_AFTER, || Ok(records::answers(bootstrap_servers))).unwrap();
}

fn texts(bootstrap_servers: &str, topic: &str) -> Vec<String> {
    let records = read_topic(bootstrap_servers, topic).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

#[test]
fn reads_committed_records_with_their_headers_and_no_others() {
    let broker = shared_kafka().unwrap();
    let prefix = unique_prefix("harness");
    let topic = format!("{prefix}topic");
    assert_eq!(read_topic(broker, &topic).unwrap(), []);
    admin::create_topic(broker, &topic, 2, &[]).unwrap();
    send(broker, &topic, &["one", "two"], Some((&prefix, true)));
    send(broker, &topic, &["never"], Some((&prefix, false)));
    send(broker, &topic, &["three"], None);
    assert_eq!(texts(broker, &topic), ["one", "two", "three"]);
    let records = read_topic(broker, &topic).unwrap();
    assert_eq!(records[2].header("about").unwrap(), "three");
    assert!(records[2].header("other").is_err());
    assert_eq!(records::topics(broker, &prefix).unwrap(), BTreeMap::from([(topic, 2)]));
}

#[test]
fn a_broker_that_is_killed_comes_back_on_its_port_with_its_records() {
    let mut kafka = Kafka::start().unwrap();
    let address = kafka.bootstrap_servers();
    admin::create_topic(&address, "topic", 2, &[]).unwrap();
    send(&address, "topic", &["kept"], None);
    kafka.kill().unwrap();
    assert!(!records::answers(&address));
    kafka.restart().unwrap();
    assert_eq!(texts(&address, "topic"), ["kept"]);
}

#[test]
fn apicurio_speaks_the_confluent_api_and_forgets_when_it_is_restarted() {
    let mut apicurio = Apicurio::start().unwrap();
    let client = SchemaRegistry::new(&apicurio.url()).unwrap();
    assert_eq!(client.subjects().unwrap(), Vec::<String>::new());
    let id = client
        .register("ir.barid.Try", r#"{"type":"record","name":"Try","namespace":"ir.barid","fields":[]}"#)
        .unwrap();
    assert_eq!(client.versions("ir.barid.Try").unwrap(), [1]);
    assert_eq!(client.decode(&[&[0][..], &id.to_be_bytes()].concat()).unwrap().0, id);
    apicurio.stop().unwrap();
    apicurio.restart().unwrap();
    assert_eq!(client.subjects().unwrap(), Vec::<String>::new());
}

#[test]
fn a_cluster_survives_a_full_disk_and_keeps_each_client_on_its_own_network() {
    let mut cluster = Cluster::start(&["client", "other"]).unwrap();
    let (inside, seat) = (cluster.bootstrap_servers(), cluster.seat("client").unwrap().to_owned());
    admin::create_replicated_topic(&inside, "replicated", 3, 3).unwrap();
    let in_step = |cluster: &Cluster| {
        wait_until("all copies to be in step", HANGS_AFTER, || Ok(cluster.lagging_partitions()? == 0)).unwrap();
    };
    in_step(&cluster);
    send(&seat, "replicated", &["one"], Some(("client-1", true)));
    let coordinator = cluster.transaction_coordinator("client-1").unwrap();
    assert_ne!(cluster.fill_disk(coordinator).unwrap(), 0);
    send(&seat, "replicated", &["two"], Some(("client-1", true)));
    cluster.launch(coordinator).unwrap();
    in_step(&cluster);
    assert_eq!(texts(&inside, "replicated"), ["one", "two"]);
    // Whoever is cut off from all nodes is alone with it.
    for node in 0..cluster.size() {
        cluster.set_path("client", node, Path::Cut).unwrap();
    }
    assert!(!records::answers(&seat));
    expect_an_answer(cluster.seat("other").unwrap());
    for node in 0..cluster.size() {
        cluster.set_path("client", node, Path::Open).unwrap();
    }
    expect_an_answer(&seat);
}
