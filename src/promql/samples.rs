//! Owns series of samples, and their selection by labels and time.

use super::labels::{Labels, NAME};
use promql_parser::{label::Matchers, parser::VectorSelector};
use std::collections::BTreeMap;

/// Milliseconds since 1970.
pub type Millis = i64;

/// The bits of the NaN by which Prometheus says that a series has ended:
/// <https://github.com/prometheus/prometheus/blob/v3.16.0/model/value/value.go>.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// How long a sample counts if no later one follows.
pub(super) const LOOKBACK: Millis = 5 * 60 * 1000;

/// The stale marker: a NaN that says that a series has ended.
#[must_use]
pub fn stale() -> f64 {
    f64::from_bits(STALE)
}

/// Whether a value is the stale marker.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A value at one time, of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Time.
    pub at: Millis,
    /// May be `NaN` or infinite.
    pub value: f64,
}

/// A value at one time, with the labels of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With the metric's name as `__name__`.
    pub labels: Labels,
    /// May be `NaN` or infinite.
    pub value: f64,
}

/// The points of one set of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// With the metric's name as `__name__`.
    pub labels: Labels,
    /// Its points, sorted by time.
    pub points: Vec<Point>,
}

/// Series, by their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(BTreeMap<Labels, Vec<Point>>);

impl Samples {
    /// Adds a point. A point that is not later than the last one of its series is left out, as Prometheus does.
    pub fn push(&mut self, labels: &Labels, point: Point) {
        match self.0.get_mut(labels) {
            Some(points) if points.last().is_none_or(|last| last.at < point.at) => points.push(point),
            Some(_) => {}
            None => {
                self.0.insert(labels.clone(), vec![point]);
            }
        }
    }

    /// All series, sorted by their labels.
    pub fn series(&self) -> impl Iterator<Item = Series> {
        self.0.iter().map(|(labels, points)| Series { labels: labels.clone(), points: points.clone() })
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn selected<'a>(&'a self, selector: &'a VectorSelector) -> impl Iterator<Item = (&'a Labels, &'a [Point])> {
        let is_selected = move |labels: &Labels| {
            selector.name.as_ref().is_none_or(|name| labels.get(NAME) == Some(name.as_str()))
                && all(&selector.matchers, labels)
        };
        self.0.iter().filter(move |(labels, _)| is_selected(labels)).map(|(labels, points)| (labels, &points[..]))
    }

    /// The last point of each selected series at a time, if it is not older than the lookback.
    pub(super) fn last<'a>(&'a self, selector: &'a VectorSelector, at: Millis) -> Vec<(&'a Labels, Point)> {
        let last = |(labels, points)| {
            let point = *within(points, at.saturating_sub(LOOKBACK), at).last()?;
            (!is_stale(point.value)).then_some((labels, point))
        };
        self.selected(selector).filter_map(last).collect()
    }

    /// The points of each selected series that are later than `from` and not later than `to`; only series that have any.
    pub(super) fn range<'a>(
        &'a self,
        selector: &'a VectorSelector,
        from: Millis,
        to: Millis,
    ) -> Vec<(&'a Labels, Vec<Point>)> {
        let points = |points| within(points, from, to).iter().filter(|point| !is_stale(point.value)).copied().collect();
        let all = self.selected(selector).map(|(labels, all)| (labels, points(all)));
        all.filter(|(_, points): &(_, Vec<Point>)| !points.is_empty()).collect()
    }
}

fn within(points: &[Point], from: Millis, to: Millis) -> &[Point] {
    let first = points.partition_point(|point| point.at <= from);
    let end = points.partition_point(|point| point.at <= to);
    &points[first.min(end)..end]
}

/// Whether all matchers match. A missing label counts as empty.
fn all(matchers: &Matchers, labels: &Labels) -> bool {
    matchers.matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name).unwrap_or_default()))
}
