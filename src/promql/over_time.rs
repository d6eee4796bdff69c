//! Owns the functions over a range of points, such as `rate` and `max_over_time`.
//!
//! <https://github.com/prometheus/prometheus/blob/v3.16.0/promql/functions.go>

use super::{
    samples::{Millis, Point},
    sum::{extreme, mean, quantile, sum, variance},
};

/// A function over a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Absent,
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    Idelta,
    Increase,
    Irate,
    Last,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Rate,
    Resets,
    Stddev,
    Stdvar,
    Sum,
}

/// A range: later than `from`, and not later than `to`.
pub(super) struct Window {
    pub(super) from: Millis,
    pub(super) to: Millis,
    /// The time of evaluation, from which an offset moves the range.
    pub(super) at: Millis,
}

fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1000.0
}

impl Function {
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "absent_over_time" => Self::Absent,
            "avg_over_time" => Self::Avg,
            "changes" => Self::Changes,
            "count_over_time" => Self::Count,
            "delta" => Self::Delta,
            "deriv" => Self::Deriv,
            "idelta" => Self::Idelta,
            "increase" => Self::Increase,
            "irate" => Self::Irate,
            "last_over_time" => Self::Last,
            "max_over_time" => Self::Max,
            "min_over_time" => Self::Min,
            "predict_linear" => Self::PredictLinear,
            "present_over_time" => Self::Present,
            "quantile_over_time" => Self::Quantile,
            "rate" => Self::Rate,
            "resets" => Self::Resets,
            "stddev_over_time" => Self::Stddev,
            "stdvar_over_time" => Self::Stdvar,
            "sum_over_time" => Self::Sum,
            _ => return None,
        })
    }

    /// Whether the result keeps the metric's name.
    pub(super) fn keeps_name(self) -> bool {
        self == Self::Last
    }

    /// Its value for the points of a series, of which there is at least one; `None` if there are too few.
    pub(super) fn value(self, window: &Window, points: &[Point], params: &[f64]) -> Option<f64> {
        let values = || points.iter().map(|point| point.value);
        let pairs = || points.windows(2).map(|pair| (pair[0].value, pair[1].value));
        let param = || params.first().copied().unwrap_or(f64::NAN);
        match self {
            Self::Absent => None,
            Self::Present => Some(1.0),
            Self::Avg => Some(mean(values())),
            Self::Sum => Some(sum(values())),
            Self::Count => Some(points.len() as f64),
            Self::Last => Some(points.last()?.value),
            Self::Max => Some(extreme(values(), f64::gt)),
            Self::Min => Some(extreme(values(), f64::lt)),
            Self::Stddev => Some(variance(values()).sqrt()),
            Self::Stdvar => Some(variance(values())),
            Self::Quantile => Some(quantile(param(), values().collect())),
            Self::Changes => {
                let changes = |(one, other): &(f64, f64)| one != other && !(one.is_nan() && other.is_nan());
                Some(pairs().filter(changes).count() as f64)
            }
            Self::Resets => Some(pairs().filter(|(one, other)| other < one).count() as f64),
            Self::Delta => extrapolated(window, points, false),
            Self::Increase => extrapolated(window, points, true),
            Self::Rate => Some(extrapolated(window, points, true)? / seconds(window.to - window.from)),
            Self::Idelta => Some(last_two(points)?.0),
            Self::Irate => {
                let (delta, took) = last_two(points)?;
                // After a reset, the counter started at 0.
                let increase = if delta < 0.0 { points.last()?.value } else { delta };
                Some(increase / took)
            }
            Self::Deriv => Some(line(points, points.first()?.at)?.0),
            Self::PredictLinear => {
                let (slope, at) = line(points, window.at)?;
                Some(slope * param() + at)
            }
        }
    }
}

/// The difference of the last two points, and the seconds between them.
fn last_two(points: &[Point]) -> Option<(f64, f64)> {
    let [.., one, other] = points else { return None };
    Some((other.value - one.value, seconds(other.at - one.at)))
}

/// The increase or difference over the range, extrapolated as Prometheus does: as far as the series likely existed, and no
/// counter below 0.
fn extrapolated(window: &Window, points: &[Point], is_counter: bool) -> Option<f64> {
    let [first, .., last] = points else { return None };
    let mut result = last.value - first.value;
    if is_counter {
        result += points.windows(2).filter(|pair| pair[1].value < pair[0].value).map(|pair| pair[0].value).sum::<f64>();
    }
    let sampled = seconds(last.at - first.at);
    let between = sampled / (points.len() - 1) as f64;
    let near = |gap: f64| if gap >= between * 1.1 { between / 2.0 } else { gap };
    let mut before = near(seconds(first.at - window.from));
    if is_counter && result > 0.0 && first.value >= 0.0 {
        before = before.min(sampled * (first.value / result));
    }
    let after = near(seconds(window.to - last.at));
    Some(result * ((sampled + before + after) / sampled))
}

/// Least-squares line through the points: slope per second, and value at a time.
fn line(points: &[Point], at: Millis) -> Option<(f64, f64)> {
    let [first, _, ..] = points else { return None };
    if points.iter().all(|point| point.value == first.value) {
        return Some(if first.value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first.value) });
    }
    let n = points.len() as f64;
    let sum = |of: fn(f64, f64) -> f64| sum(points.iter().map(|point| of(seconds(point.at - at), point.value)));
    let (x, y) = (sum(|x, _| x), sum(|_, y| y));
    let (xy, xx) = (sum(|x, y| x * y), sum(|x, _| x * x));
    let slope = (xy - x * y / n) / (xx - x * x / n);
    Some((slope, y / n - slope * x / n))
}
