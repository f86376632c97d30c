//! `Metric` messages: sums, gauges and exponential histograms.

use alloc::vec::Vec;

use waspect_abi::semconv::{Instrument, Metric};

use super::wire;
use crate::Temporality;
use crate::exemplar::Exemplar;
use crate::gather::gather;
use crate::histogram::{BYTES, BYTES_SHIFT, Histogram, INDEX_MIN, SCALE};

const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// Most buckets of an exported histogram, as in the field's SDKs; wider ones are exported at a lower scale.
const BUCKETS_MAX: usize = 160;

/// The value of a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// When points begin and end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Start of cumulative points.
    pub(crate) start: u64,
    /// Start of delta points.
    pub(crate) last: u64,
    pub(crate) now: u64,
    pub(crate) temporality: Temporality,
}

impl Times {
    /// Whether points of this instrument are deltas.
    pub(crate) fn is_delta(&self, instrument: Instrument) -> bool {
        // Each temporality makes deltas of all that those before it do.
        let first = if instrument == Instrument::UpDownCounter { Temporality::Changes } else { Temporality::Delta };
        instrument != Instrument::Gauge && self.temporality as u8 >= first as u8
    }

    fn start_of(&self, instrument: Instrument) -> u64 {
        if self.is_delta(instrument) { self.last } else { self.start }
    }
}

/// Appends a metric with these points, as field 2 of `ScopeMetrics`; nothing when there are none.
pub(crate) fn metric(out: &mut Vec<u8>, metric: &Metric, times: &Times, points: &[u8]) {
    if points.is_empty() {
        return;
    }
    let temporality = if times.is_delta(metric.instrument) { DELTA } else { CUMULATIVE };
    wire::message(out, 2, |out| {
        wire::text(out, 1, metric.name);
        wire::text(out, 2, metric.description);
        wire::text(out, 3, metric.unit);
        let field = match metric.instrument {
            Instrument::Gauge => 5,
            Instrument::Counter | Instrument::UpDownCounter => 7,
            Instrument::Histogram => 10,
        };
        wire::message(out, field, |out| {
            out.extend_from_slice(points);
            if metric.instrument != Instrument::Gauge {
                wire::varint(out, 2, temporality);
            }
            if metric.instrument == Instrument::Counter {
                wire::varint(out, 3, 1);
            }
        });
    });
}

/// Appends a `NumberDataPoint`. `attributes` are encoded fields of number 7.
pub(crate) fn point(out: &mut Vec<u8>, metric: &Metric, times: &Times, attributes: &[u8], value: Number) {
    wire::message(out, 1, |out| {
        wire::fixed64(out, 2, times.start_of(metric.instrument));
        wire::fixed64(out, 3, times.now);
        match value {
            Number::Int(value) => wire::fixed64(out, 6, value as u64),
            Number::Double(value) => wire::double(out, 4, value),
        }
        out.extend_from_slice(attributes);
    });
}

/// Appends an `ExponentialHistogramDataPoint`: all counts, less those of `told` where points are deltas. `attributes` are encoded
/// fields of number 1.
pub(crate) fn histogram(
    out: &mut Vec<u8>,
    metric: &Metric,
    times: &Times,
    attributes: &[u8],
    histogram: &Histogram,
    told: Option<&Histogram>,
    exemplar: Option<Exemplar>,
) {
    // Divided, not multiplied: 60 s are 60.0 then.
    let (per_unit, shift) = if histogram.factor == BYTES { (1.0, BYTES_SHIFT) } else { (1e9, 0) };
    let told_at = |place: usize| told.map_or(0, |told| told.buckets[place]);
    let counts = histogram.range().map(|place| (place, histogram.buckets[place] - told_at(place)));
    let counts = counts.filter(|(_, count)| *count > 0);
    let mut counts = gather(counts.map(|(place, count)| (place as i32 + INDEX_MIN + shift, count)));
    let mut scale = SCALE;
    while let (Some(first), Some(last)) = (counts.first(), counts.last())
        && (last.0 - first.0) as usize >= BUCKETS_MAX
    {
        scale -= 1;
        for (index, _) in &mut counts {
            *index >>= 1;
        }
    }
    let zero = histogram.zero - told.map_or(0, |told| told.zero);
    let count = counts.iter().fold(zero, |sum, (_, count)| sum.saturating_add(*count));
    if count == 0 {
        return;
    }
    let sum = histogram.sum - told.map_or(0, |told| told.sum);
    wire::message(out, 1, |out| {
        out.extend_from_slice(attributes);
        wire::fixed64(out, 2, times.start_of(metric.instrument));
        wire::fixed64(out, 3, times.now);
        wire::fixed64(out, 4, count);
        wire::double(out, 5, sum as f64 / per_unit);
        wire::signed(out, 6, scale);
        wire::fixed64(out, 7, zero);
        wire::message(out, 8, |out| buckets(out, &counts));
        if let Some(exemplar) = exemplar {
            wire::message(out, 11, |out| {
                wire::fixed64(out, 2, exemplar.end_unix_ns);
                wire::double(out, 3, exemplar.duration_ns as f64 / per_unit);
                wire::bytes(out, 4, &exemplar.span_id);
                wire::bytes(out, 5, &exemplar.trace_id);
            });
        }
        if told.is_none() {
            wire::double(out, 12, histogram.min as f64 / per_unit);
            wire::double(out, 13, histogram.max as f64 / per_unit);
        }
    });
}

/// `Buckets`: the first index, and every count from there on.
fn buckets(out: &mut Vec<u8>, counts: &[(i32, u64)]) {
    let Some((first, _)) = counts.first() else { return };
    wire::signed(out, 1, *first);
    wire::message(out, 2, |out| {
        let mut at = *first;
        let mut rest = counts.iter().copied().peekable();
        while let Some((index, mut count)) = rest.next() {
            while let Some((_, more)) = rest.next_if(|(next, _)| *next == index) {
                count += more;
            }
            for _ in at..index {
                wire::number(out, 0);
            }
            wire::number(out, count);
            at = index + 1;
        }
    });
}
