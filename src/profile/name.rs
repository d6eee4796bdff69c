//! Owns the names that a profile writes, above all [`ResourceName`], which cannot name Secrets. So nothing that is
//! planned from a profile requests any.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::{fmt, str::FromStr};

/// A resource by kubectl's full name for it: the plural, then the group (none for the core group).
///
/// No value of this type names Secrets: [`ResourceName::new`] and parsing
/// both refuse them, so whatever is planned from one cannot ask for any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceName {
    plural: String,
    group: String,
}

impl ResourceName {
    /// Makes a name of its two parts. `group` is empty for the core group.
    ///
    /// # Errors
    /// When it names Secrets, has a wildcard, or is not a name that Kubernetes allows.
    pub fn new(plural: &str, group: &str) -> Result<ResourceName, NameError> {
        let whole = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        if whole.contains('*') {
            return Err(NameError::Wildcard(whole));
        }
        // By substring: `secrets`, `Secret`, and the kinds of add-ons that carry the values under another name.
        if plural.to_ascii_lowercase().contains("secret") {
            return Err(NameError::Secret(whole));
        }
        if !is_plural(plural) || !(group.is_empty() || is_subdomain(group)) {
            return Err(NameError::Form(whole));
        }
        Ok(ResourceName { plural: plural.to_owned(), group: group.to_owned() })
    }

    /// The plural name, as in a request's path: `deployments`.
    pub fn plural(&self) -> &str {
        &self.plural
    }

    /// The API group, empty for the core group: `apps`.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Whether this is `plural` of `group`.
    pub fn is(&self, plural: &str, group: &str) -> bool {
        self.plural == plural && self.group == group
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

impl FromStr for ResourceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ResourceName, NameError> {
        match text.split_once('.') {
            Some((_, "")) => Err(NameError::Form(text.to_owned())),
            Some((plural, group)) => ResourceName::new(plural, group),
            None => ResourceName::new(text, ""),
        }
    }
}

/// Why a text does not name a resource or a workload that may be collected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It names Secrets.
    #[error("`{0}` names Secrets, which are never collected; remove it")]
    Secret(String),
    /// It has a wildcard, which would include Secrets.
    #[error("`{0}` matches every resource, including Secrets; list each resource by its name")]
    Wildcard(String),
    /// It does not have kubectl's form, `PLURAL.GROUP`.
    #[error("`{0}` is not a resource name; write the plural and the group, for example `pods` or `deployments.apps`")]
    Form(String),
    /// It does not have the form `KIND/NAME`, or the kind is not one that can be selected.
    #[error("`{0}` is not a workload; write `deployment/NAME`, `daemonset/NAME` or `statefulset/NAME`")]
    Workload(String),
}

/// The kinds of workload that can be named in `select.workloads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `deployment`
    Deployment,
    /// `daemonset`
    DaemonSet,
    /// `statefulset`
    StatefulSet,
}

impl WorkloadKind {
    /// As a profile writes it: `daemonset`.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "deployment",
            WorkloadKind::DaemonSet => "daemonset",
            WorkloadKind::StatefulSet => "statefulset",
        }
    }

    /// As an owner reference writes it: `DaemonSet`.
    pub fn kind(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::DaemonSet => "DaemonSet",
            WorkloadKind::StatefulSet => "StatefulSet",
        }
    }

    /// The resource its objects are read from: `daemonsets.apps`.
    pub fn resource(self) -> ResourceName {
        let plural = format!("{}s", self.as_str());
        ResourceName { plural, group: "apps".to_owned() }
    }
}

/// A workload by kind and name, written `daemonset/spirl-agent`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadName {
    kind: WorkloadKind,
    name: String,
}

impl WorkloadName {
    /// The kind, as in `daemonset/`.
    pub fn kind(&self) -> WorkloadKind {
        self.kind
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl FromStr for WorkloadName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<WorkloadName, NameError> {
        let refused = || NameError::Workload(text.to_owned());
        let (kind, name) = text.split_once('/').ok_or_else(refused)?;
        let kind = match kind {
            "deployment" => WorkloadKind::Deployment,
            "daemonset" => WorkloadKind::DaemonSet,
            "statefulset" => WorkloadKind::StatefulSet,
            _ => return Err(refused()),
        };
        if !is_subdomain(name) {
            return Err(refused());
        }
        Ok(WorkloadName { kind, name: name.to_owned() })
    }
}

/// Reads `T` from a string. The error is raised inside the visitor, not after
/// it: only there does the YAML reader still know the line and the column.
struct FromText<T>(&'static str, std::marker::PhantomData<T>);

impl<T: FromStr<Err = NameError>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Gives a type written as one string its Serialize, Deserialize and JsonSchema.
macro_rules! written_as_text {
    ($type:ident, $expecting:literal, $pattern:literal, $description:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                deserializer.deserialize_str(FromText($expecting, std::marker::PhantomData))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

written_as_text!(
    ResourceName,
    "a resource such as `pods` or `deployments.apps`",
    r"^(?![^.]*secret)[a-z][a-z0-9-]*(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
    "A resource by kubectl's full name: the plural, then the group. Secrets are refused."
);
written_as_text!(
    WorkloadName,
    "a workload such as `daemonset/spirl-agent`",
    r"^(deployment|daemonset|statefulset)/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
    "A workload by kind and name, as in daemonset/spirl-agent."
);

/// Whether `text` may be a resource's plural in a request's path.
fn is_plural(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `text` is a DNS subdomain, as API groups and the names of most objects are.
#[must_use]
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// Whether `text` is one DNS label.
pub fn is_dns_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `text` is the path of an endpoint, which may have a query but no `..` part.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"#%\\".contains(&b))
        && !text.split(['/', '?']).any(|part| part == "..")
}

/// Whether `text` can name a metric.
pub(super) fn is_metric(text: &str) -> bool {
    is_metric_label(&text.replace(':', "_"))
}

/// Whether `text` can name a metric's label or an environment variable.
pub(super) fn is_metric_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether `text` can name any object, so that it is one segment of a request's path.
pub(super) fn is_object_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
}
