//! Owns quantiles of histograms that have a series for each bucket.
//!
//! <https://github.com/prometheus/prometheus/blob/v3.16.0/promql/quantile.go> (BucketQuantile).

use super::{
    eval::{EvalError, Value, unnamed},
    labels::Labels,
    samples::Sample,
    sum::beyond,
};
use std::{cmp::Ordering, collections::BTreeMap};

/// The label that says up to what a bucket counts.
const BOUND: &str = "le";
/// Differences between buckets that are less than this part of both are of rounding.
const TOLERANCE: f64 = 1e-12;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    bound: f64,
    count: f64,
}

pub(super) fn value(q: f64, vector: Vec<Sample>) -> Result<Value, EvalError> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for Sample { labels, value: count } in vector {
        let Some(bound) = labels.get(BOUND).and_then(read) else { continue };
        histograms.entry(labels.without(BOUND)).or_default().push(Bucket { bound, count });
    }
    unnamed(histograms.into_iter().map(|(labels, buckets)| Sample { labels, value: quantile(q, buckets) }))
}

/// A bound as Go reads it: neither what is no number, nor one that is too large for it.
fn read(text: &str) -> Option<f64> {
    let bound: f64 = text.parse().ok()?;
    let is_said = text.to_ascii_lowercase().contains("inf");
    (!bound.is_nan() && (is_said || bound.is_finite())).then_some(bound)
}

fn quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if let Some(beyond) = beyond(q) {
        return beyond;
    }
    buckets.sort_by(|one, other| one.bound.total_cmp(&other.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    // The same bound may be written in two ways.
    buckets.dedup_by(|later, held| {
        let is_same = later.bound == held.bound;
        if is_same {
            held.count += later.count;
        }
        is_same
    });
    never_less(&mut buckets);
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

/// Makes each bucket count at least what the one before it does.
fn never_less(buckets: &mut [Bucket]) {
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
