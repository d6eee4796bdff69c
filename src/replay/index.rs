//! Owns the index of a cluster's tasks: which of them asked, or would have asked, for what.

use super::{place::Place, request::ListQuery, selectors::FieldSelector};
use crate::bundle::TaskRecord;
use std::collections::HashMap;

/// A task that asked for a list.
struct ListTask {
    namespace: Option<String>,
    /// The field selector that it was asked with. A label selector is ignored: it selects the profile's workload.
    fields: FieldSelector,
    /// Its place in the evidence's tasks.
    task: usize,
}

/// The tasks of one cluster.
#[derive(Default)]
pub(super) struct Index {
    lists: HashMap<(String, String), Vec<ListTask>>,
    /// All other tasks with their query, by the path of the request.
    paths: HashMap<String, Vec<(String, usize)>>,
    /// By namespace, pod, container, and whether it is the previous log.
    logs: HashMap<(String, String, String, bool), usize>,
    version: Option<(usize, Option<String>)>,
    discovery: Option<usize>,
    documents: HashMap<String, (usize, String)>,
    all: Vec<(usize, Place, Option<String>)>,
}

impl Index {
    pub(super) fn of(tasks: &[TaskRecord], cluster: &str) -> Self {
        let mut index = Self::default();
        for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.cluster.as_deref() == Some(cluster)) {
            // Only the latest state of a thing is an answer.
            if task.id.starts_with("earlier/") {
                continue;
            }
            let Some(request) = task.request.strip_prefix("GET ") else { continue };
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            let asked = query;
            let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            match task.kind.as_str() {
                "version" => index.version = Some((at, task.entries.first().cloned())),
                "discovery" => index.discover(at, task),
                "log" | "previous-log" => {
                    let container = query.get("container").cloned().unwrap_or_default();
                    let pod = path.trim_end_matches("/log").rsplit('/').next().unwrap_or_default().to_owned();
                    let namespace = task.namespace.clone().unwrap_or_default();
                    index.logs.insert((namespace, pod, container, task.kind != "log"), at);
                }
                "list" => {
                    let Some((place, None)) = Place::read(path) else { continue };
                    index.all.push((at, place.clone(), None));
                    let fields = ListQuery::of(&query).fields;
                    let key = (place.group, place.plural);
                    let listed = ListTask { namespace: place.namespace, fields, task: at };
                    index.lists.entry(key).or_default().push(listed);
                }
                kind => {
                    if let Some((place, Some(name))) = Place::read(path).filter(|_| kind == "object") {
                        let name = name.to_owned();
                        index.all.push((at, place, Some(name)));
                    }
                    index.paths.entry(path.to_owned()).or_default().push((asked.to_owned(), at));
                }
            }
        }
        index
    }

    /// Reads what each entry of discovery answered from its name: `…/api/apis.json` is `/apis`.
    fn discover(&mut self, at: usize, task: &TaskRecord) {
        self.discovery = Some(at);
        for entry in &task.entries {
            let Some((_, rest)) = entry.rsplit_once("/api/").filter(|(before, _)| !before.contains("/api/groups"))
            else {
                continue;
            };
            let rest = rest.trim_end_matches(".json");
            let path = match rest.strip_prefix("groups/").map(|rest| rest.rsplit_once('/')) {
                Some(Some(("core", version))) => format!("/api/{version}"),
                Some(Some((group, version))) => format!("/apis/{group}/{version}"),
                _ => format!("/{rest}"),
            };
            self.documents.insert(path, (at, entry.clone()));
        }
    }

    /// Every task that asked for objects, where, and under which name, if it asked for one object.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Place, Option<&str>)> {
        (0..self.all.len()).map(|at| self.at(at))
    }

    /// One of [`Self::all`].
    pub(super) fn at(&self, at: usize) -> (usize, &Place, Option<&str>) {
        let (task, place, name) = &self.all[at];
        (*task, place, name.as_deref())
    }

    /// The task that asked for a document, and its entry.
    pub(super) fn document(&self, path: &str) -> Option<(usize, Option<&str>)> {
        if path == "/version" {
            return self.version.as_ref().map(|(task, entry)| (*task, entry.as_deref()));
        }
        match self.documents.get(path) {
            Some((task, entry)) => Some((*task, Some(entry))),
            None => self.discovery.map(|task| (task, None)),
        }
    }

    /// The last task with this request, or, where all tasks with its path had the same query, with that one.
    pub(super) fn by_path(&self, path: &str, query: &str) -> Option<usize> {
        let tasks = self.paths.get(path)?;
        let same = tasks.iter().rfind(|(asked, _)| asked == query);
        let last = tasks.last().filter(|(asked, _)| tasks.iter().all(|(other, _)| other == asked));
        same.or(last).map(|(_, task)| *task)
    }

    /// The task that asked for a log.
    pub(super) fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<usize> {
        self.logs.get(&(namespace.to_owned(), pod.to_owned(), container.to_owned(), previous)).copied()
    }

    /// Whether a task asked for all pods of a node.
    pub(super) fn has_neighbours(&self, node: &str) -> bool {
        let pods = self.lists.get(&(String::new(), "pods".to_owned()));
        pods.into_iter().flatten().any(|list| list.fields.exactly("spec.nodeName") == Some(node))
    }

    /// The tasks that asked for what a list selects. A task with a field selector has all that a narrower selector
    /// selects. A list over the cluster is made of those of all namespaces.
    pub(super) fn covering(&self, place: &Place, query: &ListQuery) -> Vec<usize> {
        let Some(lists) = self.lists.get(&(place.group.clone(), place.plural.clone())) else { return Vec::new() };
        let within = |list: &&ListTask| {
            place.namespace.is_none() || list.namespace.is_none() || list.namespace == place.namespace
        };
        let covers = |list: &&ListTask| query.fields.is_within(&list.fields);
        lists.iter().filter(within).filter(covers).map(|list| list.task).collect()
    }
}
