//! From what a run gave to each container's coverage: the runs that its status told of, with what
//! became of their logs. Pure.

use super::{Container, Record, Run};
use crate::{
    bundle::{ContainerCoverage, GapCause, Interval, Outcome, Settled},
    facts::coverage::{self, Life, Log, Stopped},
    plan::{Request, Runs, What},
};
use std::collections::HashMap;

/// Names one log: cluster, namespace, pod, container, and whether the previous.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, bool);

/// The coverage of every container, sorted by name.
pub(super) fn coverage(request: &Request, run: &Run, settled: &Settled) -> Vec<ContainerCoverage> {
    let window = Interval { from: request.window.start, to: request.window.end };
    let logs: HashMap<Key<'_>, &Record> =
        run.records.iter().filter_map(|record| key(record).map(|key| (key, record))).collect();
    let mut containers: Vec<ContainerCoverage> = run
        .containers
        .iter()
        .map(|container| {
            let timeline = coverage::of_container(window, &life(container, request, &logs, settled));
            let Runs { namespace, pod, container: name, .. } = &container.runs;
            ContainerCoverage {
                cluster: container.cluster.clone(),
                namespace: namespace.clone(),
                pod: pod.clone(),
                container: name.clone(),
                complete: timeline.is_complete(),
                covered: timeline.covered,
                gaps: timeline.gaps,
            }
        })
        .collect();
    let name =
        |it: &ContainerCoverage| (it.cluster.clone(), it.namespace.clone(), it.pod.clone(), it.container.clone());
    containers.sort_by_cached_key(name);
    containers
}

fn key(record: &Record) -> Option<Key<'_>> {
    match &record.task.what {
        What::Log(log) => Some((&record.cluster, &log.namespace, &log.pod, &log.container, log.previous)),
        _ => None,
    }
}

fn life(container: &Container, request: &Request, logs: &HashMap<Key<'_>, &Record>, settled: &Settled) -> Life {
    let Container { cluster, seen, runs } = container;
    let log = |previous| {
        let key: Key<'_> = (cluster, &runs.namespace, &runs.pod, &runs.container, previous);
        logs.get(&key).map_or_else(|| not_planned(request, previous), |record| of_record(record, settled))
    };
    let with_log = |run: crate::plan::Run, log| coverage::Run { started: run.started, ended: run.ended, log };
    // One that waited may have started since.
    let current = match (runs.current, log(false)) {
        (Some(run), log) => Some(with_log(run, log)),
        (None, log @ Log::Read(_)) => Some(with_log(crate::plan::Run::default(), log)),
        (None, _) => None,
    };
    Life {
        pod_started: runs.pod_started,
        seen: *seen,
        restarts: runs.restarts,
        waits: runs.waits.clone(),
        runs: runs.previous.map(|run| with_log(run, log(true))).into_iter().chain(current).collect(),
    }
}

/// Why there is no task for a log.
fn not_planned(request: &Request, previous: bool) -> Log {
    let kinds = if previous { &["logs", "previous-logs"][..] } else { &["logs"] };
    let text = match kinds.iter().find(|kind| request.skips(kind)) {
        Some(kind) => format!("left out by --skip {kind}"),
        None => "the profile does not ask for it".to_owned(),
    };
    Log::Not(Stopped { cause: GapCause::Skipped, text })
}

/// What became of a log. What its collector did not say follows from the outcome.
fn of_record(record: &Record, settled: &Settled) -> Log {
    let done = &record.done;
    let not = |cause, text: String| Log::Not(Stopped { cause, text });
    if done.entries.iter().any(|entry| settled.record(&entry.path).is_none()) {
        return not(GapCause::StreamFailed, "it was gathered, and lost to a full disk".to_owned());
    }
    if let Some(log) = &done.log {
        return log.clone();
    }
    let cause = match done.outcome {
        Outcome::Forbidden => GapCause::Forbidden,
        Outcome::TimedOut => GapCause::TimedOut,
        Outcome::Cancelled => GapCause::Cancelled,
        Outcome::Skipped => GapCause::Skipped,
        Outcome::Failed | Outcome::Truncated => GapCause::StreamFailed,
        Outcome::Collected | Outcome::Empty | Outcome::Absent => GapCause::Unknown,
    };
    not(cause, done.causes.join(": "))
}
