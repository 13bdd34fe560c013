//! The role that writes: what it makes of an office's folder, on the in-process broker and on a real one.

mod commands;
mod in_process;
#[cfg(feature = "kafka-tests")]
mod real_broker;
mod town;
