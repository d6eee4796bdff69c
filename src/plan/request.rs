//! Owns what a run collects, and where the workload is.

use super::{related::Related, resource::Resource, window::Window};
use crate::profile::Profile;
use std::collections::{BTreeMap, BTreeSet};

/// What this run collects, as far as planning needs it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What evidence the workload needs.
    pub profile: Profile,
    /// The time to collect it for.
    pub window: Window,
    /// Kinds left out: `logs`, `previous-logs`, `scrapes`, or a resource by kubectl's name.
    pub skip: BTreeSet<String>,
    /// Whether nodes are shown with all their images and pods, including those of other workloads.
    pub node_neighbours: bool,
    /// Whether logs are read from the nodes' files, including rotated ones.
    pub rotated_logs: bool,
    /// The trust domain, as the user gave it.
    pub trust_domain: Option<String>,
    /// The region, as the user gave it.
    pub region: Option<String>,
    /// Which Prometheus is queried.
    pub prometheus: PrometheusChoice,
    /// The user's own queries: a name and PromQL.
    pub queries: Vec<(String, String)>,
}

impl Request {
    /// How many queries the Prometheus of each cluster gets.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.profile.queries.len() + self.queries.len()
    }

    /// Whether `--skip` names this kind of evidence.
    #[must_use]
    pub fn skips(&self, kind: &str) -> bool {
        self.skip.contains(kind)
    }

    /// Whether `--skip` names this resource.
    #[must_use]
    pub fn skips_resource(&self, resource: &Resource) -> bool {
        self.skips(&resource.plural) || self.skips(&resource.to_string())
    }
}

/// Where the workload is, in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The namespaces, each with the names of the workload's pods in it.
    pub namespaces: BTreeMap<String, Scope>,
}

/// How much of a namespace is the workload's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whether the namespace is the workload's own. In any other, only what belongs to the
    /// workload's pods is collected.
    pub own: bool,
    /// Pods that the profile selects.
    pub pods: BTreeSet<String>,
    /// What belongs to them, in a namespace that is not their own.
    pub related: Related,
}

impl Scope {
    /// Whether an object of this namespace is collected.
    #[must_use]
    pub fn holds(&self, resource: &Resource, object: &serde_json::Value) -> bool {
        self.own || self.related.holds(resource, object)
    }
}

/// Above this many namespaces, one list of the whole cluster costs less than one for each.
const ONE_BY_ONE: usize = 4;

impl Place {
    /// Whether lists are requested for the whole cluster, and cut to the namespaces afterwards.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.namespaces.len() > ONE_BY_ONE
    }
}

/// Whether a Prometheus is queried, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PrometheusChoice {
    /// One that is found in the cluster.
    #[default]
    Find,
    /// That at an address, or behind a service.
    At(String),
    /// None.
    Nobody,
}
