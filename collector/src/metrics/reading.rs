//! A metrics request, point by point. It is never built as a whole: a hostile one would take many times its bytes.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::identity::{self, Head, Kind, Origin};
use super::limits::{HEAD_BYTES_MAX, POINT_BYTES_MAX};
use super::point::Point;
use super::state::{At, Outcome, State};
use crate::otlp::fields::{Field, Fields, messages};

/// Puts every point of a request into its stream, and tells what became of each.
pub fn read(state: &mut State, request: &[u8], at: At, tell: &mut impl FnMut(Outcome)) {
    for of_resource in messages(request, 1) {
        let resource = short::<Resource>(of_resource);
        for of_scope in messages(of_resource, 2) {
            let scope = short::<InstrumentationScope>(of_scope);
            for metric in messages(of_scope, 2) {
                let Some(data) = Data::of(metric) else { continue };
                let text = |number| text(metric, number);
                let head = || {
                    Some(Head {
                        resource: resource.clone()?,
                        scope: scope.clone()?,
                        schema_url: self::text(of_scope, 3)?,
                        name: text(1)?,
                        description: text(2).unwrap_or_default(),
                        unit: text(3)?,
                        kind: data.kind,
                        origin: data.origin,
                    })
                };
                read_metric(state, head(), &data, at, tell);
            }
        }
    }
}

fn read_metric(state: &mut State, head: Option<Head>, data: &Data<'_>, at: At, tell: &mut impl FnMut(Outcome)) {
    let mut points = messages(data.message, 1).peekable();
    if points.peek().is_none() {
        return;
    }
    let target = head.map(|mut head| {
        head.settle();
        state.metric(head)
    });
    for point in points {
        let outcome = match (target, data.point(point)) {
            (Some(target), Some((set, point))) if !point.is_empty() => state.point(target, set, point, at),
            // The sender says that it has nothing to say.
            (_, Some((_, point))) if point.is_empty() => continue,
            _ => Outcome::Dropped("too_long"),
        };
        tell(outcome);
    }
}

/// The message in field 1 of another. `None`: it is too long to be kept.
fn short<M: Message + Default>(message: &[u8]) -> Option<M> {
    let Some(bytes) = messages(message, 1).last() else { return Some(M::default()) };
    (bytes.len() <= HEAD_BYTES_MAX).then(|| M::decode(bytes).unwrap_or_default())
}

/// A text of a message. `None`: it is too long to be kept.
fn text(message: &[u8], number: u32) -> Option<String> {
    let bytes = messages(message, number).last().unwrap_or_default();
    (bytes.len() <= HEAD_BYTES_MAX).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The data of a metric.
struct Data<'b> {
    message: &'b [u8],
    kind: Kind,
    origin: Origin,
}

impl<'b> Data<'b> {
    /// `None`: there is none, or of a kind that cannot be added up.
    fn of(metric: &'b [u8]) -> Option<Data<'b>> {
        let fields = Fields::new(metric).filter(|(number, _)| matches!(number, 5 | 7 | 9 | 10 | 11));
        let (number, Field::Bytes(message)) = fields.last()? else { return None };
        let (mut temporality, mut rises) = (0, false);
        for field in Fields::new(message) {
            match field {
                (2, Field::Varint(said)) => temporality = said,
                (3, Field::Varint(said)) => rises = said != 0,
                _ => {}
            }
        }
        let kind = match number {
            5 => Kind::Gauge,
            7 => Kind::Sum { rises },
            9 => Kind::Histogram,
            10 => Kind::Exponential,
            _ => return None,
        };
        let delta = kind != Kind::Gauge && temporality == AggregationTemporality::Delta as u64;
        Some(Data { message, kind, origin: if delta { Origin::Summed } else { Origin::Passed } })
    }

    /// A point, and the set of its attributes. `None`: it is too long.
    fn point(&self, bytes: &[u8]) -> Option<(Vec<u8>, Point)> {
        if bytes.len() > POINT_BYTES_MAX {
            return None;
        }
        let (attributes, point): (Vec<KeyValue>, Point) = match self.kind {
            Kind::Gauge | Kind::Sum { .. } => {
                let mut point = NumberDataPoint::decode(bytes).ok()?;
                (std::mem::take(&mut point.attributes), Point::Number(point))
            }
            Kind::Histogram => {
                let mut point = HistogramDataPoint::decode(bytes).ok()?;
                (std::mem::take(&mut point.attributes), Point::Histogram(point))
            }
            Kind::Exponential => {
                let mut point = ExponentialHistogramDataPoint::decode(bytes).ok()?;
                (std::mem::take(&mut point.attributes), Point::Exponential(point))
            }
        };
        Some((identity::set(attributes), point))
    }
}
