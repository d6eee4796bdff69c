//! Owns the assembly of `facts.json`, when all evidence was collected. Pure, except that it reads the facts of an
//! earlier bundle.

use super::{Carriage, Earlier, RunResult};
use crate::{
    bundle::{
        EntryPath, FinalPaths, GonePod, Manifest,
        facts::{Change, Facts},
    },
    facts::{
        logs::Patterns,
        objects::{MOST_AUTOSCALERS, MOST_CHANGES, MOST_CUSTOM, MOST_EVENTS, MOST_PODS, MOST_WORKLOADS},
    },
};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

/// Most logs whose facts are kept of an earlier bundle.
const MOST_LOGS: usize = 10_000;

/// The facts of a run, which it no longer has afterwards, and those that only the earlier bundle has. Each file is
/// named by its path in the bundle.
pub fn facts(
    run: &mut RunResult,
    manifest: &Manifest,
    settled: &FinalPaths,
    earlier: Option<&(Arc<Earlier>, Carriage)>,
    patterns: &Patterns,
) -> Facts {
    let patterns = patterns.ids().map(str::to_owned).collect();
    let mut facts = Facts { patterns, ..std::mem::take(&mut run.objects).into_facts() };
    facts.logs = run.records.iter_mut().filter_map(|record| record.result.log_facts.take()).map(|log| *log).collect();
    facts.assign_paths(|path| Some(settled.record(&EntryPath::new(path).ok()?)?.path));
    facts.changes.extend(manifest.gone_pods.iter().map(gone));
    if let Some((earlier, carriage)) = earlier
        && let Some(mut was) = earlier.facts()
    {
        let moved: HashMap<&str, String> = carriage
            .entries
            .iter()
            .filter_map(|carried| Some((carried.record.path.as_str(), settled.record(&carried.entry.path)?.path)))
            .collect();
        let here: HashSet<&str> = manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
        // The beginning of a longer log is in that log's facts.
        was.logs.retain(|log| !earlier.was_continued(&log.entry));
        was.assign_paths(|path| moved.get(path).cloned().or_else(|| here.contains(path).then(|| path.to_owned())));
        complete(&mut facts, was, earlier.manifest().started);
    }
    facts.sort();
    facts
}

/// A pod that only events mention.
fn gone(pod: &GonePod) -> Change {
    Change {
        at: pod.last,
        cluster: pod.cluster.clone(),
        kind: "object".to_owned(),
        object: format!("pods {}/{}", pod.namespace, pod.pod),
        what: format!("is gone; its last event was {}", pod.reason),
        by: None,
        entry: None,
    }
}

/// Adds what only the earlier facts have, which are as of `then`. For the same object or log, the later facts stay. In
/// a namespace whose pods were listed now, a pod that was not listed is gone, and so is its owner.
fn complete(now: &mut Facts, was: Facts, then: DateTime<Utc>) {
    let Facts {
        format: _,
        patterns,
        logs,
        mut pods,
        mut workloads,
        mut autoscalers,
        events,
        custom_resources,
        changes,
        left_out,
    } = was;
    let listed: HashSet<(String, String)> =
        now.pods.iter().map(|pod| (pod.cluster.clone(), pod.namespace.clone())).collect();
    let is_listed = |cluster: &String, namespace: &String| listed.contains(&(cluster.clone(), namespace.clone()));
    for pod in pods.iter_mut().filter(|pod| is_listed(&pod.cluster, &pod.namespace)) {
        pod.deleted.get_or_insert(then);
    }
    workloads.retain(|it| !is_listed(&it.cluster, &it.namespace));
    autoscalers.retain(|it| !is_listed(&it.cluster, &it.namespace));
    let had = now.logs.len();
    let lacking = [
        ("logs", add(&mut now.logs, logs, MOST_LOGS, |it| (it.entry.clone(), it.pod.clone(), it.container.clone()))),
        ("pods", add(&mut now.pods, pods, MOST_PODS, |it| (it.cluster.clone(), it.namespace.clone(), it.pod.clone()))),
        (
            "workloads",
            add(&mut now.workloads, workloads, MOST_WORKLOADS, |it| {
                (it.cluster.clone(), it.namespace.clone(), it.kind.clone(), it.name.clone())
            }),
        ),
        (
            "autoscalers",
            add(&mut now.autoscalers, autoscalers, MOST_AUTOSCALERS, |it| {
                (it.cluster.clone(), it.namespace.clone(), it.name.clone())
            }),
        ),
        (
            "events",
            add(&mut now.events, events, MOST_EVENTS, |it| {
                let about = (it.about.clone(), it.reason.clone(), it.note.clone());
                (it.cluster.clone(), it.namespace.clone(), about, it.first)
            }),
        ),
        (
            "custom resources",
            add(&mut now.custom_resources, custom_resources, MOST_CUSTOM, |it| {
                (it.cluster.clone(), it.namespace.clone(), it.resource.clone())
            }),
        ),
        (
            "changes",
            add(&mut now.changes, changes, MOST_CHANGES, |it| {
                (it.at, it.cluster.clone(), it.object.clone(), it.what.clone(), it.by.clone())
            }),
        ),
    ];
    let lacking =
        lacking.into_iter().filter(|(_, lacking)| *lacking > 0).map(|(what, lacking)| (what.to_owned(), lacking));
    for (what, lacking) in left_out {
        let held = now.left_out.entry(what).or_default();
        *held = lacking.max(*held);
    }
    for (what, lacking) in lacking {
        *now.left_out.entry(what).or_default() += lacking;
    }
    // About the earlier logs, only the patterns that they were searched for are known.
    if now.logs.len() > had {
        now.patterns.retain(|id| patterns.contains(id));
    }
}

/// Adds those whose key is not in `now`, as long as there is room; returns how many did not fit.
fn add<T, K: Hash + Eq>(now: &mut Vec<T>, was: Vec<T>, most: usize, key: impl Fn(&T) -> K) -> u64 {
    let known: HashSet<K> = now.iter().map(&key).collect();
    let lacking: Vec<T> = was.into_iter().filter(|it| !known.contains(&key(it))).collect();
    let room = most.saturating_sub(now.len());
    let left_out = lacking.len().saturating_sub(room);
    now.extend(lacking.into_iter().take(room));
    left_out as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::facts::PodFacts;

    fn pods(phase: &str, names: std::ops::Range<usize>) -> Facts {
        let pod = |n| PodFacts { pod: format!("p{n}"), phase: phase.to_owned(), ..PodFacts::default() };
        Facts { pods: names.map(pod).collect(), ..Facts::default() }
    }

    #[test]
    fn of_the_earlier_facts_as_many_are_added_as_there_is_room_for() {
        let mut now = pods("Running", 1..MOST_PODS);
        let mut was = pods("Pending", 0..MOST_PODS + 2);
        was.left_out.insert("pods".to_owned(), 5);
        complete(&mut now, was, DateTime::UNIX_EPOCH);
        assert_eq!(now.pods.len(), MOST_PODS);
        assert_eq!(now.pods.iter().filter(|pod| pod.phase == "Pending").count(), 1, "the later ones stay");
        assert_eq!(now.left_out["pods"], 5 + 2);
    }
}
