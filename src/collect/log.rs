//! One container's log, from the kubelet through the API server: cut to the window, redacted and
//! compressed while it streams, never held.
//!
//! What the answers really mean is the work here: a success may carry the kubelet's error text, a
//! pod may have been replaced under its name, a log file may begin after the window does.

use super::{
    Done, Site,
    cut::{Cut, Ended},
    site::Writing,
};
use crate::{
    bundle::{BundleError, Coverage, GapCause, Outcome, layout},
    facts::identity::{self, Extract},
    plan::{LogTask, Task},
    redact::{Counts, Stream},
    source::kubernetes::{BodyStream, SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// How well the two clocks are known to agree.
const CLOCKS: TimeDelta = TimeDelta::seconds(2);
/// A program that says nothing for longer after its start is rare.
const SILENCE: TimeDelta = TimeDelta::seconds(10);
/// Time for the kubelet to settle when it answered with an error text.
const SECOND_LOOK: Duration = Duration::from_millis(700);

pub(super) async fn collect(site: &Site, task: &Task, log: &LogTask) -> Done {
    let taken = match take(site, task, log).await {
        Taken::ErrorText(_) => {
            // The container may just have been restarted: its status is settled a moment later.
            tokio::time::sleep(SECOND_LOOK).await;
            if is_replaced(site, log).await {
                return replaced(log);
            }
            take(site, task, log).await
        }
        taken => taken,
    };
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
        return Done { causes: vec![cause, said], ..Done::new(Outcome::Absent) };
    }
    Done { causes: vec![said], ..Done::new(Outcome::Failed) }
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
            return Taken::Not(Box::new(Done::absent("the pod is not scheduled, so nothing has run")));
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
        SourceError::Status { code: 404, .. } => Done {
            causes: [vec![format!("the pod {} was deleted after it was listed", log.pod)], error.causes()].concat(),
            ..Done::new(Outcome::Absent)
        },
        // "waiting to start", "previous terminated container … not found", "is not available":
        // https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kubelet_pods.go (validateContainerLogStatus).
        SourceError::Status { code: 400, message, .. }
            if ["waiting to start", "not found", "not available"].iter().any(|text| message.contains(text)) =>
        {
            Done::absent(message.clone())
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
                    self.received += chunk.len() as u64;
                    self.push(&chunk);
                }
                Ok(None) => return None,
                Err(error) => return Some(Stopped::Source(error)),
            }
            if let Some(error) = self.failed.take() {
                return Some(Stopped::Bundle(error));
            }
            if self.cut.is_over() {
                return None;
            }
            if self.received >= self.site.log_limit {
                return Some(Stopped::Limit(self.site.log_limit));
            }
        }
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
            _ => Taken::Log(Box::new(Received { entry: self.entry, counts, ended, extract, stop })),
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
    let Received { entry, counts, ended, extract, stop } = received;
    if log.name_is_reused && is_replaced(site, log).await {
        return replaced(log);
    }
    // Asked last: a file that has begun before the window even now held all that was read.
    let beginning = match &stop {
        None => beginning(site, task, log).await,
        Some(_) => Beginning::NotAsked,
    };
    let coverage = coverage(site, log, &ended, stop.as_ref(), &beginning);
    let mut done = Done::new(if entry.is_some() { Outcome::Collected } else { Outcome::Empty });
    done.claims = extract.claims(&identity::of_log(&log.pod, &log.container), &site.cluster);
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
            done = Done { claims: done.claims, ..Done::failed(&error, task) };
            // What has come is in the bundle; only the rest is missing.
            if entry.is_some() && done.outcome == Outcome::Failed {
                done.outcome = Outcome::Truncated;
            }
        }
        Some(Stopped::Bundle(error)) => return error.into(),
    }
    if let Some(text) = ended.error.filter(|_| reached_end) {
        done.outcome = Outcome::Truncated;
        done.causes.push(format!("the kubelet ended the log with: {}", site.redactor.string(&text).0));
    }
    if done.outcome == Outcome::Empty {
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

/// The time at which the log file that the kubelet reads begins.
enum Beginning {
    At(DateTime<Utc>),
    /// Not asked, since the container started within the window.
    NotAsked,
    Unknown,
}

/// Asks for the first bytes of the log file: the kubelet reads only the newest file of a container,
/// so a file that begins after the window's start says that older lines were rotated away.
async fn beginning(site: &Site, task: &Task, log: &LogTask) -> Beginning {
    if log.started.is_none_or(|started| started >= site.request.window.start) {
        return Beginning::NotAsked;
    }
    let all =
        Task { what: crate::plan::What::Log(LogTask { since: None, tail: None, ..log.clone() }), required: false };
    debug_assert_ne!(task.path(), all.path(), "the window's own request has a start or a tail");
    let first = async {
        let answer = site.kubernetes.get(&format!("{}&limitBytes=64", all.path()), "*/*").await.ok()?;
        let bytes = answer.body.whole(4 << 10).await.ok()?;
        let text = std::str::from_utf8(bytes.get(..bytes.iter().position(|byte| *byte == b' ')?)?).ok()?.to_owned();
        DateTime::parse_from_rfc3339(&text).ok().map(|at| at.with_timezone(&Utc))
    };
    first.await.map_or(Beginning::Unknown, Beginning::At)
}

/// Which part of the window the log covers. The first cause that holds is the one that is named:
/// those of our own making before those of the cluster's.
fn coverage(site: &Site, log: &LogTask, ended: &Ended, stop: Option<&Stopped>, beginning: &Beginning) -> Coverage {
    let window = &site.request.window;
    let mut coverage = Coverage {
        first: ended.first,
        last: ended.last,
        lines: ended.lines,
        complete: true,
        ..Coverage::default()
    };
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let reached = ended.last.map_or_else(|| "its beginning".to_owned(), text);
    let gap = match (stop, beginning) {
        (Some(Stopped::Limit(_)), _) => {
            Some((GapCause::CutByLimit, format!("cut by the limit after {reached}"), false))
        }
        (Some(Stopped::Source(SourceError::Stopped(_))), _) => {
            Some((GapCause::Cancelled, format!("the run ended after {reached}"), false))
        }
        (Some(Stopped::Source(SourceError::TimedOut { .. })), _) => {
            Some((GapCause::TimedOut, format!("nothing more came after {reached}"), false))
        }
        (Some(_), _) => Some((GapCause::StreamFailed, format!("the stream broke after {reached}"), false)),
        (None, _) if ended.error.is_some() => {
            Some((GapCause::StreamFailed, format!("the kubelet broke off after {reached}"), false))
        }
        (None, Beginning::At(at)) if *at > window.start && log.tail.is_none() => Some(match ended.first {
            Some(first) if first < *at => {
                let cause = "the log was rotated while it was read; whether older lines were rotated away before could not be told";
                (GapCause::Unknown, cause.to_owned(), false)
            }
            _ => {
                let cause = format!(
                    "the node's log file begins at {}; what the container wrote before, if anything, was rotated away",
                    text(*at)
                );
                (GapCause::RotatedAway, cause, false)
            }
        }),
        (None, Beginning::NotAsked) if begins_late(log, ended) => {
            let first = ended.first.map_or_else(String::new, text);
            let cause = format!(
                "the log begins at {first}, a while after its container started; whether older lines were rotated away could not be told"
            );
            Some((GapCause::Unknown, cause, false))
        }
        (None, Beginning::Unknown) if ended.first.is_none_or(|first| first > window.start) => {
            Some((GapCause::Unknown, "whether older lines were rotated away could not be told".to_owned(), false))
        }
        _ if window.end > site.now() + CLOCKS => Some((
            GapCause::WindowNotOver,
            format!("the window ends at {}, after the collection", text(window.end)),
            false,
        )),
        // What a container did not live through is not missing.
        _ => match (log.started, log.ended) {
            (_, Some(end)) if end < window.end => {
                Some((GapCause::ContainerEnded, format!("the container ended at {}", text(end)), true))
            }
            (Some(start), _) if start > window.start => {
                Some((GapCause::ContainerNotStarted, format!("the container started at {}", text(start)), true))
            }
            _ => None,
        },
    };
    if let Some((cause, text, complete)) = gap {
        coverage.gap = Some(text);
        coverage.gap_cause = Some(cause);
        coverage.complete = complete;
    }
    coverage
}

/// A log read from its container's start on that begins well after it: the container was silent, or
/// wrote so much that the node has rotated the beginning away.
fn begins_late(log: &LogTask, ended: &Ended) -> bool {
    log.tail.is_none() && log.started.zip(ended.first).is_some_and(|(started, first)| first > started + SILENCE)
}

/// A log request carries no UID: a pod that took the name answers for the one that was listed.
async fn is_replaced(site: &Site, log: &LogTask) -> bool {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    match site.kubernetes.get_json::<serde_json::Value>(&path, METADATA).await {
        Ok(pod) => pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != log.uid),
        // When the run ends before it can be told, no log is better than another pod's. A user who
        // may not read single pods is told by the listed UID alone.
        Err(error) => matches!(error, SourceError::Stopped(_)),
    }
}

fn replaced(log: &LogTask) -> Done {
    Done {
        causes: vec![format!("the pod {} was replaced by another of the same name; its log went with it", log.pod)],
        hint: Some("collect again to get the new pod's log".to_owned()),
        ..Done::new(Outcome::Absent)
    }
}
