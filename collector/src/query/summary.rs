//! A trace in a line: what a list of traces shows of it. Pure.

use std::collections::{BTreeMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::matching::duration;
use super::trace::{Trace, spans};
use crate::otlp::value;

/// Services that are listed of a trace.
pub const SERVICES_MAX: usize = 1000;

/// A trace in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub trace_id: Vec<u8>,
    /// The service and the name of its first span that has no parent; empty: every span has one.
    pub root: (String, String),
    /// When its first span begins and its last one ends, in ns since 1970.
    pub start_and_end_ns: [u64; 2],
    /// Its spans.
    pub count: Count,
    /// Those whose parent is not in the trace.
    pub orphans: usize,
    /// Its spans by service, of [`SERVICES_MAX`] of them.
    pub services: BTreeMap<String, Count>,
}

/// How many spans, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub spans: usize,
    /// Those whose status is an error.
    pub errors: usize,
}

/// Sums a trace up.
pub fn summarise(trace: &Trace) -> Summary {
    let all = || trace.resource_spans.iter().flat_map(spans).map(|(_, span)| span);
    let ids: HashSet<&[u8]> = all().map(|span| &span.span_id[..]).collect();
    let mut summary = Summary { start_and_end_ns: [u64::MAX, 0], ..Summary::default() };
    let mut root: Option<&Span> = None;
    for resource_spans in &trace.resource_spans {
        let attributes = resource_spans.resource.iter().flat_map(|resource| &resource.attributes);
        let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
        let service = name.map(|name| value::text(name.value.as_ref()).into_owned()).unwrap_or_default();
        for (_, span) in spans(resource_spans) {
            summary.count.add(span);
            if summary.services.contains_key(&service) || summary.services.len() < SERVICES_MAX {
                summary.services.entry(service.clone()).or_default().add(span);
            }
            let [start, end] = &mut summary.start_and_end_ns;
            *start = span.start_time_unix_nano.min(*start);
            *end = span.start_time_unix_nano.saturating_add(duration(span)).max(*end);
            if !is_child(span) {
                if root.is_none_or(|root| span.start_time_unix_nano < root.start_time_unix_nano) {
                    root = Some(span);
                    summary.root = (service.clone(), span.name.clone());
                }
            } else if !ids.contains(&span.parent_span_id[..]) {
                summary.orphans += 1;
            }
        }
    }
    summary.trace_id = all().next().map(|span| span.trace_id.clone()).unwrap_or_default();
    summary
}

/// An id of zeros is none.
fn is_child(span: &Span) -> bool {
    span.parent_span_id.iter().any(|byte| *byte != 0)
}

impl Count {
    fn add(&mut self, span: &Span) {
        self.spans += 1;
        self.errors += usize::from(span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error));
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status};

    use super::*;

    fn span(id: u8, parent: u8, times: [u64; 2]) -> Span {
        Span {
            trace_id: vec![7; 16],
            span_id: vec![id; 8],
            parent_span_id: vec![parent; 8],
            name: format!("span {id}"),
            start_time_unix_nano: times[0],
            end_time_unix_nano: times[1],
            ..Span::default()
        }
    }

    #[test]
    fn a_trace_is_summed_up() {
        let mut failed = span(3, 1, [20, 90]);
        failed.status = Some(Status { code: StatusCode::Error.into(), ..Status::default() });
        let spans = vec![span(2, 0, [30, 40]), span(1, 0, [10, 50]), failed, span(4, 9, [15, 16])];
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let count = Count { spans: 4, errors: 1 };
        assert_eq!(
            summarise(&Trace { resource_spans, cut: false }),
            Summary {
                trace_id: vec![7; 16],
                root: (String::new(), "span 1".into()),
                start_and_end_ns: [10, 90],
                count,
                orphans: 1,
                services: BTreeMap::from([(String::new(), count)]),
            }
        );
    }
}
