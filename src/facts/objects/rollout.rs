//! Owns what a rollout changed: the difference between a replica set's pod template and that of the revision before.

use super::read::{cut, items, text};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fmt::Write as _,
    hash::{Hash as _, Hasher as _},
};

/// Most containers of a template.
const MOST_CONTAINERS: usize = 20;
/// Most variables of a container that are compared.
const MOST_VARIABLES: usize = 200;
/// Most differences in a description.
const MOST_DIFFERENCES: usize = 12;

/// The part of a deployment's replica set that describes a rollout.
#[derive(Debug)]
pub(super) struct ReplicaSet {
    pub(super) cluster: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) entry: String,
    pub(super) created: DateTime<Utc>,
    /// Whether its creation is a recent change.
    pub(super) is_new: bool,
    owner: String,
    /// All its revisions: a rollback gives a set a new number.
    revisions: Vec<u64>,
    restarted: String,
    containers: BTreeMap<String, Container>,
}

/// A container of the template.
#[derive(Debug, PartialEq)]
struct Container {
    image: String,
    /// Hashes of the values, which are only compared.
    env: BTreeMap<String, u64>,
    /// Amounts by name, such as `limits memory`.
    resources: BTreeMap<String, String>,
}

impl ReplicaSet {
    /// Reads a replica set; `None` if no deployment owns it. Leaves `cluster` and `entry` empty.
    pub(super) fn read(set: &Value) -> Option<Self> {
        let metadata = &set["metadata"];
        let owner = items(&metadata["ownerReferences"]).find(|owner| owner["kind"] == "Deployment")?;
        let annotation = |name: &str| metadata["annotations"][name].as_str().unwrap_or_default();
        let history = annotation("deployment.kubernetes.io/revision-history").split(',').take(100);
        let revisions = [annotation("deployment.kubernetes.io/revision")].into_iter().chain(history);
        let template = &set["spec"]["template"];
        let containers = ["initContainers", "containers"].into_iter().flat_map(|of| items(&template["spec"][of]));
        Some(Self {
            cluster: String::new(),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            entry: String::new(),
            created: super::read::time(&metadata["creationTimestamp"])?,
            is_new: false,
            owner: text(&owner["uid"]),
            revisions: revisions.filter_map(|revision| revision.trim().parse().ok()).collect(),
            restarted: text(&template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]),
            containers: containers
                .take(MOST_CONTAINERS)
                .map(|held| (text(&held["name"]), Container::read(held)))
                .collect(),
        })
    }

    /// The revision for which it was created.
    fn revision(&self) -> Option<u64> {
        self.revisions.iter().min().copied()
    }

    /// What its rollout changed, in one line, compared with the other sets of its deployment.
    pub(super) fn description<'a>(&self, sets: impl Iterator<Item = &'a Self>) -> String {
        let revision = self.revision();
        let number = revision.map_or_else(|| "a revision".to_owned(), |revision| format!("revision {revision}"));
        let of_same = sets.filter(|other| {
            (&other.cluster, &other.namespace, &other.owner) == (&self.cluster, &self.namespace, &self.owner)
        });
        let earlier = of_same.flat_map(|other| other.revisions.iter().map(move |number| (*number, other)));
        let before = earlier.filter(|(number, _)| Some(*number) < revision).max_by_key(|(number, _)| *number);
        let Some((was, before)) = before else {
            let images: Vec<&str> = self.containers.values().map(|container| container.image.as_str()).collect();
            return cut(&format!("{number} was created, with {}", images.join(", ")));
        };
        let mut differences = self.differences(before);
        let more = differences.len().saturating_sub(MOST_DIFFERENCES);
        differences.truncate(MOST_DIFFERENCES);
        let mut text = format!("{number} replaced {was}: {}", differences.join("; "));
        if more > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "; and {more} more");
        }
        cut(&text)
    }

    fn differences(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, container) in &self.containers {
            match before.containers.get(name) {
                None => found.push(format!("container {name} is new, with {}", container.image)),
                Some(was) => container.differences(name, was, &mut found),
            }
        }
        let gone = before.containers.keys().filter(|name| !self.containers.contains_key(*name));
        found.extend(gone.map(|name| format!("container {name} is gone")));
        if found.is_empty() {
            let is_restart = self.restarted != before.restarted && !self.restarted.is_empty();
            found.push(if is_restart {
                "someone or something ran kubectl rollout restart, or the like".to_owned()
            } else {
                "neither images, variables nor resources differ".to_owned()
            });
        }
        found
    }
}

impl Container {
    fn read(container: &Value) -> Self {
        let hash = |value: &Value| {
            let mut hasher = DefaultHasher::new();
            value.to_string().hash(&mut hasher);
            hasher.finish()
        };
        let resources = ["requests", "limits"].into_iter().flat_map(|kind| {
            let amounts = container["resources"][kind].as_object().into_iter().flatten().take(16);
            amounts.map(move |(name, amount)| (format!("{kind} {}", cut(name)), text(amount)))
        });
        Self {
            image: text(&container["image"]),
            env: items(&container["env"]).take(MOST_VARIABLES).map(|held| (text(&held["name"]), hash(held))).collect(),
            resources: resources.collect(),
        }
    }

    fn differences(&self, name: &str, before: &Self, found: &mut Vec<String>) {
        if self.image != before.image {
            found.push(format!("image of {name}: {} → {}", before.image, self.image));
        }
        for (variable, value) in &self.env {
            match before.env.get(variable) {
                None => found.push(format!("variable {variable} of {name} is new")),
                Some(was) if was != value => found.push(format!("variable {variable} of {name} has another value")),
                Some(_) => {}
            }
        }
        let gone = before.env.keys().filter(|variable| !self.env.contains_key(*variable));
        found.extend(gone.map(|variable| format!("variable {variable} of {name} is gone")));
        let all: std::collections::BTreeSet<&String> = self.resources.keys().chain(before.resources.keys()).collect();
        for resource in all {
            let amount = |of: &Self| of.resources.get(resource).cloned().unwrap_or_else(|| "none".to_owned());
            let (was, is) = (amount(before), amount(self));
            if was != is {
                found.push(format!("{resource} of {name}: {was} → {is}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(name: &str, revision: &str, history: &str, container: Value, restarted: &str) -> ReplicaSet {
        let object = json!({
            "metadata": {
                "namespace": "tdd-one", "name": name, "creationTimestamp": "2026-11-22T15:00:00Z",
                "annotations": {
                    "deployment.kubernetes.io/revision": revision,
                    "deployment.kubernetes.io/revision-history": history,
                },
                "ownerReferences": [{ "kind": "Deployment", "name": "server", "uid": "uid-server" }],
            },
            "spec": { "template": {
                "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": restarted } },
                "spec": { "containers": [container] },
            } },
        });
        ReplicaSet::read(&object).expect("a deployment's set")
    }

    fn server(image: &str, env: Value, limits: Value) -> Value {
        json!({ "name": "server", "image": image, "env": env, "resources": { "limits": limits } })
    }

    #[test]
    fn a_rollout_tells_images_variables_and_resources_that_differ_and_no_value() {
        let env = |value: &str| json!([{ "name": "MODE", "value": value }, { "name": "OLD", "value": "x" }]);
        let was = set("a", "3", "", server("server:1", env("word-one"), json!({ "memory": "256Mi" })), "");
        let new = json!([{ "name": "MODE", "value": "word-two" }, { "name": "SPIRL_LOG_DEBUG", "value": "true" }]);
        let is = set("b", "4", "", server("server:2", new, json!({ "memory": "512Mi", "cpu": "1" })), "");
        let told = is.description([&was, &is].into_iter());
        assert_eq!(
            told,
            "revision 4 replaced 3: image of server: server:1 → server:2; variable MODE of server has \
             another value; variable SPIRL_LOG_DEBUG of server is new; variable OLD of server is gone; limits cpu of \
             server: none → 1; limits memory of server: 256Mi → 512Mi"
        );
        assert!(!told.contains("word-"));
    }

    #[test]
    fn the_set_before_is_the_one_that_had_the_revision_then() {
        // Rolled back from 3 to 2, which is 4 since.
        let one = set("a", "1", "", server("server:1", json!([]), json!({})), "");
        let two = set("b", "4", "2", server("server:2", json!([]), json!({})), "");
        let three = set("c", "3", "", server("server:3", json!([]), json!({})), "");
        let all = || [&one, &two, &three].into_iter();
        assert_eq!(three.description(all()), "revision 3 replaced 2: image of server: server:2 → server:3");
        assert_eq!(one.description(all()), "revision 1 was created, with server:1");
    }

    #[test]
    fn a_restart_says_only_what_the_annotation_shows() {
        const RESTARTED: &str = "revision 2 replaced 1: someone or something ran kubectl rollout restart, or the like";
        let container = || server("server:1", json!([]), json!({}));
        let (was, is) = (set("a", "1", "", container(), ""), set("b", "2", "", container(), "2026-11-22T15:00:00Z"));
        assert!(is.description([&was, &is].into_iter()).ends_with(RESTARTED));
        assert!(ReplicaSet::read(&json!({ "metadata": { "creationTimestamp": "2026-11-22T15:00:00Z" } })).is_none());
    }
}
