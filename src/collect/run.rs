//! Owns the scheduler: it runs the tasks of all clusters at once, the volatile ones first, within the limits of each
//! cluster and node, until all have ended or the run is told to.
//!
//! What is asked for is the [`Planner`]'s to say; the scheduler runs its tasks, and tells it what they showed.
//! Nothing is dropped when the run is told to end: what is under way ends by itself, since every
//! source waits for the signal too, and what was not begun is recorded as such.

use super::{Done, Shown, Site};
use crate::{
    bundle::{GonePod, IdentityClaim, Outcome},
    facts::{gone::MentionedPods, identity, objects::ObjectFacts},
    plan::{
        DeletedPod, Evidence, FoundPrometheus, Known, LogTask, Planned, Planner, Pod, Preset, Priority, Role, Runs,
        Shown as Showed, Task,
    },
    source::{Stop, StopReason, Stopper},
};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::AssertUnwindSafe,
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
    /// As it was planned.
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
    running: HashMap<Id, Running>,
    tasks: JoinSet<Done>,
    /// For each site.
    planners: Vec<Planner>,
    /// For each site.
    seen: Vec<Seen>,
    /// Logs that were followed and whose turn did not come, with their site.
    held: Vec<(usize, Task)>,
    run: Run,
}

/// What was seen of the pods of one cluster.
#[derive(Default)]
struct Seen {
    /// Those that events tell of.
    told: MentionedPods,
    /// When the first of their lists was asked for, by the API server's clock.
    asked: Option<DateTime<Utc>>,
    /// Whether it was noted that all of their lists have ended.
    is_noted: bool,
}

/// What is known of one cluster by now.
struct SoFar<'a> {
    site: &'a Site,
    seen: &'a Seen,
    run: &'a Run,
}

impl Evidence for SoFar<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.site.now()
    }

    fn known(&self) -> Known {
        let ours = self.run.records.iter().filter(|record| record.cluster == self.site.cluster);
        let backend = ours.filter_map(|record| record.done.backend.as_ref()).next();
        self.site.known(&self.run.claims, backend)
    }

    fn deleted(&self, there: &HashSet<String>) -> Vec<DeletedPod> {
        self.seen.gone(self.site, there).map(DeletedPod::from).collect()
    }
}

impl Seen {
    /// Pods that events tell of and that are not among those `there`, by UID.
    fn gone<'a>(&'a self, site: &Site, there: &HashSet<String>) -> impl Iterator<Item = &'a GonePod> {
        let listed = self.asked.map(|asked| self.told.gone((there, asked), site.basis.request.window.start));
        listed.into_iter().flatten()
    }
}

/// Runs the plans of `planners`, one for each site; `collect` gets the evidence of a task.
pub async fn run(
    sites: &[Site],
    planners: Vec<Planner>,
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
        running: HashMap::new(),
        tasks: JoinSet::new(),
        planners,
        seen: sites.iter().map(|_| Seen::default()).collect(),
        held: Vec::new(),
        run: Run::default(),
    };
    for (at, site) in sites.iter().enumerate() {
        let plan = scheduler.planners[at].start(site.now());
        scheduler.add(at, plan);
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
    fn add(&mut self, at: usize, plan: Vec<Planned>) {
        self.sites[at].progress.planned(plan.len());
        for planned in plan {
            match &planned.preset {
                Some(preset) => {
                    let done = match preset.clone() {
                        Preset::Absent(cause) => Done::absent(cause),
                        Preset::Skipped(cause) => Done { causes: vec![cause], ..Done::new(Outcome::Skipped) },
                        Preset::Failed(causes) => Done { causes, ..Done::new(Outcome::Failed) },
                    };
                    self.settle(at, planned.task, done);
                }
                None => {
                    self.sequence += 1;
                    self.pending.insert((planned.task.priority(), self.sequence), Job { site: at, planned });
                }
            }
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
        let Some(Running { site: at, mut task, started, clock, .. }) = self.running.remove(&id) else { return };
        if done.disk_full {
            stopper.stop(StopReason::DiskFull);
        }
        if let Some(told) = done.told.take() {
            self.seen[at].told.join(told);
        }
        if task.role() == Role::Pods {
            let (asked, seen) = (started + self.sites[at].skew, &mut self.seen[at]);
            seen.asked = Some(seen.asked.map_or(asked, |before| before.min(asked)));
        }
        let showed = Showed {
            pods: std::mem::take(&mut done.pods),
            is_incomplete: !matches!(done.outcome, Outcome::Collected | Outcome::Empty | Outcome::Skipped),
            is_refused: done.is_refused,
            found: std::mem::take(&mut done.found),
            prometheus: match &done.backend {
                Some(backend) => FoundPrometheus::Some { has_servers: backend.has_servers },
                None => FoundPrometheus::None,
            },
            scraped: done.scraped.as_ref().map(|scraped| scraped.at),
        };
        let planned = task.clone();
        // What takes its place is required in its place.
        task.required &= !done.is_refused;
        self.record(at, task, Some(started), clock.elapsed(), done);
        let so_far = SoFar { site: &self.sites[at], seen: &self.seen[at], run: &self.run };
        let mut plan = self.planners[at].on(&planned, showed, &so_far);
        plan.extend(self.note_pods(at));
        self.add(at, plan);
    }

    /// Once all pods of a cluster are listed: notes them, and gives tasks for logs that were followed and that no task
    /// means.
    fn note_pods(&mut self, at: usize) -> Vec<Planned> {
        let (site, seen) = (&self.sites[at], &mut self.seen[at]);
        let Some(listed) = self.planners[at].listed().filter(|_| !seen.is_noted) else { return Vec::new() };
        seen.is_noted = true;
        let images = listed.all.iter().flat_map(|pod| pod.images.iter().cloned()).collect();
        let at_server = seen.asked.unwrap_or_else(|| site.now());
        // Set once: a cluster's pods are complete once.
        let _ = (site.images.set(images), site.seen.set(at_server));
        let logs = &site.basis.request.profile.logs;
        if logs.current.is_some() || logs.previous.is_some() {
            let container = |runs| Container { cluster: site.cluster.clone(), seen: at_server, runs, gone: false };
            self.run.containers.extend(listed.taken.iter().flat_map(Pod::runs).map(container));
        }
        let rest = site.followed.iter().flat_map(|followed| followed.rest(&listed.tasks));
        let rest = rest.map(Planned::from).collect();
        self.planners[at].add(rest)
    }

    /// Pods that events tell of and no list of them does.
    fn find_gone(&mut self) {
        for (at, site) in self.sites.iter().enumerate() {
            let seen = &self.seen[at];
            let Some(listed) = self.planners[at].listed().filter(|listed| listed.is_complete) else { continue };
            let gone: Vec<GonePod> = seen.gone(site, &listed.uids).cloned().collect();
            let ours = self.run.records.iter().filter(|record| record.cluster == site.cluster);
            let orphaned = ours.filter_map(|record| record.task.spec::<LogTask>()).filter(|log| log.is_orphaned());
            // When it was last told of, it was still there.
            let listed_at = seen.asked.unwrap_or_else(|| site.now());
            let last = |uid: &str| gone.iter().find(|pod| pod.uid == uid).map_or(listed_at, |pod| pod.last);
            let container = |log: &LogTask| Container {
                cluster: site.cluster.clone(),
                seen: last(&log.uid),
                runs: Runs::of_orphaned(log),
                gone: true,
            };
            self.run.containers.extend(orphaned.map(container));
            self.run.gone_pods.extend(gone);
        }
    }

    /// What was followed and has no task yet, since the pods were not listed again.
    async fn end_followed(&mut self) {
        for (at, site) in self.sites.iter().enumerate() {
            let held = std::mem::take(&mut self.held);
            let (ours, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|(of, _)| *of == at);
            self.held = others;
            let mut tasks: Vec<Task> = ours.into_iter().map(|(_, task)| task).collect();
            let records = self.run.records.iter().filter(|record| record.cluster == site.cluster);
            let known: Vec<Task> = records.map(|record| &record.task).chain(&tasks).cloned().collect();
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

    /// Questions whose turn never came are told like all else.
    fn give_up_questions(&mut self, reason: StopReason) {
        for (at, site) in self.sites.iter().enumerate() {
            let so_far = SoFar { site, seen: &self.seen[at], run: &self.run };
            for planned in self.planners[at].unasked(&so_far) {
                self.settle(at, planned.task, Done::stopped(reason));
            }
        }
    }

    /// Tells when nothing is waited for but the time of second scrapes.
    fn wait_for_scrapes(&self) {
        let pending = self.pending.values().map(|job| &job.planned.task);
        let mut tasks = self.running.values().map(|running| &running.task).chain(pending);
        let is_alone = !self.running.is_empty() && tasks.all(|task| task.is_waiting(Utc::now()));
        if let Some(site) = self.sites.first()
            && site.skip.set_alone(is_alone)
        {
            site.progress.waits();
        }
    }

    fn give_up_pending(&mut self, reason: StopReason) {
        for (_, job) in std::mem::take(&mut self.pending) {
            // What was followed is had, and has only to be ended.
            if let Some(log) = job.planned.task.spec::<LogTask>()
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
