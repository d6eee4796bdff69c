//! Owns quantiles of classic histograms, which have a series for each bucket.
//!
//! <https://github.com/prometheus/prometheus/blob/v3.16.0/promql/quantile.go> (BucketQuantile).

use super::{
    labels::Labels,
    samples::Sample,
    sum::out_of_range,
    value::{EvalError, Value, unnamed},
};
use std::{cmp::Ordering, collections::BTreeMap};

/// The label with the upper bound of a bucket.
const BOUND: &str = "le";
/// Relative differences between buckets that are smaller than this are rounding errors.
const TOLERANCE: f64 = 1e-12;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// `histogram_quantile(q, vector)`.
pub(super) fn value(q: f64, vector: Vec<Sample>) -> Result<Value, EvalError> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for Sample { labels, value: count } in vector {
        let Some(bound) = labels.get(BOUND).and_then(read) else { continue };
        histograms.entry(labels.without(BOUND)).or_default().push(Bucket { bound, count });
    }
    unnamed(histograms.into_iter().map(|(labels, buckets)| Sample { labels, value: quantile(q, buckets) }))
}

/// A bound as Go parses it: neither NaN nor a number that overflows.
fn read(text: &str) -> Option<f64> {
    let bound: f64 = text.parse().ok()?;
    let is_infinity = text.to_ascii_lowercase().contains("inf");
    (!bound.is_nan() && (is_infinity || bound.is_finite())).then_some(bound)
}

fn quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if let Some(value) = out_of_range(q) {
        return value;
    }
    buckets.sort_by(|one, other| one.bound.total_cmp(&other.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    // One bound may be written in two ways.
    buckets.dedup_by(|later, held| {
        let is_same = later.bound == held.bound;
        if is_same {
            held.count += later.count;
        }
        is_same
    });
    make_monotonic(&mut buckets);
    let [rest @ .., last] = &buckets[..] else { return f64::NAN };
    if rest.is_empty() || last.count == 0.0 {
        return f64::NAN;
    }
    let mut rank = q * last.count;
    let at = rest.partition_point(|bucket| {
        !matches!(bucket.count.partial_cmp(&rank), Some(Ordering::Greater | Ordering::Equal))
    });
    let Some(bucket) = rest.get(at) else { return rest[rest.len() - 1].bound };
    if at == 0 && bucket.bound <= 0.0 {
        return bucket.bound;
    }
    let (mut start, mut count) = (0.0, bucket.count);
    if let Some(before) = at.checked_sub(1).and_then(|at| rest.get(at)) {
        start = before.bound;
        count -= before.count;
        rank -= before.count;
    }
    start + (bucket.bound - start) * (rank / count)
}

/// Raises the count of each bucket to that of the bucket before it.
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some(first) = buckets.first() else { return };
    let mut held = first.count;
    for bucket in &mut buckets[1..] {
        if bucket.count < held || is_almost(bucket.count, held) {
            bucket.count = held;
        } else {
            held = bucket.count;
        }
    }
}

/// Whether two counts differ by a rounding error only.
fn is_almost(one: f64, other: f64) -> bool {
    if one == other || one.is_nan() && other.is_nan() {
        return true;
    }
    let (sum, apart) = (one.abs() + other.abs(), (one - other).abs());
    if one == 0.0 || other == 0.0 || sum < f64::MIN_POSITIVE {
        return apart < TOLERANCE * f64::MIN_POSITIVE;
    }
    apart / sum.min(f64::MAX) < TOLERANCE
}
