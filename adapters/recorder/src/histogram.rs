//! Base-2 exponential histograms of durations, bucket for bucket those of OpenTelemetry.
//!
//! Bucket `i` at scale 3 holds `(2^(i/8), 2^((i+1)/8)]` seconds: eight buckets an octave, at most 4.5% off. Not a logarithm a
//! call: a duration in seconds is a float whose exponent is the octave, and seven known mantissas part an octave in eight. A
//! table of sixteen entries says where to begin; one comparison ends it.

use crate::delta::HistogramDelta;

/// Scale at which durations are recorded.
pub(crate) const SCALE: i32 = 3;

/// Lowest bucket index: the octave of one nanosecond.
pub(crate) const INDEX_MIN: i32 = -30 * 8;

/// Number of buckets: from one nanosecond to 36 hours. What is longer counts in the last one.
pub(crate) const BUCKETS: usize = 47 * 8;

const MANTISSA_BITS: u32 = 52;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;

/// Mantissas of 2^(j/8), rounded down, for j = 1 to 7; then one that no mantissa reaches.
const BOUNDS: [u64; 8] = [
    0x172b83c7d517a,
    0x306fe0a31b715,
    0x4bfdad5362a27,
    0x6a09e667f3bcc,
    0x8ace5422aa0db,
    0xae89f995ad3ad,
    0xd5818dcfba487,
    u64::MAX,
];

/// How many bounds lie at or below the beginning of each sixteenth of an octave.
const STARTS: [u8; 16] = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6, 7, 7];

/// Factor from nanoseconds to the unit of the buckets, the second.
pub(crate) const NANOSECONDS: f64 = 1e-9;

/// Factor from bytes to 2^30 bytes: a power of two moves every bucket by the same number ([`BYTES_SHIFT`]).
pub(crate) const BYTES: f64 = 1.0 / (1_u64 << 30) as f64;

/// Difference between the bucket of a number of bytes and the one that [`BYTES`] gives.
pub(crate) const BYTES_SHIFT: i32 = 30 * 8;

/// Durations, or other values, by bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// [`NANOSECONDS`] or [`BYTES`].
    pub(crate) factor: f64,
    /// Sum in nanoseconds.
    pub(crate) sum: u64,
    /// Shortest, in nanoseconds; more than `max` when nothing was recorded.
    pub(crate) min: u64,
    /// Longest, in nanoseconds.
    pub(crate) max: u64,
    /// Durations of exactly zero: a coarse clock gives many.
    pub(crate) zero: u64,
    /// Counts; place 0 is bucket [`INDEX_MIN`].
    pub(crate) buckets: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { factor: NANOSECONDS, sum: 0, min: u64::MAX, max: 0, zero: 0, buckets: [0; BUCKETS] }
    }
}

impl Histogram {
    #[inline]
    pub(crate) fn record(&mut self, duration_ns: u64) {
        self.sum = self.sum.wrapping_add(duration_ns);
        self.min = self.min.min(duration_ns);
        self.max = self.max.max(duration_ns);
        let count = if duration_ns == 0 { &mut self.zero } else { &mut self.buckets[place(duration_ns, self.factor)] };
        *count = count.wrapping_add(1);
    }

    /// So many durations of zero.
    pub(crate) fn record_zeros(&mut self, count: u64) {
        if count > 0 {
            (self.min, self.zero) = (0, self.zero.wrapping_add(count));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// The places that may hold counts.
    pub(crate) fn range(&self) -> core::ops::Range<usize> {
        if self.max == 0 {
            return 0..0;
        }
        place(self.min.max(1), self.factor)..place(self.max, self.factor) + 1
    }

    /// Forgets everything; touches only what was used.
    pub(crate) fn clear(&mut self) {
        let range = self.range();
        self.buckets[range].fill(0);
        (self.sum, self.min, self.max, self.zero) = (0, u64::MAX, 0, 0);
    }

    /// Adds another's counts, given from place `first` on.
    pub(crate) fn merge(&mut self, sum: u64, min: u64, max: u64, zero: u64, first: usize, counts: &[u64]) {
        self.sum = self.sum.saturating_add(sum);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.zero = self.zero.saturating_add(zero);
        for (mine, theirs) in self.buckets.iter_mut().skip(first).zip(counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// Adds what a recorder tells; its counts stand somewhere in these.
    pub(crate) fn merge_delta(&mut self, delta: &HistogramDelta, counts: &[u64]) {
        let counts = &counts[delta.at as usize..][..delta.len as usize];
        self.merge(delta.sum, delta.min, delta.max, delta.zero, delta.first as usize, counts);
    }

    /// Adds another histogram.
    pub(crate) fn merge_with(&mut self, other: &Histogram) {
        let range = other.range();
        self.merge(other.sum, other.min, other.max, other.zero, range.start, &other.buckets[range]);
    }

    /// A histogram of bytes.
    pub(crate) fn of_bytes() -> Histogram {
        Histogram { factor: BYTES, ..Histogram::default() }
    }

    /// Number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.buckets[self.range()].iter().fold(self.zero, |sum, count| sum.saturating_add(*count))
    }

    /// The duration that a share `q` of all durations does not exceed: the upper bound of its bucket, within what was seen.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        let exact = count as f64 * q;
        let rank = exact as u64 + u64::from(exact > exact as u64 as f64);
        let rank = rank.clamp(1, count.max(1));
        let mut below = self.zero;
        if count == 0 {
            return None;
        }
        if rank <= below {
            return Some(0);
        }
        for at in self.range() {
            below = below.saturating_add(self.buckets[at]);
            if rank <= below {
                return Some(((upper_s(at) * 1e9) as u64).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }
}

/// The place of a value that is not zero.
#[inline]
fn place(value: u64, factor: f64) -> usize {
    // Upper bounds are inclusive: the float just below the value has the bucket that includes its lower bound.
    // As a signed number, for which processors have an instruction. What has 64 bits turns negative, and the sign, read as part
    // of the exponent, leads beyond the last bucket: where it belongs.
    let bits = (value as i64 as f64 * factor).to_bits() - 1;
    let octave = (bits >> MANTISSA_BITS) as i32 - 1023;
    let mantissa = bits & MANTISSA_MASK;
    let start = STARTS[(mantissa >> (MANTISSA_BITS - 4)) as usize] as usize;
    let eighth = start as i32 + i32::from(mantissa >= BOUNDS[start]);
    ((octave * 8 + eighth - INDEX_MIN) as usize).min(BUCKETS - 1)
}

/// The upper bound of a place: 2 to the power of so many eighths, in seconds.
fn upper_s(place: usize) -> f64 {
    let eighths = INDEX_MIN + place as i32 + 1;
    let mantissa = match eighths.rem_euclid(8) {
        0 => 0,
        eighth => BOUNDS[eighth as usize - 1] + 1,
    };
    f64::from_bits(((eighths.div_euclid(8) + 1023) as u64) << MANTISSA_BITS | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// The formula of the OpenTelemetry data model: `ceil(log2(value) * 2^scale) - 1`.
    fn formula(duration_ns: u64) -> i32 {
        ((duration_ns as f64 * 1e-9).log2() * 8.0).ceil() as i32 - 1
    }

    #[test]
    fn buckets_are_those_of_the_formula() {
        let mut state = 7;
        for _ in 0..1_000_000 {
            let bits = random(&mut state) % 46;
            let duration = (random(&mut state) & ((2 << bits) - 1)).max(1);
            assert_eq!(INDEX_MIN + place(duration, NANOSECONDS) as i32, formula(duration), "{duration} ns");
        }
    }

    #[test]
    fn bounds_are_the_floats_just_below_the_eighths() {
        for (at, bound) in BOUNDS.iter().take(7).enumerate() {
            let exact = ((at + 1) as f64 / 8.0).exp2();
            let below = f64::from_bits(1023 << MANTISSA_BITS | bound);
            assert!(below <= exact && f64::from_bits(below.to_bits() + 1) >= exact, "bound {at}");
        }
    }

    #[test]
    fn upper_bounds_are_powers_of_two_by_eighths() {
        for at in 0..BUCKETS {
            let exact = (f64::from(INDEX_MIN + at as i32 + 1) / 8.0).exp2();
            assert!((upper_s(at) / exact - 1.0).abs() < 1e-15, "place {at}");
        }
    }

    #[test]
    fn powers_of_two_are_upper_bounds() {
        // 1 s is 2^0: the upper bound of bucket -1. 1 s + 1 ns is beyond it.
        assert_eq!(INDEX_MIN + place(1_000_000_000, NANOSECONDS) as i32, -1);
        assert_eq!(INDEX_MIN + place(1_000_000_001, NANOSECONDS) as i32, 0);
        assert_eq!(place(u64::MAX, NANOSECONDS), BUCKETS - 1);
        assert_eq!(place(1, NANOSECONDS), 0);
    }

    #[test]
    fn quantiles_are_within_a_bucket_of_an_exact_sort() {
        let mut state = 99;
        let mut histogram = Histogram::default();
        let mut sorted: Vec<u64> = (0..20_000).map(|_| random(&mut state) % 10_000_000).collect();
        for duration in &sorted {
            histogram.record(*duration);
        }
        sorted.sort_unstable();
        assert_eq!(histogram.count(), 20_000);
        assert_eq!(histogram.sum, sorted.iter().sum::<u64>());
        for q in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let exact = sorted[((20_000.0 * q) as usize).max(1) - 1] as f64;
            let found = histogram.quantile(q).unwrap() as f64;
            assert!(found >= exact * 0.999 && found <= exact * 1.0906, "q {q}: exact {exact}, found {found}");
        }
        histogram.clear();
        assert_eq!(histogram, Histogram::default());
    }
}
