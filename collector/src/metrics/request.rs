//! Streams as OTLP, for whoever wants them added up: each with the time when it began, which stays the same through restarts.

use std::collections::VecDeque;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, ResourceMetrics};
use prost::Message;

use super::identity::{self, Origin};
use super::point::Point;
use super::state::{State, Stream};

/// Points of one request.
const POINTS_MAX: usize = 500;

/// A request.
pub struct Request {
    /// Encoded.
    pub body: Bytes,
    /// Its points.
    pub items: u64,
}

/// The streams that senders told in deltas, request by request. What changes meanwhile may be in it or not.
pub struct Walk {
    metrics: VecDeque<u64>,
    since: u64,
    now_unix_ns: u64,
}

impl Walk {
    /// Those that records from `since` on changed.
    pub fn new(state: &State, since: u64, now_unix_ns: u64) -> Walk {
        let summed = state.metrics().into_iter().filter(|(_, metric)| metric.head.origin == Origin::Summed);
        Walk { metrics: summed.map(|(id, _)| id).collect(), since, now_unix_ns }
    }

    /// The next requests, as many as one metric or a few make. `None`: that was all.
    pub fn next(&mut self, state: &State) -> Option<Vec<Request>> {
        let (mut requests, mut made, mut points) = (Vec::new(), Vec::<ResourceMetrics>::new(), 0);
        let mut id = self.metrics.pop_front()?;
        loop {
            if let Some(metric) = state.get(id) {
                let changed: Vec<_> =
                    metric.streams.iter().filter(|(_, stream)| stream.changed >= self.since).collect();
                for part in changed.chunks(POINTS_MAX) {
                    let mut data = metric.head.kind.empty(AggregationTemporality::Cumulative);
                    part.iter().for_each(|(set, stream)| self.add(&mut data, set, stream));
                    if points + part.len() > POINTS_MAX {
                        requests.push(request(std::mem::take(&mut made), points));
                        points = 0;
                    }
                    points += part.len();
                    made.push(metric.head.with(data));
                }
            }
            match self.metrics.pop_front() {
                Some(next) if requests.is_empty() => id = next,
                Some(next) => {
                    self.metrics.push_front(next);
                    break;
                }
                None => break,
            }
        }
        if points > 0 {
            requests.push(request(made, points));
        }
        Some(requests)
    }

    fn add(&self, data: &mut Data, set: &[u8], stream: &Stream) {
        let mut point = stream.point.clone();
        let (start, _) = point.times();
        point.set_times(start, self.now_unix_ns.max(start));
        let attributes = identity::attributes(set);
        match (data, point) {
            (Data::Gauge(gauge), Point::Number(mut point)) => {
                point.attributes = attributes;
                gauge.data_points.push(point);
            }
            (Data::Sum(sum), Point::Number(mut point)) => {
                point.attributes = attributes;
                sum.data_points.push(point);
            }
            (Data::Histogram(histogram), Point::Histogram(mut point)) => {
                point.attributes = attributes;
                histogram.data_points.push(point);
            }
            (Data::ExponentialHistogram(histogram), Point::Exponential(mut point)) => {
                point.attributes = attributes;
                histogram.data_points.push(point);
            }
            _ => unreachable!("a metric's points are of its kind"),
        }
    }
}

fn request(resource_metrics: Vec<ResourceMetrics>, points: usize) -> Request {
    Request { body: ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into(), items: points as u64 }
}
