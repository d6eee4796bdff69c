//! Owns what every collector is given, and what it gives back.

use super::{Earlier, Reach, Skip};
use crate::{
    bundle::{
        Backend, BundleError, BundleWriter, Coverage, EntryPath, EntryWriter, IdentityClaim, Outcome, Verdict,
        facts::LogFacts,
    },
    facts::{
        coverage::RunLog,
        gone::MentionedPods,
        identity::IdentityNames,
        logs::Patterns,
        object_series::AllObjectSeries,
        objects::{ObjectContext, ObjectFacts},
        onset::Onset,
        queries,
        two_scrapes::Scraped,
    },
    plan::{Basis, Known, LogTask, Pod, Right, Task},
    redact::{Clean, Counts, Redactor},
    source::{
        Stop, StopReason,
        kubernetes::{Kubernetes, SourceError},
        prometheus::Prometheus,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
};

/// Who is shown how it goes.
pub trait Progress: Send + Sync {
    /// A task begins.
    fn begins(&self, _what: &Shown<'_>) {}
    /// Bytes of evidence have arrived.
    fn bytes(&self, _count: u64) {}
    /// A task has ended.
    fn ends(&self, _what: &Shown<'_>, _outcome: Outcome) {}
    /// More tasks were planned.
    fn planned(&self, _count: usize) {}
    /// All but a second scrape has ended.
    fn waits(&self) {}
}

/// A task, as progress shows it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Name of the cluster in the bundle, as in `clusters/<name>/`.
    pub cluster: &'a str,
    /// The one that is about to run.
    pub task: &'a Task,
}

/// Logs that were followed until the window closed, and that are still to be finished.
pub trait FollowedLogs: Send + Sync {
    /// Whether it has the run that a task means.
    fn has(&self, log: &LogTask) -> bool;
    /// UIDs of the pods of which it has a log.
    fn uids(&self) -> HashSet<String>;
    /// Tasks for the runs that none of `planned` means.
    fn rest(&self, planned: &[Task]) -> Vec<Task>;
    /// Finishes the log of the run that a task means; nothing where that run was not followed.
    fn finish<'a>(&self, site: &'a Site, task: &'a Task, log: &'a LogTask) -> Option<BoxFuture<'a, Done>>;
}

/// One cluster, as the collectors see it.
#[derive(Clone)]
pub struct Site {
    /// The cluster's name in the bundle.
    pub cluster: String,
    /// Its API server.
    pub kubernetes: Kubernetes,
    /// What is known of it before anything is asked of it for evidence.
    pub basis: Basis,
    /// The way into the bundle.
    pub redactor: Redactor,
    /// Where entries are written.
    pub bundle: BundleWriter,
    /// Who is shown how it goes.
    pub progress: Arc<dyn Progress>,
    /// IdentityNames that identity is read by.
    pub names: Arc<IdentityNames>,
    /// Variables of containers whose plain values are facts.
    pub env: Arc<BTreeSet<String>>,
    /// The collection's start, by this machine's clock.
    pub started: DateTime<Utc>,
    /// What the profile's rules look for in logs.
    pub patterns: Arc<Patterns>,
    /// Bytes of a container's log that are read at most.
    pub log_limit: u64,
    /// The API server's clock minus ours.
    pub skew: TimeDelta,
    /// Images of the pods that were seen: of a node, only these are shown.
    pub images: Arc<OnceLock<BTreeSet<String>>>,
    /// When these pods were asked for, by the API server's clock: what their status says is as old.
    pub seen: Arc<OnceLock<DateTime<Utc>>>,
    /// The bundle that this run completes.
    pub earlier: Option<Arc<Earlier>>,
    /// Logs that were followed until the window closed.
    pub followed: Option<Arc<dyn FollowedLogs>>,
    /// How the Prometheus to ask is reached.
    pub reach: Reach,
    /// That one, when it is found.
    pub prometheus: Arc<OnceLock<Prometheus>>,
    /// What its objects state in numbers, once they are listed.
    pub object_series: Arc<Mutex<AllObjectSeries>>,
    /// Metrics that two scrapes may answer questions by.
    pub wanted: Arc<BTreeSet<String>>,
    /// How the wait between them is ended.
    pub skip: Skip,
    /// The run's stop signal.
    pub stop: Stop,
}

impl Site {
    /// The API server's time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.skew
    }

    /// What is known of the cluster before its objects come.
    pub(crate) fn object_context(&self) -> ObjectContext {
        let started = self.started + self.skew;
        ObjectContext::new(&self.cluster, &self.basis.request, &self.basis.place, &self.env, started)
    }

    /// What these claims say of the workload here, and its Prometheus.
    pub(crate) fn known(&self, claims: &[IdentityClaim], backend: Option<&Backend>) -> Known {
        let namespaces = self.basis.place.namespaces.keys().cloned().collect();
        queries::known(&self.basis.request, claims, (&self.cluster, namespaces), backend)
    }

    /// Adds the series of a list's objects, and whether the whole list was read.
    pub(crate) fn add_object_series(&self, series: AllObjectSeries, is_whole: bool) {
        self.object_series().join(series, is_whole);
    }

    /// When the objects were listed: the time of the list of pods, which are most of them.
    pub(crate) fn objects_listed_at(&self) -> DateTime<Utc> {
        self.seen.get().copied().unwrap_or_else(|| self.now())
    }

    /// The series of the objects that were listed so far.
    pub(crate) fn object_series(&self) -> MutexGuard<'_, AllObjectSeries> {
        self.object_series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a whole small entry.
    pub(crate) fn write(
        &self,
        path: EntryPath,
        source: &str,
        clean: &Clean,
        counts: Counts,
    ) -> Result<Entry, BundleError> {
        let mut writer = self.begin(path, source)?;
        writer.write(clean)?;
        writer.finish(counts, None)
    }

    /// Begins an entry.
    pub(crate) fn begin(&self, path: EntryPath, source: &str) -> Result<Writing, BundleError> {
        let writer = self.bundle.entry(path)?;
        Ok(Writing { writer, source: source.to_owned(), started: Utc::now() })
    }
}

/// An entry being written.
pub(crate) struct Writing {
    writer: EntryWriter,
    source: String,
    started: DateTime<Utc>,
}

impl Writing {
    pub(crate) fn write(&mut self, clean: &Clean) -> Result<(), BundleError> {
        if clean.is_empty() { Ok(()) } else { self.writer.write(clean) }
    }

    pub(crate) fn rename(&mut self, path: EntryPath) -> Result<(), BundleError> {
        self.writer.rename(path)
    }

    pub(crate) fn finish(self, redactions: Counts, coverage: Option<Coverage>) -> Result<Entry, BundleError> {
        let Self { writer, source, started } = self;
        let written = writer.finish()?;
        Ok(Entry { path: written.path, source, started, ended: Utc::now(), coverage, redactions })
    }
}

/// An entry that is written on a thread of its own, while more of it is still read: for what is much.
pub(crate) struct Piped {
    blocks: Option<SyncSender<Clean>>,
    writer: JoinHandle<Result<Writing, BundleError>>,
}

/// So many blocks wait for their turn at most: what packing lags behind while more comes, it has caught up with when
/// the next answer begins.
const WAITING: usize = 48;

impl Piped {
    pub(crate) fn new(mut writing: Writing) -> Self {
        let (blocks, received) = mpsc::sync_channel(WAITING);
        // Ends with the sender, also where its task is given up: then the entry never was.
        let writer = thread::spawn(move || {
            received.iter().try_for_each(|block: Clean| writing.write(&block))?;
            Ok(writing)
        });
        Self { blocks: Some(blocks), writer }
    }

    /// Hands a block on. That it cannot be written shows at the end.
    pub(crate) fn write(&self, block: Clean) {
        if let Some(blocks) = &self.blocks {
            // The other end is gone when a block could not be written.
            let _ = blocks.send(block);
        }
    }

    pub(crate) fn finish(mut self, redactions: Counts, coverage: Option<Coverage>) -> Result<Entry, BundleError> {
        self.blocks = None;
        let written = self.writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?.finish(redactions, coverage)
    }
}

/// An entry that is in the bundle, with what only its collector knows of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Below the bundle's folder.
    pub path: EntryPath,
    /// Where it came from: the request, or this program.
    pub source: String,
    /// When its first byte was asked for.
    pub started: DateTime<Utc>,
    /// When it was complete.
    pub ended: DateTime<Utc>,
    /// Which part of the window it covers.
    pub coverage: Option<Coverage>,
    /// What was redacted in it.
    pub redactions: Counts,
}

/// What became of a task.
#[derive(Debug)]
pub struct Done {
    /// In one word.
    pub outcome: Outcome,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What came of it.
    pub entries: Vec<Entry>,
    /// Tasks for what it found.
    pub found: Vec<Task>,
    /// Whether listing over the cluster was refused.
    pub is_refused: bool,
    /// Pods that were seen.
    pub pods: Vec<Pod>,
    /// The pods that events tell of.
    pub told: Option<MentionedPods>,
    /// What it says about who this is.
    pub claims: Vec<IdentityClaim>,
    /// Which Prometheus was found.
    pub backend: Option<Backend>,
    /// What of a scrape the queries are about.
    pub scraped: Option<Scraped>,
    /// What the answer to a question says.
    pub verdict: Option<Verdict>,
    /// What became of a container's log, where the outcome does not say it.
    pub log: Option<RunLog>,
    /// What a log says; its entry under the path that it was written to.
    pub log_facts: Option<Box<LogFacts>>,
    /// When a log's errors jumped, where that was looked for.
    pub onset: Option<Onset>,
    /// What the objects say that were listed.
    pub objects: Option<Box<ObjectFacts>>,
    /// Whether it failed for want of room to write.
    pub disk_full: bool,
}

impl Done {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            causes: Vec::new(),
            hint: None,
            entries: Vec::new(),
            found: Vec::new(),
            is_refused: false,
            pods: Vec::new(),
            told: None,
            claims: Vec::new(),
            backend: None,
            scraped: None,
            verdict: None,
            log: None,
            log_facts: None,
            onset: None,
            objects: None,
            disk_full: false,
        }
    }

    pub(crate) fn absent(cause: impl Into<String>) -> Self {
        Self { causes: vec![cause.into()], ..Self::new(Outcome::Absent) }
    }

    pub(crate) fn collected(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::new(Outcome::Collected) }
    }

    /// The run ended before the task did.
    pub(crate) fn stopped(reason: StopReason) -> Self {
        let (outcome, cause) = match reason {
            StopReason::Interrupted => (Outcome::Cancelled, "interrupted by the user"),
            StopReason::Deadline => (Outcome::TimedOut, "the run's deadline passed"),
            StopReason::DiskFull => (Outcome::Failed, "there was no room left on the disk"),
        };
        let hint = (reason == StopReason::Deadline).then(|| "give more time with --deadline".to_owned());
        Self { causes: vec![cause.to_owned()], hint, ..Self::new(outcome) }
    }

    /// A source gave no answer. A refusal names the right that would have granted it.
    pub(crate) fn failed(error: &SourceError, task: &Task) -> Self {
        Self::refused(error, || task.right())
    }

    /// The same, by the right that would have granted it, if that is known.
    pub(crate) fn refused(error: &SourceError, right: impl FnOnce() -> Option<Right>) -> Self {
        let (outcome, hint) = match error {
            SourceError::Stopped(reason) => return Self::stopped(*reason),
            SourceError::Status { code: 401, reason, .. } if !reason.is_empty() => {
                (Outcome::Forbidden, Some("the credentials were not accepted; log in again".to_owned()))
            }
            // Words without a reason are those of something before or behind the API server.
            SourceError::Status { code: 403, reason, .. } if !reason.is_empty() => {
                (Outcome::Forbidden, right().map(|right| right.needed()))
            }
            SourceError::Status { code: 404, .. } => (Outcome::Absent, None),
            SourceError::TimedOut { .. } => (Outcome::TimedOut, None),
            _ => (Outcome::Failed, None),
        };
        Self { causes: error.causes(), hint, ..Self::new(outcome) }
    }
}

impl From<BundleError> for Done {
    fn from(error: BundleError) -> Self {
        Self { causes: error.causes_without_paths(), disk_full: error.is_disk_full(), ..Self::new(Outcome::Failed) }
    }
}
