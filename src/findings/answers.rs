//! Owns the matchers over answers to queries. The manifest has the verdict of each answer, its worst value and that
//! value's labels; not all of its series.

use super::{
    context::{EvalContext, outcome},
    evidence::{Evidence, MatchResult, pod_name, quote},
};
use crate::{
    bundle::{Judged, QueryRecord, Reading, findings::Shown},
    facts::verdict,
    profile::{
        Threshold,
        rules::{QueryIs, QueryMatch},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use regex_automata::meta::Regex;

/// An answer as of the collection may be this much older than the start of the run.
const MOMENT: TimeDelta = TimeDelta::minutes(1);

/// Whether the answers to a query match, in any cluster.
pub(super) fn query(context: &EvalContext<'_>, wanted: &QueryMatch) -> MatchResult {
    let records: Vec<&QueryRecord> = records(context, &wanted.id).collect();
    if records.is_empty() {
        return MatchResult::Unknown(not_asked(context, &wanted.id));
    }
    let missing = missing_answer(context, &wanted.id).map(MatchResult::Unknown);
    MatchResult::any_of(records.into_iter().map(|record| answer(context, wanted, record)).chain(missing))
}

/// Whether the answers to a query show that what it counts did not happen, although log lines since `first` look like it.
pub(super) fn denies(context: &EvalContext<'_>, id: &str, first: Option<DateTime<Utc>>) -> bool {
    let mut own = context.servers().flat_map(|pod| &pod.containers).filter(|of| of.kind.is_empty());
    // Counters that began after the lines do not include them.
    let has_counted = first.is_some()
        && own.all(|of| of.state.as_ref().is_some_and(|run| run.kind == "running" && run.started < first));
    let is_none = |record: &QueryRecord| match record.answer.of_scrapes {
        true => {
            has_counted && is_healthy(record) && record.answer.since_start.as_ref().is_some_and(|it| it.value == "1")
        }
        false => record.answer.verdict == Judged::Healthy && !record.answer.partial,
    };
    let mut records = records(context, id).peekable();
    records.peek().is_some() && missing_answer(context, id).is_none() && records.all(is_none)
}

/// Why a cluster has no answer to a query; `None` if all have one.
pub(super) fn missing_answer(context: &EvalContext<'_>, id: &str) -> Option<String> {
    context.manifest.clusters.iter().find_map(|cluster| {
        if cluster.error.is_some() {
            return Some(format!("the cluster {} was not reached", cluster.name));
        }
        let is_asked = records(context, id).any(|record| record.cluster == cluster.name);
        (!is_asked).then(|| format!("the query {id} has no answer from the cluster {}", cluster.name))
    })
}

/// The evidence that a Prometheus had only healthy values for a query during the whole window; or why that is unknown.
pub(super) fn healthy(context: &EvalContext<'_>, id: &str) -> Result<Vec<Shown>, String> {
    let records: Vec<&QueryRecord> = records(context, id).collect();
    if records.is_empty() {
        return Err(not_asked(context, id));
    }
    if let Some(why) = missing_answer(context, id) {
        return Err(why);
    }
    records
        .into_iter()
        .map(|record| match record.answer.verdict {
            Judged::Healthy if !record.answer.is_as_of_now() => Ok(shown(record, record.answer.worst.as_ref())),
            Judged::NotAnswered => Err(unanswered(context, record)),
            _ => Err(format!("{id}: {}", verdict::words(record))),
        })
        .collect()
}

/// The answers to a query, of all clusters.
pub(super) fn records<'a>(context: &EvalContext<'a>, id: &str) -> impl Iterator<Item = &'a QueryRecord> {
    context.manifest.queries.iter().filter(move |record| record.id == id)
}

/// Why a query was not sent.
pub(super) fn not_asked(context: &EvalContext<'_>, id: &str) -> String {
    let mut tasks = context.manifest.tasks.iter();
    let left_out = |kind: &str, target: &str| kind == "kind" && ["queries", "metrics", "scrapes"].contains(&target);
    let why = tasks.find(|task| task.kind == "prometheus" || left_out(&task.kind, &task.target));
    match why.filter(|task| !task.causes.is_empty()) {
        Some(task) => format!("no Prometheus was queried: {}", outcome(task)),
        None => format!("the query {id} was not sent"),
    }
}

/// Why a query that was sent has no answer.
pub(super) fn unanswered(context: &EvalContext<'_>, record: &QueryRecord) -> String {
    let id = format!("{}/query/{}", record.cluster, record.id);
    let task = context.manifest.tasks.iter().find(|task| task.id == id);
    let why = task.map_or_else(|| "not answered".to_owned(), outcome);
    format!("{}: {why}", record.id)
}

/// Whether all values are healthy. Two scrapes cover only their own moment; their counters cover the time since the
/// servers started.
fn is_healthy(record: &QueryRecord) -> bool {
    let answer = &record.answer;
    if answer.partial {
        return false;
    }
    let healthy = record.healthy.as_ref().and_then(|bound| bound.parse::<Threshold>().ok());
    let holds = |reading: &Option<Reading>| {
        let value = reading.as_ref().and_then(|reading| reading.value.parse().ok());
        healthy.zip(value).is_some_and(|(bound, value)| bound.holds(value))
    };
    match answer.verdict {
        Judged::Healthy | Judged::Gaps => true,
        Judged::Value if answer.of_scrapes => holds(&answer.worst) && holds(&answer.since_start),
        _ => false,
    }
}

/// Whether one answer matches.
fn answer(context: &EvalContext<'_>, wanted: &QueryMatch, record: &QueryRecord) -> MatchResult {
    let answer = &record.answer;
    if answer.verdict == Judged::NotAnswered {
        return MatchResult::Unknown(unanswered(context, record));
    }
    let met = |is: bool| {
        if is { MatchResult::matched(evidence(record, answer.worst.as_ref())) } else { MatchResult::NoMatch }
    };
    if let Some(bound) = wanted.value.as_ref().and_then(|bound| bound.parse::<Threshold>().ok()) {
        let worst = answer.worst.as_ref().and_then(|worst| worst.value.parse::<f64>().ok());
        return match worst {
            Some(value) if bound.holds(value) => labelled(wanted, record),
            Some(_) => unless_open(context, record),
            None => no_data(context, record),
        };
    }
    match (wanted.is, answer.verdict) {
        (QueryIs::NoData, verdict) => met(verdict == Judged::NoData),
        (QueryIs::HasData, _) => met(answer.steps_with_data > 0),
        (QueryIs::Healthy, _) => met(is_healthy(record)),
        (QueryIs::Alert | QueryIs::Unhealthy, Judged::Alert) if is_of_window(context, wanted, record) => {
            labelled(wanted, record)
        }
        (QueryIs::Unhealthy, Judged::Unhealthy) => labelled(wanted, record),
        (_, Judged::NoData) => no_data(context, record),
        (_, Judged::Alert | Judged::Healthy) => MatchResult::NoMatch,
        (_, _) => unless_open(context, record),
    }
}

/// No match, or unknown if the answer does not cover everything.
fn unless_open(context: &EvalContext<'_>, record: &QueryRecord) -> MatchResult {
    let answer = &record.answer;
    let is_open = answer.partial
        || answer.is_as_of_now()
        || answer.verdict == Judged::Gaps
        || answer.verdict == Judged::Value && (!record.narrowed || answer.steps_with_data < answer.steps);
    match (is_open, answer.verdict) {
        (_, Judged::NoData) => no_data(context, record),
        (true, _) => MatchResult::Unknown(format!("{}: {}", record.id, verdict::words(record))),
        (false, _) => MatchResult::NoMatch,
    }
}

/// Whether the answer alerts within the window, and, if the rule says `still`, at its end.
fn is_of_window(context: &EvalContext<'_>, wanted: &QueryMatch, record: &QueryRecord) -> bool {
    let answer = &record.answer;
    let Some(last) = answer.alert_to else { return true };
    let step = TimeDelta::try_seconds(i64::try_from(record.step_seconds).unwrap_or(i64::MAX)).unwrap_or_default();
    let is_last = !wanted.still || record.end.signed_duration_since(last) / 2 <= step;
    // An answer as of an earlier run does not show that it still alerts.
    let is_now = !wanted.still || last >= context.manifest.started - MOMENT;
    match answer.is_as_of_now() {
        true => is_now,
        false => last >= context.manifest.window_start && is_last,
    }
}

/// A match if a series that the manifest knows has the labels that the rule asks for. The other series are unknown.
fn labelled(wanted: &QueryMatch, record: &QueryRecord) -> MatchResult {
    let answer = &record.answer;
    // `since_start` is left out: what it counts may have happened on another day.
    let mut known = [&answer.worst, &answer.at_incident].into_iter().flatten();
    let holds = |reading: &&Reading| {
        wanted.labels.iter().all(|(label, pattern)| {
            let value = reading.labels.get(label).map_or("", String::as_str);
            Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value))
        })
    };
    if wanted.labels.is_empty() {
        return MatchResult::matched(evidence(record, answer.worst.as_ref()));
    }
    if let Some(reading) = known.find(holds) {
        return MatchResult::matched(evidence(record, Some(reading)));
    }
    if answer.series <= 1 {
        return MatchResult::NoMatch;
    }
    MatchResult::Unknown(format!(
        "{} has {} series; the bundle has only the labels of the worst one, which do not match",
        record.id, answer.series
    ))
}

/// Unknown, because no data does not show health; but no match if another query over the same metrics has data.
fn no_data(context: &EvalContext<'_>, record: &QueryRecord) -> MatchResult {
    let metrics = |id: &str| context.metrics.get(id).filter(|metrics| !metrics.is_empty());
    let own = metrics(&record.id);
    let is_there = |other: &&QueryRecord| {
        other.cluster == record.cluster
            && other.answer.steps_with_data > 0
            && metrics(&other.id).zip(own).is_some_and(|(metrics, own)| metrics.is_superset(own))
    };
    if !record.answer.is_as_of_now() && context.manifest.queries.iter().any(|other| is_there(&other)) {
        return MatchResult::NoMatch;
    }
    MatchResult::Unknown(format!("{}: {}", record.id, verdict::words(record)))
}

/// An answer as evidence, with one of its values.
fn evidence(record: &QueryRecord, reading: Option<&Reading>) -> Evidence {
    let answer = &record.answer;
    let label = |name: &str| reading?.labels.get(name);
    let pod = label("namespace").zip(label("pod")).map(|(namespace, pod)| pod_name(&record.cluster, namespace, pod));
    Evidence {
        shown: vec![shown(record, reading)],
        since: answer.alert_from.or(reading.map(|reading| reading.at)),
        until: answer.alert_to.or(reading.map(|reading| reading.at)),
        container: pod.clone().zip(label("container").cloned()),
        pods: pod.into_iter().collect(),
    }
}

/// An answer and one of its values, as a piece of evidence.
fn shown(record: &QueryRecord, reading: Option<&Reading>) -> Shown {
    let what = if record.measures.is_empty() { &record.id } else { &record.measures };
    Shown {
        quote: quote(&format!("{what}: {}", verdict::words(record))),
        entry: record.entry.clone(),
        at: reading.map(|reading| reading.at),
        times: 1,
        query: Some(record.id.clone()),
        expr: Some(record.expr.clone()),
        value: reading.map(|reading| measured(record, reading)),
        labels: reading.map(|reading| reading.labels.clone()).unwrap_or_default(),
    }
}

/// The worst value with its unit.
pub(super) fn value(record: &QueryRecord) -> Option<String> {
    record.answer.worst.as_ref().map(|worst| measured(record, worst))
}

/// A value with the unit of its query.
fn measured(record: &QueryRecord, reading: &Reading) -> String {
    let Ok(number) = reading.value.parse::<f64>() else { return reading.value.clone() };
    match record.unit.as_deref() {
        Some("ratio") => format!("{:.1} %", number * 100.0),
        Some("perSecond") => format!("{number:.3} per second"),
        Some("seconds") => format!("{number:.3} s"),
        Some("bytes") => format!("{:.0} MiB", number / 1_048_576.0),
        Some("bytesPerSecond") => format!("{:.1} KiB per second", number / 1024.0),
        Some("count") => format!("{number:.0}"),
        _ => reading.value.clone(),
    }
}
