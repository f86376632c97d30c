//! OTLP/JSON lines: what the specification demands of them, and that nothing gets lost on the way.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, exemplar, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message;
use serde_json::{Value as Json, json};
use waspect_export::{Signal, to_json_line};

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn traces() -> ExportTraceServiceRequest {
    let array = ArrayValue { values: vec![any(Value::StringValue("a".into())), any(Value::IntValue(-1))] };
    let span = Span {
        trace_id: (0..16).collect(),
        span_id: (16..24).collect(),
        parent_span_id: (24..32).collect(),
        trace_state: "a=b".into(),
        flags: 0x101,
        name: "newline\nquote\" \u{1b}[2J".into(),
        kind: span::SpanKind::Internal.into(),
        start_time_unix_nano: u64::MAX - 1,
        end_time_unix_nano: u64::MAX,
        attributes: vec![
            attribute("int", Value::IntValue(i64::MIN)),
            attribute("double", Value::DoubleValue(0.5)),
            attribute("bool", Value::BoolValue(true)),
            attribute("bytes", Value::BytesValue(vec![0, 255])),
            attribute("array", Value::ArrayValue(array)),
        ],
        events: vec![span::Event { time_unix_nano: 7, name: "exception".into(), ..span::Event::default() }],
        status: Some(Status { message: "unreachable".into(), code: 2 }),
        dropped_attributes_count: 3,
        ..Span::default()
    };
    let scope = InstrumentationScope { name: "waspect".into(), version: "1".into(), ..InstrumentationScope::default() };
    let scope_spans =
        vec![ScopeSpans { scope: Some(scope), spans: vec![span], schema_url: "https://example/1".into() }];
    let resource = Resource { attributes: vec![attribute("k", Value::StringValue("v".into()))], ..Resource::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }],
    }
}

fn metrics() -> ExportMetricsServiceRequest {
    let number = NumberDataPoint {
        start_time_unix_nano: 1,
        time_unix_nano: u64::MAX,
        value: Some(number_data_point::Value::AsInt(i64::MAX)),
        exemplars: vec![Exemplar {
            span_id: vec![1; 8],
            trace_id: vec![2; 16],
            time_unix_nano: 5,
            value: Some(exemplar::Value::AsDouble(0.25)),
            ..Exemplar::default()
        }],
        ..NumberDataPoint::default()
    };
    let sum = Sum { data_points: vec![number], aggregation_temporality: 2, is_monotonic: true };
    let histogram = ExponentialHistogramDataPoint {
        count: u64::MAX,
        sum: Some(1.5),
        scale: -3,
        zero_count: 9,
        positive: Some(Buckets { offset: -4, bucket_counts: vec![1, u64::MAX] }),
        min: Some(0.125),
        max: Some(1e300),
        ..ExponentialHistogramDataPoint::default()
    };
    let histogram = ExponentialHistogram { data_points: vec![histogram], aggregation_temporality: 1 };
    let metric =
        |name: &str, data| Metric { name: name.into(), unit: "By".into(), data: Some(data), ..Metric::default() };
    let metrics =
        vec![metric("sum", metric::Data::Sum(sum)), metric("histogram", metric::Data::ExponentialHistogram(histogram))];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

fn line(signal: Signal, request: &[u8]) -> Json {
    let line = to_json_line(signal, request).unwrap();
    let text = line.strip_suffix('\n').expect("a line ends");
    assert!(!text.contains(|c: char| c.is_control()), "one line, and nothing that moves a cursor: {text}");
    serde_json::from_str(text).unwrap()
}

#[test]
fn traces_come_back_as_they_went() {
    let json = line(Signal::Traces, &traces().encode_to_vec());
    assert_eq!(serde_json::from_value::<ExportTraceServiceRequest>(json).unwrap(), traces());
}

#[test]
fn metrics_come_back_as_they_went() {
    let json = line(Signal::Metrics, &metrics().encode_to_vec());
    assert_eq!(serde_json::from_value::<ExportMetricsServiceRequest>(json).unwrap(), metrics());
}

/// The rules of 'JSON Protobuf Encoding' in the OTLP specification, against which a round trip through one codec proves nothing.
#[test]
fn the_encoding_is_that_of_the_specification() {
    let json = line(Signal::Traces, &traces().encode_to_vec());
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    for (key, expected) in [
        ("traceId", json!("000102030405060708090a0b0c0d0e0f")),
        ("spanId", json!("1011121314151617")),
        ("parentSpanId", json!("18191a1b1c1d1e1f")),
        ("kind", json!(1)),
        ("startTimeUnixNano", json!((u64::MAX - 1).to_string())),
        ("droppedAttributesCount", json!(3)),
        ("flags", json!(0x101)),
    ] {
        assert_eq!(span[key], expected, "{key}");
    }
    assert_eq!(span["attributes"][0]["value"], json!({ "intValue": i64::MIN.to_string() }));
    assert_eq!(span["attributes"][3]["value"], json!({ "bytesValue": "AP8=" }));
    assert_eq!(span["attributes"][4]["value"]["arrayValue"]["values"][1], json!({ "intValue": "-1" }));
    assert_eq!(span["status"], json!({ "message": "unreachable", "code": 2 }));

    let json = line(Signal::Metrics, &metrics().encode_to_vec());
    let metrics = &json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let sum = &metrics[0]["sum"];
    assert_eq!((&sum["aggregationTemporality"], &sum["isMonotonic"]), (&json!(2), &json!(true)));
    assert_eq!(sum["dataPoints"][0]["asInt"], json!(i64::MAX.to_string()));
    assert_eq!(sum["dataPoints"][0]["exemplars"][0]["traceId"], json!("02".repeat(16)));
    let histogram = &metrics[1]["exponentialHistogram"]["dataPoints"][0];
    assert_eq!(histogram["count"], json!(u64::MAX.to_string()));
    assert_eq!((&histogram["scale"], &histogram["max"]), (&json!(-3), &json!(1e300)));
    assert_eq!(histogram["positive"]["bucketCounts"], json!(["1", u64::MAX.to_string()]));
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let error = to_json_line(Signal::Metrics, &[0xff; 10]).unwrap_err().to_string();
    assert!(error.starts_with("no OTLP request of metrics: "), "{error}");
}
