//! A trace in pieces that a gRPC client takes: Go's read 4 MiB at once and no more. Pure.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use prost::Message;

use crate::query::trace::Trace;

/// How long a piece gets before the next one begins.
const PIECE_BYTES: usize = 1 << 20;

/// The longest that is sent.
const BYTES_MAX: usize = 4_000_000;

/// Characters that are left of names in a span that is longer.
const NAME_CHARS_MAX: usize = 200;

/// The attribute in which Jaeger keeps what there is to say of a span.
const WARNINGS: &str = "@jaeger@warnings";

/// The pieces of a trace, each with spans in it.
pub fn chunks(trace: Trace) -> Vec<TracesData> {
    let mut pieces = Pieces::default();
    for resource_spans in trace.resource_spans {
        let ResourceSpans { resource, scope_spans, schema_url } = resource_spans;
        pieces.begin_resource(ResourceSpans { resource, scope_spans: Vec::new(), schema_url });
        for scope_spans in scope_spans {
            let ScopeSpans { scope, spans, schema_url } = scope_spans;
            pieces.begin_scope(ScopeSpans { scope, spans: Vec::new(), schema_url });
            spans.into_iter().for_each(|span| pieces.add(span));
        }
    }
    pieces.finish()
}

/// Says something of a span, where Jaeger shows it.
pub fn warn(span: &mut Span, text: &str) {
    let value = Some(Value::StringValue(text.to_owned()));
    let values = vec![AnyValue { value }];
    let value = Some(AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) });
    span.attributes.push(KeyValue { key: WARNINGS.to_owned(), value, ..KeyValue::default() });
}

#[derive(Default)]
struct Pieces {
    done: Vec<TracesData>,
    /// The piece that grows, and about how long it is.
    piece: Vec<ResourceSpans>,
    bytes: usize,
    /// What every span of now belongs to, without spans.
    resource: ResourceSpans,
    scope: ScopeSpans,
    /// The piece has it already.
    has_resource: bool,
    has_scope: bool,
}

impl Pieces {
    fn begin_resource(&mut self, resource: ResourceSpans) {
        self.resource = resource;
        self.has_resource = false;
        self.has_scope = false;
    }

    fn begin_scope(&mut self, scope: ScopeSpans) {
        self.scope = scope;
        self.has_scope = false;
    }

    fn add(&mut self, mut span: Span) {
        let around = self.resource.encoded_len() + self.scope.encoded_len();
        if around + span.encoded_len() > BYTES_MAX {
            shorten(&mut self.resource, &mut self.scope, &mut span);
            (self.has_resource, self.has_scope) = (false, false);
        }
        let bytes = span.encoded_len();
        if !self.piece.is_empty() && self.bytes + around + bytes > PIECE_BYTES {
            self.end_piece();
        }
        if !self.has_resource {
            self.bytes += self.resource.encoded_len();
            self.piece.push(self.resource.clone());
            (self.has_resource, self.has_scope) = (true, false);
        }
        let scopes = &mut self.piece.last_mut().expect("a resource was begun").scope_spans;
        if !self.has_scope {
            self.bytes += self.scope.encoded_len();
            scopes.push(self.scope.clone());
            self.has_scope = true;
        }
        scopes.last_mut().expect("a scope was begun").spans.push(span);
        // With its own length before it.
        self.bytes += bytes + 8;
    }

    fn end_piece(&mut self) {
        let resource_spans = std::mem::take(&mut self.piece);
        self.done.push(TracesData { resource_spans });
        (self.bytes, self.has_resource, self.has_scope) = (0, false, false);
    }

    fn finish(mut self) -> Vec<TracesData> {
        if !self.piece.is_empty() {
            self.end_piece();
        }
        self.done
    }
}

/// Leaves of a span that no client would take what tells that it was there.
fn shorten(resource: &mut ResourceSpans, scope: &mut ScopeSpans, span: &mut Span) {
    let cut = |text: &mut String| *text = text.chars().take(NAME_CHARS_MAX).collect();
    let attributes = resource.resource.take().unwrap_or_default().attributes;
    let mut attributes: Vec<_> =
        attributes.into_iter().filter(|attribute| attribute.key == "service.name").take(1).collect();
    for attribute in &mut attributes {
        if let Some(Value::StringValue(name)) = attribute.value.as_mut().and_then(|value| value.value.as_mut()) {
            cut(name);
        }
    }
    resource.resource = Some(Resource { attributes, ..Resource::default() });
    scope.scope = None;
    cut(&mut resource.schema_url);
    cut(&mut scope.schema_url);
    cut(&mut span.name);
    if let Some(status) = &mut span.status {
        cut(&mut status.message);
    }
    span.trace_state = String::new();
    span.attributes = Vec::new();
    span.events = Vec::new();
    span.links = Vec::new();
    warn(span, "this span is longer than gRPC clients take: its attributes, events and links are left out");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64, bytes: usize) -> Span {
        let value = Some(AnyValue { value: Some(Value::StringValue("x".repeat(bytes))) });
        let attributes = vec![KeyValue { key: "key".into(), value, ..KeyValue::default() }];
        Span { span_id: id.to_be_bytes().into(), name: "name".into(), attributes, ..Span::default() }
    }

    fn trace(spans: Vec<Vec<Span>>) -> Trace {
        let scope_spans = spans.into_iter().map(|spans| ScopeSpans { spans, ..ScopeSpans::default() }).collect();
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        Trace { resource_spans, cut: false }
    }

    fn ids(piece: &TracesData) -> Vec<u8> {
        let scopes = piece.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(|span| span.span_id[7]).collect()
    }

    #[test]
    fn short_traces_are_one_piece_and_long_ones_are_several() {
        let pieces = chunks(trace(vec![vec![span(1, 1), span(2, 1)], vec![span(3, 1)]]));
        assert_eq!(pieces.iter().map(ids).collect::<Vec<_>>(), [[1, 2, 3]]);
        assert_eq!(pieces[0].resource_spans.len(), 1, "one resource");
        let pieces = chunks(trace(vec![vec![span(1, 600_000), span(2, 600_000)], vec![span(3, 10)]]));
        assert_eq!(pieces.iter().map(ids).collect::<Vec<_>>(), [vec![1], vec![2, 3]]);
        assert_eq!(chunks(Trace::default()), []);
    }

    #[test]
    fn a_span_that_no_client_takes_is_told_of() {
        let mut giant = span(2, 5_000_000);
        giant.name = "n".repeat(5_000_000);
        let pieces = chunks(trace(vec![vec![span(1, 10), giant, span(3, 10)]]));
        assert!(pieces.iter().all(|piece| piece.encoded_len() < BYTES_MAX));
        assert_eq!(pieces.iter().flat_map(ids).collect::<Vec<_>>(), [1, 2, 3]);
        let scopes = pieces.iter().flat_map(|piece| &piece.resource_spans).flat_map(|resource| &resource.scope_spans);
        let spans: Vec<_> = scopes.flat_map(|scope| &scope.spans).collect();
        assert_eq!((spans[1].name.len(), &*spans[1].attributes[0].key), (NAME_CHARS_MAX, WARNINGS));
    }
}
