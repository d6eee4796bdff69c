//! Owns evidence as a read-only Kubernetes API: a tower service without a socket, under a `kube::Client`.
//!
//! What was collected is answered as the API server answered it: version and discovery, objects, lists with selectors
//! and in pages, tables, logs, scrapes, and any other request that a task recorded. What was not collected is refused
//! with a Status that says why, never with an empty list. The status is 404 only if the cluster does not have it, or if
//! no task requested it.
//!
//! It does not know whether the evidence lies in a bundle or in a collection that still runs: it reads both through
//! [`Evidence`].

mod answer;
mod index;
mod log;
mod place;
mod pod_summary;
mod request;
mod selectors;
mod server;
mod table;

use crate::{bundle::Evidence, yaml};
use answer::PARTIAL;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use index::Index;
use kube::client::Body;
use place::Place;
use request::ListQuery;
use serde_json::Value;
use server::{Part, Server, is_held, namespace_of};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use table::Keep;

/// One cluster's evidence as an API server. Clones share what was read. Each remembers its own refusals.
pub struct Replay {
    server: Arc<Server>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// The evidence of one cluster, by its name in the bundle.
    #[must_use]
    pub fn new(evidence: Arc<dyn Evidence>, cluster: &str) -> Self {
        Self::with(evidence, cluster, Keep::All, None)
    }

    /// Like [`Self::new`], for descriptions: objects lack their managed fields, and pods that are selected by labels are
    /// summaries.
    #[must_use]
    pub fn to_describe(evidence: Arc<dyn Evidence>, cluster: &str) -> Self {
        Self::with(evidence, cluster, Keep::WithoutManagedFields, None)
    }

    /// Like [`Self::new`], with a clock that starts at `now` and dates each answer.
    #[must_use]
    pub fn dated(evidence: Arc<dyn Evidence>, cluster: &str, now: DateTime<Utc>) -> Self {
        Self::with(evidence, cluster, Keep::All, Some((now, Instant::now())))
    }

    fn with(evidence: Arc<dyn Evidence>, cluster: &str, keep: Keep, clock: Option<(DateTime<Utc>, Instant)>) -> Self {
        let index = Arc::new(Index::of(evidence.tasks(), cluster));
        let (tables, pod_summaries, kinds, part) = (Mutex::default(), Arc::default(), Arc::default(), None);
        let server = Server { evidence, index, tables, pod_summaries, keep, kinds, clock, part };
        Self { server: Arc::new(server), refused: Arc::default() }
    }

    /// The same evidence in parts, so that not all of it is held at once: each namespace, then the objects without a
    /// namespace. A part answers every request, but [`Self::objects`] are its own, and the last part knows only the
    /// summaries of the others' pods.
    pub fn parts(&self) -> impl Iterator<Item = Self> + '_ {
        let tasks = self.server.evidence.tasks();
        let mut parts: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (at, (task, place, _)) in self.server.index.all().enumerate() {
            let of = tasks[task].entries.iter().map(|entry| namespace_of(entry, place).map(str::to_owned));
            for namespace in of.collect::<BTreeSet<_>>() {
                parts.entry(namespace).or_default().push(at);
            }
        }
        let last = parts.remove(&None).map(|requests| (None, requests));
        parts.into_iter().chain(last).map(|(namespace, requests)| {
            let Server { evidence, index, pod_summaries, keep, kinds, clock, .. } = &*self.server;
            let (evidence, index, pod_summaries, kinds) =
                (evidence.clone(), index.clone(), pod_summaries.clone(), kinds.clone());
            let (tables, part) = (Mutex::default(), Some(Part { namespace, requests }));
            let server = Server { evidence, index, tables, pod_summaries, keep: *keep, kinds, clock: *clock, part };
            Self { server: Arc::new(server), refused: Arc::default() }
        })
    }

    /// A client whose requests are answered from the evidence. Must be called within a tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        let (server, refused) = (self.server.clone(), self.refused.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, refused) = (server.clone(), refused.clone());
            async move { Ok::<Response<Body>, Infallible>(server.answer(&request, &refused)) }
        });
        kube::Client::new(service, "default")
    }

    /// Takes what was requested since the last call and had not been collected, each once.
    #[must_use]
    pub fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An object that was collected.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its group, version, kind and plural.
    pub resource: kube::api::ApiResource,
    /// Its namespace; none for a cluster-scoped object.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// The task that collected it, as its place in [`Evidence::tasks`].
    pub task: usize,
    /// Whether only its metadata was collected.
    pub metadata_only: bool,
}

impl Replay {
    /// Every object that was collected, each once, in the order of the tasks, without events. Objects that cannot be
    /// read are left out; a request for one says why.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let (server, mut seen, mut objects) = (&self.server, HashSet::new(), Vec::new());
        let wanted = |entry: &str, place: &Place| {
            server.part.as_ref().is_none_or(|own| own.namespace.as_deref() == namespace_of(entry, place))
        };
        let requests: Box<dyn Iterator<Item = _>> = match &server.part {
            Some(part) => Box::new(part.requests.iter().map(|at| server.index.at(*at))),
            None => Box::new(server.index.all()),
        };
        for (task, place, name) in requests {
            if place.plural == "events" {
                continue;
            }
            let record = &server.evidence.tasks()[task];
            // Of pods in other namespaces, only what their node's description needs was collected.
            if record.id.contains("/pods?") {
                continue;
            }
            let mut add = |namespace: Option<&str>, name: &str, kind: String, metadata_only: bool| {
                let resource = kube::api::ApiResource {
                    group: place.group.clone(),
                    version: place.version.clone(),
                    api_version: place.api_version(),
                    kind,
                    plural: place.plural.clone(),
                };
                let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
                if seen.insert((place.group.clone(), place.plural.clone(), namespace.clone(), name.clone())) {
                    objects.push(Object { resource, namespace, name, task, metadata_only });
                }
            };
            match name {
                Some(name) if is_held(record) => {
                    let object = record.entries.first().and_then(|entry| server.read(entry).ok());
                    let kind = object.and_then(|text| yaml::from_str::<Value>(&String::from_utf8_lossy(&text)).ok());
                    let kind = kind.and_then(|object| object["kind"].as_str().map(str::to_owned)).unwrap_or_default();
                    let metadata_only = kind == PARTIAL;
                    let kind = if metadata_only { server.kind(place) } else { kind };
                    add(place.namespace.as_deref(), name, kind, metadata_only);
                }
                Some(_) => {}
                None => {
                    for entry in record.entries.iter().filter(|path| path.ends_with(".json") && wanted(path, place)) {
                        let Ok(table) = server.table(task, entry, place) else { continue };
                        for row in &table.rows {
                            let metadata_only = row.kind.is_empty() || row.kind == PARTIAL;
                            let kind = if metadata_only { server.kind(place) } else { row.kind.clone() };
                            let namespace = Some(row.namespace.as_str()).filter(|name| !name.is_empty());
                            add(namespace, &row.name, kind, metadata_only);
                        }
                    }
                }
            }
        }
        objects
    }

    /// An object of [`Self::objects`] as JSON; none for one that cannot be read.
    #[must_use]
    pub fn raw(&self, object: &Object) -> Option<Bytes> {
        let Object { resource, namespace, name, .. } = object;
        let place = Place::new(&resource.group, &resource.version, namespace.as_deref(), &resource.plural);
        let tables = self.server.tables(&place, &ListQuery::default()).ok()?;
        tables.iter().find_map(|table| table.named(namespace.as_deref(), name)).map(|row| row.object.clone())
    }

    /// Whether the pods of a node in all other namespaces were collected too.
    #[must_use]
    pub fn has_neighbours(&self, node: &str) -> bool {
        self.server.index.has_neighbours(node)
    }
}

impl Clone for Replay {
    fn clone(&self) -> Self {
        Self { server: self.server.clone(), refused: Arc::default() }
    }
}
