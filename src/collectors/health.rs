//! Owns the API server's own health, check by check.

use super::collector::Collector;
use crate::{
    bundle::{Outcome, layout},
    collect::{ClusterContext, TaskResult},
    plan::{Planned, Planning, Priority, Right, Stage, Task, TaskSpec},
    source::kubernetes::SourceError,
};
use futures_util::future::FutureExt as _;

pub(super) const COLLECTOR: Collector = Collector {
    name: "api-server-health",
    purpose: "the API server's own health, check by check: whether it is ready, and whether it is live",
    is_optional: true,
    plan,
    collect: |context, task| task.spec().map(|health| collect(context, task, health).boxed()),
};

/// One of its endpoints, `readyz` or `livez`.
#[derive(Debug)]
struct Health(&'static str);

impl TaskSpec for Health {
    fn id(&self) -> String {
        format!("health/{}", self.0)
    }

    fn kind(&self) -> &'static str {
        "health"
    }

    fn target(&self) -> String {
        format!("{} of the API server", self.0)
    }

    fn path(&self) -> String {
        format!("/{}?verbose", self.0)
    }

    fn right(&self) -> Option<Right> {
        Some(Right::Path(format!("/{}", self.0)))
    }

    fn priority(&self) -> Priority {
        Priority::Volatile
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::Start { .. } => ["readyz", "livez"].map(|endpoint| Task::new(Health(endpoint)).into()).into(),
        _ => Vec::new(),
    }
}

/// A server that is not ready says which of its checks failed, with status 500: that is the answer that is wanted.
async fn collect(context: &ClusterContext, task: &Task, health: &Health) -> TaskResult {
    let (status, body) = match context.kubernetes.get_whatever_status(&task.path(), is_health).await {
        Ok(answer) => answer,
        // The API server's refusals have a reason, but the 404 of one that is too old for the path.
        Err(SourceError::Status { code, reason, message }) if reason.is_empty() && code != 404 => {
            return from_elsewhere(code, &message);
        }
        Err(error) => return TaskResult::failed(&error, task),
    };
    let (clean, counts) = context.run.redactor.text(&body);
    match context.write(layout::api_text(&context.cluster, health.0), &task.request(), &clean, counts) {
        Ok(entry) => {
            let failed = || format!("the API server answered with status {status}: a check failed");
            let causes = (status != 200).then(failed).into_iter().collect();
            TaskResult { causes, http_status: Some(status), ..TaskResult::collected(vec![entry]) }
        }
        Err(error) => error.into(),
    }
}

/// Whether an API server answered this: a line for each check, or only `ok`.
fn is_health(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.trim() == "ok" || text.lines().any(|line| line.starts_with("[+]") || line.starts_with("[-]"))
}

fn from_elsewhere(status: u16, said: &str) -> TaskResult {
    let cause = "the answer lists no checks, so it is not the API server's health".to_owned();
    let hint = "check what is between you and the API server, such as a load balancer or a proxy".to_owned();
    let causes = vec![cause, format!("status {status}: {said}")];
    TaskResult { causes, hint: Some(hint), ..TaskResult::new(Outcome::Failed) }
}
