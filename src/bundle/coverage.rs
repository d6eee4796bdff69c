//! Owns the manifest's fields about coverage: which part of the window is covered, which is not, and why.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// When it starts (UTC).
    pub from: DateTime<Utc>,
    /// When it ends (UTC), which is when the next one starts.
    pub to: DateTime<Utc>,
}

/// A part of the window that is not covered, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// When it starts (UTC).
    pub from: DateTime<Utc>,
    /// When it ends (UTC), which is when the next one starts.
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
    /// Whether nothing of the window is missing: no gap has `missing`.
    pub complete: bool,
    /// Text of the first gap with `missing`, otherwise of the first gap.
    #[serde(default)]
    pub gap: Option<String>,
    /// Cause of `gap`, in a word; absent without one.
    #[serde(default)]
    pub gap_cause: Option<GapCause>,
    /// The intervals that are covered, in order. Together with `gaps`, they are exactly the window, without overlap.
    #[serde(default)]
    pub covered: Vec<Interval>,
    /// The intervals that are not covered, in order.
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
    /// UID of the pod, if known.
    #[serde(default)]
    pub uid: Option<String>,
    /// Name of the container.
    pub container: String,
    /// The known runs of the container, the earliest first.
    #[serde(default)]
    pub runs: Vec<LogRun>,
    /// The intervals that are covered, in order. Together with `gaps`, they are exactly the window, without overlap.
    #[serde(default)]
    pub covered: Vec<Interval>,
    /// The intervals that are not covered, in order.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Whether nothing of the window is missing: no gap has `missing`.
    pub complete: bool,
}

/// One run of a container, and its log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRun {
    /// When the run started (UTC), if known. Fractions of a second are cut off.
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
    /// The ID of the task that collected its log. For the previous log, `/previous` is appended.
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
    /// Reading took longer than allowed.
    TimedOut,
    /// The run ended first.
    Cancelled,
    /// It was not requested, by choice of the user or the profile.
    Skipped,
    /// The API server no longer had the events.
    Expired,
    /// Lines were left out of this copy, to make it smaller.
    Fitted,
    /// The cause is not known.
    Unknown,
}
