//! The exporter's own health, as metrics.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, ResourceMetrics, metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use waspect_export::{DropReason, ExportConfig, Health, HealthMetrics, SignalHealth, Temporality};

fn health() -> Health {
    let mut traces = SignalHealth {
        made: 1000,
        exported: 500,
        waiting: 60,
        in_flight: 10,
        unanswered: 40,
        queue_items_max: Some(2048),
        ..SignalHealth::default()
    };
    traces.dropped[DropReason::QueueFull as usize] = 300;
    traces.dropped[DropReason::Rejected as usize] = 100;
    let metrics = SignalHealth { made: 7, exported: 7, ..SignalHealth::default() };
    Health { traces, metrics }
}

/// `metric component cause` to value, start and temporality.
type Points = BTreeMap<String, (i64, u64, AggregationTemporality)>;

fn points(request: &[u8]) -> (Points, Vec<ResourceMetrics>) {
    let request = ExportMetricsServiceRequest::decode(request).unwrap();
    let mut points = Points::new();
    for metric in request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics) {
        let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
        for point in &sum.data_points {
            let attribute = |key: &str| {
                let found = point.attributes.iter().find(|attribute| attribute.key == key)?;
                match found.value.as_ref()?.value.as_ref()? {
                    any_value::Value::StringValue(text) => Some(text.clone()),
                    _ => None,
                }
            };
            let component = attribute("otel.component.type").unwrap();
            assert_eq!(attribute("otel.component.name").unwrap(), format!("{component}/waspect"));
            let cause = attribute("error.type").unwrap_or_default();
            let Some(number_data_point::Value::AsInt(value)) = point.value else { panic!("{point:?}") };
            let entry = (value, point.start_time_unix_nano, sum.aggregation_temporality());
            let key = format!("{} {component} {cause}", metric.name).trim_end().to_owned();
            assert!(points.insert(key, entry).is_none());
        }
    }
    (points, request.resource_metrics)
}

#[test]
fn the_ledger_becomes_the_conventions_metrics() {
    let mut metrics = HealthMetrics::new(&ExportConfig::default(), 1);
    let mut request = Vec::new();
    let count = metrics.append(&health(), &mut request, 9);
    let (points, _) = points(&request);
    assert_eq!(count, points.len() as u64);
    let values: Vec<_> = points.iter().map(|(name, (value, ..))| (name.as_str(), *value)).collect();
    assert_eq!(
        values,
        [
            ("otel.sdk.exporter.metric_data_point.exported otlp_http_metric_exporter", 7),
            ("otel.sdk.exporter.metric_data_point.inflight otlp_http_metric_exporter", 0),
            ("otel.sdk.exporter.span.exported otlp_http_span_exporter", 500),
            ("otel.sdk.exporter.span.exported otlp_http_span_exporter rejected", 100),
            ("otel.sdk.exporter.span.exported otlp_http_span_exporter unanswered", 40),
            ("otel.sdk.exporter.span.inflight otlp_http_span_exporter", 10),
            ("otel.sdk.processor.span.processed batching_span_processor", 650),
            ("otel.sdk.processor.span.processed batching_span_processor queue_full", 300),
            ("otel.sdk.processor.span.queue.capacity batching_span_processor", 2048),
            ("otel.sdk.processor.span.queue.size batching_span_processor", 50),
        ]
    );
    assert!(points.values().all(|(_, start, how)| (*start, *how) == (1, AggregationTemporality::Cumulative)));
}

#[test]
fn a_preference_for_deltas_is_obeyed_where_it_should_be() {
    let config = ExportConfig { temporality: Temporality::Delta, ..ExportConfig::default() };
    let mut metrics = HealthMetrics::new(&config, 1);
    metrics.append(&health(), &mut Vec::new(), 9);
    let mut later = health();
    later.traces.made += 5;
    later.traces.exported += 5;
    let mut request = Vec::new();
    metrics.append(&later, &mut request, 20);
    let (points, _) = points(&request);
    let exported = points["otel.sdk.exporter.span.exported otlp_http_span_exporter"];
    assert_eq!(exported, (5, 9, AggregationTemporality::Delta));
    let queued = points["otel.sdk.processor.span.queue.size batching_span_processor"];
    assert_eq!(queued, (50, 1, AggregationTemporality::Cumulative));
}

#[test]
fn they_share_the_resource_of_the_request_they_join() {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue("shop".into())) });
    let attributes = vec![KeyValue { key: "service.name".into(), value, ..KeyValue::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let first = ResourceMetrics { resource: resource.clone(), ..ResourceMetrics::default() };
    let mut request = ExportMetricsServiceRequest { resource_metrics: vec![first] }.encode_to_vec();
    HealthMetrics::new(&ExportConfig::default(), 1).append(&health(), &mut request, 9);
    let (_, resource_metrics) = points(&request);
    assert_eq!(resource_metrics.len(), 2);
    assert!(resource_metrics.iter().all(|metrics| metrics.resource == resource));
    assert_eq!(resource_metrics[1].scope_metrics[0].scope.as_ref().unwrap().name, "waspect");
}

#[test]
fn a_signal_that_goes_nowhere_has_no_metrics() {
    let config = ExportConfig { traces: None, metrics: None, ..ExportConfig::default() };
    let mut request = vec![];
    assert_eq!(HealthMetrics::new(&config, 1).append(&health(), &mut request, 9), 0);
    assert!(request.is_empty());
}
