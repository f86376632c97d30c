//! Streams as Prometheus has them: families of metrics, told apart by labels.
//!
//! What Prometheus cannot tell apart is shown once, the first that was seen; the rest is left out and counted. So whoever takes a
//! name with another type, or one of the collector's own, spoils no answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar as Example, NumberDataPoint, exemplar};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Counter, Exemplar, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

use super::{histograms, names};
use crate::manifests::Namer;
use crate::metrics::identity::{self, Kind, Origin};
use crate::metrics::point::Point;
use crate::metrics::state::{self, State, Stream};
use crate::otlp::value;

/// The family that tells all of a resource.
pub const TARGET_INFO: &str = "target_info";

/// What the collector's own families begin with.
const OWN: &str = "waspect_collector_";

/// Labels that mean something to Prometheus, or that we set: an attribute of that name is called `exported_` and its name.
const TAKEN: [&str; 5] = ["job", "instance", "le", "quantile", "__name__"];

/// What a sender adds up itself is shown for so long after it was heard of: then it has ended, as far as anybody knows. Our own sums stay.
const HEARD_MS: u64 = 5 * 60 * 1000;

/// Families, and how many streams are not in them though they could be.
pub fn families(state: &State, namer: &mut Namer, now_unix_ms: u64) -> (Vec<MetricFamily>, u64) {
    let mut families = Families { heard_unix_ms: now_unix_ms.saturating_sub(HEARD_MS), ..Families::default() };
    for (_, metric) in state.metrics() {
        families.add(metric, namer);
    }
    let target_info = MetricFamily {
        name: TARGET_INFO.into(),
        help: "What is told of who sends".into(),
        r#type: MetricType::Gauge as i32,
        metric: families.targets.into_values().collect(),
        ..MetricFamily::default()
    };
    let any = !target_info.metric.is_empty();
    let all = any.then_some(target_info).into_iter().chain(families.made);
    (all.filter(|family| !family.metric.is_empty()).collect(), families.left_out)
}

#[derive(Default)]
struct Families {
    made: Vec<MetricFamily>,
    /// By name.
    known: HashMap<String, Known>,
    /// Names of samples.
    samples: HashSet<String>,
    /// By job and instance.
    targets: BTreeMap<(String, String), Metric>,
    left_out: u64,
    /// What was last heard of before that is over.
    heard_unix_ms: u64,
}

/// A family that is there.
struct Known {
    /// Which it is.
    place: usize,
    /// The labels that it has.
    shown: HashSet<Labels>,
}

impl Families {
    fn add(&mut self, metric: &state::Metric, namer: &mut Namer) {
        let over = |stream: &Stream| metric.head.origin == Origin::Passed && stream.seen_unix_ms < self.heard_unix_ms;
        let mut sets: Vec<_> = metric.streams.iter().filter(|(_, stream)| !over(stream)).collect();
        if sets.is_empty() {
            return;
        }
        let Some(place) = self.place(metric) else {
            self.left_out += sets.len() as u64;
            return;
        };
        let common = common_labels(metric);
        sets.sort_by(|a, b| a.0.cmp(b.0));
        for (set, stream) in sets {
            let mut labels = common.clone();
            add_attributes(&mut labels, "", &identity::attributes(&namer.set(set)));
            let known = self.known.get_mut(&self.made[place].name);
            match known.is_some_and(|known| known.shown.insert(labels.clone())) {
                true => self.made[place].metric.push(sample(metric.head.kind, stream, labels)),
                false => self.left_out += 1,
            }
        }
        self.target(metric);
    }

    /// The family of a metric. `None`: it cannot be shown.
    fn place(&mut self, metric: &state::Metric) -> Option<usize> {
        let head = &metric.head;
        let base = names::metric(&head.name, &head.unit, head.kind)?;
        let (kind, name) = match head.kind {
            Kind::Sum { rises: true } => (MetricType::Counter, format!("{base}_total")),
            Kind::Gauge | Kind::Sum { rises: false } => (MetricType::Gauge, base.clone()),
            Kind::Histogram | Kind::Exponential => (MetricType::Histogram, base.clone()),
        };
        if let Some(known) = self.known.get(&name) {
            return (self.made[known.place].r#type() == kind).then_some(known.place);
        }
        let suffixes: &[&str] = match kind {
            MetricType::Counter => &["", "_total", "_created"],
            MetricType::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
            _ => &[""],
        };
        let samples: Vec<_> = suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect();
        let taken = |sample: &String| self.samples.contains(sample) || sample.starts_with("target_");
        if base.starts_with(OWN) || base == "target" || samples.iter().any(taken) {
            return None;
        }
        self.samples.extend(samples);
        let place = self.made.len();
        self.known.insert(name.clone(), Known { place, shown: HashSet::new() });
        self.made.push(MetricFamily {
            help: head.description.clone(),
            unit: names::unit(&base, &head.unit),
            name,
            r#type: kind as i32,
            ..MetricFamily::default()
        });
        Some(place)
    }

    fn target(&mut self, metric: &state::Metric) {
        let key = (job(metric), metric.instance.clone());
        self.targets.entry(key).or_insert_with(|| {
            let mut labels = target_labels(metric);
            let attributes = metric.head.resource.attributes.iter();
            let rest = attributes.filter(|attribute| {
                !matches!(&*attribute.key, "service.name" | "service.namespace" | "service.instance.id")
            });
            add_attributes(&mut labels, "", &rest.cloned().collect::<Vec<_>>());
            Metric { label: pairs(labels), gauge: Some(Gauge { value: 1.0 }), ..Metric::default() }
        });
    }
}

type Labels = BTreeMap<String, String>;

fn job(metric: &state::Metric) -> String {
    match (&*metric.service.namespace, &*metric.service.name) {
        ("", "") => "unknown_service".into(),
        ("", name) => name.into(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

fn target_labels(metric: &state::Metric) -> Labels {
    [("job", job(metric)), ("instance", metric.instance.clone())]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn common_labels(metric: &state::Metric) -> Labels {
    let mut labels = target_labels(metric);
    let head = &metric.head;
    for (name, value) in [
        ("otel_scope_name", &head.scope.name),
        ("otel_scope_version", &head.scope.version),
        ("otel_scope_schema_url", &head.schema_url),
    ] {
        if !value.is_empty() {
            labels.insert(name.into(), value.clone());
        }
    }
    add_attributes(&mut labels, "otel_scope_", &head.scope.attributes);
    labels
}

/// Adds attributes; those that come to have one name share it.
fn add_attributes(labels: &mut Labels, before: &str, attributes: &[KeyValue]) {
    let mut added = Labels::new();
    for attribute in attributes {
        let Some(name) = names::label(&attribute.key) else { continue };
        let value = value::text(attribute.value.as_ref()).into_owned();
        let name = format!("{before}{name}");
        let taken = TAKEN.contains(&&*name) || labels.contains_key(&name);
        let name = if taken { format!("exported_{name}") } else { name };
        added.entry(name).and_modify(|values| *values = format!("{values};{value}")).or_insert(value);
    }
    // An empty label is none.
    added.retain(|_, value| !value.is_empty());
    labels.extend(added);
}

fn pairs(labels: Labels) -> Vec<LabelPair> {
    labels.into_iter().map(|(name, value)| LabelPair { name, value }).collect()
}

fn sample(kind: Kind, stream: &Stream, labels: Labels) -> Metric {
    let mut metric = Metric { label: pairs(labels), ..Metric::default() };
    let began = time(stream.point.times().0);
    match &stream.point {
        Point::Number(point) => match kind {
            Kind::Sum { rises: true } => {
                let exemplar = point.exemplars.last().map(example);
                metric.counter = Some(Counter { value: double(point), exemplar, start_timestamp: Some(began.into()) });
            }
            _ => metric.gauge = Some(Gauge { value: double(point) }),
        },
        Point::Histogram(point) => metric.histogram = Some(histograms::explicit(point, began)),
        Point::Exponential(point) => metric.histogram = Some(histograms::exponential(point, began)),
    }
    metric
}

fn double(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Value::AsInt(value)) => value as f64,
        Some(Value::AsDouble(value)) => value,
        None => 0.0,
    }
}

/// An example that leads to a trace.
pub fn example(example: &Example) -> Exemplar {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let label = |name: &str, bytes| LabelPair { name: name.into(), value: hex(bytes) };
    Exemplar {
        label: vec![label("trace_id", &example.trace_id), label("span_id", &example.span_id)],
        value: match example.value {
            Some(exemplar::Value::AsDouble(value)) => value,
            Some(exemplar::Value::AsInt(value)) => value as f64,
            None => 0.0,
        },
        timestamp: Some(time(example.time_unix_nano).into()),
    }
}

/// A time of OTLP; it is within what a clock may say.
fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}
