//! Owns what a pod's spec and status say about the logs and endpoints to request.

use super::{
    request::Request,
    requests::{LogFiles, LogTask, ScrapeTask, node_logs, pod_folder},
    resource::ANY,
    task::Preset,
    window::seconds_floor,
};
use crate::profile::{LogRules, Scrape, is_path};
use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::core::v1::{self as core, ContainerState, ContainerStateTerminated, ContainerStatus},
    apimachinery::pkg::apis::meta::v1::{OwnerReference, Time},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many of the last lines are collected of a run that ended before the window: they show why it ended.
const LAST_LINES: u32 = 2000;

/// The controllers that give each of their pods a unique name. Any other name may be used again.
const OWN_NAMES: &[&str] = &["ReplicaSet", "DaemonSet", "Job", "ReplicationController"];

/// A listed pod, reduced to what planning needs.
#[derive(Clone, Debug)]
pub struct Pod {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// The node it runs on, if it has one.
    pub node: Option<String>,
    /// Images of its containers.
    pub images: Vec<String>,
    uid: String,
    /// The UID that its node uses.
    node_uid: String,
    name_is_reused: bool,
    unhealthy: bool,
    started: Option<DateTime<Utc>>,
    containers: Vec<Container>,
    scrapes: Vec<(ScrapeTask, bool)>,
}

/// One of its containers whose logs the profile collects.
#[derive(Clone, Debug)]
pub struct Container {
    name: String,
    restarts: i32,
    state: State,
    last: Option<ContainerRun>,
}

/// One run of a container, as far as its status states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerRun {
    /// As the container's status states it.
    pub started: Option<DateTime<Utc>>,
    /// As the container's status states it; none while it runs.
    pub ended: Option<DateTime<Utc>>,
}

/// What a pod's status says about the runs of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The pod's namespace.
    pub namespace: String,
    /// `metadata.name`.
    pub pod: String,
    /// `metadata.uid`.
    pub uid: String,
    /// As in the pod's spec.
    pub container: String,
    /// As the pod's status states it.
    pub pod_started: Option<DateTime<Utc>>,
    /// How often the container was restarted.
    pub restarts: u32,
    /// Why it is waiting to run, if it is.
    pub waits: Option<String>,
    /// The run before the last start, if there was one.
    pub previous: Option<ContainerRun>,
    /// The run since the last start, unless it is waiting to start.
    pub current: Option<ContainerRun>,
}

impl Runs {
    /// What is known about a container whose pod is gone, from the remaining files of its log.
    #[must_use]
    pub fn of_orphaned(log: &LogTask) -> Self {
        Self {
            namespace: log.namespace.clone(),
            pod: log.pod.clone(),
            uid: log.uid.clone(),
            container: log.container.clone(),
            pod_started: None,
            restarts: 0,
            waits: None,
            previous: None,
            current: Some(ContainerRun::default()),
        }
    }
}

#[derive(Clone, Debug)]
enum State {
    Running(Option<DateTime<Utc>>),
    Ended(ContainerRun),
    Waiting(String),
    Unknown,
}

/// A pod without its managed fields, which are half of it and not needed here.
#[derive(Deserialize)]
struct Seen {
    metadata: Metadata,
    spec: core::PodSpec,
    status: Option<core::PodStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    #[serde(default)]
    uid: String,
    creation_timestamp: Option<Time>,
    owner_references: Option<Vec<OwnerReference>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Pod {
    /// Reads a pod, as the API server wrote it or redacted; `None` if it is not a pod.
    #[must_use]
    pub fn read(request: &Request, object: &serde_json::Value) -> Option<Self> {
        let Seen { metadata, spec, status } = Seen::deserialize(object).ok()?;
        let status = status.unwrap_or_default();
        let Metadata { namespace, name, uid, creation_timestamp: created, owner_references: owners, annotations } =
            metadata;
        let owners = owners.unwrap_or_default();
        let annotations = annotations.unwrap_or_default();
        let ready = status.conditions.iter().flatten().any(|held| held.type_ == "Ready" && held.status == "True");
        let restarted = status.container_statuses.iter().flatten().any(|container| container.restart_count > 0);
        let scrapes = &request.profile.scrapes;
        let scrapes = scrapes.iter().filter_map(|rule| endpoint(rule, &namespace, &name, &spec, &annotations));
        Some(Self {
            scrapes: scrapes.collect(),
            namespace,
            name,
            node_uid: node_uid(&uid, &annotations).to_owned(),
            uid,
            name_is_reused: !owners.iter().any(|owner| OWN_NAMES.contains(&owner.kind.as_str())),
            unhealthy: !ready || restarted,
            started: status.start_time.as_ref().or(created.as_ref()).and_then(instant),
            images: images(&spec),
            containers: containers(&request.profile.logs, &spec, &status),
            node: spec.node_name.filter(|node| !node.is_empty()),
        })
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The UID that its node uses, which differs for a static pod.
    #[must_use]
    pub fn node_uid(&self) -> &str {
        &self.node_uid
    }

    fn is_unhealthy(&self) -> bool {
        self.unhealthy
    }

    /// Its containers whose logs the profile collects.
    #[must_use]
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// What its status says about its containers whose logs are collected.
    pub fn runs(&self) -> impl Iterator<Item = Runs> {
        self.containers.iter().map(|container| {
            let restarts = u32::try_from(container.restarts).unwrap_or_default();
            let waits = match &container.state {
                State::Waiting(reason) => Some(reason.clone()),
                _ => None,
            };
            Runs {
                namespace: self.namespace.clone(),
                pod: self.name.clone(),
                uid: self.uid.clone(),
                container: container.name.clone(),
                pod_started: self.started,
                restarts,
                waits,
                previous: container.last.or((restarts > 0).then(ContainerRun::default)),
                current: container.state.run(),
            }
        })
    }

    /// Its metrics endpoints, each with whether the profile requires it.
    #[must_use]
    pub fn scrapes(&self) -> &[(ScrapeTask, bool)] {
        &self.scrapes
    }

    /// A pod for which everything may be requested, on any node: the rights for it are those for every pod of the
    /// namespace.
    #[must_use]
    pub fn any(request: &Request, namespace: &str) -> Self {
        let last = Some(ContainerRun::default());
        let containers = vec![Container { name: ANY.to_owned(), restarts: 1, state: State::Unknown, last }];
        let scrape = |rule: &Scrape| (scrape_of(rule, namespace, ANY, rule.port, rule.path.clone()), rule.required);
        Self {
            namespace: namespace.to_owned(),
            name: ANY.to_owned(),
            node: Some(ANY.to_owned()),
            images: Vec::new(),
            uid: ANY.to_owned(),
            node_uid: ANY.to_owned(),
            name_is_reused: true,
            unhealthy: false,
            started: None,
            containers,
            scrapes: request.profile.scrapes.iter().map(scrape).collect(),
        }
    }

    /// The log of the run before the last restart.
    #[must_use]
    pub fn previous_log(&self, container: &Container, request: &Request) -> (LogTask, Option<Preset>) {
        let log = self.log(container, true, container.last, request);
        let never = container.restarts == 0 && container.last.is_none();
        (log, never.then(|| Preset::Absent("the container was not restarted".to_owned())))
    }

    /// The log of the container that runs now, or that ran last and was not restarted.
    #[must_use]
    pub fn current_log(&self, container: &Container, request: &Request) -> (LogTask, Option<Preset>) {
        let run = container.state.run();
        // A container that waits to be restarted answers for "current" with the log of its last run:
        // https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/kubelet_pods.go (validateContainerLogStatus).
        let preset = match &container.state {
            State::Waiting(reason) if container.last.is_some() => Some(Preset::Absent(format!(
                "the container is not running ({reason}); the log of its last run is the previous log"
            ))),
            _ => None,
        };
        (self.log(container, false, run, request), preset)
    }

    fn log(&self, container: &Container, previous: bool, run: Option<ContainerRun>, request: &Request) -> LogTask {
        let window = &request.window;
        let ended = run.and_then(|run| run.ended);
        let over_before = ended.is_some_and(|ended| ended < window.start);
        LogTask {
            namespace: self.namespace.clone(),
            pod: self.name.clone(),
            uid: self.uid.clone(),
            name_is_reused: self.name_is_reused,
            container: container.name.clone(),
            previous,
            past: false,
            node: self.node.clone(),
            started: run.and_then(|run| run.started),
            ended,
            since: (!over_before).then(|| seconds_floor(window.start)),
            tail: over_before.then_some(LAST_LINES),
            // The last lines of a run that ended before the window are in its newest file.
            files: self.files(container, previous).filter(|_| request.rotated_logs && !over_before),
        }
    }

    /// Where the node keeps the files of a container's log, and which of them to read.
    fn files(&self, container: &Container, previous: bool) -> Option<LogFiles> {
        let node = self.node.as_deref()?;
        let Self { namespace, name, node_uid, .. } = self;
        let folder = format!("{}{}/{}/", node_logs(node), pod_folder(namespace, name, node_uid), container.name);
        let restarts = u32::try_from(container.restarts).ok()?;
        // A container that is waiting to be restarted is counted when it restarts.
        let waits = matches!(container.state, State::Waiting(_));
        let (from_run, to_run) = match previous {
            true => (0, Some(if waits { restarts } else { restarts.checked_sub(1)? })),
            false => (restarts, None),
        };
        Some(LogFiles { folder, from_run, to_run, is_over: previous })
    }
}

/// The listed pods that the profile collects, unhealthy ones first.
#[must_use]
pub fn taken(request: &Request, mut pods: Vec<Pod>) -> Vec<Pod> {
    let limit = request.profile.select.limit.map_or(usize::MAX, |limit| limit as usize);
    if pods.len() > limit {
        // Stable, so that among equals the order of the list decides.
        pods.sort_by_key(|pod| !pod.is_unhealthy());
        pods.truncate(limit);
    }
    pods
}

/// A static pod, which existed on its node before it did in the API, has another UID there.
fn node_uid<'a>(uid: &'a str, annotations: &'a BTreeMap<String, String>) -> &'a str {
    let hash = annotations.get("kubernetes.io/config.hash").map(String::as_str);
    // Anybody who can annotate a pod chooses this text, so only a hash may enter a path.
    let is_hash = |hash: &&str| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.filter(is_hash).unwrap_or(uid)
}

fn images(spec: &core::PodSpec) -> Vec<String> {
    let own = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
        .filter_map(|container| container.image.clone());
    own.chain(spec.ephemeral_containers.iter().flatten().filter_map(|container| container.image.clone())).collect()
}

fn containers(rules: &LogRules, spec: &core::PodSpec, status: &core::PodStatus) -> Vec<Container> {
    let read = |name: &str, statuses: &Option<Vec<ContainerStatus>>| {
        let status = statuses.iter().flatten().find(|status| status.name == name);
        let ended = |state: &Option<ContainerState>| state.as_ref()?.terminated.as_ref().map(ContainerRun::from);
        Container {
            name: name.to_owned(),
            restarts: status.map_or(0, |status| status.restart_count),
            state: status.and_then(|status| status.state.as_ref()).map_or(State::Unknown, State::from),
            last: status.and_then(|status| ended(&status.last_state)),
        }
    };
    let mut containers = Vec::new();
    for container in spec.init_containers.iter().flatten().filter(|_| rules.init_containers) {
        containers.push(read(&container.name, &status.init_container_statuses));
    }
    for container in &spec.containers {
        containers.push(read(&container.name, &status.container_statuses));
    }
    for container in spec.ephemeral_containers.iter().flatten().filter(|_| rules.ephemeral_containers) {
        containers.push(read(&container.name, &status.ephemeral_container_statuses));
    }
    containers
}

/// The endpoint of a rule in a pod; none if the rule names a container that the pod does not have.
fn endpoint(
    rule: &Scrape,
    namespace: &str,
    pod: &str,
    spec: &core::PodSpec,
    annotations: &BTreeMap<String, String>,
) -> Option<(ScrapeTask, bool)> {
    let has = |name: &String| spec.containers.iter().any(|container| container.name == *name);
    if !rule.container.as_ref().is_none_or(has) {
        return None;
    }
    let annotated = |names: &[String]| names.iter().find_map(|name| annotations.get(name)).cloned();
    let by_annotation = || annotated(&rule.port_annotations).and_then(|port| port.parse().ok());
    let by_name = || {
        let ports = || spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
        let named = |name: &String| ports().find(|port| port.name.as_ref() == Some(name));
        rule.port_names.iter().find_map(named).and_then(|port| u16::try_from(port.container_port).ok())
    };
    // Whoever can annotate a pod must not choose what is requested with this user's rights.
    let path = annotated(&rule.path_annotations).filter(|path| is_path(path));
    let port = by_annotation().or_else(by_name).unwrap_or(rule.port);
    let path = path.unwrap_or_else(|| rule.path.clone());
    Some((scrape_of(rule, namespace, pod, port, path), rule.required))
}

fn scrape_of(rule: &Scrape, namespace: &str, pod: &str, port: u16, path: String) -> ScrapeTask {
    let (namespace, pod, scheme) = (namespace.to_owned(), pod.to_owned(), rule.scheme.as_str());
    ScrapeTask { name: rule.name.clone(), namespace, pod, scheme, port, path, not_before: None }
}

impl State {
    /// The run since the last start, unless the container is waiting to start.
    fn run(&self) -> Option<ContainerRun> {
        match self {
            Self::Running(started) => Some(ContainerRun { started: *started, ended: None }),
            Self::Ended(run) => Some(*run),
            Self::Waiting(_) => None,
            Self::Unknown => Some(ContainerRun::default()),
        }
    }
}

impl From<&ContainerStateTerminated> for ContainerRun {
    fn from(run: &ContainerStateTerminated) -> Self {
        Self { started: run.started_at.as_ref().and_then(instant), ended: run.finished_at.as_ref().and_then(instant) }
    }
}

impl From<&ContainerState> for State {
    fn from(state: &ContainerState) -> Self {
        match state {
            ContainerState { running: Some(running), .. } => {
                Self::Running(running.started_at.as_ref().and_then(instant))
            }
            ContainerState { terminated: Some(ended), .. } => Self::Ended(ended.into()),
            ContainerState { waiting: Some(waiting), .. } => {
                Self::Waiting(waiting.reason.clone().unwrap_or_else(|| "waiting".to_owned()))
            }
            _ => Self::Unknown,
        }
    }
}

fn instant(time: &Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.0.as_second(), u32::try_from(time.0.subsec_nanosecond()).ok()?)
}
