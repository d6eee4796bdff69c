//! Owns discovery: which resources an API server serves. Two requests with aggregated discovery, or one for each group
//! from servers before 1.27. A group that fails does not affect the others; if the list of groups fails, the kinds that
//! every Kubernetes serves are still known.

use super::{client::Kubernetes, well_known::well_known};
use crate::{
    plan::{Resource, UnknownGroup},
    source::SourceError,
};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIGroupList, APIResourceList};
use kube::core::discovery::v2::{ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscovery, APIGroupDiscoveryList};
use serde_json::Value;

/// A discovery document as the API server sent it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its path, such as `/apis`.
    pub path: String,
    /// The JSON of the answer.
    pub body: Value,
}

/// The resources that an API server serves.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// Every resource, in its group's preferred version.
    pub resources: Vec<Resource>,
    /// Groups whose resources are unknown, because their server did not answer.
    pub failed: Vec<UnknownGroup>,
    /// The documents that this was read from.
    pub documents: Vec<Document>,
}

impl Discovery {
    /// The resource with this plural name in this group.
    #[must_use]
    pub fn find(&self, group: &str, plural: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.group == group && resource.plural == plural)
    }

    fn add(&mut self, resource: Resource) {
        if self.find(&resource.group, &resource.plural).is_none() {
            self.resources.push(resource);
        }
    }
}

impl Kubernetes {
    /// Reads the discovery documents of the API server. A document that is refused, or that is something else, is among
    /// the failures, and the resources that every Kubernetes serves stand in for it.
    ///
    /// # Errors
    /// If the API server cannot be reached, or does not accept the user.
    pub async fn discover(&self) -> Result<Discovery, SourceError> {
        let (core, groups) = tokio::join!(
            self.get_json::<Value>("/api", ACCEPT_AGGREGATED_DISCOVERY_V2),
            self.get_json::<Value>("/apis", ACCEPT_AGGREGATED_DISCOVERY_V2),
        );
        let mut discovery = Discovery::default();
        for (root, answer) in [("/api", core), ("/apis", groups)] {
            let read = match answer {
                Ok(body) => self.read(&mut discovery, root, body).await,
                Err(error) => Err(error),
            };
            match read {
                Ok(()) => {}
                Err(error) if error.is_of_one_answer() => {
                    let served = well_known().into_iter().filter(|resource| resource.root() == root);
                    served.for_each(|resource| discovery.add(resource));
                    discovery.failed.push(UnknownGroup { group_version: root.to_owned(), causes: error.causes() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(discovery)
    }

    /// Reads the document of a root, and what it leads to.
    async fn read(&self, discovery: &mut Discovery, root: &str, body: Value) -> Result<(), SourceError> {
        match body["kind"].as_str() {
            Some("APIGroupDiscoveryList") => {
                let list: APIGroupDiscoveryList = serde_json::from_value(body.clone()).map_err(SourceError::Parse)?;
                list.items.into_iter().for_each(|group| aggregated(discovery, group));
            }
            Some("APIVersions" | "APIGroupList") => self.group_by_group(discovery, root, &body).await?,
            _ => return Err(SourceError::other_body("a list of API groups", body.to_string().as_bytes())),
        }
        discovery.documents.push(Document { path: root.to_owned(), body });
        Ok(())
    }

    /// One request for each group, for servers without aggregated discovery.
    async fn group_by_group(&self, discovery: &mut Discovery, path: &str, body: &Value) -> Result<(), SourceError> {
        let preferred: Vec<String> = if path == "/api" {
            body["versions"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(1)
                .map(str::to_owned)
                .collect()
        } else {
            let list: APIGroupList = serde_json::from_value(body.clone()).map_err(SourceError::Parse)?;
            let version = |group: APIGroup| {
                group.preferred_version.or(group.versions.into_iter().next()).map(|version| version.group_version)
            };
            list.groups.into_iter().filter_map(version).collect()
        };
        let answers = stream::iter(preferred).map(|group_version| async move {
            let path = format!("{path}/{group_version}");
            let answer = self.get_json::<Value>(&path, "application/json").await;
            (group_version, path, answer)
        });
        let mut answers = answers.buffered(8);
        while let Some((group_version, path, answer)) = answers.next().await {
            match answer.and_then(|body| {
                let list = serde_json::from_value::<APIResourceList>(body.clone()).map_err(SourceError::Parse)?;
                Ok((list, body))
            }) {
                Ok((list, body)) => {
                    let (group, version) = group_version.split_once('/').unwrap_or(("", &group_version));
                    for resource in list.resources.into_iter().filter(|resource| !resource.name.contains('/')) {
                        discovery.add(Resource {
                            group: group.to_owned(),
                            version: version.to_owned(),
                            plural: resource.name,
                            kind: resource.kind,
                            namespaced: resource.namespaced,
                            verbs: resource.verbs,
                        });
                    }
                    discovery.documents.push(Document { path, body });
                }
                Err(stopped @ SourceError::Stopped(_)) => return Err(stopped),
                Err(error) => {
                    discovery.failed.push(UnknownGroup { group_version, causes: error.causes() });
                }
            }
        }
        Ok(())
    }
}

fn aggregated(discovery: &mut Discovery, group: APIGroupDiscovery) {
    let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
    // Versions are sorted by preference, so the first version of a resource counts.
    for version in group.versions {
        let number = version.version.unwrap_or_default();
        if version.freshness.as_deref() == Some("Stale") {
            let cause = "the API server could not reach the server of this group recently".to_owned();
            discovery.failed.push(UnknownGroup { group_version: format!("{name}/{number}"), causes: vec![cause] });
        }
        for resource in version.resources {
            let Some(plural) = resource.resource else { continue };
            discovery.add(Resource {
                group: name.clone(),
                version: number.clone(),
                plural,
                kind: resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default(),
                namespaced: resource.scope.as_deref() != Some("Cluster"),
                verbs: resource.verbs,
            });
        }
    }
}
