//! Configuration and rows.
