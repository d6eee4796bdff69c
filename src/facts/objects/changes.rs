//! Owns what changed lately, as objects themselves tell it: when they were made, by whom they were last changed, and
//! what became of nodes. What Kubernetes does all the time is no change.

use super::read::{deleted, items, text, time};
use crate::{bundle::facts::Change, plan::Resource};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// How far back a change is one of the last day.
pub const CHANGED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Kubernetes' own, whose work goes on all the time.
const OWN_MANAGERS: &[&str] =
    &["cloud-controller-manager", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"];
/// Renewed all the time, or made by what is looked at itself.
const CHURN: &[&str] = &[
    "componentstatuses",
    "controllerrevisions",
    "endpoints",
    "endpointslices",
    "events",
    "jobs",
    "leases",
    "replicasets",
    "resourceslices",
];
/// What pods are configured with, and allowed to.
const CONFIGURATION: &[&str] = &["configmaps", "limitranges", "networkpolicies", "resourcequotas", "serviceaccounts"];
/// Most managers of an object that are looked at.
const MOST_MANAGERS: usize = 50;
/// What was changed within this time of being made is a part of that.
const MAKING: TimeDelta = TimeDelta::seconds(2);

/// What is told of one object: its resource, whether it is a custom one of the workload's, since when changes are
/// looked for, the cluster, and its file.
pub(super) struct Told<'a> {
    pub(super) resource: &'a Resource,
    pub(super) is_custom: bool,
    pub(super) since: DateTime<Utc>,
    pub(super) cluster: &'a str,
    pub(super) entry: &'a str,
}

impl Told<'_> {
    /// The changes of an object.
    pub(super) fn of(&self, object: &Value) -> Vec<Change> {
        let metadata = &object["metadata"];
        let name = named(self.resource, &text(&metadata["namespace"]), &text(&metadata["name"]));
        let mut changes = Vec::new();
        let mut push = |kind: &str, at: Option<DateTime<Utc>>, what: String, by: Option<String>| {
            if let Some(at) = at.filter(|at| *at >= self.since) {
                let (cluster, object, entry) = (self.cluster.to_owned(), name.clone(), Some(self.entry.to_owned()));
                changes.push(Change { at, cluster, kind: kind.to_owned(), object, what, by, entry });
            }
        };
        let mut add = |at, what, by| push(self.kind(), at, what, by);
        let plural = self.resource.plural.as_str();
        if CHURN.contains(&plural) || self.resource.group == "metrics.k8s.io" {
            return Vec::new();
        }
        // A lock is renewed all the time.
        if metadata["annotations"]["control-plane.alpha.kubernetes.io/leader"].is_string() {
            return Vec::new();
        }
        add(deleted(metadata), "is being deleted".to_owned(), None);
        let made = time(&metadata["creationTimestamp"]);
        if self.resource.is("", "pods") {
            add(made, "was made".to_owned(), None);
            return changes;
        }
        let managers = managers(metadata);
        let maker = managers.iter().filter(|(_, at)| made.is_some_and(|made| **at <= made + MAKING));
        let maker = maker.min_by_key(|(_, at)| **at).map(|((manager, _), _)| manager.clone());
        let is_own = |manager: &str| OWN_MANAGERS.contains(&manager);
        // Every namespace has this one, and it does not say by whom.
        let is_default = plural == "serviceaccounts" && metadata["name"] == "default" && managers.is_empty();
        if !is_default && !maker.as_deref().is_some_and(is_own) || plural == "nodes" {
            add(made, "was made".to_owned(), maker);
        }
        if plural == "nodes" {
            for condition in items(&object["status"]["conditions"]).take(MOST_MANAGERS) {
                let word = |key: &str| text(&condition[key]);
                let what = format!("{} became {}: {}", word("type"), word("status"), word("reason"));
                let at = time(&condition["lastTransitionTime"]);
                add(at.filter(|at| made.is_none_or(|made| *at > made + MAKING)), what, None);
            }
        }
        // The servers themselves write these.
        if self.is_custom {
            return changes;
        }
        for ((manager, has_scaled), at) in managers {
            if !is_own(&manager) && made.is_none_or(|made| at > made + MAKING) {
                let (kind, what) = if has_scaled { ("scale", "was scaled") } else { (self.kind(), "was changed") };
                push(kind, Some(at), what.to_owned(), Some(manager));
            }
        }
        changes
    }

    fn kind(&self) -> &'static str {
        match self.resource.plural.as_str() {
            "nodes" => "node",
            plural if CONFIGURATION.contains(&plural) => "config",
            _ => "object",
        }
    }
}

/// When each manager last changed an object itself, and not its status; when it scaled it is told apart.
fn managers(metadata: &Value) -> BTreeMap<(String, bool), DateTime<Utc>> {
    let mut managers = BTreeMap::new();
    for entry in items(&metadata["managedFields"]).take(MOST_MANAGERS).filter(|entry| entry["subresource"] != "status")
    {
        let Some(at) = time(&entry["time"]) else { continue };
        let latest = managers.entry((text(&entry["manager"]), entry["subresource"] == "scale")).or_insert(at);
        *latest = at.max(*latest);
    }
    managers
}

/// How a change names its object: `deployments.apps tdd-x/server`, `nodes node-a`.
pub(super) fn named(resource: &Resource, namespace: &str, name: &str) -> String {
    let within = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    format!("{resource} {within}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(resource: &str, object: &Value) -> Vec<String> {
        let resource = Resource::named(resource);
        let since = "2026-11-21T16:00:00Z".parse().expect("a time");
        let is_custom = resource.group == "data.spirl.com";
        let told = Told { resource: &resource, is_custom, since, cluster: "prod", entry: "a.yaml" };
        let mut changes = told.of(object);
        changes.sort_by_key(|change| change.at);
        let line = |Change { at, kind, object, what, by, .. }: Change| {
            format!("{} {kind} {object} {what} by {}", at.format("%H:%M:%S"), by.unwrap_or_default())
        };
        changes.into_iter().map(line).collect()
    }

    fn managed(manager: &str, at: &str, subresource: Option<&str>) -> Value {
        json!({ "manager": manager, "operation": "Update", "time": at, "subresource": subresource })
    }

    #[test]
    fn a_deployment_is_told_by_who_changed_it_and_its_controller_is_not() {
        let deployment = json!({ "metadata": {
            "namespace": "tdd-one", "name": "server", "creationTimestamp": "2026-10-01T00:00:00Z",
            "managedFields": [
                managed("helm", "2026-11-20T00:00:00Z", None),
                managed("kubectl-edit", "2026-11-22T14:00:00Z", None),
                managed("kubectl-edit", "2026-11-22T15:00:00Z", None),
                managed("kube-controller-manager", "2026-11-22T15:30:00Z", None),
                managed("anything", "2026-11-22T15:40:00Z", Some("status")),
                managed("kubectl", "2026-11-22T13:00:00Z", Some("scale")),
            ],
        } });
        assert_eq!(
            told("deployments.apps", &deployment),
            [
                "13:00:00 scale deployments.apps tdd-one/server was scaled by kubectl",
                "15:00:00 object deployments.apps tdd-one/server was changed by kubectl-edit"
            ]
        );
    }

    #[test]
    fn what_is_made_is_told_once_and_what_kubernetes_makes_for_every_namespace_never() {
        let made = |manager: &str| {
            json!({ "metadata": {
                "namespace": "tdd-one", "name": "config", "creationTimestamp": "2026-11-22T15:00:00Z",
                "managedFields": [managed(manager, "2026-11-22T15:00:00Z", None)],
            } })
        };
        assert_eq!(told("configmaps", &made("helm")), ["15:00:00 config configmaps tdd-one/config was made by helm"]);
        assert_eq!(told("configmaps", &made("kube-controller-manager")), [""; 0]);
        let mut default = made("helm");
        default["metadata"]["name"] = "default".into();
        assert_eq!(told("serviceaccounts", &default).len(), 1);
        default["metadata"]["managedFields"] = Value::Null;
        assert_eq!(told("serviceaccounts", &default), [""; 0]);
        let mut lock = made("helm");
        lock["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"] = "{}".into();
        assert_eq!(told("configmaps", &lock), [""; 0]);
        for churn in ["leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "events", "pods.metrics.k8s.io"]
        {
            assert_eq!(told(churn, &made("anyone")), [""; 0]);
        }
    }

    #[test]
    fn of_pods_that_they_were_made_and_deleted_and_of_custom_resources_that_they_were_made() {
        let object = json!({ "metadata": {
            "namespace": "tdd-one", "name": "a", "creationTimestamp": "2026-11-22T15:00:00Z",
            "deletionTimestamp": "2026-11-22T15:30:00Z",
            "managedFields": [managed("spirl-server", "2026-11-22T15:20:00Z", None)],
        } });
        assert_eq!(
            told("pods", &object),
            ["15:00:00 object pods tdd-one/a was made by ", "15:30:00 object pods tdd-one/a is being deleted by "]
        );
        assert_eq!(told("serverconfigs.data.spirl.com", &object).len(), 2);
    }

    #[test]
    fn a_node_is_told_by_its_conditions_and_who_cordoned_it() {
        let node = json!({
            "metadata": {
                "name": "node-a", "creationTimestamp": "2026-10-01T00:00:00Z",
                "managedFields": [
                    managed("kubelet", "2026-11-22T15:59:00Z", None),
                    managed("kubectl-cordon", "2026-11-22T15:10:00Z", None),
                ],
            },
            "status": { "conditions": [
                { "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": "2026-11-22T15:20:00Z" },
                { "type": "DiskPressure", "status": "False", "reason": "KubeletHasNoDiskPressure", "lastTransitionTime": "2026-10-01T00:00:00Z" },
            ] },
        });
        assert_eq!(
            told("nodes", &node),
            [
                "15:10:00 node nodes node-a was changed by kubectl-cordon",
                "15:20:00 node nodes node-a Ready became Unknown: NodeStatusUnknown by "
            ]
        );
    }
}
