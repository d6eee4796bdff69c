//! Owns `rbac`: the minimal Role and ClusterRole for this profile, these flags and these namespaces, generated from the
//! plan.

use super::{collect, failure::Failure, terminal::Terminal};
use crate::{
    collect::Named,
    collectors,
    exit::Exit,
    pipeline::{Control, Places, Targets, connect_all, find},
    plan::{
        ANY, Basis, DeletedPod, Evidence, Known, Neighbours, Place, Planned, Pod, PrometheusChoice, Request, Right,
        Role, Scope, Shown,
    },
    source::{
        kubernetes::{Discovery, Kubernetes},
        prometheus::{self, Service},
    },
    yaml,
};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

#[derive(Debug, Args)]
// Clap names a group after its type, and `collect` has one of the same name.
#[group(id = "rbac")]
pub(super) struct Arguments {
    #[command(flatten)]
    collect: collect::Arguments,
    /// Give the roles this name
    #[arg(long, value_name = "NAME", default_value = "kubectl-escalate")]
    name: String,
    /// Also print bindings for this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// The rights come from the plan of a cluster that answers, for its own resources; nothing is
/// collected from it.
pub(super) async fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let request = arguments.collect.evidence(chrono::Utc::now(), None)?;
    let control = Control::default();
    let targets = arguments.collect.connection.targets(Vec::new(), arguments.collect.cluster_streams.into());
    let asked = &targets.places;
    let mut manifests = Vec::new();
    for (context, connection) in connect_all(&targets, &control.stop()).await? {
        let connection = connection.map_err(Failure::no_bundle)?;
        let discovery = connection.kubernetes.discover().await;
        let discovery = discovery.map_err(|error| {
            Failure::no_bundle(format!(
                "the cluster of context \"{context}\" was not reached: {}",
                error.causes().join(": ")
            ))
        })?;
        let namespaces: BTreeSet<String> = if asked.namespaces.is_empty() {
            let places = Places { context: connection.namespace.clone(), ..asked.clone() };
            let found = find(&connection.kubernetes, &request.profile, &places).await;
            found.map_err(Failure::usage)?.place.namespaces.into_keys().collect()
        } else {
            asked.namespaces.iter().cloned().collect()
        };
        let mut rights = rights(request.clone(), &discovery, &namespaces, &targets);
        if let Some(named) = arguments.collect.metrics.service()? {
            rights.extend(of_prometheus(&connection.kubernetes, named).await);
        }
        manifests.extend(roles(&rights, &arguments.name, arguments.user.as_deref()));
    }
    let mut text = String::from(
        "# With these roles, `kubectl-escalate collect` can only read. Without the ClusterRole there is still a\n\
         # bundle, which lists the nodes and definitions as missing.\n",
    );
    if request.prometheus == PrometheusChoice::Find && !request.profile.queries.is_empty() {
        text.push_str(
            "# To query a Prometheus through the API server, add `--prometheus NAMESPACE/SERVICE`; by its URL, it needs\n\
             # no right.\n",
        );
    }
    for manifest in manifests {
        text.push_str("---\n");
        text.push_str(&yaml::object(&manifest));
    }
    terminal.print(&text);
    Ok(Exit::Complete)
}

/// Every right that the plan for these namespaces may need. The pods are not known in advance, so this is the plan for
/// any pod.
fn rights(
    request: Request,
    discovery: &Discovery,
    namespaces: &BTreeSet<String>,
    targets: &Targets,
) -> BTreeSet<Right> {
    // One pod stands for all of a namespace, so a limit would cut whole namespaces.
    let request = Request { profile: request.profile.without_limit(), ..request };
    let scope = |namespace: &String| {
        let own = request.profile.owns_namespace(namespace);
        (namespace.clone(), Scope { own, pods: [ANY.to_owned()].into(), ..Scope::default() })
    };
    let place = Place { namespaces: namespaces.iter().map(scope).collect() };
    let shared = place.namespaces.iter().filter(|(_, scope)| !scope.own);
    let mut rights: BTreeSet<Right> = shared.flat_map(|(namespace, _)| Neighbours::rights(namespace)).collect();
    // Without -n, finding the servers lists pods in the whole cluster; -A also finds deployments without pods.
    if targets.places.namespaces.is_empty() {
        rights.insert(Right::new("list", "", "pods"));
        if targets.places.all {
            rights.insert(Right::new("list", "", "namespaces"));
        }
    }
    let basis = Basis {
        // The rights to query a Prometheus are printed only if one is named.
        request: Arc::new(Request { prometheus: PrometheusChoice::Nobody, ..request }),
        served: Arc::new(discovery.resources.clone()),
        unknown: Arc::new(discovery.failed.clone()),
        place: Arc::new(place),
        scrape_gap: Duration::ZERO,
    };
    rights.extend(of_plan(&basis));
    rights
}

/// The rights of a plan's tasks, if each list of pods shows any pod.
fn of_plan(basis: &Basis) -> BTreeSet<Right> {
    let mut planner = collectors::planner(basis, HashSet::new());
    let mut rights = BTreeSet::new();
    let first = planner.start(DateTime::UNIX_EPOCH).into_iter().map(|planned| (planned, true));
    let mut open: VecDeque<_> = first.collect();
    while let Some((Planned { task, preset }, is_first)) = open.pop_front() {
        if preset.is_some() {
            continue;
        }
        let namespaces = &mut basis.place.namespaces.keys();
        // A list of the whole cluster is replaced by one for each namespace, which needs fewer rights.
        let is_refused = is_first && !task.by_namespace(namespaces).is_empty();
        if !is_refused {
            rights.extend(task.right());
            rights.extend(task.further_rights());
        }
        let pods = match (task.role(), task.namespace()) {
            (Role::Pods, Some(namespace)) => vec![Pod::any(&basis.request, namespace)],
            _ => Vec::new(),
        };
        let next = planner.on(&task, Shown { pods, is_refused, ..Shown::default() }, &AnyPod);
        open.extend(next.into_iter().map(|planned| (planned, false)));
    }
    rights
}

/// The evidence of any pod: nothing is known.
struct AnyPod;

impl Evidence for AnyPod {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn known(&self) -> Known {
        Known::default()
    }

    fn deleted(&self, _there: &HashSet<String>) -> Vec<DeletedPod> {
        Vec::new()
    }
}

/// The rights to query a Prometheus behind a service, and to find its port if none was given.
async fn of_prometheus(kubernetes: &Kubernetes, named: Named) -> Vec<Right> {
    let Named { namespace, name, port } = named;
    let looked_up = port.is_none().then(|| Right::within(Some(&namespace), "get", "", "services").named(&name));
    let (port, tls) = match port {
        Some(port) => port,
        // The user who prints the roles may read it; the user who collects then uses the same port.
        None => prometheus::service_port(kubernetes, &namespace, &name)
            .await
            .ok()
            .flatten()
            .unwrap_or(prometheus::DEFAULT_PORT),
    };
    let service = Service { namespace, name, port, tls };
    let asked = Right::of_service(&service.namespace, &service.proxy_name());
    [Some(asked), looked_up].into_iter().flatten().collect()
}

/// Rights as Roles, a ClusterRole, and their bindings.
fn roles(rights: &BTreeSet<Right>, name: &str, user: Option<&str>) -> Vec<Value> {
    let mut by_namespace: BTreeMap<Option<&str>, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        by_namespace.entry(right.namespace()).or_default().push(right);
    }
    let mut manifests = Vec::new();
    for (namespace, rights) in by_namespace {
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = namespace.into();
        }
        let api = "rbac.authorization.k8s.io";
        manifests.push(
            json!({ "apiVersion": format!("{api}/v1"), "kind": kind, "metadata": metadata, "rules": rules(&rights) }),
        );
        if let Some(user) = user {
            manifests.push(json!({
                "apiVersion": format!("{api}/v1"),
                "kind": format!("{kind}Binding"),
                "metadata": metadata,
                "roleRef": { "apiGroup": api, "kind": kind, "name": name },
                "subjects": [{ "apiGroup": api, "kind": "User", "name": user }],
            }));
        }
    }
    manifests
}

/// Rules with all resources of a group and verb in one, and all paths.
fn rules(rights: &[&Right]) -> Vec<Value> {
    let mut grouped: BTreeMap<(&str, &str, BTreeSet<&str>), BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for right in rights {
        match right {
            Right::Path(path) => {
                paths.insert(path);
            }
            Right::Resource { group, resource, verb, name: Some(name), .. } => {
                names.entry((group, resource, verb)).or_default().insert(name);
            }
            Right::Resource { group, resource, verb, name: None, .. } => {
                grouped.entry((group, verb, BTreeSet::new())).or_default().insert(resource);
            }
        }
    }
    for ((group, resource, verb), names) in names {
        grouped.entry((group, verb, names)).or_default().insert(resource);
    }
    let rule = |((group, verb, names), resources): ((&str, &str, BTreeSet<&str>), BTreeSet<&str>)| {
        let mut rule = json!({ "apiGroups": [group], "resources": resources, "verbs": [verb] });
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    };
    let mut rules: Vec<Value> = grouped.into_iter().map(rule).collect();
    if !paths.is_empty() {
        rules.push(json!({ "nonResourceURLs": paths, "verbs": ["get"] }));
    }
    rules
}
