//! Owns the verdict on an answer to a query: its worst value, its value at the incident, and whether they violate the
//! profile's bounds. It reads one series at a time, in memory that does not grow with their number.

use crate::{
    bundle::{Judged, QueryRecord, Reading, Verdict},
    profile::Threshold,
    promql::{Labels, NAME},
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// Judges an answer, series by series.
#[derive(Clone, Debug)]
pub struct Judge {
    healthy: Option<Threshold>,
    alert: Option<Threshold>,
    /// Seconds since 1970.
    start: f64,
    step: f64,
    /// The incident: later than the first, not later than the second.
    incident: Option<(f64, f64)>,
    /// The steps of the query.
    steps: Vec<Step>,
    series: u64,
    is_unhealthy: bool,
    worst: Option<WorstValue>,
    at_incident: Option<WorstValue>,
    alerts: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    has_data: bool,
    alerts: bool,
}

/// Missing values count as a gap from this many seconds on.
const GAP: f64 = 300.0;

#[derive(Clone, Debug)]
struct WorstValue {
    badness: f64,
    at: f64,
    text: String,
    labels: Labels,
}

impl Judge {
    /// For an answer from `start` to `end` in steps of `step`, with these bounds (healthy, alert).
    #[must_use]
    pub fn new(
        (healthy, alert): (Option<Threshold>, Option<Threshold>),
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        step: TimeDelta,
        incident: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> Self {
        let step = seconds_of(step).max(0.001);
        let steps = ((seconds(end) - seconds(start)) / step).floor().max(0.0) as usize + 1;
        Self {
            healthy,
            alert,
            start: seconds(start),
            step,
            // The value at a time is that of the last step before it.
            incident: incident.map(|(from, to)| (seconds(from) - step, seconds(to))),
            steps: vec![Step::default(); steps],
            series: 0,
            is_unhealthy: false,
            worst: None,
            at_incident: None,
            alerts: None,
        }
    }

    /// Adds a series: seconds since 1970, and values as the backend wrote them.
    pub fn add(&mut self, labels: &Labels, points: &[(f64, &str)]) {
        self.series += 1;
        for (at, text) in points {
            let Some(value) = number(text) else { continue };
            let step = ((at - self.start) / self.step).round();
            let alerts = self.alert.is_some_and(|bound| bound.holds(value));
            if let Some(step) = self.steps.get_mut(step.max(0.0) as usize) {
                step.has_data = true;
                step.alerts |= alerts;
            }
            self.is_unhealthy |= self.healthy.is_some_and(|bound| !bound.holds(value));
            if alerts {
                let (from, to) = self.alerts.unwrap_or((*at, *at));
                self.alerts = Some((from.min(*at), to.max(*at)));
            }
            let badness = self.badness(value);
            let worst = |held: &Option<WorstValue>| held.as_ref().is_none_or(|held| badness > held.badness);
            let make = || WorstValue { badness, at: *at, text: (*text).to_owned(), labels: labels.clone() };
            if worst(&self.worst) {
                self.worst = Some(make());
            }
            let is_then = self.incident.is_some_and(|(after, to)| *at > after && *at <= to);
            if is_then && worst(&self.at_incident) {
                self.at_incident = Some(make());
            }
        }
    }

    /// How bad a value is: the higher, the worse.
    fn badness(&self, value: f64) -> f64 {
        match (self.alert, self.healthy) {
            (Some(alert), _) if alert.is_below() => -value,
            (Some(alert), _) if alert.is_above() => value,
            (None, Some(healthy)) if healthy.is_above() => -value,
            (None, Some(healthy)) if healthy.is_below() => value,
            // A bound of equality: a value that violates it is worse.
            (Some(bound), _) => f64::from(u8::from(bound.holds(value))),
            (None, Some(bound)) => f64::from(u8::from(!bound.holds(value))),
            (None, None) => value,
        }
    }

    /// Whether there is no value at the incident, or none for at least [`GAP`].
    fn has_gaps(&self) -> bool {
        let longest = self.steps.split(|step| step.has_data).map(<[_]>::len).max().unwrap_or(0);
        let missed = self.incident.is_some() && self.at_incident.is_none();
        missed || longest > 1 && longest as f64 * self.step >= GAP
    }

    /// The verdict. An answer that is partial, or also about other workloads, is never healthy.
    #[must_use]
    pub fn verdict(self, partial: bool, is_ours: bool, warnings: Vec<String>) -> Verdict {
        let judged = match (&self.worst, self.healthy) {
            (None, _) => Judged::NoData,
            (Some(_), _) if !is_ours => Judged::Value,
            _ if self.alerts.is_some() => Judged::Alert,
            (Some(_), None) => Judged::Value,
            _ if self.is_unhealthy => Judged::Unhealthy,
            _ if partial => Judged::Value,
            _ if self.has_gaps() => Judged::Gaps,
            _ => Judged::Healthy,
        };
        let count = |is: fn(&Step) -> bool| self.steps.iter().filter(|step| is(step)).count() as u64;
        let (steps_with_data, alert_steps) = (count(|step| step.has_data), count(|step| step.alerts));
        let reading =
            |worst: WorstValue| Reading { value: worst.text, at: moment(worst.at), labels: (&worst.labels).into() };
        Verdict {
            verdict: judged,
            series: self.series,
            steps: self.steps.len() as u64,
            steps_with_data,
            alert_steps,
            worst: self.worst.map(reading),
            at_incident: self.at_incident.map(reading),
            alert_from: self.alerts.map(|(from, _)| moment(from)),
            alert_to: self.alerts.map(|(_, to)| moment(to)),
            partial,
            of_scrapes: false,
            of_objects: false,
            since_start: None,
            warnings,
        }
    }
}

/// A value; `None` for NaN.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| !value.is_nan())
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

fn seconds_of(delta: TimeDelta) -> f64 {
    delta.num_milliseconds() as f64 / 1000.0
}

fn moment(seconds: f64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis((seconds * 1000.0).round() as i64).unwrap_or_default()
}

/// The verdict in one line: `ALERT (< 0.99), worst 0.41 at 14:03:15Z, 0.62 at the incident`.
#[must_use]
pub fn words(record: &QueryRecord) -> String {
    let QueryRecord { healthy, alert, answer, .. } = record;
    let bound = |bound: &Option<String>| bound.as_ref().map(|bound| format!(" ({bound})")).unwrap_or_default();
    let mut words = match answer.verdict {
        Judged::Alert => format!("ALERT{}", bound(alert)),
        Judged::Unhealthy => format!("unhealthy{}", bound(healthy)),
        Judged::Healthy => format!("healthy{}", bound(healthy)),
        Judged::Gaps => format!("healthy{} where there is data", bound(healthy)),
        Judged::NoData => match &record.needs {
            Some(needs) => format!("no data (its metrics need {needs})"),
            None => "no data".to_owned(),
        },
        Judged::Value if !record.narrowed && alert.is_some() => {
            "of all servers there: nothing distinguishes ours".to_owned()
        }
        Judged::Value if alert.is_some() => format!("no alert{}", bound(alert)),
        Judged::Value => "no bound".to_owned(),
        Judged::NotAnswered => return "not answered".to_owned(),
    };
    if let Some(worst) = &answer.worst {
        let labels = of_series(&worst.labels);
        let what = if matches!(answer.verdict, Judged::Value) && alert.is_none() { "highest" } else { "worst" };
        words.push_str(&format!(", {what} {}{labels} at {}", rounded(&worst.value), utc(worst.at)));
    }
    if let Some(then) = &answer.at_incident {
        words.push_str(&format!(", {} at the incident", rounded(&then.value)));
    }
    if let Some((from, to)) = answer.alert_from.zip(answer.alert_to).filter(|(from, to)| from != to) {
        words.push_str(&format!(", at {} steps from {} to {}", answer.alert_steps, utc(from), utc(to)));
    }
    if answer.steps_with_data > 0 && answer.steps_with_data < answer.steps {
        words.push_str(&format!(", with data at {} of {} steps", answer.steps_with_data, answer.steps));
    }
    if answer.partial {
        words.push_str(", from a part of the data");
    }
    if answer.of_scrapes {
        let apart = record.step_seconds;
        words.push_str(&format!(
            ", from two scrapes {apart} s apart at {}, which say nothing about the time before",
            utc(record.end)
        ));
    }
    if answer.of_objects {
        words.push_str(&format!(", from the objects at {}, which say little about the time before", utc(record.end)));
    }
    if let Some(since) = &answer.since_start {
        words.push_str(&format!("; since the servers started: {}{}", rounded(&since.value), of_series(&since.labels)));
    }
    answer.warnings.iter().for_each(|warning| words.push_str(&format!("; {warning}")));
    // Label values may contain anything.
    words.replace(char::is_control, " ")
}

/// ` of name{label=value}`; empty for a series without labels.
fn of_series(labels: &BTreeMap<String, String>) -> String {
    let name = labels.get(NAME).map_or("", String::as_str);
    let labels = labels.iter().filter(|(label, _)| *label != NAME);
    let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
    match (name, labels.is_empty()) {
        ("", true) => String::new(),
        (name, true) => format!(" of {name}"),
        (name, false) => format!(" of {name}{{{}}}", labels.join(",")),
    }
}

/// A number with at most a few significant digits.
fn rounded(text: &str) -> String {
    let Ok(value) = text.parse::<f64>() else { return text.to_owned() };
    if !value.is_finite() || text.len() <= 7 {
        return text.to_owned();
    }
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 1.0 => 2,
        size if size >= 0.001 => 4,
        _ => return format!("{value:.2e}"),
    };
    format!("{value:.digits$}")
}
