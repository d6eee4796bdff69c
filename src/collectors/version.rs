//! Owns the API server's version, as its path `/version` states it.

use super::collector::Collector;
use crate::{
    bundle::layout,
    collect::{ClusterContext, TaskResult},
    plan::{Planned, Planning, Priority, Stage, Task, TaskSpec},
};
use futures_util::future::FutureExt as _;

pub(super) const COLLECTOR: Collector = Collector {
    name: "version",
    purpose: "the API server's version",
    is_optional: false,
    plan,
    collect: |context, task| task.spec::<VersionTask>().map(|_| collect(context, task).boxed()),
};

#[derive(Debug)]
struct VersionTask;

impl TaskSpec for VersionTask {
    fn id(&self) -> String {
        "version".to_owned()
    }

    fn kind(&self) -> &'static str {
        "version"
    }

    fn target(&self) -> String {
        "version of the API server".to_owned()
    }

    fn path(&self) -> String {
        "/version".to_owned()
    }

    fn priority(&self) -> Priority {
        Priority::Ground
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::Start { .. } => vec![Task::new(VersionTask).into()],
        _ => Vec::new(),
    }
}

async fn collect(context: &ClusterContext, task: &Task) -> TaskResult {
    let (version, _) = match context.kubernetes.version().await {
        Ok(version) => version,
        Err(error) => return TaskResult::failed(&error, task),
    };
    let (clean, counts) = context.run.redactor.object(version);
    match context.write(layout::api_version(&context.cluster), &task.request(), &clean.to_clean(), counts) {
        Ok(entry) => TaskResult::collected(vec![entry]),
        Err(error) => error.into(),
    }
}
