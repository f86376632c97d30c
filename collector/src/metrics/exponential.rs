//! Exponential histograms: two become one, at the finer resolution that both have and that the bounds of memory allow.
//!
//! Halving the resolution joins each bucket with its neighbour, so nothing is guessed: counts, and what a bucket holds, stay exact.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint as Point;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use super::limits::BUCKETS_MAX;

/// Resolutions that mean something: below, one bucket holds all that a double can be; above, more buckets than doubles.
const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// Whether a point says of itself what it holds.
pub fn is_sound(point: &Point) -> bool {
    let sides = [&point.positive, &point.negative];
    let counts = sides.into_iter().flatten().flat_map(|side| &side.bucket_counts);
    let total = counts.fold(u128::from(point.zero_count), |sum, count| sum + u128::from(*count));
    let ends = |side: &Buckets| i64::from(side.offset) + side.bucket_counts.len() as i64 <= i64::from(i32::MAX);
    SCALES.contains(&point.scale)
        && total == u128::from(point.count)
        && sides.into_iter().flatten().all(ends)
        && point.zero_threshold.is_finite()
        && point.zero_threshold >= 0.0
}

/// Brings a point within the bounds of memory.
pub fn bound(point: &mut Point) {
    let none = Point { scale: point.scale, ..Point::default() };
    add(point, &none);
}

/// Adds the counts of a sound point to another. Sum, minimum and maximum are the caller's.
pub fn add(into: &mut Point, from: &Point) {
    let mut scale = into.scale.min(from.scale);
    let sides = |point: &Point| [&point.positive, &point.negative].map(|side| Side::new(side.as_ref()));
    let (ours, theirs) = (sides(into), sides(from));
    let fits = |scale: i32| {
        let at = |side: &Side, of: i32| side.range(of - scale);
        ours.iter().zip(&theirs).all(|(a, b)| match (at(a, into.scale), at(b, from.scale)) {
            (Some(a), Some(b)) => a.1.max(b.1) - a.0.min(b.0) < BUCKETS_MAX,
            (Some(one), None) | (None, Some(one)) => one.1 - one.0 < BUCKETS_MAX,
            (None, None) => true,
        })
    };
    while !fits(scale) {
        scale -= 1;
    }
    let [positive, negative] = std::array::from_fn(|side| {
        let (ours, theirs) = (ours[side].at(into.scale - scale), theirs[side].at(from.scale - scale));
        ours.plus(&theirs)
    });
    let (mut positive, mut negative): (Side, Side) = (positive, negative);
    into.zero_count = into.zero_count.saturating_add(from.zero_count);
    let threshold = into.zero_threshold.max(from.zero_threshold);
    for side in [&mut positive, &mut negative] {
        let (count, widened) = side.below(threshold, scale);
        into.zero_count = into.zero_count.saturating_add(count);
        into.zero_threshold = into.zero_threshold.max(widened);
    }
    into.zero_threshold = into.zero_threshold.max(threshold);
    into.scale = scale;
    into.count = into.count.saturating_add(from.count);
    into.positive = Some(positive.into_buckets());
    into.negative = Some(negative.into_buckets());
}

/// Where the bucket of an index ends, at a scale.
pub fn upper_bound(index: i64, scale: i32) -> f64 {
    ((index + 1) as f64 * f64::from(-scale).exp2()).exp2()
}

/// One side of zero, without empty buckets at its ends.
#[derive(Clone, Default)]
pub struct Side {
    /// Index of the first bucket.
    pub first: i64,
    /// From there on.
    pub counts: Vec<u64>,
}

impl Side {
    pub fn new(buckets: Option<&Buckets>) -> Side {
        let Some(Buckets { offset, bucket_counts }) = buckets else { return Side::default() };
        let Some(first) = bucket_counts.iter().position(|count| *count > 0) else { return Side::default() };
        let last = bucket_counts.iter().rposition(|count| *count > 0).unwrap_or(first);
        Side { first: i64::from(*offset) + first as i64, counts: bucket_counts[first..=last].to_vec() }
    }

    /// First and last index, with the resolution halved so many times.
    fn range(&self, halvings: i32) -> Option<(i64, i64)> {
        let last = self.first + i64::try_from(self.counts.len().checked_sub(1)?).ok()?;
        Some((self.first >> halvings.min(63), last >> halvings.min(63)))
    }

    /// The same with the resolution halved so many times.
    pub fn at(&self, halvings: i32) -> Side {
        let Some((first, last)) = self.range(halvings) else { return Side::default() };
        let mut counts = vec![0_u64; usize::try_from(last - first + 1).unwrap_or(0)];
        for (index, count) in (self.first..).zip(&self.counts) {
            let at = usize::try_from((index >> halvings.min(63)) - first).unwrap_or(0);
            counts[at] = counts[at].saturating_add(*count);
        }
        Side { first, counts }
    }

    fn plus(self, other: &Side) -> Side {
        match (self.range(0), other.range(0)) {
            (_, None) => self,
            (None, _) => other.clone(),
            (Some(a), Some(b)) => {
                let (first, last) = (a.0.min(b.0), a.1.max(b.1));
                let mut counts = vec![0_u64; usize::try_from(last - first + 1).unwrap_or(0)];
                for side in [&self, other] {
                    let skipped = usize::try_from(side.first - first).unwrap_or(0);
                    for (sum, count) in counts[skipped..].iter_mut().zip(&side.counts) {
                        *sum = sum.saturating_add(*count);
                    }
                }
                Side { first, counts }
            }
        }
    }

    /// Takes out the buckets that begin below a threshold: what they hold, and where the last of them ends.
    fn below(&mut self, threshold: f64, scale: i32) -> (u64, f64) {
        let begins_below = |at: &usize| upper_bound(self.first + *at as i64 - 1, scale) < threshold;
        let taken = (0..self.counts.len()).take_while(begins_below).count();
        if taken == 0 {
            return (0, 0.0);
        }
        let end = upper_bound(self.first + taken as i64 - 1, scale);
        let count = self.counts.drain(..taken).fold(0_u64, u64::saturating_add);
        let empty = self.counts.iter().take_while(|count| **count == 0).count();
        self.counts.drain(..empty);
        self.first += (taken + empty) as i64;
        (count, if end.is_finite() { end } else { f64::MAX })
    }

    fn into_buckets(self) -> Buckets {
        Buckets { offset: i32::try_from(self.first).unwrap_or_default(), bucket_counts: self.counts }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// A histogram of values, at a scale.
    fn of(scale: i32, values: &[f64]) -> Point {
        let index = |value: f64| (value.abs().log2() * f64::from(scale).exp2()).ceil() as i64 - 1;
        let side = |values: Vec<f64>| {
            let (Some(first), Some(last)) =
                (values.iter().map(|v| index(*v)).min(), values.iter().map(|v| index(*v)).max())
            else {
                return None;
            };
            let mut bucket_counts = vec![0; usize::try_from(last - first + 1).unwrap()];
            values.iter().for_each(|v| bucket_counts[usize::try_from(index(*v) - first).unwrap()] += 1);
            Some(Buckets { offset: i32::try_from(first).unwrap(), bucket_counts })
        };
        Point {
            scale,
            count: values.len() as u64,
            zero_count: values.iter().filter(|v| **v == 0.0).count() as u64,
            positive: side(values.iter().copied().filter(|v| *v > 0.0).collect()),
            negative: side(values.iter().copied().filter(|v| *v < 0.0).collect()),
            ..Point::default()
        }
    }

    #[test]
    fn the_sum_of_two_is_the_histogram_of_both() {
        let mut random = SmallRng::seed_from_u64(1);
        for _ in 0..300 {
            let mut values = |count: usize, spread: f64| -> Vec<f64> {
                (0..count)
                    .map(|_| match random.random_range(0..10) {
                        0 => 0.0,
                        1 => -(random.random_range(-spread..spread).exp2()),
                        _ => random.random_range(-spread..spread).exp2(),
                    })
                    .collect()
            };
            let (a, b) = (values(30, 4.0), values(30, 30.0));
            let (scale_a, scale_b) = (random.random_range(-3..9), random.random_range(-3..9));
            let mut sum = of(scale_a, &a);
            add(&mut sum, &of(scale_b, &b));
            assert!(is_sound(&sum) && sum.scale <= scale_a.min(scale_b));
            let both = of(sum.scale, &[a, b].concat());
            assert_eq!(sum.positive.unwrap_or_default(), both.positive.unwrap_or_default());
            assert_eq!(sum.negative.unwrap_or_default(), both.negative.unwrap_or_default());
            assert_eq!((sum.zero_count, sum.count), (both.zero_count, both.count));
        }
    }

    #[test]
    fn whatever_comes_has_its_bounds() {
        let hostile = |offset: i32, length: usize, scale: i32| {
            let mut bucket_counts = vec![0; length];
            bucket_counts[0] = u64::MAX / 2;
            *bucket_counts.last_mut().unwrap() += 1;
            let count = bucket_counts.iter().sum();
            let positive = Some(Buckets { offset, bucket_counts });
            Point { scale, count, positive, zero_threshold: 1.0, ..Point::default() }
        };
        let mut sum = Point::default();
        for (offset, length, scale) in
            [(i32::MIN, 60_000, 20), (i32::MAX - 60_000, 60_000, 20), (0, 1, -10), (i32::MAX - 1, 1, 20), (-5, 10, 3)]
        {
            let point = hostile(offset, length, scale);
            assert!(is_sound(&point));
            add(&mut sum, &point);
            let side = sum.positive.as_ref().unwrap();
            assert!(side.bucket_counts.len() as i64 <= BUCKETS_MAX && sum.scale >= -40, "{sum:?}");
        }
        let ill = [
            hostile(i32::MAX, 2, 0),
            hostile(0, 1, 21),
            hostile(0, 1, i32::MIN),
            Point { count: 2, ..hostile(0, 1, 0) },
            Point { zero_threshold: f64::NAN, ..hostile(0, 1, 0) },
        ];
        assert!(!ill.iter().any(is_sound));
    }

    #[test]
    fn a_wider_zero_takes_what_lies_in_it() {
        let mut sum = of(0, &[0.3, 3.0, -0.3, -3.0]);
        add(&mut sum, &Point { zero_threshold: 0.4, zero_count: 1, count: 1, ..Point::default() });
        assert_eq!((sum.zero_count, sum.zero_threshold, sum.count), (3, 0.5, 5));
        let left = |side: Option<Buckets>| side.unwrap().bucket_counts;
        assert_eq!((left(sum.positive), left(sum.negative)), (vec![1], vec![1]));
    }
}
