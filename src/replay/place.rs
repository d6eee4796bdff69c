//! Owns where objects are in the API: resource and namespace, and the paths that name them.

/// A resource, in a namespace or over the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
    pub(super) plural: String,
}

impl Place {
    pub(super) fn new(group: &str, version: &str, namespace: Option<&str>, plural: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.map(str::to_owned),
            plural: plural.to_owned(),
        }
    }

    /// Reads the path of a request for a list, or for one object and its name.
    pub(super) fn read(path: &str) -> Option<(Self, Option<&str>)> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return None,
        };
        let (namespace, rest) = match *rest {
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, rest),
        };
        match *rest {
            [plural] => Some((Self::new(group, version, namespace, plural), None)),
            [plural, name] => {
                let name = path.rsplit('/').next().filter(|last| *last == name)?;
                Some((Self::new(group, version, namespace, plural), Some(name)))
            }
            _ => None,
        }
    }

    /// As kubectl names it: `deployments.apps`.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// As errors name it: `pods of namespace a`.
    pub(super) fn words(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} of namespace {namespace}", self.resource()),
            None => format!("{} over the cluster", self.resource()),
        }
    }

    /// As errors name an object of it: `pods/a`.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.resource())
    }

    /// The `apiVersion` of its objects.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}
