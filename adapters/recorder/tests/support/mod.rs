//! What was exported, decoded with the field's own crate and laid out as the vectors write it.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod memory;
pub mod random;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Map, Value as Json, json};

/// A metric's points by what identifies them.
pub type Points = BTreeMap<String, Json>;

/// All spans of a request.
pub fn spans(bytes: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(bytes).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// All metrics of a request, by name.
pub fn metrics(bytes: &[u8]) -> BTreeMap<String, Metric> {
    let request = ExportMetricsServiceRequest::decode(bytes).unwrap();
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).map(|metric| (metric.name.clone(), metric)).collect()
}

/// A value as JSON.
pub fn json_of(value: &AnyValue) -> Json {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => json!(text),
        Value::BoolValue(value) => json!(value),
        Value::IntValue(number) => json!(number),
        Value::DoubleValue(number) => json!(number),
        Value::ArrayValue(list) => list.values.iter().map(json_of).collect(),
        other => panic!("no attribute of ours is {other:?}"),
    }
}

/// Attributes by name.
pub fn attributes(list: &[KeyValue]) -> Map<String, Json> {
    list.iter().map(|entry| (entry.key.clone(), json_of(entry.value.as_ref().unwrap()))).collect()
}

/// The points of a metric: integers; nanoseconds where the unit is the second; histograms with their buckets.
pub fn points(metric: &Metric) -> Points {
    let number = |point: &NumberDataPoint| {
        let value = match point.value.unwrap() {
            number_data_point::Value::AsInt(value) => value,
            number_data_point::Value::AsDouble(value) => (value * 1e9).round() as i64,
        };
        (key(&point.attributes), json!(value))
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => sum.data_points.iter().map(number).collect(),
        Data::Gauge(gauge) => gauge.data_points.iter().map(number).collect(),
        Data::ExponentialHistogram(histogram) => {
            let point = histogram.data_points.iter().map(|point| {
                let positive = point.positive.as_ref().unwrap();
                let counts = positive.bucket_counts.iter().zip(positive.offset..).filter(|(count, _)| **count > 0);
                let buckets: BTreeMap<String, u64> = counts.map(|(count, index)| (index.to_string(), *count)).collect();
                let all = json!({
                    "count": point.count, "zero": point.zero_count, "scale": point.scale, "buckets": buckets,
                });
                (key(&point.attributes), all)
            });
            point.collect()
        }
        other => panic!("no metric of ours is {other:?}"),
    }
}

/// What identifies a point to a reader: its error, drop reason, function or module, whichever is first.
fn key(list: &[KeyValue]) -> String {
    let attributes = attributes(list);
    let names = ["error.type", "waspect.drop.reason", "code.function.name", "wasm.module.name"];
    let found = names.iter().find_map(|name| attributes.get(*name)?.as_str());
    found.unwrap_or_default().to_owned()
}
