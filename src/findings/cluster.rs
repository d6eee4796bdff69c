//! What the objects around the pods show: events, autoscalers, what makes the pods, custom resources, endpoints.

use super::{
    case::{Case, condition, told},
    evidence::{Evidence, Seen, quote},
};
use crate::{
    bundle::{
        Outcome,
        facts::{AutoscalerFacts, EventFacts, PodFacts, WorkloadFacts},
        findings::Shown,
    },
    profile::rules::{AutoscalerMatch, CustomResourceMatch, EventMatch, WorkloadMatch},
};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;
use std::collections::BTreeSet;

pub(super) fn event(case: &Case<'_>, wanted: &EventMatch) -> Seen {
    let note = wanted.note.as_ref().map(|note| Regex::new(note).ok());
    let is = |event: &&EventFacts| {
        let (about, name) = event.about.split_once('/').unwrap_or((&event.about, ""));
        // Of a pod that is there it is known whether it is a server.
        let is_of_other = || {
            about == "Pod"
                && case
                    .facts
                    .pods
                    .iter()
                    .any(|pod| pod.pod == name && pod.namespace == event.namespace && !pod.is_server)
        };
        wanted.reasons.contains(&event.reason)
            && wanted.kind.as_ref().is_none_or(|kind| *kind == event.kind)
            && wanted.about.as_ref().is_none_or(|wanted| wanted == about)
            && note.as_ref().is_none_or(|note| note.as_ref().is_some_and(|note| note.is_match(event.note.as_str())))
            && case.is_recent(event.last)
            && !is_of_other()
    };
    let mut events: Vec<&EventFacts> = case.facts.events.iter().filter(is).collect();
    let count = events.iter().fold(0_u64, |sum, event| sum.saturating_add(event.count.max(1)));
    if count < wanted.at_least {
        events.clear();
    }
    events.sort_by_key(|event| (std::cmp::Reverse(event.count), event.first));
    Seen::of(events.into_iter().map(told_by), || case.lacks_list("events"))
}

fn told_by(event: &EventFacts) -> Evidence {
    let EventFacts { cluster, namespace, about, reason, note, .. } = event;
    let pod = about.strip_prefix("Pod/").map(|pod| format!("{cluster}/{namespace}/{pod}"));
    Evidence {
        shown: vec![Shown {
            quote: quote(&format!("event about {about}: {reason}: {note}")),
            entry: Some(event.entry.clone()).filter(|entry| !entry.is_empty()),
            at: event.first,
            times: event.count.max(1),
            ..Shown::default()
        }],
        since: event.first,
        until: event.last,
        pods: pod.into_iter().collect(),
        container: None,
    }
}

fn object(entry: &str, words: &str, since: Option<DateTime<Utc>>) -> Evidence {
    let entry = Some(entry.to_owned()).filter(|entry| !entry.is_empty());
    Evidence {
        shown: vec![Shown { quote: quote(words), entry, at: since, times: 1, ..Shown::default() }],
        since,
        ..Evidence::default()
    }
}

pub(super) fn autoscaler(case: &Case<'_>, wanted: &AutoscalerMatch) -> Seen {
    let meets = |it: &AutoscalerFacts| {
        let AutoscalerFacts { entry, name, min, max, current, desired, .. } = it;
        // One that may have so many pods only is no autoscaler.
        let is_at_maximum = *max > *min && *max > 0 && current >= max && desired >= max;
        if wanted.at_maximum && !is_at_maximum {
            return None;
        }
        let found = match &wanted.condition {
            None => None,
            Some(wanted) => Some(condition(&it.conditions, wanted)?),
        };
        let words = found.map(|found| format!(", {}", told(found))).unwrap_or_default();
        let metrics = if it.metrics.is_empty() { String::new() } else { format!(", {}", it.metrics.join(", ")) };
        let words = format!("autoscaler {name}: {current} pods of at most {max}{metrics}{words}");
        let since = found.and_then(|found| found.since).or(it.last_scaled.filter(|_| wanted.at_maximum));
        Some(object(entry, &words, since))
    };
    Seen::of(case.facts.autoscalers.iter().filter_map(meets), || {
        case.lacks_list("horizontalpodautoscalers.autoscaling")
    })
}

pub(super) fn workload(case: &Case<'_>, wanted: &WorkloadMatch) -> Seen {
    let meets = |it: &WorkloadFacts| {
        let WorkloadFacts { entry, kind, name, wanted: pods, ready, created, .. } = it;
        if wanted.unavailable && ready >= pods {
            return None;
        }
        if let Some(age) = &wanted.younger_than
            && (kind == "ReplicaSet" || created.is_none_or(|created| case.is_older(created, age)))
        {
            return None;
        }
        let found = match &wanted.condition {
            None => None,
            Some(wanted) => Some(condition(&it.conditions, wanted)?),
        };
        let words = found.map(|found| format!(", {}", told(found))).unwrap_or_default();
        let since = found.and_then(|found| found.since).or(created.filter(|_| wanted.younger_than.is_some()));
        Some(object(entry, &format!("{kind} {name}: {ready} of {pods} pods are ready{words}"), since))
    };
    // One that was made anew is no first installation of all.
    let is_old = |it: &&WorkloadFacts| {
        let age = wanted.younger_than.as_ref();
        it.kind != "ReplicaSet" && age.zip(it.created).is_some_and(|(age, created)| case.is_older(created, age))
    };
    if case.facts.workloads.iter().any(|it| is_old(&it)) {
        return Seen::No;
    }
    let kinds = ["deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps"];
    let is_asked = |resource: &&&str| case.profile.objects.iter().any(|rule| rule.resource.to_string() == ***resource);
    Seen::of(case.facts.workloads.iter().filter_map(meets), || {
        let none = || Some("the profile collects nothing that makes pods".to_owned());
        let mut asked = kinds.iter().filter(is_asked).peekable();
        if asked.peek().is_none() { none() } else { asked.find_map(|resource| case.lacks_list(resource)) }
    })
}

pub(super) fn custom_resource(case: &Case<'_>, wanted: &CustomResourceMatch) -> Seen {
    let group = &wanted.missing;
    let ending = format!(".{group}");
    let lists = || case.manifest.tasks.iter().filter(|task| task.kind == "list" && task.target.ends_with(&ending));
    let lacks = || case.lack(group, |task| task.kind == "list" && task.target.ends_with(&ending));
    let places: BTreeSet<(&str, &str)> = case.servers().map(|pod| (&*pod.cluster, &*pod.namespace)).collect();
    let is_there = |(cluster, namespace): &(&str, &str)| {
        case.facts.custom_resources.iter().any(|it| {
            it.cluster == *cluster
                && it.namespace == *namespace
                && it.resource.ends_with(&ending)
                && !it.names.is_empty()
        })
    };
    let missing: Vec<(&str, &str)> = places.into_iter().filter(|place| !is_there(place)).collect();
    if missing.is_empty() {
        return case.lacks_list("pods").filter(|_| case.servers().next().is_none()).map_or(Seen::No, Seen::Unknown);
    }
    if let Some(lack) = lacks() {
        return Seen::Unknown(lack);
    }
    // What facts do not tell of and a list has was cut from them.
    if lists().any(|task| task.outcome == Outcome::Collected) && case.facts.custom_resources.is_empty() {
        return Seen::Unknown(format!("facts.json has nothing of {group}"));
    }
    let is_served = lists().any(|task| task.outcome != Outcome::Absent);
    let shown = missing.into_iter().map(|(_, namespace)| {
        let words = match is_served {
            true => format!("there is no object of {group} in namespace {namespace}"),
            false => format!("the API server does not serve {group}"),
        };
        object("", &words, None)
    });
    Seen::of(shown, || None)
}

pub(super) fn scrape(case: &Case<'_>) -> Seen {
    let is_of = |id: &str, pod: &PodFacts| id.contains(&format!("/{}/{}/", pod.namespace, pod.pod));
    let closed = case.manifest.tasks.iter().filter(|task| task.kind == "scrape" && task.outcome == Outcome::Absent);
    let shown = closed.filter_map(|task| {
        // One that does not run listens on nothing, and that is another matter.
        let pod = case.servers().find(|pod| pod.is_ready() && is_of(&task.id, pod))?;
        let cause = task.causes.last().map_or("nothing listens", String::as_str);
        let mut found = object(&pod.entry, &format!("{}: {cause}", task.target), task.started);
        found.pods.insert(format!("{}/{}/{}", pod.cluster, pod.namespace, pod.pod));
        Some(found)
    });
    Seen::of(shown, || case.lack("scrapes", |task| task.kind == "scrape" || task.target == "scrapes"))
}
