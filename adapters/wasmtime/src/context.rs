//! The host's trace context: where a root's parent comes from.

use waspect_export::context;
use waspect_recorder::Parent;

/// The span that is active in this thread's OpenTelemetry context.
pub(crate) fn current() -> Option<Parent> {
    context::current().map(parent)
}

/// The parent that W3C headers name, for [`Observe::set_parent`](crate::Observe::set_parent). None when `traceparent` is not
/// valid.
pub fn parent_from_headers(traceparent: &str, tracestate: Option<&str>) -> Option<Parent> {
    context::from_headers(traceparent, tracestate).map(parent)
}

fn parent(parent: context::Parent) -> Parent {
    let context::Parent { trace_id, span_id, flags, trace_state } = parent;
    Parent { trace_id, span_id, flags, trace_state }
}
