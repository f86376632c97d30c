//! Spans through a `TracerProvider`: parents first, so that children can name what the provider made of them.

use std::collections::HashMap;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1 as otlp;

use super::Carried;
use super::ids::carrying;
use super::value::{attributes, scope, time};

/// Ids as OTLP has them: a span is known by both.
type Ids = (TraceId, SpanId);

/// Starts and ends every span of the request through the provider. A span with ids that are none is left out.
pub(super) fn carry(tracers: &impl TracerProvider, request: ExportTraceServiceRequest) -> Carried {
    let mut carried = Carried::default();
    let mut made: HashMap<Ids, SpanContext> = HashMap::new();
    for scope_spans in request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans) {
        let tracer = tracers.tracer_with_scope(scope(scope_spans.scope, scope_spans.schema_url));
        let count = scope_spans.spans.len() as u64;
        let spans: Vec<_> = scope_spans.spans.into_iter().filter_map(|span| Some((ids(&span)?, span))).collect();
        carried.carried += spans.len() as u64;
        carried.left_out += count - spans.len() as u64;
        for (ids, span) in parents_first(spans) {
            let parent = parent(&span, ids, &made);
            let context = carrying(ids.0, ids.1, || replay(&tracer, span, &parent));
            made.insert(ids, context);
        }
    }
    carried
}

/// The two ids, unless one has the wrong length or is all zero.
fn ids(span: &otlp::Span) -> Option<Ids> {
    let trace_id = TraceId::from_bytes(span.trace_id.as_slice().try_into().ok()?);
    let span_id = SpanId::from_bytes(span.span_id.as_slice().try_into().ok()?);
    (trace_id != TraceId::INVALID && span_id != SpanId::INVALID).then_some((trace_id, span_id))
}

fn parent_ids(span: &otlp::Span, trace_id: TraceId) -> Option<Ids> {
    let span_id = SpanId::from_bytes(span.parent_span_id.as_slice().try_into().ok()?);
    (span_id != SpanId::INVALID).then_some((trace_id, span_id))
}

/// The same spans, each after its parent if that is among them. Circles are cut anywhere: bytes may say anything.
fn parents_first(spans: Vec<(Ids, otlp::Span)>) -> Vec<(Ids, otlp::Span)> {
    let places: HashMap<Ids, usize> = spans.iter().enumerate().map(|(place, (ids, _))| (*ids, place)).collect();
    let parents: Vec<Option<usize>> = spans
        .iter()
        .map(|(ids, span)| parent_ids(span, ids.0).and_then(|parent| places.get(&parent).copied()))
        .collect();
    let mut spans: Vec<_> = spans.into_iter().map(Some).collect();
    let mut seen = vec![false; spans.len()];
    let mut sorted = Vec::with_capacity(spans.len());
    for place in 0..spans.len() {
        // Up to the topmost ancestor that is not in yet, then down again.
        let mut line = Vec::new();
        let mut next = Some(place);
        while let Some(place) = next.filter(|&place| !seen[place]) {
            seen[place] = true;
            line.push(place);
            next = parents[place];
        }
        sorted.extend(line.into_iter().rev().filter_map(|place| spans[place].take()));
    }
    sorted
}

/// The context under which the span is made: what the provider made of its parent, or the parent as it is, or none.
fn parent(span: &otlp::Span, (trace_id, _): Ids, made: &HashMap<Ids, SpanContext>) -> Context {
    let Some(ids) = parent_ids(span, trace_id) else { return Context::new() };
    let parent = made.get(&ids).cloned().unwrap_or_else(|| {
        let state = TraceState::from_str(&span.trace_state).unwrap_or_default();
        // Who recorded it had sampled it, and so had its parent.
        SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, state)
    });
    Context::new().with_remote_span_context(parent)
}

fn replay(tracer: &impl Tracer, span: otlp::Span, parent: &Context) -> SpanContext {
    let event = |event: otlp::span::Event| {
        Event::new(event.name, time(event.time_unix_nano), attributes(event.attributes), event.dropped_attributes_count)
    };
    let builder = SpanBuilder {
        span_kind: Some(kind(span.kind())),
        start_time: Some(time(span.start_time_unix_nano)),
        attributes: Some(attributes(span.attributes)),
        events: Some(span.events.into_iter().map(event).collect()),
        links: Some(span.links.into_iter().filter_map(link).collect()),
        ..SpanBuilder::from_name(span.name)
    };
    let mut replayed = tracer.build_with_context(builder, parent);
    match span.status {
        Some(status) if status.code() == otlp::status::StatusCode::Error => {
            replayed.set_status(Status::error(status.message));
        }
        Some(status) if status.code() == otlp::status::StatusCode::Ok => replayed.set_status(Status::Ok),
        _ => (),
    }
    replayed.end_with_timestamp(time(span.end_time_unix_nano));
    replayed.span_context().clone()
}

fn kind(kind: otlp::span::SpanKind) -> SpanKind {
    match kind {
        otlp::span::SpanKind::Server => SpanKind::Server,
        otlp::span::SpanKind::Client => SpanKind::Client,
        otlp::span::SpanKind::Producer => SpanKind::Producer,
        otlp::span::SpanKind::Consumer => SpanKind::Consumer,
        otlp::span::SpanKind::Internal | otlp::span::SpanKind::Unspecified => SpanKind::Internal,
    }
}

fn link(link: otlp::span::Link) -> Option<Link> {
    let trace_id = TraceId::from_bytes(link.trace_id.as_slice().try_into().ok()?);
    let span_id = SpanId::from_bytes(link.span_id.as_slice().try_into().ok()?);
    let state = TraceState::from_str(&link.trace_state).unwrap_or_default();
    let flags = TraceFlags::new((link.flags & 0xff) as u8);
    let context = SpanContext::new(trace_id, span_id, flags, true, state);
    Some(Link::new(context, attributes(link.attributes), link.dropped_attributes_count))
}
