//! Owns the end of a log that was read: its coverage, its outcome, and its entry.

use super::{
    gaps::{self, LogGap},
    kubelet::{Taken, gone_or_failed, not_listed},
    pipeline::{Received, Stopped},
};
use crate::{
    bundle::{Coverage, Gap, GapCause, Interval, Outcome, facts::LogFacts},
    collect::{Break, ClusterContext, Ended, Entry, TaskResult},
    facts::{
        coverage::{self, FileStart, LogReading, ObservedRun, Reason, RunLog},
        identity, onset,
    },
    kubelet_log::Stamp,
    plan::{LogTask, Pod, Task},
    source::{StopReason, kubernetes::SourceError},
    text::utc,
};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// How long a kubelet that has just failed may take to say where a log begins.
const ONE_MORE_ANSWER: Duration = Duration::from_secs(3);

/// The result of a task, by what was read.
pub(super) async fn task_result(context: &ClusterContext, task: &Task, log: &LogTask, taken: Taken) -> TaskResult {
    match taken {
        Taken::Not(result) => *result,
        Taken::ErrorText(text) => gone_or_failed(log, &text),
        Taken::Log(received) => finish(context, task, log, *received).await,
    }
}

async fn finish(context: &ClusterContext, task: &Task, log: &LogTask, received: Received) -> TaskResult {
    let Received {
        entry,
        counts,
        ended,
        extract,
        facts,
        stop,
        until,
        begins: known,
        mut gaps,
        breaks,
        is_sure,
        before,
        continues,
    } = received;
    if log.name_is_reused
        && !is_sure
        && let Some(result) = not_listed(context, log).await
    {
        return result;
    }
    let window = &context.basis.request.window;
    // An earlier bundle's log covers the window up to a moment, and this one from then on.
    let (from, begins) = match (before.covered.last(), known) {
        (Some(earlier), _) => (Some(earlier.to), FileStart::At(earlier.to)),
        (None, Some(begins)) => (log.since.map(|_| window.start), begins),
        (None, None) => (log.since.map(|_| window.start), begins(context, log, &ended, stop.as_ref()).await),
    };
    for at in breaks {
        gaps.push(gap_at(context, log, at).await);
    }
    gaps.sort_by_key(|gap| gap.after);
    let stream = LogReading {
        from,
        begins,
        first: ended.first.filter(|_| before.covered.is_empty()),
        last: ended.last,
        until: if ended.is_over { until.max(window.end) } else { until },
        stopped: stopped(context, &ended, stop.as_ref()),
    };
    let streams = earlier_readings(&before).chain(gaps::split(stream, &gaps)).collect();
    let run = ObservedRun { started: log.started, ended: log.ended, log: RunLog::Read(streams) };
    let interval = Interval { from: window.start, to: window.end };
    let coverage = coverage::of_run(interval, &run).coverage(ended.first, ended.last, ended.lines);
    let mut result = TaskResult::new(if entry.is_some() { Outcome::Collected } else { Outcome::Empty });
    result.claims = extract.claims(&identity::of_log(&log.pod, &log.container), &context.cluster);
    result.log = Some(run.log);
    let who = format!("{}/{}", log.pod, log.container);
    let is_unknown = window.incident.is_none();
    result.onset = ended.first.filter(|_| is_unknown).and_then(|first| onset::jump(&facts.minutes, first, &who));
    // At a limit of ours, a line without a timestamp is one that was cut in two.
    let reached_end = stop.is_none();
    match stop {
        None => {}
        Some(Stopped::Limit(limit)) => {
            result.outcome = Outcome::Truncated;
            result.causes = vec![format!("the limit of {limit} bytes for a container's log was reached")];
            result.hint = Some("raise it with --log-limit, or narrow the window".to_owned());
        }
        Some(Stopped::Source(error)) => {
            result = TaskResult {
                claims: result.claims,
                log: result.log,
                onset: result.onset,
                ..TaskResult::failed(&error, task)
            };
            // What came before the error is in the bundle.
            if entry.is_some() && matches!(result.outcome, Outcome::Failed | Outcome::Absent | Outcome::Forbidden) {
                result.outcome = Outcome::Truncated;
            }
        }
        Some(Stopped::Gone(why)) => {
            result.outcome = if entry.is_some() { Outcome::Truncated } else { Outcome::Absent };
            result.causes = vec![why];
        }
        Some(Stopped::Bundle(error)) => return error.into(),
    }
    if let Some(text) = ended.error.filter(|_| reached_end) {
        result.outcome = Outcome::Truncated;
        result.causes.push(format!("the kubelet ended the log with: {}", context.run.redactor.string(&text).0));
    }
    result.causes.extend(gaps.iter().map(|gap| gap.why.text.clone()));
    // A busy log has a new file every few seconds, each with the same text.
    result.causes.dedup();
    if result.outcome == Outcome::Empty && gaps.is_empty() {
        result.causes.push("nothing was written within the window".to_owned());
    }
    let Some(entry) = entry else { return result };
    // Copies the spooled bytes, which may block on the disk.
    match tokio::task::block_in_place(|| entry.finish(counts, Some(coverage))) {
        Ok(entry) => {
            result.log_facts = Some(Box::new(with_source(context, task, log, &entry, *facts)));
            result.entries.push(entry);
        }
        Err(error) => return error.into(),
    }
    if let (Some(earlier), Some(path)) = (&context.run.earlier, continues) {
        earlier.mark_continued(path);
    }
    result
}

/// The facts of a log, with where it lies and which container wrote it.
fn with_source(context: &ClusterContext, task: &Task, log: &LogTask, entry: &Entry, facts: LogFacts) -> LogFacts {
    LogFacts {
        entry: entry.path.to_string(),
        cluster: context.cluster.clone(),
        namespace: log.namespace.clone(),
        pod: log.pod.clone(),
        container: log.container.clone(),
        kind: task.kind().to_owned(),
        ..facts
    }
}

/// What an earlier bundle covers and lacks, as readings.
fn earlier_readings(before: &Coverage) -> impl Iterator<Item = LogReading> {
    let covered = |it: &Interval| LogReading {
        from: Some(it.from),
        begins: FileStart::At(it.from),
        first: Some(it.from),
        last: Some(it.to),
        until: it.to,
        stopped: None,
    };
    let until = before.covered.last().map(|last| last.to);
    let missing = before.gaps.iter().filter(move |gap| gap.missing && until.is_some_and(|until| gap.from < until));
    let lacks = |gap: &Gap| LogReading {
        from: Some(gap.from),
        begins: FileStart::Unknown,
        first: None,
        last: None,
        until: gap.to,
        stopped: Some(Reason { cause: gap.cause, text: gap.text.clone() }),
    };
    before.covered.iter().map(covered).chain(missing.map(lacks))
}

/// The gap where a log does not continue what was read before: it has a new file, or is another run's.
async fn gap_at(context: &ClusterContext, log: &LogTask, Break { after, before }: Break) -> LogGap {
    let again = match before {
        Some(at) if !log.previous => restarted(context, log, at).await,
        _ => FileStart::Unknown,
    };
    let (cause, text) = match again {
        FileStart::At(_) => {
            (GapCause::RotatedAway, "the node began a new file after the last line that was read before")
        }
        FileStart::Restarted(_) => (
            GapCause::PreviousInstanceGone,
            "the container was restarted, and the rest of the previous run's log was not read",
        ),
        _ => (GapCause::Unknown, "the log no longer has the last line that was read before"),
    };
    LogGap { why: Reason { cause, text: text.to_owned() }, after: Some(after), before }
}

/// Why a log was not read to its end; none where it was.
fn stopped(context: &ClusterContext, ended: &Ended, stop: Option<&Stopped>) -> Option<Reason> {
    let reached = ended.last.map_or_else(|| "its beginning".to_owned(), utc);
    let (cause, text) = match stop {
        Some(Stopped::Limit(limit)) => {
            (GapCause::CutByLimit, format!("cut by the limit of {limit} bytes after {reached}"))
        }
        Some(Stopped::Source(SourceError::Stopped(StopReason::Interrupted))) => {
            (GapCause::Cancelled, format!("the run was interrupted after {reached}"))
        }
        Some(Stopped::Source(SourceError::Stopped(StopReason::Deadline))) => {
            (GapCause::TimedOut, format!("the run's deadline passed after {reached}"))
        }
        Some(Stopped::Source(SourceError::TimedOut { .. })) => {
            (GapCause::TimedOut, format!("no more data arrived after {reached}"))
        }
        Some(Stopped::Gone(why)) => (GapCause::PreviousInstanceGone, format!("{why}; it was read until {reached}")),
        Some(_) => (GapCause::StreamFailed, format!("the stream broke after {reached}")),
        None => {
            let said = context.run.redactor.string(ended.error.as_ref()?).0;
            (GapCause::StreamFailed, format!("the kubelet ended the log after {reached}: {said}"))
        }
    };
    Some(Reason { cause, text })
}

/// Where the log's file begins.
///
/// The kubelet reads only the newest file of a container, so one that begins after the window's
/// start says that older lines were rotated away, or that the container was restarted.
async fn begins(context: &ClusterContext, log: &LogTask, ended: &Ended, stop: Option<&Stopped>) -> FileStart {
    let begins = match log.started {
        // The whole log was requested, so the file begins with the first line that arrived.
        Some(started) if started >= context.basis.request.window.start => {
            ended.begins.map_or(FileStart::Empty, FileStart::At)
        }
        _ if log.since.is_none() => FileStart::Unknown,
        _ => match stop {
            // Asked last: a file that even now begins before the window had all that was read.
            None | Some(Stopped::Limit(_)) => beginning(context, log).await,
            Some(Stopped::Source(SourceError::Stopped(_)) | Stopped::Bundle(_) | Stopped::Gone(_)) => {
                FileStart::Unknown
            }
            Some(Stopped::Source(_)) => {
                tokio::time::timeout(ONE_MORE_ANSWER, beginning(context, log)).await.unwrap_or(FileStart::Unknown)
            }
        },
    };
    match (begins, context.learned.seen.get()) {
        // A file this young may be that of a restart.
        (FileStart::At(at), Some(seen)) if at > *seen && !log.previous => restarted(context, log, at).await,
        _ => begins,
    }
}

/// Asks for the first bytes of the log's file.
pub(super) async fn beginning(context: &ClusterContext, log: &LogTask) -> FileStart {
    debug_assert!(log.since.is_some() || log.tail.is_some(), "the window's own request has a start or a tail");
    let all = Task::new(LogTask { since: None, tail: None, ..log.clone() });
    let first = async {
        let answer = context.kubernetes.get(&format!("{}&limitBytes=64", all.path()), "*/*").await.ok()?;
        let bytes = answer.body.whole(4 << 10).await.ok()?;
        if bytes.is_empty() {
            return Some(FileStart::Empty);
        }
        Stamp::read(&bytes).map(|stamp| FileStart::At(stamp.at()))
    };
    first.await.unwrap_or(FileStart::Unknown)
}

/// Whether a file that began at `at`, after the pod was listed, is that of another run. Asks for the pod's status again.
async fn restarted(context: &ClusterContext, log: &LogTask, at: DateTime<Utc>) -> FileStart {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    let Ok(pod) = context.kubernetes.get_json::<serde_json::Value>(&path, "application/json").await else {
        return FileStart::Unknown;
    };
    let Some(pod) = Pod::read(&context.basis.request, &pod) else { return FileStart::Unknown };
    let started = pod.runs().find(|runs| runs.container == log.container).and_then(|runs| runs.current?.started);
    match (started, log.started) {
        (Some(now), Some(listed)) if now > listed => FileStart::Restarted(at),
        (Some(_), Some(_)) => FileStart::At(at),
        _ => FileStart::Unknown,
    }
}
