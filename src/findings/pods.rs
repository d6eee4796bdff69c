//! Owns the matchers over the servers' pods and their containers.

use super::{
    context::{EvalContext, condition, condition_words},
    evidence::{Evidence, MatchResult, pod_name, shown},
};
use crate::{
    bundle::facts::{ContainerFacts, PodFacts, RunState},
    profile::{
        Threshold,
        rules::{ContainerKind, EnvMatch, PodMatch, ResourcesMatch, UsageMatch},
    },
    quantity,
    text::counted,
};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a pod, or with `every` all pods of a namespace, match.
pub(super) fn pod(context: &EvalContext<'_>, wanted: &PodMatch) -> MatchResult {
    let missing = || context.missing_lists("pods");
    if !wanted.every {
        return MatchResult::from_evidence(
            context.servers().filter_map(|pod| pod_matches(context, pod, wanted)),
            missing,
        );
    }
    if let Some(why) = missing() {
        return MatchResult::Unknown(why);
    }
    // By namespace, because servers of another region do not help.
    let mut places: BTreeMap<(&str, &str), Vec<Option<Evidence>>> = BTreeMap::new();
    for pod in context.servers().filter(|pod| !is_over(pod)) {
        places.entry((&pod.cluster, &pod.namespace)).or_default().push(pod_matches(context, pod, wanted));
    }
    let down = places.into_values().filter(|of| of.iter().all(Option::is_some));
    MatchResult::from_evidence(down.flatten().flatten(), || None)
}

/// Whether a pod has ended or is being deleted.
fn is_over(pod: &PodFacts) -> bool {
    ["Succeeded", "Failed"].contains(&pod.phase.as_str()) || pod.deleted.is_some()
}

/// The evidence that a pod matches; `None` if it does not.
fn pod_matches(context: &EvalContext<'_>, pod: &PodFacts, wanted: &PodMatch) -> Option<Evidence> {
    let mut found = about(pod, None, Vec::new(), None);
    if let Some(lasts) = &wanted.not_ready_for {
        let ready = pod.condition("Ready");
        let since = ready.and_then(|ready| ready.since).or(pod.created);
        if pod.is_ready() || is_over(pod) || since.is_some_and(|since| !context.is_older(since, lasts)) {
            return None;
        }
        let words = ready.map_or_else(|| format!("phase {}, and no condition Ready", pod.phase), condition_words);
        found.join(about(pod, None, vec![words], since));
    }
    if let Some(wanted) = &wanted.condition {
        let condition = condition(&pod.conditions, wanted)?;
        found.join(about(pod, None, vec![condition_words(condition)], condition.since));
    }
    let of_container = !(wanted.waiting.is_empty() && wanted.terminated.is_empty() && wanted.exit_codes.is_empty())
        || wanted.restarts.is_some();
    if of_container {
        let containers = pod.containers.iter().filter(|container| is_of(container, wanted.container));
        found.join(Evidence::joined(
            containers.filter_map(|container| container_matches(context, pod, container, wanted)),
        )?);
    }
    Some(found)
}

/// Whether a container is of the kind that the rule asks for.
fn is_of(container: &ContainerFacts, wanted: ContainerKind) -> bool {
    match wanted {
        ContainerKind::Any => container.kind != "ephemeral",
        ContainerKind::Own => container.kind.is_empty(),
        ContainerKind::Init => container.kind == "init",
    }
}

/// The evidence that a container matches; `None` if it does not.
fn container_matches(
    context: &EvalContext<'_>,
    pod: &PodFacts,
    of: &ContainerFacts,
    wanted: &PodMatch,
) -> Option<Evidence> {
    let mut words = Vec::new();
    let mut since = None;
    // The earliest of the matched states says since when.
    let ends = || [&of.last_state, &of.state].into_iter().flatten().filter(|run| run.kind == "terminated");
    let is_recent = |run: &&RunState| context.is_recent(run.finished);
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
        words.push(format!("container {} restarted {}", of.name, counted(of.restarts, "time")));
        since = since.into_iter().chain(last.finished).min();
    }
    Some(about(pod, Some(of), words, since))
}

/// Reason and message of a state.
fn reason(run: &RunState) -> String {
    let words = [&run.reason, &run.message].into_iter().filter(|words| !words.is_empty());
    words.cloned().collect::<Vec<_>>().join(": ")
}

/// Evidence about a pod, and about one of its containers.
fn about(pod: &PodFacts, of: Option<&ContainerFacts>, words: Vec<String>, since: Option<DateTime<Utc>>) -> Evidence {
    let shown = |words: String| shown(&format!("pod {}: {words}", pod.pod), &pod.entry, since, 1);
    Evidence {
        shown: words.into_iter().map(shown).collect(),
        since,
        until: None,
        pods: [name(pod)].into(),
        container: of.map(|of| (name(pod), of.name.clone())),
    }
}

/// `cluster/namespace/pod`.
fn name(pod: &PodFacts) -> String {
    pod_name(&pod.cluster, &pod.namespace, &pod.pod)
}

/// Evidence for each of the servers' own containers of which `describe` gives a text.
fn of_containers(context: &EvalContext<'_>, describe: impl Fn(&ContainerFacts) -> Option<String>) -> Vec<Evidence> {
    let own = context.servers().flat_map(|pod| pod.containers.iter().map(move |of| (pod, of)));
    let own = own.filter(|(_, of)| of.kind.is_empty());
    own.filter_map(|(pod, of)| {
        Some(about(pod, Some(of), vec![format!("container {} {}", of.name, describe(of)?)], None))
    })
    .collect()
}

/// Whether a container requests or is limited to less than the profile recommends.
pub(super) fn resources(context: &EvalContext<'_>, wanted: &ResourcesMatch) -> MatchResult {
    let below = |what: &str, least: &BTreeMap<String, String>, has: &BTreeMap<String, f64>| -> Vec<String> {
        let is_less = |(name, text): (&String, &String)| {
            let least = quantity::parse(text)?;
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
    let describe = |of: &ContainerFacts| {
        let lower =
            [below("request", &wanted.requests, &of.requests), below("limit", &wanted.limits, &of.limits)].concat();
        (!lower.is_empty()).then(|| format!("has {}", lower.join("; ")))
    };
    MatchResult::from_evidence(of_containers(context, describe), || context.missing_lists("pods"))
}

/// ` (limit 96Mi)` for a run that was OOM-killed, if the container has a memory limit.
fn memory_limit(of: &ContainerFacts, run: &RunState) -> String {
    let limit = of.limits.get("memory").filter(|_| run.reason == "OOMKilled");
    limit.map(|limit| format!(" (limit {})", amount("memory", *limit))).unwrap_or_default()
}

/// An amount of a resource as Kubernetes writes it: `512Mi`, `250m`.
fn amount(name: &str, value: f64) -> String {
    match name {
        "memory" => format!("{:.0}Mi", value / 1_048_576.0),
        _ => format!("{:.0}m", value * 1000.0),
    }
}

/// Whether a container uses a certain part of its limit.
pub(super) fn usage(context: &EvalContext<'_>, wanted: &UsageMatch) -> MatchResult {
    let UsageMatch { resource, of_limit } = wanted;
    let bound = of_limit.parse::<Threshold>().ok();
    let part = |of: &ContainerFacts| {
        let limit = of.limits.get(resource).filter(|limit| **limit > 0.0)?;
        Some(of.usage.get(resource)? / limit)
    };
    let describe = |of: &ContainerFacts| {
        let part = part(of).filter(|part| bound.is_some_and(|bound| bound.holds(*part)))?;
        Some(format!("uses {:.0} % of its {resource} limit", part * 100.0))
    };
    let found =
        of_containers(context, describe).into_iter().map(|evidence| Evidence { since: Some(context.at), ..evidence });
    MatchResult::from_evidence(found, || {
        let mut own = context.servers().flat_map(|pod| &pod.containers).filter(|of| of.kind.is_empty());
        let none = format!("no metrics server reported the {resource} usage");
        match own.any(|of| part(of).is_some()) {
            // The metrics server knows only the current usage.
            true => Some(format!("the {resource} usage is known only at the time of the collection")),
            false => context.missing_lists("pods").or(Some(none)),
        }
    })
}

/// Whether an environment variable of a container has a value.
pub(super) fn env(context: &EvalContext<'_>, wanted: &EnvMatch) -> MatchResult {
    let Ok(pattern) = Regex::new(&wanted.value) else {
        return MatchResult::Unknown("its regular expression is invalid".to_owned());
    };
    let describe = |of: &ContainerFacts| {
        let value = of.env.get(&wanted.name).filter(|value| pattern.is_match(value.as_str()))?;
        Some(format!("has {}={value}", wanted.name))
    };
    MatchResult::from_evidence(of_containers(context, describe), || context.missing_lists("pods"))
}

/// Whether the pods of a namespace run different images in the same container.
pub(super) fn versions(context: &EvalContext<'_>) -> MatchResult {
    let pods: Vec<&PodFacts> = context.servers().filter(|pod| !is_over(pod)).collect();
    let mut images: BTreeMap<(&str, &str, &str), BTreeMap<&str, Vec<&PodFacts>>> = BTreeMap::new();
    for (pod, of) in pods.iter().flat_map(|pod| pod.containers.iter().map(move |of| (*pod, of))) {
        if of.kind.is_empty() && !of.image.is_empty() {
            images.entry((&pod.cluster, &pod.namespace, &of.name)).or_default().entry(&of.image).or_default().push(pod);
        }
    }
    let found = images.into_iter().filter(|(_, by_image)| by_image.len() > 1).map(|((_, _, container), by_image)| {
        let each: Vec<String> =
            by_image.iter().map(|(image, pods)| format!("{image} in {}", counted(pods.len() as u64, "pod"))).collect();
        let words = format!("container {container}: {}", each.join(", "));
        let entry = by_image.values().flatten().next().map_or("", |pod| pod.entry.as_str());
        let created = by_image.values().filter_map(|pods| pods.iter().filter_map(|pod| pod.created).min());
        let pods: BTreeSet<String> = by_image.values().flatten().map(|pod| name(pod)).collect();
        // Since the first pod with the newest image was created.
        let since = created.max();
        Evidence { shown: vec![shown(&words, entry, since, 1)], since, pods, ..Evidence::default() }
    });
    MatchResult::from_evidence(found, || context.missing_lists("pods"))
}
