//! Runs the tasks of all clusters at once, the volatile ones first, within the limits of each
//! cluster and node, until all have ended or the run is told to.
//!
//! Nothing is dropped when the run is told to end: what is under way ends by itself, since every
//! source waits for the signal too, and what was not begun is recorded as such.

mod asking;

use super::{Done, Shown, Site};
use crate::{
    bundle::{GonePod, IdentityClaim, Outcome},
    facts::{gone::MentionedPods, identity, objects::ObjectFacts},
    plan::{self, LogTask, Planned, Pod, Priority, Runs, Task, What, Without},
    source::{Stop, StopReason, Stopper},
};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::{Id, JoinSet};

/// Gets the evidence of a task.
pub type Collect = for<'a> fn(&'a Site, &'a Task) -> BoxFuture<'a, Done>;

/// How much is asked for at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one cluster.
    pub cluster: usize,
    /// Logs of one node: its kubelet has no other protection.
    pub node: usize,
}

/// How long what is under way may take to end, once told to: a deadline is kept to within a second.
fn drain(reason: StopReason) -> Duration {
    Duration::from_millis(if reason == StopReason::Deadline { 500 } else { 3000 })
}

/// A task that has ended.
#[derive(Debug)]
pub struct Record {
    /// The cluster's name.
    pub cluster: String,
    /// The task.
    pub task: Task,
    /// When it began; none if it never did.
    pub started: Option<DateTime<Utc>>,
    /// How long it took.
    pub duration: Duration,
    /// What became of it.
    pub done: Done,
}

/// A container whose logs were asked for, as its pod's status had it.
#[derive(Clone, Debug)]
pub struct Container {
    /// The cluster's name.
    pub cluster: String,
    /// When the status was asked for, by the API server's clock.
    pub seen: DateTime<Utc>,
    /// What it said.
    pub runs: Runs,
    /// Whether its pod was deleted since, while its log was followed.
    pub gone: bool,
}

/// What a run gave.
#[derive(Debug, Default)]
pub struct Run {
    /// Every task, each once.
    pub records: Vec<Record>,
    /// Pods that are there no more, by their events.
    pub gone_pods: Vec<GonePod>,
    /// Every container that the profile takes.
    pub containers: Vec<Container>,
    /// What was said about who this is.
    pub claims: Vec<IdentityClaim>,
    /// What the objects say.
    pub objects: ObjectFacts,
}

impl Run {
    /// Adds containers that were followed and are in no list: their pods were deleted, or there was none.
    pub fn add_followed(&mut self, followed: Vec<Container>) {
        let key = |it: &Container| (it.cluster.clone(), it.runs.uid.clone(), it.runs.container.clone());
        let known: HashSet<_> = self.containers.iter().map(key).collect();
        let listed: HashSet<String> = self.containers.iter().map(|it| it.cluster.clone()).collect();
        let more = followed.into_iter().filter(|it| !known.contains(&key(it)));
        self.containers.extend(more.map(|it| Container { gone: it.gone || listed.contains(&it.cluster), ..it }));
    }
}

struct Job {
    site: usize,
    planned: Planned,
}

struct Running {
    site: usize,
    task: Task,
    node: Option<String>,
    started: DateTime<Utc>,
    clock: Instant,
}

struct Scheduler<'a> {
    collect: Collect,
    sites: &'a [Site],
    limits: Limits,
    pending: BTreeMap<(Priority, u64), Job>,
    sequence: u64,
    /// Tasks that were planned: several ways may lead to one.
    known: BTreeSet<(usize, String)>,
    running: HashMap<Id, Running>,
    tasks: JoinSet<Done>,
    /// For each site.
    pods: Vec<Pods>,
    /// Logs that were followed and whose turn did not come, with their site.
    held: Vec<(usize, Task)>,
    run: Run,
}

/// Pods of one cluster.
#[derive(Default)]
struct Pods {
    /// Those seen so far.
    seen: Vec<Pod>,
    /// Whether one of their lists failed.
    failed: bool,
    /// How many lists of them are still to come.
    awaited: usize,
    /// UIDs of all that were seen or followed, when their lists have ended.
    uids: Option<Arc<HashSet<String>>>,
    /// Nodes of those that the profile takes.
    nodes: BTreeSet<String>,
    /// How many lists of namespaces' events are still to come.
    awaited_events: usize,
    /// Those that events tell of.
    told: MentionedPods,
    /// When the first of these lists was asked for.
    asked: Option<DateTime<Utc>>,
    /// Whether a Prometheus was looked for, or need not be.
    has_looked: bool,
    /// Whether the questions to it are planned, or what stands in for them.
    is_questioned: bool,
}

impl Pods {
    /// UIDs of the pods that are there, and when that was so; none where it could not be told of all.
    fn there(&self, site: &Site) -> Option<(&Arc<HashSet<String>>, DateTime<Utc>)> {
        Some((self.uids.as_ref().filter(|_| !self.failed)?, *site.seen.get()?))
    }

    /// Those that events tell of and no list of them does.
    fn gone<'a>(&'a self, site: &Site) -> impl Iterator<Item = &'a GonePod> {
        let there = self.there(site).map(|(there, seen)| (&**there, seen));
        there.into_iter().flat_map(|there| self.told.gone(there, site.request.window.start))
    }
}

/// Runs `plans`, one for each site, and what comes of them; `collect` gets the evidence of a task.
pub async fn run(
    sites: &[Site],
    plans: Vec<Vec<Planned>>,
    collect: Collect,
    limits: Limits,
    stop: &Stop,
    stopper: &Stopper,
) -> Run {
    let mut scheduler = Scheduler {
        collect,
        sites,
        limits,
        pending: BTreeMap::new(),
        sequence: 0,
        known: BTreeSet::new(),
        running: HashMap::new(),
        tasks: JoinSet::new(),
        pods: sites.iter().map(|_| Pods::default()).collect(),
        held: Vec::new(),
        run: Run::default(),
    };
    for (site, plan) in plans.into_iter().enumerate() {
        let looks = |planned: &Planned| planned.without.is_none() && matches!(planned.task.what, What::Prometheus(_));
        scheduler.pods[site].has_looked = !plan.iter().any(looks);
        scheduler.add(site, plan);
    }
    if let Some(site) = sites.first() {
        site.skip.begin();
    }
    let mut drained = None;
    loop {
        if let Some(reason) = stop.reason() {
            scheduler.give_up_pending(reason);
            scheduler.give_up_questions(reason);
            drained.get_or_insert_with(|| tokio::time::Instant::now() + drain(reason));
        } else {
            scheduler.start();
            scheduler.wait_for_scrapes();
        }
        if scheduler.running.is_empty() {
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
            ended = scheduler.tasks.join_next_with_id() => {
                let ended = ended.map(|ended| ended.unwrap_or_else(|panic| {
                    let causes = vec!["internal error: a collector panicked".to_owned()];
                    (panic.id(), Done { causes, ..Done::new(Outcome::Failed) })
                }));
                if let Some((id, done)) = ended {
                    scheduler.end(id, done, stopper);
                }
            }
            () = told => {
                if drained.is_some() {
                    scheduler.abort(stop.reason().unwrap_or(StopReason::Interrupted));
                }
            }
        }
    }
    scheduler.end_followed().await;
    scheduler.find_gone();
    identity::prefer(&mut scheduler.run.claims);
    scheduler.run
}

impl Scheduler<'_> {
    fn add(&mut self, site: usize, plan: Vec<Planned>) {
        let mut added = 0;
        for planned in plan {
            if !self.known.insert((site, planned.task.id())) {
                continue;
            }
            if planned.without.is_none() {
                self.pods[site].awaited += usize::from(lists_pods(&planned.task));
                self.pods[site].awaited_events += usize::from(lists_events(&planned.task));
            }
            added += 1;
            match &planned.without {
                Some(Without::Absent(cause)) => self.settle(site, planned.task.clone(), Done::absent(cause.clone())),
                Some(Without::Failed(causes)) => {
                    let done = Done { causes: causes.clone(), ..Done::new(Outcome::Failed) };
                    self.settle(site, planned.task.clone(), done);
                }
                Some(Without::Skipped(cause)) => {
                    let done = Done { causes: vec![cause.clone()], ..Done::new(Outcome::Skipped) };
                    self.settle(site, planned.task.clone(), done);
                }
                None => {
                    self.sequence += 1;
                    self.pending.insert((planned.task.priority(), self.sequence), Job { site, planned });
                }
            }
        }
        if let Some(site) = self.sites.get(site) {
            site.progress.planned(added);
        }
    }

    /// Starts what the limits allow, in order.
    fn start(&mut self) {
        let mut clusters = vec![0; self.sites.len()];
        let mut nodes: HashMap<(usize, &str), usize> = HashMap::new();
        for running in self.running.values() {
            clusters[running.site] += 1;
            if let Some(node) = &running.node {
                *nodes.entry((running.site, node)).or_default() += 1;
            }
        }
        let mut ready = Vec::new();
        for (key, job) in &self.pending {
            let at_node = job.planned.task.node().map(|node| nodes.entry((job.site, node)).or_default());
            if clusters[job.site] >= self.limits.cluster
                || at_node.as_ref().is_some_and(|held| **held >= self.limits.node)
            {
                continue;
            }
            clusters[job.site] += 1;
            if let Some(held) = at_node {
                *held += 1;
            }
            ready.push(*key);
        }
        for key in ready {
            let Some(Job { site: at, planned }) = self.pending.remove(&key) else { continue };
            let (site, task, collect) = (self.sites[at].clone(), planned.task, self.collect);
            site.progress.begins(&Shown { cluster: &site.cluster, task: &task });
            let running = Running {
                site: at,
                node: task.node().map(str::to_owned),
                task: task.clone(),
                started: Utc::now(),
                clock: Instant::now(),
            };
            let work = async move {
                match task.limit() {
                    None => collect(&site, &task).await,
                    Some(limit) => tokio::time::timeout(limit, collect(&site, &task)).await.unwrap_or_else(|_| Done {
                        causes: vec![format!("took longer than {} s", limit.as_secs())],
                        ..Done::new(Outcome::TimedOut)
                    }),
                }
            };
            let handle = self.tasks.spawn(futures_util::FutureExt::map(
                futures_util::FutureExt::catch_unwind(AssertUnwindSafe(work)),
                |done| {
                    done.unwrap_or_else(|_| Done {
                        causes: vec!["internal error: a collector panicked".to_owned()],
                        ..Done::new(Outcome::Failed)
                    })
                },
            ));
            self.running.insert(handle.id(), running);
        }
    }

    fn end(&mut self, id: Id, mut done: Done, stopper: &Stopper) {
        let Some(Running { site, mut task, started, clock, .. }) = self.running.remove(&id) else { return };
        if done.disk_full {
            stopper.stop(StopReason::DiskFull);
        }
        let instead = std::mem::take(&mut done.instead);
        // What takes its place is required in its place.
        task.required &= instead.is_empty();
        self.add(site, instead);
        if let Some(told) = done.told.take() {
            self.pods[site].told.join(told);
        }
        if lists_pods(&task) {
            // Where one list failed, what is not in the others need not be gone.
            self.pods[site].failed |= !matches!(done.outcome, Outcome::Collected | Outcome::Empty | Outcome::Skipped);
            let pods = &mut self.pods[site];
            pods.seen.append(&mut done.pods);
            pods.awaited -= 1;
            pods.asked = Some(pods.asked.map_or(started, |asked| asked.min(started)));
            if pods.awaited == 0 {
                self.expand(site);
                self.look_for_left(site);
            }
        }
        if lists_events(&task) {
            self.pods[site].awaited_events -= 1;
            self.look_for_left(site);
        }
        let has_looked = matches!(task.what, What::Prometheus(_));
        self.record(site, task, Some(started), clock.elapsed(), done);
        self.pods[site].has_looked |= has_looked;
        self.question(site);
    }

    /// All pods of a cluster were seen: plans what hangs on them.
    fn expand(&mut self, at: usize) {
        let site = &self.sites[at];
        let asked = self.pods[at].asked;
        let mut pods = std::mem::take(&mut self.pods[at].seen);
        let uids = pods.iter().flat_map(|pod| [pod.uid(), pod.node_uid()]).map(str::to_owned);
        let followed = site.followed.iter().flat_map(|followed| followed.uids());
        self.pods[at].uids = Some(Arc::new(uids.chain(followed).collect()));
        pods.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        let images = pods.iter().flat_map(|pod| pod.images.iter().cloned()).collect();
        let seen = asked.unwrap_or_else(Utc::now) + site.skew;
        // Set once: a cluster's pods are complete once.
        let _ = (site.images.set(images), site.seen.set(seen));
        let logs = &site.request.profile.logs;
        let taken = plan::taken(&site.request, pods.clone());
        self.pods[at].nodes = taken.iter().filter_map(|pod| pod.node.clone()).collect();
        if logs.current.is_some() || logs.previous.is_some() {
            let container = |runs| Container { cluster: site.cluster.clone(), seen, runs, gone: false };
            self.run.containers.extend(taken.iter().flat_map(Pod::runs).map(container));
        }
        let mut plan = plan::expand(&site.request, &site.served, &site.place, pods);
        let tasks: Vec<&Task> = plan.iter().map(|planned| &planned.task).collect();
        let rest: Vec<Task> = site.followed.iter().flat_map(|followed| followed.rest(&tasks)).collect();
        plan.extend(rest.into_iter().map(Planned::from));
        self.add(at, plan);
    }

    /// Pods that events tell of and no list of them does.
    fn find_gone(&mut self) {
        for (site, pods) in self.sites.iter().zip(std::mem::take(&mut self.pods)) {
            let Some((_, seen)) = pods.there(site) else { continue };
            let gone: Vec<GonePod> = pods.gone(site).cloned().collect();
            let ours = self.run.records.iter().filter(|record| record.cluster == site.cluster);
            let left = ours.filter_map(|record| match &record.task.what {
                What::Log(log) if log.is_left() => Some(log),
                _ => None,
            });
            // When it was last told of, it was still there.
            let last = |uid: &str| gone.iter().find(|pod| pod.uid == uid).map_or(seen, |pod| pod.last);
            let container = |log: &LogTask| Container {
                cluster: site.cluster.clone(),
                seen: last(&log.uid),
                runs: Runs::of_left(log),
                gone: true,
            };
            self.run.containers.extend(left.map(container));
            self.run.gone_pods.extend(gone);
        }
    }

    /// Once pods and events are known: plans to look for logs that the nodes still have of pods that are
    /// gone.
    fn look_for_left(&mut self, at: usize) {
        let (site, pods) = (&self.sites[at], &self.pods[at]);
        let Some((there, _)) = pods.there(site).filter(|_| pods.awaited_events == 0) else { return };
        let named = pods.gone(site).filter_map(|pod| pod.node.as_deref()).collect();
        let folders = pods.gone(site).map(|pod| plan::pod_folder(&pod.namespace, &pod.pod, &pod.uid)).collect();
        let plan = plan::left(&site.request, &pods.nodes, &named, there, &Arc::new(folders));
        self.add(at, plan);
    }

    /// What was followed and has no task yet, since the pods were not listed again.
    async fn end_followed(&mut self) {
        for (at, site) in self.sites.iter().enumerate() {
            let held = std::mem::take(&mut self.held);
            let (ours, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|(of, _)| *of == at);
            self.held = others;
            let mut tasks: Vec<Task> = ours.into_iter().map(|(_, task)| task).collect();
            let records = self.run.records.iter().filter(|record| record.cluster == site.cluster);
            let known: Vec<&Task> = records.map(|record| &record.task).chain(&tasks).collect();
            let rest: Vec<Task> = site.followed.iter().flat_map(|followed| followed.rest(&known)).collect();
            tasks.extend(rest);
            for task in tasks {
                let (started, clock) = (Utc::now(), Instant::now());
                let done = (self.collect)(site, &task).await;
                self.record(at, task, Some(started), clock.elapsed(), done);
            }
        }
    }

    fn settle(&mut self, site: usize, task: Task, done: Done) {
        self.record(site, task, None, Duration::ZERO, done);
    }

    fn record(&mut self, at: usize, task: Task, started: Option<DateTime<Utc>>, duration: Duration, mut done: Done) {
        let site = &self.sites[at];
        site.progress.ends(&Shown { cluster: &site.cluster, task: &task }, done.outcome);
        self.run.claims.append(&mut done.claims);
        if let Some(objects) = done.objects.take() {
            self.run.objects.join(*objects);
        }
        self.run.records.push(Record { cluster: site.cluster.clone(), task, started, duration, done });
    }

    fn give_up_pending(&mut self, reason: StopReason) {
        for (_, job) in std::mem::take(&mut self.pending) {
            // What was followed is had, and has only to be ended.
            if let What::Log(log) = &job.planned.task.what
                && self.sites[job.site].followed.as_ref().is_some_and(|followed| followed.has(log))
            {
                self.held.push((job.site, job.planned.task));
                continue;
            }
            self.settle(job.site, job.planned.task, Done::stopped(reason));
        }
    }

    /// What did not end when told to is given up: its entry never existed.
    fn abort(&mut self, reason: StopReason) {
        self.tasks.abort_all();
        for (_, Running { site, task, started, clock, .. }) in std::mem::take(&mut self.running) {
            self.record(site, task, Some(started), clock.elapsed(), Done::stopped(reason));
        }
    }
}

/// Whether a task lists a namespace's events.
fn lists_events(task: &Task) -> bool {
    matches!(&task.what, What::List(list) if list.is_of_events())
}

/// Whether a task lists the workload's pods.
pub(crate) fn lists_pods(task: &Task) -> bool {
    matches!(&task.what, What::List(list) if list.resource.is("", "pods") && !list.is_of_neighbours())
}
