//! Owns which part of the window is covered, and why the rest is not: worked out from observations, never guessed.
//!
//! Pure: times are arguments, and all of them are of the cluster's clock. What is known of a container is a
//! [`ContainerHistory`] of [`ObservedRun`]s, each with the [`LogReading`]s of its log: several where its files were read
//! one by one, or it was followed. What no observation explains is a gap with an unknown cause, so that nothing counts as
//! covered without evidence.

mod container;
mod events;
mod missing;

pub use container::{ContainerHistory, FileStart, LogReading, ObservedRun, Reason, RunLog, of_container, of_run};
pub use events::{Events, of_events};
pub use missing::{missing_events, missing_logs};

use crate::{
    bundle::{Coverage, Gap, GapCause, Interval},
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};

/// How much two clocks may differ.
const CLOCKS: TimeDelta = TimeDelta::seconds(2);

/// The window, divided into what is covered and what is not, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The covered parts.
    pub covered: Vec<Interval>,
    /// The other parts, each with its cause.
    pub gaps: Vec<Gap>,
}

impl Timeline {
    /// Divides `window` by what is covered, which may overlap, and by the reasons for the rest. Of several reasons for
    /// one moment the first counts.
    #[must_use]
    pub fn new(window: Interval, covered: &[Interval], reasons: &[Gap]) -> Self {
        let covered = union(window, covered);
        let gaps = rest(window, &covered).into_iter().flat_map(|rest| explain(rest, reasons)).collect();
        Self { covered, gaps }
    }

    /// Whether there is no gap in which something may be missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.gaps.iter().any(|gap| gap.missing)
    }

    /// The same, for an entry with these lines.
    #[must_use]
    pub fn coverage(self, first: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>, lines: u64) -> Coverage {
        let gap = self.gaps.iter().find(|gap| gap.missing).or(self.gaps.first());
        Coverage {
            first,
            last,
            lines,
            complete: self.is_complete(),
            gap: gap.map(|gap| gap.text.clone()),
            gap_cause: gap.map(|gap| gap.cause),
            covered: self.covered,
            gaps: self.gaps,
        }
    }
}

/// The covered parts of the window, in order, joined where they touch.
fn union(window: Interval, covered: &[Interval]) -> Vec<Interval> {
    let within = |it: &Interval| Interval { from: it.from.max(window.from), to: it.to.min(window.to) };
    // A window of one moment is covered by what touches it.
    let is_within = |it: &Interval| it.from < it.to || it.from == it.to && window.from == window.to;
    let mut parts: Vec<Interval> = covered.iter().map(within).filter(is_within).collect();
    parts.sort();
    let mut union: Vec<Interval> = Vec::new();
    for part in parts {
        match union.last_mut() {
            Some(last) if part.from <= last.to => last.to = last.to.max(part.to),
            _ => union.push(part),
        }
    }
    union
}

/// The parts of the window that are not in `covered`, which is in order and joined.
fn rest(window: Interval, covered: &[Interval]) -> Vec<Interval> {
    let mut rest = Vec::new();
    let mut from = window.from;
    for part in covered {
        if from < part.from {
            rest.push(Interval { from, to: part.from });
        }
        from = part.to;
    }
    if from < window.to || covered.is_empty() {
        rest.push(Interval { from, to: window.to });
    }
    rest
}

/// Divides a part of the window where its reason changes.
fn explain(part: Interval, reasons: &[Gap]) -> Vec<Gap> {
    let mut cuts: Vec<DateTime<Utc>> = reasons.iter().flat_map(|reason| [reason.from, reason.to]).collect();
    cuts.retain(|cut| part.from < *cut && *cut < part.to);
    cuts.extend([part.from, part.to]);
    cuts.sort();
    let mut gaps: Vec<Gap> = Vec::new();
    for piece in cuts.windows(2) {
        let (from, to) = (piece[0], piece[1]);
        if from == to && part.from < part.to {
            continue;
        }
        let reason = reasons.iter().find(|reason| reason.from <= from && to <= reason.to);
        let (cause, text, missing) = match reason {
            Some(Gap { cause, text, missing, .. }) => (*cause, text.clone(), *missing),
            None => (GapCause::Unknown, "nothing shows what was written then".to_owned(), true),
        };
        match gaps.last_mut() {
            Some(last) if (last.cause, &last.text, last.missing) == (cause, &text, missing) => last.to = to,
            _ => gaps.push(Gap { from, to, cause, text, missing }),
        }
    }
    gaps
}

/// What is known to be covered, and the reasons for the rest.
struct Observations {
    window: Interval,
    covered: Vec<Interval>,
    reasons: Vec<Gap>,
}

impl Observations {
    fn new(window: Interval) -> Self {
        Self { window, covered: Vec::new(), reasons: Vec::new() }
    }

    fn cover(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        self.covered.push(Interval { from, to });
    }

    /// Adds a reason for what is not covered between two moments. None means from the window's beginning, or to its end.
    fn explain(
        &mut self,
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        cause: GapCause,
        text: impl Into<String>,
    ) {
        let (from, to) = (from.unwrap_or(self.window.from), to.unwrap_or(self.window.to));
        let missing = !matches!(cause, GapCause::ContainerNotStarted | GapCause::ContainerEnded);
        self.reasons.push(Gap { from, to, cause, text: text.into(), missing });
    }

    fn timeline(self) -> Timeline {
        Timeline::new(self.window, &self.covered, &self.reasons)
    }

    /// How far something reaches that was last read at `until`: to the window's end, where the clocks do not tell the
    /// two apart.
    fn reach(&self, until: DateTime<Utc>) -> DateTime<Utc> {
        if until + CLOCKS >= self.window.to { until.max(self.window.to) } else { until }
    }

    fn not_over(&mut self, from: DateTime<Utc>) {
        let text = format!("the window ends at {}, after the collection", utc(self.window.to));
        self.explain((Some(from), None), GapCause::WindowNotOver, text);
    }
}
