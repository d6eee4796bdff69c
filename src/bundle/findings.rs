//! Owns `findings.json`: what the profile's rules made of the facts, in the order in which to read it.
//!
//! As with the manifest, reading denies nothing, and no known field ever changes its meaning.

use super::{facts::Change, stamp};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `findings.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// Version of the format; 1.
    pub format: u32,
    /// Name of the profile whose rules these are.
    #[serde(default)]
    pub profile: String,
    /// Its version.
    #[serde(default)]
    pub profile_version: String,
    /// The moment that "now" means in here: the collection's end (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: DateTime<Utc>,
    /// Whether new SVIDs are minted.
    pub issuance: Issuance,
    /// The finding that explains the others, by its id; none where nothing above "info" was found.
    #[serde(default)]
    pub lead: Option<String>,
    /// Why that one leads.
    #[serde(default)]
    pub lead_why: String,
    /// What was found: causes before symptoms, then the more severe first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Rules whose evidence is not there.
    #[serde(default)]
    pub not_checked: Vec<NotChecked>,
    /// Rules that were looked at with all their evidence, and did not apply, by id.
    #[serde(default)]
    pub not_found: Vec<String>,
    /// The healthy baseline, line by line.
    #[serde(default)]
    pub baseline: Vec<BaselineLine>,
    /// What changed in the last 24 hours, the oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// Whether new SVIDs are minted. Workloads keep those they have until these expire, whatever is said here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issuance {
    /// In one word.
    pub state: IssuanceState,
    /// By what that is known, or why it is not.
    pub why: String,
    /// What shows it.
    #[serde(default)]
    pub shown_by: Vec<Shown>,
}

/// Whether new SVIDs are minted, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IssuanceState {
    /// Some are not, or none can be.
    Affected,
    /// All that were asked for were minted, over all of the window.
    NotAffected,
    /// It cannot be told.
    NotChecked,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Workloads get no new SVIDs, or will not soon.
    Critical,
    /// Something is wrong.
    Warning,
    /// Worth knowing.
    Info,
}

/// A rule of the profile that the facts meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The runbook's scenario, in the profile's words.
    #[serde(default)]
    pub scenario: String,
    /// What is wrong, in a line.
    pub title: String,
    /// What it means, in a sentence or a few.
    #[serde(default)]
    pub means: String,
    /// Since when (UTC): the first time that the evidence shows it.
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub since: Option<DateTime<Utc>>,
    /// When the evidence last shows it (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub until: Option<DateTime<Utc>>,
    /// The pods that show it, as `cluster/namespace/pod`; empty where it is not about pods.
    #[serde(default)]
    pub pods: Vec<String>,
    /// How many server pods there are.
    #[serde(default)]
    pub of_pods: u64,
    /// What shows it, the most telling first.
    #[serde(default)]
    pub shown_by: Vec<Shown>,
    /// What to do, in this order.
    #[serde(default)]
    pub next: Vec<Step>,
    /// Findings, by id, that this one is the cause of.
    #[serde(default)]
    pub explains: Vec<String>,
    /// The finding, by id, that is the cause of this one.
    #[serde(default)]
    pub explained_by: Option<String>,
}

/// A piece of evidence: a line of a file, or a query's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// What it says, word for word: a log line without its stamp, an event, a field of an object and its value.
    pub quote: String,
    /// The file that it is in, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
    /// When it was said (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub at: Option<DateTime<Utc>>,
    /// How often the like was said; 1 where it was counted once or not at all.
    #[serde(default = "one")]
    pub times: u64,
    /// The query that answers it, by its id.
    #[serde(default)]
    pub query: Option<String>,
    /// Its PromQL.
    #[serde(default)]
    pub expr: Option<String>,
    /// Its worst value, with its unit.
    #[serde(default)]
    pub value: Option<String>,
    /// The labels of that value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn one() -> u64 {
    1
}

/// Something to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What, in a sentence.
    pub text: String,
    /// The command for it, ready to be pasted into a shell.
    #[serde(default)]
    pub command: Option<String>,
}

/// A rule whose evidence is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotChecked {
    /// The rule's id.
    pub id: String,
    /// What it would have found.
    pub title: String,
    /// Why it was not checked.
    pub why: String,
}

/// A line of the healthy baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineLine {
    /// Its id.
    pub id: String,
    /// What is looked at.
    pub signal: String,
    /// What is expected of it.
    pub expected: String,
    /// Whether it is so.
    pub state: BaselineState,
    /// What it is, with its unit, where it is known.
    #[serde(default)]
    pub value: Option<String>,
    /// By what that is known, or why it is not.
    #[serde(default)]
    pub why: String,
    /// The query that answers it, by its id.
    #[serde(default)]
    pub query: Option<String>,
    /// The file that shows it, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
}

/// Whether a line of the baseline is as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineState {
    /// As expected, over all of the window.
    AsExpected,
    /// Not as expected.
    NotAsExpected,
    /// There is nothing to tell it by.
    NotChecked,
}
