//! Owns the plots of the queries: their curves on the shared axis, and the band of healthy values.

use super::axis::{Axis, percent};
use crate::{
    bundle::{Judged, Manifest, QueryRecord},
    profile::Threshold,
    report::{Series, safe, words},
    text::utc,
};
use std::fmt::Write as _;

/// The most bytes of all curves together.
const CURVES: usize = 400_000;

/// The width and height of a curve's own coordinates; the page stretches them.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// The part of the height that stays free above and below.
const MARGIN: f64 = 0.06;

/// A query's plot.
pub(super) struct Plot {
    pub(super) id: String,
    pub(super) cluster: String,
    pub(super) measures: String,
    pub(super) expr: String,
    pub(super) verdict: &'static str,
    pub(super) is_wrong: bool,
    /// The healthy and alert bounds, in words.
    pub(super) bounds: String,
    pub(super) low: String,
    pub(super) high: String,
    /// The band of healthy values: its top and its height.
    pub(super) band: Option<(String, String)>,
    pub(super) curves: Vec<Curve>,
    pub(super) summary: String,
    pub(super) entry: Option<String>,
}

/// A series of a query.
pub(super) struct Curve {
    /// Selects one of the eight strokes.
    pub(super) class: usize,
    pub(super) name: String,
    /// The lines, as `points` of an SVG polyline.
    pub(super) lines: Vec<String>,
    /// Points with a gap on both sides.
    pub(super) dots: Vec<(String, String)>,
    pub(super) lowest: String,
    pub(super) highest: String,
    pub(super) last: String,
}

/// The plots of all queries.
pub(super) struct Plots {
    pub(super) drawn: Vec<Plot>,
    /// Queries without a curve in the window, and why.
    pub(super) rest: Vec<(String, &'static str)>,
    /// How many plots have no room.
    pub(super) more: usize,
}

impl Plots {
    /// Alerting and unhealthy queries first, then in the manifest's order.
    pub(super) fn of(manifest: &Manifest, series: &[Series], axis: Axis) -> Self {
        let mut queries: Vec<&QueryRecord> = manifest.queries.iter().collect();
        queries.sort_by_key(|query| rank(query.answer.verdict));
        let mut plots = Self { drawn: Vec::new(), rest: Vec::new(), more: 0 };
        let mut left = CURVES;
        for query in queries {
            let own: Vec<&Series> = series
                .iter()
                .filter(|one| one.query == query.id && one.cluster == query.cluster)
                .filter(|one| one.points.iter().any(|point| axis.part(point.0).is_some()))
                .take(crate::report::SERIES)
                .collect();
            if own.is_empty() {
                plots.rest.push((safe::line(&query.id, 80), words::verdict(query.answer.verdict)));
                continue;
            }
            let plot = plot(query, &own, axis);
            let size = |curve: &Curve| curve.lines.iter().map(String::len).sum::<usize>() + 40 * curve.dots.len();
            let bytes: usize = plot.curves.iter().map(size).sum();
            if bytes > left {
                plots.more += 1;
                continue;
            }
            left -= bytes;
            plots.drawn.push(plot);
        }
        plots
    }
}

fn rank(verdict: Judged) -> usize {
    match verdict {
        Judged::Alert => 0,
        Judged::Unhealthy => 1,
        Judged::Gaps => 2,
        Judged::Value => 3,
        Judged::Healthy => 4,
        Judged::NoData => 5,
        Judged::NotAnswered => 6,
    }
}

fn plot(query: &QueryRecord, own: &[&Series], axis: Axis) -> Plot {
    let bound = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Threshold>().ok());
    let (healthy, alert) = (bound(&query.healthy), bound(&query.alert));
    let values = own.iter().flat_map(|one| &one.points).filter(|point| axis.part(point.0).is_some());
    let values = values.map(|point| point.1).chain(healthy.map(Threshold::number)).chain(alert.map(Threshold::number));
    let (low, high) = values.fold((0.0_f64, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let high = if high > low { high } else { low + 1.0 };
    let scale = Scale { low, high };
    let unit = query.unit.as_deref().unwrap_or_default();
    let step = i64::try_from(query.step_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let curves: Vec<Curve> =
        own.iter().enumerate().map(|(class, one)| curve(class, one, axis, scale, step, unit)).collect();
    let more = usize::try_from(query.answer.series).unwrap_or(usize::MAX).saturating_sub(curves.len());
    let worst = query.answer.worst.as_ref().map(|worst| {
        let labels = safe::line(&named(&worst.labels), 200);
        format!(" Worst {} {unit} at {} ({labels}).", safe::line(&worst.value, 40), utc(worst.at))
    });
    let more = if more > 0 { format!(" {more} more series are not drawn.") } else { String::new() };
    let scrapes = if query.answer.of_scrapes { " From two scrapes, at the time of the collection." } else { "" };
    let word = words::verdict(query.answer.verdict);
    Plot {
        id: safe::line(&query.id, 80),
        cluster: safe::line(&query.cluster, 80),
        measures: safe::line(&query.measures, 200),
        expr: safe::cut(&query.expr, 2000).into_owned(),
        verdict: word,
        is_wrong: rank(query.answer.verdict) < 2,
        bounds: bounds(query),
        low: number(low, unit),
        high: number(high, unit),
        band: healthy.and_then(|healthy| scale.band(healthy)),
        curves,
        summary: format!("Verdict: {word}.{}{more}{scrapes}", worst.unwrap_or_default()),
        entry: query.entry.clone(),
    }
}

fn bounds(query: &QueryRecord) -> String {
    let named =
        |what: &str, bound: &Option<String>| bound.as_ref().map(|bound| format!("{what} {}", safe::line(bound, 40)));
    let parts = [named("healthy", &query.healthy), named("alert", &query.alert)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The lowest and highest value of a plot.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// A value's distance from the top, from 0 to 1.
    fn part(self, value: f64) -> f64 {
        // Halved, so that the difference of two large numbers does not overflow.
        let part = (self.high / 2.0 - value / 2.0) / (self.high / 2.0 - self.low / 2.0);
        MARGIN + part.clamp(0.0, 1.0) * (1.0 - 2.0 * MARGIN)
    }

    fn band(self, healthy: Threshold) -> Option<(String, String)> {
        let at = self.part(healthy.number());
        match (healthy.is_below(), healthy.is_above()) {
            (true, _) => Some((percent(at), percent(1.0 - at))),
            (_, true) => Some((percent(0.0), percent(at))),
            _ => None,
        }
    }
}

fn curve(class: usize, series: &Series, axis: Axis, scale: Scale, step: i64, unit: &str) -> Curve {
    let within: Vec<(i64, f64)> = series.points.iter().copied().filter(|point| axis.part(point.0).is_some()).collect();
    // A thinned curve has longer steps than the query.
    let usual = within.first().zip(within.last()).map_or(0, |(first, last)| (last.0 - first.0) / within.len() as i64);
    let longest = step.max(usual).saturating_mul(5) / 2;
    let (mut lines, mut dots) = (Vec::new(), Vec::new());
    for run in within.chunk_by(|one, other| other.0 - one.0 <= longest) {
        let place = |point: &(i64, f64)| (axis.part(point.0).unwrap_or(0.0), scale.part(point.1));
        match run {
            [alone] => {
                let (x, y) = place(alone);
                dots.push((percent(x), percent(y)));
            }
            run => lines.push(run.iter().map(place).fold(String::new(), |mut text, (x, y)| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{:.0},{:.1} ", x * WIDTH, y * HEIGHT);
                text
            })),
        }
    }
    let values = || within.iter().map(|point| point.1);
    let shown = |value: Option<f64>| value.map(|value| number(value, unit)).unwrap_or_default();
    Curve {
        class,
        name: safe::line(&named(&series.labels), 200),
        lines,
        dots,
        lowest: shown(values().reduce(f64::min)),
        highest: shown(values().reduce(f64::max)),
        last: shown(values().next_back()),
    }
}

/// Labels as in PromQL, without the metric's name.
fn named(labels: &std::collections::BTreeMap<String, String>) -> String {
    let label = |(name, value): (&String, &String)| format!("{name}={value:?}");
    let all: Vec<String> = labels.iter().filter(|(name, _)| *name != "__name__").map(label).collect();
    if all.is_empty() { "all series".to_owned() } else { all.join(", ") }
}

/// A number with four significant digits, and its unit.
fn number(value: f64, unit: &str) -> String {
    let size = value.abs();
    let text = match size {
        _ if size == 0.0 => "0".to_owned(),
        _ if !(1e-3..1e15).contains(&size) => format!("{value:.3e}"),
        _ => {
            let digits = (3 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.digits$}");
            if digits > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
    };
    let unit = safe::line(unit, 24);
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.997_43, "0.9974"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (123_456.7, "123457"),
            (1e-9, "1.000e-9"),
            (f64::MAX, "1.798e308"),
        ] {
            assert_eq!(number(value, ""), text);
        }
        assert_eq!(number(2.0, "seconds"), "2 seconds");
    }

    #[test]
    fn the_healthy_band_is_on_its_side() {
        let scale = Scale { low: 0.0, high: 1.0 };
        let band = |bound: &str| scale.band(bound.parse().expect("a bound"));
        assert_eq!(band("> 0.5"), Some(("0.00%".into(), "50.00%".into())));
        assert_eq!(band("< 0.5"), Some(("50.00%".into(), "50.00%".into())));
        assert_eq!(band("== 0"), None);
        assert!(Scale { low: f64::MIN, high: f64::MAX }.part(0.0).is_finite());
    }
}
