//! What answers to queries show. They are as the manifest has them: of each, the worst value and its labels.

use super::{
    case::{Case, became},
    evidence::{Evidence, Seen, quote},
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

/// So long before a run's start what it says of now may be.
const MOMENT: TimeDelta = TimeDelta::minutes(1);

pub(super) fn query(case: &Case<'_>, wanted: &QueryMatch) -> Seen {
    let records: Vec<&QueryRecord> = records(case, &wanted.id).collect();
    if records.is_empty() {
        return Seen::Unknown(not_asked(case, &wanted.id));
    }
    let unasked = unasked(case, &wanted.id).map(Seen::Unknown);
    Seen::any(records.into_iter().map(|record| answer(case, wanted, record)).chain(unasked))
}

/// Whether the answer to a query says that what it counts did not happen, of which lines tell from `first` on.
pub(super) fn denies(case: &Case<'_>, id: &str, first: Option<DateTime<Utc>>) -> bool {
    let mut own = case.servers().flat_map(|pod| &pod.containers).filter(|of| of.kind.is_empty());
    // Counters that began after the lines know nothing of them.
    let has_counted = first.is_some()
        && own.all(|of| of.state.as_ref().is_some_and(|run| run.kind == "running" && run.started < first));
    let is_none = |record: &QueryRecord| match record.answer.of_scrapes {
        true => has_counted && is_well(record) && record.answer.since_start.as_ref().is_some_and(|it| it.value == "1"),
        false => record.answer.verdict == Judged::Healthy && !record.answer.partial,
    };
    let mut records = records(case, id).peekable();
    records.peek().is_some() && unasked(case, id).is_none() && records.all(is_none)
}

/// Why not all clusters have an answer to a query.
pub(super) fn unasked(case: &Case<'_>, id: &str) -> Option<String> {
    case.manifest.clusters.iter().find_map(|cluster| {
        if cluster.error.is_some() {
            return Some(format!("the cluster {} was not reached", cluster.name));
        }
        let is_asked = records(case, id).any(|record| record.cluster == cluster.name);
        (!is_asked).then(|| format!("the query {id} has no answer of the cluster {}", cluster.name))
    })
}

/// What shows that a query was as in health over all of the window, by a Prometheus; or why that is not known.
pub(super) fn acquitted(case: &Case<'_>, id: &str) -> Result<Vec<Shown>, String> {
    let records: Vec<&QueryRecord> = records(case, id).collect();
    if records.is_empty() {
        return Err(not_asked(case, id));
    }
    if let Some(why) = unasked(case, id) {
        return Err(why);
    }
    records
        .into_iter()
        .map(|record| match record.answer.verdict {
            Judged::Healthy if !record.answer.is_as_of_now() => Ok(shown(record, record.answer.worst.as_ref())),
            Judged::NotAnswered => Err(unanswered(case, record)),
            _ => Err(format!("{id}: {}", verdict::words(record))),
        })
        .collect()
}

pub(super) fn records<'a>(case: &Case<'a>, id: &str) -> impl Iterator<Item = &'a QueryRecord> {
    case.manifest.queries.iter().filter(move |record| record.id == id)
}

/// Why a question was not asked at all.
pub(super) fn not_asked(case: &Case<'_>, id: &str) -> String {
    let mut tasks = case.manifest.tasks.iter();
    let left_out = |kind: &str, target: &str| kind == "kind" && ["queries", "metrics", "scrapes"].contains(&target);
    let why = tasks.find(|task| task.kind == "prometheus" || left_out(&task.kind, &task.target));
    match why.filter(|task| !task.causes.is_empty()) {
        Some(task) => format!("no Prometheus was asked: {}", became(task)),
        None => format!("the query {id} was not asked"),
    }
}

pub(super) fn unanswered(case: &Case<'_>, record: &QueryRecord) -> String {
    let id = format!("{}/query/{}", record.cluster, record.id);
    let task = case.manifest.tasks.iter().find(|task| task.id == id);
    let why = task.map_or_else(|| "not answered".to_owned(), became);
    format!("{}: {why}", record.id)
}

/// Whether it is as in health wherever there is a value. Two scrapes say so of their moment, and their counters of
/// all time since the servers started.
fn is_well(record: &QueryRecord) -> bool {
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

fn answer(case: &Case<'_>, wanted: &QueryMatch, record: &QueryRecord) -> Seen {
    let answer = &record.answer;
    if answer.verdict == Judged::NotAnswered {
        return Seen::Unknown(unanswered(case, record));
    }
    let met = |is: bool| if is { Seen::yes(evidence(record, answer.worst.as_ref())) } else { Seen::No };
    if let Some(bound) = wanted.value.as_ref().and_then(|bound| bound.parse::<Threshold>().ok()) {
        let worst = answer.worst.as_ref().and_then(|worst| worst.value.parse::<f64>().ok());
        return match worst {
            Some(value) if bound.holds(value) => labelled(wanted, record),
            Some(_) => unless_open(case, record),
            None => no_data(case, record),
        };
    }
    match (wanted.is, answer.verdict) {
        (QueryIs::NoData, verdict) => met(verdict == Judged::NoData),
        (QueryIs::HasData, _) => met(answer.steps_with_data > 0),
        (QueryIs::Healthy, _) => met(is_well(record)),
        (QueryIs::Alert | QueryIs::Unhealthy, Judged::Alert) if is_of_window(case, wanted, record) => {
            labelled(wanted, record)
        }
        (QueryIs::Unhealthy, Judged::Unhealthy) => labelled(wanted, record),
        (_, Judged::NoData) => no_data(case, record),
        (_, Judged::Alert | Judged::Healthy) => Seen::No,
        (_, _) => unless_open(case, record),
    }
}

/// Not so, unless the answer leaves room for it.
fn unless_open(case: &Case<'_>, record: &QueryRecord) -> Seen {
    let answer = &record.answer;
    let is_open = answer.partial
        || answer.is_as_of_now()
        || answer.verdict == Judged::Gaps
        || answer.verdict == Judged::Value && (!record.narrowed || answer.steps_with_data < answer.steps);
    match (is_open, answer.verdict) {
        (_, Judged::NoData) => no_data(case, record),
        (true, _) => Seen::Unknown(format!("{}: {}", record.id, verdict::words(record))),
        (false, _) => Seen::No,
    }
}

/// Whether it alerts since the window's start, and, where that is asked, at the end.
fn is_of_window(case: &Case<'_>, wanted: &QueryMatch, record: &QueryRecord) -> bool {
    let answer = &record.answer;
    let Some(last) = answer.alert_to else { return true };
    let step = TimeDelta::try_seconds(i64::try_from(record.step_seconds).unwrap_or(i64::MAX)).unwrap_or_default();
    let is_last = !wanted.still || record.end.signed_duration_since(last) / 2 <= step;
    // As of an earlier run it is no longer so, when that is asked for.
    let is_now = !wanted.still || last >= case.manifest.started - MOMENT;
    match answer.is_as_of_now() {
        true => is_now,
        false => last >= case.manifest.window_start && is_last,
    }
}

/// So, if one of the series that are known is of these labels. Of the others nothing is.
fn labelled(wanted: &QueryMatch, record: &QueryRecord) -> Seen {
    let answer = &record.answer;
    // What was counted since the servers started may be of another day.
    let mut known = [&answer.worst, &answer.at_incident].into_iter().flatten();
    let holds = |reading: &&Reading| {
        wanted.labels.iter().all(|(label, pattern)| {
            let value = reading.labels.get(label).map_or("", String::as_str);
            Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value))
        })
    };
    if wanted.labels.is_empty() {
        return Seen::yes(evidence(record, answer.worst.as_ref()));
    }
    if let Some(reading) = known.find(holds) {
        return Seen::yes(evidence(record, Some(reading)));
    }
    if answer.series <= 1 {
        return Seen::No;
    }
    Seen::Unknown(format!(
        "of the {} series of {} only the worst one is known, which is of another kind",
        answer.series, record.id
    ))
}

/// No value is no all-clear, unless another query that is made of the same metrics has values.
fn no_data(case: &Case<'_>, record: &QueryRecord) -> Seen {
    let metrics = |id: &str| case.metrics.get(id).filter(|metrics| !metrics.is_empty());
    let own = metrics(&record.id);
    let is_there = |other: &&QueryRecord| {
        other.cluster == record.cluster
            && other.answer.steps_with_data > 0
            && metrics(&other.id).zip(own).is_some_and(|(metrics, own)| metrics.is_superset(own))
    };
    if !record.answer.is_as_of_now() && case.manifest.queries.iter().any(|other| is_there(&other)) {
        return Seen::No;
    }
    Seen::Unknown(format!("{}: {}", record.id, verdict::words(record)))
}

/// What a reading of an answer shows.
fn evidence(record: &QueryRecord, reading: Option<&Reading>) -> Evidence {
    let (answer, worst) = (&record.answer, reading);
    let label = |name: &str| worst?.labels.get(name);
    let pod =
        label("namespace").zip(label("pod")).map(|(namespace, pod)| format!("{}/{namespace}/{pod}", record.cluster));
    Evidence {
        shown: vec![shown(record, reading)],
        since: answer.alert_from.or(worst.map(|worst| worst.at)),
        until: answer.alert_to.or(worst.map(|worst| worst.at)),
        container: pod.clone().zip(label("container").cloned()),
        pods: pod.into_iter().collect(),
    }
}

fn shown(record: &QueryRecord, worst: Option<&Reading>) -> Shown {
    let what = if record.measures.is_empty() { &record.id } else { &record.measures };
    Shown {
        quote: quote(&format!("{what}: {}", verdict::words(record))),
        entry: record.entry.clone(),
        at: worst.map(|worst| worst.at),
        times: 1,
        query: Some(record.id.clone()),
        expr: Some(record.expr.clone()),
        value: worst.map(|worst| measured(record, worst)),
        labels: worst.map(|worst| worst.labels.clone()).unwrap_or_default(),
    }
}

/// The worst value with its unit.
pub(super) fn value(record: &QueryRecord) -> Option<String> {
    record.answer.worst.as_ref().map(|worst| measured(record, worst))
}

fn measured(record: &QueryRecord, worst: &Reading) -> String {
    let Ok(number) = worst.value.parse::<f64>() else { return worst.value.clone() };
    match record.unit.as_deref() {
        Some("ratio") => format!("{:.1} %", number * 100.0),
        Some("perSecond") => format!("{number:.3} per second"),
        Some("seconds") => format!("{number:.3} s"),
        Some("bytes") => format!("{:.0} MiB", number / 1_048_576.0),
        Some("bytesPerSecond") => format!("{:.1} KiB per second", number / 1024.0),
        Some("count") => format!("{number:.0}"),
        _ => worst.value.clone(),
    }
}
