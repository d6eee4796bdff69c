//! What can be asked of an API server: resources, and the paths and rights their requests need.

use std::fmt;

/// Groups whose resources every Kubernetes serves; theirs go by the plural alone, as kubectl
/// prints them.
const BUILT_IN: &[&str] = &[
    "",
    "apps",
    "autoscaling",
    "batch",
    "policy",
    "apiextensions.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// One kind of object that a server serves, in the version it prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group.
    pub version: String,
    /// Plural name, as in a path.
    pub plural: String,
    /// Kind.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What may be done with it.
    pub verbs: Vec<String>,
}

impl Resource {
    /// One of which no more than kubectl's full name is known, `deployments.apps`.
    #[must_use]
    pub fn named(full: &str) -> Self {
        let (plural, group) = full.split_once('.').unwrap_or((full, ""));
        Self { group: group.to_owned(), plural: plural.to_owned(), ..unknown() }
    }

    /// Whether this is `plural` of `group`.
    #[must_use]
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// The name of its folder and table in a bundle: `deployments`, `pods.metrics.k8s.io`.
    #[must_use]
    pub fn short(&self) -> String {
        if BUILT_IN.contains(&self.group.as_str()) { self.plural.clone() } else { self.to_string() }
    }

    /// `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of its collection, in one namespace or over the cluster.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let within = match namespace {
            Some(namespace) if self.namespaced => format!("/namespaces/{namespace}"),
            _ => String::new(),
        };
        format!("{root}/{}{within}/{}", self.api_version(), self.plural)
    }
}

/// kubectl's full name: `pods`, `deployments.apps`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// One right, as a line of a Role or ClusterRole would grant it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Namespace that it is needed in; none for the whole cluster.
    pub namespace: Option<String>,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural, with its subresource: `pods/log`.
    pub resource: String,
    /// `get` or `list`.
    pub verb: &'static str,
    /// The only object it is needed for, where there is one.
    pub name: Option<String>,
}

impl Right {
    /// To read the files of the nodes.
    #[must_use]
    pub fn of_node_files() -> Self {
        let resource = "nodes/proxy".to_owned();
        Self { namespace: None, group: String::new(), resource, verb: "get", name: None }
    }

    /// To ask what is behind a service, by the API server's name for its port.
    #[must_use]
    pub fn of_service(namespace: &str, name: String) -> Self {
        let (namespace, resource) = (Some(namespace.to_owned()), "services/proxy".to_owned());
        Self { namespace, group: String::new(), resource, verb: "get", name: Some(name) }
    }

    /// What to do about its being refused.
    #[must_use]
    pub fn needed(&self) -> String {
        let flag = match (&self.namespace, &self.name) {
            _ if *self == Self::of_node_files() => " --rotated-logs".to_owned(),
            (Some(namespace), Some(name)) if self.resource == "services/proxy" => {
                format!(" --prometheus {namespace}/{name}")
            }
            _ => String::new(),
        };
        // Whoever may ask only what is named needs no such list.
        if self.resource == "services" && self.namespace.is_none() {
            return format!("needs {self}");
        }
        format!("needs {self}; `kubectl-escalate rbac{flag}` prints the role")
    }
}

/// As in "needs `get pods/log` in namespace x".
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => write!(f, " over the cluster"),
        }
    }
}

/// A group of which the server could not say what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGroup {
    /// Group and version, as in `metrics.k8s.io/v1beta1`.
    pub group_version: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
}

/// A resource that no server told us of.
pub(super) fn unknown() -> Resource {
    Resource {
        group: String::new(),
        version: String::new(),
        plural: String::new(),
        kind: String::new(),
        namespaced: true,
        verbs: Vec::new(),
    }
}

/// A resource known without discovery.
pub(super) fn cluster_scoped(group: &str, version: &str, plural: &str, kind: &str) -> Resource {
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        kind: kind.to_owned(),
        namespaced: false,
        verbs: Vec::new(),
    }
}
