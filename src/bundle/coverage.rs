//! Owns the manifest's words on coverage: which part of the window is here, which is not, and why.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Its first moment (UTC).
    pub from: DateTime<Utc>,
    /// Its last moment (UTC), which is the first of what follows.
    pub to: DateTime<Utc>,
}

/// A part of the window that is not covered, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Its first moment (UTC).
    pub from: DateTime<Utc>,
    /// Its last moment (UTC), which is the first of what follows.
    pub to: DateTime<Utc>,
    /// Cause of the gap.
    pub cause: GapCause,
    /// The cause in a sentence.
    #[serde(default)]
    pub text: String,
    /// Whether something may be missing. Otherwise there was nothing to collect.
    pub missing: bool,
}

/// Which part of the window an entry really covers, and why the rest is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Time of the first line (UTC).
    #[serde(default)]
    pub first: Option<DateTime<Utc>>,
    /// Time of the last line (UTC).
    #[serde(default)]
    pub last: Option<DateTime<Utc>>,
    /// Lines in the entry; of events, how many there are.
    pub lines: u64,
    /// Whether nothing of the window is missing: there is no gap in which something may be.
    pub complete: bool,
    /// What is missing, in words: the first gap in which something may be missing, else the first.
    #[serde(default)]
    pub gap: Option<String>,
    /// What causes `gap`, in a word; absent without one.
    #[serde(default)]
    pub gap_cause: Option<GapCause>,
    /// What is covered, in order. With `gaps` it is exactly the window, without overlap.
    #[serde(default)]
    pub covered: Vec<Interval>,
    /// What is not, in order.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// Which part of the window all logs of one container cover together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerCoverage {
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod, where it is known.
    #[serde(default)]
    pub uid: Option<String>,
    /// Name of the container.
    pub container: String,
    /// The known runs of the container, the earliest first.
    #[serde(default)]
    pub runs: Vec<LogRun>,
    /// What is covered, in order. With `gaps` it is exactly the window, without overlap.
    #[serde(default)]
    pub covered: Vec<Interval>,
    /// What is not, in order.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Whether nothing of the window is missing: there is no gap in which something may be.
    pub complete: bool,
}

/// One run of a container, and its log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRun {
    /// When the run started (UTC), where that is known. Fractions of a second are cut off.
    #[serde(default)]
    pub started: Option<DateTime<Utc>>,
    /// When the run ended (UTC), if it did. Fractions of a second are cut off.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// Path of the run's log, inside the bundle's folder, if there is one.
    #[serde(default)]
    pub log: Option<String>,
}

impl ContainerCoverage {
    /// The id of the task that got its log; that of its previous log has `/previous` behind.
    pub(crate) fn log_task(&self) -> String {
        let Self { cluster, namespace, pod, container, .. } = self;
        format!("{cluster}/log/{namespace}/{pod}/{container}")
    }
}

/// Why a part of the window is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// The node had rotated the log away.
    RotatedAway,
    /// The container had not started yet.
    ContainerNotStarted,
    /// The container had ended, and had not been started again.
    ContainerEnded,
    /// The node no longer had the log of a run of the container.
    PreviousInstanceGone,
    /// The window was not over when the log was read.
    WindowNotOver,
    /// A limit of this program cut it.
    CutByLimit,
    /// The request failed, or the stream broke.
    StreamFailed,
    /// Reading was refused.
    Forbidden,
    /// Reading took longer than it was given.
    TimedOut,
    /// The run ended first.
    Cancelled,
    /// It was not asked for, by choice of the user or the profile.
    Skipped,
    /// The API server keeps events no longer.
    Expired,
    /// Lines were left out of this copy, to make it smaller.
    Fitted,
    /// It could not be told.
    Unknown,
}
