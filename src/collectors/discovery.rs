//! Owns what the API server serves, as it answered: a replay of the bundle answers the same.

use super::Collector;
use crate::{
    bundle::{Outcome, layout},
    collect::{Done, Site},
    plan::{Planned, Planning, Priority, Stage, Task, TaskSpec, UnknownGroup},
};
use futures_util::future::FutureExt as _;

pub(super) const COLLECTOR: Collector = Collector {
    name: "discovery",
    purpose: "the resources that the API server serves, by which a bundle answers as it did",
    is_optional: false,
    plan,
    collect: |site, task| task.spec::<DiscoveryTask>().map(|_| collect(site, task).boxed()),
};

#[derive(Debug)]
struct DiscoveryTask;

impl TaskSpec for DiscoveryTask {
    fn id(&self) -> String {
        "discovery".to_owned()
    }

    fn kind(&self) -> &'static str {
        "discovery"
    }

    fn target(&self) -> String {
        "resources that are served".to_owned()
    }

    fn path(&self) -> String {
        "/apis".to_owned()
    }

    fn priority(&self) -> Priority {
        Priority::Ground
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::Start { .. } => vec![Task::new(DiscoveryTask).into()],
        _ => Vec::new(),
    }
}

async fn collect(site: &Site, task: &Task) -> Done {
    let discovery = match site.kubernetes.discover().await {
        Ok(discovery) => discovery,
        Err(error) => return Done::failed(&error, task),
    };
    let mut entries = Vec::new();
    for document in discovery.documents {
        let path = match document.path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["apis", group, version] => layout::api_discovery(&site.cluster, group, version),
            ["api", version] => layout::api_discovery(&site.cluster, "", version),
            [root] => layout::api_document(&site.cluster, root),
            _ => continue,
        };
        let (clean, counts) = site.redactor.object(document.body);
        match site.write(path, &format!("GET {}", document.path), &clean.to_clean(), counts) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Done { entries, ..error.into() },
        }
    }
    let mut done = Done::collected(entries);
    if !discovery.failed.is_empty() {
        done.outcome = Outcome::Truncated;
        let text = |group: UnknownGroup| format!("{}: {}", group.group_version, group.causes.join(": "));
        done.causes = discovery.failed.into_iter().map(text).collect();
    }
    done
}
