//! Owns what the scheduler knows about a cluster while its tasks run, as the planner asks for it.

use super::{ClusterContext, RunResult};
use crate::{
    bundle::GonePod,
    facts::gone::MentionedPods,
    plan::{DeletedPod, Evidence, Known},
};
use chrono::{DateTime, Utc};
use std::collections::HashSet;

/// What is known about the pods of one cluster.
#[derive(Default)]
pub(super) struct Observed {
    /// Those that events mention.
    pub(super) told: MentionedPods,
    /// When the first of their lists was requested, by the API server's clock.
    pub(super) asked: Option<DateTime<Utc>>,
    /// Whether it was noted that all of their lists have ended.
    pub(super) is_noted: bool,
}

/// What is known about one cluster so far.
pub(super) struct EvidenceSoFar<'a> {
    pub(super) context: &'a ClusterContext,
    pub(super) observed: &'a Observed,
    pub(super) run: &'a RunResult,
}

impl Evidence for EvidenceSoFar<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.context.now()
    }

    fn known(&self) -> Known {
        let ours = self.run.records.iter().filter(|record| record.cluster == self.context.cluster);
        let backend = ours.filter_map(|record| record.result.backend.as_ref()).next();
        self.context.known(&self.run.claims, backend)
    }

    fn deleted(&self, there: &HashSet<String>) -> Vec<DeletedPod> {
        self.observed.gone(self.context, there).map(DeletedPod::from).collect()
    }
}

impl Observed {
    /// Pods that events mention and that are not in `there`, by UID.
    pub(super) fn gone<'a>(
        &'a self,
        context: &ClusterContext,
        there: &HashSet<String>,
    ) -> impl Iterator<Item = &'a GonePod> {
        let listed = self.asked.map(|asked| self.told.gone((there, asked), context.basis.request.window.start));
        listed.into_iter().flatten()
    }
}
