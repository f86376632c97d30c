//! The host's trace context: where the next call's parent comes from. It reads headers and the OpenTelemetry context, and
//! sends nothing.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;

/// A span that is not ours, and under which ours hang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Trace id, big-endian, never all zero.
    pub trace_id: [u8; 16],
    /// Span id, big-endian, never all zero.
    pub span_id: [u8; 8],
    /// W3C trace flags; bit 0: sampled.
    pub flags: u8,
    /// W3C `tracestate`, as it goes on the wire.
    pub trace_state: String,
}

/// The span that is active in the current OpenTelemetry context of this thread; `None` when there is none, or its ids are zero.
pub fn current() -> Option<Parent> {
    Context::map_current(|context| match context.has_active_span() {
        true => parent(context.span().span_context()),
        false => None,
    })
}

/// The span that W3C headers name; `None` when `traceparent` is not valid. A bad `tracestate` is left out, as the W3C asks.
pub fn from_headers(traceparent: &str, tracestate: Option<&str>) -> Option<Parent> {
    // The SDK's propagator takes ids that are too short.
    if !traceparent.trim().split('-').map(str::len).take(4).eq([2, 32, 16, 2]) {
        return None;
    }
    let mut headers = HashMap::from([("traceparent".to_owned(), traceparent.trim().to_owned())]);
    headers.extend(tracestate.map(|state| ("tracestate".to_owned(), state.trim().to_owned())));
    // Not into the current context: a span that is active there would stand in for a header that is not valid.
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    parent(context.span().span_context())
}

fn parent(span: &SpanContext) -> Option<Parent> {
    span.is_valid().then(|| Parent {
        trace_id: span.trace_id().to_bytes(),
        span_id: span.span_id().to_bytes(),
        flags: span.trace_flags().to_u8(),
        trace_state: span.trace_state().header(),
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
    const SPAN: u64 = 0xb7ad_6b71_6920_3331;

    fn expected(flags: u8, trace_state: &str) -> Option<Parent> {
        let (trace_id, span_id) = (TRACE.to_be_bytes(), SPAN.to_be_bytes());
        Some(Parent { trace_id, span_id, flags, trace_state: trace_state.into() })
    }

    #[test]
    fn headers_name_a_parent() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(from_headers(header, None), expected(1, ""));
        assert_eq!(from_headers(header, Some("congo=t61,rojo=00f")), expected(1, "congo=t61,rojo=00f"));
        assert_eq!(from_headers(header, Some("not a list")), expected(1, ""));
        assert_eq!(from_headers(&header.replace("-01", "-00"), None), expected(0, ""));
    }

    #[test]
    fn invalid_headers_name_none() {
        for header in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(from_headers(header, None), None, "{header}");
        }
    }

    #[test]
    fn the_current_context_names_a_parent_while_it_is_attached() {
        assert_eq!(current(), None);
        let state = TraceState::from_key_value([("congo", "t61")]).unwrap();
        let span = SpanContext::new(TraceId::from(TRACE), SpanId::from(SPAN), TraceFlags::SAMPLED, false, state);
        let guard = Context::new().with_remote_span_context(span).attach();
        assert_eq!(current(), expected(1, "congo=t61"));
        assert_eq!(from_headers("", None), None, "the active span stands in for no header");
        drop(guard);
        assert_eq!(current(), None);
    }
}
