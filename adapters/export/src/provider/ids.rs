//! Ids that survive the API: it has no way to set them, but the SDK asks a generator, and the generator is ours.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// The ids of the span that is being carried on this thread.
    static CARRIED: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// An id generator for `SdkTracerProvider::builder().with_id_generator(..)`: spans that are carried keep their ids, the host's own
/// get random ones.
#[derive(Clone, Debug, Default)]
pub struct CarriedIds(RandomIdGenerator);

impl IdGenerator for CarriedIds {
    fn new_trace_id(&self) -> TraceId {
        CARRIED.get().map_or_else(|| self.0.new_trace_id(), |(trace_id, _)| trace_id)
    }

    fn new_span_id(&self) -> SpanId {
        CARRIED.get().map_or_else(|| self.0.new_span_id(), |(_, span_id)| span_id)
    }
}

/// Runs `make` while the generator gives these ids.
pub(super) fn carrying<R>(trace_id: TraceId, span_id: SpanId, make: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            CARRIED.set(None);
        }
    }
    CARRIED.set(Some((trace_id, span_id)));
    let _reset = Reset;
    make()
}
