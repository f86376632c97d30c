//! The exporter's own health as OTLP metrics, under the names that the semantic conventions give to an SDK's pipeline.
//!
//! Pure: ledgers and time in, bytes out. Who sends them is not known here; it is usually the exporter that they are about.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use waspect_abi::semconv::{self, Instrument, attribute, pipeline};
use waspect_otlp_client::Protocol;

use crate::config::{ExportConfig, Temporality};
use crate::health::{DropReason, Health, SignalHealth};
use crate::{Signal, USER_AGENT};

/// Turns [`Health`] into metrics. Keeps the last ledger, since a preference for deltas asks for differences.
#[derive(Clone, Debug)]
pub struct HealthMetrics {
    components: [Option<String>; 2],
    temporality: Temporality,
    start_unix_ns: u64,
    last: Health,
    last_unix_ns: u64,
}

impl HealthMetrics {
    /// For an exporter with this configuration that started at this time.
    pub fn new(config: &ExportConfig, start_unix_ns: u64) -> HealthMetrics {
        let component = |signal| config.endpoint(signal).map(|endpoint| component(signal, endpoint.protocol));
        HealthMetrics {
            components: Signal::ALL.map(component),
            temporality: config.temporality,
            start_unix_ns,
            last: Health::default(),
            last_unix_ns: start_unix_ns,
        }
    }

    /// Adds the pipeline's metrics to an encoded `ExportMetricsServiceRequest`, with the resource of its first metrics, and returns how
    /// many points they are. An empty request is a good one: the metrics then have no resource.
    pub fn append(&mut self, health: &Health, request: &mut Vec<u8>, now_unix_ns: u64) -> u64 {
        let delta = self.temporality != Temporality::Cumulative;
        let mut metrics = Vec::new();
        for (signal, component) in Signal::ALL.into_iter().zip(&self.components) {
            let Some(component) = component else { continue };
            let times = Times { start: self.start_unix_ns, last: self.last_unix_ns, now: now_unix_ns };
            let (now, last) = (health.signal(signal), self.last.signal(signal));
            let mut out = Points { component, times, delta, metrics: &mut metrics };
            match signal {
                Signal::Traces => out.traces(now, last),
                Signal::Metrics => out.metrics(now, last),
            }
        }
        (self.last, self.last_unix_ns) = (*health, now_unix_ns);
        let points = metrics.iter().map(points).sum();
        if points > 0 {
            let resource = resource(request);
            // Two encoded messages, one after the other, are one message with the repeated fields of both.
            request.extend(message(resource, metrics).encode_to_vec());
        }
        points
    }
}

/// When the counts began, when they were last read, and now.
#[derive(Clone, Copy)]
struct Times {
    start: u64,
    last: u64,
    now: u64,
}

/// Where one component's points go.
struct Points<'a> {
    component: &'a str,
    times: Times,
    delta: bool,
    metrics: &'a mut Vec<Metric>,
}

impl Points<'_> {
    fn traces(&mut self, now: &SignalHealth, last: &SignalHealth) {
        let exporter = self.component.to_owned();
        self.counter(
            pipeline::OTEL_SDK_EXPORTER_SPAN_EXPORTED,
            &exporter,
            &exported(now, false),
            &exported(last, false),
        );
        self.level(pipeline::OTEL_SDK_EXPORTER_SPAN_INFLIGHT, &exporter, now.in_flight);
        let processor = "batching_span_processor";
        self.counter(pipeline::OTEL_SDK_PROCESSOR_SPAN_PROCESSED, processor, &processed(now), &processed(last));
        self.level(pipeline::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE, processor, now.waiting.saturating_sub(now.in_flight));
        if let Some(capacity) = now.queue_items_max {
            self.level(pipeline::OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY, processor, capacity);
        }
    }

    /// The conventions know no processor of points: what the queue drops counts as not exported.
    fn metrics(&mut self, now: &SignalHealth, last: &SignalHealth) {
        let exporter = self.component.to_owned();
        let metric = pipeline::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED;
        self.counter(metric, &exporter, &exported(now, true), &exported(last, true));
        self.level(pipeline::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT, &exporter, now.in_flight);
    }

    /// A monotonic sum, by cause of failure. A cause that never was has no point.
    fn counter(&mut self, metric: semconv::Metric, component: &str, now: &[Count], last: &[Count]) {
        let value = |now: u64, last: u64| if self.delta { now.saturating_sub(last) } else { now };
        let points = now.iter().zip(last).filter(|((cause, now), _)| cause.is_none() || *now > 0);
        let points =
            points.map(|((cause, now), (_, last))| self.point(component, *cause, value(*now, *last), self.delta));
        let points = points.collect();
        self.sum(metric, self.delta, points);
    }

    /// A sum that goes up and down: cumulative whatever is preferred, as the specification has it.
    fn level(&mut self, metric: semconv::Metric, component: &str, value: u64) {
        let points = vec![self.point(component, None, value, false)];
        self.sum(metric, false, points);
    }

    fn point(&self, component: &str, cause: Option<&str>, value: u64, delta: bool) -> NumberDataPoint {
        let mut attributes = vec![
            text(attribute::OTEL_COMPONENT_NAME, format!("{component}/waspect")),
            text(attribute::OTEL_COMPONENT_TYPE, component.to_owned()),
        ];
        attributes.extend(cause.map(|cause| text(attribute::ERROR_TYPE, cause.to_owned())));
        NumberDataPoint {
            attributes,
            start_time_unix_nano: if delta { self.times.last } else { self.times.start },
            time_unix_nano: self.times.now,
            value: Some(number_data_point::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))),
            ..NumberDataPoint::default()
        }
    }

    fn sum(&mut self, metric: semconv::Metric, delta: bool, data_points: Vec<NumberDataPoint>) {
        let temporality = if delta { AggregationTemporality::Delta } else { AggregationTemporality::Cumulative };
        let sum = Sum {
            data_points,
            aggregation_temporality: temporality.into(),
            is_monotonic: metric.instrument == Instrument::Counter,
        };
        self.metrics.push(Metric {
            name: metric.name.into(),
            description: metric.description.into(),
            unit: metric.unit.into(),
            data: Some(metric::Data::Sum(sum)),
            ..Metric::default()
        });
    }
}

/// A cause of failure, none for success, and how many items met it.
type Count = (Option<&'static str>, u64);

/// What the exporter made of items; what never reached it belongs to the queue, unless there is no queue to speak of.
fn exported(health: &SignalHealth, with_queue: bool) -> Vec<Count> {
    let reasons = DropReason::ALL.into_iter().filter(|reason| with_queue || !at_the_queue(*reason));
    let dropped = reasons.map(|reason| (Some(reason.name()), health.dropped_for(reason)));
    let ends = [(None, health.exported), (Some("unanswered"), health.unanswered)];
    ends.into_iter().chain(dropped).collect()
}

/// What left the queue: for the exporter, which is success here, or for good.
fn processed(health: &SignalHealth) -> Vec<Count> {
    let lost: Vec<Count> = DropReason::ALL
        .into_iter()
        .filter(|reason| at_the_queue(*reason))
        .map(|reason| (Some(reason.name()), health.dropped_for(reason)))
        .collect();
    let at_the_queue: u64 = lost.iter().map(|(_, count)| count).sum();
    let queued = health.waiting.saturating_sub(health.in_flight);
    [(None, health.made.saturating_sub(at_the_queue + queued))].into_iter().chain(lost).collect()
}

fn at_the_queue(reason: DropReason) -> bool {
    matches!(reason, DropReason::QueueFull | DropReason::Shutdown)
}

/// The well-known value of `otel.component.type`.
fn component(signal: Signal, protocol: Protocol) -> String {
    let protocol = match protocol {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http",
        Protocol::HttpJson => "http_json",
    };
    let signal = match signal {
        Signal::Traces => "span",
        Signal::Metrics => "metric",
    };
    format!("otlp_{protocol}_{signal}_exporter")
}

fn message(resource: Option<Resource>, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope =
        InstrumentationScope { name: semconv::SCOPE.into(), version: version(), ..InstrumentationScope::default() };
    let schema_url = semconv::SCHEMA_URL.to_owned();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: schema_url.clone() }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { resource, scope_metrics, schema_url }] }
}

fn version() -> String {
    USER_AGENT.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The resource of a request's first metrics, without decoding the metrics themselves.
fn resource(request: &[u8]) -> Option<Resource> {
    #[derive(Message)]
    struct OnlyResources {
        #[prost(message, repeated, tag = "1")]
        resource_metrics: Vec<OnlyResource>,
    }
    #[derive(Message)]
    struct OnlyResource {
        #[prost(message, optional, tag = "1")]
        resource: Option<Resource>,
    }
    OnlyResources::decode(request).ok()?.resource_metrics.into_iter().next()?.resource
}

fn points(metric: &Metric) -> u64 {
    match &metric.data {
        Some(metric::Data::Sum(sum)) => sum.data_points.len() as u64,
        _ => 0,
    }
}

fn text(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}
