//! Histograms as Prometheus has them: classic ones, with bounds, and native ones, whose bounds are powers.
//!
//! An exponential histogram is shown in both ways. Its classic bounds are powers of two, whatever its own resolution: they stay the same
//! when that is halved, and are few enough for a text.

use std::time::SystemTime;

use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{Bucket, BucketSpan, Histogram};

use super::families::example;
use crate::metrics::exponential::{Side, upper_bound};

/// Resolutions that Prometheus has.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// Empty buckets that cost less than a span of its own.
const GAP_MAX: i64 = 2;

/// One with bounds of the sender's choice.
pub fn explicit(point: &HistogramDataPoint, began: SystemTime) -> Histogram {
    let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
    let mut histogram = Histogram {
        sample_count: point.count,
        sample_sum: point.sum.unwrap_or_default(),
        bucket: cumulative(bounds.zip(point.bucket_counts.iter().copied())),
        start_timestamp: Some(began.into()),
        ..Histogram::default()
    };
    add_examples(&mut histogram, &point.exemplars);
    histogram
}

/// One whose bounds are powers.
pub fn exponential(point: &ExponentialHistogramDataPoint, began: SystemTime) -> Histogram {
    let (positive, negative) = (Side::new(point.positive.as_ref()), Side::new(point.negative.as_ref()));
    let coarse = point.scale.min(0);
    let halves = positive.at(point.scale - coarse);
    let powers = (halves.first..).zip(&halves.counts).map(|(index, count)| (upper_bound(index, coarse), *count));
    // What is not above zero is one bucket: OpenMetrics has no sums where bounds are negative.
    let below = negative.counts.iter().fold(point.zero_count, |sum, count| sum.saturating_add(*count));
    let buckets = [(point.zero_threshold, below)].into_iter().chain(powers.filter(|(bound, _)| bound.is_finite()));
    let mut bucket = cumulative(buckets);
    bucket.push(Bucket { cumulative_count: point.count, upper_bound: f64::INFINITY, ..Bucket::default() });
    let mut histogram = Histogram {
        sample_count: point.count,
        sample_sum: point.sum.unwrap_or_default(),
        bucket,
        start_timestamp: Some(began.into()),
        ..Histogram::default()
    };
    if point.scale >= *SCHEMAS.start() {
        let schema = point.scale.min(*SCHEMAS.end());
        histogram.schema = schema;
        histogram.zero_threshold = point.zero_threshold;
        histogram.zero_count = point.zero_count;
        (histogram.positive_span, histogram.positive_delta) = spans(&positive.at(point.scale - schema));
        (histogram.negative_span, histogram.negative_delta) = spans(&negative.at(point.scale - schema));
        if histogram.positive_span.is_empty() && histogram.negative_span.is_empty() {
            // Without any span it would be taken for a classic one.
            histogram.positive_span.push(BucketSpan { offset: 0, length: 0 });
        }
        histogram.exemplars = point.exemplars.iter().map(example).collect();
    }
    add_examples(&mut histogram, &point.exemplars);
    histogram
}

fn cumulative(buckets: impl Iterator<Item = (f64, u64)>) -> Vec<Bucket> {
    let mut sum = 0_u64;
    let bucket = |(upper_bound, count): (f64, u64)| {
        sum = sum.saturating_add(count);
        Bucket { cumulative_count: sum, upper_bound, ..Bucket::default() }
    };
    buckets.map(bucket).collect()
}

/// Puts each example with the bucket in which it lies, the latest last.
fn add_examples(histogram: &mut Histogram, examples: &[opentelemetry_proto::tonic::metrics::v1::Exemplar]) {
    for exemplar in examples.iter().map(example) {
        if let Some(bucket) = histogram.bucket.iter_mut().find(|bucket| exemplar.value <= bucket.upper_bound) {
            bucket.exemplar = Some(exemplar);
        }
    }
}

/// Buckets, each as the difference to the one before, in spans that leave out long runs of empty ones. Prometheus counts buckets by
/// where they end.
fn spans(side: &Side) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<BucketSpan>::new(), Vec::new());
    let mut last = 0;
    // Where the span before ends: the first is counted from 0.
    let mut end = 0;
    for (index, count) in (side.first + 1..).zip(&side.counts).filter(|(_, count)| **count > 0) {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        let gap = index - end;
        match spans.last_mut().filter(|_| gap <= GAP_MAX) {
            Some(span) => {
                for _ in 0..gap {
                    deltas.push(-last);
                    last = 0;
                }
                span.length += u32::try_from(gap + 1).unwrap_or(1);
            }
            None => spans.push(BucketSpan { offset: i32::try_from(gap).unwrap_or(i32::MAX), length: 1 }),
        }
        deltas.push(count - last);
        (last, end) = (count, index + 1);
    }
    (spans, deltas)
}
