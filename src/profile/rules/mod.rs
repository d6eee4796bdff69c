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

/// Something that may be wrong, and the evidence that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindingRule {
    /// The name of the rule: lower-case letters, digits and `-`.
    pub id: String,
    /// The scenario that it belongs to. Findings of one scenario are shown together.
    pub scenario: String,
    /// How severe it is. It is raised to the severity of what it explains.
    pub severity: Severity,
    /// What is wrong, in a line.
    pub title: String,
    /// What it means, in a few sentences.
    pub means: String,
    /// What to do, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<NextStep>,
    /// The rules, by id, whose findings are consequences of this one's. No rule may explain itself, directly or through
    /// others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<String>,
    /// What it says about the minting of SVIDs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub issuance: IssuanceSaid,
    /// Matchers that all have to match. Either this or `any` is mandatory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Matcher>,
    /// Matchers of which at least one has to match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Matcher>,
    /// Matchers of which none may match. One that lacks its evidence does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Matcher>,
}

impl FindingRule {
    /// Its matchers, in a fixed order.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.all.iter().chain(&self.any).chain(&self.unless)
    }

    /// The queries whose answers can show what the rule finds.
    pub fn queries(&self) -> impl Iterator<Item = &QueryMatch> {
        self.all.iter().chain(&self.any).filter_map(|matcher| matcher.query.as_ref())
    }
}

/// What a rule says about the minting of SVIDs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IssuanceSaid {
    /// The default. It says nothing.
    #[default]
    Nothing,
    /// SVIDs are not minted, or not all of them.
    Affected,
}

/// The variables that the `command` of a [`NextStep`] may contain, without their `$`.
pub(crate) const COMMAND_VARIABLES: [&str; 6] = ["CONTEXT", "NAMESPACE", "POD", "CONTAINER", "BUNDLE", "QUERY"];

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextStep {
    /// What to do, in a sentence.
    pub text: String,
    /// The command for it. `$CONTEXT`, `$NAMESPACE`, `$POD`, `$CONTAINER`, `$BUNDLE` and `$QUERY` are filled in from
    /// the evidence, each quoted for a shell. `$QUERY` is the PromQL, as it was sent, of the query that shows the
    /// finding, or else of the first `query` of the rule that was sent; if none was, the step has no command. Refused
    /// are other variables, `$QUERY` in a rule without a `query` in `all` or `any`, quotes around a variable,
    /// backslashes and backticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A line of the healthy baseline. Its query decides whether it is as expected; without an answer, its matcher does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineRule {
    /// The name of the line: lower-case letters, digits and `-`.
    pub id: String,
    /// What is looked at, in a line.
    pub signal: String,
    /// What is expected of it, in a line.
    pub expected: String,
    /// The query, by its id, that decides. Either this or `wrong` is mandatory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The matcher that shows that the signal is not as expected, when the query has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<Matcher>,
}
