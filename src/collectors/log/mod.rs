//! Owns the collection of a container's log: cut to the window, redacted and compressed while it streams, and never
//! held in memory as a whole.
//!
//! It has to find out what the answers really mean: a success may carry the kubelet's error text, a pod may have been
//! replaced by another of the same name, a log file may begin after the window does.
//!
//! The kubelet answers with the newest file of a log alone (`kubelet.rs`). With `--rotated-logs`, all files are read
//! from the node (`files/`). With `--wait`, logs are followed until the window ends (`follow.rs`).

mod cri;
mod end;
mod files;
mod folder;
mod follow;
mod follower;
mod gaps;
mod kubelet;
mod names;
mod newest;
pub(super) mod orphaned;
mod pipeline;
mod pod_watch;

pub use follow::follow;

use super::collector::Collector;
use crate::{
    collect::{ClusterContext, TaskResult},
    plan::{LogTask, Planned, Planning, Priority, Right, Role, Stage, Task, TaskSpec, with_query},
    profile::LogRule,
    text::utc,
};
use futures_util::future::FutureExt as _;
use std::time::Duration;

pub(super) const COLLECTOR: Collector = Collector {
    name: "logs",
    purpose: "container logs of the window, also of previous runs",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|log| collect(context, task, log).boxed()),
};

impl TaskSpec for LogTask {
    fn id(&self) -> String {
        let which = match self.started.filter(|_| self.past) {
            Some(started) => format!("/{}", utc(started)),
            // Others may have had its name, or have it by now.
            None if self.is_orphaned() => format!("/{}", self.uid),
            None => if self.previous { "/previous" } else { "" }.to_owned(),
        };
        format!("log/{}/{}/{}{which}", self.namespace, self.pod, self.container)
    }

    fn kind(&self) -> &'static str {
        match self {
            _ if self.past => "past-log",
            _ if self.previous => "previous-log",
            _ if self.is_orphaned() => "deleted-log",
            _ => "log",
        }
    }

    fn target(&self) -> String {
        let which = match self {
            _ if self.past => "log of an earlier run of",
            _ if self.previous => "previous log of",
            _ if self.is_orphaned() => "log of the deleted",
            _ => "log of",
        };
        format!("{which} {}/{}", self.pod, self.container)
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }

    fn path(&self) -> String {
        let path = format!("/api/v1/namespaces/{}/pods/{}/log", self.namespace, self.pod);
        let since = self.since.map(utc);
        let query = [
            Some(("container", self.container.clone())),
            Some(("timestamps", "true".to_owned())),
            self.previous.then(|| ("previous", "true".to_owned())),
            since.map(|since| ("sinceTime", since)),
            self.tail.map(|tail| ("tailLines", tail.to_string())),
        ];
        with_query(path, query.into_iter().flatten())
    }

    fn right(&self) -> Option<Right> {
        Some(Right::within(Some(&self.namespace), "get", "", "pods/log"))
    }

    fn further_rights(&self) -> Vec<Right> {
        // A pod may have been replaced under its name, or its container restarted: UID and status tell.
        let pod = Right::within(Some(&self.namespace), "get", "", "pods");
        let files = self.files.as_ref().map(|_| Right::of_node_files());
        [pod].into_iter().chain(files).collect()
    }

    fn priority(&self) -> Priority {
        if self.previous || self.is_orphaned() { Priority::PreviousLog } else { Priority::CurrentLog }
    }

    fn limit(&self) -> Option<Duration> {
        None
    }

    fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    fn role(&self) -> Role {
        Role::Logs
    }
}

/// Logs of the pods that the profile takes.
///
/// One that cannot exist, such as the previous log of a container that never restarted, becomes a task as well, so that
/// the manifest shows it.
pub(super) fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    let Stage::Pods(pods) = planning.stage else { return Vec::new() };
    let request = &planning.basis.request;
    let wanted = |rule: Option<LogRule>, kind: &str| {
        rule.filter(|_| !request.skips("logs") && !request.skips(kind)).map(|rule| rule.required)
    };
    let rules = &request.profile.logs;
    let (current, previous) = (wanted(rules.current, "logs"), wanted(rules.previous, "previous-logs"));
    let mut plan = Vec::new();
    for (pod, container) in pods.iter().flat_map(|pod| pod.containers().iter().map(move |container| (pod, container))) {
        let logs = [
            previous.map(|required| (required, pod.previous_log(container, request))),
            current.map(|required| (required, pod.current_log(container, request))),
        ];
        let planned = |(required, (log, preset))| Planned { task: Task::new(log).required(required), preset };
        plan.extend(logs.into_iter().flatten().map(planned));
    }
    plan
}

/// Gets one log in the best way available.
async fn collect(context: &ClusterContext, task: &Task, log: &LogTask) -> TaskResult {
    if let Some(result) = context.followed.as_ref().and_then(|followed| followed.finish(context, task, log)) {
        return result.await;
    }
    let Some(folder) = &log.files else { return newest::collect(context, task, log).await };
    match files::take(context, task, log, folder).await {
        Ok(taken) => end::task_result(context, task, log, taken).await,
        // Of a pod that is gone the API server has nothing.
        Err(why) if log.is_orphaned() => why.gone(task),
        Err(why) => why.explain(newest::collect(context, task, log).await),
    }
}
