//! Owns the requests for a log to the API server, which the kubelet answers with the newest file of the log.

use super::pipeline::{LogPipeline, Received, Stopped};
use crate::{
    bundle::{GapCause, Outcome},
    collect::{ClusterContext, TaskResult},
    facts::coverage::{Reason, RunLog},
    plan::{LogTask, Task},
    source::kubernetes::{Answer, SourceError},
};

/// Requests only an object's metadata.
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The result where the kubelet sent an error as the log: gone if the error says so. The kubelet keeps the log of one
/// dead container at most.
pub(super) fn gone_or_failed(log: &LogTask, text: &str) -> TaskResult {
    let said = format!("the kubelet answered with an error in place of the log: {text}");
    let is_gone = ["unable to retrieve container logs", "no such file or directory"].iter().any(|it| text.contains(it));
    if log.previous && is_gone {
        let cause = "the node has removed the previous run's container and its log".to_owned();
        let log = Some(gone(&cause));
        return TaskResult { causes: vec![cause, said], log, ..TaskResult::new(Outcome::Absent) };
    }
    let log = (is_gone && log.ended.is_some()).then(|| gone("the node has removed the container and its log"));
    TaskResult { causes: vec![said], log, ..TaskResult::new(Outcome::Failed) }
}

/// The result for a run whose log the node no longer has.
pub(super) fn gone(text: &str) -> RunLog {
    RunLog::Missing(Reason { cause: GapCause::PreviousInstanceGone, text: text.to_owned() })
}

/// The result for a container of which the node has no run: gone if its status told of one.
fn never_or_gone(log: &LogTask, text: &str) -> RunLog {
    if log.previous || log.started.is_some() { gone(text) } else { RunLog::Never }
}

/// The result of a request for a log.
pub(super) enum Taken {
    /// There is no log, and this is the result.
    Not(Box<TaskResult>),
    /// The kubelet's error where the log should be.
    ErrorText(String),
    Log(Box<Received>),
}

pub(super) async fn take(context: &ClusterContext, task: &Task, log: &LogTask) -> Taken {
    if let Some(pipeline) = LogPipeline::continued(context, task, log) {
        return rest(pipeline, log).await;
    }
    let answer = match context.kubernetes.get(&task.path(), "*/*").await {
        Ok(answer) if answer.status == 204 => {
            let cause = "the pod is not scheduled, so nothing has run";
            return Taken::Not(Box::new(TaskResult {
                log: Some(never_or_gone(log, cause)),
                ..TaskResult::absent(cause)
            }));
        }
        Ok(answer) => answer,
        Err(error) => return Taken::Not(Box::new(no_log(&error, task, log))),
    };
    let mut pipeline = LogPipeline::new(context, task, log);
    let stop = pipeline.run(answer.body).await;
    taken(pipeline, stop)
}

pub(super) fn taken(pipeline: LogPipeline, stop: Option<Stopped>) -> Taken {
    match pipeline.end(stop) {
        Ok(received) => Taken::Log(received),
        Err(text) => Taken::ErrorText(text),
    }
}

/// Reads what was written to a log since it was last read, and ends it.
pub(super) async fn rest(mut pipeline: LogPipeline, log: &LogTask) -> Taken {
    let stopped = pipeline.stopped.take();
    if stopped.is_some() || pipeline.is_whole {
        return taken(pipeline, stopped);
    }
    let stop = match since(&mut pipeline, log, false).await {
        Err(stop) => Some(stop),
        Ok(answer) => pipeline.run(answer.body).await,
    };
    taken(pipeline, stop)
}

/// Asks for what was written to a log since it was last read; with `follow`, also for what will be.
pub(super) async fn since(pipeline: &mut LogPipeline, log: &LogTask, follow: bool) -> Result<Answer, Stopped> {
    let context = pipeline.sink.context.clone();
    let task = Task::new(LogTask { since: pipeline.resume(), tail: None, ..log.clone() });
    let answer = match follow {
        true => context.kubernetes.follow(&format!("{}&follow=true", task.path())).await,
        false => context.kubernetes.get(&task.path(), "*/*").await,
    };
    let answer = match answer {
        Ok(answer) if answer.status == 204 => return Err(Stopped::Gone("no container of the pod runs".to_owned())),
        Ok(answer) => answer,
        Err(error) => {
            let result = no_log(&error, &task, log);
            return Err(match result.outcome {
                Outcome::Absent => Stopped::Gone(result.causes.join(": ")),
                _ => Stopped::Source(error),
            });
        }
    };
    if log.name_is_reused {
        // The lines of another pod of this name must not follow those of the listed one.
        if let Some(result) = not_listed(&context, log).await {
            return Err(Stopped::Gone(result.causes.join(": ")));
        }
    }
    pipeline.is_sure = true;
    Ok(answer)
}

/// The result where the API server refused the request. Some refusals mean that there is no log.
fn no_log(error: &SourceError, task: &Task, log: &LogTask) -> TaskResult {
    match error {
        SourceError::Status { code: 404, .. } => {
            let cause = format!("the pod {} was deleted after it was listed", log.pod);
            let log = Some(gone(&cause));
            TaskResult { causes: [vec![cause], error.causes()].concat(), log, ..TaskResult::new(Outcome::Absent) }
        }
        // "waiting to start", "previous terminated container … not found", "is not available":
        // https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kubelet_pods.go (validateContainerLogStatus).
        SourceError::Status { code: 400, message, .. }
            if ["waiting to start", "not found", "not available"].iter().any(|text| message.contains(text)) =>
        {
            TaskResult { log: Some(never_or_gone(log, message)), ..TaskResult::absent(message.clone()) }
        }
        error => TaskResult::failed(error, task),
    }
}

/// The result where another pod took the name of the listed one. A log request has no UID, so the other pod answers.
/// None where the pod is the same.
pub(super) async fn not_listed(context: &ClusterContext, log: &LogTask) -> Option<TaskResult> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    match context.kubernetes.get_json::<serde_json::Value>(&path, METADATA).await {
        Ok(pod) => pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != log.uid).then(|| replaced(log)),
        // Where this run ends before the answer, no log is better than another pod's.
        Err(SourceError::Stopped(reason)) => Some(TaskResult::stopped(reason)),
        // For a user who may not read single pods, the listed UID decides alone.
        Err(_) => None,
    }
}

fn replaced(log: &LogTask) -> TaskResult {
    let cause = format!("the pod {} was replaced by another of the same name, and its log is gone", log.pod);
    TaskResult {
        log: Some(gone(&cause)),
        causes: vec![cause],
        hint: Some("collect again to get the new pod's log".to_owned()),
        ..TaskResult::new(Outcome::Absent)
    }
}
