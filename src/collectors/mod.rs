//! Owns the kinds of evidence: the list of collectors, and a file or a folder for each.
//!
//! A collector's file says what it plans and when, with which request, right and time limit, and how the answer gets
//! into the bundle. Collectors know the machinery in `collect/`, which does not know them, and the bundle's entries,
//! but not zip.

mod about;
mod answer_file;
mod collector;
mod discovery;
mod get;
mod health;
mod list;
mod local_answers;
mod log;
mod look;
mod metadata;
mod objects;
mod prometheus;
mod query;
mod samples;
mod scrape;
mod version;

pub use collector::Collector;
pub use local_answers::answer_without_prometheus;
pub use log::follow;
pub use look::{Look, look};

use crate::{
    bundle::Outcome,
    collect::{ClusterContext, TaskResult},
    plan::{Basis, Planner, Task},
};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use std::collections::HashSet;

/// Every collector. At each stage they plan in this order.
pub const COLLECTORS: &[Collector] = &[
    version::COLLECTOR,
    discovery::COLLECTOR,
    health::COLLECTOR,
    objects::COLLECTOR,
    log::COLLECTOR,
    log::orphaned::COLLECTOR,
    scrape::COLLECTOR,
    prometheus::COLLECTOR,
    query::COLLECTOR,
    about::COLLECTOR,
    samples::COLLECTOR,
];

/// The names of the collectors that a profile may list.
#[must_use]
pub fn optional() -> Vec<&'static str> {
    COLLECTORS.iter().filter(|collector| collector.is_optional).map(|collector| collector.name).collect()
}

/// The plan of a cluster by the collectors that its profile takes; `followed` are the UIDs of pods whose logs were followed.
#[must_use]
pub fn planner(basis: &Basis, followed: HashSet<String>) -> Planner {
    let request = &basis.request;
    let is_wanted = |name: &str| request.profile.collectors.iter().any(|of| of == name) && !request.skips(name);
    let taken = COLLECTORS.iter().filter(|collector| !collector.is_optional || is_wanted(collector.name));
    Planner::new(basis.clone(), taken.map(|collector| collector.plan).collect(), followed)
}

/// Gets the evidence of a task.
pub fn collect<'a>(context: &'a ClusterContext, task: &'a Task) -> BoxFuture<'a, TaskResult> {
    let found = COLLECTORS.iter().find_map(|collector| (collector.collect)(context, task));
    found.unwrap_or_else(|| {
        let causes = vec![format!("internal error: no collector gets {}", task.kind())];
        ready(TaskResult { causes, ..TaskResult::new(Outcome::Failed) }).boxed()
    })
}
