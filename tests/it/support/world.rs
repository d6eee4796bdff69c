//! Owns a small world for the fake server: a cluster of objects and logs, served as an API server
//! serves them. Time in it is that of [`super::run::INCIDENT`].

use super::{Api, Asked, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Group, version, plural, kind, namespaced.
type Kind = (&'static str, &'static str, &'static str, &'static str, bool);

const KINDS: &[Kind] = &[
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "services", "Service", true),
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("", "v1", "secrets", "Secret", true),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "replicasets", "ReplicaSet", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("batch", "v1", "jobs", "Job", true),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true),
    ("coordination.k8s.io", "v1", "leases", "Lease", true),
    ("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", false),
    ("data.spirl.com", "v1", "serverconfigs", "ServerConfig", true),
];

/// A cluster.
#[derive(Clone, Default)]
pub(crate) struct World {
    objects: Vec<(&'static str, Value)>,
    /// By namespace, pod, container and whether previous.
    logs: BTreeMap<(String, String, String, bool), Vec<u8>>,
    metrics: BTreeMap<String, String>,
}

/// The namespace of [`World::one`], and its pod.
pub(crate) const NAMESPACE: &str = "tdd-one";
pub(crate) const POD: &str = "spirl-server-7f9c-aaaaa";
/// Its log, all of it in the window.
pub(crate) const LOG: &str = "2024-03-05T14:00:00.000000001Z {\"level\":\"info\",\"msg\":\"ready\"}\n\
                              2024-03-05T14:05:00.000000000Z {\"level\":\"error\",\"msg\":\"it went wrong\"}\n";

impl World {
    /// One healthy server in a namespace of its own, on a node with a region.
    pub(crate) fn one() -> Self {
        let mut world = Self::default();
        world.server(NAMESPACE, POD);
        world
    }

    /// Adds a server's pod, with all that it takes.
    pub(crate) fn server(&mut self, namespace: &str, name: &str) {
        self.namespace(namespace);
        self.node("node-a");
        self.add("pods", pod(namespace, name));
        // The log file begins before the window, as the kubelet's would.
        self.log(namespace, name, false, format!("2024-03-05T13:00:00.000000000Z started\n{LOG}"));
        self.metrics.insert(name.to_owned(), metrics("example.org"));
    }

    pub(crate) fn namespace(&mut self, name: &str) {
        if !self.has("namespaces", name) {
            self.add("namespaces", json!({ "metadata": { "name": name, "uid": format!("uid-{name}") } }));
        }
    }

    pub(crate) fn node(&mut self, name: &str) {
        if !self.has("nodes", name) {
            let labels = json!({ "topology.kubernetes.io/region": "eu-west-1" });
            self.add("nodes", json!({ "metadata": { "name": name, "labels": labels }, "status": { "images": [] } }));
        }
    }

    fn has(&self, plural: &str, name: &str) -> bool {
        self.objects.iter().any(|(held, object)| *held == plural && object["metadata"]["name"] == name)
    }

    /// Adds an object.
    pub(crate) fn add(&mut self, plural: &'static str, mut object: Value) {
        let (group, version, _, kind, _) = kind(plural).expect("a kind of this world");
        object["apiVersion"] = if group.is_empty() { (*version).into() } else { format!("{group}/{version}").into() };
        object["kind"] = (*kind).into();
        self.objects.push((plural, object));
    }

    /// Adds an object by name in a namespace.
    pub(crate) fn object(&mut self, plural: &'static str, namespace: &str, name: &str, mut rest: Value) {
        rest["metadata"]["namespace"] = namespace.into();
        rest["metadata"]["name"] = name.into();
        rest["metadata"]["uid"] = format!("uid-{name}").into();
        self.add(plural, rest);
    }

    /// Changes an object.
    pub(crate) fn change(&mut self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let found =
            self.objects.iter_mut().find(|(held, object)| *held == plural && object["metadata"]["name"] == name);
        change(&mut found.expect("an object of this world").1);
    }

    /// Gives the container `server` of a pod a log.
    pub(crate) fn log(&mut self, namespace: &str, pod: &str, previous: bool, text: impl AsRef<[u8]>) {
        let key = (namespace.to_owned(), pod.to_owned(), "server".to_owned(), previous);
        self.logs.insert(key, text.as_ref().to_vec());
    }

    /// What a pod's metrics endpoint answers; none: nobody listens.
    pub(crate) fn metrics(&mut self, pod: &str, text: Option<String>) {
        match text {
            Some(text) => self.metrics.insert(pod.to_owned(), text),
            None => self.metrics.remove(pod),
        };
    }

    /// Serves it.
    pub(crate) fn serve(self) -> Api {
        Api::new(move |asked| self.answer(asked))
    }

    pub(crate) fn answer(&self, asked: &Asked) -> Option<Reply> {
        match asked.path.as_str() {
            "/version" => return Some(Reply::json(&json!({ "major": "1", "minor": "34", "gitVersion": "v1.34.4" }))),
            "/api" => return Some(Reply::json(&aggregated(|group| group.is_empty()))),
            "/apis" => return Some(Reply::json(&aggregated(|group| !group.is_empty()))),
            _ => {}
        }
        if let Some((namespace, pod, container, previous)) = asked.log() {
            return Some(self.answer_log(asked, namespace, pod, container, previous));
        }
        let at = At::read(&asked.path)?;
        if let Some(pod) = at.name.filter(|_| at.rest.contains(&"proxy")) {
            let pod = pod.trim_start_matches("https:").split(':').next().unwrap_or_default();
            let refused =
                || Reply::status(503, "ServiceUnavailable", "dial tcp 10.0.0.1:9090: connect: connection refused");
            return Some(self.metrics.get(pod).map_or_else(refused, |text| Reply::text(text.as_str())));
        }
        let fits = |object: &&Value| at.namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace);
        let of_kind =
            || self.objects.iter().filter(|(plural, _)| *plural == at.plural).map(|(_, object)| object).filter(fits);
        let reply = match at.name {
            Some(name) => match of_kind().find(|object| object["metadata"]["name"] == name) {
                Some(object) => Reply::json(object),
                None => Reply::status(404, "NotFound", &format!("{} \"{name}\" not found", at.plural)),
            },
            None => {
                let chosen = of_kind().filter(|object| selects(asked, object)).cloned().collect();
                Reply::json(&list(asked, at.plural, chosen))
            }
        };
        Some(reply)
    }

    fn answer_log(&self, asked: &Asked, namespace: &str, pod: &str, container: &str, previous: bool) -> Reply {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned(), previous);
        match self.logs.get(&key) {
            Some(text) => {
                let limit = asked.parameter("limitBytes").parse().unwrap_or(usize::MAX);
                Reply::text(&text[..text.len().min(limit)])
            }
            None if previous => Reply::status(
                400,
                "BadRequest",
                &format!("previous terminated container \"{container}\" in pod \"{pod}\" not found"),
            ),
            None => Reply::status(
                400,
                "BadRequest",
                &format!("container \"{container}\" in pod \"{pod}\" is waiting to start: ContainerCreating"),
            ),
        }
    }
}

/// A path of the API, taken apart.
struct At<'a> {
    namespace: Option<&'a str>,
    plural: &'a str,
    name: Option<&'a str>,
    rest: Vec<&'a str>,
}

impl<'a> At<'a> {
    fn read(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let parts = match parts[..] {
            ["api", _, ref rest @ ..] | ["apis", _, _, ref rest @ ..] => rest,
            _ => return None,
        };
        let (namespace, parts) = match *parts {
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, parts),
        };
        let (plural, name) = (*parts.first()?, parts.get(1).copied());
        kind(plural).map(|_| Self { namespace, plural, name, rest: parts.iter().skip(2).copied().collect() })
    }
}

fn kind(plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.2 == plural)
}

/// Objects as a Table, as metadata or as they are, by what is asked for.
pub(crate) fn list(asked: &Asked, plural: &str, objects: Vec<Value>) -> Value {
    let accept = asked.header("accept");
    if accept.contains("as=PartialObjectMetadataList") {
        let items: Vec<_> = objects.iter().map(|object| json!({ "metadata": object["metadata"] })).collect();
        return json!({ "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": "7" }, "items": items });
    }
    if accept.contains("as=Table") {
        let columns = json!([
            { "name": "Name", "type": "string", "format": "name", "description": "", "priority": 0 },
            { "name": "Age", "type": "string", "format": "", "description": "", "priority": 0 },
        ]);
        let rows: Vec<_> = objects
            .iter()
            .map(|object| json!({ "cells": [object["metadata"]["name"], "5m"], "object": object }))
            .collect();
        return json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": "7" }, "columnDefinitions": columns, "rows": rows });
    }
    let kind = kind(plural).map_or("", |kind| kind.3);
    json!({ "kind": format!("{kind}List"), "apiVersion": "v1", "metadata": { "resourceVersion": "7" }, "items": objects })
}

/// The selectors that our profiles use: `a=b`, `a!=b`, `a in (b, c)` and fields by their path.
fn selects(asked: &Asked, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let label = asked.parameter("labelSelector");
    let by_label = if label.is_empty() {
        true
    } else if let Some((key, values)) = label.split_once(" in (") {
        values.trim_end_matches(')').split(", ").any(|value| labels[key] == value)
    } else if let Some((key, value)) = label.split_once("!=") {
        labels[key] != value
    } else {
        label.split(',').filter_map(|pair| pair.split_once('=')).all(|(key, value)| labels[key] == value)
    };
    let field = asked.parameter("fieldSelector");
    let by_field = field.split(',').filter_map(|pair| pair.split_once('=')).all(|(path, value)| {
        let found = path.split('.').fold(object, |within, key| &within[key]);
        *found == value
    });
    by_label && by_field
}

/// What is served, as aggregated discovery says it.
fn aggregated(wanted: impl Fn(&str) -> bool) -> Value {
    let mut groups: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for (group, version, plural, kind, namespaced) in KINDS.iter().filter(|kind| wanted(kind.0)) {
        groups.entry((group, version)).or_default().push(json!({
            "resource": plural, "responseKind": { "group": group, "version": version, "kind": kind },
            "scope": if *namespaced { "Namespaced" } else { "Cluster" }, "singularResource": kind.to_lowercase(),
            "verbs": ["get", "list"],
        }));
    }
    let item = |((group, version), resources): ((&str, &str), Vec<Value>)| json!({ "metadata": { "name": group }, "versions": [{ "version": version, "resources": resources, "freshness": "Current" }] });
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups.into_iter().map(item).collect::<Vec<_>>() })
}

/// The same, as a server before 1.27 says it: paths and their answers.
pub(crate) fn legacy() -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    let mut groups = BTreeMap::new();
    for (group, version, plural, kind, namespaced) in KINDS {
        let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let full = path.trim_start_matches("/apis/").trim_start_matches("/api/").to_owned();
        let list = documents.entry(path).or_insert_with(
            || json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": full, "resources": [] }),
        );
        let resource = json!({ "name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"] });
        if let Some(resources) = list["resources"].as_array_mut() {
            resources.push(resource);
            resources.push(json!({ "name": format!("{plural}/status"), "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get"] }));
        }
        if !group.is_empty() {
            let version = json!({ "groupVersion": full, "version": version });
            groups.insert(group, json!({ "name": group, "versions": [version], "preferredVersion": version }));
        }
    }
    let groups: Vec<_> = groups.into_values().collect();
    documents.insert("/apis".to_owned(), json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }));
    documents.insert(
        "/api".to_owned(),
        json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
    );
    documents
}

/// A server's pod, running since before the window.
pub(crate) fn pod(namespace: &str, name: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("uid-{name}"),
            "labels": { "app.kubernetes.io/name": "spirl-server" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "spirl-server-7f9c", "uid": "uid-spirl-server-7f9c", "controller": true }],
        },
        "spec": { "nodeName": "node-a", "containers": [{ "name": "server", "image": "example.org/spirl-server:1" }] },
        "status": {
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [{
                "name": "server", "ready": true, "restartCount": 0, "image": "example.org/spirl-server:1", "imageID": "",
                "state": { "running": { "startedAt": "2024-03-05T10:00:00Z" } }, "lastState": {},
            }],
        },
    })
}

/// A server's metrics.
pub(crate) fn metrics(trust_domain: &str) -> String {
    format!(
        "# TYPE spirl_application_info gauge\n\
         spirl_application_info{{spirl_trust_domain=\"{trust_domain}\",spirl_trust_domain_deployment=\"one\"}} 1\n"
    )
}
