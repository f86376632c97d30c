//! A data point: what is wrong with one, and how another is added to it. Pure.
//!
//! OTLP's own messages hold the points, without attributes: what is summed is kept and sent on in the same form.

use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, exemplar,
};

use super::exponential;
use super::limits::{BOUNDS_MAX, EXEMPLARS_MAX, STALE_MS};

/// A point of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// Of a sum or gauge.
    Number(NumberDataPoint),
    /// Of a histogram with bounds of the sender's choice.
    Histogram(HistogramDataPoint),
    /// Of a histogram whose bounds are powers.
    Exponential(ExponentialHistogramDataPoint),
}

/// Calls a function of the same fields, whatever the kind.
macro_rules! each {
    ($point:expr, $inner:ident => $value:expr) => {
        match $point {
            Point::Number($inner) => $value,
            Point::Histogram($inner) => $value,
            Point::Exponential($inner) => $value,
        }
    };
}

impl Point {
    /// When it begins and ends, in ns since 1970.
    pub fn times(&self) -> (u64, u64) {
        each!(self, point => (point.start_time_unix_nano, point.time_unix_nano))
    }

    /// Begins and ends it then.
    pub fn set_times(&mut self, start: u64, end: u64) {
        each!(self, point => (point.start_time_unix_nano, point.time_unix_nano) = (start, end));
    }

    /// Its examples, those that can be shown: with a trace, and a value.
    pub fn exemplars(&self) -> &[Exemplar] {
        each!(self, point => &point.exemplars)
    }

    fn exemplars_mut(&mut self) -> &mut Vec<Exemplar> {
        each!(self, point => &mut point.exemplars)
    }

    /// Whether it says that there is nothing.
    pub fn is_empty(&self) -> bool {
        each!(self, point => point.flags & 1 != 0)
    }

    /// Makes it one that others can be added to: within the bounds of memory, no time that its receiver has yet to see. `None`: it
    /// says nothing that could be counted. `rises` says that it never goes down.
    pub fn settle(mut self, rises: bool, received_unix_ms: u64) -> Option<Point> {
        if !self.is_sound(rises) {
            return None;
        }
        let received = received_unix_ms.saturating_mul(1_000_000);
        let (start, end) = self.times();
        let start = match start {
            0 => received,
            start => start.clamp(received.saturating_sub(STALE_MS.saturating_mul(1_000_000)), received),
        };
        self.set_times(start, if end == 0 { received } else { end.clamp(start, received) });
        match &mut self {
            Point::Number(_) => {}
            Point::Histogram(point) => {
                if point.bucket_counts.is_empty() {
                    point.bucket_counts = vec![point.count];
                }
            }
            Point::Exponential(point) => exponential::bound(point),
        }
        let exemplars = self.exemplars_mut();
        exemplars.retain(|exemplar| {
            let finite = match exemplar.value {
                Some(exemplar::Value::AsDouble(value)) => value.is_finite(),
                Some(exemplar::Value::AsInt(_)) => true,
                None => false,
            };
            finite && exemplar.trace_id.len() == 16 && exemplar.span_id.len() == 8
        });
        exemplars.iter_mut().for_each(|exemplar| exemplar.filtered_attributes.clear());
        self.keep_latest_exemplars();
        Some(self)
    }

    fn is_sound(&self, rises: bool) -> bool {
        match self {
            Point::Number(point) => match point.value {
                Some(Value::AsInt(value)) => !rises || value >= 0,
                Some(Value::AsDouble(value)) => value.is_finite() && (!rises || value >= 0.0),
                None => false,
            },
            Point::Histogram(point) => {
                let counts = &point.bucket_counts;
                let total = counts.iter().fold(0_u128, |sum, count| sum + u128::from(*count));
                let bounds = &point.explicit_bounds;
                let empty = counts.is_empty() && bounds.is_empty();
                (empty || (counts.len() == bounds.len() + 1 && total == u128::from(point.count)))
                    && bounds.len() <= BOUNDS_MAX
                    && bounds.iter().all(|bound| bound.is_finite())
                    && bounds.is_sorted_by(|a, b| a < b)
                    && are_finite([point.sum, point.min, point.max])
            }
            Point::Exponential(point) => exponential::is_sound(point) && are_finite([point.sum, point.min, point.max]),
        }
    }

    /// Adds a settled point of the same kind; of another it is left as it is.
    pub fn add(&mut self, from: Point) {
        let (start, end) = self.times();
        self.set_times(start, end.max(from.times().1));
        match (&mut *self, &from) {
            (Point::Number(into), Point::Number(from)) => into.value = plus(into.value, from.value),
            (Point::Histogram(into), Point::Histogram(from)) => {
                add_buckets(into, from);
                into.count = into.count.saturating_add(from.count);
                into.sum = both(into.sum, from.sum, finite_sum);
                (into.min, into.max) = (both(into.min, from.min, f64::min), both(into.max, from.max, f64::max));
            }
            (Point::Exponential(into), Point::Exponential(from)) => {
                exponential::add(into, from);
                into.sum = both(into.sum, from.sum, finite_sum);
                (into.min, into.max) = (both(into.min, from.min, f64::min), both(into.max, from.max, f64::max));
            }
            _ => return,
        }
        self.exemplars_mut().extend_from_slice(from.exemplars());
        self.keep_latest_exemplars();
    }

    /// Bytes in memory, roughly.
    pub fn bytes(&self) -> usize {
        size_of::<Point>()
            + match self {
                Point::Number(_) => 0,
                Point::Histogram(point) => point.bucket_counts.len() * 16 + EXEMPLARS_MAX * size_of::<Exemplar>(),
                // As many as it may come to have on one side.
                Point::Exponential(_) => 160 * 8 + EXEMPLARS_MAX * size_of::<Exemplar>(),
            }
    }

    fn keep_latest_exemplars(&mut self) {
        let max = if matches!(self, Point::Number(_)) { 1 } else { EXEMPLARS_MAX };
        let exemplars = self.exemplars_mut();
        exemplars.sort_by_key(|exemplar| exemplar.time_unix_nano);
        exemplars.drain(..exemplars.len().saturating_sub(max));
        exemplars.shrink_to_fit();
    }
}

fn are_finite(values: [Option<f64>; 3]) -> bool {
    values.into_iter().flatten().all(f64::is_finite)
}

fn plus(a: Option<Value>, b: Option<Value>) -> Option<Value> {
    let double = |value: Value| match value {
        Value::AsInt(value) => value as f64,
        Value::AsDouble(value) => value,
    };
    Some(match (a?, b?) {
        (Value::AsInt(a), Value::AsInt(b)) => Value::AsInt(a.saturating_add(b)),
        (a, b) => Value::AsDouble(finite_sum(double(a), double(b))),
    })
}

/// A figure that both have.
fn both(a: Option<f64>, b: Option<f64>, of: fn(f64, f64) -> f64) -> Option<f64> {
    Some(of(a?, b?))
}

fn finite_sum(a: f64, b: f64) -> f64 {
    (a + b).clamp(f64::MIN, f64::MAX)
}

/// Adds buckets, whatever their bounds: ours stay, and what theirs hold goes where it surely lies below the bound.
fn add_buckets(into: &mut HistogramDataPoint, from: &HistogramDataPoint) {
    let same = into.explicit_bounds == from.explicit_bounds;
    for (at, count) in from.bucket_counts.iter().enumerate() {
        let place = match (same, from.explicit_bounds.get(at)) {
            (true, _) => at,
            (false, Some(upper)) => into.explicit_bounds.partition_point(|bound| bound < upper),
            (false, None) => into.explicit_bounds.len(),
        };
        into.bucket_counts[place] = into.bucket_counts[place].saturating_add(*count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;
    const NOW: u64 = NOW_MS * 1_000_000;

    fn number(value: Value) -> Point {
        Point::Number(NumberDataPoint { value: Some(value), ..NumberDataPoint::default() })
    }

    fn histogram(bounds: &[f64], counts: &[u64], sum: Option<f64>) -> Point {
        Point::Histogram(HistogramDataPoint {
            count: counts.iter().sum(),
            sum,
            explicit_bounds: bounds.to_vec(),
            bucket_counts: counts.to_vec(),
            ..HistogramDataPoint::default()
        })
    }

    fn sum(points: impl IntoIterator<Item = Point>) -> Point {
        let mut points = points.into_iter().map(|point| point.settle(true, NOW_MS).expect("it is sound"));
        let mut sum = points.next().unwrap();
        points.for_each(|point| sum.add(point));
        sum
    }

    #[test]
    fn numbers_add_up_and_never_run_over() {
        let value = |points: &[Value]| match sum(points.iter().copied().map(number)) {
            Point::Number(point) => point.value.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(value(&[Value::AsInt(2), Value::AsInt(3)]), Value::AsInt(5));
        assert_eq!(value(&[Value::AsInt(2), Value::AsDouble(0.5)]), Value::AsDouble(2.5));
        assert_eq!(value(&[Value::AsInt(i64::MAX), Value::AsInt(3)]), Value::AsInt(i64::MAX));
        assert_eq!(value(&[Value::AsDouble(f64::MAX), Value::AsDouble(f64::MAX)]), Value::AsDouble(f64::MAX));
    }

    #[test]
    fn what_says_nothing_is_not_counted() {
        let point = HistogramDataPoint { count: 2, ..HistogramDataPoint::default() };
        let ill = [
            number(Value::AsInt(-1)),
            number(Value::AsDouble(-0.1)),
            number(Value::AsDouble(f64::NAN)),
            number(Value::AsDouble(f64::INFINITY)),
            Point::Number(NumberDataPoint::default()),
            histogram(&[1.0], &[1], None),
            histogram(&[2.0, 1.0], &[1, 1, 1], None),
            histogram(&[1.0, 1.0], &[1, 1, 1], None),
            histogram(&[f64::NAN], &[1, 1], None),
            histogram(&[1.0], &[1, 1], Some(f64::NAN)),
            Point::Histogram(HistogramDataPoint { bucket_counts: vec![1], ..point }),
        ];
        for point in ill {
            assert_eq!(point.clone().settle(true, NOW_MS), None, "{point:?}");
        }
        assert!(number(Value::AsInt(-1)).settle(false, NOW_MS).is_some(), "what may fall may be negative");
    }

    #[test]
    fn times_are_those_that_the_receiver_has_seen() {
        let times = |start, end| {
            let mut point = number(Value::AsInt(1));
            point.set_times(start, end);
            point.settle(true, NOW_MS).unwrap().times()
        };
        assert_eq!(times(NOW - 5, NOW - 2), (NOW - 5, NOW - 2));
        assert_eq!(times(0, 0), (NOW, NOW));
        assert_eq!(times(u64::MAX, u64::MAX), (NOW, NOW));
        assert_eq!(times(1, NOW - 2), (NOW - STALE_MS * 1_000_000, NOW - 2));
        assert_eq!(times(NOW - 2, NOW - 5), (NOW - 2, NOW - 2));
    }

    #[test]
    fn buckets_of_other_bounds_keep_every_count() {
        let Point::Histogram(point) = sum([
            histogram(&[1.0, 10.0], &[1, 2, 3], Some(40.0)),
            histogram(&[1.0, 10.0], &[1, 0, 0], Some(1.0)),
            histogram(&[0.5, 5.0, 50.0], &[1, 1, 1, 1], Some(99.0)),
            histogram(&[], &[], Some(0.0)),
        ]) else {
            panic!()
        };
        assert_eq!((point.explicit_bounds, point.bucket_counts), (vec![1.0, 10.0], vec![3, 3, 5]));
        assert_eq!((point.count, point.sum), (11, Some(140.0)));
        let Point::Histogram(point) = sum([histogram(&[1.0], &[1, 0], Some(1.0)), histogram(&[1.0], &[1, 0], None)])
        else {
            panic!()
        };
        assert_eq!(point.sum, None, "half a sum is none");
    }

    #[test]
    fn the_latest_examples_are_kept_if_they_lead_to_a_trace() {
        let exemplar = |time, trace: &[u8], value| Exemplar {
            time_unix_nano: time,
            trace_id: trace.to_vec(),
            span_id: vec![1; 8],
            value: Some(exemplar::Value::AsDouble(value)),
            ..Exemplar::default()
        };
        let with = |exemplars| {
            Point::Number(NumberDataPoint { value: Some(Value::AsInt(1)), exemplars, ..NumberDataPoint::default() })
        };
        let sum = sum([
            with(vec![exemplar(3, &[1; 16], 1.0), exemplar(9, &[], 1.0), exemplar(9, &[1; 16], f64::NAN)]),
            with(vec![exemplar(2, &[1; 16], 2.0)]),
        ]);
        let times: Vec<_> = sum.exemplars().iter().map(|exemplar| exemplar.time_unix_nano).collect();
        assert_eq!(times, [3]);
    }
}
