//! Sums and gauges, recorded again through a meter.

use std::collections::HashMap;

use opentelemetry::metrics::{Counter, Gauge, Meter, UpDownCounter};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, metric};
use prost::Message;

use super::attributes;

/// Records through the host's meter.
pub(crate) struct Metrics {
    meter: Meter,
    instruments: HashMap<String, Instrument>,
    /// What cumulative points said last: instruments take differences. As bounded as the aggregator's series are.
    last: HashMap<(String, Vec<u8>), f64>,
}

/// One instrument. Doubles carry integers exactly up to 2^53.
enum Instrument {
    Counter(Counter<f64>),
    UpDown(UpDownCounter<f64>),
    Gauge(Gauge<f64>),
}

impl Metrics {
    pub fn new(meter: Meter) -> Metrics {
        Metrics { meter, instruments: HashMap::new(), last: HashMap::new() }
    }

    /// Records the sums and gauges of an encoded `ExportMetricsServiceRequest`.
    pub fn export(&mut self, request: &[u8]) {
        let Ok(request) = ExportMetricsServiceRequest::decode(request) else { return };
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            self.record(metric);
        }
    }

    fn record(&mut self, mut metric: Metric) {
        let (points, cumulative) = match metric.data.take() {
            Some(metric::Data::Sum(sum)) => {
                let cumulative = sum.aggregation_temporality() == AggregationTemporality::Cumulative;
                self.instrument(&metric, if sum.is_monotonic { counter } else { up_down });
                (sum.data_points, cumulative)
            }
            Some(metric::Data::Gauge(data)) => {
                self.instrument(&metric, gauge);
                (data.data_points, false)
            }
            // Finished histograms: the API takes single measurements.
            _ => return,
        };
        for point in points {
            let mut value = number(&point);
            if cumulative {
                let key = (metric.name.clone(), key(&point));
                value -= self.last.insert(key, value).unwrap_or_default();
            }
            let attributes = attributes::read(point.attributes);
            match &self.instruments[&metric.name] {
                Instrument::Counter(counter) => counter.add(value.max(0.0), &attributes),
                Instrument::UpDown(counter) => counter.add(value, &attributes),
                Instrument::Gauge(gauge) => gauge.record(value, &attributes),
            }
        }
    }

    fn instrument(&mut self, metric: &Metric, make: fn(&Meter, &Metric) -> Instrument) {
        if !self.instruments.contains_key(&metric.name) {
            self.instruments.insert(metric.name.clone(), make(&self.meter, metric));
        }
    }
}

fn counter(meter: &Meter, metric: &Metric) -> Instrument {
    let builder = meter.f64_counter(metric.name.clone());
    Instrument::Counter(builder.with_unit(metric.unit.clone()).with_description(metric.description.clone()).build())
}

fn up_down(meter: &Meter, metric: &Metric) -> Instrument {
    let builder = meter.f64_up_down_counter(metric.name.clone());
    Instrument::UpDown(builder.with_unit(metric.unit.clone()).with_description(metric.description.clone()).build())
}

fn gauge(meter: &Meter, metric: &Metric) -> Instrument {
    let builder = meter.f64_gauge(metric.name.clone());
    Instrument::Gauge(builder.with_unit(metric.unit.clone()).with_description(metric.description.clone()).build())
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Value::AsInt(number)) => number as f64,
        Some(Value::AsDouble(number)) => number,
        None => 0.0,
    }
}

/// A point's attributes as bytes: they come in the same order each time.
fn key(point: &NumberDataPoint) -> Vec<u8> {
    NumberDataPoint { attributes: point.attributes.clone(), ..Default::default() }.encode_to_vec()
}
