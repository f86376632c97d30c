//! Requests that have a bit of everything.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::Signal;

const START: u64 = 1_790_000_000_000_000_000;

/// An encoded request.
pub fn request(signal: Signal) -> Vec<u8> {
    match signal {
        Signal::Traces => traces().encode_to_vec(),
        Signal::Metrics => metrics().encode_to_vec(),
        Signal::Logs => logs().encode_to_vec(),
    }
}

/// The same in JSON.
pub fn json(signal: Signal) -> String {
    let json = match signal {
        Signal::Traces => serde_json::to_string(&traces()),
        Signal::Metrics => serde_json::to_string(&metrics()),
        Signal::Logs => serde_json::to_string(&logs()),
    };
    json.expect("a request is JSON")
}

/// Spans of which one has a short id.
pub fn invalid_span() -> Vec<u8> {
    let mut request = traces();
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    spans.push(Span { trace_id: vec![1; 8], ..spans[0].clone() });
    request.encode_to_vec()
}

/// A request whose one attribute is an array in an array and so on.
pub fn nested(depth: usize) -> Vec<u8> {
    let wrap = |field: u8, inner: Vec<u8>| {
        // Written backwards: a front insertion a level would be quadratic.
        let mut out = inner;
        let mut length = Vec::new();
        prost::encoding::encode_varint(out.len() as u64, &mut length);
        out.extend(length.iter().rev());
        out.push(field << 3 | 2);
        out
    };
    let mut value = Vec::new();
    for _ in 0..depth {
        value = wrap(5, wrap(1, value));
    }
    for field in [2, 1, 1, 1] {
        value = wrap(field, value);
    }
    value.reverse();
    value
}

fn traces() -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: (1..17).collect(),
        span_id: (1..9).collect(),
        trace_state: "a=b".into(),
        parent_span_id: vec![9; 8],
        name: "call".into(),
        kind: 2,
        start_time_unix_nano: START,
        end_time_unix_nano: START + 5,
        attributes: attributes(),
        dropped_attributes_count: 1,
        events: vec![Event {
            time_unix_nano: START + 1,
            name: "event".into(),
            attributes: attributes(),
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![Link {
            trace_id: vec![3; 16],
            span_id: vec![4; 8],
            trace_state: "c=d".into(),
            attributes: attributes(),
            dropped_attributes_count: 4,
            flags: 1,
        }],
        dropped_links_count: 5,
        status: Some(Status { message: "bad".into(), code: 2 }),
        flags: 257,
    };
    let spans = vec![span.clone(), Span { span_id: vec![7; 8], ..span }];
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, schema_url: "s".into() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource()), scope_spans, schema_url: "s".into() }];
    ExportTraceServiceRequest { resource_spans }
}

fn metrics() -> ExportMetricsServiceRequest {
    let exemplars = vec![Exemplar {
        filtered_attributes: attributes(),
        time_unix_nano: START,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(exemplar::Value::AsDouble(0.5)),
    }];
    let number = NumberDataPoint {
        attributes: attributes(),
        start_time_unix_nano: START,
        time_unix_nano: START + 1,
        exemplars: exemplars.clone(),
        flags: 1,
        value: Some(number_data_point::Value::AsInt(-7)),
    };
    let histogram = HistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: START,
        time_unix_nano: START + 1,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![1.5],
        exemplars: exemplars.clone(),
        flags: 1,
        min: Some(1.0),
        max: Some(2.0),
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: START,
        time_unix_nano: START + 1,
        count: 3,
        sum: Some(4.5),
        scale: -2,
        zero_count: 1,
        positive: Some(Buckets { offset: -3, bucket_counts: vec![1, 300] }),
        negative: Some(Buckets { offset: 1, bucket_counts: vec![2] }),
        flags: 1,
        exemplars,
        min: Some(1.0),
        max: Some(2.0),
        zero_threshold: 0.25,
    };
    let summary = SummaryDataPoint {
        attributes: attributes(),
        start_time_unix_nano: START,
        time_unix_nano: START + 1,
        count: 3,
        sum: 4.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 1.5 }],
        flags: 1,
    };
    let data = [
        Data::Gauge(Gauge { data_points: vec![number.clone()] }),
        Data::Sum(Sum { data_points: vec![number], aggregation_temporality: 2, is_monotonic: true }),
        Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: 1 }),
        Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![exponential], aggregation_temporality: 1 }),
        Data::Summary(Summary { data_points: vec![summary] }),
    ];
    let metric = |data| Metric {
        name: "m".into(),
        description: "d".into(),
        unit: "s".into(),
        metadata: attributes(),
        data: Some(data),
    };
    let metrics = data.into_iter().map(metric).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, schema_url: "s".into() }];
    let resource_metrics = vec![ResourceMetrics { resource: Some(resource()), scope_metrics, schema_url: "s".into() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: START,
        observed_time_unix_nano: START + 1,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(text("hello")),
        attributes: attributes(),
        dropped_attributes_count: 1,
        flags: 1,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "e".into(),
    };
    let log_records = vec![record.clone(), record];
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, schema_url: "s".into() }];
    let resource_logs = vec![ResourceLogs { resource: Some(resource()), scope_logs, schema_url: "s".into() }];
    ExportLogsServiceRequest { resource_logs }
}

fn resource() -> Resource {
    let service = KeyValue { key: "service.name".into(), value: Some(text("shop")), ..KeyValue::default() };
    Resource { attributes: vec![service], dropped_attributes_count: 1, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "scope".into(),
        version: "1".into(),
        attributes: attributes(),
        dropped_attributes_count: 1,
    }
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

fn attributes() -> Vec<KeyValue> {
    let value = |value| AnyValue { value: Some(value) };
    let list = KeyValue { key: "inner".into(), value: Some(text("x")), ..KeyValue::default() };
    let values = [
        Value::StringValue("é".into()),
        Value::BoolValue(true),
        Value::IntValue(-1),
        Value::DoubleValue(0.5),
        Value::ArrayValue(ArrayValue { values: vec![text("a"), value(Value::IntValue(1))] }),
        Value::KvlistValue(KeyValueList { values: vec![list] }),
        Value::BytesValue(vec![0, 255]),
    ];
    let attribute =
        |(number, inner)| KeyValue { key: format!("k{number}"), value: Some(value(inner)), ..KeyValue::default() };
    values.into_iter().enumerate().map(attribute).collect()
}
