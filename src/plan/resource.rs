//! Owns what can be requested from an API server: resources, and the paths and rights of requests for them.

use std::fmt;

/// Groups whose resources every Kubernetes serves; these are named by the plural alone, as kubectl prints them.
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
    /// As objects state it, such as `Pod`.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What may be done with it.
    pub verbs: Vec<String>,
}

impl Resource {
    /// A resource that no server has stated.
    #[must_use]
    pub fn unserved(group: &str, plural: &str) -> Self {
        Self { group: group.to_owned(), plural: plural.to_owned(), ..unknown() }
    }

    /// A cluster-scoped resource that is known without discovery.
    #[must_use]
    pub fn of_cluster(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        let (version, kind) = (version.to_owned(), kind.to_owned());
        Self { version, kind, namespaced: false, ..Self::unserved(group, plural) }
    }

    /// A resource of which only kubectl's full name is known, `deployments.apps`.
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

    /// The path of its collection, in one namespace or in the whole cluster.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let within = match namespace {
            Some(namespace) if self.namespaced => format!("/namespaces/{namespace}"),
            _ => String::new(),
        };
        format!("{}/{}{within}/{}", self.root(), self.api_version(), self.plural)
    }

    /// The path that discovery of its group begins with.
    #[must_use]
    pub fn root(&self) -> &'static str {
        if self.group.is_empty() { "/api" } else { "/apis" }
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

/// Stands for any name when roles are worked out: no Kubernetes object can have this name.
pub const ANY: &str = "*";

/// One right, as a line of a Role or ClusterRole would grant it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To objects.
    Resource {
        /// Namespace that it is needed in; none for the whole cluster.
        namespace: Option<String>,
        /// API group; empty for the core group.
        group: String,
        /// Plural, with its subresource: `pods/log`.
        resource: String,
        /// `get` or `list`.
        verb: &'static str,
        /// The only object it is needed for, where there is one.
        name: Option<String>,
    },
    /// To `get` a path of the API server that is not a resource.
    Path(String),
}

impl Right {
    /// To a resource of a group in the whole cluster.
    #[must_use]
    pub fn new(verb: &'static str, group: &str, resource: &str) -> Self {
        Self::within(None, verb, group, resource)
    }

    /// The same in one namespace, or in the whole cluster.
    #[must_use]
    pub fn within(namespace: Option<&str>, verb: &'static str, group: &str, resource: &str) -> Self {
        let namespace = namespace.map(str::to_owned);
        Self::Resource { namespace, group: group.to_owned(), resource: resource.to_owned(), verb, name: None }
    }

    /// The same to one object alone; [`ANY`] stands for each of them.
    #[must_use]
    pub fn named(mut self, of: &str) -> Self {
        if let Self::Resource { name, .. } = &mut self {
            *name = (of != ANY).then(|| of.to_owned());
        }
        self
    }

    /// To read the files of the nodes.
    #[must_use]
    pub fn of_node_files() -> Self {
        Self::new("get", "", "nodes/proxy")
    }

    /// To send requests to a service, by the API server's name for its port.
    #[must_use]
    pub fn of_service(namespace: &str, name: &str) -> Self {
        Self::within(Some(namespace), "get", "", "services/proxy").named(name)
    }

    /// The namespace that it is needed in; none for the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Resource { namespace, .. } => namespace.as_deref(),
            Self::Path(_) => None,
        }
    }

    /// What to do if it is missing.
    #[must_use]
    pub fn needed(&self) -> String {
        let flag = match self {
            _ if *self == Self::of_node_files() => " --rotated-logs".to_owned(),
            Self::Resource { namespace: Some(namespace), resource, name: Some(name), .. }
                if resource == "services/proxy" =>
            {
                format!(" --prometheus {namespace}/{name}")
            }
            // A user who may query only a named service does not need this list.
            Self::Resource { namespace: None, resource, .. } if resource == "services" => {
                return format!("needs {self}");
            }
            _ => String::new(),
        };
        format!("needs {self}; `kubectl-escalate rbac{flag}` prints the role")
    }
}

/// As in "needs `get pods/log` in namespace x".
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, group, resource, verb, name) = match self {
            Self::Path(path) => return write!(f, "get the path {path}"),
            Self::Resource { namespace, group, resource, verb, name } => (namespace, group, resource, verb, name),
        };
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if let Some(name) = name {
            write!(f, " \"{name}\"")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => write!(f, " in the whole cluster"),
        }
    }
}

/// A group whose resources the server could not state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGroup {
    /// Group and version, as in `metrics.k8s.io/v1beta1`; `/api` or `/apis` if the groups themselves are unknown.
    pub group_version: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
}

impl UnknownGroup {
    /// Whether `group` is this one, or among these.
    #[must_use]
    pub fn has(&self, group: &str) -> bool {
        match self.group_version.rsplit_once('/') {
            Some(("", "apis")) => !group.is_empty(),
            Some(("", _)) | None => group.is_empty(),
            Some((known, _)) => known == group,
        }
    }
}

/// A resource that no server has stated.
fn unknown() -> Resource {
    Resource {
        group: String::new(),
        version: String::new(),
        plural: String::new(),
        kind: String::new(),
        namespaced: true,
        verbs: Vec::new(),
    }
}
