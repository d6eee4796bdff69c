//! Owns the search for orphaned logs: those that a node still has of deleted pods. The kubelet removes a deleted pod's
//! files within a minute, and sometimes at once.
//!
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kuberuntime/kuberuntime_gc.go>
//! (evictPodLogsDirectories).

use super::{folder::page, kubelet::METADATA, names::links};
use crate::{
    bundle::Outcome,
    collect::{Done, Site},
    plan::{LeftTask, LogFiles, LogTask, Planned, Task, What},
    profile::is_subdomain,
    source::kubernetes::SourceError,
};

/// The folder of a pod's logs, by its name.
#[derive(Debug, PartialEq, Eq)]
struct Folder<'a> {
    name: &'a str,
    namespace: &'a str,
    pod: &'a str,
    uid: &'a str,
}

/// Plans a task for each container of a deleted pod of which the node has files.
pub(in crate::collectors) async fn find(site: &Site, task: &Task, left: &LeftTask) -> Done {
    let listed = match page(site, &task.path()).await {
        Ok(listed) => listed,
        Err(error) => return Done::failed(&error, task),
    };
    let mut done = Done::new(Outcome::Empty);
    for folder in links(&listed).filter_map(Folder::read).filter(|folder| folder.is_wanted(site, left)) {
        match folder.logs(site, task).await {
            Ok(logs) => done.instead.extend(logs),
            Err(error) => {
                let failed = Done::failed(&error, task);
                done.causes.push(format!("the log files of {} could not be listed", folder.pod));
                done.causes.extend(failed.causes);
                done = Done { outcome: failed.outcome, hint: failed.hint, ..done };
                if matches!(error, SourceError::Stopped(_)) {
                    break;
                }
            }
        }
    }
    match done.instead.len() {
        0 if !done.causes.is_empty() => {}
        0 => done.causes.push("the node has no logs of deleted pods".to_owned()),
        found => done.causes.insert(0, format!("the node has {found} of them, and each has a task of its own")),
    }
    done
}

impl<'a> Folder<'a> {
    fn read(link: &'a str) -> Option<Self> {
        let name = link.strip_suffix('/')?;
        let mut parts = name.split('_');
        let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let is_sound = parts.next().is_none() && [namespace, pod, uid].into_iter().all(is_subdomain);
        is_sound.then_some(Self { name, namespace, pod, uid })
    }

    /// Whether the pod is the workload's, and was not listed.
    fn is_wanted(&self, site: &Site, left: &LeftTask) -> bool {
        let Some(scope) = site.place.namespaces.get(self.namespace) else { return false };
        let is_ours = scope.own || left.gone.contains(self.name);
        is_ours && !left.there.contains(self.uid)
    }

    /// A task for each container of which there are files; none for a pod that exists: it was created after the pods
    /// were listed.
    async fn logs(&self, site: &Site, task: &Task) -> Result<Vec<Planned>, SourceError> {
        let path = format!("{}{}/", task.path(), self.name);
        // The files first: the kubelet removes them soon.
        let containers = match page(site, &path).await {
            Err(SourceError::Status { code: 404, .. }) => return Ok(Vec::new()),
            containers => containers?,
        };
        let pod = format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.pod);
        match site.kubernetes.get_json::<serde_json::Value>(&pod, METADATA).await {
            Ok(pod) if pod["metadata"]["uid"] == self.uid => return Ok(Vec::new()),
            // For a user who may not read single pods, the list decides alone.
            Ok(_) | Err(SourceError::Status { code: 403 | 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let containers = links(&containers).filter_map(|link| link.strip_suffix('/')).filter(|name| is_subdomain(name));
        Ok(containers.map(|container| self.log(site, task.node(), container, &path)).collect())
    }

    fn log(&self, site: &Site, node: Option<&str>, container: &str, path: &str) -> Planned {
        let files = LogFiles { folder: format!("{path}{container}/"), from_run: 0, to_run: None, is_over: true };
        let log = LogTask {
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
            since: Some(site.request.window.start),
            tail: None,
            files: Some(files),
        };
        Task { what: What::Log(log), required: false }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_pods_are_read() {
        let read = |link| Folder::read(link).map(|folder| (folder.namespace, folder.pod, folder.uid));
        assert_eq!(read("ns_server-0_8f1c-2a/"), Some(("ns", "server-0", "8f1c-2a")));
        for other in ["ns_server-0_8f1c-2a", "ns_server-0/", "../", "ns_.._8f/", "a_b_c_d/", "ns_Server_8f/", "_a_b/"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
