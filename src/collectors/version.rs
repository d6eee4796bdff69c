//! Owns the API server's version, as `/version` answers it.

use super::Collector;
use crate::{
    bundle::layout,
    collect::{Done, Site},
    plan::{Planned, Planning, Priority, Stage, Task, TaskSpec},
};
use futures_util::future::FutureExt as _;

pub(super) const COLLECTOR: Collector = Collector {
    name: "version",
    purpose: "the API server's version",
    is_optional: false,
    plan,
    collect: |site, task| task.spec::<VersionTask>().map(|_| collect(site, task).boxed()),
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

async fn collect(site: &Site, task: &Task) -> Done {
    let (version, _) = match site.kubernetes.version().await {
        Ok(version) => version,
        Err(error) => return Done::failed(&error, task),
    };
    let (clean, counts) = site.redactor.object(version);
    match site.write(layout::api_version(&site.cluster), &task.request(), &clean.to_clean(), counts) {
        Ok(entry) => Done::collected(vec![entry]),
        Err(error) => error.into(),
    }
}
