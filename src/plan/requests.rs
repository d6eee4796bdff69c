//! Owns the requests for objects, logs and metrics endpoints: the data of those tasks that other rooms than their
//! collector use.

use super::resource::Resource;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// All objects of a resource, in one namespace or over the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTask {
    /// All its objects, as far as the selectors allow.
    pub resource: Resource,
    /// The namespace; none lists over the cluster.
    pub namespace: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Whether to ask for metadata only.
    pub metadata_only: bool,
}

impl ListTask {
    /// All objects of a resource over the cluster.
    #[must_use]
    pub fn wide(resource: &Resource) -> Self {
        Self { resource: resource.clone(), namespace: None, labels: None, fields: None, metadata_only: false }
    }

    /// Those of a resource that a field selector chooses, in a namespace or over the cluster.
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

    /// The name of its table: that of the resource, and what tells a second list of it in the same namespace from
    /// the first, node events from those of pods.
    #[must_use]
    pub fn table(&self) -> String {
        let short = self.resource.short();
        match &self.fields {
            Some(fields) => format!("{short}-{}", fields.rsplit('=').next().unwrap_or_default()),
            None => short,
        }
    }

    /// Whether these are the pods of a node, of whom only what the node's description shows is kept.
    #[must_use]
    pub fn is_of_neighbours(&self) -> bool {
        self.resource.is("", "pods") && self.fields.is_some()
    }
}

/// One object by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetTask {
    /// What the object is one of.
    pub resource: Resource,
    /// The namespace, for a resource that has them.
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
    /// Whether the log of the run before the last restart is meant.
    pub previous: bool,
    /// Whether that of a run before that one, which was followed while it went on.
    pub past: bool,
    /// The node, where the pod has one.
    pub node: Option<String>,
    /// When the run that wrote this log started, where its status says so.
    pub started: Option<DateTime<Utc>>,
    /// As the container's status states it; none while it runs.
    pub ended: Option<DateTime<Utc>>,
    /// The start of the log asked for, to the second; none asks for the last `tail` lines.
    pub since: Option<DateTime<Utc>>,
    /// How many of the last lines are asked for.
    pub tail: Option<u32>,
    /// Where its files are on the node, if these are to be read in place of the newest one alone.
    pub files: Option<LogFiles>,
}

/// The files of a container's log on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// The path of their folder, by way of the API server, with a slash at its end.
    pub folder: String,
    /// The first of the container's runs that are meant, which count from 0.
    pub from_run: u32,
    /// The last of them; none for those that follow, too.
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
    /// UIDs of the pods that are there, also those that only their nodes know them by, or were followed.
    pub there: Arc<HashSet<String>>,
    /// Folders (`NAMESPACE_POD_UID`) of the workload's that are gone, as events tell. In a namespace that is
    /// the workload's own, all that are not there are meant.
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
    /// Of the second of two, when it may be asked for at the earliest, by this machine's clock.
    pub not_before: Option<DateTime<Utc>>,
}
