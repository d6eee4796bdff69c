//! `rbac`: the least Role and ClusterRole for this profile, these flags and these namespaces,
//! generated from the plan.

use super::{collect, failure::Failure, terminal::Terminal};
use crate::{
    collect::Named,
    exit::Exit,
    pipeline::{Control, Places, Targets, connect_all, find},
    plan::{self, Ask, Place, Request, Right, Scope},
    source::{
        kubernetes::{Discovery, Kubernetes},
        prometheus::{self, Service},
    },
    yaml,
};
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

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
        let mut rights = rights(&request, &discovery, &namespaces, &targets);
        if let Some(named) = arguments.collect.metrics.service()? {
            rights.extend(of_prometheus(&connection.kubernetes, named).await);
        }
        manifests.extend(roles(&rights, &arguments.name, arguments.user.as_deref()));
    }
    let mut text = String::from(
        "# With these roles, `kubectl-escalate collect` can only read. Without the ClusterRole there is still a\n\
         # bundle, which lists the nodes and definitions as missing.\n",
    );
    if request.prometheus == Ask::Find && !request.profile.queries.is_empty() {
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

/// Every right that the plan for these namespaces may need. What pods will be there is not known,
/// so the rights of logs and scrapes are those of any pod.
fn rights(
    request: &Request,
    discovery: &Discovery,
    namespaces: &BTreeSet<String>,
    targets: &Targets,
) -> BTreeSet<Right> {
    let served = &discovery.resources;
    let scope = |namespace: &String| {
        (namespace.clone(), Scope { own: request.profile.owns_namespace(namespace), ..Scope::default() })
    };
    let place = Place { namespaces: namespaces.iter().map(scope).collect() };
    let mut rights: BTreeSet<Right> = plan::first(request, served, &discovery.failed, &place)
        .into_iter()
        .filter(|planned| planned.without.is_none())
        .flat_map(|planned| match place.is_wide() {
            // Lists over the cluster fall back to each namespace, which needs less.
            true => std::iter::once(planned.task.clone()).chain(plan::one_by_one(&planned.task, &place)).collect(),
            false => vec![planned.task],
        })
        .filter_map(|task| task.right())
        .filter(|right| {
            right.namespace.is_some()
                || !served.iter().any(|resource| resource.namespaced && resource.is(&right.group, &right.resource))
        })
        .collect();
    rights.extend(plan::rights_of_pods(request, served, namespaces));
    for (namespace, scope) in &place.namespaces {
        if !scope.own {
            rights.extend(plan::rights_of_neighbours(namespace));
        }
    }
    let mut over_cluster = |resource: &str| {
        let (group, resource) = (String::new(), resource.to_owned());
        rights.insert(Right { namespace: None, group, resource, verb: "list", name: None });
    };
    // Finding the servers without -n is a list over the cluster; -A looks for those without pods, too.
    if targets.places.namespaces.is_empty() {
        over_cluster("pods");
        if targets.places.all {
            over_cluster("namespaces");
        }
    }
    rights
}

/// To ask a Prometheus behind a service, and to find its port where that was not said.
async fn of_prometheus(kubernetes: &Kubernetes, named: Named) -> Vec<Right> {
    let Named { namespace, name, port } = named;
    let looked_up = port.is_none().then(|| Right {
        namespace: Some(namespace.clone()),
        group: String::new(),
        resource: "services".to_owned(),
        verb: "get",
        name: Some(name.clone()),
    });
    let (port, tls) = match port {
        Some(port) => port,
        // Whoever prints the roles may see it; who collects then asks for the same.
        None => prometheus::service_port(kubernetes, &namespace, &name)
            .await
            .ok()
            .flatten()
            .unwrap_or(prometheus::DEFAULT_PORT),
    };
    let service = Service { namespace, name, port, tls };
    let asked = Right::of_service(&service.namespace, service.proxy_name());
    [Some(asked), looked_up].into_iter().flatten().collect()
}

/// Rights as Roles, a ClusterRole, and their bindings.
fn roles(rights: &BTreeSet<Right>, name: &str, user: Option<&str>) -> Vec<Value> {
    let mut by_namespace: BTreeMap<Option<&String>, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        by_namespace.entry(right.namespace.as_ref()).or_default().push(right);
    }
    let mut manifests = Vec::new();
    for (namespace, rights) in by_namespace {
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = namespace.as_str().into();
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

/// Rules with all resources of a group and verb in one.
fn rules(rights: &[&Right]) -> Vec<Value> {
    let mut grouped: BTreeMap<(&str, &str, BTreeSet<&str>), BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        match &right.name {
            Some(name) => {
                names.entry((&right.group, &right.resource, right.verb)).or_default().insert(name);
            }
            None => {
                grouped.entry((&right.group, right.verb, BTreeSet::new())).or_default().insert(&right.resource);
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
    grouped.into_iter().map(rule).collect()
}
