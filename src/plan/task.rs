//! Owns what a task is: one piece of evidence to collect, as one request. The collectors define the kinds of tasks.

use super::resource::{Resource, Right};
use chrono::{DateTime, Utc};
use std::{any::Any, fmt::Debug, ops::Deref, sync::Arc, time::Duration};

/// What a collector states about one of its tasks.
pub trait TaskSpec: Any + Debug + Send + Sync {
    /// A name that is unique within the cluster.
    fn id(&self) -> String;

    /// One word for the kind of evidence.
    fn kind(&self) -> &'static str;

    /// What it collects, in words.
    fn target(&self) -> String;

    /// The namespace that the request names.
    fn namespace(&self) -> Option<&str> {
        None
    }

    /// The path and query that is sent, without what paging adds; for a query, without the address of the Prometheus.
    /// Empty if nothing is sent.
    fn path(&self) -> String;

    /// The request as a person would repeat it; empty if nothing is sent.
    fn request(&self) -> String {
        let path = self.path();
        if path.is_empty() { path } else { format!("GET {path}") }
    }

    /// The right that the request needs; none if every authenticated user has it.
    fn right(&self) -> Option<Right> {
        None
    }

    /// Rights for further requests that its collector may send.
    fn further_rights(&self) -> Vec<Right> {
        Vec::new()
    }

    /// How early it runs.
    fn priority(&self) -> Priority {
        Priority::Lasting
    }

    /// The longest time it may take; none if its collector limits it, or the run's deadline is enough.
    fn limit(&self) -> Option<Duration> {
        Some(Duration::from_secs(30))
    }

    /// The node whose kubelet serves it: its streams have their own limit.
    fn node(&self) -> Option<&str> {
        None
    }

    /// What planning needs from it when it has ended.
    fn role(&self) -> Role {
        Role::Other
    }

    /// The same for single namespaces, if this is a list of the whole cluster that can be replaced by them.
    fn by_namespace(&self, _namespaces: &mut dyn Iterator<Item = &String>) -> Vec<Task> {
        Vec::new()
    }

    /// The resource whose objects it asks for, by which `--skip` may leave it out.
    fn resource(&self) -> Option<&Resource> {
        None
    }

    /// Whether it waits for a time that has not come yet, by this machine's clock.
    fn is_waiting(&self, _now: DateTime<Utc>) -> bool {
        false
    }
}

/// What planning needs from a task when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It lists the workload's pods.
    Pods,
    /// It lists a namespace's events.
    Events,
    /// It looks for a Prometheus.
    Prometheus,
    /// It collects logs, which planning does not need: no stage waits for it.
    Logs,
    /// It contributes to what is known when a Prometheus is queried.
    Other,
}

/// The order of collection: what disappears first is collected first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What everything else is planned from.
    Ground,
    /// Events expire after an hour, and pods show which logs exist.
    Volatile,
    /// Gone with the next restart, or within a minute of the pod's deletion.
    PreviousLog,
    /// Rotated away while we wait.
    CurrentLog,
    /// Still there in an hour.
    Lasting,
}

/// One piece of evidence to collect from one cluster.
#[derive(Clone, Debug)]
pub struct Task {
    spec: Arc<dyn TaskSpec>,
    /// Whether a bundle without it is incomplete.
    pub required: bool,
}

impl Task {
    /// A task that is not required.
    #[must_use]
    pub fn new(spec: impl TaskSpec) -> Self {
        Self { spec: Arc::new(spec), required: false }
    }

    /// The same, required or not.
    #[must_use]
    pub fn required(self, required: bool) -> Self {
        Self { required, ..self }
    }

    /// Its specification, if it is of this kind.
    #[must_use]
    pub fn spec<T: TaskSpec>(&self) -> Option<&T> {
        let spec: &dyn Any = &*self.spec;
        spec.downcast_ref()
    }
}

impl Deref for Task {
    type Target = dyn TaskSpec;

    fn deref(&self) -> &Self::Target {
        &*self.spec
    }
}

/// Two tasks are the same if they request the same for the same reason.
impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        (self.required, self.id(), self.request()) == (other.required, other.id(), other.request())
    }
}

/// A task, and why it needs no request, if it needs none.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// With its request, priority and limit.
    pub task: Task,
    /// Its result, if nothing needs to be requested.
    pub preset: Option<Preset>,
}

impl Planned {
    /// A task that `--skip` leaves out.
    #[must_use]
    pub fn skipped(task: Task) -> Self {
        Self { task, preset: Some(Preset::Skipped("left out by --skip".to_owned())) }
    }
}

impl From<Task> for Planned {
    fn from(task: Task) -> Self {
        Self { task, preset: None }
    }
}

/// Why a task is settled without a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preset {
    /// There is nothing to request, as the evidence so far shows.
    Absent(String),
    /// The user or the profile leaves it out.
    Skipped(String),
    /// It is not known what to request; the outermost cause comes first.
    Failed(Vec<String>),
}

/// Evidence that is left out as a whole, by the name that the user or the profile gives it. Nothing is requested for
/// it.
#[derive(Debug)]
pub struct LeftOut(pub String);

impl TaskSpec for LeftOut {
    fn id(&self) -> String {
        format!("kind/{}", self.0)
    }

    fn kind(&self) -> &'static str {
        "kind"
    }

    fn target(&self) -> String {
        self.0.clone()
    }

    fn path(&self) -> String {
        String::new()
    }
}

/// A path with a query, if there is one.
#[must_use]
pub fn with_query(path: String, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}
