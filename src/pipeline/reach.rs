//! Owns which clusters answer, and where the workload is in each.

use super::{
    control::Control,
    error::{NoPlace, PipelineError},
    observer::{Notice, Observer},
    place::{self, Found, PlaceError, Places},
    request::{Clusters, Targets},
};
use crate::{
    bundle::{BundleReader, ClusterInfo},
    plan::{Basis, Request},
    profile::Profile,
    redact::{Key, Redactor},
    replay::Replay,
    source::{
        Stop,
        kubernetes::{ConnectError, Connection, Discovery, Kubernetes, RequestLimits, SourceError, connect},
    },
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The clusters of a run.
pub struct Reached {
    /// Those that answered.
    pub clusters: Vec<Cluster>,
    /// Those that did not, with the reason.
    pub unreached: Vec<ClusterInfo>,
}

/// A cluster that answered.
pub struct Cluster {
    /// Its name in the bundle.
    pub name: String,
    /// The way to it.
    pub connection: Connection,
    /// What its API server serves.
    pub discovery: Discovery,
    /// Where the workload is.
    pub found: Found,
    /// The API server's clock minus this machine's.
    pub skew: TimeDelta,
    /// Its record in the manifest.
    pub info: ClusterInfo,
}

impl Cluster {
    /// What its plan starts from.
    #[must_use]
    pub fn basis(&self, request: &Arc<Request>, scrape_gap: Duration) -> Basis {
        Basis {
            request: request.clone(),
            served: Arc::new(self.discovery.resources.clone()),
            unknown: Arc::new(self.discovery.failed.clone()),
            place: Arc::new(self.found.place.clone()),
            scrape_gap,
        }
    }
}

/// A client for each requested cluster, under its context's name; if its credentials could not be obtained, the reason.
/// Sends nothing, but may run credential plugins.
///
/// # Errors
/// When a context cannot be used, or is given twice.
pub async fn connect_all(
    targets: &Targets,
    stop: &Stop,
) -> Result<Vec<(String, Result<Connection, ConnectError>)>, PipelineError> {
    let contexts = match &targets.clusters {
        Clusters::Recording(recording) => return Ok(replayed(recording, targets.requests, stop)),
        Clusters::Contexts(contexts) => contexts,
    };
    for (at, target) in contexts.iter().enumerate() {
        if contexts[..at].iter().any(|other| other.context == target.context) {
            return Err(PipelineError::ContextTwice(target.context.clone().unwrap_or_default()));
        }
    }
    let connecting = contexts.iter().map(|target| connect(target, targets.requests, stop.clone()));
    let mut connections = Vec::new();
    for (target, connected) in contexts.iter().zip(join_all(connecting).await) {
        match connected {
            Err(error) if error.is_usage() => return Err(error.into()),
            Ok(connection) => connections.push((connection.context.clone(), Ok(connection))),
            Err(error) => {
                let error = redacted(error);
                let context = target.context.clone().unwrap_or_else(|| "current".to_owned());
                connections.push((context, Err(error)));
            }
        }
    }
    Ok(connections)
}

/// Without the secrets that a credential plugin may have been called with, or may have printed.
fn redacted(error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Credentials { context, why } => ConnectError::Credentials { context, why: words(&why) },
        error => error,
    }
}

fn words(text: &str) -> String {
    Redactor::new(&Key::random()).string(text).0
}

/// A connection to each cluster of a recording, by its name there.
fn replayed(
    recording: &Arc<BundleReader>,
    limits: RequestLimits,
    stop: &Stop,
) -> Vec<(String, Result<Connection, ConnectError>)> {
    let manifest = recording.manifest();
    let clusters = manifest.clusters.iter().filter(|cluster| cluster.error.is_none());
    let connection = |name: &String| {
        let replay = Replay::dated(recording.clone(), name, manifest.started);
        Connection {
            kubernetes: Kubernetes::new(replay.client(), limits, stop.clone()),
            context: name.clone(),
            user: "nobody".to_owned(),
            namespace: None,
            server: "a recording".to_owned(),
        }
    };
    clusters.map(|cluster| (cluster.name.clone(), Ok(connection(&cluster.name)))).collect()
}

/// Connects to the clusters, discovers what they serve, and finds the workload that `profile` names in them. A
/// cluster that does not answer costs only itself.
///
/// # Errors
/// If the request is wrong, or there is nothing to collect in any cluster.
pub async fn reach(
    targets: &Targets,
    profile: &Profile,
    observer: &dyn Observer,
    control: &Control,
) -> Result<Reached, PipelineError> {
    let connections = connect_all(targets, &control.stop).await?;
    let is_one_of_many = connections.len() > 1;
    let names: BTreeMap<&str, &str> =
        targets.names.iter().map(|(context, name)| (context.as_str(), name.as_str())).collect();
    if let Some(unknown) = names.keys().find(|named| !connections.iter().any(|(context, _)| context == *named)) {
        return Err(PipelineError::UnknownContext((*unknown).to_owned()));
    }
    let called: Vec<&str> =
        connections.iter().map(|(context, _)| names.get(context.as_str()).copied().unwrap_or(context)).collect();
    if let Some(twice) = called.iter().enumerate().find_map(|(at, name)| called[..at].contains(name).then_some(name)) {
        return Err(PipelineError::NameTwice((*twice).to_owned()));
    }
    let asking = connections.into_iter().map(|(context, connection)| {
        let renamed = names.get(context.as_str()).copied();
        async move {
            let info = ClusterInfo {
                name: renamed.unwrap_or(&context).to_owned(),
                context: renamed.is_none().then(|| context.clone()),
                ..ClusterInfo::default()
            };
            let answered = match connection {
                // The message may contain a path of this machine, so the bundle states only that it happened.
                Err(error) => {
                    Err(Trouble::Unreached { why: error.to_string(), causes: vec![error.in_bundle().to_owned()] })
                }
                Ok(connection) => ask(targets, profile, connection, info.clone(), observer).await,
            };
            (info, answered)
        }
    });
    let mut reached = Reached { clusters: Vec::new(), unreached: Vec::new() };
    let (mut undecided, mut missing) = (Vec::new(), Vec::new());
    for (mut info, answered) in join_all(asking).await {
        match answered {
            Ok(cluster) => reached.clusters.push(cluster),
            Err(Trouble::NoPlace(mut place)) => {
                place.cluster = is_one_of_many.then(|| info.name.clone());
                match place.error {
                    PlaceError::NoNamespace(_) | PlaceError::Nothing => missing.push((info, place)),
                    _ => undecided.push(place),
                }
            }
            Err(Trouble::Unreached { why, causes }) => {
                observer.notice(&Notice::Unreached { why: &why });
                info.error = Some(causes);
                reached.unreached.push(info);
            }
        }
    }
    // With several clusters, a namespace need not be in all of them.
    if reached.clusters.is_empty() {
        undecided.extend(missing.into_iter().map(|(_, place)| place));
    } else {
        for (mut info, place) in missing {
            observer.notice(&Notice::Unreached { why: &place.to_string() });
            info.error = Some(vec![place.error.to_string()]);
            reached.unreached.push(info);
        }
    }
    if undecided.is_empty() { Ok(reached) } else { Err(PipelineError::NoPlace(undecided)) }
}

/// Why a cluster has nothing to give.
enum Trouble {
    /// Ends the run, unless another cluster has what was requested.
    NoPlace(NoPlace),
    /// Costs this cluster only.
    Unreached { why: String, causes: Vec<String> },
}

/// Version, discovery and place of one cluster.
async fn ask(
    targets: &Targets,
    profile: &Profile,
    connection: Connection,
    mut info: ClusterInfo,
    observer: &dyn Observer,
) -> Result<Cluster, Trouble> {
    let kubernetes = &connection.kubernetes;
    let unreached = |error: SourceError| {
        let causes = error.causes();
        let mut said = causes.join(": ");
        if let SourceError::Credentials { detail } = &error {
            said.push_str(&format!(": {}", words(detail)));
        }
        let Connection { context, server, .. } = &connection;
        let why = format!(
            "the cluster of context \"{context}\" at {server} was not reached: {said}; check that `kubectl --context {context} version` answers"
        );
        Trouble::Unreached { why, causes }
    };
    // Sent alone, so that a cluster that does not answer, or does not accept the user, gets only one request.
    let (version, skew) = match kubernetes.version().await {
        // A user who may not get the version may still list pods, and so may one behind a proxy that has no such path.
        Err(error) if error.code().is_some() && error.is_of_one_answer() => (serde_json::Value::Null, None),
        answer => answer.map_err(unreached)?,
    };
    let places = Places { context: connection.namespace.clone(), ..targets.places.clone() };
    let find = place::find(kubernetes, profile, &places);
    let (discovery, found) = tokio::join!(kubernetes.discover(), find);
    let discovery = discovery.map_err(unreached)?;
    let found = match found {
        Ok(found) => found,
        Err(PlaceError::Source(error)) => return Err(unreached(error)),
        Err(error) => {
            let context = targets.names_contexts().then(|| connection.context.clone());
            return Err(Trouble::NoPlace(NoPlace { cluster: None, context, error }));
        }
    };
    info.version = version["gitVersion"].as_str().map(str::to_owned);
    // A recording answers with the time at which it was made, which is not clock skew.
    info.clock_skew_ms = skew.filter(|_| !targets.is_recording()).map(|skew| skew.num_milliseconds());
    info.namespaces = found.place.namespaces.keys().cloned().collect();
    let (context, user) = (connection.context.as_str(), connection.user.as_str());
    observer.notice(&Notice::Reached { context, user, namespaces: &info.namespaces, how: &found.how });
    for namespace in &found.doubtful {
        observer.notice(&Notice::Doubtful { namespace });
    }
    Ok(Cluster { name: info.name.clone(), skew: skew.unwrap_or_default(), connection, discovery, found, info })
}
