//! Owns how a request is answered from the evidence of one cluster.

use super::{
    answer::{self, Answer, Refusal, outcome_line},
    index::Index,
    log,
    place::Place,
    request::{ApiRequest, ListQuery},
    table::{Keep, Table},
};
use crate::{
    bundle::{Evidence, Outcome, TaskRecord},
    source::kubernetes::causes,
    yaml,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use kube::client::Body;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

/// Tables by task and entry.
pub(super) type Tables = HashMap<(usize, String), Arc<Table>>;

pub(super) struct Server {
    pub(super) evidence: Arc<dyn Evidence>,
    pub(super) index: Arc<Index>,
    /// Tables that were read.
    pub(super) tables: Mutex<Tables>,
    /// Summaries of the pods of earlier parts, to describe their nodes.
    pub(super) pod_summaries: Arc<Mutex<Tables>>,
    pub(super) keep: Keep,
    pub(super) kinds: Arc<OnceLock<HashMap<(String, String), String>>>,
    /// The time that the first answer is dated, and when that was.
    pub(super) clock: Option<(DateTime<Utc>, Instant)>,
    pub(super) part: Option<Part>,
}

/// The objects of one namespace, or those without a namespace.
pub(super) struct Part {
    pub(super) namespace: Option<String>,
    /// The requests that got them, as places in [`Index::all`].
    pub(super) requests: Vec<usize>,
}

impl Server {
    pub(super) fn answer(self: &Arc<Self>, request: &Request<Body>, refused: &Mutex<Vec<String>>) -> Response<Body> {
        let answer = match ApiRequest::of(request) {
            None => Err(Refusal::new(405, "MethodNotAllowed", "collected evidence is read-only: only GET is answered")),
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

    fn find(self: &Arc<Self>, asked: &ApiRequest, request: &Request<Body>) -> Result<Answer, Refusal> {
        let accept = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let accept = accept.unwrap_or_default();
        let uri = request.uri();
        let task = self.index.by_path(uri.path(), uri.query().unwrap_or_default());
        match asked {
            ApiRequest::Document(path) => task.map_or_else(|| self.document(path), |task| self.recorded(task, path)),
            ApiRequest::Log { namespace, pod, query } => {
                log::answer(&*self.evidence, &self.index, (namespace, pod), query)
            }
            ApiRequest::Proxy(path) => self.scrape(task, path),
            ApiRequest::Get { place, name } => self.get(task, place, name, accept),
            ApiRequest::List { place, query } => match task.filter(|_| self.index.covering(place, query).is_empty()) {
                Some(task) => self.recorded(task, uri.path()),
                None => self.list(place, query, accept),
            },
        }
    }

    /// Version and discovery, as the API server answered them.
    fn document(&self, path: &str) -> Result<Answer, Refusal> {
        let Some((task, entry)) = self.index.document(path) else {
            return Err(Refusal::not_found(&format!("{path} was not collected")));
        };
        match entry {
            Some(entry) => Ok(Answer::json(self.read(entry)?)),
            None => Err(self.refusal(&[task], path)),
        }
    }

    /// The answer to a task of any kind, or why there is none.
    fn recorded(&self, task: usize, path: &str) -> Result<Answer, Refusal> {
        let record = &self.evidence.tasks()[task];
        match self.first_entry(record)? {
            Some(answer) => Ok(answer),
            None if record.outcome == Outcome::Empty => Ok(Answer::text(Bytes::new())),
            None => Err(self.refusal(&[task], path)),
        }
    }

    /// A task's first entry, with the status of the answer that it is from; `None` if the task has no entry.
    fn first_entry(&self, record: &TaskRecord) -> Result<Option<Answer>, Refusal> {
        let Some(entry) = record.entries.first() else { return Ok(None) };
        let body = self.read(entry)?;
        // A bundle may be older than the recorded status: an API server answers 500 if a check failed.
        let has_failed = || record.kind == "health" && String::from_utf8_lossy(&body).lines().any(is_failed_check);
        let status = record.http_status.unwrap_or_else(|| if has_failed() { 500 } else { 200 });
        let answer = if entry.ends_with(".json") { Answer::json(body) } else { Answer::text(body) };
        Ok(Some(answer.with_status(status)))
    }

    fn scrape(&self, task: Option<usize>, path: &str) -> Result<Answer, Refusal> {
        let Some(task) = task else {
            return Err(Refusal::new(503, "ServiceUnavailable", &format!("{path} was not collected")).missing(path));
        };
        let record = &self.evidence.tasks()[task];
        match self.first_entry(record)? {
            Some(answer) => Ok(answer),
            // The proxy's own words for a pod without an address, and for a port that nobody listens on.
            None if record.outcome == Outcome::Absent && !record.causes.concat().contains("connection refused") => {
                Err(Refusal::new(400, "BadRequest", &format!("address not allowed: {}", record.causes.join(": "))))
            }
            None => {
                Err(Refusal::new(503, "ServiceUnavailable", &record.causes.join(": ")).missing(&outcome_line(record)))
            }
        }
    }

    fn get(&self, task: Option<usize>, place: &Place, name: &str, accept: &str) -> Result<Answer, Refusal> {
        let metadata_only = accept.contains("as=PartialObjectMetadata");
        if let Some(task) = task {
            let record = &self.evidence.tasks()[task];
            let Some(entry) = record.entries.iter().find(|path| path.ends_with(".yaml")) else {
                return match record.outcome {
                    // In the API server's own words.
                    Outcome::Absent => Err(Refusal::not_found(&format!("{} \"{name}\" not found", place.resource()))),
                    _ => self.recorded(task, &place.named(name)),
                };
            };
            let text = self.read(entry)?;
            let object: Value = yaml::from_str(&String::from_utf8_lossy(&text))
                .map_err(|error| Refusal::broken(&format!("{entry} is not YAML: {error}")))?;
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
    pub(super) fn tables(&self, place: &Place, query: &ListQuery) -> Result<Vec<Arc<Table>>, Refusal> {
        let tasks = self.index.covering(place, query);
        let (held, without): (Vec<usize>, Vec<usize>) =
            tasks.into_iter().partition(|task| is_held(&self.evidence.tasks()[*task]));
        // A list over the cluster is answered with the namespaces that were not refused.
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

    /// The kind of a resource, by discovery; guessed from its plural where discovery was not collected.
    pub(super) fn kind(&self, place: &Place) -> String {
        let known = self.kinds().get(&(place.group.clone(), place.plural.clone())).cloned();
        known.unwrap_or_else(|| answer::kind_of(&place.plural))
    }

    /// Kinds by group and plural; none where discovery was not collected.
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

    pub(super) fn table(&self, task: usize, entry: &str, place: &Place) -> Result<Arc<Table>, Refusal> {
        let key = (task, entry.to_owned());
        let known = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(table) = known {
            return Ok(table);
        }
        let are_pods = self.keep != Keep::All && (place.group.as_str(), place.plural.as_str()) == ("", "pods");
        let is_of_namespace = self.part.as_ref().map(|part| part.namespace.is_some());
        let is_for_nodes = are_pods && is_of_namespace == Some(false) && namespace_of(entry, place).is_some();
        let read = || {
            let table = Table::read(&self.read(entry)?, if are_pods { Keep::PodsWithSummary } else { self.keep });
            table.map_err(|error| Refusal::broken(&format!("{entry} is not a table: {error}")))
        };
        let keep_it = |tables: &Mutex<Tables>, table| {
            tables.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), table);
        };
        let table = if is_for_nodes {
            let held = self.pod_summaries.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            held.map_or_else(|| Ok(Arc::new(read()?.summaries())), Ok)?
        } else {
            Arc::new(read()?)
        };
        if are_pods && is_of_namespace == Some(true) {
            keep_it(&self.pod_summaries, Arc::new(table.summaries()));
        }
        keep_it(&self.tables, table.clone());
        Ok(table)
    }

    pub(super) fn read(&self, path: &str) -> Result<Bytes, Refusal> {
        let mut bytes = Vec::new();
        let mut open = self.evidence.open(path).map_err(|error| Refusal::broken(&causes(&error).join(": ")))?;
        open.read_to_end(&mut bytes).map_err(|error| Refusal::broken(&format!("{path}: {error}")))?;
        Ok(bytes.into())
    }

    /// Says why there is nothing: the outcomes of the tasks that asked for it.
    fn refusal(&self, tasks: &[usize], what: &str) -> Refusal {
        let records: Vec<&TaskRecord> = tasks.iter().map(|task| &self.evidence.tasks()[*task]).collect();
        answer::refusal(&records, what, true)
    }

    /// The same for a resource, which the cluster may not have.
    fn refusal_at(&self, tasks: &[usize], place: &Place) -> Refusal {
        let records: Vec<&TaskRecord> = tasks.iter().map(|task| &self.evidence.tasks()[*task]).collect();
        let kinds = self.kinds();
        let is_served = kinds.is_empty() || kinds.contains_key(&(place.group.clone(), place.plural.clone()));
        answer::refusal(&records, &place.words(), is_served)
    }
}

/// Whether a line of the API server's health says that a check failed.
fn is_failed_check(line: &str) -> bool {
    line.starts_with("[-]")
}

/// Whether the evidence says what a task asked for, even if that is nothing.
pub(super) fn is_held(record: &TaskRecord) -> bool {
    record.outcome == Outcome::Empty || !record.entries.is_empty()
}

/// The namespace of an entry: by its path, where it may be shortened, or by the request.
pub(super) fn namespace_of<'a>(entry: &'a str, place: &'a Place) -> Option<&'a str> {
    // The object of a namespace itself lies beside the namespace's folder.
    let shown = entry.split_once("/namespaces/").and_then(|(_, rest)| rest.split_once('/'));
    shown.map(|(namespace, _)| namespace).or(place.namespace.as_deref())
}
