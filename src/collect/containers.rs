//! Owns the coverage of each container: joins the runs in its status with the outcomes of their logs. Pure.

use super::{Container, EndedTask, RunResult};
use crate::{
    bundle::{ContainerCoverage, FinalPaths, GapCause, Interval, LogRun, Outcome},
    facts::coverage::{self, ContainerHistory, ObservedRun, Reason, RunLog},
    plan::{LogTask, Request, Runs},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// Identifies one log: cluster, UID of the pod, container, and which of its runs.
type Key<'a> = (&'a str, &'a str, &'a str, Which);

/// Which run of a container a log is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Current,
    Previous,
    Past(DateTime<Utc>),
}

/// The coverage of every container, sorted by name.
pub(super) fn coverage(request: &Request, run: &RunResult, settled: &FinalPaths) -> Vec<ContainerCoverage> {
    let window = Interval { from: request.window.start, to: request.window.end };
    let logs: HashMap<Key<'_>, &EndedTask> =
        run.records.iter().filter_map(|record| key(record).map(|key| (key, record))).collect();
    let mut containers: Vec<ContainerCoverage> = run
        .containers
        .iter()
        .map(|container| {
            let timeline = coverage::of_container(window, &history(container, request, &logs, settled));
            let Runs { namespace, pod, uid, container: name, .. } = &container.runs;
            ContainerCoverage {
                cluster: container.cluster.clone(),
                namespace: namespace.clone(),
                pod: pod.clone(),
                uid: (!uid.is_empty()).then(|| uid.clone()),
                container: name.clone(),
                runs: log_runs(container, &logs, settled),
                complete: timeline.is_complete(),
                covered: timeline.covered,
                gaps: timeline.gaps,
            }
        })
        .collect();
    let name = |it: &ContainerCoverage| {
        (it.cluster.clone(), it.namespace.clone(), it.pod.clone(), it.container.clone(), it.uid.clone())
    };
    containers.sort_by_cached_key(name);
    containers
}

fn key(record: &EndedTask) -> Option<Key<'_>> {
    let log = record.task.spec::<LogTask>()?;
    let which = match log.started.filter(|_| log.past) {
        Some(started) => Which::Past(started),
        None if log.previous => Which::Previous,
        None => Which::Current,
    };
    Some((&record.cluster, &log.uid, &log.container, which))
}

/// The known runs of a container, the earliest first, each with the record of its log: those in its status, and those
/// that were followed before.
fn runs<'a>(
    container: &'a Container,
    logs: &HashMap<Key<'a>, &'a EndedTask>,
) -> Vec<(crate::plan::ContainerRun, bool, Option<&'a EndedTask>)> {
    let Container { cluster, runs, .. } = container;
    let log = |which| logs.get(&(cluster.as_str(), runs.uid.as_str(), runs.container.as_str(), which)).copied();
    // A run that was followed may be in the status as well.
    let of = |run: crate::plan::ContainerRun, which| log(which).or_else(|| log(Which::Past(run.started?)));
    let told = [runs.previous, runs.current].into_iter().flatten().filter_map(|run| run.started);
    let told: Vec<DateTime<Utc>> = told.collect();
    let mut all: Vec<_> = logs
        .iter()
        .filter_map(|((of, uid, name, which), record)| match which {
            Which::Past(at) if (*of, *uid, *name) == (cluster, &runs.uid, &runs.container) => Some((*at, *record)),
            _ => None,
        })
        .filter(|(at, _)| !told.contains(at))
        .map(|(at, record)| (crate::plan::ContainerRun { started: Some(at), ended: None }, false, Some(record)))
        .collect();
    all.sort_by_key(|(run, ..)| run.started);
    all.extend(runs.previous.map(|run| (run, true, of(run, Which::Previous))));
    // A container that waited may have started since.
    let current = log(Which::Current);
    let has_started = |record: &&EndedTask| matches!(record.result.log, Some(RunLog::Read(_)));
    let run = runs.current.or_else(|| current.filter(has_started).map(|_| crate::plan::ContainerRun::default()));
    all.extend(run.map(|run| (run, false, of(run, Which::Current))));
    all
}

fn log_runs(container: &Container, logs: &HashMap<Key<'_>, &EndedTask>, settled: &FinalPaths) -> Vec<LogRun> {
    let path = |record: &EndedTask| Some(settled.record(&record.result.entries.first()?.path)?.path);
    let run = |(run, _, record): &(crate::plan::ContainerRun, bool, Option<&EndedTask>)| LogRun {
        started: run.started,
        ended: run.ended,
        log: record.and_then(path),
    };
    runs(container, logs).iter().map(run).collect()
}

fn history(
    container: &Container,
    request: &Request,
    logs: &HashMap<Key<'_>, &EndedTask>,
    settled: &FinalPaths,
) -> ContainerHistory {
    let Container { seen, runs: told, gone, .. } = container;
    let with_log = |(run, previous, record): &(crate::plan::ContainerRun, bool, Option<&EndedTask>)| ObservedRun {
        started: run.started,
        ended: run.ended,
        log: record.map_or_else(|| not_planned(request, *previous), |record| of_record(record, settled)),
    };
    let runs = runs(container, logs);
    ContainerHistory {
        pod_started: told.pod_started,
        seen: *seen,
        restarts: told.restarts,
        waits: told.waits.clone(),
        gone: *gone,
        runs: runs.iter().map(with_log).collect(),
    }
}

/// Why there is no task for a log.
fn not_planned(request: &Request, previous: bool) -> RunLog {
    let kinds = if previous { &["logs", "previous-logs"][..] } else { &["logs"] };
    let text = match kinds.iter().find(|kind| request.skips(kind)) {
        Some(kind) => format!("left out by --skip {kind}"),
        None => "the profile does not ask for it".to_owned(),
    };
    RunLog::Missing(Reason { cause: GapCause::Skipped, text })
}

/// The result for a log, as its collector states it, otherwise by the outcome.
fn of_record(record: &EndedTask, settled: &FinalPaths) -> RunLog {
    let result = &record.result;
    let not = |cause, text: String| RunLog::Missing(Reason { cause, text });
    if result.entries.iter().any(|entry| settled.record(&entry.path).is_none()) {
        return not(GapCause::StreamFailed, "it was collected, but lost to a full disk".to_owned());
    }
    if let Some(log) = &result.log {
        return log.clone();
    }
    let cause = match result.outcome {
        Outcome::Forbidden => GapCause::Forbidden,
        Outcome::TimedOut => GapCause::TimedOut,
        Outcome::Cancelled => GapCause::Cancelled,
        Outcome::Skipped => GapCause::Skipped,
        Outcome::Failed | Outcome::Truncated => GapCause::StreamFailed,
        Outcome::Collected | Outcome::Empty | Outcome::Absent => GapCause::Unknown,
    };
    not(cause, result.causes.join(": "))
}
