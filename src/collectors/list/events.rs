//! Owns how far back a list of events reaches, by the last time of each event.

use crate::{
    bundle::{Interval, layout},
    collect::{ClusterContext, Entry},
    facts::{
        coverage::{self, Events},
        gone::MentionedPods,
        objects::EventTimes,
    },
    plan::ListTask,
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is seen of the events while they are listed.
pub(super) struct EventsReach {
    asked: DateTime<Utc>,
    oldest: Option<DateTime<Utc>>,
    pub(super) told: MentionedPods,
    kept: BTreeMap<String, Kept>,
}

/// The events of one namespace that are in the bundle.
#[derive(Clone, Copy, Default)]
struct Kept {
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    count: u64,
}

impl EventsReach {
    /// For a list of a namespace's events; those of single objects are beside them.
    pub(super) fn new(context: &ClusterContext, list: &ListTask) -> Option<Self> {
        list.is_of_events().then(|| Self {
            asked: context.now(),
            oldest: None,
            told: MentionedPods::default(),
            kept: BTreeMap::new(),
        })
    }

    /// An event that the server still has, whoever's it is: of one that is not ours, its time is all
    /// that is looked at.
    pub(super) fn see(&mut self, event: &Value) {
        self.oldest = [self.oldest, EventTimes::of(event).map(|times| times.written)].into_iter().flatten().min();
    }

    /// One that goes into the bundle.
    pub(super) fn keep(&mut self, cluster: &str, namespace: &str, event: &Value) {
        let at = EventTimes::of(event).map(|times| times.last);
        self.told.add_event(cluster, event);
        let kept = self.kept.entry(namespace.to_owned()).or_default();
        kept.first = [kept.first, at].into_iter().flatten().min();
        kept.last = [kept.last, at].into_iter().flatten().max();
        kept.count += 1;
    }

    /// Says of each namespace's table what it covers.
    pub(super) fn cover(&self, context: &ClusterContext, list: &ListTask, entries: &mut [Entry], broken: Option<&str>) {
        let window = Interval { from: context.basis.request.window.start, to: context.basis.request.window.end };
        for namespace in context.basis.place.namespaces.keys() {
            let path = layout::resource_table(&context.cluster, Some(namespace), &list.resource.short());
            let Some(entry) = entries.iter_mut().find(|entry| entry.path == path) else { continue };
            let Kept { first, last, count } = self.kept.get(namespace).copied().unwrap_or_default();
            let events = Events {
                asked: self.asked,
                oldest: self.oldest,
                first,
                last,
                count,
                broken: broken.map(str::to_owned),
            };
            entry.coverage = Some(coverage::of_events(window, &events));
        }
    }
}
