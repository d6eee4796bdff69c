//! Owns compensated sums and means that do not overflow, as precise as those of Prometheus.
//!
//! <https://github.com/prometheus/prometheus/blob/v3.16.0/util/kahansum/kahansum.go>

/// A sum, and the part of it that was lost in rounding.
#[derive(Clone, Copy, Debug, Default)]
struct Kahan {
    sum: f64,
    lost: f64,
}

impl Kahan {
    fn add(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - sum) + value)
        } else {
            self.lost + ((value - sum) + self.sum)
        };
        Self { sum, lost }
    }

    fn scaled(self, by: f64) -> Self {
        Self { sum: self.sum * by, lost: self.lost * by }
    }
}

/// The compensated sum.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let Kahan { sum, lost } = values.fold(Kahan::default(), Kahan::add);
    if sum.is_infinite() { sum } else { sum + lost }
}

/// The mean; NaN without values.
pub(super) fn mean(mut values: impl Iterator<Item = f64>) -> f64 {
    let Some(first) = values.next() else { return f64::NAN };
    let (mut held, mut count, mut is_mean) = (Kahan { sum: first, lost: 0.0 }, 1.0, false);
    for value in values {
        count += 1.0;
        if !is_mean {
            let more = held.add(value);
            if !more.sum.is_infinite() {
                held = more;
                continue;
            }
            // The sum would overflow, so the mean is updated instead.
            is_mean = true;
            held = Kahan { sum: held.sum / (count - 1.0), lost: held.lost / (count - 1.0) };
        }
        held = held.scaled((count - 1.0) / count).add(value / count);
    }
    if is_mean { held.sum + held.lost } else { held.sum / count + held.lost / count }
}

/// The population variance.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Kahan::default(), Kahan::default());
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean = mean.add(delta / count);
        squares = squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / count
}

/// The quantile for a `q` below 0, above 1 or NaN; `None` for any other `q`.
pub(super) fn out_of_range(q: f64) -> Option<f64> {
    match q {
        _ if q.is_nan() => Some(f64::NAN),
        _ if q < 0.0 => Some(f64::NEG_INFINITY),
        _ if q > 1.0 => Some(f64::INFINITY),
        _ => None,
    }
}

/// The `q`-quantile of the values, interpolated; NaN without values.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    if let Some(value) = out_of_range(q) {
        return value;
    }
    // NaN comes first, whatever its sign.
    values.sort_by(|one, other| match (one.is_nan(), other.is_nan()) {
        (false, false) => one.total_cmp(other),
        (one, other) => other.cmp(&one),
    });
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor() as usize).min(last);
    let weight = rank - rank.floor();
    if weight == 0.0 {
        return values[lower];
    }
    values[lower] * (1.0 - weight) + values[(lower + 1).min(last)] * weight
}

/// The minimum or maximum, as `is_better` says. NaN counts only if there is nothing else.
pub(super) fn extreme(values: impl Iterator<Item = f64>, is_better: fn(&f64, &f64) -> bool) -> f64 {
    let better = |held: f64, value: f64| if is_better(&value, &held) || held.is_nan() { value } else { held };
    values.reduce(better).unwrap_or(f64::NAN)
}
