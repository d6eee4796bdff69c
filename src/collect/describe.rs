//! Owns the descriptions of collected objects, which are written beside their YAML when all tasks have ended.

use super::{ClusterContext, EndedTask, Entry, RunResult, ledger};
use crate::{
    bundle::{BundleError, EntryPath, RunEvidence, layout},
    describe::{self, Described},
    plan::{ListTask, Task},
    replay::Replay,
};
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// Adds the descriptions of every cluster's objects to the records of the tasks that collected them, as of `started`,
/// by this machine's clock. Those that cannot be written are left out; the error is the first.
///
/// # Errors
/// When an entry cannot be written.
pub fn describe(contexts: &[ClusterContext], run: &mut RunResult, started: DateTime<Utc>) -> Result<(), BundleError> {
    let Some(first) = contexts.first() else { return Ok(()) };
    let tasks = run.records.iter().map(|record| ledger::record(record, paths(record))).collect();
    let evidence = Arc::new(RunEvidence { tasks, entries: first.run.bundle.so_far() });
    let written = Mutex::new((Vec::new(), None));
    for context in contexts {
        let replay = Replay::to_describe(evidence.clone(), &context.cluster);
        describe::all(&replay, started + context.skew, |described| {
            let task = described.object.task;
            let result = write(context, &run.records[task].task, &described);
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(entry) => written.0.push((task, entry)),
                Err(error) => {
                    written.1.get_or_insert(error);
                }
            }
        });
    }
    let (mut entries, error) = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    entries.sort_by(|one: &(usize, Entry), other| (one.0, &one.1.path).cmp(&(other.0, &other.1.path)));
    for (task, entry) in entries {
        run.records[task].result.entries.push(entry);
    }
    error.map_or(Ok(()), Err)
}

fn paths(record: &EndedTask) -> Vec<String> {
    record.result.entries.iter().map(|entry| entry.path.to_string()).collect()
}

fn write(context: &ClusterContext, task: &Task, described: &Described) -> Result<Entry, BundleError> {
    let (clean, counts) = context.run.redactor.text(described.text.as_bytes());
    context.write(path(context, task, described), env!("CARGO_PKG_NAME"), &clean, counts)
}

fn path(context: &ClusterContext, task: &Task, described: &Described) -> EntryPath {
    let object = &described.object;
    let (cluster, namespace, name) = (&context.cluster, object.namespace.as_deref(), &object.name);
    let is_listed = task.spec::<ListTask>().is_some();
    match (task.resource(), namespace) {
        (Some(of), Some(namespace)) if is_listed && of.is("", "pods") => layout::pod_describe(cluster, namespace, name),
        (Some(of), None) if !is_listed && of.is("", "nodes") => layout::node_describe(cluster, name),
        (Some(of), namespace) => layout::object_describe(cluster, namespace, &of.short(), name),
        // No other task gets objects.
        (None, namespace) => layout::object_describe(cluster, namespace, &object.resource.plural, name),
    }
}
