//! Owns the requests for objects, logs and metrics endpoints: the data of those tasks that other rooms than their
//! collector use.

use super::resource::Resource;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// All objects of a resource, in one namespace or in the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTask {
    /// All its objects, as far as the selectors allow.
    pub resource: Resource,
    /// The namespace; none lists the whole cluster.
    pub namespace: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Whether to ask for metadata only.
    pub metadata_only: bool,
}

impl ListTask {
    /// All objects of a resource in the whole cluster.
    #[must_use]
    pub fn wide(resource: &Resource) -> Self {
        Self { resource: resource.clone(), namespace: None, labels: None, fields: None, metadata_only: false }
    }

    /// Those of a resource that a field selector chooses, in a namespace or in the whole cluster.
    #[must_use]
    pub fn chosen(resource: &Resource, namespace: Option<&str>, fields: String) -> Self {
        let namespace = namespace.map(str::to_owned);
        Self { namespace, fields: Some(fields), ..Self::wide(resource) }
    }

    /// Whether these are events, and not those of one object.
    #[must_use]
    pub fn is_of_events(&self) -> bool {
        self.resource.is("", "events") && self.fields.is_none()
    }

    /// The name of its table: that of the resource, and for a second list in the same namespace, what distinguishes it
    /// from the first, such as node events from pod events.
    #[must_use]
    pub fn table(&self) -> String {
        let short = self.resource.short();
        match &self.fields {
            Some(fields) => format!("{short}-{}", fields.rsplit('=').next().unwrap_or_default()),
            None => short,
        }
    }

    /// Whether these are the pods of a node, of which only what the node's description shows is kept.
    #[must_use]
    pub fn is_of_neighbours(&self) -> bool {
        self.resource.is("", "pods") && self.fields.is_some()
    }
}

/// One object by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetTask {
    /// The kind of the object.
    pub resource: Resource,
    /// The namespace, if the resource has namespaces.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// Whether to ask for metadata only.
    pub metadata_only: bool,
}

/// One container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTask {
    /// The pod's namespace.
    pub namespace: String,
    /// `metadata.name`.
    pub pod: String,
    /// Its UID when it was listed: a pod of the same name may take its place.
    pub uid: String,
    /// Whether its name can be given to another pod.
    pub name_is_reused: bool,
    /// As in the pod's spec.
    pub container: String,
    /// Whether this is the log of the run before the last restart.
    pub previous: bool,
    /// Whether this is the log of an even earlier run, which was followed while it lasted.
    pub past: bool,
    /// The node, if the pod has one.
    pub node: Option<String>,
    /// When the run that wrote this log started, if its status states it.
    pub started: Option<DateTime<Utc>>,
    /// As the container's status states it; none while it runs.
    pub ended: Option<DateTime<Utc>>,
    /// The start of the requested log, to the second; none requests the last `tail` lines.
    pub since: Option<DateTime<Utc>>,
    /// How many of the last lines are requested.
    pub tail: Option<u32>,
    /// Where its files are on the node, if all of them are to be read, not only the newest one.
    pub files: Option<LogFiles>,
}

/// The files of a container's log on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// The path of their folder, by way of the API server, with a slash at its end.
    pub folder: String,
    /// The first of the container's runs to read; runs count from 0.
    pub from_run: u32,
    /// The last of them; none to also read all that follow.
    pub to_run: Option<u32>,
    /// Whether the last of them was over, so that nothing more is written.
    pub is_over: bool,
}

/// The path of a node's folder of all its pods' logs, by way of the API server, with a slash at its end.
#[must_use]
pub fn node_logs(node: &str) -> String {
    format!("/api/v1/nodes/{node}/proxy/logs/pods/")
}

/// What a node calls a pod's folder in it.
#[must_use]
pub fn pod_folder(namespace: &str, pod: &str, uid: &str) -> String {
    format!("{namespace}_{pod}_{uid}")
}

impl LogTask {
    /// Whether its pod was deleted before it could be listed, and its node still has the files.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        !self.previous && !self.past && self.files.as_ref().is_some_and(|files| files.is_over)
    }
}

/// The logs that a node still has of pods that were deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanedLogsTask {
    /// The one that has the files.
    pub node: String,
    /// UIDs of the pods that exist, including those that only their nodes use, or that were followed.
    pub there: Arc<HashSet<String>>,
    /// Folders (`NAMESPACE_POD_UID`) of the workload's deleted pods, as events show. In a namespace that is the
    /// workload's own, every folder of a pod that does not exist counts.
    pub gone: Arc<BTreeSet<String>>,
}

/// One pod's metrics endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTask {
    /// The endpoint's name in the profile.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// `metadata.name`.
    pub pod: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The one that serves `/metrics`.
    pub port: u16,
    /// The path, with its leading slash.
    pub path: String,
    /// For the second of two scrapes, the earliest time at which it may be requested, by this machine's clock.
    pub not_before: Option<DateTime<Utc>>,
}
