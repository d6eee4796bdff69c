//! Owns what the tasks of a run came to, as the scheduler returns it.

use super::TaskResult;
use crate::{
    bundle::{GonePod, IdentityClaim},
    facts::objects::ObjectFacts,
    plan::{Runs, Task},
};
use chrono::{DateTime, Utc};
use std::{collections::HashSet, time::Duration};

/// A task with its cluster, its times and its result.
#[derive(Debug)]
pub struct EndedTask {
    /// The cluster's name.
    pub cluster: String,
    /// As it was planned.
    pub task: Task,
    /// When it started; none if it never did.
    pub started: Option<DateTime<Utc>>,
    /// How long it took.
    pub duration: Duration,
    /// As the collector returned it.
    pub result: TaskResult,
}

/// A container whose logs were requested, as its pod's status states it.
#[derive(Clone, Debug)]
pub struct Container {
    /// The cluster's name.
    pub cluster: String,
    /// When the status was requested, by the API server's clock.
    pub seen: DateTime<Utc>,
    /// What it said.
    pub runs: Runs,
    /// Whether its pod was deleted since, while its log was followed.
    pub gone: bool,
}

/// What the tasks of a run came to, and what is known from them.
#[derive(Debug, Default)]
pub struct RunResult {
    /// Every task, each once.
    pub records: Vec<EndedTask>,
    /// Pods that no longer exist, by their events.
    pub gone_pods: Vec<GonePod>,
    /// Every container of the collected pods.
    pub containers: Vec<Container>,
    /// All claims about the identity of the workload.
    pub claims: Vec<IdentityClaim>,
    /// The facts of the objects.
    pub objects: ObjectFacts,
    /// Whether the scheduler or a planner panicked: the tasks that had not ended are recorded as failed, and what would
    /// have been planned from them is missing.
    pub is_cut: bool,
}

impl RunResult {
    /// Adds containers that were followed and are in no list: their pods were deleted, or there was none.
    pub fn add_followed(&mut self, followed: Vec<Container>) {
        let key = |it: &Container| (it.cluster.clone(), it.runs.uid.clone(), it.runs.container.clone());
        let known: HashSet<_> = self.containers.iter().map(key).collect();
        let listed: HashSet<String> = self.containers.iter().map(|it| it.cluster.clone()).collect();
        let more = followed.into_iter().filter(|it| !known.contains(&key(it)));
        self.containers.extend(more.map(|it| Container { gone: it.gone || listed.contains(&it.cluster), ..it }));
    }
}
