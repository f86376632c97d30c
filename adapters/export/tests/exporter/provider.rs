//! Provider mode: what goes in as OTLP comes out of the host's providers.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use prost::Message;
use waspect_export::provider::{Carried, CarriedIds, Carrier, otlp_providers};
use waspect_export::{Compression, ExportConfig, Protocol, Signal};

use crate::support::grpc::{GrpcServer, Received};
use crate::support::http::{HttpServer, answer};
use crate::support::{SOON, config, spans, within};

fn span(span_id: u8, parent: u8, name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![span_id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: name.into(),
        start_time_unix_nano: 1_000_000_007,
        end_time_unix_nano: 2_000_000_009,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Carries a request through an SDK and gives what came out, by name.
fn carried(request: &[u8], keep_ids: bool) -> (Carried, Vec<SpanData>) {
    let exporter = InMemorySpanExporter::default();
    let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
    let tracers = match keep_ids {
        true => builder.with_id_generator(CarriedIds::default()).build(),
        false => builder.build(),
    };
    let mut carrier = Carrier::new(tracers, SdkMeterProvider::builder().build());
    let carried = carrier.carry(Signal::Traces, request).unwrap();
    let mut spans = exporter.get_finished_spans().unwrap();
    spans.sort_by(|one, other| one.name.cmp(&other.name));
    (carried, spans)
}

/// A family in which children come before their parents, as they end.
fn family() -> Vec<u8> {
    let mut child = span(3, 2, "c child");
    child.status = Some(Status { message: "unreachable".into(), code: 2 });
    child.events = vec![span::Event { time_unix_nano: 1_500_000_000, name: "exception".into(), ..Default::default() }];
    request(vec![child, span(2, 1, "b parent"), span(1, 9, "a root under the host's span")])
}

#[test]
fn ids_survive_where_the_generator_is_ours() {
    let (count, spans) = carried(&family(), true);
    assert_eq!(count, Carried { carried: 3, left_out: 0 });
    for (span, (id, parent)) in spans.iter().zip([(1, 9), (2, 1), (3, 2)]) {
        assert_eq!(span.span_context.trace_id().to_bytes(), [7; 16]);
        assert_eq!(span.span_context.span_id().to_bytes(), [id; 8]);
        assert_eq!(span.parent_span_id.to_bytes(), [parent; 8]);
        assert_eq!(span.start_time, std::time::UNIX_EPOCH + Duration::from_nanos(1_000_000_007));
        assert_eq!(span.end_time, std::time::UNIX_EPOCH + Duration::from_nanos(2_000_000_009));
    }
    assert_eq!(spans[2].status, opentelemetry::trace::Status::error("unreachable"));
    assert_eq!(spans[2].events.events[0].name, "exception");
}

#[test]
fn elsewhere_spans_of_one_request_still_hang_together() {
    let (_, spans) = carried(&family(), false);
    assert_eq!(spans[0].parent_span_id.to_bytes(), [9; 8], "the host's own span is named as it is");
    assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
    assert_eq!(spans[2].parent_span_id, spans[1].span_context.span_id());
    assert_ne!(spans[2].span_context.span_id().to_bytes(), [3; 8]);
    assert!(spans.iter().all(|span| span.span_context.trace_id().to_bytes() == [7; 16]));
}

#[test]
fn a_host_s_own_spans_keep_random_ids() {
    use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
    let provider = SdkTracerProvider::builder().with_id_generator(CarriedIds::default()).build();
    Carrier::new(provider.clone(), SdkMeterProvider::builder().build()).carry(Signal::Traces, &family()).unwrap();
    let ids = [0, 1].map(|_| provider.tracer("host").start("own").span_context().span_id().to_bytes());
    assert!(ids[0] != ids[1] && ids.iter().all(|id| ![[1; 8], [2; 8], [3; 8]].contains(id)));
}

#[test]
fn circles_and_bad_ids_are_survived() {
    let mut short = span(4, 0, "short id");
    short.span_id.pop();
    let (count, spans) = carried(&request(vec![span(1, 2, "a"), span(2, 1, "b"), span(3, 3, "c"), short]), true);
    assert_eq!(count, Carried { carried: 3, left_out: 1 });
    assert_eq!(spans.len(), 3);
}

fn sum(name: &str, monotonic: bool, temporality: AggregationTemporality, values: &[i64]) -> Metric {
    let point = |value: &i64| NumberDataPoint {
        value: Some(number_data_point::Value::AsInt(*value)),
        ..NumberDataPoint::default()
    };
    let data_points = values.iter().map(point).collect();
    let sum = Sum { data_points, is_monotonic: monotonic, aggregation_temporality: temporality.into() };
    Metric { name: name.into(), unit: "By".into(), data: Some(metric::Data::Sum(sum)), ..Metric::default() }
}

fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn sums_and_gauges_arrive_with_their_values() {
    let exporter = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter.clone()).build()).build();
    let mut carrier = Carrier::new(SdkTracerProvider::builder().build(), meters.clone());
    let gauge = |value| {
        let value = Some(number_data_point::Value::AsDouble(value));
        let gauge = Gauge { data_points: vec![NumberDataPoint { value, ..NumberDataPoint::default() }] };
        Metric { name: "gauge".into(), data: Some(metric::Data::Gauge(gauge)), ..Metric::default() }
    };
    let histogram = {
        let data_points = vec![ExponentialHistogramDataPoint::default(); 2];
        let histogram = ExponentialHistogram { data_points, ..ExponentialHistogram::default() };
        let data = Some(metric::Data::ExponentialHistogram(histogram));
        Metric { name: "histogram".into(), data, ..Metric::default() }
    };
    let (cumulative, delta) = (AggregationTemporality::Cumulative, AggregationTemporality::Delta);
    for (count, level, step, last) in [(10, 100, 1, 0.5), (25, 40, 2, 0.25)] {
        let request = metrics(vec![
            sum("count", true, cumulative, &[count]),
            sum("level", false, cumulative, &[level]),
            sum("steps", true, delta, &[step]),
            gauge(last),
            histogram.clone(),
        ]);
        let carried = carrier.carry(Signal::Metrics, &request).unwrap();
        assert_eq!(carried, Carried { carried: 4, left_out: 2 });
    }
    meters.force_flush().unwrap();
    let finished = exporter.get_finished_metrics().unwrap();
    let mut values = Vec::new();
    for metric in finished.last().unwrap().scope_metrics().flat_map(|scope| scope.metrics()) {
        let value = match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum.data_points().next().unwrap().value() as f64,
            AggregatedMetrics::I64(MetricData::Sum(sum)) => sum.data_points().next().unwrap().value() as f64,
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge.data_points().next().unwrap().value(),
            other => panic!("{other:?}"),
        };
        values.push((metric.name().to_owned(), value));
    }
    values.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("count", 25.0), ("gauge", 0.25), ("level", 40.0), ("steps", 3.0)];
    assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn a_counter_never_goes_back() {
    let mut carrier = Carrier::new(SdkTracerProvider::builder().build(), SdkMeterProvider::builder().build());
    let request = |value| metrics(vec![sum("count", true, AggregationTemporality::Cumulative, &[value])]);
    assert_eq!(carrier.carry(Signal::Metrics, &request(5)).unwrap().carried, 1);
    assert_eq!(carrier.carry(Signal::Metrics, &request(3)).unwrap().left_out, 1);
    assert!(carrier.carry(Signal::Metrics, &[0xff; 9]).is_err());
}

/// Ready-made providers for a configuration get a carried span to its endpoint.
fn through_otlp(config: ExportConfig) {
    within(move || {
        let providers = otlp_providers(&config).unwrap();
        let mut carrier = Carrier::new(providers.tracers.clone(), providers.meters.clone());
        carrier.carry(Signal::Traces, &spans(3, 1)).unwrap();
        let points = metrics(vec![sum("count", true, AggregationTemporality::Cumulative, &[5])]);
        carrier.carry(Signal::Metrics, &points).unwrap();
        providers.shutdown(SOON).unwrap();
    });
}

#[test]
fn ready_made_providers_speak_grpc() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let server = GrpcServer::start(|_| Ok(ExportTraceServiceResponse::default()));
        let mut config = config(&server.address, Protocol::Grpc);
        for endpoint in [&mut config.traces, &mut config.metrics].into_iter().flatten() {
            endpoint.compression = compression;
        }
        through_otlp(config);
        let Received::Traces(_, request) = server.next() else { panic!("traces come first") };
        assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 3);
        let Received::Metrics(_, request) = server.next() else { panic!("then metrics") };
        assert_eq!(request.resource_metrics[0].scope_metrics[0].metrics[0].name, "count");
    }
}

#[test]
fn ready_made_providers_speak_http() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let server = HttpServer::start(|_| answer(200, &[], ""));
        let mut config = config(&server.address, protocol);
        config.traces.as_mut().unwrap().headers = vec![("x-tenant".into(), "seven".into())];
        through_otlp(config);
        let (parts, body) = server.next();
        assert_eq!((parts.uri.path(), &parts.headers["x-tenant"]), ("/v1/traces", &"seven".parse().unwrap()));
        let request = match protocol {
            Protocol::HttpJson => serde_json::from_slice(&body).unwrap(),
            _ => ExportTraceServiceRequest::decode(body).unwrap(),
        };
        assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 3);
        assert_eq!(server.next().0.uri.path(), "/v1/metrics");
    }
}

#[test]
fn providers_without_endpoints_are_providers_all_the_same() {
    through_otlp(ExportConfig { traces: None, metrics: None, ..ExportConfig::default() });
}
