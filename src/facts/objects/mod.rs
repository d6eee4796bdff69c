//! What objects say, taken while they stream by: the object part of `facts.json`. The same from the lists of a
//! bundle later.
//!
//! Of each kind there is a bound, and what there is no room for is counted: servers go before other pods, warnings
//! about them before other events, and later changes before earlier ones. No text is longer than 1 KiB.

mod best;
mod changes;
mod events;
mod pods;
mod read;
mod rollout;
mod workloads;

pub use changes::CHANGED_WITHIN;

use crate::{
    bundle::{
        EntryPath,
        facts::{AutoscalerFacts, Change, CustomResourceFacts, EventFacts, Facts, PodFacts, WorkloadFacts},
        layout,
    },
    plan::{Place, Request, Resource},
    redact::CleanJson,
};
use best::Best;
use changes::{Told, named};
use chrono::{DateTime, TimeDelta, Utc};
use read::{items, text};
use rollout::Set;
use serde_json::Value;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Most pods.
pub const MOST_PODS: usize = 500;
/// Most deployments, stateful sets, daemon sets and replica sets with pods.
pub const MOST_WORKLOADS: usize = 500;
/// Most autoscalers.
pub const MOST_AUTOSCALERS: usize = 500;
/// Most events.
pub const MOST_EVENTS: usize = 1_000;
/// Most kinds of custom resources, each namespace counted.
pub const MOST_CUSTOM: usize = 1_000;
/// Most changes.
pub const MOST_CHANGES: usize = 1_000;
/// Most names of one kind of custom resource in a namespace.
const MOST_NAMES: usize = 100;
/// Most replica sets that are compared.
const MOST_SETS: usize = 500;
/// An autoscaler's status and its event tell of the same within this time.
const SAME_SCALING: TimeDelta = TimeDelta::seconds(5);

/// What is known of a cluster before its objects come.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The cluster's name.
    pub cluster: String,
    /// Since when changes are looked for, by the API server's clock.
    pub since: DateTime<Utc>,
    /// The servers' pods, by namespace.
    pub servers: BTreeMap<String, BTreeSet<String>>,
    /// The groups of the workload's custom resources.
    pub groups: BTreeSet<String>,
    /// The variables of containers whose plain values are of interest.
    pub env: BTreeSet<String>,
}

impl Ground {
    /// That of a place, as of a collection that started at this moment, by the API server's clock.
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

/// Takes the objects of a cluster as they come.
#[derive(Debug)]
pub struct Extract {
    ground: Ground,
    facts: ObjectFacts,
}

impl Extract {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self { ground, facts: ObjectFacts::default() }
    }

    /// Looks at an object of a resource. `table` is the short name of the table that lists it, such as `events`.
    pub fn object(&mut self, resource: &Resource, table: &str, object: &CleanJson) {
        self.see(resource, table, object.value());
    }

    /// Looks at all objects of a resource in a table, as a bundle has it (`<table>.json`).
    pub fn of_table(&mut self, resource: &Resource, table: &str, of: &CleanJson) {
        items(&of.value()["rows"]).for_each(|row| self.see(resource, table, &row["object"]));
    }

    /// All of a resource in a namespace was listed, however little that was: that there are no custom resources is
    /// worth knowing.
    pub fn is_listed(&mut self, resource: &Resource, table: &str, namespace: &str) {
        if self.ground.groups.contains(&resource.group) {
            self.custom(resource, table, namespace);
        }
    }

    /// What was taken.
    #[must_use]
    pub fn into_facts(self) -> ObjectFacts {
        self.facts
    }

    fn see(&mut self, resource: &Resource, table: &str, object: &Value) {
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        if name.is_empty() {
            return;
        }
        let cluster = self.ground.cluster.clone();
        let id = format!("{cluster}/{namespace}/{name}");
        let is_custom = self.ground.groups.contains(&resource.group);
        if matches!(resource.group.as_str(), "" | "events.k8s.io") && resource.plural == "events" {
            return self.event(id, table, &namespace, object);
        }
        let entry = yaml(&cluster, resource, &namespace, &name);
        let facts = &mut self.facts;
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "pods") => {
                let is_server = self.ground.is_server(&namespace, &name);
                let read = pods::read(object, &self.ground.env);
                let pod = PodFacts { entry: entry.clone(), cluster: cluster.clone(), is_server, ..read };
                facts.pods.add((!is_server, pod.is_ready(), id), pod);
            }
            ("metrics.k8s.io", "pods") => {
                let server = !self.ground.is_server(&namespace, &name);
                facts.usage.add((server, id), pods::usage(object));
            }
            ("apps", plural) => {
                if let Some(read) = workloads::workload(plural, object) {
                    let workload = WorkloadFacts { entry: entry.clone(), cluster: cluster.clone(), ..read };
                    facts.workloads.add(format!("{id}/{plural}"), workload);
                }
                if let Some(mut set) = (plural == "replicasets").then(|| Set::read(object)).flatten() {
                    (set.entry, set.cluster) = (entry.clone(), cluster.clone());
                    set.is_new = set.created >= self.ground.since;
                    facts.sets.add((Reverse(set.created), id), set);
                }
            }
            ("autoscaling", "horizontalpodautoscalers") => {
                let read = workloads::autoscaler(object);
                let autoscaler = AutoscalerFacts { entry: entry.clone(), cluster: cluster.clone(), ..read };
                if let Some(at) = autoscaler.last_scaled.filter(|at| *at >= self.ground.since) {
                    let what = format!("scaled to {} pods", autoscaler.desired);
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
        let told = Told { resource, is_custom, since: self.ground.since, cluster: &cluster, entry: &entry };
        told.of(object).into_iter().for_each(|change| self.facts.change(change));
    }

    fn event(&mut self, id: String, table: &str, namespace: &str, event: &Value) {
        let Some(read) = events::read(event) else { return };
        let ground = &self.ground;
        let entry = layout::resource_table(&ground.cluster, within(namespace), table).to_string();
        let read = EventFacts { entry, cluster: ground.cluster.clone(), ..read };
        let about = events::about(event);
        let of_server = about["kind"] == "Pod" && ground.is_server(namespace, &text(&about["name"]));
        if read.reason == "SuccessfulRescale"
            && about["kind"] == "HorizontalPodAutoscaler"
            && let Some(at) = read.last.filter(|at| *at >= ground.since)
        {
            let resource = Resource::named("horizontalpodautoscalers.autoscaling");
            let object = named(&resource, namespace, &text(&about["name"]));
            let change = scaling(&ground.cluster, at, object, read.note.clone(), &read.entry);
            self.facts.change(change);
        }
        self.facts.events.add((read.kind != "Warning", !of_server, Reverse(read.last), id), read);
    }

    /// The custom resources of a kind in a namespace.
    fn custom(&mut self, resource: &Resource, table: &str, namespace: &str) -> Option<&mut CustomResourceFacts> {
        let (cluster, resource) = (self.ground.cluster.clone(), resource.to_string());
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

/// Warnings first, those about servers before the others, and the latest of each.
type EventKey = (bool, bool, Reverse<Option<DateTime<Utc>>>, String);
/// The latest first; then what was changed, how, and by whom.
type ChangeKey = (Reverse<DateTime<Utc>>, String, String, String);

/// What the objects of one cluster or several say, not in order yet. Files go by the paths they were written under.
#[derive(Debug)]
pub struct ObjectFacts {
    /// Servers first, and those that are not ready.
    pods: Best<(bool, bool, String), PodFacts>,
    /// What the containers of a pod use; those of servers first.
    usage: Best<(bool, String), pods::Usage>,
    workloads: Best<String, WorkloadFacts>,
    autoscalers: Best<String, AutoscalerFacts>,
    events: Best<EventKey, EventFacts>,
    custom: Best<String, CustomResourceFacts>,
    /// Names that there was no room for.
    unnamed: u64,
    changes: Best<ChangeKey, Change>,
    /// By the status of autoscalers, whose events may tell of the same.
    scaled: Best<String, Change>,
    /// The newest.
    sets: Best<(Reverse<DateTime<Utc>>, String), Set>,
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
    /// Takes in what other lists said.
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

    /// All of it, in a stable order.
    #[must_use]
    pub fn into_facts(mut self) -> Facts {
        self.tell_scalings();
        self.tell_rollouts();
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

    /// An event tells more of a scaling than the status does.
    fn tell_scalings(&mut self) {
        let by_status = std::mem::replace(&mut self.scaled, Best::new(MOST_AUTOSCALERS));
        for change in by_status.into_values() {
            let is_same = |told: &Change| {
                (&told.cluster, &told.object, told.kind.as_str()) == (&change.cluster, &change.object, "scale")
                    && (told.at - change.at).abs() <= SAME_SCALING
            };
            if !self.changes.values().any(is_same) {
                self.change(change);
            }
        }
    }

    fn tell_rollouts(&mut self) {
        let sets = std::mem::replace(&mut self.sets, Best::new(MOST_SETS));
        let resource = Resource::named("replicasets.apps");
        for set in sets.values().filter(|set| set.is_new) {
            self.change(Change {
                at: set.created,
                cluster: set.cluster.clone(),
                kind: "rollout".to_owned(),
                object: named(&resource, &set.namespace, &set.name),
                what: set.told(sets.values()),
                by: None,
                entry: Some(set.entry.clone()),
            });
        }
    }
}

fn scaling(cluster: &str, at: DateTime<Utc>, object: String, what: String, entry: &str) -> Change {
    let (cluster, kind, entry) = (cluster.to_owned(), "scale".to_owned(), Some(entry.to_owned()));
    Change { at, cluster, kind, object, what, by: None, entry }
}

fn within(namespace: &str) -> Option<&str> {
    Some(namespace).filter(|namespace| !namespace.is_empty())
}

/// The path that an object's own file is written under.
fn yaml(cluster: &str, resource: &Resource, namespace: &str, name: &str) -> String {
    let path: EntryPath = match within(namespace) {
        Some(namespace) if resource.is("", "pods") => layout::pod_yaml(cluster, namespace, name),
        None if resource.is("", "nodes") => layout::node_yaml(cluster, name),
        namespace => layout::object_yaml(cluster, namespace, &resource.short(), name),
    };
    path.to_string()
}
