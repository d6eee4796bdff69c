//! Owns the search for orphaned logs: those that a node still has of deleted pods. The kubelet removes a deleted pod's
//! files within a minute, and sometimes at once.
//!
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kuberuntime/kuberuntime_gc.go>
//! (evictPodLogsDirectories).

use super::{folder::page, kubelet::METADATA, names::links};
use crate::{
    bundle::Outcome,
    collect::{ClusterContext, TaskResult},
    collectors::collector::Collector,
    plan::{
        LeftOut, LogFiles, LogTask, OrphanedLogsTask, Planned, Planning, Preset, Priority, Right, Role, Stage, Task,
        TaskSpec, node_logs, pod_folder,
    },
    profile::is_subdomain,
    source::kubernetes::SourceError,
    text::counted,
};
use futures_util::future::FutureExt as _;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub(in crate::collectors) const COLLECTOR: Collector = Collector {
    name: "orphaned-logs",
    purpose: "logs that nodes still have of pods that were deleted, with `--rotated-logs`",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|orphaned| find(context, task, orphaned).boxed()),
};

impl TaskSpec for OrphanedLogsTask {
    fn id(&self) -> String {
        format!("orphaned-logs/{}", self.node)
    }

    fn kind(&self) -> &'static str {
        "orphaned-logs"
    }

    fn target(&self) -> String {
        format!("logs of deleted pods on {}", self.node)
    }

    fn path(&self) -> String {
        node_logs(&self.node)
    }

    fn right(&self) -> Option<Right> {
        Some(Right::of_node_files())
    }

    fn priority(&self) -> Priority {
        Priority::PreviousLog
    }

    fn limit(&self) -> Option<Duration> {
        None
    }

    fn node(&self) -> Option<&str> {
        Some(&self.node)
    }

    fn role(&self) -> Role {
        Role::Logs
    }
}

/// Looks on the nodes of the workload's pods, and on some of those that only events name, whose writers may name any.
fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    const MOST_NAMED: usize = 20;
    let request = &planning.basis.request;
    let Stage::Events { nodes, there, gone } = planning.stage else { return Vec::new() };
    if !request.rotated_logs || request.skips("logs") || request.profile.logs.current.is_none() {
        return Vec::new();
    }
    let named: BTreeSet<&str> = gone.iter().filter_map(|pod| pod.node.as_deref()).collect();
    let folders = gone.iter().map(|pod| pod_folder(&pod.namespace, &pod.name, &pod.uid)).collect();
    let folders: Arc<BTreeSet<String>> = Arc::new(folders);
    let named = named.into_iter().filter(|node| !nodes.contains(*node) && is_subdomain(node));
    let (named, further): (Vec<_>, Vec<_>) = named.enumerate().partition(|(at, _)| *at < MOST_NAMED);
    let further = (!further.is_empty()).then(|| Planned {
        task: Task::new(LeftOut("logs of deleted pods on further nodes".to_owned())),
        preset: Some(Preset::Skipped(format!(
            "not searched: {} more that had pods of the workload, by their events; at most {MOST_NAMED} are searched",
            counted(further.len() as u64, "node")
        ))),
    });
    let task = |node: &str| {
        Task::new(OrphanedLogsTask { node: node.to_owned(), there: there.clone(), gone: folders.clone() }).into()
    };
    let named = named.iter().map(|(_, node)| *node);
    nodes.iter().map(String::as_str).chain(named).map(task).chain(further).collect()
}

/// The folder of a pod's logs, by its name.
#[derive(Debug, PartialEq, Eq)]
struct PodFolder<'a> {
    name: &'a str,
    namespace: &'a str,
    pod: &'a str,
    uid: &'a str,
}

/// Plans a task for each container of a deleted pod of which the node has files.
async fn find(context: &ClusterContext, task: &Task, orphaned: &OrphanedLogsTask) -> TaskResult {
    let listed = match page(context, &task.path()).await {
        Ok(listed) => listed,
        Err(error) => return TaskResult::failed(&error, task),
    };
    let mut result = TaskResult::new(Outcome::Empty);
    for folder in links(&listed).filter_map(PodFolder::read).filter(|folder| folder.is_wanted(context, orphaned)) {
        match folder.logs(context, task).await {
            Ok(logs) => result.shown.found.extend(logs),
            Err(error) => {
                let failed = TaskResult::failed(&error, task);
                result.causes.push(format!("the log files of {} could not be listed", folder.pod));
                result.causes.extend(failed.causes);
                result = TaskResult { outcome: failed.outcome, hint: failed.hint, ..result };
                if matches!(error, SourceError::Stopped(_)) {
                    break;
                }
            }
        }
    }
    match result.shown.found.len() {
        0 if !result.causes.is_empty() => {}
        0 => result.causes.push("the node has no logs of deleted pods".to_owned()),
        found => result.causes.insert(
            0,
            format!("the node has {} of deleted pods, each with its own task", counted(found as u64, "log")),
        ),
    }
    result
}

impl<'a> PodFolder<'a> {
    fn read(link: &'a str) -> Option<Self> {
        let name = link.strip_suffix('/')?;
        let mut parts = name.split('_');
        let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let is_sound = parts.next().is_none() && [namespace, pod, uid].into_iter().all(is_subdomain);
        is_sound.then_some(Self { name, namespace, pod, uid })
    }

    /// Whether the pod is the workload's, and was not listed.
    fn is_wanted(&self, context: &ClusterContext, orphaned: &OrphanedLogsTask) -> bool {
        let Some(scope) = context.basis.place.namespaces.get(self.namespace) else { return false };
        let is_ours = scope.own || orphaned.gone.contains(self.name);
        is_ours && !orphaned.there.contains(self.uid)
    }

    /// A task for each container of which there are files; none for a pod that exists: it was created after the pods
    /// were listed.
    async fn logs(&self, context: &ClusterContext, task: &Task) -> Result<Vec<Task>, SourceError> {
        let path = format!("{}{}/", task.path(), self.name);
        // The files first: the kubelet removes them soon.
        let containers = match page(context, &path).await {
            Err(SourceError::Status { code: 404, .. }) => return Ok(Vec::new()),
            containers => containers?,
        };
        let pod = format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.pod);
        match context.kubernetes.get_json::<serde_json::Value>(&pod, METADATA).await {
            Ok(pod) if pod["metadata"]["uid"] == self.uid => return Ok(Vec::new()),
            // For a user who may not read single pods, the list decides alone.
            Ok(_) | Err(SourceError::Status { code: 403 | 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let containers = links(&containers).filter_map(|link| link.strip_suffix('/')).filter(|name| is_subdomain(name));
        Ok(containers.map(|container| self.log(context, task.node(), container, &path)).collect())
    }

    fn log(&self, context: &ClusterContext, node: Option<&str>, container: &str, path: &str) -> Task {
        let files = LogFiles { folder: format!("{path}{container}/"), from_run: 0, to_run: None, is_over: true };
        Task::new(LogTask {
            namespace: self.namespace.to_owned(),
            pod: self.pod.to_owned(),
            uid: self.uid.to_owned(),
            name_is_reused: true,
            container: container.to_owned(),
            previous: false,
            past: false,
            node: node.map(str::to_owned),
            started: None,
            ended: None,
            since: Some(context.basis.request.window.start),
            tail: None,
            files: Some(files),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_pods_are_read() {
        let read = |link| PodFolder::read(link).map(|folder| (folder.namespace, folder.pod, folder.uid));
        assert_eq!(read("ns_server-0_8f1c-2a/"), Some(("ns", "server-0", "8f1c-2a")));
        for other in ["ns_server-0_8f1c-2a", "ns_server-0/", "../", "ns_.._8f/", "a_b_c_d/", "ns_Server_8f/", "_a_b/"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
