//! Owns what every collector is given: one cluster, and what all clusters of a run share.

use super::{Earlier, Entry, PrometheusRoute, Skip, TaskResult, Writing};
use crate::{
    bundle::{Backend, BundleError, BundleWriter, EntryPath, IdentityClaim, Outcome},
    facts::{identity::IdentityNames, logs::Patterns, object_series::AllObjectSeries, objects::ObjectContext, queries},
    plan::{Basis, Known, LogTask, Task},
    redact::{Clean, Counts, Redactor},
    source::{Stop, kubernetes::Kubernetes, prometheus::Prometheus},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Receives the progress of a run's tasks.
pub trait Progress: Send + Sync {
    /// A task begins.
    fn begins(&self, _what: &ClusterTask<'_>) {}
    /// Bytes of evidence have arrived.
    fn bytes(&self, _count: u64) {}
    /// A task has ended.
    fn ends(&self, _what: &ClusterTask<'_>, _outcome: Outcome) {}
    /// More tasks were planned.
    fn planned(&self, _count: usize) {}
    /// All but a second scrape has ended.
    fn waits(&self) {}
    /// The log of a container is followed from now on.
    fn follow_begins(&self, _what: &ClusterTask<'_>) {}
    /// That log has ended, or the window has.
    fn follow_ended(&self, _what: &ClusterTask<'_>) {}
}

/// A task, as progress shows it.
#[derive(Clone, Copy, Debug)]
pub struct ClusterTask<'a> {
    /// Name of the cluster in the bundle, as in `clusters/<name>/`.
    pub cluster: &'a str,
    /// The one that begins or has ended.
    pub task: &'a Task,
}

/// Logs that were followed until the window closed, and that are still to be finished.
pub trait FollowedLogs: Send + Sync {
    /// Whether it has the run that a task is about.
    fn has(&self, log: &LogTask) -> bool;
    /// UIDs of the pods of which it has a log.
    fn uids(&self) -> HashSet<String>;
    /// Tasks for the runs that none of `planned` is about.
    fn rest(&self, planned: &[Task]) -> Vec<Task>;
    /// Finishes the log of the run that a task is about; none if that run was not followed.
    fn finish<'a>(
        &self,
        context: &'a ClusterContext,
        task: &'a Task,
        log: &'a LogTask,
    ) -> Option<BoxFuture<'a, TaskResult>>;
}

/// What is looked for in the evidence.
pub struct Searches {
    /// Names by which the identity is found.
    pub names: IdentityNames,
    /// Variables of containers whose plain values are facts.
    pub env: BTreeSet<String>,
    /// What the profile's rules look for in logs.
    pub patterns: Arc<Patterns>,
    /// Metrics from which two scrapes can answer queries.
    pub metrics: Arc<BTreeSet<String>>,
}

/// What is the same for all clusters of a run.
pub struct RunContext {
    /// The collection's start, by this machine's clock.
    pub started: DateTime<Utc>,
    /// The way into the bundle.
    pub redactor: Redactor,
    /// Where entries are written.
    pub bundle: BundleWriter,
    /// The bundle that this run completes.
    pub earlier: Option<Arc<Earlier>>,
    /// What is looked for in the evidence.
    pub searches: Searches,
    /// Bytes of a container's log that are read at most.
    pub log_limit: u64,
    /// How the Prometheus is reached.
    pub reach: PrometheusRoute,
    /// Receives the progress.
    pub progress: Arc<dyn Progress>,
    /// How the wait between two scrapes is ended.
    pub skip: Skip,
    /// The run's stop signal.
    pub stop: Stop,
}

/// What is learned about a cluster during the collection.
#[derive(Default)]
pub struct Learned {
    /// Images of the pods that were seen: of a node, only these are shown.
    pub(super) images: OnceLock<BTreeSet<String>>,
    /// When these pods were requested, by the API server's clock: their status is as of that time.
    pub(crate) seen: OnceLock<DateTime<Utc>>,
    /// The Prometheus that is queried.
    prometheus: OnceLock<Prometheus>,
    /// The numbers that its objects state, once they are listed.
    object_series: Mutex<AllObjectSeries>,
}

/// One cluster, as the collectors see it.
#[derive(Clone)]
pub struct ClusterContext {
    /// What is the same for all clusters.
    pub run: Arc<RunContext>,
    /// The cluster's name in the bundle.
    pub cluster: String,
    /// Its API server.
    pub kubernetes: Kubernetes,
    /// What is known about it before any evidence is requested.
    pub basis: Basis,
    /// The API server's clock minus ours.
    pub skew: TimeDelta,
    /// Logs that were followed until the window closed.
    pub followed: Option<Arc<dyn FollowedLogs>>,
    /// What collectors found out about the cluster so far.
    pub learned: Arc<Learned>,
}

impl ClusterContext {
    /// The API server's time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.skew
    }

    /// What is known about the cluster before its objects arrive.
    pub(crate) fn object_context(&self) -> ObjectContext {
        let started = self.run.started + self.skew;
        let env = &self.run.searches.env;
        ObjectContext::new(&self.cluster, &self.basis.request, &self.basis.place, env, started)
    }

    /// What these claims state about the workload here, and its Prometheus.
    pub(crate) fn known(&self, claims: &[IdentityClaim], backend: Option<&Backend>) -> Known {
        let namespaces = self.basis.place.namespaces.keys().cloned().collect();
        queries::known(&self.basis.request, claims, (&self.cluster, namespaces), backend)
    }

    /// Adds the series of a list's objects, and whether the whole list was read.
    pub(crate) fn add_object_series(&self, series: AllObjectSeries, is_whole: bool) {
        self.object_series().join(series, is_whole);
    }

    /// When the objects were listed: the time of the list of pods, which are most of them.
    pub(crate) fn objects_listed_at(&self) -> DateTime<Utc> {
        self.learned.seen.get().copied().unwrap_or_else(|| self.now())
    }

    /// The series of the objects that were listed so far.
    pub(crate) fn object_series(&self) -> MutexGuard<'_, AllObjectSeries> {
        self.learned.object_series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Prometheus to query, once it is found.
    pub(crate) fn prometheus(&self) -> Option<&Prometheus> {
        self.learned.prometheus.get()
    }

    /// Sets the Prometheus to query; the search is made once.
    pub(crate) fn set_prometheus(&self, prometheus: Prometheus) {
        let _ = self.learned.prometheus.set(prometheus);
    }

    /// Images of the workload's pods, once they are listed.
    pub(crate) fn images(&self) -> Option<&BTreeSet<String>> {
        self.learned.images.get()
    }

    /// Writes a whole small entry.
    pub(crate) fn write(
        &self,
        path: EntryPath,
        source: &str,
        clean: &Clean,
        counts: Counts,
    ) -> Result<Entry, BundleError> {
        let mut writer = self.begin(path, source)?;
        writer.write(clean)?;
        writer.finish(counts, None)
    }

    /// Begins an entry.
    pub(crate) fn begin(&self, path: EntryPath, source: &str) -> Result<Writing, BundleError> {
        Ok(Writing::new(self.run.bundle.entry(path)?, source))
    }
}
