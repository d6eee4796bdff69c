//! Owns where the workload is: found by its labels in the whole cluster; if that is forbidden, by the names of
//! namespaces; and otherwise in the context's own namespace.

use crate::{
    plan::{Neighbours, Place, Related, Scope},
    profile::{Profile, WorkloadName},
    source::kubernetes::{Kubernetes, Object, Row, Rows, SourceError},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which namespaces the user asked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `-n`, repeated.
    pub namespaces: Vec<String>,
    /// `-A`: every one that the profile matches.
    pub all: bool,
    /// `-l`, in place of the profile's labels.
    pub selector: Option<String>,
    /// The context's namespace.
    pub context: Option<String>,
}

/// The workload in one cluster.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its namespaces, and how much of each is the workload's.
    pub place: Place,
    /// How they were found, for the run's first lines.
    pub how: String,
    /// Namespaces that may not exist: this could not be checked.
    pub doubtful: Vec<String>,
}

/// Why the workload was not found.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The user's namespaces do not exist.
    #[error("there is no namespace {}; `kubectl get namespaces` lists the existing ones", .0.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" and no "))]
    NoNamespace(Vec<String>),
    /// More than one deployment was found, and none was chosen.
    #[error("{} deployments were found; choose one with -n, or take all with -A", .0.len())]
    Several(Vec<(String, usize)>),
    /// `-A`, and nothing that the profile matches.
    #[error("no namespace of this cluster matches the profile; name one with -n")]
    Nothing,
    /// The API server did not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Finds the workload. One answer that is refused, or that breaks, is never an error here: the workload is then searched
/// for in another way.
///
/// # Errors
/// When no namespace can be settled on, or the API server cannot be reached.
pub async fn find(kubernetes: &Kubernetes, profile: &Profile, places: &Places) -> Result<Found, PlaceError> {
    let mut doubtful = Vec::new();
    let (found, how) = if places.namespaces.is_empty() {
        search(kubernetes, profile, places).await?
    } else {
        doubtful = check(kubernetes, &places.namespaces).await?;
        (places.namespaces.iter().map(|name| (name.clone(), BTreeSet::new())).collect(), "as requested".to_owned())
    };
    let mut namespaces = BTreeMap::new();
    let scopes = found.into_iter().map(|(name, pods)| async move {
        let scope = scope(kubernetes, profile, places, &name, pods).await;
        (name, scope)
    });
    for (name, scope) in futures_util::future::join_all(scopes).await {
        namespaces.insert(name, scope?);
    }
    Ok(Found { place: Place { namespaces }, how, doubtful })
}

/// Namespaces that do not exist are the user's mistake; those that may not be read may exist.
async fn check(kubernetes: &Kubernetes, names: &[String]) -> Result<Vec<String>, PlaceError> {
    let (mut missing, mut doubtful) = (Vec::new(), Vec::new());
    for name in names {
        match kubernetes.get_json::<Value>(&format!("/api/v1/namespaces/{name}"), "application/json").await {
            Ok(_) => {}
            Err(SourceError::Status { code: 404, .. }) => missing.push(name.clone()),
            Err(error) if error.is_of_one_answer() => doubtful.push(name.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    if missing.is_empty() { Ok(doubtful) } else { Err(PlaceError::NoNamespace(missing)) }
}

/// Namespaces, each with the workload's pods where they were seen already.
type Searched = BTreeMap<String, BTreeSet<String>>;

async fn search(kubernetes: &Kubernetes, profile: &Profile, places: &Places) -> Result<(Searched, String), PlaceError> {
    let mut found = Searched::new();
    let mut how = String::new();
    let mut failed = None;
    for selector in selectors(profile, places) {
        match pods(kubernetes, None, Some(&selector)).await {
            Ok(pods) if !pods.is_empty() => {
                for pod in pods {
                    found.entry(pod.metadata.namespace).or_default().insert(pod.metadata.name);
                }
                how = format!("by label {selector}");
                break;
            }
            Ok(_) => {}
            Err(error) if error.is_of_one_answer() => failed = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    // All that match, because a deployment that is scaled to zero has no pod by which to find it.
    if found.is_empty() || places.all {
        let (named, may) = by_name(kubernetes, profile).await?;
        how = match (found.is_empty(), may) {
            (true, _) => "by the namespaces' names".to_owned(),
            (false, true) => format!("{how} and by the namespaces' names"),
            (false, false) => format!("{how}; namespaces may not be listed, so one without pods would not be found"),
        };
        named.into_iter().for_each(|name| {
            found.entry(name).or_default();
        });
    }
    if found.is_empty() && places.all {
        return Err(PlaceError::Nothing);
    }
    if found.is_empty() {
        let context = places.context.clone().unwrap_or_else(|| "default".to_owned());
        let why = match failed {
            None => "no server was found by label or name".to_owned(),
            Some(SourceError::Status { code: 403, .. }) => "listing pods in the whole cluster is forbidden".to_owned(),
            Some(error) => format!("listing pods in the whole cluster failed: {}", error.causes().join(": ")),
        };
        return Ok(([(context, BTreeSet::new())].into(), format!("the context's namespace, because {why}")));
    }
    if found.len() > 1 && !places.all && profile.select.namespaces.is_empty() {
        return Err(PlaceError::Several(found.into_iter().map(|(name, pods)| (name, pods.len())).collect()));
    }
    Ok((found, how))
}

/// The namespaces that the profile names, or whose names match its pattern, and whether namespaces could be listed.
async fn by_name(kubernetes: &Kubernetes, profile: &Profile) -> Result<(Vec<String>, bool), PlaceError> {
    let mut names = Held::<Named>::default();
    match kubernetes.list("/api/v1/namespaces", true, &mut names).await {
        Ok(_) => {
            let names = names.0.into_iter().map(|held| held.metadata.name);
            Ok((names.filter(|name| profile.owns_namespace(name)).collect(), true))
        }
        Err(error) if error.is_of_one_answer() => Ok((profile.select.namespaces.clone(), false)),
        Err(error) => Err(error.into()),
    }
}

fn selectors(profile: &Profile, places: &Places) -> Vec<String> {
    places.selector.clone().map_or_else(|| profile.select.labels.clone(), |selector| vec![selector])
}

/// The workload's pods in a namespace (those `seen` before, otherwise the selected ones), and, in a shared namespace,
/// what belongs to them.
async fn scope(
    kubernetes: &Kubernetes,
    profile: &Profile,
    places: &Places,
    namespace: &str,
    seen: BTreeSet<String>,
) -> Result<Scope, PlaceError> {
    let mut selected = seen;
    for selector in selectors(profile, places) {
        if !selected.is_empty() {
            break;
        }
        let pods = none_if_refused(pods(kubernetes, Some(namespace), Some(&selector)).await)?;
        selected = pods.into_iter().map(|pod| pod.metadata.name).collect();
    }
    if selected.is_empty() && places.selector.is_none() && !profile.select.workloads.is_empty() {
        let pods = none_if_refused(pods(kubernetes, Some(namespace), None).await)?;
        let ours = |pod: &Named| profile.select.workloads.iter().any(|workload| pod.is_of(workload));
        selected = pods.into_iter().filter(ours).map(|pod| pod.metadata.name).collect();
    }
    let own = profile.owns_namespace(namespace);
    let related = if own {
        Related::default()
    } else {
        let list = |plural: &'static str, group: &'static str| async move {
            let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
            let metadata_only = !group.is_empty();
            let path = format!("{root}/namespaces/{namespace}/{plural}");
            let mut objects = Held::<Value>::default();
            none_if_refused(kubernetes.list(&path, metadata_only, &mut objects).await.map(|_| objects.0))
        };
        let (pods, replica_sets, jobs, services) =
            tokio::join!(list("pods", ""), list("replicasets", "apps"), list("jobs", "batch"), list("services", ""));
        let neighbours = Neighbours { pods: pods?, replica_sets: replica_sets?, jobs: jobs?, services: services? };
        Related::of(&selected, &neighbours)
    };
    Ok(Scope { own, pods: selected, related })
}

fn none_if_refused<T>(listed: Result<Vec<T>, SourceError>) -> Result<Vec<T>, SourceError> {
    match listed {
        Err(error) if error.is_of_one_answer() => Ok(Vec::new()),
        listed => listed,
    }
}

async fn pods(
    kubernetes: &Kubernetes,
    namespace: Option<&str>,
    selector: Option<&str>,
) -> Result<Vec<Named>, SourceError> {
    let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
    let query = selector.map(|selector| {
        let escaped: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        format!("?labelSelector={escaped}")
    });
    let path = format!("/api/v1{within}/pods{}", query.unwrap_or_default());
    let mut names = Held::default();
    kubernetes.list(&path, true, &mut names).await.map(|_| names.0)
}

/// What finding reads of an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    owner_references: Vec<Owner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
}

impl Object for Named {
    fn key(&self) -> [&str; 3] {
        [&self.metadata.namespace, &self.metadata.name, ""]
    }
}

impl Named {
    /// A Deployment's pods are owned by its replica sets, whose names are its own and a hash.
    fn is_of(&self, workload: &WorkloadName) -> bool {
        self.metadata.owner_references.iter().any(|owner| match owner.kind.as_str() {
            "ReplicaSet" => {
                workload.kind().kind() == "Deployment"
                    && owner.name.rsplit_once('-').is_some_and(|(name, _)| name == workload.name())
            }
            kind => kind == workload.kind().kind() && owner.name == workload.name(),
        })
    }
}

/// All objects of a list that is short, or of which little is read.
struct Held<O>(Vec<O>);

impl<O> Default for Held<O> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<O: Object> Rows for Held<O> {
    type Object = O;

    fn row(&mut self, row: Row<O>) {
        self.0.push(row.object);
    }
}
