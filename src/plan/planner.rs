//! Owns the planner: a state machine that says what is requested, from the first task to the last.
//!
//! A collection, `--dry-run` and `rbac` all use it. They differ in what they do with a task: run it, run it only if
//! planning needs it, or assume that it lists any pod. Nothing here does IO or asks for the time.

use super::{
    pods::{Pod, taken},
    query::Known,
    request::{Place, Request},
    resource::{Resource, UnknownGroup},
    task::{LeftOut, Planned, Preset, Role, Task},
};
use crate::text::counted;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

/// What `--skip` leaves out as a whole.
pub const KINDS: [&str; 4] = ["logs", "previous-logs", "scrapes", "descriptions"];

/// What is known about one cluster before any evidence is requested.
#[derive(Clone, Debug)]
pub struct Basis {
    /// What the run collects.
    pub request: Arc<Request>,
    /// What the API server serves.
    pub served: Arc<Vec<Resource>>,
    /// Groups whose resources discovery could not state.
    pub unknown: Arc<Vec<UnknownGroup>>,
    /// Where the workload is.
    pub place: Arc<Place>,
    /// The time between two scrapes of a pod; zero for one alone.
    pub scrape_gap: Duration,
}

/// How far planning has come.
#[derive(Clone, Copy, Debug)]
pub enum Stage<'a> {
    /// Nothing was requested yet.
    Start {
        /// The time, by the API server's clock.
        now: DateTime<Utc>,
    },
    /// The workload's pods are listed.
    Pods(
        /// Those that the profile takes.
        &'a [Pod],
    ),
    /// The pods are listed, all of them, and so are the events of their namespaces.
    Events {
        /// Nodes of the pods that the profile takes.
        nodes: &'a BTreeSet<String>,
        /// UIDs of all pods that exist, or were followed.
        there: &'a Arc<HashSet<String>>,
        /// Those that only events mention.
        gone: &'a [DeletedPod],
    },
    /// Everything but logs has ended: no more will be learned about the workload.
    AllButLogs {
        /// The time, by the API server's clock.
        now: DateTime<Utc>,
        /// What the evidence so far shows of the workload.
        known: &'a Known,
        /// What the search for a Prometheus found.
        prometheus: FoundPrometheus,
        /// The scrapes that gave samples, with the times at which they did, by this machine's clock.
        scraped: &'a [(Task, DateTime<Utc>)],
    },
}

/// What a collector plans from.
#[derive(Clone, Copy, Debug)]
pub struct Planning<'a> {
    /// What does not change.
    pub basis: &'a Basis,
    /// What has been shown.
    pub stage: Stage<'a>,
}

/// What a collector plans at a stage.
pub type PlanTasks = fn(&Planning<'_>) -> Vec<Planned>;

/// A pod that only events mention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletedPod {
    /// Where the pod ran.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The node it ran on, if an event names it.
    pub node: Option<String>,
}

/// Whether there is a Prometheus to query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FoundPrometheus {
    /// There is none.
    #[default]
    None,
    /// There is one.
    Some {
        /// Whether it has samples of any servers. Without them, it can still answer for what surrounds the servers.
        has_servers: bool,
    },
    /// Nobody has searched: both possibilities are planned.
    Unknown,
}

impl FoundPrometheus {
    /// Whether queries are sent.
    #[must_use]
    pub fn may_be_asked(self) -> bool {
        self != Self::None
    }

    /// Whether the servers are scraped a second time, because no Prometheus has samples of them.
    #[must_use]
    pub fn may_lack_servers(self) -> bool {
        self != Self::Some { has_servers: true }
    }
}

/// What a task showed that planning needs.
#[derive(Debug, Default)]
pub struct Shown {
    /// The pods of a list.
    pub pods: Vec<Pod>,
    /// Whether a list may lack some of its objects.
    pub is_incomplete: bool,
    /// Whether listing in the whole cluster was refused: each namespace is then listed instead.
    pub is_refused: bool,
    /// Tasks for what it found.
    pub found: Vec<Task>,
    /// What the search for a Prometheus found.
    pub prometheus: FoundPrometheus,
    /// When a scrape returned samples, by this machine's clock.
    pub scraped: Option<DateTime<Utc>>,
}

/// What the evidence shows so far, for planning.
pub trait Evidence {
    /// The time, by the API server's clock.
    fn now(&self) -> DateTime<Utc>;
    /// What is known about the workload.
    fn known(&self) -> Known;
    /// Pods that events mention and that are not in `there`, by UID.
    fn deleted(&self, there: &HashSet<String>) -> Vec<DeletedPod>;
}

/// All pods of the workload, when each list of them has ended.
#[derive(Debug)]
pub struct Listed {
    /// Every pod, by namespace and name.
    pub all: Vec<Pod>,
    /// Those that the profile takes.
    pub taken: Vec<Pod>,
    /// UIDs of all of them, including those that only their nodes use, and of pods that were followed.
    pub uids: Arc<HashSet<String>>,
    /// Whether these are all, so that a pod that is not among them is gone.
    pub is_complete: bool,
    /// The tasks about them.
    pub tasks: Vec<Task>,
}

/// The growing plan of one cluster.
pub struct Planner {
    basis: Basis,
    plans: Vec<PlanTasks>,
    /// UIDs of pods whose logs were followed.
    followed: HashSet<String>,
    /// Ids of all tasks, because one may be planned in several ways.
    known: BTreeSet<String>,
    /// Tasks that have not ended, but logs.
    open: usize,
    open_pods: usize,
    open_events: usize,
    pods: Vec<Pod>,
    is_incomplete: bool,
    listed: Option<Listed>,
    has_looked_for_deleted: bool,
    /// None until it was looked for.
    prometheus: Option<FoundPrometheus>,
    scraped: Vec<(Task, DateTime<Utc>)>,
    is_questioned: bool,
}

impl Planner {
    /// A planner that asks these collectors for their tasks, in this order.
    #[must_use]
    pub fn new(basis: Basis, plans: Vec<PlanTasks>, followed: HashSet<String>) -> Self {
        Self {
            basis,
            plans,
            followed,
            known: BTreeSet::new(),
            open: 0,
            open_pods: 0,
            open_events: 0,
            pods: Vec::new(),
            is_incomplete: false,
            listed: None,
            has_looked_for_deleted: false,
            prometheus: None,
            scraped: Vec::new(),
            is_questioned: false,
        }
    }

    /// The tasks that need nothing but the basis.
    pub fn start(&mut self, now: DateTime<Utc>) -> Vec<Planned> {
        let mut plan = self.plan(Stage::Start { now });
        let request = &self.basis.request;
        let collectors = request.profile.collectors.iter().map(String::as_str);
        let kinds = KINDS.into_iter().chain(collectors).filter(|kind| request.skips(kind));
        plan.extend(kinds.map(|kind| Planned::skipped(Task::new(LeftOut(kind.to_owned())))));
        let looks = |planned: &Planned| planned.preset.is_none() && planned.task.role() == Role::Prometheus;
        if !plan.iter().any(looks) {
            self.prometheus = Some(FoundPrometheus::None);
        }
        self.add(plan)
    }

    /// The tasks that follow from what a task showed when it ended.
    pub fn on(&mut self, task: &Task, shown: Shown, evidence: &dyn Evidence) -> Vec<Planned> {
        let mut next = self.add(shown.found.into_iter().map(Planned::from).collect());
        if shown.is_refused {
            let single = task.by_namespace(&mut self.basis.place.namespaces.keys());
            let single = single.into_iter().map(|single| single.required(task.required).into());
            next.extend(self.add(single.collect()));
        }
        let role = task.role();
        self.open -= usize::from(role != Role::Logs);
        self.scraped.extend(shown.scraped.map(|at| (task.clone(), at)));
        match role {
            Role::Pods => {
                self.open_pods -= 1;
                self.pods.extend(shown.pods);
                self.is_incomplete |= shown.is_incomplete;
                if self.open_pods == 0 {
                    next.extend(self.pods_are_listed());
                }
            }
            Role::Events => self.open_events -= 1,
            Role::Prometheus => self.prometheus = Some(shown.prometheus),
            Role::Logs | Role::Other => {}
        }
        next.extend(self.look_for_deleted(evidence));
        if self.open == 0 {
            next.extend(self.question(evidence));
        }
        next
    }

    /// Adds tasks from elsewhere; returns those that are new.
    pub fn add(&mut self, plan: Vec<Planned>) -> Vec<Planned> {
        let mut plan = plan;
        plan.retain(|planned| self.known.insert(planned.task.id()));
        for planned in plan.iter().filter(|planned| planned.preset.is_none()) {
            let role = planned.task.role();
            self.open += usize::from(role != Role::Logs);
            self.open_pods += usize::from(role == Role::Pods);
            self.open_events += usize::from(role == Role::Events);
        }
        plan
    }

    /// Queries that were not sent yet: a run that is cut short records them.
    pub fn unasked(&mut self, evidence: &dyn Evidence) -> Vec<Planned> {
        let is_found = self.prometheus.is_some_and(FoundPrometheus::may_be_asked);
        if self.is_questioned || !is_found {
            return Vec::new();
        }
        self.is_questioned = true;
        // What was scraped once is not scraped again.
        let prometheus = FoundPrometheus::Some { has_servers: true };
        let (known, now) = (evidence.known(), evidence.now());
        let plan = self.plan(Stage::AllButLogs { now, known: &known, prometheus, scraped: &[] });
        self.add(plan)
    }

    /// The workload's pods, once all their lists have ended.
    #[must_use]
    pub fn listed(&self) -> Option<&Listed> {
        self.listed.as_ref()
    }

    /// Whether planning needs what this task shows about the cluster.
    #[must_use]
    pub fn needs(&self, task: &Task) -> bool {
        match task.role() {
            Role::Pods => true,
            // They show whose logs may still be on the nodes.
            Role::Events => self.basis.request.rotated_logs,
            Role::Prometheus | Role::Logs | Role::Other => false,
        }
    }

    fn plan(&self, stage: Stage<'_>) -> Vec<Planned> {
        let planning = Planning { basis: &self.basis, stage };
        self.plans.iter().flat_map(|plan| plan(&planning)).collect()
    }

    fn pods_are_listed(&mut self) -> Vec<Planned> {
        let mut all = std::mem::take(&mut self.pods);
        all.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        let uids = all.iter().flat_map(|pod| [pod.uid(), pod.node_uid()]).map(str::to_owned);
        let uids = Arc::new(uids.chain(self.followed.iter().cloned()).collect());
        let taken = taken(&self.basis.request, all.clone());
        let mut plan = Vec::new();
        if taken.len() < all.len() {
            let cause = format!(
                "the profile collects {}, unhealthy ones first; only listed: {}",
                counted(taken.len() as u64, "pod"),
                counted((all.len() - taken.len()) as u64, "further pod")
            );
            let task = Task::new(LeftOut("further pods".to_owned()));
            plan.push(Planned { task, preset: Some(Preset::Skipped(cause)) });
        }
        plan.extend(self.plan(Stage::Pods(&taken)));
        let plan = self.add(plan);
        let tasks = plan.iter().map(|planned| planned.task.clone()).collect();
        self.listed = Some(Listed { all, taken, uids, is_complete: !self.is_incomplete, tasks });
        plan
    }

    /// Once pods and events are known, deleted pods are also known.
    fn look_for_deleted(&mut self, evidence: &dyn Evidence) -> Vec<Planned> {
        let Some(listed) = self.listed.as_ref().filter(|listed| listed.is_complete) else { return Vec::new() };
        if self.open_events > 0 || std::mem::replace(&mut self.has_looked_for_deleted, true) {
            return Vec::new();
        }
        let nodes = listed.taken.iter().filter_map(|pod| pod.node.clone()).collect();
        let gone = evidence.deleted(&listed.uids);
        let plan = self.plan(Stage::Events { nodes: &nodes, there: &listed.uids, gone: &gone });
        self.add(plan)
    }

    fn question(&mut self, evidence: &dyn Evidence) -> Vec<Planned> {
        let Some(prometheus) = self.prometheus else { return Vec::new() };
        if std::mem::replace(&mut self.is_questioned, true) {
            return Vec::new();
        }
        let (known, now) = (evidence.known(), evidence.now());
        let scraped = std::mem::take(&mut self.scraped);
        let plan = self.plan(Stage::AllButLogs { now, known: &known, prometheus, scraped: &scraped });
        self.add(plan)
    }
}
