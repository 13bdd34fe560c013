//! Matters across agencies, read from the topics.
