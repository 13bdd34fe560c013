//! One producer: what is committed, aborted, refused, fenced.

use barid_kafka::{Outgoing, StopSignal, TransactionError, TransactionalProducer};

use super::{cluster, topic, topic_with};
use crate::support::{committed, outgoing, unique, values};

#[test]
fn a_committed_transaction_is_seen_and_an_aborted_one_is_not() {
    let cluster = cluster();
    let topic = topic(&cluster, "visible", 2);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    for (value, commit) in [("one", true), ("two", false), ("three", true)] {
        producer.begin().unwrap();
        producer.send(&outgoing(&topic, "k", value)).unwrap();
        if commit { producer.commit().unwrap() } else { producer.abort().unwrap() }
    }
    assert_eq!(values(&committed(&cluster, &topic)), ["one", "three"]);
}

#[test]
fn an_abort_right_after_many_records_takes_them_all_back() {
    let cluster = cluster();
    let topic = topic(&cluster, "abort", 3);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    for number in 0..5_000 {
        producer.send(&outgoing(&topic, &number.to_string(), "never")).unwrap();
    }
    producer.abort().unwrap();
    producer.begin().unwrap();
    producer.send(&outgoing(&topic, "k", "after")).unwrap();
    producer.commit().unwrap();
    assert_eq!(values(&committed(&cluster, &topic)), ["after"]);
}

#[test]
fn a_record_above_the_limit_of_its_topic_fails_the_transaction_with_words() {
    let cluster = cluster();
    let topic = topic_with(&cluster, "small", 1, &[("max.message.bytes", "1000")]);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    let value = "x".repeat(5_000);
    producer.send(&outgoing(&topic, "k", &value)).unwrap();
    let refused = producer.commit().unwrap_err();
    assert!(matches!(&refused, TransactionError::Abortable { reason } if reason.contains(&topic)), "{refused}");
    producer.abort().unwrap();
    producer.begin().unwrap();
    producer.send(&outgoing(&topic, "k", "small")).unwrap();
    producer.commit().unwrap();
    assert_eq!(values(&committed(&cluster, &topic)), ["small"]);
}

#[test]
fn a_record_for_a_missing_topic_fails_the_transaction_before_the_transaction_times_out() {
    let cluster = cluster();
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    producer.send(&outgoing("nowhere", "k", "v")).unwrap();
    let refused = producer.commit().unwrap_err();
    assert!(matches!(&refused, TransactionError::Abortable { reason } if reason.contains("nowhere")), "{refused}");
    producer.abort().unwrap();
}

#[test]
fn a_second_producer_of_the_same_name_fences_the_first() {
    let cluster = cluster();
    let topic = topic(&cluster, "fence", 1);
    let (name, stop) = (unique("t"), StopSignal::new());
    let mut first = TransactionalProducer::connect(&cluster, &name, &stop).unwrap();
    first.begin().unwrap();
    first.send(&outgoing(&topic, "k", "first")).unwrap();
    let mut second = TransactionalProducer::connect(&cluster, &name, &stop).unwrap();
    second.begin().unwrap();
    second.send(&outgoing(&topic, "k", "second")).unwrap();
    second.commit().unwrap();
    let fenced = first.commit().unwrap_err();
    assert_eq!(fenced, TransactionError::Fenced { transactional_id: name });
    assert_eq!(values(&committed(&cluster, &topic)), ["second"]);
    // And it can take the name back.
    first.rebuild(&stop).unwrap();
    first.begin().unwrap();
    first.send(&outgoing(&topic, "k", "first again")).unwrap();
    first.commit().unwrap();
    assert_eq!(values(&committed(&cluster, &topic)), ["second", "first again"]);
}

#[test]
fn headers_keys_and_tombstones_survive_a_real_broker() {
    let cluster = cluster();
    let topic = topic(&cluster, "headers", 1);
    let mut producer = TransactionalProducer::connect(&cluster, &unique("t"), &StopSignal::new()).unwrap();
    producer.begin().unwrap();
    producer
        .send(&Outgoing {
            topic: &topic,
            key: Some(b"k"),
            value: None,
            headers: &[("a", b"1"), ("a", b"2")],
            ..Outgoing::default()
        })
        .unwrap();
    producer.commit().unwrap();
    let records = committed(&cluster, &topic);
    assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"k"[..]), None));
    assert_eq!(records[0].headers.len(), 2);
}
