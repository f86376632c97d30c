//! The host's trace context: where a root's parent comes from.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use waspect_recorder::Parent;

/// The span context that is current on this thread, if there is a valid one.
pub(crate) fn current() -> Option<Parent> {
    if !Context::map_current(|context| context.has_active_span()) {
        return None;
    }
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| Parent {
            trace_id: span.trace_id().to_bytes(),
            span_id: span.span_id().to_bytes(),
            flags: span.trace_flags().to_u8(),
            trace_state: span.trace_state().header(),
        })
    })
}

/// The parent that W3C headers name: `traceparent`, and `tracestate` or nothing. None when the header is not valid.
pub fn parent_from_headers(traceparent: &str, tracestate: &str) -> Option<Parent> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let version = hex::<1>(version)?[0];
    // Version 0 has four parts; later ones may have more, and 255 is forbidden.
    if version == 255 || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let parent = Parent {
        trace_id: hex(trace_id)?,
        span_id: hex(span_id)?,
        flags: hex::<1>(flags)?[0],
        trace_state: tracestate.trim().to_owned(),
    };
    (parent.trace_id != [0; 16] && parent.span_id != [0; 8]).then_some(parent)
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 2 * N || !digits.iter().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
