//! Owns the page's timeline: restarts, warning events, changes, autoscaling, and the errors in the logs.

use super::axis::{Axis, percent};
use crate::{
    bundle::{
        facts::{Change, Facts, Level},
        findings::Findings,
    },
    report::{safe, words},
    text::utc,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The columns of a lane; everything within a column is one mark.
const COLUMNS: f64 = 180.0;

/// The most bars of log errors.
const BARS: i64 = 240;

/// The most rows of the timeline's table.
const ROWS: usize = 300;

/// The longest text, in characters.
const TEXT: usize = 300;

/// A row of marks of one kind.
pub(super) struct Lane {
    /// Selects the shape of its marks.
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) marks: Vec<Mark>,
    pub(super) summary: String,
}

/// Everything within one column.
pub(super) struct Mark {
    pub(super) x: String,
    pub(super) title: String,
}

/// A row of the timeline's table.
pub(super) struct TimelineRow {
    pub(super) at: super::Moment,
    pub(super) lane: &'static str,
    pub(super) what: String,
    pub(super) entry: Option<String>,
    on: i64,
}

/// Everything that happened within the window, in order.
pub(super) struct Timeline {
    pub(super) lanes: Vec<Lane>,
    pub(super) rows: Vec<TimelineRow>,
    pub(super) more: usize,
}

impl Timeline {
    pub(super) fn of(findings: &Findings, facts: &Facts, axis: Axis) -> Self {
        let all = restarts(facts).into_iter().chain(events(facts)).chain(changes(findings, facts));
        let mut all: Vec<TimelineRow> = all.filter(|row| axis.part(row.on).is_some()).collect();
        all.sort_by(|one, other| (one.on, one.lane, &one.what).cmp(&(other.on, other.lane, &other.what)));
        all.dedup_by(|one, other| (one.on, one.lane, &one.what) == (other.on, other.lane, &other.what));
        let lanes = LANES.iter().map(|(id, name)| lane(id, name, &all, axis)).collect();
        let more = all.len().saturating_sub(ROWS);
        all.truncate(ROWS);
        Self { lanes, rows: all, more }
    }
}

const LANES: [(&str, &str); 4] = [
    ("restart", "Restarts"),
    ("event", "Warning events"),
    ("change", "Rollouts and changes"),
    ("scale", "Autoscaling"),
];

fn row(at: DateTime<Utc>, lane: usize, what: &str, entry: Option<&String>) -> TimelineRow {
    let lane = LANES.get(lane).map_or("", |lane| lane.0);
    let entry = entry.cloned();
    TimelineRow { at: super::Moment(at), lane, what: safe::line(what, TEXT), entry, on: at.timestamp_millis() }
}

/// The ends and restarts of containers.
fn restarts(facts: &Facts) -> Vec<TimelineRow> {
    let containers = facts.pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    let of = |(pod, container): (&crate::bundle::facts::PodFacts, &crate::bundle::facts::ContainerFacts)| {
        let who = format!("{}/{}", pod.pod, container.name);
        let ended = [&container.state, &container.last_state].into_iter().flatten().filter_map(|state| {
            let code = state.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            let reason = if state.reason.is_empty() { "ended" } else { &state.reason };
            Some(row(state.finished?, 0, &format!("{who} ended: {reason}{code}"), Some(&pod.entry)))
        });
        let again = container.state.as_ref().filter(|_| container.restarts > 0).and_then(|state| state.started);
        let what = format!("{who} restarted (restart {})", container.restarts);
        let again = again.map(|at| row(at, 0, &what, Some(&pod.entry)));
        ended.chain(again).collect::<Vec<_>>()
    };
    containers.filter(|(_, container)| container.kind.is_empty()).flat_map(of).collect()
}

fn events(facts: &Facts) -> Vec<TimelineRow> {
    let of = |event: &crate::bundle::facts::EventFacts| {
        let lane = if event.about.starts_with("HorizontalPodAutoscaler/") { 3 } else { 1 };
        let times = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
        let what = format!("{} {}: {}{times}", event.about, event.reason, event.note);
        let moments: BTreeSet<DateTime<Utc>> = [event.first, event.last].into_iter().flatten().collect();
        moments.into_iter().map(|at| row(at, lane, &what, Some(&event.entry))).collect::<Vec<_>>()
    };
    let tells = |event: &&crate::bundle::facts::EventFacts| {
        event.kind == "Warning" || event.about.starts_with("HorizontalPodAutoscaler/")
    };
    facts.events.iter().filter(tells).flat_map(of).collect()
}

/// What changed: from the findings, or from the facts if no rule was evaluated.
pub(super) fn changed<'a>(findings: &'a Findings, facts: &'a Facts) -> &'a [Change] {
    if findings.changes.is_empty() { &facts.changes } else { &findings.changes }
}

fn changes(findings: &Findings, facts: &Facts) -> Vec<TimelineRow> {
    let changes = changed(findings, facts).iter().map(|change| {
        let lane = if change.kind == "scale" { 3 } else { 2 };
        let by = change.by.as_ref().map(|by| format!(" (by {by})")).unwrap_or_default();
        row(change.at, lane, &format!("{}: {}{by}", change.object, change.what), change.entry.as_ref())
    });
    let scaled = facts.autoscalers.iter().filter_map(|scaler| {
        let what = format!("{} scaled {} to {}", scaler.name, scaler.target, scaler.desired);
        Some(row(scaler.last_scaled?, 3, &what, Some(&scaler.entry)))
    });
    changes.chain(scaled).collect()
}

fn lane(id: &'static str, name: &'static str, all: &[TimelineRow], axis: Axis) -> Lane {
    let mine = || all.iter().filter(|row| row.lane == id);
    let mut columns: BTreeMap<u32, Vec<&TimelineRow>> = BTreeMap::new();
    for row in mine() {
        let part = axis.part(row.on).unwrap_or(0.0);
        columns.entry((part * COLUMNS) as u32).or_default().push(row);
    }
    let mark = |held: &Vec<&TimelineRow>| {
        let first = held.first()?;
        let more = if held.len() > 1 { format!("; and {} more", held.len() - 1) } else { String::new() };
        let x = percent(axis.part(first.on)?);
        Some(Mark { x, title: format!("{} {}{more}", utc(first.at.0), safe::line(&first.what, 120)) })
    };
    let marks = columns.values().filter_map(mark).collect();
    let count = mine().count();
    let summary = match (mine().next(), mine().next_back()) {
        (Some(first), Some(last)) if count > 1 => {
            format!("{count}, between {} and {}", utc(first.at.0), utc(last.at.0))
        }
        (Some(first), _) => format!("one, at {}", utc(first.at.0)),
        _ => "none in the window".to_owned(),
    };
    Lane { id, name, marks, summary }
}

/// Counts of error and warning lines over time.
pub(super) struct ErrorBars {
    pub(super) bars: Vec<Bar>,
    pub(super) most: u64,
    /// The time that a bar spans, in words.
    pub(super) each: String,
    pub(super) summary: String,
}

/// One bar: position and height in percent, errors at the bottom, warnings above them.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) error: Option<(String, String)>,
    pub(super) warn: Option<(String, String)>,
}

impl ErrorBars {
    pub(super) fn of(facts: &Facts, axis: Axis) -> Self {
        let minutes = ((axis.to.saturating_sub(axis.from)) / 60_000 / BARS + 1).max(1);
        let mut counts: BTreeMap<i64, [u64; 2]> = BTreeMap::new();
        for minute in facts.logs.iter().flat_map(|log| &log.minutes) {
            let at = minute.at.timestamp_millis();
            // A minute may begin before the window and reach into it.
            if at <= axis.from.saturating_sub(60_000) || at > axis.to {
                continue;
            }
            let bar = counts.entry(at.max(axis.from).saturating_sub(axis.from) / (minutes * 60_000)).or_default();
            let of = |level: Level| minute.levels.get(&level).copied().unwrap_or(0);
            bar[0] = bar[0].saturating_add(of(Level::Fatal).saturating_add(of(Level::Error)));
            bar[1] = bar[1].saturating_add(of(Level::Warn));
        }
        counts.retain(|_, [errors, warnings]| *errors > 0 || *warnings > 0);
        let most = counts.values().map(|[errors, warnings]| errors.saturating_add(*warnings)).max().unwrap_or(0);
        let part = |count: u64| count as f64 / most.max(1) as f64;
        let length = axis.to.saturating_sub(axis.from).max(1) as f64;
        let width = minutes as f64 * 60_000.0 / length;
        let bar = |(at, [errors, warnings]): (&i64, &[u64; 2])| {
            let (low, high) = (part(*errors), part(*warnings));
            Bar {
                x: percent(*at as f64 * width),
                width: percent(width * 0.85),
                error: (*errors > 0).then(|| (percent(1.0 - low), percent(low))),
                warn: (*warnings > 0).then(|| (percent(1.0 - low - high), percent(high))),
            }
        };
        let bars = counts.iter().map(bar).collect();
        let total = |at: usize| counts.values().fold(0_u64, |sum, bar| sum.saturating_add(bar[at.min(1)]));
        let each = if minutes == 1 { "minute".to_owned() } else { format!("{minutes} minutes") };
        let worst = counts.iter().max_by_key(|(at, [errors, _])| (*errors, -**at));
        let worst = worst.filter(|(_, [errors, _])| *errors > 0).and_then(|(at, [errors, _])| {
            let at = DateTime::<Utc>::from_timestamp_millis(axis.from + at * minutes * 60_000)?;
            Some(format!("; the most errors, {errors}, in the {each} from {}", utc(at)))
        });
        let summary = format!(
            "{} lines at {} or {}, {} at {}{}",
            total(0),
            words::level(Level::Error),
            words::level(Level::Fatal),
            total(1),
            words::level(Level::Warn),
            worst.unwrap_or_default()
        );
        Self { bars, most, each, summary }
    }
}
