//! The embedded schema registry.
