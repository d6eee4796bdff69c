//! Owns the keys of a profile that conclude something from the evidence: finding rules, whose conditions are typed
//! matchers over facts and answers, and the lines of the healthy baseline.

mod matcher;

pub use matcher::{
    AutoscalerMatch, ConditionMatch, ContainerKind, CustomResourceMatch, EnvMatch, EventMatch, LinesMatch, LogMatch,
    Match, Matcher, PodMatch, QueryIs, QueryMatch, ReadyMatch, ResourcesMatch, ScrapeMatch, UsageMatch, VersionsMatch,
    WorkloadMatch,
};

use super::defaults::is_default;
use crate::bundle::findings::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that may be wrong, and by what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindingRule {
    /// What it is called: lower-case letters, digits and `-`.
    pub id: String,
    /// What it belongs to: a word or a few, the same for rules that belong together.
    pub scenario: String,
    /// How bad it is by itself. What it explains can make it worse.
    pub severity: Severity,
    /// What is wrong, in a line.
    pub title: String,
    /// What it means, in a sentence or a few.
    pub means: String,
    /// What to do, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<NextStep>,
    /// Rules, by id, that this one is the cause of where both are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<String>,
    /// What it says of the minting of SVIDs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub issuance: IssuanceSaid,
    /// What all has to be so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Matcher>,
    /// Of what one at least has to be so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Matcher>,
    /// What must not be so. Where it cannot be told, the rule holds all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Matcher>,
}

impl FindingRule {
    /// Its matchers, in a fixed order.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.all.iter().chain(&self.any).chain(&self.unless)
    }
}

/// What a rule says of the minting of SVIDs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IssuanceSaid {
    /// Nothing.
    #[default]
    Nothing,
    /// Some SVIDs are not minted, or none can be.
    Affected,
}

/// The variables that the `command` of a [`NextStep`] may contain, without their `$`.
pub(crate) const COMMAND_VARIABLES: [&str; 6] = ["CONTEXT", "NAMESPACE", "POD", "CONTAINER", "BUNDLE", "QUERY"];

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextStep {
    /// What, in a sentence.
    pub text: String,
    /// The command for it. `$CONTEXT`, `$NAMESPACE`, `$POD`, `$CONTAINER`, `$BUNDLE` and `$QUERY` are filled in from
    /// what shows the finding, quoted for a shell; none may stand inside quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A line of the healthy baseline. It is as expected where its query says so; what is wrong by its matcher is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineRule {
    /// What it is called: lower-case letters, digits and `-`.
    pub id: String,
    /// What is looked at.
    pub signal: String,
    /// What is expected of it.
    pub expected: String,
    /// The query, by its id, that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What tells that it is not as expected, where the query does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<Matcher>,
}
