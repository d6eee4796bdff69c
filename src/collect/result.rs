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
    /// The files that it wrote into the bundle.
    pub entries: Vec<Entry>,
    /// What planning goes on from.
    pub shown: Shown,
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
    /// Whether it failed because the disk is full.
    pub disk_full: bool,
}

impl TaskResult {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            causes: Vec::new(),
            hint: None,
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

impl From<BundleError> for TaskResult {
    fn from(error: BundleError) -> Self {
        Self { causes: error.causes_without_paths(), disk_full: error.is_disk_full(), ..Self::new(Outcome::Failed) }
    }
}
