//! What the servers' pods show.

use super::{
    case::{Case, condition, told},
    evidence::{Evidence, Seen, quote},
};
use crate::{
    bundle::{
        facts::{ContainerFacts, PodFacts, RunState},
        findings::Shown,
    },
    profile::{
        Threshold,
        rules::{ContainerKind, EnvMatch, PodMatch, ResourcesMatch, UsageMatch},
    },
};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn pod(case: &Case<'_>, wanted: &PodMatch) -> Seen {
    let lacks = || case.lacks_list("pods");
    if !wanted.every {
        return Seen::of(case.servers().filter_map(|pod| meets(case, pod, wanted)), lacks);
    }
    if let Some(lack) = lacks() {
        return Seen::Unknown(lack);
    }
    // All of one place: another region's servers do not help.
    let mut places: BTreeMap<(&str, &str), Vec<Option<Evidence>>> = BTreeMap::new();
    for pod in case.servers().filter(|pod| !is_over(pod)) {
        places.entry((&pod.cluster, &pod.namespace)).or_default().push(meets(case, pod, wanted));
    }
    let down = places.into_values().filter(|of| of.iter().all(Option::is_some));
    Seen::of(down.flatten().flatten(), || None)
}

/// Whether a pod has ended, or was asked to go.
fn is_over(pod: &PodFacts) -> bool {
    ["Succeeded", "Failed"].contains(&pod.phase.as_str()) || pod.deleted.is_some()
}

/// What shows that a pod is so.
fn meets(case: &Case<'_>, pod: &PodFacts, wanted: &PodMatch) -> Option<Evidence> {
    let mut found = about(pod, None, Vec::new(), None);
    if let Some(lasts) = &wanted.not_ready_for {
        let ready = pod.condition("Ready");
        let since = ready.and_then(|ready| ready.since).or(pod.created);
        if pod.is_ready() || is_over(pod) || since.is_some_and(|since| !case.is_older(since, lasts)) {
            return None;
        }
        let words = ready.map_or_else(|| format!("phase {}, and no condition Ready", pod.phase), told);
        found.join(about(pod, None, vec![words], since));
    }
    if let Some(wanted) = &wanted.condition {
        let condition = condition(&pod.conditions, wanted)?;
        found.join(about(pod, None, vec![told(condition)], condition.since));
    }
    let of_container = !(wanted.waiting.is_empty() && wanted.terminated.is_empty() && wanted.exit_codes.is_empty())
        || wanted.restarts.is_some();
    if of_container {
        let containers = pod.containers.iter().filter(|container| is_of(container, wanted.container));
        found.join(Evidence::of(containers.filter_map(|container| container_meets(case, pod, container, wanted)))?);
    }
    Some(found)
}

fn is_of(container: &ContainerFacts, wanted: ContainerKind) -> bool {
    match wanted {
        ContainerKind::Any => container.kind != "ephemeral",
        ContainerKind::Own => container.kind.is_empty(),
        ContainerKind::Init => container.kind == "init",
    }
}

fn container_meets(case: &Case<'_>, pod: &PodFacts, of: &ContainerFacts, wanted: &PodMatch) -> Option<Evidence> {
    let mut words = Vec::new();
    let mut since = None;
    // Whatever ended first tells since when.
    let ends = || [&of.last_state, &of.state].into_iter().flatten().filter(|run| run.kind == "terminated");
    let is_recent = |run: &&RunState| case.is_recent(run.finished);
    if !wanted.waiting.is_empty() {
        let waits = |run: &&RunState| run.kind == "waiting" && wanted.waiting.contains(&run.reason);
        let state = of.state.as_ref().filter(waits).filter(|_| pod.deleted.is_none())?;
        words.push(format!("container {} is waiting: {}", of.name, reason(state)));
        since = ends().filter_map(|run| run.finished).min().or(pod.created);
    }
    if !(wanted.terminated.is_empty() && wanted.exit_codes.is_empty()) {
        let is = |run: &&RunState| {
            (wanted.terminated.is_empty() || wanted.terminated.contains(&run.reason))
                && (wanted.exit_codes.is_empty() || run.exit_code.is_some_and(|code| wanted.exit_codes.contains(&code)))
        };
        let run = ends().filter(is_recent).find(is)?;
        let code = run.exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
        words.push(format!("container {} ended{code}: {}{}", of.name, reason(run), memory_limit(of, run)));
        since = since.into_iter().chain(run.finished).min();
    }
    if let Some(restarts) = wanted.restarts {
        let last = ends().find(is_recent)?;
        if of.restarts < restarts {
            return None;
        }
        words.push(format!("container {} restarted {} times", of.name, of.restarts));
        since = since.into_iter().chain(last.finished).min();
    }
    Some(about(pod, Some(of), words, since))
}

/// ` (limit 96Mi)` for a run that was OOM-killed, if the container has a memory limit.
fn memory_limit(of: &ContainerFacts, run: &RunState) -> String {
    let limit = of.limits.get("memory").filter(|_| run.reason == "OOMKilled");
    limit.map(|limit| format!(" (limit {})", amount("memory", *limit))).unwrap_or_default()
}

fn reason(run: &RunState) -> String {
    let words = [&run.reason, &run.message].into_iter().filter(|words| !words.is_empty());
    words.cloned().collect::<Vec<_>>().join(": ")
}

fn about(pod: &PodFacts, of: Option<&ContainerFacts>, words: Vec<String>, since: Option<DateTime<Utc>>) -> Evidence {
    let shown = |words: String| Shown {
        quote: quote(&format!("pod {}: {words}", pod.pod)),
        entry: Some(pod.entry.clone()).filter(|entry| !entry.is_empty()),
        at: since,
        times: 1,
        ..Shown::default()
    };
    Evidence {
        shown: words.into_iter().map(shown).collect(),
        since,
        until: None,
        pods: [name(pod)].into(),
        container: of.map(|of| (name(pod), of.name.clone())),
    }
}

fn name(pod: &PodFacts) -> String {
    format!("{}/{}/{}", pod.cluster, pod.namespace, pod.pod)
}

/// Of the servers' own containers, what `say` tells of each.
fn of_containers(case: &Case<'_>, say: impl Fn(&ContainerFacts) -> Option<String>) -> Vec<Evidence> {
    let own = case.servers().flat_map(|pod| pod.containers.iter().map(move |of| (pod, of)));
    let own = own.filter(|(_, of)| of.kind.is_empty());
    own.filter_map(|(pod, of)| Some(about(pod, Some(of), vec![format!("container {} {}", of.name, say(of)?)], None)))
        .collect()
}

pub(super) fn resources(case: &Case<'_>, wanted: &ResourcesMatch) -> Seen {
    let below = |what: &str, least: &BTreeMap<String, String>, has: &BTreeMap<String, f64>| -> Vec<String> {
        let is_less = |(name, text): (&String, &String)| {
            let least = crate::quantity::parse(text)?;
            match has.get(name) {
                None => Some(format!("no {name} {what}, {text} is recommended")),
                Some(has) if *has < least => {
                    Some(format!("{name} {what} {}, {text} is recommended", amount(name, *has)))
                }
                Some(_) => None,
            }
        };
        least.iter().filter_map(is_less).collect()
    };
    let say = |of: &ContainerFacts| {
        let lacks =
            [below("request", &wanted.requests, &of.requests), below("limit", &wanted.limits, &of.limits)].concat();
        (!lacks.is_empty()).then(|| format!("has {}", lacks.join("; ")))
    };
    Seen::of(of_containers(case, say), || case.lacks_list("pods"))
}

fn amount(name: &str, value: f64) -> String {
    match name {
        "memory" => format!("{:.0}Mi", value / 1_048_576.0),
        _ => format!("{:.0}m", value * 1000.0),
    }
}

pub(super) fn usage(case: &Case<'_>, wanted: &UsageMatch) -> Seen {
    let UsageMatch { resource, of_limit } = wanted;
    let bound = of_limit.parse::<Threshold>().ok();
    let part = |of: &ContainerFacts| {
        let limit = of.limits.get(resource).filter(|limit| **limit > 0.0)?;
        Some(of.usage.get(resource)? / limit)
    };
    let say = |of: &ContainerFacts| {
        let part = part(of).filter(|part| bound.is_some_and(|bound| bound.holds(*part)))?;
        Some(format!("uses {:.0} % of its {resource} limit", part * 100.0))
    };
    let found = of_containers(case, say).into_iter().map(|evidence| Evidence { since: Some(case.at), ..evidence });
    Seen::of(found, || {
        let mut own = case.servers().flat_map(|pod| &pod.containers).filter(|of| of.kind.is_empty());
        let none = format!("no metrics server told how much {resource} is used");
        match own.any(|of| part(of).is_some()) {
            // What was used at one moment says nothing of the others.
            true => Some(format!("how much {resource} is used is known of the moment of the collection only")),
            false => case.lacks_list("pods").or(Some(none)),
        }
    })
}

pub(super) fn env(case: &Case<'_>, wanted: &EnvMatch) -> Seen {
    let Ok(pattern) = Regex::new(&wanted.value) else {
        return Seen::Unknown("its expression cannot be read".to_owned());
    };
    let say = |of: &ContainerFacts| {
        let value = of.env.get(&wanted.name).filter(|value| pattern.is_match(value.as_str()))?;
        Some(format!("has {}={value}", wanted.name))
    };
    Seen::of(of_containers(case, say), || case.lacks_list("pods"))
}

pub(super) fn versions(case: &Case<'_>) -> Seen {
    let pods: Vec<&PodFacts> = case.servers().filter(|pod| !is_over(pod)).collect();
    let mut images: BTreeMap<(&str, &str, &str), BTreeMap<&str, Vec<&PodFacts>>> = BTreeMap::new();
    for (pod, of) in pods.iter().flat_map(|pod| pod.containers.iter().map(move |of| (*pod, of))) {
        if of.kind.is_empty() && !of.image.is_empty() {
            images.entry((&pod.cluster, &pod.namespace, &of.name)).or_default().entry(&of.image).or_default().push(pod);
        }
    }
    let found = images.into_iter().filter(|(_, by_image)| by_image.len() > 1).map(|((_, _, container), by_image)| {
        let each: Vec<String> =
            by_image.iter().map(|(image, pods)| format!("{image} in {} pods", pods.len())).collect();
        let quote = quote(&format!("container {container}: {}", each.join(", ")));
        let entry = by_image.values().flatten().next().map(|pod| pod.entry.clone());
        let created = by_image.values().filter_map(|pods| pods.iter().filter_map(|pod| pod.created).min());
        let pods: BTreeSet<String> = by_image.values().flatten().map(|pod| name(pod)).collect();
        // From the first pod of the image that came last.
        let since = created.max();
        Evidence {
            shown: vec![Shown { quote, entry, at: since, times: 1, ..Shown::default() }],
            since,
            pods,
            ..Evidence::default()
        }
    });
    Seen::of(found, || case.lacks_list("pods"))
}
