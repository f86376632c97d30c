//! A trace as it is put together from the requests that brought its spans.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::budget::Budget;
use crate::manifests::Namer;
use crate::otlp::fields::messages;
use crate::otlp::{messages_of_span, service};

/// A trace.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its spans, by resource and scope as they were sent.
    pub resource_spans: Vec<ResourceSpans>,
    /// It has more spans than one answer holds.
    pub cut: bool,
}

/// Puts a trace together.
pub struct Gatherer {
    id: [u8; 16],
    trace: Trace,
    /// A request that was sent twice is one.
    seen: HashSet<u64>,
    random: RandomState,
}

impl Gatherer {
    /// Of the trace of that id.
    pub fn new(id: u128) -> Gatherer {
        let (seen, random) = (HashSet::new(), RandomState::new());
        Gatherer { id: id.to_be_bytes(), trace: Trace::default(), seen, random }
    }

    /// Takes the trace's spans of a request, named, as far as the budget allows it.
    pub fn add(&mut self, request: &[u8], namer: &mut Namer, budget: &mut Budget) {
        for resource_spans in messages(request, 1) {
            let mut scopes = Vec::new();
            for scope_spans in messages(resource_spans, 2) {
                let spans = self.spans(resource_spans, scope_spans, namer, budget);
                if !spans.is_empty() {
                    let scope = merged(messages(scope_spans, 1));
                    let schema_url = text(messages(scope_spans, 3).last());
                    scopes.push(ScopeSpans { scope, spans, schema_url });
                }
            }
            if !scopes.is_empty() {
                let mut resource = merged::<Resource>(messages(resource_spans, 1)).unwrap_or_default();
                name(&mut resource, &text(Some(service::name(resource_spans))));
                let schema_url = text(messages(resource_spans, 3).last());
                self.trace.resource_spans.push(ResourceSpans {
                    resource: Some(resource),
                    scope_spans: scopes,
                    schema_url,
                });
            }
        }
    }

    /// The trace, if it has any span.
    pub fn finish(self) -> Option<Trace> {
        (!self.trace.resource_spans.is_empty()).then_some(self.trace)
    }

    fn spans(
        &mut self,
        resource_spans: &[u8],
        scope_spans: &[u8],
        namer: &mut Namer,
        budget: &mut Budget,
    ) -> Vec<Span> {
        let mut spans = Vec::new();
        let resource = messages(resource_spans, 1).last().unwrap_or_default();
        for span in messages(scope_spans, 2).filter(|span| messages(span, 1).last() == Some(&self.id)) {
            if !self.seen.insert(self.random.hash_one((resource, span))) {
                continue;
            }
            let span = namer.span(span);
            if !budget.take(span.len(), messages_of_span(&span)) {
                self.trace.cut = true;
                break;
            }
            spans.extend(Span::decode(&*span).ok());
        }
        spans
    }
}

/// A resource has a service's name in any case.
fn name(resource: &mut Resource, service: &str) {
    let value = Some(AnyValue { value: Some(Value::StringValue(service.to_owned())) });
    match resource.attributes.iter_mut().find(|attribute| attribute.key == "service.name") {
        Some(attribute) => attribute.value = value,
        None => resource.attributes.push(KeyValue { key: "service.name".into(), value, ..KeyValue::default() }),
    }
}

/// A message that was written in parts is the sum of them.
fn merged<M: Message + Default>(parts: impl Iterator<Item = impl AsRef<[u8]>>) -> Option<M> {
    parts.fold(None, |message, part| {
        let mut message: M = message.unwrap_or_default();
        // It was whole when it was received.
        let _ = message.merge(part.as_ref());
        Some(message)
    })
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// The scopes of a resource and their spans, one after the other.
pub fn spans(resource_spans: &ResourceSpans) -> impl Iterator<Item = (Option<&InstrumentationScope>, &Span)> {
    let scopes = resource_spans.scope_spans.iter();
    scopes.flat_map(|scope_spans| scope_spans.spans.iter().map(|span| (scope_spans.scope.as_ref(), span)))
}
