//! Evidence as a read-only Kubernetes API: a tower service without a socket, to put under a
//! `kube::Client`.
//!
//! What was collected is answered as the API server answered it: version and discovery, objects,
//! lists with label and field selectors and in pages, tables, logs, scrapes. What was not is refused
//! with a Status that says what became of it, never with an empty list.
//!
//! Where the evidence lies, a bundle or a collection that still runs, only [`Evidence`] knows.

mod answer;
mod brief;
mod index;
mod log;
mod request;
mod select;
mod table;

use crate::{
    bundle::{Evidence, Outcome, TaskRecord},
    source::kubernetes::causes,
    yaml,
};
use answer::{Answer, Refusal};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use index::{Index, Place};
use kube::client::Body;
use request::{Asked, ListQuery};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    convert::Infallible,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};
use table::{Keep, Table};

/// One cluster's evidence as an API server. Clones share what was read, and each remembers its own
/// refusals.
pub struct Replay {
    shared: Arc<Shared>,
    refused: Arc<Mutex<Vec<String>>>,
}

/// By task and entry.
type Tables = HashMap<(usize, String), Arc<Table>>;

struct Shared {
    evidence: Arc<dyn Evidence>,
    index: Arc<Index>,
    /// Tables that were read, by task and entry.
    tables: Mutex<Tables>,
    /// Pods of namespaces that were parts before, for their nodes.
    briefs: Arc<Mutex<Tables>>,
    keep: Keep,
    kinds: Arc<OnceLock<HashMap<(String, String), String>>>,
    /// What time it was for the cluster, and since when it goes on from there.
    clock: Option<(DateTime<Utc>, Instant)>,
    part: Option<Part>,
}

/// The objects of one namespace, or those that have none.
struct Part {
    namespace: Option<String>,
    /// The requests that got them: places in [`Index::all`].
    requests: Vec<usize>,
}

impl Replay {
    /// The evidence of one cluster, by its name in the bundle.
    #[must_use]
    pub fn new(evidence: Arc<dyn Evidence>, cluster: &str) -> Self {
        Self::with(evidence, cluster, Keep::All, None)
    }

    /// Like [`Self::new`], with objects that lack their managed fields; of pods that are not asked for by name, what
    /// their controllers and nodes are described by.
    #[must_use]
    pub fn to_describe(evidence: Arc<dyn Evidence>, cluster: &str) -> Self {
        Self::with(evidence, cluster, Keep::WithoutManagedFields, None)
    }

    /// The same evidence, with a clock: each answer is dated `now`, and later by what has passed since.
    #[must_use]
    pub fn dated(evidence: Arc<dyn Evidence>, cluster: &str, now: DateTime<Utc>) -> Self {
        Self::with(evidence, cluster, Keep::All, Some((now, Instant::now())))
    }

    fn with(evidence: Arc<dyn Evidence>, cluster: &str, keep: Keep, clock: Option<(DateTime<Utc>, Instant)>) -> Self {
        let index = Arc::new(Index::of(evidence.tasks(), cluster));
        let (tables, briefs, kinds, part) = (Mutex::default(), Arc::default(), Arc::default(), None);
        let shared = Shared { evidence, index, tables, briefs, keep, kinds, clock, part };
        Self { shared: Arc::new(shared), refused: Arc::default() }
    }

    /// The same evidence part by part, so that not all of it is held at once: each namespace, then what has
    /// none. A part answers whatever it is asked, but [`Self::objects`] are its own, and the last knows of
    /// the pods of the others only what their nodes are described by.
    pub fn parts(&self) -> impl Iterator<Item = Self> + '_ {
        let tasks = self.shared.evidence.tasks();
        let mut parts: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (at, (task, place, _)) in self.shared.index.all().enumerate() {
            let of = tasks[task].entries.iter().map(|entry| part(entry, place).map(str::to_owned));
            for namespace in of.collect::<BTreeSet<_>>() {
                parts.entry(namespace).or_default().push(at);
            }
        }
        let last = parts.remove(&None).map(|requests| (None, requests));
        parts.into_iter().chain(last).map(|(namespace, requests)| {
            let Shared { evidence, index, briefs, keep, kinds, clock, .. } = &*self.shared;
            let (evidence, index, briefs, kinds) = (evidence.clone(), index.clone(), briefs.clone(), kinds.clone());
            let (tables, part) = (Mutex::default(), Some(Part { namespace, requests }));
            let shared = Shared { evidence, index, tables, briefs, keep: *keep, kinds, clock: *clock, part };
            Self { shared: Arc::new(shared), refused: Arc::default() }
        })
    }

    /// A client that asks this and nobody else. Must be called within a tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        let (shared, refused) = (self.shared.clone(), self.refused.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (shared, refused) = (shared.clone(), refused.clone());
            async move { Ok::<Response<Body>, Infallible>(shared.answer(&request, &refused)) }
        });
        kube::Client::new(service, "default")
    }

    /// What was asked for since the last call and had not been collected, each once.
    #[must_use]
    pub fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An object that was collected.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is.
    pub resource: kube::api::ApiResource,
    /// The namespace it is in; none for an object of the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The task that got it: its place in [`Evidence::tasks`].
    pub task: usize,
    /// Whether only its metadata was collected.
    pub metadata_only: bool,
}

impl Replay {
    /// Every object that was collected but events, each once, in the order of the tasks. What cannot
    /// be read is left out: asking for it says why.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let (shared, mut seen, mut objects) = (&self.shared, HashSet::new(), Vec::new());
        let wanted = |entry: &str, place: &Place| {
            shared.part.as_ref().is_none_or(|own| own.namespace.as_deref() == part(entry, place))
        };
        let requests: Box<dyn Iterator<Item = _>> = match &shared.part {
            Some(part) => Box::new(part.requests.iter().map(|at| shared.index.at(*at))),
            None => Box::new(shared.index.all()),
        };
        for (task, place, name) in requests {
            if place.plural == "events" {
                continue;
            }
            let record = &shared.evidence.tasks()[task];
            // Of a node's other pods too little is there to describe them.
            if record.id.contains("/pods?") {
                continue;
            }
            let mut add = |namespace: Option<&str>, name: &str, kind: String, metadata_only: bool| {
                let resource = kube::api::ApiResource {
                    group: place.group.clone(),
                    version: place.version.clone(),
                    api_version: answer::api_version(place),
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
                    let object = record.entries.first().and_then(|entry| shared.read(entry).ok());
                    let kind = object.and_then(|text| yaml::from_str::<Value>(&String::from_utf8_lossy(&text)).ok());
                    let kind = kind.and_then(|object| object["kind"].as_str().map(str::to_owned)).unwrap_or_default();
                    let metadata_only = kind == PARTIAL;
                    let kind = if metadata_only { shared.kind(place) } else { kind };
                    add(place.namespace.as_deref(), name, kind, metadata_only);
                }
                Some(_) => {}
                None => {
                    for entry in record.entries.iter().filter(|path| path.ends_with(".json") && wanted(path, place)) {
                        let Ok(table) = shared.table(task, entry, place) else { continue };
                        for row in &table.rows {
                            let metadata_only = row.kind.is_empty() || row.kind == PARTIAL;
                            let kind = if metadata_only { shared.kind(place) } else { row.kind.clone() };
                            let namespace = Some(row.namespace.as_str()).filter(|name| !name.is_empty());
                            add(namespace, &row.name, kind, metadata_only);
                        }
                    }
                }
            }
        }
        objects
    }

    /// An object of [`Self::objects`] as JSON; `None` for what cannot be read.
    #[must_use]
    pub fn raw(&self, object: &Object) -> Option<Bytes> {
        let Object { resource, namespace, name, .. } = object;
        let place = Place::new(&resource.group, &resource.version, namespace.as_deref(), &resource.plural);
        let tables = self.shared.tables(&place, &ListQuery::default()).ok()?;
        tables.iter().find_map(|table| table.named(namespace.as_deref(), name)).map(|row| row.object.clone())
    }

    /// Whether the pods of a node that are in namespaces not collected were asked for.
    #[must_use]
    pub fn has_neighbours(&self, node: &str) -> bool {
        self.shared.index.has_neighbours(node)
    }
}

/// The namespace of an entry: as its path has it, which may have been shortened, or as it was asked for.
fn part<'a>(entry: &'a str, place: &'a Place) -> Option<&'a str> {
    // A namespace's own object is beside its folder, in none.
    let shown = entry.split_once("/namespaces/").and_then(|(_, rest)| rest.split_once('/'));
    shown.map(|(namespace, _)| namespace).or(place.namespace.as_deref())
}

/// The kind under which an API server gives objects by their metadata only.
const PARTIAL: &str = "PartialObjectMetadata";

impl Clone for Replay {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), refused: Arc::default() }
    }
}

impl Shared {
    fn answer(self: &Arc<Self>, request: &Request<Body>, refused: &Mutex<Vec<String>>) -> Response<Body> {
        let answer = match Asked::of(request) {
            None => Err(Refusal::new(405, "MethodNotAllowed", "evidence is only read: GET is all that is answered")),
            Some(asked) => self.find(&asked, request),
        };
        let mut response = match answer {
            Ok(answer) => answer.into_response(),
            Err(refusal) => {
                if let Some(missing) = &refusal.missing {
                    let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                    if !refused.contains(missing) {
                        refused.push(missing.clone());
                    }
                }
                refusal.into_response()
            }
        };
        let date = self.clock.map(|(then, since)| (then + since.elapsed()).format("%a, %d %b %Y %H:%M:%S GMT"));
        if let Some(date) = date.and_then(|date| date.to_string().parse().ok()) {
            response.headers_mut().insert(http::header::DATE, date);
        }
        response
    }

    fn find(self: &Arc<Self>, asked: &Asked, request: &Request<Body>) -> Result<Answer, Refusal> {
        let accept = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let accept = accept.unwrap_or_default();
        match asked {
            Asked::Document(path) => self.document(path),
            Asked::Log { namespace, pod, query } => log::answer(self, namespace, pod, query),
            Asked::Proxy(path) => self.scrape(path),
            Asked::Get { place, name } => self.get(place, name, accept),
            Asked::List { place, query } => self.list(place, query, accept),
        }
    }

    /// Version and discovery, as they were answered.
    fn document(&self, path: &str) -> Result<Answer, Refusal> {
        let Some((task, entry)) = self.index.document(path) else {
            return Err(Refusal::not_found(&format!("{path} was not collected")));
        };
        match entry {
            Some(entry) => Ok(Answer::json(self.read(entry)?)),
            None => Err(self.refusal(&[task], path)),
        }
    }

    fn scrape(&self, path: &str) -> Result<Answer, Refusal> {
        let Some(task) = self.index.by_path(path) else {
            return Err(Refusal::new(503, "ServiceUnavailable", &format!("{path} was not collected")).missing(path));
        };
        let record = &self.evidence.tasks()[task];
        match record.entries.first() {
            Some(entry) => Ok(Answer::text(self.read(entry)?)),
            // The proxy's own words for a pod without an address, and for a port that nobody listens on.
            None if record.outcome == Outcome::Absent && !record.causes.concat().contains("connection refused") => {
                Err(Refusal::new(400, "BadRequest", &format!("address not allowed: {}", record.causes.join(": "))))
            }
            None => Err(Refusal::new(503, "ServiceUnavailable", &record.causes.join(": ")).missing(&said(record))),
        }
    }

    fn get(&self, place: &Place, name: &str, accept: &str) -> Result<Answer, Refusal> {
        let metadata_only = accept.contains("as=PartialObjectMetadata");
        if let Some(task) = self.index.by_path(&place.path(Some(name))) {
            let Some(entry) = self.evidence.tasks()[task].entries.iter().find(|path| path.ends_with(".yaml")) else {
                let record = &self.evidence.tasks()[task];
                return Err(match record.outcome {
                    // In the API server's own words.
                    Outcome::Absent => Refusal::not_found(&format!("{} \"{name}\" not found", place.resource())),
                    _ => self.refusal(&[task], &place.named(name)),
                });
            };
            let text = self.read(entry)?;
            let object: Value = yaml::from_str(&String::from_utf8_lossy(&text))
                .map_err(|error| Refusal::broken(&format!("{entry} is no YAML: {error}")))?;
            return Ok(answer::object(
                serde_json::to_vec(&object).unwrap_or_default().into(),
                place,
                metadata_only,
                || self.kind(place),
            ));
        }
        let tables = self.tables(place, &ListQuery::default())?;
        let found = tables.iter().find_map(|table| table.named(place.namespace.as_deref(), name));
        match found {
            Some(row) => Ok(answer::object(row.object.clone(), place, metadata_only, || self.kind(place))),
            None => Err(Refusal::not_found(&format!("{} \"{name}\" not found", place.resource()))),
        }
    }

    fn list(&self, place: &Place, query: &ListQuery, accept: &str) -> Result<Answer, Refusal> {
        let tables = self.tables(place, query)?;
        answer::list(&tables, place, query, accept, || self.kind(place))
    }

    /// The tables that a list is answered from.
    fn tables(&self, place: &Place, query: &ListQuery) -> Result<Vec<Arc<Table>>, Refusal> {
        let tasks = self.index.covering(place, query);
        let (held, without): (Vec<usize>, Vec<usize>) =
            tasks.into_iter().partition(|task| is_held(&self.evidence.tasks()[*task]));
        // Some namespace may hold what another was refused; whoever asks over the cluster gets what there is.
        if held.is_empty() {
            return Err(self.refusal_at(&without, place));
        }
        let mut tables = Vec::new();
        for task in held {
            let entries = &self.evidence.tasks()[task].entries;
            let all = || entries.iter().filter(|path| path.ends_with(".json"));
            let within = place.namespace.as_deref().map(|namespace| format!("/namespaces/{namespace}/"));
            let own: Vec<&String> = match &within {
                Some(within) => all().filter(|path| path.contains(within)).collect(),
                None => all().collect(),
            };
            // A path that had to be shortened does not show its namespace.
            for entry in if own.is_empty() { all().collect() } else { own } {
                tables.push(self.table(task, entry, place)?);
            }
        }
        Ok(tables)
    }

    /// The kind of a resource, as discovery said; made of its plural where that was not collected.
    fn kind(&self, place: &Place) -> String {
        let known = self.kinds().get(&(place.group.clone(), place.plural.clone())).cloned();
        known.unwrap_or_else(|| answer::kind_of(&place.plural))
    }

    /// Kinds by group and plural, as discovery said; none where it was not collected.
    fn kinds(&self) -> &HashMap<(String, String), String> {
        self.kinds.get_or_init(|| {
            let documents = ["/api", "/apis"].map(|path| self.index.document(path).and_then(|found| found.1));
            let read = |entry: &str| self.read(entry).ok().and_then(|text| serde_json::from_slice(&text).ok());
            documents
                .into_iter()
                .flatten()
                .filter_map(read)
                .flat_map(|document: Value| answer::kinds(&document))
                .collect()
        })
    }

    fn table(&self, task: usize, entry: &str, place: &Place) -> Result<Arc<Table>, Refusal> {
        let key = (task, entry.to_owned());
        let known = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(table) = known {
            return Ok(table);
        }
        let are_pods = self.keep != Keep::All && (place.group.as_str(), place.plural.as_str()) == ("", "pods");
        let is_of_namespace = self.part.as_ref().map(|part| part.namespace.is_some());
        let is_for_nodes = are_pods && is_of_namespace == Some(false) && part(entry, place).is_some();
        let read = || {
            let table = Table::read(&self.read(entry)?, if are_pods { Keep::Pods } else { self.keep });
            table.map_err(|error| Refusal::broken(&format!("{entry} is no table: {error}")))
        };
        let keep_it = |tables: &Mutex<Tables>, table| {
            tables.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), table);
        };
        let table = if is_for_nodes {
            let held = self.briefs.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            held.map_or_else(|| Ok(Arc::new(read()?.briefs())), Ok)?
        } else {
            Arc::new(read()?)
        };
        if are_pods && is_of_namespace == Some(true) {
            keep_it(&self.briefs, Arc::new(table.briefs()));
        }
        keep_it(&self.tables, table.clone());
        Ok(table)
    }

    fn read(&self, path: &str) -> Result<Bytes, Refusal> {
        let mut bytes = Vec::new();
        let mut open = self.evidence.open(path).map_err(|error| Refusal::broken(&causes(&error).join(": ")))?;
        open.read_to_end(&mut bytes).map_err(|error| Refusal::broken(&format!("{path}: {error}")))?;
        Ok(bytes.into())
    }

    /// Why there is none of something: what became of the tasks that would have got it.
    fn refusal(&self, tasks: &[usize], what: &str) -> Refusal {
        let records: Vec<&TaskRecord> = tasks.iter().map(|task| &self.evidence.tasks()[*task]).collect();
        answer::refusal(&records, what, true)
    }

    /// The same of a resource, which a server may not have.
    fn refusal_at(&self, tasks: &[usize], place: &Place) -> Refusal {
        let records: Vec<&TaskRecord> = tasks.iter().map(|task| &self.evidence.tasks()[*task]).collect();
        let kinds = self.kinds();
        let is_served = kinds.is_empty() || kinds.contains_key(&(place.group.clone(), place.plural.clone()));
        answer::refusal(&records, &place.words(), is_served)
    }
}

/// Whether there is anything of a task, were it only that there is nothing.
fn is_held(record: &TaskRecord) -> bool {
    record.outcome == Outcome::Empty || !record.entries.is_empty()
}

/// What became of a task, in a line.
fn said(record: &TaskRecord) -> String {
    let causes = record.causes.join(": ");
    let word = serde_json::to_value(record.outcome).ok().and_then(|value| value.as_str().map(str::to_owned));
    let word = word.unwrap_or_default();
    let within = record.namespace.as_deref().map(|name| format!(" of namespace {name}")).unwrap_or_default();
    let why = if causes.is_empty() { word } else { format!("{word}: {causes}") };
    format!("{}{within} ({why})", record.target)
}
