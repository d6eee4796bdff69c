//! One container's log, from the kubelet through the API server: cut to the window, redacted and
//! compressed while it streams, never held.
//!
//! What the answers really mean is the work here: a success may carry the kubelet's error text, a
//! pod may have been replaced under its name, a log file may begin after the window does.
//!
//! The kubelet answers with the newest file of a log alone. `files` reads all of them, where that is
//! asked for and allowed; otherwise this is what there is.

mod cri;
mod files;
mod folder;
mod lost;
mod names;

use super::{
    Done, Site,
    cut::{self, Cut, Ended},
    site::Writing,
};
use crate::{
    bundle::{BundleError, GapCause, Interval, Outcome, layout},
    facts::{
        coverage::{self, Begins, Log, Run},
        identity::{self, Extract},
    },
    plan::{LogTask, Pod, Task},
    redact::{Counts, Stream},
    source::{
        StopReason,
        kubernetes::{BodyStream, SourceError},
    },
};
use chrono::{DateTime, Utc};
use std::time::Duration;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Time for a kubelet that has just failed to say where a log begins.
const ONE_MORE_ANSWER: Duration = Duration::from_secs(3);
/// Time for the kubelet to settle when it answered with an error text.
const SECOND_LOOK: Duration = Duration::from_millis(700);

pub(super) async fn collect(site: &Site, task: &Task, log: &LogTask) -> Done {
    let Some(folder) = &log.files else { return newest(site, task, log).await };
    match files::take(site, task, log, folder).await {
        Ok(taken) => settle(site, task, log, taken).await,
        Err(why) => why.told_by(newest(site, task, log).await),
    }
}

/// The newest file of a log, as the kubelet gives it.
async fn newest(site: &Site, task: &Task, log: &LogTask) -> Done {
    let taken = match take(site, task, log).await {
        Taken::ErrorText(_) => {
            // The container may just have been restarted: its status is settled a moment later.
            tokio::time::sleep(SECOND_LOOK).await;
            if let Some(done) = not_listed(site, log).await {
                return done;
            }
            take(site, task, log).await
        }
        taken => taken,
    };
    settle(site, task, log, taken).await
}

/// What became of a task, when this was taken.
async fn settle(site: &Site, task: &Task, log: &LogTask, taken: Taken) -> Done {
    match taken {
        Taken::Not(done) => *done,
        Taken::ErrorText(text) => gone_or_failed(log, &text),
        Taken::Log(received) => finish(site, task, log, *received).await,
    }
}

/// The kubelet keeps the log of one dead container at most, and names one that it has removed.
fn gone_or_failed(log: &LogTask, text: &str) -> Done {
    let said = format!("the kubelet answered, as if it were the log: {text}");
    let is_gone = ["unable to retrieve container logs", "no such file or directory"].iter().any(|it| text.contains(it));
    if log.previous && is_gone {
        let cause = "the node has removed the container of the run before, and its log with it".to_owned();
        let log = Some(gone(&cause));
        return Done { causes: vec![cause, said], log, ..Done::new(Outcome::Absent) };
    }
    let log = (is_gone && log.ended.is_some()).then(|| gone("the node has removed the container, and its log with it"));
    Done { causes: vec![said], log, ..Done::new(Outcome::Failed) }
}

/// A run whose log there is no more.
fn gone(text: &str) -> Log {
    Log::Not(coverage::Stopped { cause: GapCause::PreviousInstanceGone, text: text.to_owned() })
}

/// A container that the node knows no run of: none but one that its status told of.
fn never_or_gone(log: &LogTask, text: &str) -> Log {
    if log.previous || log.started.is_some() { gone(text) } else { Log::Never }
}

enum Taken {
    /// There is no log, and this is why.
    Not(Box<Done>),
    /// The kubelet's error where the log should be.
    ErrorText(String),
    Log(Box<Received>),
}

struct Received {
    /// None when no line fell into the window.
    entry: Option<Writing>,
    counts: Counts,
    ended: Ended,
    extract: Extract,
    stop: Option<Stopped>,
    /// When it ended, by the API server's clock.
    until: DateTime<Utc>,
    /// What is known of its files, where they were read one by one.
    files: Option<lost::Known>,
}

/// Why the stream was left before its end.
enum Stopped {
    Limit(u64),
    Source(SourceError),
    Bundle(BundleError),
}

async fn take(site: &Site, task: &Task, log: &LogTask) -> Taken {
    let answer = match site.kubernetes.get(&task.path(), "*/*").await {
        Ok(answer) if answer.status == 204 => {
            let cause = "the pod is not scheduled, so nothing has run";
            return Taken::Not(Box::new(Done { log: Some(never_or_gone(log, cause)), ..Done::absent(cause) }));
        }
        Ok(answer) => answer,
        Err(error) => return Taken::Not(Box::new(no_log(&error, task, log))),
    };
    let mut pump = Pump::new(site, task, log);
    let stop = pump.run(answer.body).await;
    pump.end(stop)
}

/// The refusals that mean "there is none".
fn no_log(error: &SourceError, task: &Task, log: &LogTask) -> Done {
    match error {
        SourceError::Status { code: 404, .. } => {
            let cause = format!("the pod {} was deleted after it was listed", log.pod);
            let log = Some(gone(&cause));
            Done { causes: [vec![cause], error.causes()].concat(), log, ..Done::new(Outcome::Absent) }
        }
        // "waiting to start", "previous terminated container … not found", "is not available":
        // https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kubelet_pods.go (validateContainerLogStatus).
        SourceError::Status { code: 400, message, .. }
            if ["waiting to start", "not found", "not available"].iter().any(|text| message.contains(text)) =>
        {
            Done { log: Some(never_or_gone(log, message)), ..Done::absent(message.clone()) }
        }
        error => Done::failed(error, task),
    }
}

/// The way from the body to the entry.
struct Pump<'a> {
    site: &'a Site,
    log: &'a LogTask,
    request: String,
    cut: Cut,
    redact: Stream,
    extract: Extract,
    entry: Option<Writing>,
    failed: Option<BundleError>,
    received: u64,
}

impl<'a> Pump<'a> {
    fn new(site: &'a Site, task: &Task, log: &'a LogTask) -> Self {
        let window = &site.request.window;
        // A run that was over before the window has no start to cut at: its last lines are wanted.
        let start = log.since.map(|_| window.start);
        Self {
            site,
            log,
            request: task.request(),
            cut: Cut::new(start, window.end),
            redact: site.redactor.stream(),
            extract: Extract::of_log(&site.names),
            entry: None,
            failed: None,
            received: 0,
        }
    }

    async fn run(&mut self, mut body: BodyStream) -> Option<Stopped> {
        loop {
            match body.chunk().await {
                Ok(Some(chunk)) => {
                    self.site.progress.bytes(chunk.len() as u64);
                    if let Some(stopped) = self.feed(&chunk) {
                        return Some(stopped);
                    }
                }
                Ok(None) => return None,
                Err(error) => return Some(Stopped::Source(error)),
            }
            if self.cut.is_over() {
                return None;
            }
        }
    }

    /// Takes the next bytes; says why no more are taken, if it is so.
    fn feed(&mut self, chunk: &[u8]) -> Option<Stopped> {
        self.received += chunk.len() as u64;
        self.push(chunk);
        if let Some(error) = self.failed.take() {
            return Some(Stopped::Bundle(error));
        }
        let is_full = self.received >= self.site.log_limit && !self.cut.is_over();
        is_full.then_some(Stopped::Limit(self.site.log_limit))
    }

    fn push(&mut self, chunk: &[u8]) {
        let Self { cut, redact, extract, entry, failed, site, log, request, .. } = self;
        cut.push(chunk, |kept| {
            let clean = redact.push(kept);
            extract.push(&clean);
            write(site, log, request, entry, failed, &clean);
        });
    }

    fn end(mut self, mut stop: Option<Stopped>) -> Taken {
        let Self { cut, mut redact, mut extract, site, log, request, .. } = self;
        let (entry, failed) = (&mut self.entry, &mut self.failed);
        let ended = cut.finish(|kept| {
            let clean = redact.push(kept);
            extract.push(&clean);
            write(site, log, &request, entry, failed, &clean);
        });
        let (clean, counts) = redact.finish();
        extract.push(&clean);
        write(site, log, &request, entry, failed, &clean);
        if let Some(error) = self.failed {
            stop.get_or_insert(Stopped::Bundle(error));
        }
        match &ended.error {
            Some(text) if !ended.is_log && stop.is_none() => Taken::ErrorText(site.redactor.string(text).0),
            _ => {
                let until = site.now();
                let files = None;
                Taken::Log(Box::new(Received { entry: self.entry, counts, ended, extract, stop, until, files }))
            }
        }
    }
}

/// Writes to the entry, which begins with its first byte: an empty log leaves no empty file.
fn write(
    site: &Site,
    log: &LogTask,
    request: &str,
    entry: &mut Option<Writing>,
    failed: &mut Option<BundleError>,
    clean: &crate::redact::Clean,
) {
    if clean.is_empty() || failed.is_some() {
        return;
    }
    let begin = || {
        let path = layout::pod_log(&site.cluster, &log.namespace, &log.pod, &log.container, log.previous);
        site.begin(path, request)
    };
    let written = match entry {
        Some(writing) => writing.write(clean),
        None => begin().and_then(|mut writing| writing.write(clean).map(|()| *entry = Some(writing))),
    };
    *failed = written.err();
}

async fn finish(site: &Site, task: &Task, log: &LogTask, received: Received) -> Done {
    let Received { entry, counts, ended, extract, stop, until, files } = received;
    // A node's folder of files has the pod's UID in its name.
    if log.name_is_reused
        && files.is_none()
        && let Some(done) = not_listed(site, log).await
    {
        return done;
    }
    let window = &site.request.window;
    let begins = match &files {
        Some(known) => known.begins(ended.begins),
        None => begins(site, task, log, &ended, stop.as_ref()).await,
    };
    let stream = coverage::Stream {
        // A run that was over before the window has no start to cut at: its last lines are wanted.
        from: log.since.map(|_| window.start),
        begins,
        first: ended.first,
        last: ended.last,
        until: if ended.is_over { until.max(window.end) } else { until },
        stopped: stopped(site, &ended, stop.as_ref()),
    };
    let lost = files.map(|known| known.lost).unwrap_or_default();
    let run = Run { started: log.started, ended: log.ended, log: Log::Read(lost::apart(stream, &lost)) };
    let interval = Interval { from: window.start, to: window.end };
    let coverage = coverage::of_run(interval, &run).coverage(ended.first, ended.last, ended.lines);
    let mut done = Done::new(if entry.is_some() { Outcome::Collected } else { Outcome::Empty });
    done.claims = extract.claims(&identity::of_log(&log.pod, &log.container), &site.cluster);
    done.log = Some(run.log);
    // Where we stopped ourselves, a line without its stamp is one that was cut in two.
    let reached_end = stop.is_none();
    match stop {
        None => {}
        Some(Stopped::Limit(limit)) => {
            done.outcome = Outcome::Truncated;
            done.causes = vec![format!("the limit of {limit} bytes of log for a container was reached")];
            done.hint = Some("raise it with --log-limit, or narrow the window".to_owned());
        }
        Some(Stopped::Source(error)) => {
            done = Done { claims: done.claims, log: done.log, ..Done::failed(&error, task) };
            // What has come is in the bundle; only the rest is missing.
            if entry.is_some() && matches!(done.outcome, Outcome::Failed | Outcome::Absent | Outcome::Forbidden) {
                done.outcome = Outcome::Truncated;
            }
        }
        Some(Stopped::Bundle(error)) => return error.into(),
    }
    if let Some(text) = ended.error.filter(|_| reached_end) {
        done.outcome = Outcome::Truncated;
        done.causes.push(format!("the kubelet ended the log with: {}", site.redactor.string(&text).0));
    }
    done.causes.extend(lost.iter().map(|lost| lost.why.text.clone()));
    if done.outcome == Outcome::Empty && lost.is_empty() {
        done.causes.push("nothing was written within the window".to_owned());
    }
    let Some(entry) = entry else { return done };
    // Copies what was spooled: as long as the disk takes.
    match tokio::task::block_in_place(|| entry.finish(counts, Some(coverage))) {
        Ok(entry) => done.entries.push(entry),
        Err(error) => return error.into(),
    }
    done
}

/// Why what came is not all, if it is not.
fn stopped(site: &Site, ended: &Ended, stop: Option<&Stopped>) -> Option<coverage::Stopped> {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let reached = ended.last.map_or_else(|| "its beginning".to_owned(), text);
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
            (GapCause::TimedOut, format!("nothing more came after {reached}"))
        }
        Some(_) => (GapCause::StreamFailed, format!("the stream broke after {reached}")),
        None => {
            let said = site.redactor.string(ended.error.as_ref()?).0;
            (GapCause::StreamFailed, format!("the kubelet broke off after {reached}: {said}"))
        }
    };
    Some(coverage::Stopped { cause, text })
}

/// Where the log's file begins.
///
/// The kubelet reads only the newest file of a container, so one that begins after the window's
/// start says that older lines were rotated away, or that the container was restarted.
async fn begins(site: &Site, task: &Task, log: &LogTask, ended: &Ended, stop: Option<&Stopped>) -> Begins {
    let begins = match log.started {
        // It was asked for from before its start on: what came first is what the file begins with.
        Some(started) if started >= site.request.window.start => ended.begins.map_or(Begins::Empty, Begins::At),
        _ if log.since.is_none() => Begins::Unknown,
        _ => match stop {
            // Asked last: a file that has begun before the window even now held all that was read.
            None | Some(Stopped::Limit(_)) => beginning(site, task, log).await,
            Some(Stopped::Source(SourceError::Stopped(_)) | Stopped::Bundle(_)) => Begins::Unknown,
            Some(Stopped::Source(_)) => {
                tokio::time::timeout(ONE_MORE_ANSWER, beginning(site, task, log)).await.unwrap_or(Begins::Unknown)
            }
        },
    };
    match (begins, site.seen.get()) {
        // A file this young is that of a restart, too.
        (Begins::At(at), Some(seen)) if at > *seen && !log.previous => restarted(site, log, at).await,
        _ => begins,
    }
}

/// Asks for the first bytes of the log's file.
async fn beginning(site: &Site, task: &Task, log: &LogTask) -> Begins {
    let all =
        Task { what: crate::plan::What::Log(LogTask { since: None, tail: None, ..log.clone() }), required: false };
    debug_assert_ne!(task.path(), all.path(), "the window's own request has a start or a tail");
    let first = async {
        let answer = site.kubernetes.get(&format!("{}&limitBytes=64", all.path()), "*/*").await.ok()?;
        let bytes = answer.body.whole(4 << 10).await.ok()?;
        if bytes.is_empty() {
            return Some(Begins::Empty);
        }
        cut::time_of(&bytes).map(Begins::At)
    };
    first.await.unwrap_or(Begins::Unknown)
}

/// Whether a file that began at `at`, after the pod was listed, is that of another run, which the
/// pod's status says, asked for again.
async fn restarted(site: &Site, log: &LogTask, at: DateTime<Utc>) -> Begins {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    let Ok(pod) = site.kubernetes.get_json::<serde_json::Value>(&path, "application/json").await else {
        return Begins::Unknown;
    };
    let Some(pod) = Pod::read(&site.request, &pod) else { return Begins::Unknown };
    let started = pod.runs().find(|runs| runs.container == log.container).and_then(|runs| runs.current?.started);
    match (started, log.started) {
        (Some(now), Some(listed)) if now > listed => Begins::Restarted(at),
        (Some(_), Some(_)) => Begins::At(at),
        _ => Begins::Unknown,
    }
}

/// A log request carries no UID: a pod that took the name answers for the one that was listed. This
/// is what became of the latter then.
async fn not_listed(site: &Site, log: &LogTask) -> Option<Done> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    match site.kubernetes.get_json::<serde_json::Value>(&path, METADATA).await {
        Ok(pod) => pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != log.uid).then(|| replaced(log)),
        // When the run ends before it can be told, no log is better than another pod's.
        Err(SourceError::Stopped(reason)) => Some(Done::stopped(reason)),
        // A user who may not read single pods is told by the listed UID alone.
        Err(_) => None,
    }
}

fn replaced(log: &LogTask) -> Done {
    let cause = format!("the pod {} was replaced by another of the same name; its log went with it", log.pod);
    Done {
        log: Some(gone(&cause)),
        causes: vec![cause],
        hint: Some("collect again to get the new pod's log".to_owned()),
        ..Done::new(Outcome::Absent)
    }
}
