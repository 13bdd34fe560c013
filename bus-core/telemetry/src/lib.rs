//! Logs, metrics, traces, health.
