//! The case: all that a rule may look at, which matcher is looked up where, and what of the evidence is not there.

use super::{answers, cluster, evidence::Seen, lines, pods};
use crate::{
    bundle::{
        Manifest, Outcome, TaskRecord,
        facts::{Condition, Facts, PodFacts},
    },
    profile::{
        Profile,
        rules::{ConditionMatch, FindingRule, Match, Matcher},
    },
    promql,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// How long before the window something counts that has no end of its own: a restart, an event.
const BEFORE: TimeDelta = TimeDelta::hours(1);

/// All that a rule may look at.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) profile: &'a Profile,
    pub(super) facts: &'a Facts,
    pub(super) manifest: &'a Manifest,
    pub(super) at: DateTime<Utc>,
    /// The names of the metrics that each query is made of, by its id.
    pub(super) metrics: &'a BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Case<'a> {
    /// What a rule says.
    pub(super) fn rule(&self, rule: &FindingRule) -> Seen {
        if rule.unless.iter().any(|matcher| matches!(self.matcher(matcher), Seen::Yes(_))) {
            return Seen::No;
        }
        let all = Seen::all(rule.all.iter().map(|matcher| self.matcher(matcher)));
        let any = Seen::any(rule.any.iter().map(|matcher| self.matcher(matcher)));
        Seen::all([all, any])
    }

    /// What a matcher says.
    pub(super) fn matcher(&self, matcher: &Matcher) -> Seen {
        match matcher.one() {
            None => Seen::Unknown("its condition cannot be read".to_owned()),
            Some(Match::Log(log)) => lines::log(self, log),
            Some(Match::Lines(level)) => lines::lines(self, level),
            Some(Match::Ready(ready)) => lines::ready(self, ready),
            Some(Match::Query(query)) => answers::query(self, query),
            Some(Match::Pod(pod)) => pods::pod(self, pod),
            Some(Match::Resources(resources)) => pods::resources(self, resources),
            Some(Match::Usage(usage)) => pods::usage(self, usage),
            Some(Match::Env(env)) => pods::env(self, env),
            Some(Match::Versions(_)) => pods::versions(self),
            Some(Match::Event(event)) => cluster::event(self, event),
            Some(Match::Autoscaler(autoscaler)) => cluster::autoscaler(self, autoscaler),
            Some(Match::Workload(workload)) => cluster::workload(self, workload),
            Some(Match::CustomResource(resource)) => cluster::custom_resource(self, resource),
            Some(Match::Scrape(_)) => cluster::scrape(self),
        }
    }

    /// The servers' pods.
    pub(super) fn servers(&self) -> impl Iterator<Item = &'a PodFacts> + use<'a> {
        self.facts.pods.iter().filter(|pod| pod.is_server)
    }

    /// Whether something at this moment is of the incident. What has no moment is.
    pub(super) fn is_recent(&self, at: Option<DateTime<Utc>>) -> bool {
        let since = self.manifest.window_start.checked_sub_signed(BEFORE);
        at.is_none_or(|at| since.is_none_or(|since| at >= since))
    }

    /// Whether a moment lies farther back than a duration of the profile.
    pub(super) fn is_older(&self, at: DateTime<Utc>, than: &str) -> bool {
        let than = promql::duration(than).and_then(|than| TimeDelta::from_std(than).ok());
        than.is_some_and(|than| self.at - at > than)
    }

    /// Why lists of this resource are not all there, as `kubectl` names it; none where they are.
    pub(super) fn lacks_list(&self, resource: &str) -> Option<String> {
        let plural = resource.split('.').next().unwrap_or(resource);
        let held = match plural {
            "horizontalpodautoscalers" => "autoscalers",
            "deployments" | "statefulsets" | "daemonsets" | "replicasets" => "workloads",
            plural => plural,
        };
        if let Some(more) = self.facts.left_out.get(held) {
            return Some(format!("{more} {held} more than facts.json has room for were not looked at"));
        }
        self.lack(resource, |task| {
            // A node's own pods and events are named by a field, and are about others, too.
            let is_list = ["list", "object"].contains(&task.kind.as_str()) && !task.id.contains('?');
            is_list && task.target == resource || task.kind == "kind" && [resource, plural].contains(&&*task.target)
        })
    }

    /// Why the logs are not all there; none where they are.
    pub(super) fn lacks_logs(&self) -> Option<String> {
        self.lack("logs", |task| task.is_log() || task.kind == "kind" && task.target == "logs")
    }

    /// Why not all tasks of a kind gave what they were to give.
    pub(super) fn lack(&self, what: &str, is: impl Fn(&TaskRecord) -> bool) -> Option<String> {
        let unreached = self.manifest.clusters.iter().find(|cluster| cluster.error.is_some());
        if let Some(cluster) = unreached {
            return Some(format!("the cluster {} was not reached", cluster.name));
        }
        let mut tasks = self.manifest.tasks.iter().filter(|task| is(task)).peekable();
        if tasks.peek().is_none() {
            return Some(format!("{what} were not asked for"));
        }
        // A list over the cluster that is skipped was taken namespace by namespace.
        let is_had = |task: &&TaskRecord| {
            matches!(task.outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent)
                || task.outcome == Outcome::Skipped && task.kind == "list" && task.started.is_some()
        };
        let lacking: Vec<&TaskRecord> = tasks.filter(|task| !is_had(task)).collect();
        let first = lacking.first()?;
        let more = if lacking.len() > 1 { format!(" and {} more", lacking.len() - 1) } else { String::new() };
        Some(format!("{}{more}: {}", first.target, became(first)))
    }
}

/// What became of a task and why, in a few words.
pub(super) fn became(task: &TaskRecord) -> String {
    let word = serde_json::to_value(task.outcome).ok();
    let word = word.as_ref().and_then(|word| word.as_str()).unwrap_or_default();
    match task.causes.last() {
        Some(cause) => format!("{word}, {cause}"),
        None => word.to_owned(),
    }
}

/// A condition among these that is as the profile says.
pub(super) fn condition<'a>(conditions: &'a [Condition], wanted: &ConditionMatch) -> Option<&'a Condition> {
    let ConditionMatch { kind, status, reasons } = wanted;
    let is = |it: &&Condition| {
        it.kind == *kind && it.status == *status && (reasons.is_empty() || reasons.contains(&it.reason))
    };
    conditions.iter().find(is)
}

/// A condition in words.
pub(super) fn told(condition: &Condition) -> String {
    let Condition { kind, status, reason, message, .. } = condition;
    let words = [reason, message].into_iter().filter(|words| !words.is_empty());
    words.fold(format!("condition {kind}={status}"), |text, words| format!("{text}: {words}"))
}
