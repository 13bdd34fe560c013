//! The whole crate on the in-process broker and, with the feature `kafka-tests`, on a real one.

mod in_process;
#[cfg(feature = "kafka-tests")]
mod real;
mod support;
