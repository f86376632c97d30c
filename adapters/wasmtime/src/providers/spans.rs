//! Spans, made again through a tracer.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::trace::{
    Event, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;

use super::attributes;

/// Makes spans through the host's tracer.
pub(crate) struct Spans<T> {
    tracer: T,
}

impl<T: Tracer> Spans<T> {
    pub fn new(tracer: T) -> Spans<T> {
        Spans { tracer }
    }

    /// Makes the spans of an encoded `ExportTraceServiceRequest`.
    ///
    /// A parent has to be there before its children, and its context is known only then: so by start, and among equals the
    /// one that ends last first.
    pub fn export(&self, request: &[u8]) {
        let Ok(request) = ExportTraceServiceRequest::decode(request) else { return };
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let mut spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
        spans.sort_by_key(|span| (span.start_time_unix_nano, std::cmp::Reverse(span.end_time_unix_nano)));
        let ours: HashMap<Vec<u8>, usize> =
            spans.iter().enumerate().map(|(at, span)| (span.span_id.clone(), at)).collect();
        let mut made: Vec<Option<SpanContext>> = vec![None; spans.len()];
        for at in 0..spans.len() {
            // Equal times may put a child before its parent: parents first, all the same.
            let mut line = vec![at];
            while let Some(&parent) = ours.get(&spans[line[line.len() - 1]].parent_span_id)
                && made[parent].is_none()
                && !line.contains(&parent)
            {
                line.push(parent);
            }
            for at in line.into_iter().rev() {
                if made[at].is_none() {
                    let parent = ours.get(&spans[at].parent_span_id).and_then(|&parent| made[parent].clone());
                    made[at] = Some(self.make(&mut spans[at], parent));
                }
            }
        }
    }

    fn make(&self, span: &mut Span, parent: Option<SpanContext>) -> SpanContext {
        let parent = match parent.or_else(|| host_parent(span)) {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let events = std::mem::take(&mut span.events).into_iter().map(|event| {
            let (time, attributes) = (attributes::time(event.time_unix_nano), attributes::read(event.attributes));
            Event::new(event.name, time, attributes, event.dropped_attributes_count)
        });
        let builder = self
            .tracer
            .span_builder(std::mem::take(&mut span.name))
            .with_kind(SpanKind::Internal)
            .with_start_time(attributes::time(span.start_time_unix_nano))
            .with_attributes(attributes::read(std::mem::take(&mut span.attributes)))
            .with_events(events.collect());
        let mut made = self.tracer.build_with_context(builder, &parent);
        if let Some(status) = span.status.take()
            && status.code() == StatusCode::Error
        {
            made.set_status(Status::error(status.message));
        }
        made.end_with_timestamp(attributes::time(span.end_time_unix_nano));
        made.span_context().clone()
    }
}

/// A parent that is not among our spans is the host's.
fn host_parent(span: &Span) -> Option<SpanContext> {
    let trace = TraceId::from_bytes(span.trace_id.as_slice().try_into().ok()?);
    let parent = SpanId::from_bytes(span.parent_span_id.as_slice().try_into().ok()?);
    let state = span.trace_state.parse().unwrap_or(TraceState::NONE);
    let flags = TraceFlags::new(span.flags as u8);
    let parent = SpanContext::new(trace, parent, flags, true, state);
    parent.is_valid().then_some(parent)
}
