//! Descriptions are what kubectl prints of the same objects, to the byte: of every incident, of the
//! node, and of objects of every form. What may differ is in [`KNOWN`], and in docs/DESCRIBE.md.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, incidents, kubeconfig, kubectl, kubectl_text},
    tool::collect,
};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::BundleReader,
    describe,
    replay::{self, Replay},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

/// How often what differs is looked at again: the cluster goes on while two programs look at it.
const ROUNDS: usize = 8;
/// Objects that one run of kubectl describes.
const BATCH: usize = 60;

/// An object as `kubectl describe` takes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    kind: String,
    namespace: Option<String>,
    /// `deployments.apps/name`.
    argument: String,
    metadata_only: bool,
}

/// What kubectl printed, and when it was asked and had answered.
struct Printed {
    text: String,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
}

/// A bundle to describe from, part by part as a collection does.
pub(crate) struct Describer {
    parts: Vec<(Replay, BTreeMap<Object, replay::Object>)>,
}

impl Describer {
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let reader = BundleReader::open(&bundle.path).expect("a bundle");
        let cluster = reader.manifest().clusters[0].name.clone();
        let replay = Replay::to_describe(Arc::new(reader), &cluster);
        let named = |object| (Object::of(&object), object);
        let parts = replay.parts().map(|part| {
            let objects = part.objects().into_iter().map(named).collect();
            (part, objects)
        });
        Self { parts: parts.collect() }
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.parts.iter().flat_map(|(_, objects)| objects.keys())
    }

    /// These objects, or all of them, as of `now`.
    pub(crate) fn texts(&self, these: Option<&[&Object]>, now: DateTime<Utc>) -> BTreeMap<Object, String> {
        let found = Mutex::new(BTreeMap::new());
        for (part, objects) in &self.parts {
            let wanted = objects.iter().filter(|(object, _)| these.is_none_or(|these| these.contains(object)));
            let wanted: Vec<_> = wanted.map(|(_, object)| object.clone()).collect();
            describe::each(part, &wanted, now, |one| {
                found.lock().expect("no panic").insert(Object::of(&one.object), one.text);
            });
        }
        found.into_inner().expect("no panic")
    }
}

impl Object {
    fn of(object: &replay::Object) -> Self {
        let resource = &object.resource;
        let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
        Self {
            kind: resource.kind.clone(),
            namespace: object.namespace.clone(),
            argument: format!("{}{group}/{}", resource.plural, object.name),
            metadata_only: object.metadata_only,
        }
    }
}

/// What kubectl prints of objects of one namespace, in one run or one by one.
fn printed(namespace: Option<&str>, objects: &[&Object]) -> Vec<Option<Printed>> {
    let mut command = Command::new("kubectl-describe");
    // Of several objects it shows none, unless told to.
    command
        .arg("--kubeconfig")
        .arg(kubeconfig())
        .args(["describe", "--show-events=true"])
        .env("TZ", "UTC")
        .env_remove("KUBECONFIG");
    command.args(namespace.map(|namespace| ["-n", namespace]).into_iter().flatten());
    command.args(objects.iter().map(|object| &object.argument));
    let began = Utc::now();
    let done = command.output().expect("`tests/cluster/build kubectl-describe` makes it; it must be in PATH");
    let ended = Utc::now();
    let texts = String::from_utf8_lossy(&done.stdout).into_owned();
    // An empty line, and one for the end of the one before.
    let texts: Vec<&str> = texts.split("\n\n\nName:").collect();
    if texts.len() != objects.len() || !done.status.success() {
        let one_by_one = objects.iter().map(|object| printed(namespace, &[*object]).pop().flatten());
        return if objects.len() > 1 { one_by_one.collect() } else { vec![None] };
    }
    let last = texts.len() - 1;
    let whole = |(at, text): (usize, &str)| {
        let (begin, end) = (if at > 0 { "Name:" } else { "" }, if at < last { "\n" } else { "" });
        Some(Printed { text: format!("{begin}{text}{end}"), began, ended })
    };
    texts.into_iter().enumerate().map(whole).collect()
}

/// Moments of a run of kubectl, near enough to each other that one of them prints the ages that it
/// did: some events' times have parts of a second, so that the whole second alone does not tell.
fn moments(printed: &Printed) -> impl Iterator<Item = DateTime<Utc>> + use<> {
    const APART: TimeDelta = TimeDelta::milliseconds(50);
    // All look at the same ones, so that what was printed together is described together.
    let first = printed.began.duration_trunc(APART).expect("a span that fits");
    let ended = printed.ended + APART;
    (0..).map(move |at| first + APART * at).take_while(move |at| *at <= ended)
}

/// What is left of comparing: objects that are equal by kind, and those that are not, with both texts.
#[derive(Default)]
struct Compared {
    equal: BTreeMap<String, usize>,
    differing: BTreeMap<Object, (String, String)>,
}

impl Compared {
    /// Compares until all is equal, or has differed for so many rounds. Objects that went away in
    /// between are not compared, and new ones are.
    fn of(mut gather: impl FnMut() -> Bundle, wanted: impl Fn(&Object) -> bool) -> Self {
        let mut equal = BTreeSet::new();
        let (mut differing, mut unseen) = (BTreeMap::new(), BTreeSet::new());
        for round in 0..ROUNDS {
            let bundle = gather();
            let describer = Describer::of(&bundle);
            let open: Vec<&Object> =
                describer.objects().filter(|object| wanted(object) && !equal.contains(*object)).collect();
            differing.clear();
            unseen.clear();
            let mut same = Vec::new();
            for group in open.chunk_by(|one, other| one.namespace == other.namespace) {
                for batch in group.chunks(if round == 0 { BATCH } else { 8 }) {
                    let theirs = printed(batch[0].namespace.as_deref(), batch);
                    let mut left: BTreeMap<&Object, Printed> = BTreeMap::new();
                    for (object, theirs) in batch.iter().zip(theirs) {
                        match theirs {
                            Some(theirs) => drop(left.insert(*object, theirs)),
                            None => drop(unseen.insert((*object).clone())),
                        }
                    }
                    let moments: BTreeSet<_> = left.values().flat_map(moments).collect();
                    for now in moments {
                        let these: Vec<&Object> = left.keys().copied().collect();
                        for (object, ours) in describer.texts(Some(&these), now) {
                            if left[&object].text == ours {
                                left.remove(&object);
                                differing.remove(&object);
                                same.push(object);
                            } else {
                                differing.insert(object.clone(), (ours, left[&object].text.clone()));
                            }
                        }
                        if left.is_empty() {
                            break;
                        }
                    }
                }
            }
            equal.extend(same);
            // What is known to differ does so in each round.
            let is_known =
                |(object, (ours, theirs)): (&Object, &(String, String))| known(object, ours, theirs).is_some();
            if unseen.is_empty() && differing.iter().all(is_known) {
                break;
            }
        }
        // In every round anew some may have gone between the two looks; none may stay unseen.
        assert!(unseen.is_empty(), "kubectl describes none of {unseen:?}");
        let mut compared = Self { differing, ..Self::default() };
        for object in equal {
            *compared.equal.entry(object.kind).or_default() += 1;
        }
        compared
    }

    fn add(&mut self, other: Self) {
        for (kind, count) in other.equal {
            *self.equal.entry(kind).or_default() += count;
        }
        self.differing.extend(other.differing);
    }

    /// Prints equal/total by kind, and panics at a difference that is not known, or of a kind that
    /// has to be equal.
    fn judge(self, what: &str, least: usize) {
        let mut total = self.equal.clone();
        let mut causes: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (object, (ours, theirs)) in &self.differing {
            *total.entry(object.kind.clone()).or_default() += 1;
            match known(object, ours, theirs) {
                Some(cause) => causes.entry(cause).or_default().push(object),
                None => unknown.push((object, first_difference(ours, theirs))),
            }
        }
        for (kind, total) in &total {
            eprintln!("{what}: {kind:28} {:4} of {total:4} equal", self.equal.get(kind).copied().unwrap_or_default());
        }
        for (cause, objects) in &causes {
            eprintln!("{what}: {} differ as known, {cause}", objects.len());
        }
        let sum: usize = total.values().sum();
        eprintln!("{what}: {} of {sum} equal", sum - self.differing.len());
        assert!(sum >= least, "{what}: only {sum} objects were compared");
        assert!(unknown.is_empty(), "{what}: {} differ:\n{}", unknown.len(), {
            let show = |(object, lines): &(&Object, String)| format!("--- {object:?}\n{lines}");
            unknown.iter().map(show).collect::<Vec<_>>().join("\n")
        });
    }
}

/// The lines around the first that is not the same.
fn first_difference(ours: &str, theirs: &str) -> String {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let at = ours.iter().zip(&theirs).position(|(one, other)| one != other).unwrap_or(ours.len().min(theirs.len()));
    let show = |lines: &[&str]| lines.iter().skip(at).take(4).map(|line| format!("      {line}\n")).collect::<String>();
    format!("  from line {}\n    ours\n{}    kubectl's\n{}", at + 1, show(&ours), show(&theirs))
}

/// Sorts that are not stable begin where insertion sort ends: <https://pkg.go.dev/sort>.
const STABLE: usize = 12;

/// Why an object may be described otherwise, if this is how it differs: a row of docs/DESCRIBE.md.
fn known(object: &Object, ours: &str, theirs: &str) -> Option<&'static str> {
    let differ = |sorted: &[&str]| {
        // All that differs is the order of these sections' lines, which are many.
        let parts = |text: &str| {
            let (mut section, mut rows) = ("", Vec::new());
            for line in text.lines() {
                // A message may have lines of its own; the events come last.
                if !line.starts_with(' ') && section != "Events" {
                    section = line.split(':').next().unwrap_or_default();
                }
                rows.push((section.to_owned(), line.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            let is_many = |section: &str| rows.iter().filter(|row| row.0 == section).count() > STABLE;
            let many: Vec<&str> = sorted.iter().copied().filter(|section| is_many(section)).collect();
            let (mut loose, fixed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| many.contains(&row.0.as_str()));
            loose.iter_mut().for_each(|row| row.1 = row.1.trim_start_matches("Tolerations: ").to_owned());
            loose.sort();
            (loose, fixed)
        };
        parts(ours) == parts(theirs)
    };
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = |text: &str| -> Vec<String> { text.lines().map(words).collect() };
    let sorted = |text: &str| {
        let mut lines = lines(text);
        lines.sort();
        lines
    };
    match object.kind.as_str() {
        // What is printed of the metadata, kubectl prints too, in the same order.
        _ if object.metadata_only => {
            let theirs = lines(theirs);
            let mut theirs = theirs.iter();
            let (of_metadata, _) = ours.split_once("\n\nOnly its metadata was collected.")?;
            let is_there = lines(of_metadata).iter().all(|line| theirs.any(|other| other == line));
            is_there.then_some("only metadata is collected")
        }
        // Such objects are compared as what redaction made of them.
        _ if has_token(ours) && !has_token(theirs) => Some("redaction"),
        "PodMetrics" if without_digits(ours) == without_digits(theirs) => Some("measured again"),
        "LimitRange" if sorted(ours) == sorted(theirs) => Some("the order of a map"),
        "ControllerRevision" if numbers(ours) == numbers(theirs) => Some("how fractions are written"),
        "ConfigMap" if ours.starts_with(&format!("The ConfigMap {} could not be described", name(object))) => {
            theirs.contains("\nBinaryData\n====\n").then_some("binary data is redacted")
        }
        _ if differ(&["Events", "Tolerations"]) => Some("a sort that is not stable"),
        _ => None,
    }
}

fn name(object: &Object) -> &str {
    object.argument.split_once('/').map_or("", |(_, name)| name)
}

/// Each word, and as a number if it is one.
fn numbers(text: &str) -> Vec<String> {
    let word = |word: &str| word.parse::<f64>().map_or_else(|_| word.to_owned(), |number| format!("{number:e}"));
    text.split_whitespace().map(word).collect()
}

fn has_token(text: &str) -> bool {
    let token = regex_automata::meta::Regex::new("<[a-z0-9-]+:[0-9a-f]{20}>").expect("a pattern");
    token.is_match(text)
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>().split_whitespace().collect()
}

/// Every row of the documentation is a cause, and every cause has its row.
#[test]
fn what_may_differ_is_documented() {
    let documented = include_str!("../../docs/DESCRIBE.md");
    let source = include_str!("describe.rs");
    let causes: BTreeSet<&str> = source
        .split("Some(\"")
        .skip(1)
        .chain(source.split("then_some(\"").skip(1))
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .filter(|cause| cause.contains(' ') || *cause == "redaction")
        .collect();
    let rows: BTreeSet<&str> =
        documented.lines().filter_map(|line| line.strip_prefix("| **")?.split("**").next()).collect();
    assert_eq!(rows, causes, "docs/DESCRIBE.md, and `known`");
}

/// What belongs to no namespace.
fn over_cluster(object: &Object) -> bool {
    object.namespace.is_none()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_node_is_described_as_kubectl_does() {
    let namespace = incidents().namespace("healthy");
    let gather = || collect(&["-n", namespace, "--node-neighbours", "--skip", "logs,scrapes"]).bundle();
    Compared::of(gather, |object| over_cluster(object) && object.kind != "Namespace").judge("node", 2);
}

/// A profile that takes everything in a namespace, and these nodes.
fn profile(namespace: &str, nodes: &[&str]) -> String {
    let resources = kubectl_text(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]);
    // Events come with what they are about, and the last two are not of the variety.
    let hidden = ["secrets", "configmaps", "events.events.k8s.io", "datas.data.spirl.com", "pods.metrics.k8s.io"];
    let resources = resources.lines().filter(|name| !hidden.contains(name));
    let mut objects: Vec<Value> = resources.map(|name| json!({ "resource": name })).collect();
    objects.push(json!({ "resource": "configmaps", "labels": "owner!=helm" }));
    if !nodes.is_empty() {
        objects.push(json!({ "resource": "nodes", "names": nodes }));
    }
    let select = json!({ "labels": ["app"], "namespaces": [namespace] });
    // JSON is YAML.
    json!({ "name": "all", "version": 1, "select": select, "objects": objects }).to_string()
}

const VARIETY: &str = "variety";

fn variety(verb: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/variety").join(verb);
    let done = Command::new(&script).output().expect("python3 runs it");
    assert!(done.status.success(), "{verb}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn objects_of_every_form_are_described_as_kubectl_does() {
    variety("apply");
    let nodes = kubectl_text(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]);
    let nodes: Vec<&str> = nodes.split_whitespace().filter(|name| name.starts_with("variety-")).collect();
    assert!(nodes.len() > 10, "the nodes of the variety are {nodes:?}");
    let wanted = |object: &Object| object.namespace.as_deref() == Some(VARIETY) || object.kind == "Node";
    Compared::of(gather_all(VARIETY, &nodes), wanted).judge("variety", 300);
    variety("delete");
}

/// Collects everything in a namespace, and these nodes.
fn gather_all(namespace: &str, nodes: &[&str]) -> impl FnMut() -> Bundle + use<> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("profile.yaml");
    std::fs::write(&path, profile(namespace, nodes)).expect("a profile");
    let namespace = namespace.to_owned();
    move || {
        // Owned here, so that the profile is there as long as this is.
        let path = folder.path().join("profile.yaml");
        collect(&["-n", &namespace, "--profile", &path.to_string_lossy(), "--node-neighbours", "--skip", "logs"])
            .bundle()
    }
}

const TWINS: &str = "escalate-twins";

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn what_redaction_has_made_is_described_as_kubectl_does() {
    let mut made = Made::default();
    made.add(&["namespace", TWINS]);
    apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": TWINS } }).to_string());
    let twins = redacted_twins();
    let compared = Compared::of(gather_all(TWINS, &[]), |object| object.argument.contains("/twin-"));
    for (kind, count) in twins {
        let equal = compared.equal.get(&kind).copied().unwrap_or_default();
        assert!(equal >= count, "{equal} of {count} redacted {kind}s are equal");
    }
    compared.judge("redacted", 4);
}

/// What redaction has made of the objects of the incident `planted`, applied, so that kubectl describes
/// the very objects that we do. Returns how many there are of each kind.
fn redacted_twins() -> BTreeMap<String, usize> {
    let bundle = collect(&["-n", incidents().namespace("planted"), "--skip", "logs,scrapes"]).bundle();
    let mut twins = BTreeMap::new();
    for resource in ["pods", "replicasets", "deployments", "configmaps"] {
        let ending = format!("/{resource}.json");
        let table: Value = serde_json::from_slice(bundle.file(&ending)).expect("a table");
        for row in table["rows"].as_array().expect("rows") {
            let object = &row["object"];
            let path = if resource == "pods" { "pod".to_owned() } else { name_of(object).to_owned() };
            let record = bundle.manifest["entries"].as_array().expect("entries").iter().find(|entry| {
                let at = text(&entry["path"]);
                at.ends_with(&format!("/{path}.yaml")) && at.contains(&format!("/{resource}/"))
            });
            if record.is_some_and(|record| record["redactions"].as_object().is_some_and(|rules| !rules.is_empty())) {
                apply_twin(object);
                *twins.entry(text(&object["kind"]).to_owned()).or_default() += 1;
            }
        }
    }
    assert!(twins.len() >= 3, "secrets were planted in {twins:?} alone");
    twins
}

fn name_of(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

fn apply_twin(object: &Value) {
    let mut twin = object.clone();
    let (name, kind) = (format!("twin-{}", name_of(object)), text(&object["kind"]).to_lowercase());
    let metadata = &object["metadata"];
    twin["metadata"] = json!({
        "name": name, "namespace": TWINS, "labels": metadata["labels"], "annotations": metadata["annotations"],
    });
    let status = twin.as_object_mut().and_then(|twin| twin.remove("status"));
    // On a node it would run, and its account is not here.
    let spec = if kind == "pod" { "/spec" } else { "/spec/template/spec" };
    if let Some(spec) = twin.pointer_mut(spec).and_then(Value::as_object_mut) {
        for field in ["nodeName", "serviceAccount", "serviceAccountName"] {
            spec.remove(field);
        }
        spec.insert("automountServiceAccountToken".to_owned(), false.into());
        spec.insert("schedulerName".to_owned(), "nobody".into());
    }
    apply(&twin.to_string());
    if let Some(status) = status {
        let patch = json!({ "status": status }).to_string();
        kubectl(&["patch", &kind, &name, "-n", TWINS, "--subresource=status", "--type=merge", "-p", &patch]);
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_object_of_every_incident_is_described_as_kubectl_does() {
    let mut compared = Compared::default();
    for (_, namespace) in incidents().all() {
        let gather = || collect(&["-n", namespace, "--node-neighbours", "--skip", "logs,scrapes"]).bundle();
        // The node is the same for all.
        compared.add(Compared::of(gather, |object| object.namespace.as_deref() == Some(namespace)));
    }
    compared.judge("incidents", 450);
}
