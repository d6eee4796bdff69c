//! Owns the context in which rules are evaluated: the evidence that they may look at, and which of it is missing.

use crate::{
    bundle::{
        Manifest, Outcome, TaskRecord,
        facts::{Condition, Facts, PodFacts},
    },
    profile::{Profile, rules::ConditionMatch},
    promql,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// A restart or an event still counts if it happened this long before the window.
const BEFORE: TimeDelta = TimeDelta::hours(1);

/// All that a rule may look at.
#[derive(Clone, Copy)]
pub(super) struct EvalContext<'a> {
    pub(super) profile: &'a Profile,
    pub(super) facts: &'a Facts,
    pub(super) manifest: &'a Manifest,
    /// The end of the collection; ages are measured from it.
    pub(super) at: DateTime<Utc>,
    /// The names of the metrics in each query, by the query's id.
    pub(super) metrics: &'a BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> EvalContext<'a> {
    /// The pods of the servers.
    pub(super) fn servers(&self) -> impl Iterator<Item = &'a PodFacts> + use<'a> {
        self.facts.pods.iter().filter(|pod| pod.is_server)
    }

    /// Whether something at this time may belong to the incident. Without a time, it may.
    pub(super) fn is_recent(&self, at: Option<DateTime<Utc>>) -> bool {
        let since = self.manifest.window_start.checked_sub_signed(BEFORE);
        at.is_none_or(|at| since.is_none_or(|since| at >= since))
    }

    /// Whether a time is longer ago than a duration of the profile, such as `5m`.
    pub(super) fn is_older(&self, at: DateTime<Utc>, than: &str) -> bool {
        let than = promql::duration(than).and_then(|than| TimeDelta::from_std(than).ok());
        than.is_some_and(|than| self.at - at > than)
    }

    /// Why lists of a resource (named as `kubectl` does) are missing; `None` if all are there.
    pub(super) fn missing_lists(&self, resource: &str) -> Option<String> {
        let plural = resource.split('.').next().unwrap_or(resource);
        let held = match plural {
            "horizontalpodautoscalers" => "autoscalers",
            "deployments" | "statefulsets" | "daemonsets" | "replicasets" => "workloads",
            plural => plural,
        };
        if let Some(more) = self.facts.left_out.get(held) {
            return Some(format!("facts.json has no room for {more} more {held}"));
        }
        self.missing(resource, |task| {
            // A node's own pods and events are selected by a field, and belong to other workloads too.
            let is_list = ["list", "object"].contains(&task.kind.as_str()) && !task.id.contains('?');
            is_list && task.target == resource || task.kind == "kind" && [resource, plural].contains(&&*task.target)
        })
    }

    /// Why logs are missing; `None` if all are there.
    pub(super) fn missing_logs(&self) -> Option<String> {
        self.missing("logs", |task| task.is_log() || task.kind == "kind" && task.target == "logs")
    }

    /// Why tasks that `is_meant` selects were not collected; `None` if all were, or had nothing to collect.
    pub(super) fn missing(&self, what: &str, is_meant: impl Fn(&TaskRecord) -> bool) -> Option<String> {
        let unreached = self.manifest.clusters.iter().find(|cluster| cluster.error.is_some());
        if let Some(cluster) = unreached {
            return Some(format!("the cluster {} was not reached", cluster.name));
        }
        let mut tasks = self.manifest.tasks.iter().filter(|task| is_meant(task)).peekable();
        if tasks.peek().is_none() {
            return Some(format!("{what} were not requested"));
        }
        // A skipped list over the cluster was replaced by one list for each namespace.
        let is_complete = |task: &&TaskRecord| {
            matches!(task.outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent)
                || task.outcome == Outcome::Skipped && task.kind == "list" && task.started.is_some()
        };
        let missing: Vec<&TaskRecord> = tasks.filter(|task| !is_complete(task)).collect();
        let first = missing.first()?;
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        Some(format!("{}{more}: {}", first.target, outcome(first)))
    }
}

/// The outcome of a task and its last cause, in words.
pub(super) fn outcome(task: &TaskRecord) -> String {
    let word = serde_json::to_value(task.outcome).ok();
    let word = word.as_ref().and_then(|word| word.as_str()).unwrap_or_default();
    match task.causes.last() {
        Some(cause) => format!("{word}, {cause}"),
        None => word.to_owned(),
    }
}

/// The first of these conditions that matches the profile's.
pub(super) fn condition<'a>(conditions: &'a [Condition], wanted: &ConditionMatch) -> Option<&'a Condition> {
    let ConditionMatch { kind, status, reasons } = wanted;
    let is = |it: &&Condition| {
        it.kind == *kind && it.status == *status && (reasons.is_empty() || reasons.contains(&it.reason))
    };
    conditions.iter().find(is)
}

/// A condition in words: `condition Ready=False: reason: message`.
pub(super) fn condition_words(condition: &Condition) -> String {
    let Condition { kind, status, reason, message, .. } = condition;
    let words = [reason, message].into_iter().filter(|words| !words.is_empty());
    words.fold(format!("condition {kind}={status}"), |text, words| format!("{text}: {words}"))
}
