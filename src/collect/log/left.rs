//! The logs that a node still has of pods that are gone: the kubelet removes a deleted pod's files within
//! a minute, and sometimes at once.
//!
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kuberuntime/kuberuntime_gc.go>
//! (evictPodLogsDirectories).

use super::{METADATA, folder::page, names::links};
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

/// Gives a task for each container of a pod that is gone and of whom the node has files.
pub(in crate::collect) async fn find(site: &Site, task: &Task, left: &LeftTask) -> Done {
    let root = task.path();
    let listed = match page(site, &root).await {
        Ok(listed) => listed,
        Err(error) => return Done::failed(&error, task),
    };
    let mut done = Done::new(Outcome::Empty);
    for folder in links(&listed).filter_map(Folder::read).filter(|folder| folder.is_meant(site, left)) {
        let path = format!("{root}{}/", folder.name);
        let containers = async {
            // Its files first: they go soon.
            let containers = page(site, &path).await?;
            Ok(folder.is_gone(site).await?.then_some(containers))
        };
        let containers = match containers.await {
            Ok(Some(containers)) => containers,
            Ok(None) => continue,
            Err(error @ SourceError::Stopped(_)) => return Done::failed(&error, task),
            // It was removed in between, or who has it could not be told.
            Err(error) => {
                done.causes.extend(error.causes());
                continue;
            }
        };
        let containers = links(&containers).filter_map(|link| link.strip_suffix('/')).filter(|name| is_subdomain(name));
        done.instead.extend(containers.map(|container| folder.log(site, left, container, &path)));
    }
    match done.instead.len() {
        0 if !done.causes.is_empty() => {}
        0 => done.causes.push("the node has no logs of pods that are gone".to_owned()),
        found => done.causes.insert(0, format!("it has {found}, and each has a task of its own")),
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

    /// Whether it is the workload's, and nobody else's log is had under this name.
    fn is_meant(&self, site: &Site, left: &LeftTask) -> bool {
        let Some(scope) = site.place.namespaces.get(self.namespace) else { return false };
        let is_ours = scope.own || left.gone.contains(self.uid);
        is_ours && !left.there.contains(self.uid) && !site.followed.has_pod(self.namespace, self.pod)
    }

    /// Whether there is no such pod by now. One that was made after the pods were listed is there.
    async fn is_gone(&self, site: &Site) -> Result<bool, SourceError> {
        let path = format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.pod);
        match site.kubernetes.get_json::<serde_json::Value>(&path, METADATA).await {
            Ok(pod) => Ok(pod["metadata"]["uid"] != self.uid),
            Err(SourceError::Status { code: 404, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn log(&self, site: &Site, left: &LeftTask, container: &str, path: &str) -> Planned {
        let files = LogFiles { folder: format!("{path}{container}/"), from_run: 0, to_run: None, is_over: true };
        let log = LogTask {
            namespace: self.namespace.to_owned(),
            pod: self.pod.to_owned(),
            uid: self.uid.to_owned(),
            name_is_reused: true,
            container: container.to_owned(),
            previous: false,
            past: false,
            node: Some(left.node.clone()),
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
