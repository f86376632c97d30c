//! What makes points one stream: service, resource, scope, metric, attributes. Pure.
//!
//! Deltas of all senders of a service add up, so what says which of its processes sent them is no part of it. Whoever sends sums of its
//! own is told apart from others by its resource as it is: only one process may write such a stream.

use std::hash::Hasher;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use siphasher::sip::SipHasher13;
use waspect_abi::semconv::attribute;

/// Attributes of a resource that say which process it is, or what made the telemetry: the first letters of their names.
const PER_PROCESS: &[&str] = &[
    "browser.",
    "container.",
    "device.",
    "faas.instance",
    "host.",
    "k8s.node.",
    "k8s.pod.",
    "os.",
    "process.",
    "service.instance.id",
    "telemetry.",
    "user_agent.",
];

/// The service whose limits count. What names none is one together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    pub namespace: String,
    pub name: String,
}

/// What a metric measures, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The latest value.
    Gauge,
    /// A sum; `rises`: it never goes down.
    Sum { rises: bool },
    /// A histogram with bounds of the sender's choice.
    Histogram,
    /// A histogram whose bounds are powers.
    Exponential,
}

/// Who adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// We do: senders send deltas.
    Summed,
    /// The sender: what it says last counts.
    Passed,
}

/// All of a metric but its points.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub resource: Resource,
    pub scope: InstrumentationScope,
    pub schema_url: String,
    pub name: String,
    pub description: String,
    pub unit: String,
    pub kind: Kind,
    pub origin: Origin,
}

impl Service {
    /// The service of a resource.
    pub fn of(resource: &Resource) -> Service {
        let text = |key: &str| match value(&resource.attributes, key) {
            Some(Value::StringValue(text)) => text.clone(),
            _ => String::new(),
        };
        Service { namespace: text("service.namespace"), name: text(attribute::SERVICE_NAME) }
    }

    /// The one of all services beyond the limit.
    pub fn spilled() -> Service {
        Service { namespace: String::new(), name: attribute::OTEL_METRIC_OVERFLOW.into() }
    }

    /// A resource that says no more than the service.
    pub fn resource(&self) -> Resource {
        let attribute = |key: &str, text: &str| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value: Some(Value::StringValue(text.into())) }),
            ..KeyValue::default()
        };
        let named = [(attribute::SERVICE_NAME, &self.name), ("service.namespace", &self.namespace)];
        let attributes = named.into_iter().filter(|(_, text)| !text.is_empty());
        Resource { attributes: attributes.map(|(key, text)| attribute(key, text)).collect(), ..Resource::default() }
    }
}

impl Kind {
    /// Whether its points may not be negative.
    pub fn rises(self) -> bool {
        self == Kind::Sum { rises: true }
    }
}

impl Head {
    /// Leaves out what is no part of a stream's identity, and puts the rest in order.
    pub fn settle(&mut self) {
        if self.origin == Origin::Summed {
            let is_of_process = |key: &str| PER_PROCESS.iter().any(|first| key.starts_with(first));
            self.resource.attributes.retain(|attribute| !is_of_process(&attribute.key));
        }
        self.resource.dropped_attributes_count = 0;
        self.resource.entity_refs.clear();
        self.scope.dropped_attributes_count = 0;
        sort(&mut self.resource.attributes);
        sort(&mut self.scope.attributes);
    }

    /// The same of a service as a whole, for points that have no room of their own.
    pub fn spilled(&self, service: &Service) -> Head {
        let resource = service.resource();
        Head { resource, scope: InstrumentationScope::default(), schema_url: String::new(), ..self.clone() }
    }

    /// What tells it from others: a description may change.
    pub fn key(&self) -> Vec<u8> {
        Head { description: String::new(), ..self.clone() }.encode()
    }

    /// As it is kept: a `ResourceMetrics` without points, whose temporality is that of the senders.
    pub fn encode(&self) -> Vec<u8> {
        let temporality = match self.origin {
            Origin::Summed => AggregationTemporality::Delta,
            Origin::Passed => AggregationTemporality::Cumulative,
        };
        self.with(self.kind.empty(temporality)).encode_to_vec()
    }

    /// A metric with this head.
    pub fn with(&self, data: Data) -> ResourceMetrics {
        let metric = Metric {
            name: self.name.clone(),
            description: self.description.clone(),
            unit: self.unit.clone(),
            data: Some(data),
            ..Metric::default()
        };
        let scope_metrics = ScopeMetrics {
            scope: Some(self.scope.clone()),
            metrics: vec![metric],
            schema_url: self.schema_url.clone(),
        };
        ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope_metrics],
            schema_url: self.schema_url.clone(),
        }
    }

    /// Reads what was kept.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let mut of_resource = ResourceMetrics::decode(bytes).ok()?;
        let mut of_scope = of_resource.scope_metrics.pop()?;
        let metric = of_scope.metrics.pop()?;
        let (kind, temporality) = match metric.data? {
            Data::Gauge(_) => (Kind::Gauge, AggregationTemporality::Cumulative as i32),
            Data::Sum(sum) => (Kind::Sum { rises: sum.is_monotonic }, sum.aggregation_temporality),
            Data::Histogram(histogram) => (Kind::Histogram, histogram.aggregation_temporality),
            Data::ExponentialHistogram(histogram) => (Kind::Exponential, histogram.aggregation_temporality),
            Data::Summary(_) => return None,
        };
        let origin = match temporality == AggregationTemporality::Delta as i32 {
            true => Origin::Summed,
            false => Origin::Passed,
        };
        Some(Head {
            resource: of_resource.resource.unwrap_or_default(),
            scope: of_scope.scope.unwrap_or_default(),
            schema_url: of_scope.schema_url,
            name: metric.name,
            description: metric.description,
            unit: metric.unit,
            kind,
            origin,
        })
    }
}

impl Kind {
    /// Data of this kind, without points.
    pub fn empty(self, temporality: AggregationTemporality) -> Data {
        let aggregation_temporality = temporality as i32;
        match self {
            Kind::Gauge => Data::Gauge(Gauge::default()),
            Kind::Sum { rises } => Data::Sum(Sum { aggregation_temporality, is_monotonic: rises, ..Sum::default() }),
            Kind::Histogram => Data::Histogram(Histogram { aggregation_temporality, ..Histogram::default() }),
            Kind::Exponential => Data::ExponentialHistogram(ExponentialHistogram {
                aggregation_temporality,
                ..ExponentialHistogram::default()
            }),
        }
    }
}

/// What a resource calls itself among those of its service.
pub fn instance(resource: &Resource) -> String {
    match value(&resource.attributes, "service.instance.id") {
        Some(Value::StringValue(id)) => id.clone(),
        _ => String::new(),
    }
}

/// Whether two resources are one, whatever made their telemetry.
pub fn is_same_source(a: &Resource, b: &Resource) -> bool {
    let told = |resource: &Resource| {
        let attributes = resource.attributes.iter().filter(|attribute| !attribute.key.starts_with("telemetry."));
        attributes.cloned().collect::<Vec<_>>()
    };
    told(a) == told(b)
}

/// A number for a resource: another one for any other.
pub fn number(resource: &Resource) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(&resource.encode_to_vec());
    format!("{:016x}", hasher.finish())
}

/// A set of attributes, such that equal sets have equal bytes: a `Resource` message.
pub fn set(mut attributes: Vec<KeyValue>) -> Vec<u8> {
    sort(&mut attributes);
    Resource { attributes, ..Resource::default() }.encode_to_vec()
}

/// The attributes of a set.
pub fn attributes(set: &[u8]) -> Vec<KeyValue> {
    Resource::decode(set).map(|resource| resource.attributes).unwrap_or_default()
}

/// The set of the series that holds what is beyond a limit.
pub fn spilled_set() -> Vec<u8> {
    let value = Some(AnyValue { value: Some(Value::BoolValue(true)) });
    set(vec![KeyValue { key: attribute::OTEL_METRIC_OVERFLOW.into(), value, ..KeyValue::default() }])
}

fn sort(attributes: &mut [KeyValue]) {
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
}

/// The value of an attribute.
pub fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}
