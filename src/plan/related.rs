//! Owns which objects of a shared namespace belong to the workload's pods.
//!
//! They are found from names, labels and references alone; the objects' contents are not kept. What cannot be tied to
//! the workload is left out, because it belongs to somebody else.

use super::resource::{Resource, Right};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known about a shared namespace when the relations are worked out: each list as it was received, and empty if
/// listing was refused.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// Pods, whole.
    pub pods: Vec<Value>,
    /// Replica sets; their metadata suffices.
    pub replica_sets: Vec<Value>,
    /// Jobs; their metadata suffices.
    pub jobs: Vec<Value>,
    /// Services, whole.
    pub services: Vec<Value>,
}

/// The names by which objects of a shared namespace are recognised as the workload's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Related {
    pods: BTreeSet<String>,
    labels: Vec<BTreeMap<String, String>>,
    /// UIDs of the pods and of all their owners, up to the top.
    uids: BTreeSet<String>,
    /// Names of those owners.
    owners: BTreeSet<String>,
    /// Names of the owners that create pods themselves and name them after themselves, and whether they number them.
    makers: BTreeSet<(String, bool)>,
    config_maps: BTreeSet<String>,
    claims: BTreeSet<String>,
    accounts: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Neighbours {
    /// The rights that it takes to list them.
    pub fn rights(namespace: &str) -> impl Iterator<Item = Right> {
        let listed = [("", "pods"), ("apps", "replicasets"), ("batch", "jobs"), ("", "services")];
        listed.into_iter().map(move |(group, resource)| Right::within(Some(namespace), "list", group, resource))
    }
}

impl Related {
    /// Works out the relations of the `selected` pods: their owners up to the top, every pod under
    /// those, and what these pods refer to.
    #[must_use]
    pub fn of(selected: &BTreeSet<String>, neighbours: &Neighbours) -> Self {
        let mut related = Self::default();
        let between: Vec<&Value> = neighbours.replica_sets.iter().chain(&neighbours.jobs).collect();
        let parents = |object| parents(object, &between);
        let is_selected = |pod: &&Value| selected.contains(name(pod));
        for owner in neighbours.pods.iter().filter(is_selected).flat_map(parents) {
            related.uids.insert(owner.0.to_owned());
            related.owners.insert(owner.1.to_owned());
        }
        // Under the same top there may be pods that no label selects: those of an earlier rollout.
        for pod in &neighbours.pods {
            let kin = parents(pod);
            if selected.contains(name(pod)) || kin.iter().any(|owner| related.uids.contains(owner.0)) {
                related.uids.extend(kin.iter().map(|owner| owner.0.to_owned()));
                related.owners.extend(kin.iter().map(|owner| owner.1.to_owned()));
                related.add_pod(pod);
            }
        }
        // A replica set of an earlier rollout no longer has a pod, but created some.
        let is_of_ours = |set: &&Value| owners(set).any(|owner| related.uids.contains(owner.0));
        let earlier = neighbours.replica_sets.iter().filter(is_of_ours).map(|set| (name(set).to_owned(), false));
        let earlier: Vec<_> = earlier.collect();
        related.makers.extend(earlier);
        for service in &neighbours.services {
            let selector = &service["spec"]["selector"];
            if selector.as_object().is_some_and(|pairs| !pairs.is_empty())
                && related.selects(&serde_json::json!({ "matchLabels": selector }))
            {
                related.services.insert(name(service).to_owned());
            }
        }
        related
    }

    /// Whether an object is the workload's.
    #[must_use]
    pub fn holds(&self, resource: &Resource, object: &Value) -> bool {
        let spec = &object["spec"];
        let own_name = name(object);
        match resource.plural.as_str() {
            "pods" => self.pods.contains(own_name),
            "events" => self.is_about_us(object),
            "services" => self.services.contains(own_name),
            "endpointslices" => {
                let service = object["metadata"]["labels"]["kubernetes.io/service-name"].as_str();
                service.is_some_and(|service| self.services.contains(service))
            }
            "horizontalpodautoscalers" => {
                spec["scaleTargetRef"]["name"].as_str().is_some_and(|target| self.owners.contains(target))
            }
            "poddisruptionbudgets" => self.selects(&spec["selector"]),
            "networkpolicies" => self.selects(&spec["podSelector"]),
            "configmaps" => self.config_maps.contains(own_name),
            "persistentvolumeclaims" => self.claims.contains(own_name),
            "serviceaccounts" => self.accounts.contains(own_name),
            "ingresses" => self.services.iter().any(|service| names_backend(spec, service)),
            "leases" => {
                let holder = spec["holderIdentity"].as_str().unwrap_or_default();
                self.pods.iter().any(|pod| holder.contains(pod.as_str()))
            }
            // These bind every pod of the namespace, ours too.
            "resourcequotas" | "limitranges" => true,
            _ if resource.group == "apps" || resource.group == "batch" => {
                self.uids.contains(uid(object)) || owners(object).any(|owner| self.uids.contains(owner.0))
            }
            // A group that the profile names belongs to the workload.
            _ => true,
        }
    }

    /// Whether a pod of this name is the workload's.
    #[must_use]
    pub fn has_pod(&self, name: &str) -> bool {
        self.pods.contains(name)
    }

    fn add_pod(&mut self, pod: &Value) {
        self.pods.insert(name(pod).to_owned());
        self.uids.insert(uid(pod).to_owned());
        let kind = |owner: &Value| Some((owner["name"].as_str()?.to_owned(), owner["kind"] == "StatefulSet"));
        self.makers.extend(array(&pod["metadata"]["ownerReferences"]).filter_map(kind));
        let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
        self.labels.push(labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect());
        let spec = &pod["spec"];
        self.accounts.extend(spec["serviceAccountName"].as_str().map(str::to_owned));
        for volume in array(&spec["volumes"]) {
            self.config_maps.extend(volume["configMap"]["name"].as_str().map(str::to_owned));
            let projected = array(&volume["projected"]["sources"]);
            self.config_maps
                .extend(projected.filter_map(|source| source["configMap"]["name"].as_str()).map(str::to_owned));
            self.claims.extend(volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned));
        }
        for container in array(&spec["containers"]).chain(array(&spec["initContainers"])) {
            let whole = array(&container["envFrom"]).filter_map(|from| from["configMapRef"]["name"].as_str());
            let single =
                array(&container["env"]).filter_map(|env| env["valueFrom"]["configMapKeyRef"]["name"].as_str());
            self.config_maps.extend(whole.chain(single).map(str::to_owned));
        }
    }

    /// By UID, by name, or by the name that a replica set or similar gave to a pod that is gone.
    fn is_about_us(&self, event: &Value) -> bool {
        let about = if event["involvedObject"].is_object() { &event["involvedObject"] } else { &event["regarding"] };
        let (uid, name) = (about["uid"].as_str().unwrap_or_default(), about["name"].as_str().unwrap_or_default());
        let is_ours = self.uids.contains(uid) || self.pods.contains(name);
        if about["kind"] == "Pod" {
            return is_ours || self.makers.iter().any(|(maker, numbers)| made(maker, *numbers, name));
        }
        is_ours || self.owners.contains(name) || self.services.contains(name)
    }

    fn selects(&self, selector: &Value) -> bool {
        let selector = serde_json::from_value::<LabelSelector>(selector.clone()).ok();
        let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
        selector.is_some_and(|selector| self.labels.iter().any(|labels| selector.matches(labels)))
    }
}

/// Owners and their owners: a replica set or a job stands between a pod and its top.
fn parents<'a>(object: &'a Value, between: &[&'a Value]) -> Vec<(&'a str, &'a str)> {
    let above = owners(object).filter_map(|owner| between.iter().find(|held| uid(held) == owner.0).copied());
    owners(object).chain(above.flat_map(owners)).collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn owners(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    array(&object["metadata"]["ownerReferences"])
        .filter_map(|owner| Some((owner["uid"].as_str()?, owner["name"].as_str()?)))
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether this owner gives its pods such names: its own and a number, or five characters, of which none makes a word:
/// <https://github.com/kubernetes/apimachinery/blob/v0.34.4/pkg/util/rand/rand.go> (alphanums).
fn made(maker: &str, numbers: bool, pod: &str) -> bool {
    let Some(part) = pod.strip_prefix(maker).and_then(|rest| rest.strip_prefix('-')) else { return false };
    match numbers {
        true => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
        false => part.len() == 5 && part.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)),
    }
}

fn names_backend(spec: &Value, service: &str) -> bool {
    let is = |backend: &Value| backend["service"]["name"] == service;
    let rules = array(&spec["rules"]).flat_map(|rule| array(&rule["http"]["paths"]));
    is(&spec["defaultBackend"]) || rules.into_iter().any(|path| is(&path["backend"]))
}
