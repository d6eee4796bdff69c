//! Owns the matchers over everything around the pods: events, autoscalers, workloads, custom resources, metrics endpoints.

use super::{
    context::{EvalContext, condition, condition_words},
    evidence::{Evidence, MatchResult, pod_name, shown},
};
use crate::{
    bundle::{
        Outcome,
        facts::{AutoscalerFacts, EventFacts, PodFacts, WorkloadFacts},
    },
    profile::rules::{AutoscalerMatch, CustomResourceMatch, EventMatch, WorkloadMatch},
};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;
use std::collections::BTreeSet;

/// Whether there are enough recent events of these reasons.
pub(super) fn event(context: &EvalContext<'_>, wanted: &EventMatch) -> MatchResult {
    let note = wanted.note.as_ref().map(|note| Regex::new(note).ok());
    let is = |event: &&EventFacts| {
        let (about, name) = event.about.split_once('/').unwrap_or((&event.about, ""));
        // Events about pods of other workloads do not count.
        let is_of_other = || {
            about == "Pod"
                && context
                    .facts
                    .pods
                    .iter()
                    .any(|pod| pod.pod == name && pod.namespace == event.namespace && !pod.is_server)
        };
        wanted.reasons.contains(&event.reason)
            && wanted.kind.as_ref().is_none_or(|kind| *kind == event.kind)
            && wanted.about.as_ref().is_none_or(|wanted| wanted == about)
            && note.as_ref().is_none_or(|note| note.as_ref().is_some_and(|note| note.is_match(event.note.as_str())))
            && context.is_recent(event.last)
            && !is_of_other()
    };
    let mut events: Vec<&EventFacts> = context.facts.events.iter().filter(is).collect();
    let count = events.iter().fold(0_u64, |sum, event| sum.saturating_add(event.count.max(1)));
    if count < wanted.at_least {
        events.clear();
    }
    events.sort_by_key(|event| (std::cmp::Reverse(event.count), event.first));
    MatchResult::from_evidence(events.into_iter().map(event_evidence), || context.missing_lists("events"))
}

fn event_evidence(event: &EventFacts) -> Evidence {
    let EventFacts { cluster, namespace, about, reason, note, .. } = event;
    let pod = about.strip_prefix("Pod/").map(|pod| pod_name(cluster, namespace, pod));
    let words = format!("event about {about}: {reason}: {note}");
    Evidence {
        shown: vec![shown(&words, &event.entry, event.first, event.count.max(1))],
        since: event.first,
        until: event.last,
        pods: pod.into_iter().collect(),
        container: None,
    }
}

/// Evidence in an object's file; `entry` is empty if there is none.
fn object(entry: &str, words: &str, since: Option<DateTime<Utc>>) -> Evidence {
    Evidence { shown: vec![shown(words, entry, since, 1)], since, ..Evidence::default() }
}

/// Whether an autoscaler is at its maximum, or has a condition.
pub(super) fn autoscaler(context: &EvalContext<'_>, wanted: &AutoscalerMatch) -> MatchResult {
    let matches = |it: &AutoscalerFacts| {
        let AutoscalerFacts { entry, name, min, max, current, desired, .. } = it;
        // If minimum and maximum are equal, being at the maximum means nothing.
        let is_at_maximum = *max > *min && *max > 0 && current >= max && desired >= max;
        if wanted.at_maximum && !is_at_maximum {
            return None;
        }
        let found = match &wanted.condition {
            None => None,
            Some(wanted) => Some(condition(&it.conditions, wanted)?),
        };
        let words = found.map(|found| format!(", {}", condition_words(found))).unwrap_or_default();
        let metrics = if it.metrics.is_empty() { String::new() } else { format!(", {}", it.metrics.join(", ")) };
        let words = format!("autoscaler {name}: {current} of at most {max} pods{metrics}{words}");
        let since = found.and_then(|found| found.since).or(it.last_scaled.filter(|_| wanted.at_maximum));
        Some(object(entry, &words, since))
    };
    MatchResult::from_evidence(context.facts.autoscalers.iter().filter_map(matches), || {
        context.missing_lists("horizontalpodautoscalers.autoscaling")
    })
}

/// Whether a deployment or its like lacks pods, is new, or has a condition.
pub(super) fn workload(context: &EvalContext<'_>, wanted: &WorkloadMatch) -> MatchResult {
    let matches = |it: &WorkloadFacts| {
        let WorkloadFacts { entry, kind, name, wanted: pods, ready, created, .. } = it;
        if wanted.unavailable && ready >= pods {
            return None;
        }
        if let Some(age) = &wanted.younger_than
            && (kind == "ReplicaSet" || created.is_none_or(|created| context.is_older(created, age)))
        {
            return None;
        }
        let found = match &wanted.condition {
            None => None,
            Some(wanted) => Some(condition(&it.conditions, wanted)?),
        };
        let words = found.map(|found| format!(", {}", condition_words(found))).unwrap_or_default();
        let since = found.and_then(|found| found.since).or(created.filter(|_| wanted.younger_than.is_some()));
        Some(object(entry, &format!("{kind} {name}: {ready} of {pods} pods are ready{words}"), since))
    };
    // If another workload is older, this is not the first installation.
    let is_old = |it: &&WorkloadFacts| {
        let age = wanted.younger_than.as_ref();
        it.kind != "ReplicaSet" && age.zip(it.created).is_some_and(|(age, created)| context.is_older(created, age))
    };
    if context.facts.workloads.iter().any(|it| is_old(&it)) {
        return MatchResult::NoMatch;
    }
    let kinds = ["deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps"];
    let is_asked =
        |resource: &&&str| context.profile.objects.iter().any(|rule| rule.resource.to_string() == ***resource);
    MatchResult::from_evidence(context.facts.workloads.iter().filter_map(matches), || {
        let none =
            || Some("the profile collects no deployments, stateful sets, daemon sets or replica sets".to_owned());
        let mut asked = kinds.iter().filter(is_asked).peekable();
        if asked.peek().is_none() { none() } else { asked.find_map(|resource| context.missing_lists(resource)) }
    })
}

/// Whether a namespace with servers has no custom resource of a group.
pub(super) fn custom_resource(context: &EvalContext<'_>, wanted: &CustomResourceMatch) -> MatchResult {
    let group = &wanted.missing;
    let ending = format!(".{group}");
    let lists = || context.manifest.tasks.iter().filter(|task| task.kind == "list" && task.target.ends_with(&ending));
    let missing_lists = || context.missing(group, |task| task.kind == "list" && task.target.ends_with(&ending));
    let places: BTreeSet<(&str, &str)> = context.servers().map(|pod| (&*pod.cluster, &*pod.namespace)).collect();
    let is_there = |(cluster, namespace): &(&str, &str)| {
        context.facts.custom_resources.iter().any(|it| {
            it.cluster == *cluster
                && it.namespace == *namespace
                && it.resource.ends_with(&ending)
                && !it.names.is_empty()
        })
    };
    let missing: Vec<(&str, &str)> = places.into_iter().filter(|place| !is_there(place)).collect();
    if missing.is_empty() {
        return context
            .missing_lists("pods")
            .filter(|_| context.servers().next().is_none())
            .map_or(MatchResult::NoMatch, MatchResult::Unknown);
    }
    if let Some(why) = missing_lists() {
        return MatchResult::Unknown(why);
    }
    // The list has objects that were cut from the facts.
    if lists().any(|task| task.outcome == Outcome::Collected) && context.facts.custom_resources.is_empty() {
        return MatchResult::Unknown(format!("facts.json has no facts about {group}"));
    }
    let is_served = lists().any(|task| task.outcome != Outcome::Absent);
    let evidence = missing.into_iter().map(|(_, namespace)| {
        let words = match is_served {
            true => format!("namespace {namespace} has no object of {group}"),
            false => format!("the API server does not serve {group}"),
        };
        object("", &words, None)
    });
    MatchResult::from_evidence(evidence, || None)
}

/// Whether nothing listens on the metrics port of a ready server.
pub(super) fn scrape(context: &EvalContext<'_>) -> MatchResult {
    let is_of = |id: &str, pod: &PodFacts| id.contains(&format!("/{}/{}/", pod.namespace, pod.pod));
    let closed = context.manifest.tasks.iter().filter(|task| task.kind == "scrape" && task.outcome == Outcome::Absent);
    let evidence = closed.filter_map(|task| {
        // A pod that is not ready need not listen.
        let pod = context.servers().find(|pod| pod.is_ready() && is_of(&task.id, pod))?;
        let cause = task.causes.last().map_or("nothing listens", String::as_str);
        let mut found = object(&pod.entry, &format!("{}: {cause}", task.target), task.started);
        found.pods.insert(pod_name(&pod.cluster, &pod.namespace, &pod.pod));
        Some(found)
    });
    MatchResult::from_evidence(evidence, || {
        context.missing("scrapes", |task| task.kind == "scrape" || task.target == "scrapes")
    })
}
