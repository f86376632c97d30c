//! Sums and gauges through a `MeterProvider`. Instruments take differences, so the last value of each cumulative series is kept.

use std::collections::HashMap;

use opentelemetry::metrics::{Counter, Gauge, Meter, MeterProvider, UpDownCounter};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality::Cumulative;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;

use super::Carried;
use super::value::{attributes, scope};

/// The instruments made so far, by scope and name. Their number is that of the recorder's metrics and series, which is bounded
/// there.
#[derive(Debug, Default)]
pub(super) struct Instruments(HashMap<(InstrumentationScope, String), Series>);

/// One metric's instrument, and where its cumulative series stood.
#[derive(Debug)]
struct Series {
    instrument: Instrument,
    /// By encoded attributes: what makes a series is what is on the wire.
    last: HashMap<Vec<u8>, Value>,
}

#[derive(Debug)]
enum Instrument {
    Count(Counter<u64>),
    CountDouble(Counter<f64>),
    Level(UpDownCounter<i64>),
    LevelDouble(UpDownCounter<f64>),
    Last(Gauge<i64>),
    LastDouble(Gauge<f64>),
}

impl Instruments {
    pub fn carry(&mut self, meters: &impl MeterProvider, request: ExportMetricsServiceRequest) -> Carried {
        let mut carried = Carried::default();
        for scope_metrics in request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics) {
            let scope = scope(scope_metrics.scope, scope_metrics.schema_url);
            let meter = meters.meter_with_scope(scope.clone());
            for metric in scope_metrics.metrics {
                self.metric(&meter, &scope, metric, &mut carried);
            }
        }
        carried
    }

    fn metric(&mut self, meter: &Meter, scope: &InstrumentationScope, mut metric: otlp::Metric, carried: &mut Carried) {
        let (points, kind, cumulative) = match metric.data.take() {
            Some(otlp::metric::Data::Sum(sum)) => {
                let kind = if sum.is_monotonic { Kind::Count } else { Kind::Level };
                let cumulative = sum.aggregation_temporality() == Cumulative;
                (sum.data_points, kind, cumulative)
            }
            Some(otlp::metric::Data::Gauge(gauge)) => (gauge.data_points, Kind::Last, false),
            other => {
                carried.left_out += points(other.as_ref());
                return;
            }
        };
        let Some(double) = points.iter().find_map(|point| point.value).map(|value| matches!(value, Value::AsDouble(_)))
        else {
            return;
        };
        let series = self.0.entry((scope.clone(), metric.name.clone())).or_insert_with(|| Series {
            instrument: Instrument::new(meter, metric, kind, double),
            last: HashMap::new(),
        });
        for point in points {
            match series.point(point, cumulative) {
                true => carried.carried += 1,
                false => carried.left_out += 1,
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Count,
    Level,
    Last,
}

impl Series {
    /// Says whether the instrument took it.
    fn point(&mut self, point: otlp::NumberDataPoint, cumulative: bool) -> bool {
        let Some(mut value) = point.value else { return false };
        if cumulative {
            let last = self.last.insert(key(&point.attributes), value);
            value = last.map_or(value, |last| difference(value, last));
        }
        self.instrument.add(value, &attributes(point.attributes))
    }
}

impl Instrument {
    fn new(meter: &Meter, metric: otlp::Metric, kind: Kind, double: bool) -> Instrument {
        let otlp::Metric { name, description, unit, .. } = metric;
        macro_rules! build {
            ($method:ident) => {
                meter.$method(name).with_description(description).with_unit(unit).build()
            };
        }
        match (kind, double) {
            (Kind::Count, false) => Instrument::Count(build!(u64_counter)),
            (Kind::Count, true) => Instrument::CountDouble(build!(f64_counter)),
            (Kind::Level, false) => Instrument::Level(build!(i64_up_down_counter)),
            (Kind::Level, true) => Instrument::LevelDouble(build!(f64_up_down_counter)),
            (Kind::Last, false) => Instrument::Last(build!(i64_gauge)),
            (Kind::Last, true) => Instrument::LastDouble(build!(f64_gauge)),
        }
    }

    /// Says whether the value is one for this instrument: a metric whose points are of two types is left out in part.
    fn add(&self, value: Value, attributes: &[KeyValue]) -> bool {
        match (self, value) {
            (Instrument::Count(counter), Value::AsInt(value)) => match u64::try_from(value) {
                Ok(value) => counter.add(value, attributes),
                Err(_) => return false,
            },
            (Instrument::CountDouble(counter), Value::AsDouble(value)) if value >= 0.0 => {
                counter.add(value, attributes)
            }
            (Instrument::Level(level), Value::AsInt(value)) => level.add(value, attributes),
            (Instrument::LevelDouble(level), Value::AsDouble(value)) => level.add(value, attributes),
            (Instrument::Last(gauge), Value::AsInt(value)) => gauge.record(value, attributes),
            (Instrument::LastDouble(gauge), Value::AsDouble(value)) => gauge.record(value, attributes),
            _ => return false,
        }
        true
    }
}

/// What to add to get from one value to the next.
fn difference(now: Value, last: Value) -> Value {
    match (now, last) {
        (Value::AsInt(now), Value::AsInt(last)) => Value::AsInt(now.wrapping_sub(last)),
        (Value::AsDouble(now), Value::AsDouble(last)) => Value::AsDouble(now - last),
        (now, _) => now,
    }
}

fn key(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> Vec<u8> {
    let mut key = Vec::new();
    for attribute in attributes {
        attribute.encode_length_delimited(&mut key).expect("a vector grows");
    }
    key
}

fn points(data: Option<&otlp::metric::Data>) -> u64 {
    let count = match data {
        Some(otlp::metric::Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(otlp::metric::Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(otlp::metric::Data::Summary(summary)) => summary.data_points.len(),
        _ => 0,
    };
    count as u64
}
