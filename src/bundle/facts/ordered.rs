//! Owns the order in which facts are written, and the paths that they name.

use super::Facts;

impl Facts {
    /// Puts everything in its order: logs by their files, changes and events by time, all else by its name.
    pub fn sort(&mut self) {
        self.logs.sort_by(|one, other| one.entry.cmp(&other.entry));
        self.pods.sort_by_cached_key(|it| (it.cluster.clone(), it.namespace.clone(), it.pod.clone()));
        let name =
            |it: &super::WorkloadFacts| (it.cluster.clone(), it.namespace.clone(), it.kind.clone(), it.name.clone());
        self.workloads.sort_by_cached_key(name);
        self.autoscalers.sort_by_cached_key(|it| (it.cluster.clone(), it.namespace.clone(), it.name.clone()));
        self.events.sort_by_cached_key(|it| {
            (it.last, it.cluster.clone(), it.namespace.clone(), it.about.clone(), it.reason.clone(), it.note.clone())
        });
        let resource =
            |it: &super::CustomResourceFacts| (it.cluster.clone(), it.namespace.clone(), it.resource.clone());
        self.custom_resources.sort_by_cached_key(resource);
        self.changes
            .sort_by_cached_key(|it| (it.at, it.cluster.clone(), it.object.clone(), it.what.clone(), it.by.clone()));
    }

    /// Gives each file that is named the path that `place` has for it; none, or an empty one, for a file that does not
    /// exist.
    pub fn assign_paths(&mut self, place: impl Fn(&str) -> Option<String>) {
        let entries = (self.logs.iter_mut().map(|it| &mut it.entry))
            .chain(self.pods.iter_mut().map(|it| &mut it.entry))
            .chain(self.workloads.iter_mut().map(|it| &mut it.entry))
            .chain(self.autoscalers.iter_mut().map(|it| &mut it.entry))
            .chain(self.events.iter_mut().map(|it| &mut it.entry))
            .chain(self.custom_resources.iter_mut().map(|it| &mut it.entry));
        entries.for_each(|entry| *entry = place(entry).unwrap_or_default());
        self.changes.iter_mut().for_each(|it| it.entry = it.entry.as_deref().and_then(&place));
    }
}
