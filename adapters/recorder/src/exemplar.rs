//! Exemplars: the way from a histogram to a trace.

use crate::delta::Span;

/// A call whose span is sent: the slowest since the last export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) duration_ns: u64,
    pub(crate) end_unix_ns: u64,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
}

impl Exemplar {
    pub(crate) fn of(span: &Span) -> Exemplar {
        Exemplar {
            duration_ns: span.end_unix.saturating_sub(span.start_unix),
            end_unix_ns: span.end_unix,
            trace_id: span.trace_id,
            span_id: span.span_id,
        }
    }
}

/// Keeps the slower one; of equals the later.
pub(crate) fn keep_slower(known: &mut Option<Exemplar>, call: Exemplar) {
    if known.is_none_or(|known| known.duration_ns <= call.duration_ns) {
        *known = Some(call);
    }
}
