//! Owns what a collector returns.

use super::Entry;
use crate::{
    bundle::{Backend, BundleError, IdentityClaim, Outcome, Verdict, facts::LogFacts},
    facts::{coverage::RunLog, gone::MentionedPods, objects::ObjectFacts, onset::Onset, two_scrapes::Scraped},
    plan::{Right, Shown, Task},
    source::{StopReason, kubernetes::SourceError},
};

/// The outcome of a task.
#[derive(Debug)]
pub struct TaskResult {
    /// One of the nine words of the manifest.
    pub outcome: Outcome,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// HTTP status of the answer, where it is part of the evidence.
    pub http_status: Option<u16>,
    /// The files that it wrote into the bundle.
    pub entries: Vec<Entry>,
    /// What planning continues from.
    pub shown: Shown,
    /// The pods that events mention.
    pub told: Option<MentionedPods>,
    /// Its claims about the identity of the workload.
    pub claims: Vec<IdentityClaim>,
    /// Which Prometheus was found.
    pub backend: Option<Backend>,
    /// The samples of a scrape that queries need.
    pub scraped: Option<Scraped>,
    /// The verdict on the answer to a query.
    pub verdict: Option<Verdict>,
    /// The result for a container's log, if the outcome does not state it.
    pub log: Option<RunLog>,
    /// The facts of a log; its entry is named by the path that it was written to.
    pub log_facts: Option<Box<LogFacts>>,
    /// When a log's errors jumped, if that was looked for.
    pub onset: Option<Onset>,
    /// The facts of the listed objects.
    pub objects: Option<Box<ObjectFacts>>,
    /// Whether it failed because the disk is full.
    pub disk_full: bool,
}

impl TaskResult {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            causes: Vec::new(),
            hint: None,
            http_status: None,
            entries: Vec::new(),
            shown: Shown::default(),
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

    /// It has no result, because this part of the program panicked.
    pub(super) fn panicked(what: &str) -> Self {
        Self { causes: vec![format!("internal error: {what} panicked")], ..Self::new(Outcome::Failed) }
    }

    /// The run ended before the task did.
    pub(crate) fn stopped(reason: StopReason) -> Self {
        let (outcome, cause) = match reason {
            StopReason::Interrupted => (Outcome::Cancelled, "interrupted by the user"),
            StopReason::Deadline => (Outcome::TimedOut, "the run's deadline passed"),
            StopReason::DiskFull => (Outcome::Failed, "the disk was full"),
        };
        let hint = (reason == StopReason::Deadline).then(|| "allow more time with --deadline".to_owned());
        Self { causes: vec![cause.to_owned()], hint, ..Self::new(outcome) }
    }

    /// A source gave no answer. For a refusal, names the right that the task needs.
    pub(crate) fn failed(error: &SourceError, task: &Task) -> Self {
        Self::refused(error, || task.right())
    }

    /// The same, with the right that the task needs, if known.
    pub(crate) fn refused(error: &SourceError, right: impl FnOnce() -> Option<Right>) -> Self {
        let (outcome, hint) = match error {
            SourceError::Stopped(reason) => return Self::stopped(*reason),
            SourceError::Status { code: 401, reason, .. } if !reason.is_empty() => {
                (Outcome::Forbidden, Some("the credentials were not accepted; log in again".to_owned()))
            }
            // A message without a reason comes from something in front of or behind the API server.
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

impl From<BundleError> for TaskResult {
    fn from(error: BundleError) -> Self {
        Self { causes: error.causes_without_paths(), disk_full: error.is_disk_full(), ..Self::new(Outcome::Failed) }
    }
}
