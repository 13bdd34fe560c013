//! Continuing the trace that a connector began.
//!
//! One span for each transaction, linked to the traces of its events; a span for an event only if its trace is sampled, for a
//! span costs more than routing. Without a collector no span has a context, and the header goes on as it came.

use barid_event::TraceParent;
use barid_event::header;
use barid_kafka::RecordRef;
use barid_telemetry::traces;
use tracing::Span;

/// The span of the open transaction; it begins with the first sampled event, so that an idle slot leaves no trace.
#[derive(Default)]
pub(crate) struct TransactionSpan {
    slot: u16,
    policy_version: i64,
    span: Option<Span>,
}

impl TransactionSpan {
    /// A transaction begins.
    pub(crate) fn begin(&mut self, slot: u16, policy_version: i64) {
        *self = Self { slot, policy_version, span: None };
    }

    /// The transaction has ended, however it did.
    pub(crate) fn end(&mut self) {
        self.span = None;
    }

    /// What happens to one record; [`EventSpan::traceparent`] goes into its copies.
    pub(crate) fn event(&mut self, record: &RecordRef<'_>) -> EventSpan {
        let Some(came) = traceparent(record) else { return EventSpan { _span: Span::none(), traceparent: None } };
        if !traces::is_sampled(&came) {
            return EventSpan { _span: Span::none(), traceparent: Some(came) };
        }
        let (slot, policy_version) = (self.slot, self.policy_version);
        let transaction = self
            .span
            .get_or_insert_with(|| tracing::info_span!(parent: None, "route_transaction", slot, policy_version));
        traces::link(transaction, &came);
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
