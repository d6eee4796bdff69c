//! Owns every path in the bundle: what a file is called, and how names are written that are too long, or that some file
//! system does not accept.
//!
//! A name that is safe everywhere is used as it is. Any other name is changed and gets `~` and ten hex digits of its
//! SHA-256, so two names never share a path. For that reason, a name that contains `~` counts as unsafe. So does one
//! with upper-case letters, because many file systems do not distinguish `A` from `a`. Paths are shortened to
//! [`MAX_PATH`] once, when the bundle's own name is known (`final_paths`).

use super::{
    error::BundleError,
    names::{compact, segment},
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, fmt, sync::Arc};

mod shortening;

pub use super::names::MAX_PATH;
pub(super) use shortening::{Shortening, candidates};

/// Longest path an entry may have before shortening. Names in Kubernetes have at most 253
/// characters and a path has at most five of them.
const MAX_RAW: usize = 2048;

/// Path of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Path of the README.
pub const README: &str = "README.txt";
/// Path of the report for a browser.
pub const REPORT_HTML: &str = "report.html";
/// Path of the report for a ticket.
pub const REPORT_MD: &str = "report.md";
/// Path of the findings.
pub const FINDINGS: &str = "findings.json";
/// Path of the facts.
pub const FACTS: &str = "facts.json";
/// The folder of files of which an earlier bundle had another state.
pub const EARLIER: &str = "earlier";

/// The path of one file, relative to the bundle's folder: safe on every file system.
///
/// Two of them are equal if their paths are, whatever names they carry. Clones share both, because there are thousands.
#[derive(Clone, Debug)]
pub struct EntryPath(Arc<Named>);

#[derive(Debug)]
struct Named {
    path: Box<str>,
    /// Only a few, in thousands of paths, so not a map.
    names: Box<[(Box<str>, Box<str>)]>,
}

impl PartialEq for EntryPath {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EntryPath {}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::borrow::Borrow<str> for EntryPath {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl std::hash::Hash for EntryPath {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EntryPath {
    /// A path that is safe as it stands: `/` between segments, each safe on every file system, except that upper-case
    /// letters are allowed, because the caller chose them.
    ///
    /// # Errors
    /// [`BundleError::Path`] when it is not.
    pub fn new(path: &str) -> Result<Self, BundleError> {
        let refuse = |why: &str| BundleError::Path { path: path.to_owned(), why: why.to_owned() };
        if path.is_empty() {
            return Err(refuse("it is empty"));
        }
        if path.len() > MAX_RAW {
            return Err(refuse("it is longer than any path made of Kubernetes names"));
        }
        for part in path.split('/') {
            if let Some(why) = super::names::unsafe_because(part) {
                return Err(refuse(why));
            }
        }
        Ok(Self::of(path.to_owned(), BTreeMap::new()))
    }

    /// The same path, with the names that it was made from.
    pub(super) fn with_names(self, names: BTreeMap<String, String>) -> Self {
        Self::of(self.as_str().to_owned(), names)
    }

    fn of(path: String, names: BTreeMap<String, String>) -> Self {
        let names = names.into_iter().map(|(role, name)| (role.into(), name.into())).collect();
        Self(Arc::new(Named { path: path.into(), names }))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.path
    }

    /// Full names of everything the path names: role (`cluster`, `namespace`, `pod`, …) → name.
    #[must_use]
    pub fn names(&self) -> BTreeMap<String, String> {
        self.0.names.iter().map(|(role, name)| (role.to_string(), name.to_string())).collect()
    }

    /// The full name in one role.
    pub(super) fn name(&self, role: &str) -> Option<&str> {
        self.0.names.iter().find(|name| &*name.0 == role).map(|(_, name)| &**name)
    }

    /// The full names that `settled`, the path in the zip, does not show: the value of
    /// [`super::format::EntryRecord::names`].
    #[must_use]
    pub fn changed_names(&self, settled: &str) -> BTreeMap<String, String> {
        let shown = |name: &str| {
            settled
                .split('/')
                .any(|part| part.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        };
        let hidden = self.0.names.iter().filter(|(_, name)| !shown(name));
        hidden.map(|(role, name)| (role.to_string(), name.to_string())).collect()
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for EntryPath {
    fn as_ref(&self) -> &str {
        &self.0.path
    }
}

/// Puts a path together and remembers the full names that went in.
struct Maker {
    path: String,
    names: BTreeMap<String, String>,
}

impl Maker {
    fn root() -> Self {
        Self { path: String::new(), names: BTreeMap::new() }
    }

    fn cluster(cluster: &str) -> Self {
        Self::root().fixed("clusters").name("cluster", cluster, "")
    }

    /// Below the namespace, or below the cluster for resources without namespaces.
    fn scope(cluster: &str, namespace: Option<&str>) -> Self {
        let at = Self::cluster(cluster);
        match namespace {
            Some(ns) => at.fixed("namespaces").name("namespace", ns, ""),
            None => at,
        }
    }

    fn pod(cluster: &str, namespace: &str, pod: &str) -> Self {
        Self::scope(cluster, Some(namespace)).fixed("pods").name("pod", pod, "")
    }

    fn push(&mut self, part: &str) {
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(part);
    }

    /// A segment that this program chose.
    fn fixed(mut self, part: &str) -> Self {
        self.push(part);
        self
    }

    /// A segment named by the cluster or the user, with an ending that this program chose.
    fn name(mut self, role: &str, name: &str, ending: &str) -> Self {
        let part = segment(name);
        self.push(&format!("{part}{ending}"));
        self.names.insert(role.to_owned(), name.to_owned());
        self
    }

    fn done(self) -> EntryPath {
        EntryPath::of(self.path, self.names)
    }
}

fn top(name: &str) -> EntryPath {
    Maker::root().fixed(name).done()
}

/// `manifest.json`.
#[must_use]
pub fn manifest() -> EntryPath {
    top(MANIFEST)
}

/// `README.txt`.
#[must_use]
pub fn readme() -> EntryPath {
    top(README)
}

/// `report.html`.
#[must_use]
pub fn report_html() -> EntryPath {
    top(REPORT_HTML)
}

/// `report.md`.
#[must_use]
pub fn report_md() -> EntryPath {
    top(REPORT_MD)
}

/// `findings.json`.
#[must_use]
pub fn findings() -> EntryPath {
    top(FINDINGS)
}

/// `facts.json`.
#[must_use]
pub fn facts() -> EntryPath {
    top(FACTS)
}

/// `notes/<n>.txt`, counted from 1: what the user said with the request.
#[must_use]
pub fn note(n: u32) -> EntryPath {
    Maker::root().fixed("notes").fixed(&format!("{n}.txt")).done()
}

/// `notes/attachments/<name>`: a file the user gave with the request. Only its last part counts.
#[must_use]
pub fn attachment(name: &str) -> EntryPath {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    Maker::root().fixed("notes").fixed("attachments").name("attachment", name, "").done()
}

/// `clusters/<cluster>/cluster.json`: version, context, region, clock skew.
#[must_use]
pub fn cluster_json(cluster: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("cluster.json").done()
}

/// `clusters/<cluster>/api/version.json`: what `/version` answered.
#[must_use]
pub fn api_version(cluster: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("api").fixed("version.json").done()
}

/// `clusters/<cluster>/api/<name>.txt`: what the API server reports about itself, as text.
#[must_use]
pub fn api_text(cluster: &str, name: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("api").name("document", name, ".txt").done()
}

/// `clusters/<cluster>/api/<document>.json`: a discovery document of the API server's root, such
/// as `api`, `apis`, or its aggregated form under a name of the caller's choice.
#[must_use]
pub fn api_document(cluster: &str, document: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("api").name("document", document, ".json").done()
}

/// What discovery answered for one group and version:
/// `clusters/<cluster>/api/groups/<group>/<version>.json`, the core group (`""`) as `core`.
#[must_use]
pub fn api_discovery(cluster: &str, group: &str, version: &str) -> EntryPath {
    let at = Maker::cluster(cluster).fixed("api").fixed("groups");
    let at = if group.is_empty() { at.fixed("core") } else { at.name("group", group, "") };
    at.name("version", version, ".json").done()
}

/// `clusters/<cluster>/nodes/<node>.yaml`.
#[must_use]
pub fn node_yaml(cluster: &str, node: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("nodes").name("node", node, ".yaml").done()
}

/// `clusters/<cluster>/nodes/<node>.describe.txt`.
#[must_use]
pub fn node_describe(cluster: &str, node: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("nodes").name("node", node, ".describe.txt").done()
}

/// `clusters/<cluster>/namespaces/<ns>/<resource>.json`: the Table the API server rendered, with its objects;
/// `clusters/<cluster>/<resource>.json` for resources without namespaces. The caller distinguishes resources with the
/// same name in two groups: `<resource>.<group>`.
#[must_use]
pub fn resource_table(cluster: &str, namespace: Option<&str>, resource: &str) -> EntryPath {
    Maker::scope(cluster, namespace).name("resource", resource, ".json").done()
}

/// `clusters/<cluster>/namespaces/<ns>/<resource>.txt`: as `kubectl get -o wide` prints it.
#[must_use]
pub fn table_text(cluster: &str, namespace: Option<&str>, resource: &str) -> EntryPath {
    Maker::scope(cluster, namespace).name("resource", resource, ".txt").done()
}

/// `clusters/<cluster>/namespaces/<ns>/<resource>/<name>.yaml`, or
/// `clusters/<cluster>/<resource>/<name>.yaml` of what has no namespace.
#[must_use]
pub fn object_yaml(cluster: &str, namespace: Option<&str>, resource: &str, name: &str) -> EntryPath {
    let at = Maker::scope(cluster, namespace).name("resource", resource, "");
    at.name("name", name, ".yaml").done()
}

/// `clusters/<cluster>/namespaces/<ns>/<resource>/<name>.describe.txt`, or
/// `clusters/<cluster>/<resource>/<name>.describe.txt` of what has no namespace.
#[must_use]
pub fn object_describe(cluster: &str, namespace: Option<&str>, resource: &str, name: &str) -> EntryPath {
    let at = Maker::scope(cluster, namespace).name("resource", resource, "");
    at.name("name", name, ".describe.txt").done()
}

/// `…/pods/<pod>/pod.yaml`.
#[must_use]
pub fn pod_yaml(cluster: &str, namespace: &str, pod: &str) -> EntryPath {
    Maker::pod(cluster, namespace, pod).fixed("pod.yaml").done()
}

/// `…/pods/<pod>/describe.txt`.
#[must_use]
pub fn pod_describe(cluster: &str, namespace: &str, pod: &str) -> EntryPath {
    Maker::pod(cluster, namespace, pod).fixed("describe.txt").done()
}

/// `…/pods/<pod>/logs/<container>.log`, or `<container>.previous.log` for the previous run.
#[must_use]
pub fn pod_log(cluster: &str, namespace: &str, pod: &str, container: &str, previous: bool) -> EntryPath {
    log(cluster, namespace, pod, container, if previous { ".previous.log" } else { ".log" })
}

/// `…/pods/<pod>/logs/<container>.<start>.log`: the log of a run that ended while it was followed.
#[must_use]
pub fn past_log(cluster: &str, namespace: &str, pod: &str, container: &str, started: DateTime<Utc>) -> EntryPath {
    log(cluster, namespace, pod, container, &format!(".{}.log", compact(started)))
}

/// `…/pods/<pod>/logs/<container>.<UID>.log`: the log of a pod that was deleted, whose name other pods may have had.
#[must_use]
pub fn deleted_log(cluster: &str, namespace: &str, pod: &str, container: &str, uid: &str) -> EntryPath {
    log(cluster, namespace, pod, container, &format!(".{uid}.log"))
}

fn log(cluster: &str, namespace: &str, pod: &str, container: &str, ending: &str) -> EntryPath {
    Maker::pod(cluster, namespace, pod).fixed("logs").name("container", container, ending).done()
}

/// `earlier/<start>/…`: a file of the bundle that this one completes, which has changed since; `earlier/<start>-<n>/…`
/// from the second such folder on.
///
/// # Errors
/// [`BundleError::Path`] if it is not a path that this program writes.
pub fn earlier(started: DateTime<Utc>, n: u32, path: &EntryPath) -> Result<EntryPath, BundleError> {
    let n = if n > 1 { format!("-{n}") } else { String::new() };
    let moved = EntryPath::new(&format!("{EARLIER}/{}{n}/{path}", compact(started)))?;
    Ok(moved.with_names(path.names()))
}

/// `clusters/<cluster>/metrics/scrapes/<ns>/<pod>.<n>.prom`, counted from 0.
#[must_use]
pub fn scrape(cluster: &str, namespace: &str, pod: &str, n: u32) -> EntryPath {
    let at = Maker::cluster(cluster).fixed("metrics").fixed("scrapes");
    at.name("namespace", namespace, "").name("pod", pod, &format!(".{n}.prom")).done()
}

/// `clusters/<cluster>/metrics/queries/<id>.json`.
#[must_use]
pub fn query(cluster: &str, id: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").fixed("queries").name("query", id, ".json").done()
}

/// `clusters/<cluster>/metrics/queries/<id>.objects.json`: answered by what objects state, if no Prometheus has a
/// value.
#[must_use]
pub fn query_of_objects(cluster: &str, id: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").fixed("queries").name("query", id, ".objects.json").done()
}

/// `clusters/<cluster>/metrics/prometheus.json`: the Prometheus servers found, and which was chosen.
#[must_use]
pub fn prometheus(cluster: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").fixed("prometheus.json").done()
}

/// `clusters/<cluster>/metrics/<word>.json`: what else the Prometheus has.
#[must_use]
pub fn about(cluster: &str, word: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").name("what", word, ".json").done()
}

/// `clusters/<cluster>/metrics/queries.txt`.
#[must_use]
pub fn queries_text(cluster: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").fixed("queries.txt").done()
}

/// `clusters/<cluster>/metrics/samples.openmetrics`.
#[must_use]
pub fn samples(cluster: &str) -> EntryPath {
    Maker::cluster(cluster).fixed("metrics").fixed("samples.openmetrics").done()
}

/// Whether an entry of this path, with these of its names not to be read off it, is a container's log.
pub(super) fn is_log(path: &str, names: &BTreeMap<String, String>) -> bool {
    path.ends_with(".log") && (later(path).starts_with("clusters/") || names.contains_key("container"))
}

/// The path that a file of an earlier bundle had there.
fn later(path: &str) -> &str {
    let moved = path.strip_prefix(EARLIER).and_then(|rest| rest.strip_prefix('/'));
    moved.and_then(|rest| rest.split_once('/')).map_or(path, |(_, rest)| rest)
}

/// Whether an entry with this path is a description.
pub(super) fn is_description(path: &str) -> bool {
    later(path).starts_with("clusters/") && (path.ends_with(".describe.txt") || path.ends_with("/describe.txt"))
}

/// The table that has the object with this path, if it was listed.
pub(super) fn table_of(path: &str) -> Option<String> {
    let pods = path.strip_suffix("/pod.yaml").and_then(|pod| pod.rsplit_once('/'));
    let (resource, _) = match pods {
        Some((pods, pod)) if pods.ends_with("/pods") => (pods, pod),
        _ => path.strip_suffix(".yaml")?.rsplit_once('/')?,
    };
    later(resource).starts_with("clusters/").then(|| format!("{resource}.json"))
}
