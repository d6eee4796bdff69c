//! Owns which objects are collected: those that the profile names, by list and by name, and with a node, the objects
//! that its description needs.

use super::{collector::Collector, get, list};
use crate::{
    plan::{
        GetTask, ListTask, Place, Planned, Planning, Pod, Preset, Request, Resource, Stage, Task, TaskSpec,
        UnknownGroup,
    },
    profile::{self, GroupRule, ObjectRule, ResourceName},
};
use futures_util::future::FutureExt as _;
use std::collections::BTreeSet;

pub(super) const COLLECTOR: Collector = Collector {
    name: "objects",
    purpose: "Kubernetes objects as the API server has them, with the tables that kubectl prints",
    is_optional: false,
    plan,
    collect: |context, task| match (task.spec(), task.spec()) {
        (Some(of), _) => Some(list::collect(context, task, of).boxed()),
        (_, Some(of)) => Some(get::collect(context, task, of).boxed()),
        _ => None,
    },
};

/// A resource that the server does not serve gives a task too, so that the manifest shows that it was looked for.
pub(super) fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    let objects = Objects::of(planning);
    let request = objects.request;
    match planning.stage {
        Stage::Start { .. } => {
            let mut plan: Vec<Planned> =
                request.profile.objects.iter().flat_map(|rule| objects.by_rule(rule)).collect();
            plan.extend(request.profile.custom_resources.iter().flat_map(|rule| objects.of_group(rule)));
            // Served by every server, whatever discovery says.
            let namespaces = Resource::of_cluster("", "v1", "namespaces", "Namespace");
            plan.extend(objects.place.namespaces.keys().map(|name| get(&namespaces, None, name, false).into()));
            for planned in plan.iter_mut().filter(|planned| planned.preset.is_none()) {
                if planned.task.resource().is_some_and(|resource| request.skips_resource(resource)) {
                    *planned = Planned::skipped(planned.task.clone());
                }
            }
            plan
        }
        Stage::Pods(pods) => objects.of_nodes(pods),
        Stage::Events { .. } | Stage::AllButLogs { .. } => Vec::new(),
    }
}

struct Objects<'a> {
    request: &'a Request,
    served: &'a [Resource],
    unknown: &'a [UnknownGroup],
    place: &'a Place,
}

impl<'a> Objects<'a> {
    fn of(planning: &Planning<'a>) -> Self {
        let basis = planning.basis;
        Self { request: &basis.request, served: &basis.served, unknown: &basis.unknown, place: &basis.place }
    }

    fn by_rule(&self, rule: &ObjectRule) -> Vec<Planned> {
        let Some(resource) = self.served.iter().find(|served| rule.resource.is(&served.plural, &served.group)) else {
            return vec![self.not_served(rule.resource.plural(), rule.resource.group(), rule.required)];
        };
        if rule.scope != profile::Scope::Namespace {
            return Vec::new();
        }
        if rule.names.is_empty() {
            return self.lists(resource, rule.required, rule.labels.as_deref(), rule.metadata_only);
        }
        if resource.is("", "nodes") {
            return rule.names.iter().flat_map(|node| self.of_node(resource, rule, node)).collect();
        }
        let spaces: Vec<Option<&str>> = match resource.namespaced {
            true => self.place.namespaces.keys().map(|name| Some(name.as_str())).collect(),
            false => vec![None],
        };
        let named = |namespace: Option<&str>, name: &String| {
            get(resource, namespace, name, rule.metadata_only).required(rule.required).into()
        };
        spaces.iter().flat_map(|space| rule.names.iter().map(|name| named(*space, name))).collect()
    }

    fn of_group(&self, rule: &GroupRule) -> Vec<Planned> {
        let listable = |served: &&Resource| {
            // What a group calls secrets is as secret as what Kubernetes calls so.
            let is_open = ResourceName::new(&served.plural, &served.group).is_ok();
            served.group == rule.group && is_open && served.verbs.iter().any(|verb| verb == "list")
        };
        let mut plan = Vec::new();
        for resource in self.served.iter().filter(listable) {
            plan.extend(self.lists(resource, rule.required, None, rule.metadata_only));
            if rule.definitions {
                let definitions = ("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition");
                let definitions = Resource::of_cluster(definitions.0, "v1", definitions.1, definitions.2);
                plan.push(get(&definitions, None, &resource.to_string(), false).into());
            }
        }
        if plan.is_empty() {
            plan.push(self.not_served("*", &rule.group, rule.required));
        }
        plan
    }

    fn of_nodes(&self, pods: &[Pod]) -> Vec<Planned> {
        let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.node.as_deref()).collect();
        let mut plan = Vec::new();
        for rule in self.request.profile.objects.iter().filter(|rule| rule.scope == profile::Scope::Used) {
            if let Some(resource) = self.find(rule.resource.group(), rule.resource.plural()) {
                plan.extend(nodes.iter().flat_map(|node| self.of_node(resource, rule, node)));
            }
        }
        plan
    }

    /// A node, and what describing it takes: its lease, and its events, which lie in `default`.
    fn of_node(&self, resource: &Resource, rule: &ObjectRule, node: &str) -> Vec<Planned> {
        let mut plan = vec![get(resource, None, node, rule.metadata_only).required(rule.required)];
        if resource.is("", "nodes") {
            let on_node = || format!("spec.nodeName={node}");
            let neighbours = self.find("", "pods").filter(|_| self.request.node_neighbours);
            plan.extend(neighbours.map(|pods| Task::new(ListTask::chosen(pods, None, on_node()))));
            // What dynamic resource allocation offers on the node.
            let slices = self.find("resource.k8s.io", "resourceslices");
            plan.extend(slices.map(|slices| Task::new(ListTask::chosen(slices, None, on_node()))));
            let leases = self.find("coordination.k8s.io", "leases");
            plan.extend(leases.map(|leases| get(leases, Some("kube-node-lease"), node, false)));
            let about = format!("involvedObject.kind=Node,involvedObject.name={node}");
            let events = self.find("", "events");
            plan.extend(events.map(|events| Task::new(ListTask::chosen(events, Some("default"), about))));
        }
        plan.into_iter().map(Planned::from).collect()
    }

    /// A resource that is served, and not left out.
    fn find(&self, group: &str, plural: &str) -> Option<&'a Resource> {
        let found = self.served.iter().find(|served| served.is(group, plural));
        found.filter(|resource| !self.request.skips_resource(resource))
    }

    fn lists(&self, resource: &Resource, required: bool, labels: Option<&str>, metadata_only: bool) -> Vec<Planned> {
        let list = ListTask { labels: labels.map(str::to_owned), metadata_only, ..ListTask::wide(resource) };
        let tasks = match self.place.is_wide() || !resource.namespaced {
            true => vec![Task::new(list)],
            false => list.by_namespace(&mut self.place.namespaces.keys()),
        };
        tasks.into_iter().map(|task| task.required(required).into()).collect()
    }

    fn not_served(&self, plural: &str, group: &str, required: bool) -> Planned {
        let resource = Resource::unserved(group, plural);
        let preset = match self.unknown.iter().find(|unknown| unknown.has(group)) {
            None => Preset::Absent(format!("the API server does not serve {resource}")),
            Some(UnknownGroup { group_version, causes }) => {
                let cause = format!("cannot tell whether {resource} is served: discovery of {group_version} failed");
                Preset::Failed([vec![cause], causes.clone()].concat())
            }
        };
        Planned { task: Task::new(ListTask::wide(&resource)).required(required), preset: Some(preset) }
    }
}

fn get(resource: &Resource, namespace: Option<&str>, name: &str, metadata_only: bool) -> Task {
    let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
    Task::new(GetTask { resource: resource.clone(), namespace, name, metadata_only })
}
