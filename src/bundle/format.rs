//! Owns the manifest: every field of `manifest.json`, and the version of the format.
//!
//! Reading is lenient: a field that a later version added is ignored, and a field that an earlier version did not have
//! gets its default. A known field never changes its meaning; that would need a new `format` number. docs/BUNDLE.md
//! describes the fields, and a test generates their schema, docs/manifest.schema.json.

use super::{
    coverage::{ContainerCoverage, Coverage},
    error::BundleError,
    fitted::Fitted,
    layout::EntryPath,
    queries::{Backend, QueryRecord},
};
use crate::redact::Counts;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format this version writes, and the newest it can read.
pub const FORMAT: u32 = 1;

/// `manifest.json`: what is in the bundle, what is not, and why.
///
/// The flat identity block comes first, so that `head` on the file answers whose bundle it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Version of the format, [`FORMAT`].
    pub format: u32,
    /// Trust domain, if known.
    #[serde(default)]
    pub trust_domain: Option<String>,
    /// Where the trust domain was found.
    #[serde(default)]
    pub trust_domain_source: Option<String>,
    /// Name of the trust domain's deployment, if known.
    #[serde(default)]
    pub trust_domain_deployment: Option<String>,
    /// Region, if known.
    #[serde(default)]
    pub region: Option<String>,
    /// Where the region was found.
    #[serde(default)]
    pub region_source: Option<String>,
    /// Start of the incident (UTC), if one was given.
    #[serde(default)]
    pub incident_start: Option<DateTime<Utc>>,
    /// End of the incident (UTC); equal to the start if it is an instant.
    #[serde(default)]
    pub incident_end: Option<DateTime<Utc>>,
    /// Start of the window for which evidence was collected (UTC).
    pub window_start: DateTime<Utc>,
    /// End of the window (UTC).
    pub window_end: DateTime<Utc>,
    /// The support ticket, if given.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Whether production is affected, if the user stated it.
    #[serde(default)]
    pub production: Option<bool>,
    /// Name of the program that wrote the bundle.
    #[serde(default)]
    pub tool: String,
    /// Version of that program.
    #[serde(default)]
    pub tool_version: String,
    /// Name of the profile.
    #[serde(default)]
    pub profile: String,
    /// As the profile states it.
    #[serde(default)]
    pub profile_version: String,
    /// SHA-256 of the profile's text, lower-case hex.
    #[serde(default)]
    pub profile_sha256: String,
    /// When the collection started (UTC).
    pub started: DateTime<Utc>,
    /// When it ended (UTC); unknown for a salvaged bundle.
    #[serde(default)]
    pub finished: Option<DateTime<Utc>>,
    /// Whether the run was not cut short: every planned task was run.
    pub complete: bool,
    /// How the run ended.
    pub ended: Ended,
    /// Identifies the redaction key without revealing it: bundles with the same ID have the same token for a secret.
    #[serde(default)]
    pub redaction_key_id: String,
    /// Number of values redacted in all entries.
    #[serde(default)]
    pub redactions_total: u64,
    /// The runbook's checklist, in its order.
    #[serde(default)]
    pub checklist: Vec<ChecklistItem>,
    /// All claims about the identity of the workload, including those that contradict others.
    #[serde(default)]
    pub identity: Vec<IdentityClaim>,
    /// The clusters of this run.
    #[serde(default)]
    pub clusters: Vec<ClusterInfo>,
    /// Every planned task, each with exactly one outcome.
    #[serde(default)]
    pub tasks: Vec<TaskRecord>,
    /// Every file of the bundle except the manifest.
    #[serde(default)]
    pub entries: Vec<EntryRecord>,
    /// Every container of the collected pods, with what all its logs cover together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerCoverage>,
    /// Every query, with the verdict on its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<QueryRecord>,
    /// Pods that no longer existed when pods were listed, but that events of the window or later mention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone_pods: Vec<GonePod>,
    /// What a reader should know about the bundle as a whole, such as evidence that was collected and then lost to a
    /// full disk, or entries that could not be salvaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Stages of the run that were lost to an internal error, such as a report. Everything else is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Of a smaller copy made by `fit`: which bundle it was made from, and what it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Fitted>,
}

/// The remark about a stage that is in [`Manifest::lost`].
#[must_use]
pub fn remark_of_lost(stage: &str) -> String {
    format!(
        "Lost to an internal error (the program panicked): {stage}. The rest of the bundle is whole. Please report this \
         with what the run printed."
    )
}

impl Manifest {
    /// A manifest of a run that began at `started` for the given window, with nothing in it yet.
    #[must_use]
    pub fn new(started: DateTime<Utc>, window_start: DateTime<Utc>, window_end: DateTime<Utc>) -> Self {
        Self {
            format: FORMAT,
            trust_domain: None,
            trust_domain_source: None,
            trust_domain_deployment: None,
            region: None,
            region_source: None,
            incident_start: None,
            incident_end: None,
            window_start,
            window_end,
            ticket: None,
            production: None,
            tool: String::new(),
            tool_version: String::new(),
            profile: String::new(),
            profile_version: String::new(),
            profile_sha256: String::new(),
            started,
            finished: None,
            complete: false,
            ended: Ended::Interrupted,
            redaction_key_id: String::new(),
            redactions_total: 0,
            checklist: Vec::new(),
            identity: Vec::new(),
            clusters: Vec::new(),
            tasks: Vec::new(),
            entries: Vec::new(),
            containers: Vec::new(),
            queries: Vec::new(),
            gone_pods: Vec::new(),
            remarks: Vec::new(),
            lost: Vec::new(),
            fitted: None,
        }
    }

    /// The bytes of `manifest.json`: two spaces of indent, keys in the order of this file, a
    /// newline at the end.
    ///
    /// # Errors
    /// None that a manifest made of these types can cause; serde's signature is kept.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        to_json(self)
    }
}

/// The bytes of a JSON file in a bundle: indented by two spaces, with a newline at the end.
///
/// # Errors
/// Never for this crate's types; serde_json could refuse other values.
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = serde_json::to_vec_pretty(value)?;
    out.push(b'\n');
    Ok(out)
}

/// A pod that only events mention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GonePod {
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub uid: String,
    /// Name of its node, if an event states it.
    #[serde(default)]
    pub node: Option<String>,
    /// When the first of its events was first seen (UTC).
    pub first: DateTime<Utc>,
    /// When the last one was last seen (UTC).
    pub last: DateTime<Utc>,
    /// Reason of the last event, in one word.
    #[serde(default)]
    pub reason: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The run did everything that was planned.
    Finished,
    /// The user interrupted it.
    Interrupted,
    /// The run's deadline passed.
    Deadline,
    /// The disk was full.
    DiskFull,
    /// It was killed. `salvage` made the bundle from what it had written.
    Salvaged,
}

/// One line of the runbook's checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecklistItem {
    /// Stable name of the item.
    pub id: String,
    /// What the runbook asks for.
    pub text: String,
    /// Whether the bundle has it.
    pub state: CheckState,
    /// What the bundle has of it, or what is missing.
    #[serde(default)]
    pub detail: String,
    /// The command that collects what is missing.
    #[serde(default)]
    pub command: Option<String>,
}

/// State of a checklist item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// All of it is in the bundle.
    Yes,
    /// Some of it is.
    Partial,
    /// None of it is.
    No,
    /// It was not collected yet.
    NotCollectedYet,
}

/// What one source states about the identity of the workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityClaim {
    /// What the claim is about.
    pub what: IdentityKind,
    /// Value of the claim.
    pub value: String,
    /// Where the value was found.
    pub source: String,
    /// Name of the cluster in which it was found, if any.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Whether it is only a hint: shown to people, never used as the answer.
    #[serde(default)]
    pub hint: bool,
}

/// What an [`IdentityClaim`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// The trust domain.
    TrustDomain,
    /// The trust domain's deployment.
    Deployment,
    /// The region.
    Region,
}

/// One cluster of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterInfo {
    /// Full name of the cluster in the bundle.
    pub name: String,
    /// The kubeconfig context, or the name that the user gave in its place.
    #[serde(default)]
    pub context: Option<String>,
    /// Version of its API server.
    #[serde(default)]
    pub version: Option<String>,
    /// Its region, if known.
    #[serde(default)]
    pub region: Option<String>,
    /// Its clock minus this machine's, in milliseconds.
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
    /// Why it was not reached, outermost cause first.
    #[serde(default)]
    pub error: Option<Vec<String>>,
    /// Namespaces that evidence was collected from.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// The Prometheus that was queried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Backend>,
}

/// One planned piece of evidence, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRecord {
    /// Id of the task, unique in the bundle.
    pub id: String,
    /// Kind of evidence, such as `log`.
    pub kind: String,
    /// Name of the cluster, if the task is about one.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Namespace, if the task is about one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What it collects, in words.
    #[serde(default)]
    pub target: String,
    /// The request as sent, such as `GET /api/v1/namespaces/x/pods`.
    #[serde(default)]
    pub request: String,
    /// Whether the profile requires it.
    #[serde(default)]
    pub required: bool,
    /// Outcome of the task.
    pub outcome: Outcome,
    /// Causes of the outcome, the outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// What to do about it, such as the right to grant or the flag that raises the limit.
    #[serde(default)]
    pub hint: Option<String>,
    /// When it started (UTC); `null` if it never did.
    #[serde(default)]
    pub started: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// HTTP status of the answer, where it is part of the evidence: the API server's health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Paths of its entries, inside the bundle's folder.
    #[serde(default)]
    pub entries: Vec<String>,
}

/// The outcome of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that was requested is in the bundle.
    Collected,
    /// It exists and is empty.
    Empty,
    /// It does not exist, and need not: no previous container, no autoscaler.
    Absent,
    /// The server refused the request.
    Forbidden,
    /// Part of it is in the bundle; a limit cut the rest.
    Truncated,
    /// It was not requested, by choice of the user or the profile.
    Skipped,
    /// It exceeded its time limit.
    TimedOut,
    /// An error occurred; the causes say which.
    Failed,
    /// The run ended first.
    Cancelled,
}

/// One file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryRecord {
    /// Path inside the bundle's folder.
    pub path: String,
    /// Id of the task it came from; empty for the files this program wrote about the others.
    #[serde(default)]
    pub task: String,
    /// Full names of what the path changed or shortened: cluster, namespace, pod, container, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Where it came from: the request, or the program itself.
    #[serde(default)]
    pub source: String,
    /// Size of the contents in bytes.
    pub bytes: u64,
    /// Size in the zip, in bytes.
    #[serde(default)]
    pub compressed: u64,
    /// SHA-256 of the contents, lower-case hex.
    pub sha256: String,
    /// When the first byte was requested (UTC).
    #[serde(default)]
    pub started: Option<DateTime<Utc>>,
    /// When the last byte arrived (UTC).
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// Which part of the window it covers, if it consists of lines or samples.
    #[serde(default)]
    pub coverage: Option<Coverage>,
    /// Number of values redacted in it, by the rules of the version that wrote it, which may be unknown here.
    #[serde(default)]
    pub redactions: BTreeMap<String, u64>,
}

impl TaskRecord {
    /// Whether it sent no request, because it is derived from the results of other tasks.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        ["query", "samples"].contains(&self.kind.as_str()) && self.request.is_empty()
    }

    /// Whether it is about a container's log, of whichever run.
    #[must_use]
    pub fn is_log(&self) -> bool {
        ["log", "previous-log", "past-log", "deleted-log"].contains(&self.kind.as_str())
    }
}

impl EntryRecord {
    /// Whether it is a log that was read from its node's files, those that were rotated too.
    #[must_use]
    pub fn is_of_node_files(&self) -> bool {
        self.source.contains("/proxy/logs/pods/")
    }

    /// A record of a file's path, sizes in bytes and hash, and nothing else.
    #[must_use]
    pub fn new(path: String, bytes: u64, compressed: u64, sha256: String) -> Self {
        Self {
            path,
            task: String::new(),
            names: BTreeMap::new(),
            source: String::new(),
            bytes,
            compressed,
            sha256,
            started: None,
            ended: None,
            coverage: None,
            redactions: BTreeMap::new(),
        }
    }

    /// Its path, to write it into another bundle.
    ///
    /// # Errors
    /// [`BundleError::Path`] if it is not one that this program writes.
    pub fn entry_path(&self) -> Result<EntryPath, BundleError> {
        Ok(EntryPath::new(&self.path)?.with_names(self.names.clone()))
    }

    /// Records how often each rule replaced something in it.
    pub fn set_redactions(&mut self, counts: &Counts) {
        self.redactions = counts.iter().map(|(rule, n)| (rule.to_owned(), n)).collect();
    }
}
