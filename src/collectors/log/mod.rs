//! Owns the collection of a container's log: cut to the window, redacted and compressed while it streams, never held.
//!
//! Its work is to tell what the answers really mean: a success may carry the kubelet's error text, a pod may have been
//! replaced under its name, a log file may begin after the window does.
//!
//! The kubelet answers with the newest file of a log alone (`kubelet.rs`). With `--rotated-logs`, all files are read
//! from the node (`files/`). With `--wait`, logs are followed until the window ends (`follow.rs`).

mod cri;
mod end;
mod files;
mod folder;
mod follow;
mod follower;
mod gaps;
mod kubelet;
mod names;
mod newest;
mod orphaned;
mod pipeline;
mod pod_watch;

pub use follow::follow;
pub(super) use orphaned::find as find_orphaned;

use crate::{
    collect::{Done, Site},
    plan::{LogTask, Task},
};

/// Gets one log, in the best way that there is.
pub(super) async fn collect(site: &Site, task: &Task, log: &LogTask) -> Done {
    if let Some(done) = site.followed.as_ref().and_then(|followed| followed.finish(site, task, log)) {
        return done.await;
    }
    let Some(folder) = &log.files else { return newest::collect(site, task, log).await };
    match files::take(site, task, log, folder).await {
        Ok(taken) => end::settle(site, task, log, taken).await,
        // Of a pod that is gone the API server has nothing.
        Err(why) if log.is_left() => why.gone(task),
        Err(why) => why.explain(newest::collect(site, task, log).await),
    }
}
