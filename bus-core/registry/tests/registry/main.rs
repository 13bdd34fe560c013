//! The registry on a real Kafka, and the conformance suite.
#![cfg(feature = "kafka-tests")]

mod conformance;
mod instances;
mod log;
mod support;
