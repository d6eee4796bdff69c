//! Which task would have got what: tasks by the paths of their requests.

use super::{request::ListQuery, select::Fields};
use crate::bundle::TaskRecord;
use std::collections::HashMap;

/// A resource, in a namespace or over the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
    pub(super) plural: String,
}

impl Place {
    pub(super) fn new(group: &str, version: &str, namespace: Option<&str>, plural: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.map(str::to_owned),
            plural: plural.to_owned(),
        }
    }

    /// Reads the path of a list or of one object, which comes with its name.
    fn read(path: &str) -> Option<(Self, Option<&str>)> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return None,
        };
        let (namespace, rest) = match *rest {
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, rest),
        };
        match *rest {
            [plural] => Some((Self::new(group, version, namespace, plural), None)),
            [plural, name] => {
                let name = path.rsplit('/').next().filter(|last| *last == name)?;
                Some((Self::new(group, version, namespace, plural), Some(name)))
            }
            _ => None,
        }
    }

    pub(super) fn path(&self, name: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        let within = self.namespace.as_deref().map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        let name = name.map(|name| format!("/{name}")).unwrap_or_default();
        format!("{root}{within}/{}{name}", self.plural)
    }

    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(super) fn words(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} of namespace {namespace}", self.resource()),
            None => format!("{} over the cluster", self.resource()),
        }
    }

    pub(super) fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.resource())
    }
}

/// A task that lists.
struct Listed {
    namespace: Option<String>,
    /// What it was cut to; a label selector is what was asked of the cluster and no cut of ours.
    fields: Fields,
    task: usize,
}

/// The tasks of one cluster.
#[derive(Default)]
pub(super) struct Index {
    lists: HashMap<(String, String), Vec<Listed>>,
    /// By the path of the request, without its query.
    paths: HashMap<String, usize>,
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
            // What there is a later state of is not answered with.
            if task.id.starts_with("earlier/") {
                continue;
            }
            let Some(request) = task.request.strip_prefix("GET ") else { continue };
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
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
                    let listed = Listed { namespace: place.namespace, fields, task: at };
                    index.lists.entry(key).or_default().push(listed);
                }
                kind => {
                    if let Some((place, Some(name))) = Place::read(path).filter(|_| kind == "object") {
                        let name = name.to_owned();
                        index.all.push((at, place, Some(name)));
                    }
                    index.paths.insert(path.to_owned(), at);
                }
            }
        }
        index
    }

    /// Discovery's entries are called by what they answered: `…/api/apis.json` is `/apis`.
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

    /// Every task that asked for objects, what for, and by which name if by one.
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

    pub(super) fn by_path(&self, path: &str) -> Option<usize> {
        self.paths.get(path).copied()
    }

    pub(super) fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<usize> {
        self.logs.get(&(namespace.to_owned(), pod.to_owned(), container.to_owned(), previous)).copied()
    }

    /// Whether a task asked for all pods of a node.
    pub(super) fn has_neighbours(&self, node: &str) -> bool {
        let pods = self.lists.get(&(String::new(), "pods".to_owned()));
        pods.into_iter().flatten().any(|list| list.fields.exactly("spec.nodeName") == Some(node))
    }

    /// The tasks that got what a list asks for, or should have. A task that was cut by fields has all
    /// of what is cut by the same and more; a list over the cluster is the sum of all there are.
    pub(super) fn covering(&self, place: &Place, query: &ListQuery) -> Vec<usize> {
        let Some(lists) = self.lists.get(&(place.group.clone(), place.plural.clone())) else { return Vec::new() };
        let within =
            |list: &&Listed| place.namespace.is_none() || list.namespace.is_none() || list.namespace == place.namespace;
        let covers = |list: &&Listed| query.fields.is_within(&list.fields);
        lists.iter().filter(within).filter(covers).map(|list| list.task).collect()
    }
}
