//! One container's log, from the kubelet through the API server: cut to the window, redacted and
//! compressed while it streams, never held.
//!
//! What the answers really mean is the work here: a success may carry the kubelet's error text, a
//! pod may have been replaced under its name, a log file may begin after the window does.
//!
//! The kubelet answers with the newest file of a log alone. `files` reads all of them, where that is
//! asked for and allowed; otherwise this is what there is.

mod cri;
mod end;
mod files;
mod folder;
mod follow;
mod left;
mod lost;
mod names;
mod pump;

use self::{
    end::finish,
    pump::{Pump, Received, Stopped},
};
use crate::{
    bundle::{GapCause, Outcome},
    collect::{Done, Site},
    facts::coverage::{self, Log},
    plan::{LogTask, Task, What},
    source::kubernetes::{Answer, SourceError},
};
use std::time::Duration;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Time for the kubelet to settle when it answered with an error text.
const SECOND_LOOK: Duration = Duration::from_millis(700);

pub(super) use follow::{Follower, Run as FollowedRun};
pub(super) use left::find as find_left;

pub(super) async fn collect(site: &Site, task: &Task, log: &LogTask) -> Done {
    if let Some(done) = site.followed.as_ref().and_then(|followed| followed.finish(site, task, log)) {
        return done.await;
    }
    let Some(folder) = &log.files else { return newest(site, task, log).await };
    match files::take(site, task, log, folder).await {
        Ok(taken) => settle(site, task, log, taken).await,
        // Of a pod that is gone the API server has nothing.
        Err(why) if log.is_left() => why.gone(task),
        Err(why) => why.told_by(newest(site, task, log).await),
    }
}

/// The newest file of a log, as the kubelet gives it.
async fn newest(site: &Site, task: &Task, log: &LogTask) -> Done {
    let taken = match take(site, task, log).await {
        Taken::ErrorText(_) => {
            // The container may just have been restarted: its status is settled a moment later.
            tokio::time::sleep(SECOND_LOOK).await;
            if let Some(done) = not_listed(site, log).await {
                return done;
            }
            take(site, task, log).await
        }
        taken => taken,
    };
    settle(site, task, log, taken).await
}

/// What became of a task, when this was taken.
async fn settle(site: &Site, task: &Task, log: &LogTask, taken: Taken) -> Done {
    match taken {
        Taken::Not(done) => *done,
        Taken::ErrorText(text) => gone_or_failed(log, &text),
        Taken::Log(received) => finish(site, task, log, *received).await,
    }
}

/// The kubelet keeps the log of one dead container at most, and names one that it has removed.
fn gone_or_failed(log: &LogTask, text: &str) -> Done {
    let said = format!("the kubelet answered, as if it were the log: {text}");
    let is_gone = ["unable to retrieve container logs", "no such file or directory"].iter().any(|it| text.contains(it));
    if log.previous && is_gone {
        let cause = "the node has removed the container of the run before, and its log with it".to_owned();
        let log = Some(gone(&cause));
        return Done { causes: vec![cause, said], log, ..Done::new(Outcome::Absent) };
    }
    let log = (is_gone && log.ended.is_some()).then(|| gone("the node has removed the container, and its log with it"));
    Done { causes: vec![said], log, ..Done::new(Outcome::Failed) }
}

/// A run whose log there is no more.
fn gone(text: &str) -> Log {
    Log::Not(coverage::Stopped { cause: GapCause::PreviousInstanceGone, text: text.to_owned() })
}

/// A container that the node knows no run of: none but one that its status told of.
fn never_or_gone(log: &LogTask, text: &str) -> Log {
    if log.previous || log.started.is_some() { gone(text) } else { Log::Never }
}

enum Taken {
    /// There is no log, and this is why.
    Not(Box<Done>),
    /// The kubelet's error where the log should be.
    ErrorText(String),
    Log(Box<Received>),
}

async fn take(site: &Site, task: &Task, log: &LogTask) -> Taken {
    if let Some(pump) = Pump::continued(site, task, log) {
        return rest(pump, log).await;
    }
    let answer = match site.kubernetes.get(&task.path(), "*/*").await {
        Ok(answer) if answer.status == 204 => {
            let cause = "the pod is not scheduled, so nothing has run";
            return Taken::Not(Box::new(Done { log: Some(never_or_gone(log, cause)), ..Done::absent(cause) }));
        }
        Ok(answer) => answer,
        Err(error) => return Taken::Not(Box::new(no_log(&error, task, log))),
    };
    let mut pump = Pump::new(site, task, log);
    let stop = pump.run(answer.body).await;
    taken(pump, stop)
}

fn taken(pump: Pump, stop: Option<Stopped>) -> Taken {
    match pump.end(stop) {
        Ok(received) => Taken::Log(received),
        Err(text) => Taken::ErrorText(text),
    }
}

/// What came of a log since it was last read, which is the end of it.
async fn rest(mut pump: Pump, log: &LogTask) -> Taken {
    let stopped = pump.stopped.take();
    if stopped.is_some() || pump.is_whole {
        return taken(pump, stopped);
    }
    let stop = match since(&mut pump, log, false).await {
        Err(stop) => Some(stop),
        Ok(answer) => pump.run(answer.body).await,
    };
    taken(pump, stop)
}

/// Asks for what came of a log since it was last read, and, to `follow` it, for what is to come.
async fn since(pump: &mut Pump, log: &LogTask, follow: bool) -> Result<Answer, Stopped> {
    let site = pump.sink.site.clone();
    let what = What::Log(LogTask { since: pump.resume(), tail: None, ..log.clone() });
    let task = Task { what, required: false };
    let answer = match follow {
        true => site.kubernetes.follow(&format!("{}&follow=true", task.path())).await,
        false => site.kubernetes.get(&task.path(), "*/*").await,
    };
    let answer = match answer {
        Ok(answer) if answer.status == 204 => return Err(Stopped::Gone("nothing of the pod runs any more".to_owned())),
        Ok(answer) => answer,
        Err(error) => {
            let done = no_log(&error, &task, log);
            return Err(match done.outcome {
                Outcome::Absent => Stopped::Gone(done.causes.join(": ")),
                _ => Stopped::Source(error),
            });
        }
    };
    if log.name_is_reused {
        // What has come is not to be mixed with what another pod wrote.
        if let Some(done) = not_listed(&site, log).await {
            return Err(Stopped::Gone(done.causes.join(": ")));
        }
    }
    pump.is_sure = true;
    Ok(answer)
}

/// The refusals that mean "there is none".
fn no_log(error: &SourceError, task: &Task, log: &LogTask) -> Done {
    match error {
        SourceError::Status { code: 404, .. } => {
            let cause = format!("the pod {} was deleted after it was listed", log.pod);
            let log = Some(gone(&cause));
            Done { causes: [vec![cause], error.causes()].concat(), log, ..Done::new(Outcome::Absent) }
        }
        // "waiting to start", "previous terminated container … not found", "is not available":
        // https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kubelet_pods.go (validateContainerLogStatus).
        SourceError::Status { code: 400, message, .. }
            if ["waiting to start", "not found", "not available"].iter().any(|text| message.contains(text)) =>
        {
            Done { log: Some(never_or_gone(log, message)), ..Done::absent(message.clone()) }
        }
        error => Done::failed(error, task),
    }
}

/// A log request carries no UID: a pod that took the name answers for the one that was listed. This
/// is what became of the latter then.
async fn not_listed(site: &Site, log: &LogTask) -> Option<Done> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", log.namespace, log.pod);
    match site.kubernetes.get_json::<serde_json::Value>(&path, METADATA).await {
        Ok(pod) => pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != log.uid).then(|| replaced(log)),
        // When the run ends before it can be told, no log is better than another pod's.
        Err(SourceError::Stopped(reason)) => Some(Done::stopped(reason)),
        // A user who may not read single pods is told by the listed UID alone.
        Err(_) => None,
    }
}

fn replaced(log: &LogTask) -> Done {
    let cause = format!("the pod {} was replaced by another of the same name; its log went with it", log.pod);
    Done {
        log: Some(gone(&cause)),
        causes: vec![cause],
        hint: Some("collect again to get the new pod's log".to_owned()),
        ..Done::new(Outcome::Absent)
    }
}
