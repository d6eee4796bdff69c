//! Owns recent changes that objects record themselves: their creation, the managers of their fields, and the conditions of
//! nodes. What Kubernetes does all the time is no change.

use super::read::{deleted, items, text, time};
use crate::{bundle::facts::Change, plan::Resource};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// Changes are facts if they are at most this old.
pub const CHANGED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Kubernetes' own managers, which change objects all the time.
const OWN_MANAGERS: &[&str] =
    &["cloud-controller-manager", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"];
/// Resources that are renewed all the time, or made by other objects in the facts.
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
/// Resources that configure pods, or limit what they may do.
const CONFIGURATION: &[&str] = &["configmaps", "limitranges", "networkpolicies", "resourcequotas", "serviceaccounts"];
/// Most managers of an object that are looked at.
const MOST_MANAGERS: usize = 50;
/// A change within this time after the creation belongs to the creation.
const MAKING: TimeDelta = TimeDelta::seconds(2);

/// Reads the changes of one object.
pub(super) struct ChangeReader<'a> {
    pub(super) resource: &'a Resource,
    /// Whether it is a custom resource of the workload, which the servers themselves change.
    pub(super) is_custom: bool,
    /// The earliest change that is a fact.
    pub(super) since: DateTime<Utc>,
    pub(super) cluster: &'a str,
    /// Path of the object's file.
    pub(super) entry: &'a str,
}

impl ChangeReader<'_> {
    /// The changes of an object.
    pub(super) fn read(&self, object: &Value) -> Vec<Change> {
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
        // A lock for leader election.
        if metadata["annotations"]["control-plane.alpha.kubernetes.io/leader"].is_string() {
            return Vec::new();
        }
        add(deleted(metadata), "is being deleted".to_owned(), None);
        let made = time(&metadata["creationTimestamp"]);
        if self.resource.is("", "pods") {
            add(made, "was created".to_owned(), None);
            return changes;
        }
        let managers = managers(metadata);
        let maker = managers.iter().filter(|(_, at)| made.is_some_and(|made| **at <= made + MAKING));
        let maker = maker.min_by_key(|(_, at)| **at).map(|((manager, _), _)| manager.clone());
        let is_own = |manager: &str| OWN_MANAGERS.contains(&manager);
        // Kubernetes makes this one in every namespace, without a manager.
        let is_default = plural == "serviceaccounts" && metadata["name"] == "default" && managers.is_empty();
        if !is_default && !maker.as_deref().is_some_and(is_own) || plural == "nodes" {
            add(made, "was created".to_owned(), maker);
        }
        if plural == "nodes" {
            for condition in items(&object["status"]["conditions"]).take(MOST_MANAGERS) {
                let word = |key: &str| text(&condition[key]);
                let what = format!("{} became {}: {}", word("type"), word("status"), word("reason"));
                let at = time(&condition["lastTransitionTime"]);
                add(at.filter(|at| made.is_none_or(|made| *at > made + MAKING)), what, None);
            }
        }
        // The servers themselves change these.
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

/// When each manager last changed an object; changes of the status are left out, and scalings are apart.
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

    fn changes(resource: &str, object: &Value) -> Vec<String> {
        let resource = Resource::named(resource);
        let since = "2026-11-21T16:00:00Z".parse().expect("a time");
        let is_custom = resource.group == "data.spirl.com";
        let reader = ChangeReader { resource: &resource, is_custom, since, cluster: "prod", entry: "a.yaml" };
        let mut changes = reader.read(object);
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
            changes("deployments.apps", &deployment),
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
        assert_eq!(
            changes("configmaps", &made("helm")),
            ["15:00:00 config configmaps tdd-one/config was created by helm"]
        );
        assert_eq!(changes("configmaps", &made("kube-controller-manager")), [""; 0]);
        let mut default = made("helm");
        default["metadata"]["name"] = "default".into();
        assert_eq!(changes("serviceaccounts", &default).len(), 1);
        default["metadata"]["managedFields"] = Value::Null;
        assert_eq!(changes("serviceaccounts", &default), [""; 0]);
        let mut lock = made("helm");
        lock["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"] = "{}".into();
        assert_eq!(changes("configmaps", &lock), [""; 0]);
        for churn in ["leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "events", "pods.metrics.k8s.io"]
        {
            assert_eq!(changes(churn, &made("anyone")), [""; 0]);
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
            changes("pods", &object),
            ["15:00:00 object pods tdd-one/a was created by ", "15:30:00 object pods tdd-one/a is being deleted by "]
        );
        assert_eq!(changes("serverconfigs.data.spirl.com", &object).len(), 2);
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
            changes("nodes", &node),
            [
                "15:10:00 node nodes node-a was changed by kubectl-cordon",
                "15:20:00 node nodes node-a Ready became Unknown: NodeStatusUnknown by "
            ]
        );
    }
}
