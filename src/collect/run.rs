//! Owns the scheduler: it runs the tasks of all clusters at once, the volatile ones first, within the limits of each
//! cluster and node, until all have ended or the run is told to end.
//!
//! The [`Planner`] decides what is requested; the scheduler runs its tasks, and tells it what they showed. Nothing is
//! dropped when the run is told to end: running tasks end by themselves, because every source also waits for the
//! signal, and tasks that have not started are recorded as such.

use super::{
    ClusterContext, ClusterTask, TaskResult,
    run_result::{Container, EndedTask, RunResult},
    so_far::{EvidenceSoFar, Observed},
};
use crate::{
    bundle::{GonePod, Outcome},
    facts::identity,
    plan::{FoundPrometheus, LogTask, Planned, Planner, Pod, Preset, Priority, Role, Runs, Shown, Task},
    source::{Stop, StopReason, Stopper},
};
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt as _};
use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};
use tokio::task::{Id, JoinSet};

/// Collects the evidence of a task.
pub type Collect = for<'a> fn(&'a ClusterContext, &'a Task) -> BoxFuture<'a, TaskResult>;

/// How many requests run at once.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency {
    /// Requests of one cluster.
    pub cluster: usize,
    /// Logs of one node: its kubelet has no other protection.
    pub node: usize,
}

/// How long running tasks may take to end when they are told to. A deadline is kept to within a second.
fn drain(reason: StopReason) -> Duration {
    Duration::from_millis(if reason == StopReason::Deadline { 500 } else { 3000 })
}

struct Job {
    at: usize,
    planned: Planned,
}

struct Running {
    at: usize,
    task: Task,
    node: Option<String>,
    started: DateTime<Utc>,
    clock: Instant,
}

struct Scheduler<'a> {
    collect: Collect,
    contexts: &'a [ClusterContext],
    limits: Concurrency,
    pending: BTreeMap<(Priority, u64), Job>,
    sequence: u64,
    running: HashMap<Id, Running>,
    tasks: JoinSet<TaskResult>,
    /// For each cluster.
    planners: Vec<Planner>,
    /// For each cluster.
    observed: Vec<Observed>,
    /// Logs that were followed and whose turn did not come, with their cluster.
    held: Vec<(usize, Task)>,
    run: RunResult,
}

/// Runs the plans of `planners`, one for each cluster; `collect` collects the evidence of a task.
pub async fn run(
    contexts: &[ClusterContext],
    planners: Vec<Planner>,
    collect: Collect,
    limits: Concurrency,
    stop: &Stop,
    stopper: &Stopper,
) -> RunResult {
    let mut scheduler = Scheduler {
        collect,
        contexts,
        limits,
        pending: BTreeMap::new(),
        sequence: 0,
        running: HashMap::new(),
        tasks: JoinSet::new(),
        planners,
        observed: contexts.iter().map(|_| Observed::default()).collect(),
        held: Vec::new(),
        run: RunResult::default(),
    };
    // What has ended is kept.
    if AssertUnwindSafe(scheduler.run_all(stop, stopper)).catch_unwind().await.is_err() {
        scheduler.give_up();
    }
    identity::prefer(&mut scheduler.run.claims);
    scheduler.run
}

/// The result of a task, also if its collector panics.
async fn caught(work: impl Future<Output = TaskResult>) -> TaskResult {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|_| TaskResult::panicked("a collector"))
}

impl Scheduler<'_> {
    /// Runs all tasks, and those that are planned from them.
    async fn run_all(&mut self, stop: &Stop, stopper: &Stopper) {
        let contexts = self.contexts;
        for (at, context) in contexts.iter().enumerate() {
            let plan = self.planners[at].start(context.now());
            self.add(at, plan);
        }
        if let Some(context) = contexts.first() {
            context.run.skip.begin();
        }
        let mut drained = None;
        loop {
            if let Some(reason) = stop.reason() {
                self.give_up_pending(reason);
                self.give_up_questions(reason);
                drained.get_or_insert_with(|| tokio::time::Instant::now() + drain(reason));
            } else {
                self.start();
                self.wait_for_scrapes();
            }
            if self.running.is_empty() {
                break;
            }
            let told = async {
                match drained {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => {
                        stop.stopped().await;
                    }
                }
            };
            tokio::select! {
                ended = self.tasks.join_next_with_id() => {
                    let ended = ended.map(|ended| ended.unwrap_or_else(|panic| {
                        (panic.id(), TaskResult::panicked("a collector"))
                    }));
                    if let Some((id, result)) = ended {
                        self.end(id, result, stopper);
                    }
                }
                () = told => {
                    if drained.is_some() {
                        self.abort(stop.reason().unwrap_or(StopReason::Interrupted));
                    }
                }
            }
        }
        self.end_followed().await;
        self.find_gone();
    }

    fn add(&mut self, at: usize, plan: Vec<Planned>) {
        self.contexts[at].run.progress.planned(plan.len());
        for planned in plan {
            match &planned.preset {
                Some(preset) => {
                    let result = match preset.clone() {
                        Preset::Absent(cause) => TaskResult::absent(cause),
                        Preset::Skipped(cause) => {
                            TaskResult { causes: vec![cause], ..TaskResult::new(Outcome::Skipped) }
                        }
                        Preset::Failed(causes) => TaskResult { causes, ..TaskResult::new(Outcome::Failed) },
                    };
                    self.record_without_running(at, planned.task, result);
                }
                None => {
                    self.sequence += 1;
                    self.pending.insert((planned.task.priority(), self.sequence), Job { at, planned });
                }
            }
        }
    }

    /// Starts what the limits allow, in order.
    fn start(&mut self) {
        let mut clusters = vec![0; self.contexts.len()];
        let mut nodes: HashMap<(usize, &str), usize> = HashMap::new();
        for running in self.running.values() {
            clusters[running.at] += 1;
            if let Some(node) = &running.node {
                *nodes.entry((running.at, node)).or_default() += 1;
            }
        }
        let mut ready = Vec::new();
        for (key, job) in &self.pending {
            let at_node = job.planned.task.node().map(|node| nodes.entry((job.at, node)).or_default());
            if clusters[job.at] >= self.limits.cluster
                || at_node.as_ref().is_some_and(|held| **held >= self.limits.node)
            {
                continue;
            }
            clusters[job.at] += 1;
            if let Some(held) = at_node {
                *held += 1;
            }
            ready.push(*key);
        }
        for key in ready {
            let Some(Job { at, planned }) = self.pending.remove(&key) else { continue };
            let (context, task, collect) = (self.contexts[at].clone(), planned.task, self.collect);
            let running = Running {
                at,
                node: task.node().map(str::to_owned),
                task: task.clone(),
                started: Utc::now(),
                clock: Instant::now(),
            };
            let work = async move {
                match task.limit() {
                    None => collect(&context, &task).await,
                    Some(limit) => {
                        tokio::time::timeout(limit, collect(&context, &task)).await.unwrap_or_else(|_| TaskResult {
                            causes: vec![format!("took longer than {} s", limit.as_secs())],
                            ..TaskResult::new(Outcome::TimedOut)
                        })
                    }
                }
            };
            let handle = self.tasks.spawn(caught(work));
            let running = self.running.entry(handle.id()).or_insert(running);
            let context = &self.contexts[at];
            context.run.progress.begins(&ClusterTask { cluster: &context.cluster, task: &running.task });
        }
    }

    fn end(&mut self, id: Id, mut result: TaskResult, stopper: &Stopper) {
        let Some(Running { at, mut task, started, clock, .. }) = self.running.remove(&id) else { return };
        if result.disk_full {
            stopper.stop(StopReason::DiskFull);
        }
        if let Some(told) = result.told.take() {
            self.observed[at].told.join(told);
        }
        if task.role() == Role::Pods {
            let (asked, observed) = (started + self.contexts[at].skew, &mut self.observed[at]);
            observed.asked = Some(observed.asked.map_or(asked, |before| before.min(asked)));
        }
        let shown = Shown {
            is_incomplete: !matches!(result.outcome, Outcome::Collected | Outcome::Empty | Outcome::Skipped),
            prometheus: match &result.backend {
                Some(backend) => FoundPrometheus::Some { has_servers: backend.has_servers },
                None => FoundPrometheus::None,
            },
            scraped: result.scraped.as_ref().map(|scraped| scraped.at),
            ..std::mem::take(&mut result.shown)
        };
        let planned = task.clone();
        // The tasks that replace it are required instead.
        task.required &= !shown.is_refused;
        self.record(at, task, Some(started), clock.elapsed(), result);
        let so_far = EvidenceSoFar { context: &self.contexts[at], observed: &self.observed[at], run: &self.run };
        let mut plan = self.planners[at].on(&planned, shown, &so_far);
        plan.extend(self.note_pods(at));
        self.add(at, plan);
    }

    /// Once all pods of a cluster are listed: records them, and returns tasks for logs that were followed and that no
    /// task is about.
    fn note_pods(&mut self, at: usize) -> Vec<Planned> {
        let (context, observed) = (&self.contexts[at], &mut self.observed[at]);
        let Some(listed) = self.planners[at].listed().filter(|_| !observed.is_noted) else { return Vec::new() };
        observed.is_noted = true;
        let images = listed.all.iter().flat_map(|pod| pod.images.iter().cloned()).collect();
        let at_server = observed.asked.unwrap_or_else(|| context.now());
        // Set once: a cluster's pods are complete once.
        let _ = (context.learned.images.set(images), context.learned.seen.set(at_server));
        let logs = &context.basis.request.profile.logs;
        if logs.current.is_some() || logs.previous.is_some() {
            let container = |runs| Container { cluster: context.cluster.clone(), seen: at_server, runs, gone: false };
            self.run.containers.extend(listed.taken.iter().flat_map(Pod::runs).map(container));
        }
        let rest = context.followed.iter().flat_map(|followed| followed.rest(&listed.tasks));
        let rest = rest.map(Planned::from).collect();
        self.planners[at].add(rest)
    }

    /// Pods that events mention but no list contains.
    fn find_gone(&mut self) {
        for (at, context) in self.contexts.iter().enumerate() {
            let observed = &self.observed[at];
            let Some(listed) = self.planners[at].listed().filter(|listed| listed.is_complete) else { continue };
            let gone: Vec<GonePod> = observed.gone(context, &listed.uids).cloned().collect();
            let ours = self.run.records.iter().filter(|record| record.cluster == context.cluster);
            let orphaned = ours.filter_map(|record| record.task.spec::<LogTask>()).filter(|log| log.is_orphaned());
            // When an event last mentioned it, it still existed.
            let listed_at = observed.asked.unwrap_or_else(|| context.now());
            let last = |uid: &str| gone.iter().find(|pod| pod.uid == uid).map_or(listed_at, |pod| pod.last);
            let container = |log: &LogTask| Container {
                cluster: context.cluster.clone(),
                seen: last(&log.uid),
                runs: Runs::of_orphaned(log),
                gone: true,
            };
            self.run.containers.extend(orphaned.map(container));
            self.run.gone_pods.extend(gone);
        }
    }

    /// Logs that were followed and have no task yet, because the pods were not listed again.
    async fn end_followed(&mut self) {
        for (at, context) in self.contexts.iter().enumerate() {
            let held = std::mem::take(&mut self.held);
            let (ours, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|(of, _)| *of == at);
            self.held = others;
            let mut tasks: Vec<Task> = ours.into_iter().map(|(_, task)| task).collect();
            let records = self.run.records.iter().filter(|record| record.cluster == context.cluster);
            let known: Vec<Task> = records.map(|record| &record.task).chain(&tasks).cloned().collect();
            let rest: Vec<Task> = context.followed.iter().flat_map(|followed| followed.rest(&known)).collect();
            tasks.extend(rest);
            for task in tasks {
                let (started, clock) = (Utc::now(), Instant::now());
                let result = caught((self.collect)(context, &task)).await;
                self.record(at, task, Some(started), clock.elapsed(), result);
            }
        }
    }

    fn record_without_running(&mut self, at: usize, task: Task, result: TaskResult) {
        self.record(at, task, None, Duration::ZERO, result);
    }

    fn record(
        &mut self,
        at: usize,
        task: Task,
        started: Option<DateTime<Utc>>,
        duration: Duration,
        mut result: TaskResult,
    ) {
        let context = &self.contexts[at];
        let (cluster, outcome) = (context.cluster.clone(), result.outcome);
        self.run.claims.append(&mut result.claims);
        if let Some(objects) = result.objects.take() {
            self.run.objects.join(*objects);
        }
        self.run.records.push(EndedTask { cluster, task: task.clone(), started, duration, result });
        context.run.progress.ends(&ClusterTask { cluster: &context.cluster, task: &task }, outcome);
    }

    /// Queries that were never sent are recorded like everything else.
    fn give_up_questions(&mut self, reason: StopReason) {
        for (at, context) in self.contexts.iter().enumerate() {
            let so_far = EvidenceSoFar { context, observed: &self.observed[at], run: &self.run };
            for planned in self.planners[at].unasked(&so_far) {
                self.record_without_running(at, planned.task, TaskResult::stopped(reason));
            }
        }
    }

    /// Reports when the run waits only for the time of second scrapes.
    fn wait_for_scrapes(&self) {
        let pending = self.pending.values().map(|job| &job.planned.task);
        let mut tasks = self.running.values().map(|running| &running.task).chain(pending);
        let is_alone = !self.running.is_empty() && tasks.all(|task| task.is_waiting(Utc::now()));
        if let Some(context) = self.contexts.first()
            && context.run.skip.set_alone(is_alone)
        {
            context.run.progress.waits();
        }
    }

    fn give_up_pending(&mut self, reason: StopReason) {
        for (_, job) in std::mem::take(&mut self.pending) {
            // Followed logs are already collected, and only have to be finished.
            if let Some(log) = job.planned.task.spec::<LogTask>()
                && self.contexts[job.at].followed.as_ref().is_some_and(|followed| followed.has(log))
            {
                self.held.push((job.at, job.planned.task));
                continue;
            }
            self.record_without_running(job.at, job.planned.task, TaskResult::stopped(reason));
        }
    }

    /// After a panic: what has not ended fails. Nobody is shown that, because the panic may have been theirs.
    fn give_up(&mut self) {
        self.run.is_cut = true;
        self.tasks.abort_all();
        let running = std::mem::take(&mut self.running).into_values().map(|it| (it.at, it.task, Some(it.started)));
        let pending = std::mem::take(&mut self.pending).into_values().map(|job| (job.at, job.planned.task, None));
        let held = std::mem::take(&mut self.held).into_iter().map(|(at, task)| (at, task, None));
        for (at, task, started) in running.chain(pending).chain(held) {
            let cluster = self.contexts[at].cluster.clone();
            let result = TaskResult::panicked("the scheduler");
            self.run.records.push(EndedTask { cluster, task, started, duration: Duration::ZERO, result });
        }
    }

    /// Tasks that do not end when they are told to are given up: their entries never existed.
    fn abort(&mut self, reason: StopReason) {
        self.tasks.abort_all();
        for (_, Running { at, task, started, clock, .. }) in std::mem::take(&mut self.running) {
            self.record(at, task, Some(started), clock.elapsed(), TaskResult::stopped(reason));
        }
    }
}
