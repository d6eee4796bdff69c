//! Follows the logs of all running containers until the window closes: looks at the pods again and again,
//! and gives every run that begins a follower of its own.

use super::log::{FollowedRun, Follower};
use crate::{
    collect::{Container, Done, FollowedLogs, Site, lists_pods},
    plan::{self, LogTask, Planned, Pod, Task, What},
    source::{
        Stop,
        kubernetes::{Row, Rows, SourceError},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// How often the pods are looked at.
const TURN: Duration = Duration::from_secs(2);
/// A look that takes long is not repeated at once: for so many times as long it waits, and no longer than
/// this.
const SHARE: u32 = 3;
const LONGEST: Duration = Duration::from_secs(10);
/// How long after the window's end a line of it may come.
const GRACE: TimeDelta = TimeDelta::seconds(2);

/// What was followed of a cluster, for whoever finishes it.
#[derive(Default)]
struct Followed(Mutex<HashMap<FollowedRun, Follower>>);

impl Followed {
    fn logs(&self) -> MutexGuard<'_, HashMap<FollowedRun, Follower>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FollowedLogs for Followed {
    fn has(&self, log: &LogTask) -> bool {
        FollowedRun::of(log).is_some_and(|run| self.logs().contains_key(&run))
    }

    fn uids(&self) -> HashSet<String> {
        self.logs().keys().map(|run| run.uid.clone()).collect()
    }

    fn finish<'a>(&self, site: &'a Site, task: &'a Task, log: &'a LogTask) -> Option<BoxFuture<'a, Done>> {
        let follower = self.logs().remove(&FollowedRun::of(log)?)?;
        Some(Box::pin(follower.end(site, task, log)))
    }

    fn rest(&self, planned: &[&Task]) -> Vec<Task> {
        let log = |task: &What| if let What::Log(log) = task { Some(log.clone()) } else { None };
        let planned: Vec<LogTask> = planned.iter().filter_map(|task| log(&task.what)).collect();
        let planned = |log: &LogTask, is_run: bool| {
            planned.iter().any(|other| match is_run {
                true => FollowedRun::of(other) == FollowedRun::of(log),
                // Another pod of this name has its paths.
                false => (&other.namespace, &other.pod) == (&log.namespace, &log.pod),
            })
        };
        let logs = self.logs();
        let rest = logs.values().filter(|follower| follower.has_lines()).map(Follower::log);
        // Of a pod that is still there, others are the last two runs by now.
        let task = |log: &LogTask| LogTask { past: log.past || planned(log, false), ..log.clone() };
        let rest = rest.filter(|log| !planned(log, true)).map(task);
        let mut tasks: Vec<Task> = rest.map(|log| Task { what: What::Log(log), required: false }).collect();
        tasks.sort_by_cached_key(Task::id);
        tasks
    }
}

/// What a look at the pods said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It goes on.
    Runs,
    /// It has ended, and its log is there.
    Ended {
        /// Whether another has begun since.
        previous: bool,
    },
    /// Its log is there no more; why.
    Gone(String),
}

/// All pods at one moment.
#[derive(Clone, Default)]
pub(super) struct Look {
    asked: Option<Instant>,
    runs: Arc<HashMap<FollowedRun, Seen>>,
    uids: Arc<HashSet<String>>,
}

impl Look {
    fn of(asked: Instant, pods: &[Pod]) -> Self {
        let (mut runs, mut uids) = (HashMap::new(), HashSet::new());
        for seen in pods.iter().flat_map(Pod::runs) {
            uids.insert(seen.uid.clone());
            let run = |started| FollowedRun { uid: seen.uid.clone(), container: seen.container.clone(), started };
            // Of one that waits to be started again the last run is the previous one already.
            if let Some(started) = seen.previous.and_then(|run| run.started) {
                runs.insert(run(started), Seen::Ended { previous: true });
            }
            if let Some((started, ended)) = seen.current.and_then(|run| Some((run.started?, run.ended))) {
                let state = if ended.is_some() { Seen::Ended { previous: false } } else { Seen::Runs };
                runs.insert(run(started), state);
            }
        }
        Self { asked: Some(asked), runs: Arc::new(runs), uids: Arc::new(uids) }
    }

    fn seen(&self, run: &FollowedRun) -> Seen {
        let gone = || match self.uids.contains(&run.uid) {
            true => "the node keeps the logs of two runs, and others have begun since",
            false => "the pod was deleted",
        };
        self.runs.get(run).cloned().unwrap_or_else(|| Seen::Gone(gone().to_owned()))
    }
}

/// The looks at the pods, as they come, and that no more will.
#[derive(Clone)]
pub(super) struct Looks {
    looks: watch::Receiver<Look>,
    closed: watch::Receiver<bool>,
}

impl Looks {
    /// What a look that began after a moment says of a run; nothing when no more is to be followed.
    pub(super) async fn after(&mut self, moment: Instant, run: &FollowedRun) -> Option<Seen> {
        let mut closed = self.closed.clone();
        tokio::select! {
            look = self.looks.wait_for(|look| look.asked.is_some_and(|asked| asked > moment)) => {
                Some(look.ok()?.seen(run))
            }
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    /// What the last look said of a run.
    pub(super) fn latest(&self, run: &FollowedRun) -> Option<Seen> {
        let look = self.looks.borrow();
        look.asked.map(|_| look.seen(run))
    }

    /// Waits until no more is to be followed.
    pub(super) async fn closed(&mut self) {
        // The other end goes when it has told so.
        let _ = self.closed.wait_for(|closed| *closed).await;
    }
}

/// Follows the logs of every cluster until the window closes or the run is told to stop. What came is in
/// each [`Site`]; given back are all containers as they were last seen.
pub async fn follow(sites: &mut [Site], stop: &Stop) -> Vec<Container> {
    let each = sites.iter_mut().map(|site| async {
        let (followed, containers) = of_site(site, stop).await;
        site.followed = Some(Arc::new(followed));
        containers
    });
    join_all(each).await.concat()
}

async fn of_site(site: &Site, stop: &Stop) -> (Followed, Vec<Container>) {
    let (look, looks) = watch::channel(Look::default());
    let (close, closed) = watch::channel(false);
    let looks = Looks { looks, closed };
    let mut followers = JoinSet::new();
    let mut known = HashSet::new();
    // Of each pod, the last look that had it.
    let mut last: HashMap<String, (Look, Pod, DateTime<Utc>)> = HashMap::new();
    let end = site.request.window.end + GRACE;
    let lists = lists(site);
    while site.now() < end && stop.reason().is_none() {
        let (asked, seen) = (Instant::now(), site.now());
        // Where the API server is away, nobody can be followed again before it has been looked.
        let mut pause = TURN;
        if let Ok(pods) = pods(site, &lists).await {
            let now = Look::of(asked, &pods);
            // Told before anybody asks for it.
            look.send_replace(now.clone());
            for (log, run) in logs(site, &pods) {
                if known.insert(run.clone()) {
                    let state = now.seen(&run);
                    let follower = Follower::follow(site.clone(), log, run.clone(), state, looks.clone());
                    followers.spawn(async move { (run, follower.await) });
                }
            }
            pause = TURN.max(asked.elapsed() * SHARE).min(LONGEST);
            last.extend(pods.into_iter().map(|pod| (pod.uid().to_owned(), (now.clone(), pod, seen))));
        }
        let left = (end - site.now()).to_std().unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause.min(left)) => {}
            _ = stop.stopped() => {}
        }
    }
    close.send_replace(true);
    let now = look.borrow().clone();
    let followed = Followed::default();
    // Each ends by itself as soon as it has heard; one that panicked has nothing to give.
    while let Some(ended) = followers.join_next().await {
        let Ok((run, mut follower)) = ended else { continue };
        let is_gone = !now.uids.contains(&run.uid);
        let state = last.get(&run.uid).map(|(look, ..)| look.seen(&run));
        let (previous, past) = match state {
            // Another pod may have its name by now.
            _ if is_gone && follower.log().name_is_reused => (false, true),
            Some(Seen::Runs) => (false, false),
            Some(Seen::Ended { previous }) => (previous, false),
            Some(Seen::Gone(_)) | None => (false, true),
        };
        follower.is_now(previous, past);
        followed.logs().insert(run, follower);
    }
    let container = |seen, runs: plan::Runs| {
        let gone = !now.uids.contains(&runs.uid);
        Container { cluster: site.cluster.clone(), seen, runs, gone }
    };
    let containers = last.values().flat_map(|(_, pod, seen)| pod.runs().map(|runs| container(*seen, runs))).collect();
    (followed, containers)
}

/// The logs of the runs that the pods tell of and that can touch the window.
fn logs(site: &Site, pods: &[Pod]) -> Vec<(LogTask, FollowedRun)> {
    let plan = plan::expand(&site.request, &site.served, &site.place, pods.to_vec());
    let log = |planned: Planned| match planned.task.what {
        What::Log(log) if log.since.is_some() && planned.without.is_none() => Some((FollowedRun::of(&log)?, log)),
        _ => None,
    };
    plan.into_iter().filter_map(log).map(|(run, log)| (log, run)).collect()
}

/// The lists of the workload's pods.
fn lists(site: &Site) -> Vec<Task> {
    let plan = plan::first(&site.request, &site.served, &[], &site.place);
    let is_wanted = |planned: &Planned| lists_pods(&planned.task) && planned.without.is_none();
    plan.into_iter().filter(is_wanted).map(|planned| planned.task).collect()
}

/// The pods that the profile takes.
async fn pods(site: &Site, lists: &[Task]) -> Result<Vec<Pod>, SourceError> {
    let mut pods = Vec::new();
    for task in lists {
        let What::List(list) = &task.what else { continue };
        let mut rows = Listed { site, list, pods: Vec::new() };
        match site.kubernetes.list(&task.path(), false, &mut rows).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(403) && list.namespace.is_none() => {
                for task in plan::one_by_one(task, &site.place) {
                    site.kubernetes.list(&task.path(), false, &mut rows).await?;
                }
            }
            Err(error) => return Err(error),
        }
        pods.append(&mut rows.pods);
    }
    Ok(plan::taken(&site.request, pods))
}

struct Listed<'a> {
    site: &'a Site,
    list: &'a plan::ListTask,
    pods: Vec<Pod>,
}

impl Rows for Listed<'_> {
    type Object = Value;

    fn row(&mut self, row: Row<Value>) {
        let namespace = row.object["metadata"]["namespace"].as_str().unwrap_or_default();
        let scope = self.site.place.namespaces.get(namespace);
        if scope.is_some_and(|scope| scope.holds(&self.list.resource, &row.object)) {
            self.pods.extend(Pod::read(&self.site.request, &row.object));
        }
    }

    fn restart(&mut self) {
        self.pods.clear();
    }
}
