//! Trace contexts that cross the boundary of the guest, both ways. W3C headers are read and written by adapters.

use alloc::string::String;

/// The host's span context at a boundary: the parent of what the guest does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parent {
    /// Trace id; all zeros: no parent.
    pub trace_id: [u8; 16],
    /// Span id; all zeros: no parent.
    pub span_id: [u8; 8],
    /// W3C trace flags; bit 0 is 'sampled'.
    pub flags: u8,
    /// W3C `tracestate`, passed on as it is.
    pub trace_state: String,
}

/// The context of the innermost open frame, for what the host does on the guest's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// Trace id.
    pub trace_id: [u8; 16],
    /// Span id; it is kept, whatever the policy says.
    pub span_id: [u8; 8],
    /// W3C trace flags; bit 0 is 'sampled'.
    pub flags: u8,
}
