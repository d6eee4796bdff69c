//! Owns the time axis that all lanes and plots share. Positions are in percent of its width, so that it fits any screen.

use crate::bundle::Manifest;
use chrono::{DateTime, Utc};

/// The most ticks.
const TICKS: i64 = 7;

/// The possible distances of two ticks, in minutes.
const STEPS: [i64; 16] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200, 525_600];

/// The window, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A labelled moment.
pub(super) struct Tick {
    pub(super) x: String,
    /// SVG's `text-anchor`, so that the label stays within the axis.
    pub(super) anchor: &'static str,
    /// RFC 3339, for the script.
    pub(super) at: String,
    pub(super) label: String,
}

/// The incident's stripe on the axis.
pub(super) struct Band {
    pub(super) x: String,
    pub(super) width: String,
}

impl Axis {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let from = manifest.window_start.timestamp_millis();
        Self { from, to: manifest.window_end.timestamp_millis().max(from.saturating_add(60_000)) }
    }

    fn length(self) -> f64 {
        self.to.saturating_sub(self.from).max(1) as f64
    }

    /// A moment's position, from 0 to 1; none outside of the window.
    pub(super) fn part(self, at: i64) -> Option<f64> {
        (self.from..=self.to).contains(&at).then(|| at.saturating_sub(self.from) as f64 / self.length())
    }

    /// A moment's position, from 0 to 1; the nearer end outside of the window.
    fn clamped(self, at: DateTime<Utc>) -> f64 {
        self.part(at.timestamp_millis().clamp(self.from, self.to)).unwrap_or(0.0)
    }

    pub(super) fn ticks(self) -> Vec<Tick> {
        let is_enough = |minutes: &&i64| self.length() / (**minutes as f64 * 60_000.0) <= TICKS as f64;
        let minutes = STEPS.iter().find(is_enough).copied().unwrap_or(525_600);
        let step = minutes * 60_000;
        let first = self.from.div_euclid(step) + i64::from(self.from.rem_euclid(step) != 0);
        let format = if minutes < 1440 { "%H:%M" } else { "%Y-%m-%d" };
        let moments = (first..).map(|count| count * step).take_while(|at| *at <= self.to).take(TICKS as usize + 1);
        let tick = |at: i64| {
            let moment = DateTime::<Utc>::from_timestamp_millis(at)?;
            let part = self.part(at)?;
            let anchor = if part < 0.04 {
                "start"
            } else if part > 0.96 {
                "end"
            } else {
                "middle"
            };
            Some(Tick { x: percent(part), anchor, at: super::iso(moment), label: moment.format(format).to_string() })
        };
        moments.filter_map(tick).collect()
    }

    /// The incident, wide enough to be visible.
    pub(super) fn incident(self, manifest: &Manifest) -> Option<Band> {
        let (start, end) = super::super::words::incident(manifest)?;
        let (from, to) = (self.clamped(start), self.clamped(end));
        Some(Band { x: percent(from), width: percent((to - from).max(0.003)) })
    }
}

/// A part from 0 to 1 as an SVG percentage.
pub(super) fn percent(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_an_hour_has_a_tick_every_five_minutes() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis();
        let axis = Axis { from: at("2024-03-05T13:50:00Z"), to: at("2024-03-05T14:20:00Z") };
        let ticks: Vec<_> = axis.ticks().into_iter().map(|tick| (tick.x, tick.label)).collect();
        assert_eq!(ticks.len(), 7);
        assert_eq!(ticks[0], ("0.00%".into(), "13:50".into()));
        assert_eq!(ticks[3], ("50.00%".into(), "14:05".into()));
        assert_eq!(axis.part(axis.from - 1), None);
    }

    proptest! {
        #[test]
        fn every_window_has_few_ticks(from in -8_000_000_000_000_i64..8_000_000_000_000, length in 1_i64..800_000_000_000) {
            let axis = Axis { from, to: from + length };
            prop_assert!(axis.ticks().len() <= TICKS as usize + 1);
        }
    }
}
