//! What a search asks for, and whether a span is it: one span has all of it, as Jaeger decides it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use waspect_abi::BuildId;
use waspect_abi::semconv::attribute;

use super::budget::Budget;
use crate::index::{Snapshot, Term, Wanted};
use crate::manifests::Namer;
use crate::otlp::fields::messages;
use crate::otlp::{service, value};

/// What a search asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The service; empty: any.
    pub service: String,
    /// The span's name; empty: any.
    pub operation: String,
    /// Attributes of the span, its scope, resource or events, as text; `error` is the span's status as well.
    pub tags: BTreeMap<String, String>,
    /// When the span begins, in ns since 1970.
    pub start: Range<u64>,
    /// How long it takes at least, in ns.
    pub duration_min: u64,
    /// How long it takes at most, in ns; 0: any time.
    pub duration_max: u64,
    /// Traces at most.
    pub limit: usize,
}

impl Search {
    /// What the index can say about it. It knows functions that nothing names as they were stored.
    pub fn wanted(&self, snapshot: &Snapshot, namer: &mut Namer, budget: &mut Budget) -> Wanted {
        let mut wanted = snapshot.wanted(self.start.clone());
        wanted.duration_min = self.duration_min;
        let (service, operation) = (self.service.as_bytes(), self.operation.as_bytes());
        if !service.is_empty() {
            snapshot.want(&mut wanted, [Term::Service(service)]);
            if !operation.is_empty() {
                let called = namer.called(&self.operation, || budget.has_time());
                let names = called.names.iter().map(|name| Term::Operation(service, name.as_bytes()));
                let terms = [Term::Operation(service, operation)].into_iter().chain(names);
                snapshot.want(&mut wanted, terms.chain(builds(&hex(&called.builds))));
            }
        }
        for (key, value) in &self.tags {
            let tag = [Term::Tag(key.as_bytes(), value.as_bytes()), Term::AnyTag(key.as_bytes())];
            match (&**key, &**value) {
                ("error", "true") => snapshot.want(&mut wanted, tag.into_iter().chain([Term::Failed])),
                ("error", "false") => snapshot.want(&mut wanted, tag.into_iter().chain([Term::Succeeded])),
                (key, _) if NAMED.contains(&key) => {
                    snapshot.want(&mut wanted, tag.into_iter().chain(builds(&hex(&namer.builds()))));
                }
                _ => snapshot.want(&mut wanted, tag),
            }
        }
        wanted
    }

    /// The ids of the traces of which a span of this request is asked for, in the order of its spans. One that was named is asked for
    /// by either name.
    pub fn find(&self, request: &[u8], namer: &mut Namer, mut each: impl FnMut(u128)) {
        let of_service = |resource_spans: &&[u8]| {
            self.service.is_empty() || service::name(resource_spans) == self.service.as_bytes()
        };
        for resource_spans in messages(request, 1).filter(of_service) {
            let resource = messages(resource_spans, 1).last().and_then(|resource| Resource::decode(resource).ok());
            let resource = resource.unwrap_or_default();
            for scope_spans in messages(resource_spans, 2) {
                let scope = messages(scope_spans, 1).last();
                let scope = scope.and_then(|scope| InstrumentationScope::decode(scope).ok()).unwrap_or_default();
                for stored in messages(scope_spans, 2) {
                    let Ok(span) = Span::decode(stored) else { continue };
                    let Ok(id) = <[u8; 16]>::try_from(&span.trace_id[..]) else { continue };
                    let is = |span: &Span| self.is(&resource.attributes, &scope.attributes, span);
                    let mut is_named = || match namer.span(stored) {
                        Cow::Owned(named) => Span::decode(&*named).is_ok_and(|span| is(&span)),
                        Cow::Borrowed(_) => false,
                    };
                    if is(&span) || is_named() {
                        each(u128::from_be_bytes(id));
                    }
                }
            }
        }
    }

    fn is(&self, resource: &[KeyValue], scope: &[KeyValue], span: &Span) -> bool {
        let duration = duration(span);
        (self.operation.is_empty() || self.operation == span.name)
            && self.start.contains(&span.start_time_unix_nano)
            && duration >= self.duration_min
            && (self.duration_max == 0 || duration <= self.duration_max)
            && self.tags.iter().all(|(key, value)| {
                let events = span.events.iter().map(|event| &event.attributes[..]);
                let mut lists = [&span.attributes[..], scope, resource].into_iter().chain(events);
                lists.any(|attributes| has(attributes, key, value)) || is_status(span, key, value)
            })
    }
}

/// Attributes that a span has of its manifest.
const NAMED: [&str; 5] = [
    attribute::CODE_FUNCTION_NAME,
    attribute::CODE_FILE_PATH,
    attribute::CODE_LINE_NUMBER,
    attribute::WASM_FUNCTION_INDEX,
    attribute::WASM_MODULE_NAME,
];

/// Terms of requests that tell of functions which nothing names, of these builds.
fn builds(hex: &[String]) -> impl Iterator<Item = Term<'_>> {
    hex.iter().map(|build| Term::Tag(attribute::WASM_MODULE_BUILD_ID.as_bytes(), build.as_bytes()))
}

fn hex(builds: &[BuildId]) -> Vec<String> {
    builds.iter().map(|build| build.hex()).collect()
}

/// How long a span took, in ns: 1 at least.
pub fn duration(span: &Span) -> u64 {
    span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano).max(1)
}

/// Of several attributes of one key the first counts.
fn has(attributes: &[KeyValue], key: &str, value: &str) -> bool {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    attribute.is_some_and(|attribute| value::text(attribute.value.as_ref()) == value)
}

fn is_status(span: &Span, key: &str, value: &str) -> bool {
    let code = span.status.as_ref().map_or(StatusCode::Unset, |status| status.code());
    matches!((key, value, code), ("error", "true", StatusCode::Error) | ("error", "false", StatusCode::Ok))
}
