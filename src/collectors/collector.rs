//! Owns what a collector consists of.

use crate::{
    collect::{ClusterContext, TaskResult},
    plan::{PlanTasks, Task},
};
use futures_util::future::BoxFuture;

/// One kind of evidence.
pub struct Collector {
    /// Its name; if it is optional, the name that a profile lists.
    pub name: &'static str,
    /// What the evidence is.
    pub purpose: &'static str,
    /// Whether only a profile that names it gets it.
    pub is_optional: bool,
    /// What it plans at a stage.
    pub(super) plan: PlanTasks,
    /// Gets the evidence of a task; none where the task is another collector's.
    pub(super) collect: for<'a> fn(&'a ClusterContext, &'a Task) -> Option<BoxFuture<'a, TaskResult>>,
}
