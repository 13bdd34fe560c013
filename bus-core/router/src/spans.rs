//! Continuing the trace that a connector began.
//!
//! One span for each transaction, linked to the traces of its events; a span for an event only if its trace is sampled, for a
//! span costs more than routing. Without a collector no span has a context, and the header goes on as it came.

use barid_event::TraceParent;
use barid_event::header;
use barid_kafka::RecordRef;
use barid_telemetry::traces;
use tracing::Span;

/// The span of the open transaction.
pub(crate) struct TransactionSpan(Span);

impl Default for TransactionSpan {
    fn default() -> Self {
        Self(Span::none())
    }
}

impl TransactionSpan {
    /// A transaction begins.
    pub(crate) fn begin(&mut self, slot: u16, policy_version: i64) {
        self.0 = tracing::info_span!(parent: None, "route_transaction", slot, policy_version);
    }

    /// The transaction has ended, however it did.
    pub(crate) fn end(&mut self) {
        self.0 = Span::none();
    }

    /// What happens to one record; [`EventSpan::traceparent`] goes into its copies.
    pub(crate) fn event(&self, record: &RecordRef<'_>) -> EventSpan {
        let Some(came) = traceparent(record) else { return EventSpan { _span: Span::none(), traceparent: None } };
        if !traces::is_sampled(&came) {
            return EventSpan { _span: Span::none(), traceparent: Some(came) };
        }
        traces::link(&self.0, &came);
        let (topic, partition, offset) = (record.topic, record.partition, record.offset);
        let span = tracing::info_span!(parent: None, "route_event", topic, partition, offset);
        traces::continue_trace(&span, &came);
        let onward = traces::traceparent_of(&span).unwrap_or(came);
        EventSpan { _span: span, traceparent: Some(onward) }
    }
}

/// The span of one event; it ends when this value is dropped.
pub(crate) struct EventSpan {
    _span: Span,
    /// The trace context for the copies.
    pub(crate) traceparent: Option<String>,
}

/// The record's trace context if it is well formed, written anew.
fn traceparent(record: &RecordRef<'_>) -> Option<String> {
    let text = std::str::from_utf8(record.header(header::TRACEPARENT)?).ok()?;
    Some(text.parse::<TraceParent>().ok()?.to_string())
}
