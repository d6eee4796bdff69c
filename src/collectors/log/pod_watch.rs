//! Owns what the lists of pods say, while logs are followed, of the runs of their containers.

use crate::plan::{LogTask, Pod};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};
use tokio::sync::watch;

/// Identifies one run of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RunId {
    pub(super) uid: String,
    pub(super) container: String,
    pub(super) started: DateTime<Utc>,
}

impl RunId {
    /// The run whose log a task collects; none where the pod's status does not tell it from others.
    pub(super) fn of(log: &LogTask) -> Option<Self> {
        Some(Self { uid: log.uid.clone(), container: log.container.clone(), started: log.started? })
    }
}

/// What a list of the pods says about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunState {
    /// It goes on.
    Running,
    /// It has ended, and the node still has its log.
    Ended {
        /// Whether another has begun since.
        previous: bool,
    },
    /// The node no longer has its log; why.
    Gone(String),
}

/// The pods at one moment.
#[derive(Clone, Default)]
pub(super) struct PodList {
    /// When it was requested; none before the first list.
    asked: Option<Instant>,
    runs: Arc<HashMap<RunId, RunState>>,
    pub(super) uids: Arc<HashSet<String>>,
}

impl PodList {
    pub(super) fn of(asked: Instant, pods: &[Pod]) -> Self {
        let (mut runs, mut uids) = (HashMap::new(), HashSet::new());
        for container in pods.iter().flat_map(Pod::runs) {
            uids.insert(container.uid.clone());
            let run = |started| RunId { uid: container.uid.clone(), container: container.container.clone(), started };
            // While a container waits to be restarted, its last run is the previous one already.
            if let Some(started) = container.previous.and_then(|run| run.started) {
                runs.insert(run(started), RunState::Ended { previous: true });
            }
            if let Some((started, ended)) = container.current.and_then(|run| Some((run.started?, run.ended))) {
                let state = if ended.is_some() { RunState::Ended { previous: false } } else { RunState::Running };
                runs.insert(run(started), state);
            }
        }
        Self { asked: Some(asked), runs: Arc::new(runs), uids: Arc::new(uids) }
    }

    /// The state of a run.
    pub(super) fn state(&self, run: &RunId) -> RunState {
        let gone = || match self.uids.contains(&run.uid) {
            true => "the node keeps the logs of two runs, and later ones have started since",
            false => "the pod was deleted",
        };
        self.runs.get(run).cloned().unwrap_or_else(|| RunState::Gone(gone().to_owned()))
    }
}

/// The lists of pods as they arrive, and whether they have ended.
#[derive(Clone)]
pub(super) struct PodLists {
    pub(super) lists: watch::Receiver<PodList>,
    pub(super) closed: watch::Receiver<bool>,
}

impl PodLists {
    /// The state of a run in a list that was requested after a given time; none if following ends before.
    pub(super) async fn after(&mut self, moment: Instant, run: &RunId) -> Option<RunState> {
        let mut closed = self.closed.clone();
        tokio::select! {
            list = self.lists.wait_for(|list| list.asked.is_some_and(|asked| asked > moment)) => {
                Some(list.ok()?.state(run))
            }
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    /// The state of a run in the last list; none before the first.
    pub(super) fn latest(&self, run: &RunId) -> Option<RunState> {
        let list = self.lists.borrow();
        list.asked.map(|_| list.state(run))
    }

    /// Waits until following ends.
    pub(super) async fn closed(&mut self) {
        // The sender is dropped only after it has said so.
        let _ = self.closed.wait_for(|closed| *closed).await;
    }
}
