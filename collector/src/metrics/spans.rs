//! What spans say of calls: `traces.span.metrics.calls` and `.duration`, as the OpenTelemetry Collector's spanmetrics connector has them.
//!
//! For spans of other scopes alone. Of its own, adapters keep the slow ones, so counts of them would be wrong; what the adapters count is
//! `wasm.*`, and is exact. A request's spans are counted first, and put into their streams as deltas of all senders.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, NumberDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use waspect_abi::semconv::{self, attribute, span_metric};

use super::identity::{self, Head, Kind, Origin};
use super::limits::HEAD_BYTES_MAX;
use super::point::Point;
use super::state::{At, Outcome, State, Target};
use crate::otlp::fields::{Field, Fields, messages};

/// Where durations are counted, in seconds.
const BOUNDS: [f64; 16] = [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.4, 2.0, 5.0, 10.0, 15.0];

/// Kinds of spans, by OTLP's numbers.
const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

/// Codes of a status, by OTLP's numbers.
const CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

/// The scope of what is derived.
const SCOPE: &str = "waspect.collector";

/// Spans that are told apart: by name, kind and code.
type Calls<'b> = HashMap<(&'b [u8], u64, u64), Counts>;

/// What is counted of them.
#[derive(Default)]
struct Counts {
    count: u64,
    sum: f64,
    buckets: [u64; BOUNDS.len() + 1],
    example: Option<Exemplar>,
}

/// Counts the spans of a request, and tells what became of each count.
pub fn read(state: &mut State, request: &[u8], at: At, tell: &mut impl FnMut(Outcome)) {
    for of_resource in messages(request, 1) {
        let mut calls = Calls::new();
        for of_scope in messages(of_resource, 2).filter(|of_scope| !is_own(of_scope)) {
            messages(of_scope, 2).for_each(|span| count(&mut calls, span));
        }
        if calls.is_empty() {
            continue;
        }
        let encoded = messages(of_resource, 1).last().unwrap_or_default();
        let resource = match encoded.len() <= HEAD_BYTES_MAX {
            true => Resource::decode(encoded).unwrap_or_default(),
            false => continue,
        };
        // As in the connector: what names no service is nobody's.
        let Some(service) = identity::value(&resource.attributes, attribute::SERVICE_NAME).cloned() else { continue };
        let targets = [&span_metric::TRACES_SPAN_METRICS_CALLS, &span_metric::TRACES_SPAN_METRICS_DURATION]
            .map(|metric| state.metric(head(metric, &resource)));
        for ((name, kind, code), counts) in calls {
            let text = |text: String| Value::StringValue(text);
            let attributes = [
                (attribute::SERVICE_NAME, service.clone()),
                (attribute::SPAN_NAME, text(String::from_utf8_lossy(name).into_owned())),
                (attribute::SPAN_KIND, text(format!("SPAN_KIND_{}", word(&KINDS, kind)))),
                (attribute::STATUS_CODE, text(format!("STATUS_CODE_{}", word(&CODES, code)))),
            ];
            counts.tell(state, targets, &attributes, at, tell);
        }
    }
}

/// Whether a `ScopeSpans` is of a recorder of ours.
fn is_own(of_scope: &[u8]) -> bool {
    let scope = messages(of_scope, 1).last().unwrap_or_default();
    messages(scope, 1).last() == Some(semconv::SCOPE.as_bytes())
}

fn word(words: &[&'static str], number: u64) -> &'static str {
    usize::try_from(number).ok().and_then(|number| words.get(number)).unwrap_or(&words[0])
}

fn count<'b>(calls: &mut Calls<'b>, span: &'b [u8]) {
    let (mut trace_id, mut span_id, mut name) = (&b""[..], &b""[..], &b""[..]);
    let (mut kind, mut code, mut start, mut end) = (0, 0, 0, 0);
    for field in Fields::new(span) {
        match field {
            (1, Field::Bytes(said)) => trace_id = said,
            (2, Field::Bytes(said)) => span_id = said,
            (5, Field::Bytes(said)) => name = said,
            (6, Field::Varint(said)) => kind = said,
            (7, Field::Fixed(said)) => start = said,
            (8, Field::Fixed(said)) => end = said,
            (15, Field::Bytes(status)) => {
                let codes = Fields::new(status).filter(|(number, _)| *number == 3);
                code = match codes.last() {
                    Some((_, Field::Varint(code))) => code,
                    _ => 0,
                };
            }
            _ => {}
        }
    }
    let seconds = end.saturating_sub(start) as f64 / 1e9;
    let known = |number, words: usize| if number < words as u64 { number } else { 0 };
    let counts = calls.entry((name, known(kind, KINDS.len()), known(code, CODES.len()))).or_default();
    counts.count += 1;
    counts.sum += seconds;
    counts.buckets[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
    counts.example = Some(Exemplar {
        time_unix_nano: end,
        trace_id: trace_id.to_vec(),
        span_id: span_id.to_vec(),
        value: Some(exemplar::Value::AsDouble(seconds)),
        ..Exemplar::default()
    });
}

impl Counts {
    fn tell(
        self,
        state: &mut State,
        [calls, duration]: [Target; 2],
        attributes: &[(&str, Value)],
        at: At,
        tell: &mut impl FnMut(Outcome),
    ) {
        let attribute = |(key, value): &(&str, Value)| KeyValue {
            key: (*key).into(),
            value: Some(AnyValue { value: Some(value.clone()) }),
            ..KeyValue::default()
        };
        let set = identity::set(attributes.iter().map(attribute).collect());
        let exemplars: Vec<_> = self.example.into_iter().collect();
        let number = NumberDataPoint {
            value: Some(number_data_point::Value::AsInt(i64::try_from(self.count).unwrap_or(i64::MAX))),
            exemplars: exemplars.clone(),
            ..NumberDataPoint::default()
        };
        let histogram = HistogramDataPoint {
            count: self.count,
            sum: Some(self.sum),
            explicit_bounds: BOUNDS.to_vec(),
            bucket_counts: self.buckets.to_vec(),
            exemplars,
            ..HistogramDataPoint::default()
        };
        tell(state.point(calls, set.clone(), Point::Number(number), at));
        tell(state.point(duration, set, Point::Histogram(histogram), at));
    }
}

fn head(metric: &semconv::Metric, resource: &Resource) -> Head {
    let kind = match metric.instrument {
        semconv::Instrument::Histogram => Kind::Histogram,
        _ => Kind::Sum { rises: true },
    };
    let mut head = Head {
        resource: resource.clone(),
        scope: InstrumentationScope { name: SCOPE.into(), ..InstrumentationScope::default() },
        schema_url: String::new(),
        name: metric.name.into(),
        description: metric.description.into(),
        unit: metric.unit.into(),
        kind,
        origin: Origin::Summed,
    };
    head.settle();
    head
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

    use super::*;
    use crate::metrics::tests::{NOW_MS, attribute, values};

    fn request(resource: &[(&str, &str)], scope: &str, spans: Vec<Span>) -> Vec<u8> {
        let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
        let scope = Some(InstrumentationScope { name: scope.into(), ..InstrumentationScope::default() });
        let resource_spans = vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn span(name: &str, kind: i32, code: i32, ms: u64) -> Span {
        Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: name.into(),
            kind,
            start_time_unix_nano: NOW_MS * 1_000_000,
            end_time_unix_nano: (NOW_MS + ms) * 1_000_000,
            status: Some(Status { code, ..Status::default() }),
            ..Span::default()
        }
    }

    #[test]
    fn spans_of_others_are_counted_by_name_kind_and_status() {
        let mut state = State::default();
        let at = At { sequence: 0, received_unix_ms: NOW_MS + 5000 };
        let mut take = |resource: &[(&str, &str)], scope: &str, spans| {
            read(&mut state, &request(resource, scope, spans), at, &mut |outcome| assert_eq!(outcome, Outcome::Kept));
        };
        let spans = || vec![span("a", 2, 0, 3), span("a", 2, 0, 4), span("a", 2, 2, 20_000), span("b", 99, -1, 0)];
        take(&[("service.name", "s")], "http", spans());
        take(&[("service.name", "s"), ("process.pid", "7")], "grpc", spans());
        take(&[("service.name", "s")], semconv::SCOPE, spans());
        take(&[("service", "s")], "http", spans());
        let values = values(&state);
        let expected = [("a", "SERVER", "UNSET", 4), ("a", "SERVER", "ERROR", 2), ("b", "UNSPECIFIED", "UNSET", 2)];
        for metric in ["traces.span.metrics.calls", "traces.span.metrics.duration"] {
            for (name, kind, code, count) in expected {
                let set = format!(
                    "service.name=s,span.kind=SPAN_KIND_{kind},span.name={name},status.code=STATUS_CODE_{code}"
                );
                assert_eq!(
                    values.get(&("s".into(), metric.into(), set)),
                    Some(&count),
                    "{metric} {name} {kind} {code}"
                );
            }
        }
        assert_eq!(values.len(), 6, "{values:?}");
        let metrics = state.metrics();
        let stream = metrics.iter().flat_map(|(_, metric)| metric.streams.values());
        let slowest = stream.filter_map(|stream| match &stream.point {
            Point::Histogram(point) if point.sum > Some(30.0) => Some(point),
            _ => None,
        });
        let slowest = slowest.last().expect("it is there");
        assert_eq!((slowest.bucket_counts.last(), slowest.sum), (Some(&2), Some(40.0)));
        assert_eq!(slowest.exemplars.last().map(|exemplar| &*exemplar.trace_id), Some(&[1; 16][..]));
    }
}
