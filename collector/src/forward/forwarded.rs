//! What was forwarded lately: a back end that stores here brings it back, and is known by it.
//!
//! Why not by addresses? A Jaeger that is sent to on one address stores from another; all that both sides see is the spans.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::otlp::fields::messages;

/// Requests that are remembered.
const REQUESTS_MAX: usize = 8192;

/// The first span of each request that was forwarded lately.
#[derive(Clone, Default)]
pub struct Forwarded(Arc<Mutex<Recent>>);

#[derive(Default)]
struct Recent {
    random: RandomState,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Forwarded {
    /// A request for traces is about to be forwarded.
    pub fn add(&self, request: &[u8]) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(span) = spans(request).next() else { return };
        let span = recent.random.hash_one(span);
        if recent.known.insert(span) {
            recent.order.push_back(span);
        }
        if recent.order.len() > REQUESTS_MAX
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.known.remove(&oldest);
        }
    }

    /// True for a request for traces in which one of those spans comes back.
    pub fn comes_back_in(&self, request: &[u8]) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !recent.known.is_empty() && spans(request).any(|span| recent.known.contains(&recent.random.hash_one(span)))
    }
}

/// The ids of spans: of the trace, and their own.
fn spans(request: &[u8]) -> impl Iterator<Item = [Option<&[u8]>; 2]> {
    let scopes = messages(request, 1).flat_map(|resource_spans| messages(resource_spans, 2));
    let spans = scopes.flat_map(|scope_spans| messages(scope_spans, 2));
    spans.map(|span| [messages(span, 1).last(), messages(span, 2).last()])
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
    use prost::Message;

    use super::*;

    fn request(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let spans = ids.into_iter().map(|id| Span { span_id: id.to_be_bytes().into(), ..Span::default() }).collect();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
    }

    #[test]
    fn what_comes_back_is_known_for_a_while() {
        let forwarded = Forwarded::default();
        assert!(!forwarded.comes_back_in(&request([1])));
        forwarded.add(&request([1, 2]));
        // A back end may have joined requests.
        assert!(forwarded.comes_back_in(&request([7, 1])));
        assert!(!forwarded.comes_back_in(&request([7, 8])) && !forwarded.comes_back_in(b"\xff"));
        (10..10 + REQUESTS_MAX as u64).for_each(|id| forwarded.add(&request([id])));
        assert!(!forwarded.comes_back_in(&request([1])) && forwarded.comes_back_in(&request([10])));
    }
}
