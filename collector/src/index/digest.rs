//! What the index keeps of one request: which traces, which operations, when, how long, and which terms. Pure.
//!
//! It is taken from the bytes where they lie: building the request would cost more than all the rest of storing it.

use std::collections::HashSet;

use waspect_abi::BuildId;

use super::filter::TERMS_MAX;
use super::terms::{Key, Term};
use crate::manifests::build_of;
use crate::otlp::fields::{Field, Fields, messages};
use crate::otlp::service;

/// Operations of one request; those beyond are found by search, and not listed.
const OPERATIONS_MAX: usize = 4096;

/// Longest name that is listed.
pub const NAME_BYTES_MAX: usize = 1024;

/// What a service does: its spans' name and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// The service.
    pub service: String,
    /// The spans' name.
    pub name: String,
    /// Their kind, by OTLP's number.
    pub kind: u8,
    /// The module whose function it is, where nothing names that.
    pub build: Option<BuildId>,
}

/// What the index keeps of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Ids of the traces that it has spans of.
    pub traces: HashSet<u128>,
    /// What it tells of services.
    pub operations: HashSet<Operation>,
    /// When the first of its spans began, in ns since 1970.
    pub start_min: u64,
    /// When the last of them did.
    pub start_max: u64,
    /// The longest of them in ns.
    pub duration_max: u64,
    /// What can be asked for; at [`TERMS_MAX`] it is not complete.
    pub terms: HashSet<u64>,
}

/// Reads a traces request. `None`: it has no spans.
pub fn digest(key: &Key, request: &[u8]) -> Option<Digest> {
    let mut digest = Digest { start_min: u64::MAX, ..Digest::default() };
    let mut terms = Terms { key: *key, ..Terms::default() };
    for resource_spans in messages(request, 1) {
        let service = service::name(resource_spans);
        terms.insert(Term::Service(service));
        messages(resource_spans, 1).for_each(|resource| terms.attributes(resource, 1));
        for scope_spans in messages(resource_spans, 2) {
            messages(scope_spans, 1).for_each(|scope| terms.attributes(scope, 3));
            messages(scope_spans, 2).for_each(|span| digest.span(&mut terms, service, span));
        }
    }
    digest.terms = terms.seen;
    (!digest.traces.is_empty()).then_some(digest)
}

impl Digest {
    fn span(&mut self, terms: &mut Terms, service: &[u8], span: &[u8]) {
        let (mut name, mut kind, mut start, mut end, mut build) = (&b""[..], 0, 0, 0, None);
        for field in Fields::new(span) {
            match field {
                (1, Field::Bytes(id)) => self.traces.extend(id.try_into().map(u128::from_be_bytes).ok()),
                (5, Field::Bytes(said)) => name = said,
                (6, Field::Varint(said)) => kind = u8::try_from(said).unwrap_or(0),
                (7, Field::Fixed(said)) => start = said,
                (8, Field::Fixed(said)) => end = said,
                (9, Field::Bytes(attribute)) => {
                    terms.attribute(attribute);
                    build = build.or_else(|| build_of(attribute));
                }
                (11, Field::Bytes(event)) => terms.attributes(event, 3),
                (15, Field::Bytes(status)) => terms.status(status),
                _ => {}
            }
        }
        self.start_min = self.start_min.min(start);
        self.start_max = self.start_max.max(start);
        // A span that ends when it begins is shown with 1 ns.
        self.duration_max = self.duration_max.max(end.saturating_sub(start).max(1));
        let term = terms.insert(Term::Operation(service, name));
        let listed = service.len() <= NAME_BYTES_MAX && name.len() <= NAME_BYTES_MAX;
        // Spans do the same over and over: their names are copied once.
        if listed && self.operations.len() < OPERATIONS_MAX && terms.listed.insert((term, kind, build)) {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            self.operations.insert(Operation { service: text(service), name: text(name), kind, build });
        }
    }
}

/// The terms of one request.
#[derive(Default)]
struct Terms {
    key: Key,
    seen: HashSet<u64>,
    /// Operations, by their terms, kinds and builds.
    listed: HashSet<(u64, u8, Option<BuildId>)>,
}

impl Terms {
    fn insert(&mut self, term: Term<'_>) -> u64 {
        let term = self.key.hash(term);
        if self.seen.len() < TERMS_MAX {
            self.seen.insert(term);
        }
        term
    }

    /// The attributes of a message, in its field of that number.
    fn attributes(&mut self, message: &[u8], number: u32) {
        messages(message, number).for_each(|attribute| self.attribute(attribute));
    }

    fn attribute(&mut self, attribute: &[u8]) {
        let (mut key, mut value) = (&b""[..], &b""[..]);
        for field in Fields::new(attribute) {
            match field {
                (1, Field::Bytes(said)) => key = said,
                (2, Field::Bytes(said)) => value = said,
                _ => {}
            }
        }
        let text;
        let term = match Fields::new(value).last() {
            None => Term::Tag(key, b""),
            Some((1, Field::Bytes(text))) => Term::Tag(key, text),
            Some((2, Field::Varint(truth))) => Term::Tag(key, if truth == 0 { b"false" } else { b"true" }),
            Some((3, Field::Varint(number))) => {
                text = (number as i64).to_string();
                Term::Tag(key, text.as_bytes())
            }
            // Doubles, bytes, lists and maps: how they are written as text is the query's business.
            Some(_) => Term::AnyTag(key),
        };
        self.insert(term);
    }

    fn status(&mut self, status: &[u8]) {
        let code = Fields::new(status).filter(|(number, _)| *number == 3).last();
        match code {
            Some((_, Field::Varint(1))) => self.insert(Term::Succeeded),
            Some((_, Field::Varint(2))) => self.insert(Term::Failed),
            _ => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::{Signal, samples};

    #[test]
    fn a_request_is_told_in_terms() {
        let key = Key([7; 16]);
        let digest = digest(&key, &samples::request(Signal::Traces)).unwrap();
        let id = u128::from_be_bytes(std::array::from_fn(|at| at as u8 + 1));
        assert_eq!(digest.traces, HashSet::from([id]));
        assert_eq!((digest.start_max - digest.start_min, digest.duration_max), (0, 5));
        let operations: Vec<_> = digest.operations.iter().map(|operation| (&*operation.name, operation.kind)).collect();
        assert_eq!(operations, [("call", 2)]);
        assert!(digest.terms.contains(&key.hash(Term::Failed)) && !digest.terms.contains(&key.hash(Term::Succeeded)));
    }

    #[test]
    fn floods_are_bounded() {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
        use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
        use prost::Message;
        let span = |number: u32| Span { trace_id: vec![1; 16], name: format!("{number}"), ..Span::default() };
        let long = Span { trace_id: vec![1; 16], name: "x".repeat(NAME_BYTES_MAX + 1), ..Span::default() };
        let spans = [long].into_iter().chain((0..100_000).map(span)).collect();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let digest = digest(&Key([7; 16]), &request).unwrap();
        assert_eq!((digest.operations.len(), digest.terms.len()), (OPERATIONS_MAX, TERMS_MAX));
        assert!(digest.operations.iter().all(|operation| operation.name.len() <= NAME_BYTES_MAX));
    }
}
