//! Owns how the manifest of an earlier bundle is merged into that of the run that completed it: tasks, entries and
//! coverage. Pure.

use super::{Earlier, answers, earlier::Carriage};
use crate::{
    bundle::{
        ContainerCoverage, Coverage, EntryRecord, FinalPaths, Gap, GapCause, Interval, Manifest, Outcome, TaskRecord,
        remark_of_lost,
    },
    facts::coverage::Timeline,
    text::utc,
};
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};

/// Adds what was copied from `earlier` to `manifest`, which has what the run itself collected.
pub(super) fn add(manifest: &mut Manifest, earlier: &Earlier, carriage: &Carriage, settled: &FinalPaths) {
    let was = earlier.manifest();
    let at = utc(was.started);
    let listed = listed(manifest);
    let mut paths = HashMap::new();
    let mut moved = Vec::new();
    for carried in &carriage.entries {
        let Some(now) = settled.record(&carried.entry.path) else { continue };
        paths.insert(carried.record.path.as_str(), now.path.clone());
        // Two files of one log do not cover for each other.
        let later = carried.later.as_ref().filter(|_| !carried.record.path.ends_with(".log"));
        moved.extend(later.and_then(|later| Some((settled.record(later)?.path, carried.record.coverage.clone()?))));
        if let Some(record) = entry(&mut manifest.entries, &now.path) {
            fill(record, carried.record.clone(), &carried.entry.redactions);
        }
    }
    tasks(manifest, was, &at, &paths);
    for (of, coverage) in moved {
        if let Some(held) = entry(&mut manifest.entries, &of).and_then(|it| it.coverage.as_mut()) {
            join(manifest.window_start, manifest.window_end, held, &coverage);
        }
    }
    containers(manifest, was, &paths, &listed, carriage);
    answers::earlier(manifest, was, |path| paths.get(path).cloned());
    let known: HashSet<_> = manifest.gone_pods.iter().map(|pod| pod.uid.clone()).collect();
    manifest.gone_pods.extend(was.gone_pods.iter().filter(|pod| !known.contains(&pod.uid)).cloned());
    let known: Vec<_> = manifest.clusters.iter().map(|cluster| cluster.name.clone()).collect();
    manifest.clusters.extend(was.clusters.iter().filter(|cluster| !known.contains(&cluster.name)).cloned());
    // What an internal error kept from being made is made now.
    let of_lost: Vec<String> = was.lost.iter().map(|stage| remark_of_lost(stage)).collect();
    manifest.remarks.extend(was.remarks.iter().filter(|remark| !of_lost.contains(remark)).cloned());
    let name = earlier.name();
    manifest.remarks.push(match earlier.is_of_this_run() {
        true => format!("the logs were followed; the folder earlier has what changed since {at}, as it was then"),
        false => format!(
            "this completes {name}, collected at {at}: its logs are continued, and the folder earlier has what changed \
             since, as it was then"
        ),
    });
    if was.redaction_key_id != manifest.redaction_key_id {
        manifest.remarks.push(format!(
            "the evidence from {name} was redacted with another key: the same secret has a different token there \
             (use the same --redaction-key to compare)"
        ));
    }
    let unread = |(path, why): &(String, String)| format!("{name} has a file that could not be read: {path}: {why}");
    let unread = carriage.unread.iter().map(unread);
    manifest.remarks.extend(unread);
}

/// The record of a path, in records that are ordered by path.
fn entry<'a>(entries: &'a mut [EntryRecord], path: &str) -> Option<&'a mut EntryRecord> {
    let at = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    Some(&mut entries[at])
}

/// Adds what the earlier manifest states about an entry to what the zip shows.
fn fill(record: &mut EntryRecord, was: EntryRecord, again: &crate::redact::Counts) {
    record.task = was.task;
    record.source = was.source;
    record.names = was.names;
    record.started = was.started;
    record.ended = was.ended;
    record.coverage = was.coverage;
    record.set_redactions(again);
    for (rule, count) in was.redactions {
        *record.redactions.entry(rule).or_default() += count;
    }
}

/// Adds the earlier tasks: those that this run did not have, those whose evidence it did not collect, and those of
/// which it collected a later state.
fn tasks(manifest: &mut Manifest, was: &Manifest, at: &str, paths: &HashMap<&str, String>) {
    let ids: HashMap<String, usize> =
        manifest.tasks.iter().enumerate().map(|(at, task)| (task.id.clone(), at)).collect();
    let mut renamed = HashMap::new();
    for task in &was.tasks {
        let entries: Vec<String> = task.entries.iter().filter_map(|path| paths.get(path.as_str()).cloned()).collect();
        let mut task = TaskRecord { entries, ..task.clone() };
        match ids.get(&task.id).map(|at| &mut manifest.tasks[*at]) {
            // What it collected is a part of another task's evidence.
            None if task.entries.is_empty() && task.outcome == Outcome::Collected && is_of_files(&task) => {}
            None => manifest.tasks.push(task),
            Some(now) if is_lacking(now) && matches!(task.outcome, Outcome::Collected | Outcome::Empty) => {
                task.causes.push(format!("collected at {at}; the later attempt failed: {}", now.causes.join(": ")));
                *now = task;
            }
            Some(_) if !task.entries.is_empty() => {
                let mut id = format!("earlier/{at}/{}", task.id);
                // A bundle that completed another one may have such a task already.
                while was.tasks.iter().any(|other| other.id == id) {
                    id.push_str("/2");
                }
                renamed.insert(std::mem::replace(&mut task.id, id.clone()), id);
                manifest.tasks.push(task);
            }
            Some(_) => {}
        }
    }
    manifest.tasks.sort_by(|one, other| one.id.cmp(&other.id));
    let carried: HashSet<&String> = paths.values().collect();
    for entry in manifest.entries.iter_mut().filter(|entry| carried.contains(&entry.path)) {
        if let Some(id) = renamed.get(&entry.task) {
            entry.task.clone_from(id);
        }
    }
}

/// Whether a task that collected something has its own files.
fn is_of_files(task: &TaskRecord) -> bool {
    !["version", "discovery"].contains(&task.kind.as_str())
}

/// Whether this run collected nothing for a task.
fn is_lacking(task: &TaskRecord) -> bool {
    use Outcome::{Cancelled, Failed, Forbidden, Skipped, TimedOut};
    task.entries.is_empty() && matches!(task.outcome, Cancelled | Failed | Forbidden | Skipped | TimedOut)
}

/// Where this run listed the pods: cluster and namespace, none for all namespaces.
fn listed(manifest: &Manifest) -> HashSet<(Option<String>, Option<String>)> {
    let is_list = |task: &&TaskRecord| {
        task.kind == "list"
            && task.target == "pods"
            && matches!(task.outcome, Outcome::Collected | Outcome::Empty)
            && !task.request.contains("fieldSelector")
    };
    let tasks = manifest.tasks.iter().filter(is_list);
    tasks.map(|task| (task.cluster.clone(), task.namespace.clone())).collect()
}

/// Joins the coverage of both.
fn join(from: DateTime<Utc>, to: DateTime<Utc>, held: &mut Coverage, was: &Coverage) {
    let (first, last, lines) = (held.first, held.last, held.lines);
    *held = together(Interval { from, to }, (&held.covered, &held.gaps), (&was.covered, &was.gaps))
        .coverage(first, last, lines);
}

fn together(window: Interval, now: (&[Interval], &[Gap]), was: (&[Interval], &[Gap])) -> Timeline {
    let covered = [now.0, was.0].concat();
    // Where neither covers a moment, the later run's reason comes first.
    Timeline::new(window, &covered, &[now.1, was.1].concat())
}

fn containers(
    manifest: &mut Manifest,
    was: &Manifest,
    paths: &HashMap<&str, String>,
    listed: &HashSet<(Option<String>, Option<String>)>,
    carriage: &Carriage,
) {
    let window = Interval { from: manifest.window_start, to: manifest.window_end };
    for container in &was.containers {
        let is_unread = |log: &String| carriage.unread.iter().any(|(path, _)| path == log);
        if container.runs.iter().filter_map(|run| run.log.as_ref()).any(is_unread) {
            continue;
        }
        let same = |now: &&mut ContainerCoverage| {
            (&now.cluster, &now.namespace, &now.pod, &now.container, &now.uid)
                == (&container.cluster, &container.namespace, &container.pod, &container.container, &container.uid)
        };
        if let Some(now) = manifest.containers.iter_mut().find(same) {
            let timeline = together(window, (&now.covered, &now.gaps), (&container.covered, &container.gaps));
            now.complete = timeline.is_complete();
            (now.covered, now.gaps) = (timeline.covered, timeline.gaps);
            continue;
        }
        let mut gone = container.clone();
        let cluster = Some(gone.cluster.clone());
        let is_listed =
            listed.contains(&(cluster.clone(), None)) || listed.contains(&(cluster, Some(gone.namespace.clone())));
        for gap in gone.gaps.iter_mut().filter(|gap| is_listed && gap.cause == GapCause::WindowNotOver) {
            gap.cause = GapCause::PreviousInstanceGone;
            gap.text = "the pod was gone when the bundle was completed".to_owned();
        }
        for run in &mut gone.runs {
            run.log = run.log.as_deref().and_then(|log| paths.get(log)).cloned();
        }
        manifest.containers.push(gone);
    }
    let name = |it: &ContainerCoverage| {
        (it.cluster.clone(), it.namespace.clone(), it.pod.clone(), it.container.clone(), it.uid.clone())
    };
    manifest.containers.sort_by_cached_key(name);
}
