//! Owns the following of all logs until the window ends: lists the pods again and again, and starts a follower for each
//! run of a container.

use super::{
    follower::Follower,
    pod_watch::{PodList, PodLists, RunId, RunState},
};
use crate::{
    collect::{ClusterContext, ClusterTask, Container, FollowedLogs, TaskResult},
    collectors::{look::look, objects},
    plan::{self, LogTask, Planning, Pod, Role, Stage, Task},
    source::{Stop, kubernetes::SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{BoxFuture, join_all};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// The pause before the pods are listed again.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause is longer after a slow list: this many times as long as the list took.
const SHARE: u32 = 3;
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// How long after the window's end a line of the window may come.
const GRACE: TimeDelta = TimeDelta::seconds(2);

/// The followed logs of a cluster, for the tasks that finish them.
#[derive(Default)]
struct Followed(Mutex<HashMap<RunId, Follower>>);

impl Followed {
    fn logs(&self) -> MutexGuard<'_, HashMap<RunId, Follower>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FollowedLogs for Followed {
    fn has(&self, log: &LogTask) -> bool {
        RunId::of(log).is_some_and(|run| self.logs().contains_key(&run))
    }

    fn uids(&self) -> HashSet<String> {
        self.logs().keys().map(|run| run.uid.clone()).collect()
    }

    fn finish<'a>(
        &self,
        context: &'a ClusterContext,
        task: &'a Task,
        log: &'a LogTask,
    ) -> Option<BoxFuture<'a, TaskResult>> {
        let follower = self.logs().remove(&RunId::of(log)?)?;
        Some(Box::pin(follower.end(context, task, log)))
    }

    fn rest(&self, planned: &[Task]) -> Vec<Task> {
        let planned: Vec<&LogTask> = planned.iter().filter_map(Task::spec).collect();
        let planned = |log: &LogTask, is_run: bool| {
            planned.iter().any(|other| match is_run {
                true => RunId::of(other) == RunId::of(log),
                // Another pod of this name is planned under the same paths.
                false => (&other.namespace, &other.pod) == (&log.namespace, &log.pod),
            })
        };
        let logs = self.logs();
        let rest = logs.values().filter(|follower| follower.has_lines()).map(Follower::log);
        // A pod that still exists has its last two runs planned.
        let task = |log: &LogTask| LogTask { past: log.past || planned(log, false), ..log.clone() };
        let rest = rest.filter(|log| !planned(log, true)).map(task);
        let mut tasks: Vec<Task> = rest.map(Task::new).collect();
        tasks.sort_by_cached_key(|task| task.id());
        tasks
    }
}

/// Follows the logs of every cluster until the window ends or the run is told to stop. Puts what arrived into each
/// [`ClusterContext`], and returns all containers as they were last listed.
pub async fn follow(contexts: &mut [ClusterContext], stop: &Stop) -> Vec<Container> {
    let each = contexts.iter_mut().map(|context| async {
        let (followed, containers) = of_cluster(context, stop).await;
        context.followed = Some(Arc::new(followed));
        containers
    });
    join_all(each).await.concat()
}

async fn of_cluster(context: &ClusterContext, stop: &Stop) -> (Followed, Vec<Container>) {
    let (list, listed) = watch::channel(PodList::default());
    let (close, closed) = watch::channel(false);
    let pod_lists = PodLists { lists: listed, closed };
    let mut followers = JoinSet::new();
    let mut known = HashSet::new();
    // By pod: the last list that has it.
    let mut last: HashMap<String, (PodList, Pod, DateTime<Utc>)> = HashMap::new();
    let end = context.basis.request.window.end + GRACE;
    let lists = lists(context);
    while context.now() < end && stop.reason().is_none() {
        let (asked, seen) = (Instant::now(), context.now());
        // While the API server does not answer, no log can be followed again before the next list.
        let mut pause = PAUSE;
        if let Ok(pods) = pods(context, &lists).await {
            let now = PodList::of(asked, &pods);
            // Before the followers that need it.
            list.send_replace(now.clone());
            for (log, run) in logs(context, &pods) {
                if known.insert(run.clone()) {
                    let state = now.state(&run);
                    let follower = shown(context.clone(), log, run.clone(), state, pod_lists.clone());
                    followers.spawn(async move { (run, follower.await) });
                }
            }
            pause = PAUSE.max(asked.elapsed() * SHARE).min(LONGEST);
            last.extend(pods.into_iter().map(|pod| (pod.uid().to_owned(), (now.clone(), pod, seen))));
        }
        let left = (end - context.now()).to_std().unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause.min(left)) => {}
            _ = stop.stopped() => {}
        }
    }
    close.send_replace(true);
    let now = list.borrow().clone();
    let followed = Followed::default();
    // Each ends by itself now. One that panicked has nothing to return.
    while let Some(ended) = followers.join_next().await {
        let Ok((run, mut follower)) = ended else { continue };
        let is_gone = !now.uids.contains(&run.uid);
        let state = last.get(&run.uid).map(|(list, ..)| list.state(&run));
        let (previous, past) = match state {
            // Another pod may have its name by now.
            _ if is_gone && follower.log().name_is_reused => (false, true),
            Some(RunState::Running) => (false, false),
            Some(RunState::Ended { previous }) => (previous, false),
            Some(RunState::Gone(_)) | None => (false, true),
        };
        follower.mark_run(previous, past);
        followed.logs().insert(run, follower);
    }
    let container = |seen, runs: plan::Runs| {
        let gone = !now.uids.contains(&runs.uid);
        Container { cluster: context.cluster.clone(), seen, runs, gone }
    };
    let containers = last.values().flat_map(|(_, pod, seen)| pod.runs().map(|runs| container(*seen, runs))).collect();
    (followed, containers)
}

/// Follows a run, and reports when this begins and ends.
async fn shown(context: ClusterContext, log: LogTask, run: RunId, state: RunState, lists: PodLists) -> Follower {
    let task = Task::new(log.clone());
    let (progress, cluster) = (context.run.progress.clone(), context.cluster.clone());
    let what = ClusterTask { cluster: &cluster, task: &task };
    progress.follow_begins(&what);
    let follower = Follower::follow(context, log, run, state, lists).await;
    progress.follow_ended(&what);
    follower
}

/// The logs of the listed runs that can have lines in the window.
fn logs(context: &ClusterContext, pods: &[Pod]) -> Vec<(LogTask, RunId)> {
    let planned = super::plan(&Planning { basis: &context.basis, stage: Stage::Pods(pods) });
    let asked = planned.iter().filter(|planned| planned.preset.is_none());
    let logs = asked.filter_map(|planned| planned.task.spec::<LogTask>()).filter(|log| log.since.is_some());
    logs.filter_map(|log| Some((log.clone(), RunId::of(log)?))).collect()
}

/// The lists of the workload's pods.
fn lists(context: &ClusterContext) -> Vec<Task> {
    let plan = objects::plan(&Planning { basis: &context.basis, stage: Stage::Start { now: context.now() } });
    let asked = plan.into_iter().filter(|planned| planned.preset.is_none()).map(|planned| planned.task);
    asked.filter(|task| task.role() == Role::Pods).collect()
}

/// The pods that the profile selects.
async fn pods(context: &ClusterContext, lists: &[Task]) -> Result<Vec<Pod>, SourceError> {
    let mut pods = Vec::new();
    for task in lists {
        match look(&context.kubernetes, &context.basis, &context.cluster, task).await {
            Ok(mut seen) => pods.append(&mut seen.pods),
            Err(error) if error.code() == Some(403) && task.namespace().is_none() => {
                for task in task.by_namespace(&mut context.basis.place.namespaces.keys()) {
                    pods.append(&mut look(&context.kubernetes, &context.basis, &context.cluster, &task).await?.pods);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(plan::taken(&context.basis.request, pods))
}
