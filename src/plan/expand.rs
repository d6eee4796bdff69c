//! The stages of a plan: from a profile and discovery to lists, and from pods to what hangs on them.

use super::{
    GetTask, LeftTask, ListTask, Place, Planned, Pod, Request, Resource, Right, Task, UnknownGroup, What, Without,
    resource,
};
use crate::profile::{self, LogRule, ObjectRule};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// The tasks that need no more than discovery: the server itself, lists and named objects.
///
/// A resource that the server does not serve gives a task too, so that the manifest shows that it
/// was looked for.
#[must_use]
pub fn first(request: &Request, served: &[Resource], unknown: &[UnknownGroup], place: &Place) -> Vec<Planned> {
    let ground = [What::Version, What::Discovery].map(|what| Planned::from(Task { what, required: false }));
    let mut plan = Vec::from(ground);
    for rule in &request.profile.objects {
        let Some(resource) = served.iter().find(|served| rule.resource.is(&served.plural, &served.group)) else {
            plan.push(not_served(rule.resource.plural(), rule.resource.group(), rule.required, unknown));
            continue;
        };
        if rule.scope == profile::Scope::Namespace {
            plan.extend(by_rule(request, served, resource, rule, place));
        }
    }
    for rule in &request.profile.custom_resources {
        let mut found = false;
        let listable = |served: &&Resource| {
            // What a group calls secrets is as secret as what Kubernetes calls so.
            let is_open = profile::ResourceName::new(&served.plural, &served.group).is_ok();
            served.group == rule.group && is_open && served.verbs.iter().any(|verb| verb == "list")
        };
        for resource in served.iter().filter(listable) {
            found = true;
            plan.extend(lists(resource, place, rule.required, None, rule.metadata_only));
            if rule.definitions {
                plan.push(get(&definitions(), None, &resource.to_string(), false).into());
            }
        }
        if !found {
            plan.push(not_served("*", &rule.group, rule.required, unknown));
        }
    }
    for namespace in place.namespaces.keys() {
        plan.push(get(&namespaces(), None, namespace, false).into());
    }
    for planned in &mut plan {
        let resource = match &planned.task.what {
            What::List(list) => &list.resource,
            What::Get(get) => &get.resource,
            _ => continue,
        };
        if planned.without.is_none() && request.skips_resource(resource) {
            planned.without = Some(Without::Skipped("left out by --skip".to_owned()));
        }
    }
    plan.extend(left_out(request));
    plan
}

/// What `--skip` leaves out as a whole.
pub const KINDS: [&str; 4] = ["logs", "previous-logs", "scrapes", "descriptions"];

/// The kinds that are left out as a whole.
fn left_out(request: &Request) -> impl Iterator<Item = Planned> {
    let kinds = KINDS.iter().filter(|kind| request.skips(kind));
    kinds.map(|kind| Planned {
        task: Task { what: What::Kind((*kind).to_owned()), required: false },
        without: Some(Without::Skipped("left out by --skip".to_owned())),
    })
}

/// What a list over the cluster becomes where only single namespaces may be listed.
#[must_use]
pub fn one_by_one(list: &Task, place: &Place) -> Vec<Task> {
    let What::List(task) = &list.what else { return Vec::new() };
    let within = |namespace: &String| Task {
        what: What::List(ListTask { namespace: Some(namespace.clone()), ..task.clone() }),
        required: list.required,
    };
    place.namespaces.keys().map(within).collect()
}

/// The pods that the profile takes, unhealthy ones first, of those that were seen.
#[must_use]
pub fn taken(request: &Request, mut pods: Vec<Pod>) -> Vec<Pod> {
    let limit = request.profile.select.limit.map_or(usize::MAX, |limit| limit as usize);
    if pods.len() > limit {
        // Stable, so that among equals the order of the list decides.
        pods.sort_by_key(|pod| !pod.is_unhealthy());
        pods.truncate(limit);
    }
    pods
}

/// What hangs on the pods of one cluster that belong to the workload: logs, scrapes, nodes.
#[must_use]
pub fn expand(request: &Request, served: &[Resource], place: &Place, pods: Vec<Pod>) -> Vec<Planned> {
    let mut plan = Vec::new();
    let seen = pods.len();
    let pods = taken(request, pods);
    if pods.len() < seen {
        let cause = format!(
            "the profile takes {} pods, unhealthy ones first; {} more are listed only",
            pods.len(),
            seen - pods.len()
        );
        plan.push(Planned {
            task: Task { what: What::Kind("further pods".to_owned()), required: false },
            without: Some(Without::Skipped(cause)),
        });
    }
    let rules = &request.profile.logs;
    let wanted = |rule: Option<LogRule>, kind: &str| {
        rule.filter(|_| !request.skips("logs") && !request.skips(kind)).map(|rule| rule.required)
    };
    let (current, previous) = (wanted(rules.current, "logs"), wanted(rules.previous, "previous-logs"));
    for pod in &pods {
        for container in pod.containers() {
            plan.extend(previous.map(|required| pod.previous_log(container, required, request)));
            plan.extend(current.map(|required| pod.current_log(container, required, request)));
        }
        let selected = place.namespaces.get(&pod.namespace).is_some_and(|scope| scope.pods.contains(&pod.name));
        if selected && !request.skips("scrapes") {
            plan.extend(pod.scrapes());
        }
    }
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.node.as_deref()).collect();
    for rule in request.profile.objects.iter().filter(|rule| rule.scope == profile::Scope::Used) {
        let found = served.iter().find(|served| rule.resource.is(&served.plural, &served.group));
        if let Some(resource) = found.filter(|resource| !request.skips_resource(resource)) {
            plan.extend(nodes.iter().flat_map(|node| of_node(request, served, resource, rule, node)));
        }
    }
    plan
}

/// The logs that nodes still have of pods that are gone, where the nodes' files are read at all: on `nodes`,
/// and on some of those that only events have `named`, whose writers may name any. See [`LeftTask`].
#[must_use]
pub fn left(
    request: &Request,
    nodes: &BTreeSet<String>,
    named: &BTreeSet<&str>,
    there: &Arc<HashSet<String>>,
    gone: &Arc<BTreeSet<String>>,
) -> Vec<Planned> {
    const MOST_NAMED: usize = 20;
    if !request.rotated_logs || request.skips("logs") || request.profile.logs.current.is_none() {
        return Vec::new();
    }
    let named = named.iter().copied().filter(|node| !nodes.contains(*node) && profile::is_subdomain(node));
    let (named, further): (Vec<_>, Vec<_>) = named.enumerate().partition(|(at, _)| *at < MOST_NAMED);
    let further = (!further.is_empty()).then(|| Planned {
        task: Task { what: What::Kind("logs of deleted pods on further nodes".to_owned()), required: false },
        without: Some(Without::Skipped(format!(
            "events name {MOST_NAMED} more nodes that have no pod of the workload any more, and were looked at; {} were not",
            further.len()
        ))),
    });
    let left = |node: &str| LeftTask { node: node.to_owned(), there: there.clone(), gone: gone.clone() };
    let task = |node: &str| Task { what: What::Left(left(node)), required: false };
    let named = named.iter().map(|(_, node)| *node);
    nodes.iter().map(String::as_str).chain(named).map(task).map(Planned::from).chain(further).collect()
}

/// A node, and what describing it takes: its lease, and its events, which lie in `default`.
fn of_node(request: &Request, served: &[Resource], resource: &Resource, rule: &ObjectRule, node: &str) -> Vec<Planned> {
    let mut plan =
        vec![Planned::from(Task { required: rule.required, ..get(resource, None, node, rule.metadata_only) })];
    if !resource.is("", "nodes") {
        return plan;
    }
    let find = |group: &str, plural: &str| {
        served.iter().find(|served| served.is(group, plural)).filter(|resource| !request.skips_resource(resource))
    };
    if let Some(pods) = find("", "pods").filter(|_| request.node_neighbours) {
        let fields = Some(format!("spec.nodeName={node}"));
        let list = ListTask { resource: pods.clone(), namespace: None, labels: None, fields, metadata_only: false };
        plan.push(Task { what: What::List(list), required: false }.into());
    }
    // What dynamic resource allocation offers on the node.
    if let Some(slices) = find("resource.k8s.io", "resourceslices") {
        let fields = Some(format!("spec.nodeName={node}"));
        let list = ListTask { resource: slices.clone(), namespace: None, labels: None, fields, metadata_only: false };
        plan.push(Task { what: What::List(list), required: false }.into());
    }
    if let Some(leases) = find("coordination.k8s.io", "leases") {
        plan.push(get(leases, Some("kube-node-lease"), node, false).into());
    }
    if let Some(events) = find("", "events") {
        let list = ListTask {
            resource: events.clone(),
            namespace: Some("default".to_owned()),
            labels: None,
            fields: Some(format!("involvedObject.kind=Node,involvedObject.name={node}")),
            metadata_only: false,
        };
        plan.push(Task { what: What::List(list), required: false }.into());
    }
    plan
}

fn by_rule(
    request: &Request,
    served: &[Resource],
    resource: &Resource,
    rule: &ObjectRule,
    place: &Place,
) -> Vec<Planned> {
    if rule.names.is_empty() {
        return lists(resource, place, rule.required, rule.labels.as_deref(), rule.metadata_only);
    }
    if resource.is("", "nodes") {
        return rule.names.iter().flat_map(|node| of_node(request, served, resource, rule, node)).collect();
    }
    let spaces: Vec<Option<&str>> = match resource.namespaced {
        true => place.namespaces.keys().map(|name| Some(name.as_str())).collect(),
        false => vec![None],
    };
    let named = |namespace: Option<&str>, name: &String| {
        Planned::from(Task { required: rule.required, ..get(resource, namespace, name, rule.metadata_only) })
    };
    spaces.iter().flat_map(|space| rule.names.iter().map(|name| named(*space, name))).collect()
}

fn lists(
    resource: &Resource,
    place: &Place,
    required: bool,
    labels: Option<&str>,
    metadata_only: bool,
) -> Vec<Planned> {
    let wide = Task {
        what: What::List(ListTask {
            resource: resource.clone(),
            namespace: None,
            labels: labels.map(str::to_owned),
            fields: None,
            metadata_only,
        }),
        required,
    };
    if place.is_wide() || !resource.namespaced {
        vec![wide.into()]
    } else {
        one_by_one(&wide, place).into_iter().map(Planned::from).collect()
    }
}

fn get(resource: &Resource, namespace: Option<&str>, name: &str, metadata_only: bool) -> Task {
    let get = GetTask {
        resource: resource.clone(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        metadata_only,
    };
    Task { what: What::Get(get), required: false }
}

fn not_served(plural: &str, group: &str, required: bool, unknown: &[UnknownGroup]) -> Planned {
    let resource = Resource { group: group.to_owned(), plural: plural.to_owned(), ..resource::unknown() };
    let of_group = |known: &&UnknownGroup| known.group_version.rsplit_once('/').map_or("", |(group, _)| group) == group;
    let without = match unknown.iter().find(of_group) {
        None => Without::Absent(format!("the API server does not serve {resource}")),
        Some(UnknownGroup { group_version, causes }) => {
            let cause = format!("whether {resource} is served could not be told: discovery of {group_version} failed");
            Without::Failed([vec![cause], causes.clone()].concat())
        }
    };
    let list = ListTask { resource, namespace: None, labels: None, fields: None, metadata_only: false };
    Planned { task: Task { what: What::List(list), required }, without: Some(without) }
}

/// Served by every server, and asked for before discovery could say so.
fn namespaces() -> Resource {
    resource::cluster_scoped("", "v1", "namespaces", "Namespace")
}

fn definitions() -> Resource {
    resource::cluster_scoped("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
}

/// What [`expand`] may ask for, whatever pods there will be.
#[must_use]
pub fn rights_of_pods(request: &Request, served: &[Resource], namespaces: &BTreeSet<String>) -> Vec<Right> {
    let right = |namespace: Option<&str>, group: &str, resource: &str, verb| Right {
        namespace: namespace.map(str::to_owned),
        group: group.to_owned(),
        resource: resource.to_owned(),
        verb,
        name: None,
    };
    let mut rights = Vec::new();
    for namespace in namespaces {
        if !request.skips("logs") {
            rights.push(right(Some(namespace), "", "pods/log", "get"));
            // A pod may have been replaced under its name, or its container restarted: UID and status tell.
            rights.push(right(Some(namespace), "", "pods", "get"));
        }
        if !request.skips("scrapes") && !request.profile.scrapes.is_empty() {
            rights.push(right(Some(namespace), "", "pods/proxy", "get"));
        }
    }
    if request.rotated_logs && !request.skips("logs") {
        rights.push(Right::of_node_files());
    }
    let wanted = |group: &str, plural: &str| {
        served.iter().any(|served| served.is(group, plural) && !request.skips_resource(served))
    };
    for rule in request.profile.objects.iter().filter(|rule| rule.scope == profile::Scope::Used) {
        let (group, plural) = (rule.resource.group(), rule.resource.plural());
        if !wanted(group, plural) {
            continue;
        }
        rights.push(right(None, group, plural, "get"));
        if (group, plural) != ("", "nodes") {
            continue;
        }
        if request.node_neighbours {
            rights.push(right(None, "", "pods", "list"));
        }
        if wanted("resource.k8s.io", "resourceslices") {
            rights.push(right(None, "resource.k8s.io", "resourceslices", "list"));
        }
        if wanted("coordination.k8s.io", "leases") {
            rights.push(right(Some("kube-node-lease"), "coordination.k8s.io", "leases", "get"));
        }
        if wanted("", "events") {
            rights.push(right(Some("default"), "", "events", "list"));
        }
    }
    rights
}

/// What working out the relations in a shared namespace asks for.
#[must_use]
pub fn rights_of_neighbours(namespace: &str) -> Vec<Right> {
    [("", "pods"), ("apps", "replicasets"), ("batch", "jobs"), ("", "services")]
        .map(|(group, resource)| Right {
            namespace: Some(namespace.to_owned()),
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb: "list",
            name: None,
        })
        .to_vec()
}
