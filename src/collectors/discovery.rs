//! Owns the API server's answers to discovery, kept so that a replay of the bundle gives the same answers.

use super::collector::Collector;
use crate::{
    bundle::{Outcome, layout},
    collect::{ClusterContext, TaskResult},
    plan::{Planned, Planning, Priority, Stage, Task, TaskSpec, UnknownGroup},
};
use futures_util::future::FutureExt as _;

pub(super) const COLLECTOR: Collector = Collector {
    name: "discovery",
    purpose: "the resources that the API server serves, so that a replayed bundle gives the same answers",
    is_optional: false,
    plan,
    collect: |context, task| task.spec::<DiscoveryTask>().map(|_| collect(context, task).boxed()),
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

async fn collect(context: &ClusterContext, task: &Task) -> TaskResult {
    let discovery = match context.kubernetes.discover().await {
        Ok(discovery) => discovery,
        Err(error) => return TaskResult::failed(&error, task),
    };
    let mut entries = Vec::new();
    for document in discovery.documents {
        let path = match document.path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["apis", group, version] => layout::api_discovery(&context.cluster, group, version),
            ["api", version] => layout::api_discovery(&context.cluster, "", version),
            [root] => layout::api_document(&context.cluster, root),
            _ => continue,
        };
        let (clean, counts) = context.run.redactor.object(document.body);
        match context.write(path, &format!("GET {}", document.path), &clean.to_clean(), counts) {
            Ok(entry) => entries.push(entry),
            Err(error) => return TaskResult { entries, ..error.into() },
        }
    }
    let mut result = TaskResult::collected(entries);
    if !discovery.failed.is_empty() {
        result.outcome = Outcome::Truncated;
        let text = |group: UnknownGroup| format!("{}: {}", group.group_version, group.causes.join(": "));
        result.causes = discovery.failed.into_iter().map(text).collect();
    }
    result
}
