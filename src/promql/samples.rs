//! Owns series of samples, and how they are selected by their labels and by time.

use super::labels::{Labels, NAME};
use promql_parser::{label::Matchers, parser::VectorSelector};
use std::collections::BTreeMap;

/// Milliseconds since 1970.
pub type Millis = i64;

/// The bits of the NaN by which Prometheus says that a series has ended:
/// <https://github.com/prometheus/prometheus/blob/v3.16.0/model/value/value.go>.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// For how long a sample is good where there is no later one.
pub(super) const LOOKBACK: Millis = 5 * 60 * 1000;

/// The mark that a series has ended.
#[must_use]
pub fn stale() -> f64 {
    f64::from_bits(STALE)
}

/// Whether a value is that mark.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Millis,
    /// What.
    pub value: f64,
}

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Whose.
    pub labels: Labels,
    /// What.
    pub value: f64,
}

/// One series, its points in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its points.
    pub points: Vec<Point>,
}

/// Series, each set of labels once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(BTreeMap<Labels, Vec<Point>>);

impl Samples {
    /// Adds a point. One that is not later than the last of its series is left out, as a scrape's second
    /// value at one time is.
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

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn selected<'a>(&'a self, selector: &'a VectorSelector) -> impl Iterator<Item = (&'a Labels, &'a [Point])> {
        let is_meant = move |labels: &Labels| {
            selector.name.as_ref().is_none_or(|name| labels.get(NAME) == Some(name.as_str()))
                && all(&selector.matchers, labels)
        };
        self.0.iter().filter(move |(labels, _)| is_meant(labels)).map(|(labels, points)| (labels, &points[..]))
    }

    /// The last value of each series at a moment, if it is not older than the lookback, with its time.
    pub(super) fn last<'a>(&'a self, selector: &'a VectorSelector, at: Millis) -> Vec<(&'a Labels, Point)> {
        let last = |(labels, points)| {
            let point = *within(points, at.saturating_sub(LOOKBACK), at).last()?;
            (!is_stale(point.value)).then_some((labels, point))
        };
        self.selected(selector).filter_map(last).collect()
    }

    /// The points of each series that has any, later than `from` and not later than `to`.
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

/// A label that a series has not is empty.
fn all(matchers: &Matchers, labels: &Labels) -> bool {
    matchers.matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name).unwrap_or_default()))
}
