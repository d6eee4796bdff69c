//! Owns what a collector consists of.

use crate::{
    collect::{ClusterContext, TaskResult},
    plan::{PlanTasks, Task},
};
use futures_util::future::BoxFuture;

/// One kind of evidence.
pub struct Collector {
    /// Its name; that of the key by which a profile asks for it, where it is optional.
    pub name: &'static str,
    /// What the evidence is.
    pub purpose: &'static str,
    /// Whether only a profile that names it gets it.
    pub is_optional: bool,
    /// What it asks for at a stage of the plan.
    pub(super) plan: PlanTasks,
    /// Gets the evidence of a task; none where the task is another collector's.
    pub(super) collect: for<'a> fn(&'a ClusterContext, &'a Task) -> Option<BoxFuture<'a, TaskResult>>,
}
