//! A task: one piece of evidence to get, as one request.

use super::{About, AnsweredBy, FindTask, QueryTask, Question, Resource, Right, SamplesTask};
use chrono::{DateTime, SecondsFormat, Utc};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

/// One piece of evidence to get from one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What to ask for.
    pub what: What,
    /// Whether a bundle without it is incomplete.
    pub required: bool,
}

/// A task, and why it needs no request, if it needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The task.
    pub task: Task,
    /// What became of it before anything was asked.
    pub without: Option<Without>,
}

/// Why a task is settled without a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Without {
    /// There is nothing to ask for, as what was seen so far shows.
    Absent(String),
    /// The user or the profile leaves it out.
    Skipped(String),
    /// What it takes to ask is not known, outermost cause first.
    Failed(Vec<String>),
}

impl From<Task> for Planned {
    fn from(task: Task) -> Self {
        Self { task, without: None }
    }
}

/// What a task asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The API server's version and clock.
    Version,
    /// What the API server serves.
    Discovery,
    /// All objects of a resource, in one namespace or over the cluster.
    List(ListTask),
    /// One object by name.
    Get(GetTask),
    /// One container's log.
    Log(LogTask),
    /// The logs that a node still has of pods that are gone.
    Left(LeftTask),
    /// One pod's metrics endpoint.
    Scrape(ScrapeTask),
    /// A Prometheus to ask.
    Prometheus(FindTask),
    /// One question to it.
    Query(QueryTask),
    /// The samples that the questions are about.
    Samples(SamplesTask),
    /// What else it knows.
    About(About),
    /// A whole kind of evidence that is left out, by the name that the user or the profile gives it.
    Kind(String),
}

/// See [`What::List`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTask {
    /// The resource.
    pub resource: Resource,
    /// The namespace; none lists over the cluster.
    pub namespace: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Whether to ask for metadata only.
    pub metadata_only: bool,
}

impl ListTask {
    /// Whether these are events, and not those of one object.
    #[must_use]
    pub fn is_of_events(&self) -> bool {
        self.resource.is("", "events") && self.fields.is_none()
    }

    /// The name of its table: that of the resource, and what tells a second list of it in the same namespace from
    /// the first, node events from those of pods.
    #[must_use]
    pub fn table(&self) -> String {
        let short = self.resource.short();
        match &self.fields {
            Some(fields) => format!("{short}-{}", fields.rsplit('=').next().unwrap_or_default()),
            None => short,
        }
    }

    /// Whether these are the pods of a node, of whom only what the node's description shows is kept.
    #[must_use]
    pub fn is_of_neighbours(&self) -> bool {
        self.resource.is("", "pods") && self.fields.is_some()
    }
}

/// See [`What::Get`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetTask {
    /// The resource.
    pub resource: Resource,
    /// The namespace, for a resource that has them.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// Whether to ask for metadata only.
    pub metadata_only: bool,
}

/// See [`What::Log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTask {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its UID when it was listed: a pod of the same name may take its place.
    pub uid: String,
    /// Whether its name can be given to another pod.
    pub name_is_reused: bool,
    /// The container.
    pub container: String,
    /// Whether the log of the run before the last restart is meant.
    pub previous: bool,
    /// Whether that of a run before that one, which was followed while it went on.
    pub past: bool,
    /// The node, where the pod has one.
    pub node: Option<String>,
    /// When the run that wrote this log started, where its status says so.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, where it has.
    pub ended: Option<DateTime<Utc>>,
    /// The start of the log asked for, to the second; none asks for the last `tail` lines.
    pub since: Option<DateTime<Utc>>,
    /// How many of the last lines are asked for.
    pub tail: Option<u32>,
    /// Where its files are on the node, if these are to be read in place of the newest one alone.
    pub files: Option<LogFiles>,
}

/// The files of a container's log on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// The path of their folder, by way of the API server, with a slash at its end.
    pub folder: String,
    /// The first of the container's runs that are meant, which count from 0.
    pub from_run: u32,
    /// The last of them; none for those that follow, too.
    pub to_run: Option<u32>,
    /// Whether the last of them was over, so that nothing more is written.
    pub is_over: bool,
}

/// The path of a node's folder of all its pods' logs, by way of the API server, with a slash at its end.
pub(super) fn node_logs(node: &str) -> String {
    format!("/api/v1/nodes/{node}/proxy/logs/pods/")
}

/// What a node calls a pod's folder in it.
#[must_use]
pub fn pod_folder(namespace: &str, pod: &str, uid: &str) -> String {
    format!("{namespace}_{pod}_{uid}")
}

impl LogTask {
    /// Whether its pod was gone before it could be listed, and its node still has the files.
    #[must_use]
    pub fn is_left(&self) -> bool {
        !self.previous && !self.past && self.files.as_ref().is_some_and(|files| files.is_over)
    }
}

/// See [`What::Left`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftTask {
    /// The node.
    pub node: String,
    /// UIDs of the pods that are there, also those that only their nodes know them by, or were followed.
    pub there: Arc<HashSet<String>>,
    /// Folders (`NAMESPACE_POD_UID`) of the workload's that are gone, as events tell. In a namespace that is
    /// the workload's own, all that are not there are meant.
    pub gone: Arc<BTreeSet<String>>,
}

/// See [`What::Scrape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTask {
    /// The endpoint's name in the profile.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The port.
    pub port: u16,
    /// The path, with its leading slash.
    pub path: String,
    /// Of the second of two, when it may be asked for at the earliest, by this machine's clock.
    pub not_before: Option<DateTime<Utc>>,
}

impl ScrapeTask {
    /// The same once more, not before this moment by this machine's clock.
    #[must_use]
    pub fn again(&self, not_before: DateTime<Utc>) -> Planned {
        let scrape = Self { not_before: Some(not_before), ..self.clone() };
        Task { what: What::Scrape(scrape), required: false }.into()
    }
}

/// The order of getting: what is gone first is got first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What all the rest is planned from.
    Ground,
    /// Events expire after an hour, and pods tell which logs there are.
    Volatile,
    /// Gone with the next restart, or within a minute of the pod's deletion.
    PreviousLog,
    /// Rotated away while we wait.
    CurrentLog,
    /// Still there in an hour.
    Lasting,
}

impl Task {
    /// A name that no other task of the same cluster has.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.what {
            What::Version => "version".to_owned(),
            What::Discovery => "discovery".to_owned(),
            What::List(list) => {
                let within = list.namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
                let fields = list.fields.as_deref().map(|fields| format!("?{fields}")).unwrap_or_default();
                format!("list/{within}{}{fields}", list.resource)
            }
            What::Get(get) => {
                let within = get.namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
                format!("get/{within}{}/{}", get.resource, get.name)
            }
            What::Log(log) => {
                let which = match log.started.filter(|_| log.past) {
                    Some(started) => format!("/{}", started.to_rfc3339_opts(SecondsFormat::Secs, true)),
                    // Others may have had its name, or have it by now.
                    None if log.is_left() => format!("/{}", log.uid),
                    None => if log.previous { "/previous" } else { "" }.to_owned(),
                };
                format!("log/{}/{}/{}{which}", log.namespace, log.pod, log.container)
            }
            What::Left(left) => format!("left/{}", left.node),
            What::Scrape(scrape) => {
                let second = if scrape.not_before.is_some() { "/second" } else { "" };
                format!("scrape/{}/{}/{}{second}", scrape.namespace, scrape.pod, scrape.name)
            }
            What::Prometheus(_) => "prometheus".to_owned(),
            What::Query(QueryTask { id, by: AnsweredBy::Objects, .. }) => format!("query/{id}/objects"),
            What::Query(query) => format!("query/{}", query.id),
            What::Samples(_) => "samples".to_owned(),
            What::About(about) => format!("prometheus/{}", about.word()),
            What::Kind(kind) => format!("kind/{kind}"),
        }
    }

    /// One word for the kind of evidence.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.what {
            What::Version => "version",
            What::Discovery => "discovery",
            What::List(_) => "list",
            What::Get(_) => "object",
            What::Log(log) if log.past => "past-log",
            What::Log(log) if log.previous => "previous-log",
            What::Log(log) if log.is_left() => "deleted-log",
            What::Log(_) => "log",
            What::Left(_) => "left-logs",
            What::Scrape(ScrapeTask { not_before: Some(_), .. }) => "second-scrape",
            What::Scrape(_) => "scrape",
            What::Prometheus(_) => "prometheus",
            What::Query(_) => "query",
            What::Samples(_) => "samples",
            What::About(about) => about.word(),
            What::Kind(_) => "kind",
        }
    }

    /// What it is about, as people say it.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.what {
            What::Version => "version of the API server".to_owned(),
            What::Discovery => "resources that are served".to_owned(),
            What::List(list) => list.resource.to_string(),
            What::Get(get) => format!("{}/{}", get.resource, get.name),
            What::Log(log) if log.past => format!("log of an earlier run of {}/{}", log.pod, log.container),
            What::Log(log) if log.previous => format!("previous log of {}/{}", log.pod, log.container),
            What::Log(log) if log.is_left() => format!("log of the deleted {}/{}", log.pod, log.container),
            What::Log(log) => format!("log of {}/{}", log.pod, log.container),
            What::Left(left) => format!("logs of deleted pods on {}", left.node),
            What::Scrape(scrape) => {
                let again = if scrape.not_before.is_some() { " once more" } else { "" };
                format!("{} of {}{again}", scrape.name, scrape.pod)
            }
            What::Prometheus(_) => "a Prometheus".to_owned(),
            What::Query(query) => format!("query {}", query.id),
            What::Samples(_) => "samples of the queries".to_owned(),
            What::About(about) => format!("{} of the Prometheus", about.word()),
            What::Kind(kind) => kind.clone(),
        }
    }

    /// The namespace asked, if one.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match &self.what {
            What::Version | What::Discovery | What::Left(_) | What::Kind(_) => None,
            What::Prometheus(_) | What::Query(_) | What::Samples(_) | What::About(_) => None,
            What::List(list) => list.namespace.as_deref(),
            What::Get(get) => get.namespace.as_deref(),
            What::Log(log) => Some(&log.namespace),
            What::Scrape(scrape) => Some(&scrape.namespace),
        }
    }

    /// The path and query that is sent, without what paging adds; that of a question without where the
    /// Prometheus is.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.what {
            What::Version => "/version".to_owned(),
            What::Discovery => "/apis".to_owned(),
            What::List(list) => {
                let path = list.resource.path(list.namespace.as_deref());
                let selectors = [("labelSelector", &list.labels), ("fieldSelector", &list.fields)];
                with_query(path, selectors.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))))
            }
            What::Get(get) => format!("{}/{}", get.resource.path(get.namespace.as_deref()), get.name),
            What::Log(log) => {
                let path = format!("/api/v1/namespaces/{}/pods/{}/log", log.namespace, log.pod);
                let since = log.since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true));
                let query = [
                    Some(("container", log.container.clone())),
                    Some(("timestamps", "true".to_owned())),
                    log.previous.then(|| ("previous", "true".to_owned())),
                    since.map(|since| ("sinceTime", since)),
                    log.tail.map(|tail| ("tailLines", tail.to_string())),
                ];
                with_query(path, query.into_iter().flatten())
            }
            What::Left(left) => node_logs(&left.node),
            What::Scrape(scrape) => {
                let ScrapeTask { namespace, pod, scheme, port, path, .. } = scrape;
                // The API server's proxy takes http where no scheme is said.
                let scheme = if *scheme == "https" { "https:" } else { "" };
                format!("/api/v1/namespaces/{namespace}/pods/{scheme}{pod}:{port}/proxy{path}")
            }
            What::Prometheus(FindTask { named: None, .. }) => "/api/v1/services".to_owned(),
            What::Prometheus(find) => find.ours.path(),
            What::Query(query) => query.question.path(),
            What::Samples(samples) => samples.questions.first().map(Question::path).unwrap_or_default(),
            What::About(about) => about.path().to_owned(),
            What::Kind(_) => String::new(),
        }
    }

    /// The request as a person would repeat it.
    #[must_use]
    pub fn request(&self) -> String {
        match &self.what {
            What::Kind(_) => String::new(),
            What::Query(QueryTask { by: AnsweredBy::Scrapes | AnsweredBy::Objects, .. }) => String::new(),
            What::Samples(SamplesTask { questions, .. }) if questions.is_empty() => String::new(),
            _ => format!("GET {}", self.path()),
        }
    }

    /// The right that the request needs; none where every authenticated user has it.
    #[must_use]
    pub fn right(&self) -> Option<Right> {
        let right = |namespace: Option<&str>, group: &str, resource: &str, verb, name: Option<&str>| {
            Some(Right {
                namespace: namespace.map(str::to_owned),
                group: group.to_owned(),
                resource: resource.to_owned(),
                verb,
                name: name.map(str::to_owned),
            })
        };
        match &self.what {
            What::Version | What::Discovery | What::Kind(_) => None,
            // Which service it is behind is known when it is found.
            What::Query(_) | What::Samples(_) | What::About(_) => None,
            What::Prometheus(find) => find.named.is_none().then(|| right(None, "", "services", "list", None)).flatten(),
            What::List(ListTask { resource, namespace, .. }) => {
                right(namespace.as_deref(), &resource.group, &resource.plural, "list", None)
            }
            What::Get(GetTask { resource, namespace, name, .. }) => {
                // A namespace's own object lies, for RBAC, in that namespace.
                let within = if resource.is("", "namespaces") { Some(name.as_str()) } else { namespace.as_deref() };
                right(within, &resource.group, &resource.plural, "get", Some(name))
            }
            What::Log(log) => right(Some(&log.namespace), "", "pods/log", "get", None),
            What::Left(_) => Some(Right::of_node_files()),
            What::Scrape(scrape) => right(Some(&scrape.namespace), "", "pods/proxy", "get", None),
        }
    }

    /// When its turn is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match &self.what {
            What::Version | What::Discovery => Priority::Ground,
            What::List(list)
                if list.resource.group.is_empty()
                    && ["pods", "events"].contains(&list.resource.plural.as_str())
                    && !list.is_of_neighbours() =>
            {
                Priority::Volatile
            }
            What::Log(log) if log.previous || log.is_left() => Priority::PreviousLog,
            What::Left(_) => Priority::PreviousLog,
            What::Log(_) => Priority::CurrentLog,
            _ => Priority::Lasting,
        }
    }

    /// Longest time it may take; a log, a search and samples have the whole run's. A list sees to its own, so
    /// that what came in that time is kept, and a scrape, which may have a time to wait for.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        match &self.what {
            What::Log(_) | What::List(_) | What::Left(_) | What::Samples(_) | What::Scrape(_) => None,
            // Twice as long as a Prometheus itself gives it, for it waits for its turn; and as long as those take
            // that are asked.
            What::Query(_) | What::About(_) => Some(Duration::from_secs(240)),
            What::Prometheus(_) => Some(Duration::from_secs(90)),
            _ => Some(Duration::from_secs(30)),
        }
    }

    /// The node whose kubelet serves it.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match &self.what {
            What::Log(log) => log.node.as_deref(),
            What::Left(left) => Some(&left.node),
            _ => None,
        }
    }
}

fn with_query(path: String, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}
