//! Spans that continue a trace of a record header, and headers that continue a trace of a span.
//!
//! A connector starts the trace of an event, the router and whoever delivers continue it: the record carries the W3C
//! `traceparent` (`00-<trace id>-<span id>-<flags>`). The cost of a span is more than the cost of routing an event, so there is one
//! span per *batch*, linked to the events' traces, and a span per event only when its trace is sampled:
//!
//! ```
//! # use barid_telemetry::traces;
//! # let headers: Vec<Option<&str>> = vec![];
//! let batch = tracing::info_span!("route_batch", events = headers.len());
//! for traceparent in headers.into_iter().flatten().filter(|header| traces::is_sampled(header)) {
//!     traces::link(&batch, traceparent);
//!     let event = tracing::info_span!(parent: None, "route_event");
//!     traces::continue_trace(&event, traceparent);
//!     let onward = traces::traceparent_of(&event); // goes into the copies
//! }
//! ```
//!
//! Without an OTLP endpoint all of this costs next to nothing and [`traceparent_of`] gives none: a router then hands the header on
//! as it came.

use opentelemetry::propagation::text_map_propagator::TextMapPropagator;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// Makes the trace of a `traceparent` header the parent of a span. To be called before the span is entered. Returns false when the
/// header is malformed, the span is not recorded, or it had begun already.
pub fn continue_trace(span: &Span, traceparent: &str) -> bool {
    let context = TraceContextPropagator::new().extract(&OneHeader(traceparent));
    context.span().span_context().is_valid() && span.set_parent(context).is_ok()
}

/// Links a span (of a batch) to the trace of a `traceparent` header. Returns false when the header is malformed.
pub fn link(span: &Span, traceparent: &str) -> bool {
    let context = TraceContextPropagator::new().extract(&OneHeader(traceparent));
    let linked = context.span().span_context().clone();
    let valid = linked.is_valid();
    if valid {
        span.add_link(linked);
    }
    valid
}

/// The `traceparent` header that continues this span; none when no traces are exported. The span begins with this call, so its
/// parent must be set before.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let mut header = Written(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut header);
    header.0
}

/// Whether the one who started the trace wants it recorded: the lowest bit of the flags. Malformed headers are not sampled.
pub fn is_sampled(traceparent: &str) -> bool {
    let flags = traceparent.get(53..55).and_then(|flags| u8::from_str_radix(flags, 16).ok());
    flags.is_some_and(|flags| flags & 1 == 1)
}

struct OneHeader<'a>(&'a str);

impl Extractor for OneHeader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

struct Written(Option<String>);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}
