//! Which clusters answer, and where the workload is in each.

use super::{Failure, collect::Arguments, demo::Recording};
use crate::{
    bundle::ClusterInfo,
    collect::{self, Found, PlaceError},
    plan::Request,
    source::{
        Stop,
        kubernetes::{Connection, Discovery, SourceError},
    },
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// What is asked.
pub(super) enum Clusters {
    /// The clusters of the user's contexts.
    Contexts,
    /// A bundle, in their place.
    Recording(Recording),
}

/// One cluster that answered.
pub(super) struct Reached {
    pub(super) name: String,
    pub(super) connection: Connection,
    pub(super) discovery: Discovery,
    pub(super) found: Found,
    pub(super) skew: TimeDelta,
    pub(super) info: ClusterInfo,
}

impl Arguments {
    /// The clusters that answer, and those that do not. Words that are wrong end the run.
    pub(super) async fn reach(
        &self,
        request: &Request,
        clusters: &Clusters,
        stop: &Stop,
    ) -> Result<(Vec<Reached>, Vec<ClusterInfo>), Failure> {
        let requests = self.cluster_streams.into();
        let connections = match clusters {
            Clusters::Contexts => self.connection.connect(stop, requests).await?,
            Clusters::Recording(recording) => recording.connect(self.connection.limits(requests), stop),
        };
        let many = connections.len() > 1;
        let names: BTreeMap<&str, &str> =
            self.cluster_name.iter().map(|(context, name)| (context.as_str(), name.as_str())).collect();
        if let Some(unknown) = names.keys().find(|named| !connections.iter().any(|(context, _)| context == *named)) {
            return Err(Failure::usage(format!("--cluster-name {unknown}=…: that context is not collected from")));
        }
        let called: Vec<&str> =
            connections.iter().map(|(context, _)| names.get(context.as_str()).copied().unwrap_or(context)).collect();
        if let Some(twice) =
            called.iter().enumerate().find_map(|(at, name)| called[..at].contains(name).then_some(name))
        {
            return Err(Failure::usage(format!(
                "two clusters would be called \"{twice}\" in the bundle; name them apart with --cluster-name"
            )));
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
                    // The words may hold a path of this machine: the bundle only says that it was so.
                    Err(why) => Err(Trouble::Unreached {
                        why,
                        causes: vec!["its credentials could not be obtained".to_owned()],
                    }),
                    Ok(connection) => ask(self, request, connection, info.clone()).await,
                };
                (info, answered)
            }
        });
        let (mut reached, mut unreached, mut usage, mut missing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (mut info, answered) in join_all(asking).await {
            match answered {
                Ok(mut cluster) => {
                    // A recording's clock stands where it was made: that is no skew.
                    if matches!(clusters, Clusters::Recording(_)) {
                        cluster.info.clock_skew_ms = None;
                    }
                    reached.push(cluster);
                }
                Err(Trouble::Usage(text)) => usage.push(if many { format!("{}: {text}", info.name) } else { text }),
                Err(Trouble::Missing(text)) => missing.push((info, text)),
                Err(Trouble::Unreached { why, causes }) => {
                    eprintln!("kubectl-escalate: {why}");
                    info.error = Some(causes);
                    unreached.push(info);
                }
            }
        }
        // With several clusters, a namespace need not be in all of them.
        if reached.is_empty() {
            usage.extend(missing.into_iter().map(|(_, text)| text));
        } else {
            for (mut info, text) in missing {
                eprintln!("kubectl-escalate: {}: {text}", info.name);
                info.error = Some(vec![text]);
                unreached.push(info);
            }
        }
        if usage.is_empty() { Ok((reached, unreached)) } else { Err(Failure::usage(usage.join("\n"))) }
    }
}

enum Trouble {
    /// Ends the run.
    Usage(String),
    /// Ends the run unless another cluster has what was asked for.
    Missing(String),
    /// Costs this cluster only.
    Unreached { why: String, causes: Vec<String> },
}

/// Version, discovery and place of one cluster.
async fn ask(
    arguments: &Arguments,
    request: &Request,
    connection: Connection,
    mut info: ClusterInfo,
) -> Result<Reached, Trouble> {
    let kubernetes = &connection.kubernetes;
    let unreached = |error: SourceError| {
        let causes = error.causes();
        let mut said = causes.join(": ");
        if let SourceError::Credentials { detail } = &error {
            said.push_str(&format!(": {detail}"));
        }
        let Connection { context, server, .. } = &connection;
        let why = format!(
            "the cluster of context \"{context}\" at {server} was not reached: {said}; check that `kubectl --context {context} version` answers"
        );
        Trouble::Unreached { why, causes }
    };
    // Alone: whether it answers at all, and accepts who asks, is asked once.
    let (version, skew) = match kubernetes.version().await {
        // Whoever may not ask for the version may still ask for pods.
        Err(error) if error.code() == Some(403) => (serde_json::Value::Null, None),
        answer => answer.map_err(unreached)?,
    };
    let places = arguments.connection.places(&connection);
    let find = collect::find(kubernetes, &request.profile, &places);
    let (discovery, found) = tokio::join!(kubernetes.discover(), find);
    let discovery = discovery.map_err(unreached)?;
    let found = match found {
        Ok(found) => found,
        Err(PlaceError::Source(error)) => return Err(unreached(error)),
        Err(error @ (PlaceError::NoNamespace(_) | PlaceError::Nothing)) => {
            return Err(Trouble::Missing(error.to_string()));
        }
        Err(error) => {
            let mut text = error.to_string();
            if let PlaceError::Several(found) = &error {
                let context = if arguments.connection.context.is_empty() {
                    String::new()
                } else {
                    format!(" --context {}", connection.context)
                };
                for (namespace, pods) in found {
                    text.push_str(&format!(
                        "\n  kubectl escalate collect{context} -n {namespace}   # {pods} server pods"
                    ));
                }
            }
            return Err(Trouble::Usage(text));
        }
    };
    info.version = version["gitVersion"].as_str().map(str::to_owned);
    info.clock_skew_ms = skew.map(|skew| skew.num_milliseconds());
    info.namespaces = found.place.namespaces.keys().cloned().collect();
    let namespaces = if info.namespaces.is_empty() { "none".to_owned() } else { info.namespaces.join(", ") };
    eprintln!("context {}, user {}: namespace {namespaces} ({})", connection.context, connection.user, found.how);
    for namespace in &found.doubtful {
        eprintln!("cannot tell whether the namespace {namespace} exists: you may not read namespaces");
    }
    Ok(Reached { name: info.name.clone(), skew: skew.unwrap_or_default(), connection, discovery, found, info })
}
