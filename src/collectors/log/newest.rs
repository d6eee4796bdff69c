//! Owns the collection of a log from the newest of its files, which is all that the kubelet answers with.

use super::{
    end::task_result,
    kubelet::{Taken, not_listed, take},
};
use crate::{
    collect::{ClusterContext, TaskResult},
    plan::{LogTask, Task},
};
use std::time::Duration;

/// Time for the kubelet to settle when it answered with an error text.
const SECOND_LOOK: Duration = Duration::from_millis(700);

/// Gets a log as the kubelet answers for it.
pub(super) async fn collect(context: &ClusterContext, task: &Task, log: &LogTask) -> TaskResult {
    let taken = match take(context, task, log).await {
        Taken::ErrorText(_) => {
            // The container may just have been restarted: its status is settled a moment later.
            tokio::time::sleep(SECOND_LOOK).await;
            if let Some(result) = not_listed(context, log).await {
                return result;
            }
            take(context, task, log).await
        }
        taken => taken,
    };
    task_result(context, task, log, taken).await
}
