//! Owns the facts about objects: the part of `facts.json` that is read from objects while they are listed, or later from
//! the lists of a bundle.
//!
//! Each kind of fact is bounded, and what has no room is counted. Servers come before other pods, warnings about servers
//! before other events, and later changes before earlier ones. No text is longer than 1 KiB.

mod best;
mod changes;
mod event_times;
mod events;
mod pods;
mod read;
mod rollout;
mod workloads;

pub use changes::CHANGED_WITHIN;
pub use event_times::EventTimes;

use crate::{
    bundle::{
        EntryPath,
        facts::{AutoscalerFacts, Change, CustomResourceFacts, EventFacts, Facts, PodFacts, WorkloadFacts},
        layout,
    },
    plan::{Place, Request, Resource},
    redact::CleanJson,
    text::counted,
};
use best::Best;
use changes::{ChangeReader, named};
use chrono::{DateTime, TimeDelta, Utc};
use read::{items, text};
use rollout::ReplicaSet;
use serde_json::Value;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Most pods in the facts.
pub const MOST_PODS: usize = 500;
/// Most deployments, stateful sets, daemon sets and replica sets with pods.
pub const MOST_WORKLOADS: usize = 500;
/// Most autoscalers in the facts.
pub const MOST_AUTOSCALERS: usize = 500;
/// Most events in the facts.
pub const MOST_EVENTS: usize = 1_000;
/// Most kinds of custom resources, counted in each namespace.
pub const MOST_CUSTOM: usize = 1_000;
/// Most changes in the facts.
pub const MOST_CHANGES: usize = 1_000;
/// Most names of one kind of custom resource in a namespace.
const MOST_NAMES: usize = 100;
/// Most replica sets that are compared.
const MOST_SETS: usize = 500;
/// An autoscaler's status and an event within this time are about the same scaling.
const SAME_SCALING: TimeDelta = TimeDelta::seconds(5);

/// What is known about a cluster before its objects are listed.
#[derive(Clone, Debug, Default)]
pub struct ObjectContext {
    /// The cluster's name.
    pub cluster: String,
    /// The earliest change that is a fact, by the API server's clock.
    pub since: DateTime<Utc>,
    /// The servers' pods, by namespace.
    pub servers: BTreeMap<String, BTreeSet<String>>,
    /// The groups of the workload's custom resources.
    pub groups: BTreeSet<String>,
    /// The names of environment variables whose plain values are facts.
    pub env: BTreeSet<String>,
}

impl ObjectContext {
    /// The context of a place, for a collection that started at this time by the API server's clock.
    #[must_use]
    pub fn new(
        cluster: &str,
        request: &Request,
        place: &Place,
        env: &BTreeSet<String>,
        started: DateTime<Utc>,
    ) -> Self {
        let servers = place.namespaces.iter().map(|(namespace, scope)| (namespace.clone(), scope.pods.clone()));
        Self {
            cluster: cluster.to_owned(),
            since: started.checked_sub_signed(CHANGED_WITHIN).unwrap_or(started),
            servers: servers.collect(),
            groups: request.profile.custom_resources.iter().map(|rule| rule.group.clone()).collect(),
            env: env.clone(),
        }
    }

    fn is_server(&self, namespace: &str, pod: &str) -> bool {
        self.servers.get(namespace).is_some_and(|pods| pods.contains(pod))
    }
}

/// Reads facts from the objects of a cluster, one by one.
#[derive(Debug)]
pub struct ObjectReader {
    context: ObjectContext,
    facts: ObjectFacts,
}

impl ObjectReader {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(context: ObjectContext) -> Self {
        Self { context, facts: ObjectFacts::default() }
    }

    /// Reads an object of a resource. `table` is the name of the file that lists it, such as `events`.
    pub fn add(&mut self, resource: &Resource, table: &str, object: &CleanJson) {
        self.read(resource, table, object.value());
    }

    /// Reads all objects of a resource in a table of a bundle (`<table>.json`).
    pub fn add_table(&mut self, resource: &Resource, table: &str, of: &CleanJson) {
        items(&of.value()["rows"]).for_each(|row| self.read(resource, table, &row["object"]));
    }

    /// Notes that all objects of a resource in a namespace were listed. For custom resources, that there are none is a fact.
    pub fn add_listed(&mut self, resource: &Resource, table: &str, namespace: &str) {
        if self.context.groups.contains(&resource.group) {
            self.custom(resource, table, namespace);
        }
    }

    /// The facts that were read.
    #[must_use]
    pub fn into_facts(self) -> ObjectFacts {
        self.facts
    }

    fn read(&mut self, resource: &Resource, table: &str, object: &Value) {
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        if name.is_empty() {
            return;
        }
        let cluster = self.context.cluster.clone();
        let id = format!("{cluster}/{namespace}/{name}");
        let is_custom = self.context.groups.contains(&resource.group);
        if matches!(resource.group.as_str(), "" | "events.k8s.io") && resource.plural == "events" {
            return self.event(id, table, &namespace, object);
        }
        let entry = yaml(&cluster, resource, &namespace, &name);
        let facts = &mut self.facts;
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "pods") => {
                let is_server = self.context.is_server(&namespace, &name);
                let read = pods::read(object, &self.context.env);
                let pod = PodFacts { entry: entry.clone(), cluster: cluster.clone(), is_server, ..read };
                facts.pods.add((!is_server, pod.is_ready(), id), pod);
            }
            ("metrics.k8s.io", "pods") => {
                let server = !self.context.is_server(&namespace, &name);
                facts.usage.add((server, id), pods::usage(object));
            }
            ("apps", plural) => {
                if let Some(read) = workloads::workload(plural, object) {
                    let workload = WorkloadFacts { entry: entry.clone(), cluster: cluster.clone(), ..read };
                    facts.workloads.add(format!("{id}/{plural}"), workload);
                }
                if let Some(mut set) = (plural == "replicasets").then(|| ReplicaSet::read(object)).flatten() {
                    (set.entry, set.cluster) = (entry.clone(), cluster.clone());
                    set.is_new = set.created >= self.context.since;
                    facts.sets.add((Reverse(set.created), id), set);
                }
            }
            ("autoscaling", "horizontalpodautoscalers") => {
                let read = workloads::autoscaler(object);
                let autoscaler = AutoscalerFacts { entry: entry.clone(), cluster: cluster.clone(), ..read };
                if let Some(at) = autoscaler.last_scaled.filter(|at| *at >= self.context.since) {
                    let what = format!("scaled to {}", counted(autoscaler.desired, "pod"));
                    facts
                        .scaled
                        .add(id.clone(), scaling(&cluster, at, named(resource, &namespace, &name), what, &entry));
                }
                facts.autoscalers.add(id, autoscaler);
            }
            _ => {}
        }
        if is_custom && let Some(held) = self.custom(resource, table, &namespace) {
            held.newest = held.newest.max(read::time(&object["metadata"]["creationTimestamp"]));
            if held.names.len() < MOST_NAMES {
                held.names.push(name);
            } else {
                self.facts.unnamed += 1;
            }
        }
        let changes = ChangeReader { resource, is_custom, since: self.context.since, cluster: &cluster, entry: &entry };
        changes.read(object).into_iter().for_each(|change| self.facts.change(change));
    }

    fn event(&mut self, id: String, table: &str, namespace: &str, event: &Value) {
        let Some(read) = events::read(event) else { return };
        let context = &self.context;
        let entry = layout::resource_table(&context.cluster, within(namespace), table).to_string();
        let read = EventFacts { entry, cluster: context.cluster.clone(), ..read };
        let about = events::about(event);
        let of_server = about["kind"] == "Pod" && context.is_server(namespace, &text(&about["name"]));
        if read.reason == "SuccessfulRescale"
            && about["kind"] == "HorizontalPodAutoscaler"
            && let Some(at) = read.last.filter(|at| *at >= context.since)
        {
            let resource = Resource::named("horizontalpodautoscalers.autoscaling");
            let object = named(&resource, namespace, &text(&about["name"]));
            let change = scaling(&context.cluster, at, object, read.note.clone(), &read.entry);
            self.facts.change(change);
        }
        self.facts.events.add((read.kind != "Warning", !of_server, Reverse(read.last), id), read);
    }

    /// The facts about a kind of custom resource in a namespace; `None` if there is no room.
    fn custom(&mut self, resource: &Resource, table: &str, namespace: &str) -> Option<&mut CustomResourceFacts> {
        let (cluster, resource) = (self.context.cluster.clone(), resource.to_string());
        let key = format!("{cluster}/{namespace}/{resource}");
        self.facts.custom.entry(key, || CustomResourceFacts {
            entry: layout::resource_table(&cluster, within(namespace), table).to_string(),
            namespace: namespace.to_owned(),
            cluster,
            resource,
            ..CustomResourceFacts::default()
        })
    }
}

/// Sorts warnings first, then events about servers, then the latest.
type EventKey = (bool, bool, Reverse<Option<DateTime<Utc>>>, String);
/// Sorts the latest first, then by object, change and manager.
type ChangeKey = (Reverse<DateTime<Utc>>, String, String, String);

/// The facts about the objects of one or more clusters, not sorted yet. Files have the paths under which they are written.
#[derive(Debug)]
pub struct ObjectFacts {
    /// Servers first, then pods that are not ready.
    pods: Best<(bool, bool, String), PodFacts>,
    /// Resource usage of the containers of a pod; servers first.
    usage: Best<(bool, String), pods::Usage>,
    workloads: Best<String, WorkloadFacts>,
    autoscalers: Best<String, AutoscalerFacts>,
    events: Best<EventKey, EventFacts>,
    custom: Best<String, CustomResourceFacts>,
    /// Number of names of custom resources without room.
    unnamed: u64,
    changes: Best<ChangeKey, Change>,
    /// Scalings in the status of autoscalers, which may have an event too.
    scaled: Best<String, Change>,
    /// Replica sets, the newest first.
    sets: Best<(Reverse<DateTime<Utc>>, String), ReplicaSet>,
}

impl Default for ObjectFacts {
    fn default() -> Self {
        Self {
            pods: Best::new(MOST_PODS),
            usage: Best::new(MOST_PODS),
            workloads: Best::new(MOST_WORKLOADS),
            autoscalers: Best::new(MOST_AUTOSCALERS),
            events: Best::new(MOST_EVENTS),
            custom: Best::new(MOST_CUSTOM),
            unnamed: 0,
            changes: Best::new(MOST_CHANGES),
            scaled: Best::new(MOST_AUTOSCALERS),
            sets: Best::new(MOST_SETS),
        }
    }
}

impl ObjectFacts {
    /// Adds the facts of other lists.
    pub fn join(&mut self, other: Self) {
        self.pods.join(other.pods);
        self.usage.join(other.usage);
        self.workloads.join(other.workloads);
        self.autoscalers.join(other.autoscalers);
        self.events.join(other.events);
        self.custom.join(other.custom);
        self.unnamed += other.unnamed;
        self.changes.join(other.changes);
        self.scaled.join(other.scaled);
        self.sets.join(other.sets);
    }

    /// All facts, in a stable order.
    #[must_use]
    pub fn into_facts(mut self) -> Facts {
        self.add_scalings();
        self.add_rollouts();
        let used: BTreeMap<String, pods::Usage> =
            self.usage.into_entries().map(|((_, id), usage)| (id, usage)).collect();
        let left_out = [
            ("pods", self.pods.left_out),
            ("workloads", self.workloads.left_out),
            ("autoscalers", self.autoscalers.left_out),
            ("events", self.events.left_out),
            ("custom resources", self.custom.left_out + self.unnamed),
            ("changes", self.changes.left_out),
        ];
        let left_out = left_out.into_iter().filter(|(_, count)| *count > 0);
        let mut facts = Facts {
            format: crate::bundle::facts::FORMAT,
            pods: self.pods.into_values().collect(),
            workloads: self.workloads.into_values().collect(),
            autoscalers: self.autoscalers.into_values().collect(),
            events: self.events.into_values().collect(),
            custom_resources: self.custom.into_values().collect(),
            changes: self.changes.into_values().collect(),
            left_out: left_out.map(|(what, count)| (what.to_owned(), count)).collect(),
            ..Facts::default()
        };
        facts.custom_resources.iter_mut().for_each(|it| it.names.sort_unstable());
        for pod in &mut facts.pods {
            let usage = used.get(&format!("{}/{}/{}", pod.cluster, pod.namespace, pod.pod));
            for container in &mut pod.containers {
                container.usage = usage.and_then(|usage| usage.get(&container.name)).cloned().unwrap_or_default();
            }
        }
        facts.sort();
        facts
    }

    fn change(&mut self, change: Change) {
        let by = change.by.clone().unwrap_or_default();
        let object = format!("{} {}", change.cluster, change.object);
        self.changes.add((Reverse(change.at), object, change.what.clone(), by), change);
    }

    /// Adds the scalings in the status of autoscalers that no event describes; events say more.
    fn add_scalings(&mut self) {
        let by_status = std::mem::replace(&mut self.scaled, Best::new(MOST_AUTOSCALERS));
        for change in by_status.into_values() {
            let is_same = |event: &Change| {
                (&event.cluster, &event.object, event.kind.as_str()) == (&change.cluster, &change.object, "scale")
                    && (event.at - change.at).abs() <= SAME_SCALING
            };
            if !self.changes.values().any(is_same) {
                self.change(change);
            }
        }
    }

    /// Adds the rollouts of new replica sets.
    fn add_rollouts(&mut self) {
        let sets = std::mem::replace(&mut self.sets, Best::new(MOST_SETS));
        let resource = Resource::named("replicasets.apps");
        for set in sets.values().filter(|set| set.is_new) {
            self.change(Change {
                at: set.created,
                cluster: set.cluster.clone(),
                kind: "rollout".to_owned(),
                object: named(&resource, &set.namespace, &set.name),
                what: set.description(sets.values()),
                by: None,
                entry: Some(set.entry.clone()),
            });
        }
    }
}

/// A change of an autoscaler's number of pods.
fn scaling(cluster: &str, at: DateTime<Utc>, object: String, what: String, entry: &str) -> Change {
    let (cluster, kind, entry) = (cluster.to_owned(), "scale".to_owned(), Some(entry.to_owned()));
    Change { at, cluster, kind, object, what, by: None, entry }
}

/// The namespace; `None` for cluster-scoped objects.
fn within(namespace: &str) -> Option<&str> {
    Some(namespace).filter(|namespace| !namespace.is_empty())
}

/// The path of an object's own file.
fn yaml(cluster: &str, resource: &Resource, namespace: &str, name: &str) -> String {
    let path: EntryPath = match within(namespace) {
        Some(namespace) if resource.is("", "pods") => layout::pod_yaml(cluster, namespace, name),
        None if resource.is("", "nodes") => layout::node_yaml(cluster, name),
        namespace => layout::object_yaml(cluster, namespace, &resource.short(), name),
    };
    path.to_string()
}
