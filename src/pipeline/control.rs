//! Owns how a run is told to end early, or to stop waiting.

use crate::{
    collect::Skip,
    source::{Stop, StopReason, Stopper},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Ends a run from outside, for instance from a signal handler. Cheap to clone; use a new one for each run.
#[derive(Clone)]
pub struct Control {
    pub(super) stopper: Arc<Stopper>,
    pub(super) stop: Stop,
    pub(super) skip: Skip,
}

impl Default for Control {
    fn default() -> Self {
        let (stopper, stop) = Stop::new();
        Self { stopper: Arc::new(stopper), stop, skip: Skip::default() }
    }
}

impl Control {
    /// Ends the run. The bundle has what was collected until then; an unfinished smaller copy is removed.
    pub fn interrupt(&self) {
        self.stopper.stop(StopReason::Interrupted);
    }

    /// Leaves out the second scrape, if it is all that the run still waits for. Returns whether it was.
    #[must_use]
    pub fn skip_second_scrape(&self) -> bool {
        self.skip.now()
    }

    /// The signal that ends the run, for sources that are used before it starts.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Ends the run after this long, unless the returned value is dropped before.
    pub(super) fn end_after(&self, deadline: Duration) -> Deadline {
        let stopper = self.stopper.clone();
        Deadline(tokio::spawn(async move {
            tokio::time::sleep(deadline).await;
            stopper.stop(StopReason::Deadline);
        }))
    }
}

/// A deadline that is kept until this is dropped.
pub(super) struct Deadline(JoinHandle<()>);

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}
